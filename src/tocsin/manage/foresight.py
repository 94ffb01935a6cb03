"""What would become of a payload, or of an incident of a service, at a time: parsed by the real source, decided by the real rules.

Nothing here reads a database: the same functions serve a server and a file on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.core import severity as severities
from tocsin.core.alert import NoPage, group_key
from tocsin.core.calendar import LATEST
from tocsin.core.configuration import Service
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.escalation import PageReason, Rung
from tocsin.core.event import Event
from tocsin.core.inhibition import Causes, concerned, rules_of
from tocsin.core.mute import Mute
from tocsin.core.rehearsal import Rehearsal, RehearsalItem, foresee
from tocsin.core.severity import Severity
from tocsin.core.silencer import Silencer
from tocsin.core.spelling import Duration
from tocsin.core.window import next_window, scope
from tocsin.manage.lists import read_time, time_text
from tocsin.plugins.sources import registry

LONGEST = timedelta(days=31)
"""The longest span that is rehearsed."""

Muted = Callable[[Service, Event, datetime], "Quiet | None"]
"""Why an alert would page nobody at that time: a silence, a maintenance window, a cause that hides it. None: it would page."""


class Quiet(msgspec.Struct, frozen=True):
    """Something holds an alert back: what, and until when (None: nobody knows)."""

    sentence: str
    until: datetime | None


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to rehearse: a `service` (with `severity`), or a `payload` of a `source`, or a payload for a named service.

    `payload` is the body as JSON, or as text. `severity` counts more than the payload's own. `at` defaults to now. `answered` is after
    how long somebody acknowledges, like `5m` (left out: nobody does).
    """

    service: str | None = None
    source: str | None = None
    payload: Any = None
    severity: str | None = None
    at: str | None = None
    until: str | None = None
    answered: str | None = None


class Case(msgspec.Struct, frozen=True):
    """One incident that would open: what its alerts are, and what holds all of them back (None: nothing does)."""

    service: Service
    severity: Severity
    title: str
    alerts: int = 1
    held: Quiet | None = None


class Cases(msgspec.Struct, frozen=True):
    """Everything that a payload leads to. `hidden`: alerts that another one of the payload hides, in sentences."""

    cases: list[Case]
    hidden: list[str]


def rehearse(
    directory: Directory, question: Question, now: datetime, muted: Muted, rings: Collection[str] = ()
) -> dict[str, Any]:
    """`{"items", "next", "at", "until", "cases", "hidden"}`; items are `{at, user, method, step, tier, reason}` in order.

    A case: `{service, title, severity, urgency, policy, muted, sentence, rungs}` with rungs `{at, step, round, tier, people: [{user,
    name, reason, via}], nobody}`. `rings`: types of contact methods that ring. Raises Invalid.
    """
    at = read_time(question.at, "at") or now.astimezone(UTC)
    until = read_time(question.until, "until")
    if until is not None and until < at:
        raise Invalid("`until` lies before `at`: give a later time", "/until")
    if until is not None and until - at > LONGEST:
        raise Invalid(f"Rehearse at most {LONGEST.days} days at once", "/until")
    answered = _answered(question.answered)
    found: list[RehearsalItem] = []
    cases = []
    what = cases_of(directory, question, at, muted)
    for case in what.cases:
        view, items = _case(directory, case, at, until, rings, answered)
        cases.append(view)
        found += items
    found.sort(key=lambda item: item.at)
    return {
        "items": [item_view(item) for item in found],
        "next": None,
        "at": time_text(at),
        "until": time_text(until),
        "cases": cases,
        "hidden": what.hidden,
    }


def _answered(text: str | None) -> timedelta | None:
    try:
        return None if text is None else Duration.parse(text).delta
    except ValueError as error:
        raise Invalid(str(error), "/answered") from None


def item_view(item: RehearsalItem) -> dict[str, Any]:
    return {
        "at": time_text(item.at),
        "user": item.user,
        "method": item.method,
        "step": item.step,
        "tier": item.tier,
        "reason": item.reason,
    }


# --- what would open --------------------------------------------------------------------------------------------------


def cases_of(directory: Directory, question: Question, at: datetime, muted: Muted) -> Cases:
    """The incidents that a question is about. Raises Invalid."""
    chosen = None if question.severity is None else severities.parse(question.severity)
    if question.payload is None:
        if question.service is None:
            raise Invalid("Name a service, or give a payload with its source", "/service")
        service = service_of(directory, question.service)
        severity = chosen or Severity.SEV2
        title = f"{severity.name} incident of {service.label}"
        event = Event(action="trigger", dedup_key="rehearsal", title=title)
        return Cases([Case(service, severity, title, 1, muted(service, event, at))], [])
    service, events = _received(directory, question, at)
    triggers = [(event, muted(service, event, at)) for event in events if event.action == "trigger"]
    hidden = _hidden(directory, triggers)
    loud = [event for event, quiet in triggers if quiet is None and event.dedup_key not in hidden]
    cases = {key: _opened(service, group, chosen) for key, group in _groups(service, loud).items()}
    held = _groups(service, [event for event, quiet in triggers if quiet is not None])
    until = {event.dedup_key: quiet for event, quiet in triggers if quiet is not None}
    for key, group in held.items():
        if key not in cases:
            first = min((until[event.dedup_key] for event in group), key=lambda quiet: quiet.until or LATEST)
            cases[key] = msgspec.structs.replace(_opened(service, group, chosen), held=first)
    return Cases(list(cases.values()), list(hidden.values()))


def _opened(service: Service, group: Sequence[Event], chosen: Severity | None) -> Case:
    severity = chosen or min(severities.from_source(event.severity) for event in group)
    return Case(service, severity, group[0].title, len(group))


def _groups(service: Service, events: Iterable[Event]) -> dict[str, list[Event]]:
    """The alerts that open or join one incident, by what they have in common."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        key = group_key(service.grouping, event)
        groups.setdefault(f"alert {event.dedup_key}" if key is None else f"group {key}", []).append(event)
    return groups


def _hidden(directory: Directory, triggers: Sequence[tuple[Event, Quiet | None]]) -> dict[str, str]:
    """dedup key -> what hides it, for alerts that an inhibition hides while another one of the same payload fires."""
    rules = rules_of(directory)
    causes: Causes[int] = Causes(rules)
    found: dict[str, str] = {}
    for place in sorted(range(len(triggers)), key=lambda place: concerned(rules, triggers[place][0].labels)[1]):
        event, quiet = triggers[place]
        hidden = causes.of(event.labels) if quiet is None else None
        if hidden is not None:
            rule, cause = hidden
            found[event.dedup_key] = (
                f"{event.title!r} is hidden while {triggers[cause][0].title!r} fires (inhibition {rule.id}): it pages nobody."
            )
        causes.add(place, event.labels, hidden[1] if hidden else None)
    return found


def service_of(directory: Directory, id: str) -> Service:
    found = directory.services.get(id)
    if found is None:
        raise Invalid(f"There is no service {id!r}", "/service")
    return found


def _received(directory: Directory, question: Question, at: datetime) -> tuple[Service, list[Event]]:
    """The service that the payload is for, and what the source makes of it."""
    every = registry.sources()
    if question.source is None or question.source not in every:
        known = ", ".join(every)
        raise Invalid(f"{question.source!r} is not a source: name one of {known}", "/source")
    source = every[question.source]
    payload = question.payload
    body = payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
    parsed = source.parse(body, at)
    if parsed.refusal is not None:
        said = parsed.refusal.body.decode("utf-8", "replace").strip()
        raise Invalid(f"{source.label} refuses this payload: {said}", "/payload")
    return _addressee(directory, question, parsed.key, source.types), parsed.events


def _addressee(directory: Directory, question: Question, key: str, types: frozenset[str]) -> Service:
    """The named service; else the owner of the key in the payload; else the only service that takes such payloads."""
    if question.service is not None:
        return service_of(directory, question.service)
    if key in directory.integrations:
        return directory.integrations[key].service
    fitting = [s for s in directory.services.values() if any(i.type in types for i in s.integrations)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(service.id for service in fitting) or "none has an integration for it"
    raise Invalid(f"Which service is this payload for? Name one: {known}", "/service")


# --- what would hold it back -------------------------------------------------------------------------------------------


def planned(directory: Directory, at: datetime) -> list[Mute]:
    """The windows of planned mutes that are open at `at`."""
    found = []
    for rule in directory.mutes.values():
        window = next_window(rule, directory, at)
        if window is not None and window.start <= at:
            services = scope(rule, directory)
            found.append(
                Mute(
                    public_id="", service=services[0] if services else None, services=services, kind=rule.kind, rule=rule.id,
                    matchers=tuple(condition.matcher for condition in rule.matchers), starts_at=window.start,
                    ends_at=window.end, created_by=rule.id, comment=rule.reason, created_at=at, updated_at=at,
                )
            )  # fmt: skip
    return found


def muted_by(mutes: Iterable[Mute]) -> Muted:
    """The silences and maintenance windows that hold then, by the very index that triage asks."""
    silencer = Silencer(mutes)

    def muted(service: Service, event: Event, at: datetime) -> Quiet | None:
        found = silencer.find(event.labels, service.id, at)
        if found is None:
            return None
        what = "The maintenance window" if found.kind == "maintenance" else "The silence"
        whose = f"{found.rule!r}" if found.rule else f"of {found.created_by.partition(':')[2] or found.created_by}"
        comment = f" ({found.comment})" if found.comment else ""
        until = f"{found.ends_at:%Y-%m-%d %H:%M} UTC"
        return Quiet(f"{what} {whose}{comment} holds it back until {until}.", found.ends_at)

    return muted


# --- what would become of it ------------------------------------------------------------------------------------------


def _case(
    directory: Directory, case: Case, at: datetime, until: datetime | None, rings: Collection[str],
    answered: timedelta | None,
) -> tuple[dict[str, Any], tuple[RehearsalItem, ...]]:  # fmt: skip
    held = case.held
    policy = directory.policy_of(case.service.id)
    begins = at if held is None else held.until
    future = None
    if begins is not None:
        future = foresee(directory, case.service.id, policy, case.severity, begins, until, rings, answered)
    later = held is not None and (until is None or begins is None or begins > until)
    items = future.items if future is not None and not later else ()
    view = {
        "service": case.service.id,
        "title": case.title,
        "alerts": case.alerts,
        "severity": case.severity.key,
        "urgency": future.urgency if future else None,
        "policy": policy.id if policy else None,
        "muted": held and {"sentence": held.sentence, "until": time_text(held.until)},
        "sentence": _sentence(directory, case, held, future),
        "rungs": [rung_view(directory, when, rung) for when, rung in future.rungs] if future and not later else [],
        "answered_at": time_text(begins + answered) if begins is not None and answered is not None else None,
    }
    return view, items


def rung_view(directory: Directory, at: datetime, rung: Rung) -> dict[str, Any]:
    """`{at, step, round, tier, people: [{user, name, reason, sentence, via}], nobody}`, step and round from 1."""
    return {
        "at": time_text(at),
        "step": rung.step + 1,
        "round": rung.round + 1,
        "tier": rung.tier,
        "people": [
            {
                "user": page.user,
                "name": directory.users[page.user].label,
                "reason": page.reason.value,
                "sentence": PageReason(page.reason).sentence,
                "via": page.via,
            }
            for page in rung.pages
        ],
        "nobody": rung.nobody,
    }


_NO_PAGE = {
    NoPage.SEVERITY: "Nobody is paged: {severity} pages nobody.",
    NoPage.NO_POLICY: "Nobody is paged: neither {service} nor the organisation has an escalation policy.",
}


def _sentence(directory: Directory, case: Case, held: Quiet | None, future: Rehearsal | None) -> str:
    """What would happen, in one breath."""
    before = "" if held is None else f"{held.sentence} "
    if future is None:
        return f"{before}Nobody is paged."
    if future.no_page is not None:
        words = _NO_PAGE.get(future.no_page, "Nobody is paged.")
        return before + words.format(severity=case.severity.name, service=case.service.label)
    first = next((item for item in future.items if item.method), None)
    if first is None:
        return f"{before}Nobody can be reached: no step finds a person with a contact method."
    people = list(dict.fromkeys(directory.users[item.user].label for item in future.items if item.at == first.at))
    who = ", ".join(people)
    if held is not None:
        return f"{before}If the alert still fires then, {who} {'is' if len(people) == 1 else 'are'} paged first."
    return f"{who} {'is' if len(people) == 1 else 'are'} paged first, {_urgently(future)}."


def _urgently(future: Rehearsal) -> str:
    return "loudly" if future.urgency == "high" else "gently, and nobody after that until business hours begin"


def ringing(channels: Mapping[str, Any]) -> frozenset[str]:
    """The types of contact methods that ring, by the word of their channels."""
    return frozenset(name for name, channel in channels.items() if getattr(channel, "rings", False))
