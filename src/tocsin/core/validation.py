"""Does the configuration make sense as a whole? References, names, time zones, rotations, steps, keys. Pure.

Every finding says what is wrong and how to mend it; the caller knows the file and line of the object it is about.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

from tocsin.core.audience import FIELDS, Channel
from tocsin.core.business_checks import business_hours_faults
from tocsin.core.checking import (
    Known,
    between,
    is_email,
    refer,
    refer_all,
    repeated,
    slug_faults,
    zone_faults,
)
from tocsin.core.configuration import (
    KINDS,
    LABELS,
    ContactMethod,
    EscalationPolicy,
    Integration,
    Schedule,
    Service,
    Team,
    User,
)
from tocsin.core.device import TYPE
from tocsin.core.newcomer import readiness_faults
from tocsin.core.oncall_checks import policy_faults, schedule_faults
from tocsin.core.planned import Heartbeat, Inhibition, MuteRule
from tocsin.core.planned_checks import heartbeat_faults, inhibition_faults, mute_faults
from tocsin.core.probe_checks import Measurer, probe_faults
from tocsin.core.room import Room
from tocsin.core.room_checks import Member, room_faults
from tocsin.core.shape import Fault, Path, short, unknown
from tocsin.core.spelling import WEEKDAYS
from tocsin.core.status_checks import announcement_faults, page_faults, second_page
from tocsin.core.status_page import StatusPage
from tocsin.core.tag import TagRule
from tocsin.core.tag_checks import rule_faults
from tocsin.core.update_checks import channel_faults, template_faults, wording_faults
from tocsin.core.update_template import UpdateTemplate
from tocsin.core.wording import WordingRule

_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")
LONGEST_BUNDLING = 600
"""Seconds that incidents may wait for each other on their way to one person."""
ENOUGH = 200
"""Findings after which no further object is looked at."""


class Setting(Protocol):
    """One field that a channel asks for (`plugins.channels.base.Field`)."""

    @property
    def name(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def kind(self) -> str: ...


class Carrier(Protocol):
    """What the checks need to know of a channel (`plugins.channels.base.Channel`)."""

    @property
    def fields(self) -> Sequence[Setting]: ...

    def problem(self, settings: Mapping[str, str]) -> str | None: ...


@dataclass(frozen=True)
class World:
    """What exists outside the configuration: channels and rooms by type, and the types of integrations."""

    channels: Mapping[str, Carrier]
    sources: Collection[str]
    rooms: Mapping[str, Member] = dataclasses.field(default_factory=dict)
    probes: Mapping[str, Measurer] = field(default_factory=dict)


class Finding(NamedTuple):
    """One problem: in the object at `place` of `kind` (or in the setting `kind`, place -1), at `path` within it.

    `first` is the (kind, place) of the object that it collides with, when there is one.
    """

    kind: str
    place: int
    path: Path
    message: str
    first: tuple[str, int] | None = None


def check(
    objects: Mapping[str, Sequence[Any]],
    world: World,
    *,
    default_escalation_policy: str | None = None,
    also_known: Known | None = None,
) -> list[Finding]:
    """Everything that is wrong with a whole configuration, given as lists per kind (keys of `configuration.KINDS`).

    `also_known` names objects that exist but could not be read, so that references to them are not held against anyone.
    """
    known = {kind: {o.id for o in objects.get(kind, ())} | set((also_known or {}).get(kind, ())) for kind in KINDS}
    found: list[Finding] = []
    for kind in KINDS:
        for index, one in enumerate(objects.get(kind, ())):
            if len(found) < ENOUGH:
                found += [Finding(kind, index, *fault) for fault in islice(_faults(one, known, world), ENOUGH)]
        found += _same_ids(kind, objects.get(kind, ()))
    found += _same_keys(objects.get("services", ()), objects.get("heartbeats", ()))
    found += [Finding("status_pages", *fault) for fault in second_page(objects.get("status_pages", ()))]
    found += [
        Finding("mutes", *fault)
        for fault in announcement_faults(objects.get("mutes", ()), objects.get("status_pages", ()))
    ]
    found += [
        Finding("default_escalation_policy", -1, *fault)
        for fault in refer(known, "escalation_policies", default_escalation_policy, ())
    ]
    return found


def _faults(one: Any, known: Known, world: World) -> Iterator[Fault]:
    yield from slug_faults(one.id, ("id",))
    match one:
        case User():
            yield from _user(one, world)
        case Team():
            yield from _team(one, known)
        case Schedule():
            yield from schedule_faults(one, known)
        case EscalationPolicy():
            yield from policy_faults(one, known)
        case Service():
            yield from _service(one, known, world)
        case Inhibition():
            yield from inhibition_faults(one)
        case MuteRule():
            yield from _mute(one, known)
        case Heartbeat():
            yield from refer(known, "services", one.service, ("service",))
            yield from zone_faults(one.time_zone, ("time_zone",))
            yield from heartbeat_faults(one)
        case Room():
            yield from refer_all(known, "services", one.services, ("services",))
            yield from room_faults(one, world.rooms)
        case Channel():
            yield from _channel(one, known, world)
        case UpdateTemplate():
            yield from template_faults(one)
        case TagRule():
            yield from rule_faults(one)
        case WordingRule():
            yield from wording_faults(one)
        case StatusPage():
            yield from zone_faults(one.time_zone, ("time_zone",))
            for position, component in enumerate(one.components):
                yield from slug_faults(component.id, ("components", position, "id"))
                yield from refer_all(known, "services", component.services, ("components", position, "services"))
            yield from page_faults(one)


# --- what must be unique among several ---------------------------------------------------------------------------------


def _same_ids(kind: str, objects: Sequence[Any]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, one in enumerate(objects):
        if first.setdefault(one.id, index) != index:
            message = f"the {LABELS[kind]} {short(one.id)} is defined twice: remove or rename one"
            yield Finding(kind, index, ("id",), message, (kind, first[one.id]))


def _same_keys(services: Sequence[Service], heartbeats: Sequence[Heartbeat]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, service in enumerate(services):
        for position, integration in enumerate(service.integrations):
            if integration.key in first:
                message = "another integration has this key: give each integration its own"
                path = ("integrations", position, "key")
                yield Finding("services", index, path, message, ("services", first[integration.key]))
            first.setdefault(integration.key, index)
    beats: dict[str, int] = {}
    for index, beat in enumerate(heartbeats):
        if beats.setdefault(beat.key, index) != index:
            message = "another heartbeat has this key: give each heartbeat its own"
            yield Finding("heartbeats", index, ("key",), message, ("heartbeats", beats[beat.key]))


# --- kind by kind -----------------------------------------------------------------------------------------------------


def _user(user: User, world: World) -> Iterator[Fault]:
    yield from zone_faults(user.time_zone, ("time_zone",))
    if user.email and not is_email(user.email):
        yield Fault(("email",), f"{short(user.email)} is not an e-mail address: write it like alice@example.com")
    methods = user.contact_methods
    for position, method in enumerate(methods):
        yield from _method(method, world, ("contact_methods", position))
    yield from repeated([m.id for m in methods], "contact method", ("contact_methods",))
    names = {m.id for m in methods}
    ruled = names | ({TYPE} & world.channels.keys())
    for urgency, rules in (("high", user.notification_rules.high), ("low", user.notification_rules.low)):
        for position, rule in enumerate(rules or ()):
            if rule.method not in ruled:
                path = ("notification_rules", urgency, position, "method")
                yield Fault(path, unknown("contact method", rule.method, ruled))
    yield from _comfort(user, world, names)


def _comfort(user: User, world: World, names: Collection[str]) -> Iterator[Fault]:
    """Quiet hours, bundling, limits, subscriptions."""
    if (quiet := user.quiet_hours) is not None:
        if not quiet.days:
            yield Fault(("quiet_hours", "days"), "quiet hours need days: name some, or leave days out for all seven")
        if quiet.start.minutes == 1440:
            yield Fault(
                ("quiet_hours", "from"), 'quiet hours cannot begin at 24:00: write from: "00:00" and the next day'
            )
        if quiet.start.minutes == quiet.end.minutes or (
            (quiet.start.minutes, quiet.end.minutes) == (0, 1440) and set(quiet.days) == set(WEEKDAYS)
        ):
            yield Fault(
                ("quiet_hours", "to"),
                "these quiet hours would never end, and low urgency never arrive: leave some time out",
            )
    if user.bundling.within > LONGEST_BUNDLING:
        yield Fault(
            ("bundling", "within"), f"{user.bundling.within} is too long to wait for company: write at most 10m"
        )
    for position, limit in enumerate(user.limits):
        path = ("limits", position)
        if limit.type not in world.channels:
            yield Fault((*path, "type"), unknown("type of contact method", limit.type, world.channels))
        yield from between(limit.count, 1, 1000, (*path, "count"))
        if not 60 <= limit.within <= 86400:
            yield Fault((*path, "within"), f"{limit.within} is out of range: write a duration from 1m to 1d")
    yield from repeated([limit.type for limit in user.limits], "limit for", ("limits",), "type")
    for position, name in enumerate(user.updates):
        if name not in names:
            yield Fault(("updates", position), unknown("contact method", name, names))
    yield from repeated(user.updates, "contact method", ("updates",), field=None)


def _channel(one: Channel, known: Known, world: World) -> Iterator[Fault]:
    yield from refer_all(known, "services", one.services, ("services",))
    wrong = list(channel_faults(one))
    fields = world.channels[one.type].fields if one.type in world.channels else ()
    wrong += [
        Fault((field.name,), f"the field {field.name!r} is missing: a channel of the type {one.type} needs it")
        for field in fields
        if field.required and field.name not in one.settings
    ]
    yield from wrong
    if not wrong and (channel := world.channels.get(one.type)) and (problem := channel.problem(one.settings)):
        field, colon, message = problem.partition(": ")
        yield Fault((field,) if colon and field in FIELDS[one.type] else (), message if colon else problem)


def _method(method: ContactMethod, world: World, path: Path) -> Iterator[Fault]:
    yield from slug_faults(method.id, (*path, "id"))
    channel = world.channels.get(method.type)
    if channel is None:
        yield Fault((*path, "type"), unknown("type of contact method", method.type, world.channels))
        return
    fields = {field.name: field for field in channel.fields}
    wrong = [
        Fault((*path, name), unknown(f"field of the contact method type {method.type}", name, ["id", "type", *fields]))
        for name in method.settings.keys() - fields.keys()
    ]
    wrong += [
        Fault((*path, name), f"the field {name!r} is missing: a {method.type} contact method needs it")
        for name, field in fields.items()
        if field.required and not method.settings.get(name)
    ]
    yield from wrong
    if not wrong and (problem := channel.problem(method.settings)):
        field, colon, message = problem.partition(": ")
        yield Fault((*path, field), message) if colon and field in fields else Fault(path, problem)


def _team(team: Team, known: Known) -> Iterator[Fault]:
    yield from refer_all(known, "users", team.members, ("members",))
    yield from repeated(team.members, "member", ("members",), field=None)
    yield from refer(known, "users", team.manager, ("manager",))
    if team.business_hours is not None:
        yield from business_hours_faults(team.business_hours, ("business_hours",))
    for position, item in enumerate(team.readiness or ()):
        yield from slug_faults(item.id, ("readiness", position, "id"))
    yield from readiness_faults(team.readiness or (), ("readiness",))


def _service(service: Service, known: Known, world: World) -> Iterator[Fault]:
    yield from refer(known, "teams", service.team, ("team",))
    yield from refer(known, "escalation_policies", service.escalation_policy, ("escalation_policy",))
    if service.tier is not None:
        yield from between(service.tier, 0, 9, ("tier",))
    yield from refer_all(known, "services", service.depends_on, ("depends_on",))
    yield from repeated(service.depends_on, "service", ("depends_on",), field=None)
    if service.id in service.depends_on:
        yield Fault(
            ("depends_on", service.depends_on.index(service.id)), "a service cannot depend on itself: remove it"
        )
    for position, integration in enumerate(service.integrations):
        yield from _integration(integration, world, ("integrations", position))
    yield from repeated([i.id for i in service.integrations], "integration", ("integrations",))
    for position, probe in enumerate(service.probes):
        yield from slug_faults(probe.id, ("probes", position, "id"))
        yield from probe_faults(probe, world.probes, ("probes", position))
    yield from repeated([probe.id for probe in service.probes], "probe", ("probes",))
    if service.grouping is not None and service.grouping.window == 0:
        yield Fault(("grouping", "window"), "a window of 0s groups nothing: write one like 5m, or leave grouping out")


def _mute(rule: MuteRule, known: Known) -> Iterator[Fault]:
    yield from refer(known, "services", rule.service, ("service",))
    yield from refer_all(known, "services", rule.services, ("services",))
    yield from refer(known, "teams", rule.team, ("team",))
    yield from zone_faults(rule.time_zone, ("time_zone",))
    yield from mute_faults(rule)


def _integration(integration: Integration, world: World, path: Path) -> Iterator[Fault]:
    yield from slug_faults(integration.id, (*path, "id"))
    if integration.type not in world.sources:
        yield Fault((*path, "type"), unknown("type of integration", integration.type, world.sources))
    if not _KEY.fullmatch(integration.key):
        yield Fault(
            (*path, "key"),
            "this key cannot be used: write 16 to 128 letters, digits, '-' or '_', hard to guess"
            " (for example the output of `openssl rand -hex 16`)",
        )
