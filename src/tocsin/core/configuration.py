"""The configured objects, exactly as the declarative file (version 1) spells them.

The same structs are the file format, the JSON of the API and the body stored in the database, so there is one spelling
of everything (core/spelling.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import msgspec

from tocsin.core.audience import Channel
from tocsin.core.planned import Heartbeat, Inhibition, MuteRule
from tocsin.core.probe import Probe
from tocsin.core.readiness_item import ReadinessItem
from tocsin.core.room import Room
from tocsin.core.severity_policy import Severities
from tocsin.core.spelling import (
    WEEKDAYS,
    ClockTime,
    Day,
    Duration,
    Spelled,
    WallTime,
    Weekday,
    Written,
)
from tocsin.core.status_page import StatusPage
from tocsin.core.tag import TagRule
from tocsin.core.tier import Tier
from tocsin.core.update_template import UpdateTemplate
from tocsin.core.wording import WordingRule

Role = Literal["admin", "manager", "responder", "observer", "stakeholder"]


class ContactMethod(Spelled):
    """How to reach one person. `settings` holds the fields that the channel of that `type` declares.

    In file and JSON they stand flat beside `id` and `type`. `typed`: a person entered it in a form or through the API, so it may
    lead to public addresses only, and is used for pages once it is `verified`. What a file says is neither questioned.
    Both are known of methods as they are stored, and are no part of what is written.
    """

    __slots__ = ("id", "settings", "type", "typed", "verified")

    def __init__(
        self, id: str, type: str, settings: Mapping[str, str], *, typed: bool = False, verified: bool = True
    ) -> None:
        self.id, self.type, self.settings = id, type, dict(settings)
        self.typed, self.verified = typed, verified

    @classmethod
    def read(cls, value: Any) -> Self:
        if not isinstance(value, dict):
            raise ValueError(
                "write a contact method as fields, like {id: mail, type: email, address: alice@example.com}"
            )
        for name in ("id", "type"):
            if name not in value:
                raise ValueError(f"the field {name!r} is missing")
        for name, setting in value.items():
            if not isinstance(setting, str):
                raise ValueError(f"{name} must be text")
        return cls(value["id"], value["type"], {k: v for k, v in value.items() if k not in ("id", "type")})

    def plain(self) -> dict[str, str]:
        return {"id": self.id, "type": self.type, **self.settings}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ContactMethod) and self.plain() == other.plain()

    def __hash__(self) -> int:
        return hash((self.id, self.type))

    def __repr__(self) -> str:
        return f"ContactMethod({self.id!r}, {self.type!r})"


class NotificationRule(Written, frozen=True, kw_only=True):
    after: Duration = Duration(0)
    method: str


class NotificationRules(Written, frozen=True, kw_only=True):
    """None: the default holds (all methods at once for high urgency, e-mail for low).

    An empty list is an explicit nothing.
    """

    high: tuple[NotificationRule, ...] | None = None
    low: tuple[NotificationRule, ...] | None = None


class QuietHours(Written, frozen=True, kw_only=True):
    """Low urgency waits from `from` to `to`, read in the person's own zone.

    `days` names the day on which a window begins. `to` <= `from` crosses midnight.
    """

    days: tuple[Weekday, ...] = WEEKDAYS
    start: ClockTime = msgspec.field(name="from")
    end: ClockTime = msgspec.field(name="to")


class Bundling(Written, frozen=True, kw_only=True):
    """Incidents that come within `within` of each other are one message (`0s`: each its own).

    `email`: e-mail is bundled, limited and quiet like a phone, too.
    """

    within: Duration = Duration(60)
    email: bool = False


class Limit(Written, frozen=True, kw_only=True):
    """Contact methods of `type` ring at most `count` times within `within`."""

    type: str
    count: int
    within: Duration = Duration(600)


class User(Written, frozen=True, kw_only=True):
    """`updates` names the contact methods that get updates besides pages."""

    id: str
    name: str = ""
    email: str = ""
    time_zone: str = "UTC"
    role: Role = "responder"
    contact_methods: tuple[ContactMethod, ...] = ()
    notification_rules: NotificationRules = NotificationRules()
    quiet_hours: QuietHours | None = None
    bundling: Bundling = Bundling()
    limits: tuple[Limit, ...] = ()
    updates: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.id


class OtherHours(Written, frozen=True, kw_only=True):
    """Working days whose hours are others than those of the rest."""

    days: tuple[Weekday, ...]
    start: ClockTime = msgspec.field(name="from")
    end: ClockTime = msgspec.field(name="to")


class HolidayName(Written, frozen=True, kw_only=True):
    day: Day
    name: str


class BusinessHours(Written, frozen=True, kw_only=True):
    """`exceptions` and `holiday_names` speak of some of the `days` and `holidays`; a release that does not know them goes by the rest."""

    days: tuple[Weekday, ...] = WEEKDAYS[:5]
    start: ClockTime = msgspec.field(name="from", default=ClockTime(540))
    end: ClockTime = msgspec.field(name="to", default=ClockTime(1020))
    exceptions: tuple[OtherHours, ...] = ()
    time_zone: str | None = None
    holidays: tuple[Day, ...] = ()
    holiday_names: tuple[HolidayName, ...] = ()


class Team(Written, frozen=True, kw_only=True):
    id: str
    name: str = ""
    members: tuple[str, ...] = ()
    manager: str | None = None
    business_hours: BusinessHours | None = None
    readiness: tuple[ReadinessItem, ...] | None = None


class Rotation(Written, frozen=True, kw_only=True):
    every: int = 1
    unit: Literal["hour", "day", "week", "month"] = "week"


class Restriction(Written, frozen=True, kw_only=True):
    """On call only from `from` to `to` on the named days.

    `days` names the day on which a window begins. `to` <= `from` crosses midnight.
    """

    days: tuple[Weekday, ...] = WEEKDAYS
    start: ClockTime = msgspec.field(name="from")
    end: ClockTime = msgspec.field(name="to")


class Layer(Written, frozen=True, kw_only=True):
    id: str
    users: tuple[str, ...]
    starts: WallTime
    rotation: Rotation = Rotation()
    restrictions: tuple[Restriction, ...] = ()


class Override(Written, frozen=True, kw_only=True):
    """`user` is on call from `from` (included) to `to` (not included), both local times in the schedule's zone.

    `by` is who made it by hand (`user:alice`); such ones stay when a file that does not speak of them is applied.
    """

    user: str
    start: WallTime = msgspec.field(name="from")
    end: WallTime = msgspec.field(name="to")
    by: str = ""


class Limits(Written, frozen=True, kw_only=True):
    """What is kind to the people of a schedule (core/limits.py). `0s` and 0 switch a limit off."""

    longest: Duration = Duration(7 * 86400)
    rest: Duration = Duration(7 * 86400)
    nights: int = 7
    rest_after_night_page: Duration = Duration(8 * 3600)
    backup_follows_primary: bool = False
    secondary_percent: int = 30


class Schedule(Written, frozen=True, kw_only=True):
    id: str
    name: str = ""
    time_zone: str = "UTC"
    team: str | None = None
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()
    shadows: tuple[Override, ...] = ()
    limits: Limits | None = None


class Target(Written, frozen=True, kw_only=True):
    """Exactly one of the three is set."""

    user: str | None = None
    team: str | None = None
    schedule: str | None = None

    @property
    def name(self) -> str:
        """`user:alice`, `team:payments` or `schedule:payments-primary`."""
        for kind in ("user", "team", "schedule"):
            if (value := getattr(self, kind)) is not None:
                return f"{kind}:{value}"
        return "nobody"


class Step(Written, frozen=True, kw_only=True):
    """`after` counts from the first page of the round, absolute.

    `round_robin`: of all people that the targets name, one is paged, each time the next one.
    """

    after: Duration = Duration(0)
    tier: Tier = "on_call"
    targets: tuple[Target, ...]
    round_robin: bool = False


class Tiers(Written, frozen=True, kw_only=True):
    """Whom each tier of a preset pages. An empty tier is skipped."""

    on_call: tuple[Target, ...] = ()
    senior: tuple[Target, ...] = ()
    architect: tuple[Target, ...] = ()
    executive: tuple[Target, ...] = ()


class EscalationPolicy(Written, frozen=True, kw_only=True):
    """Either written `steps`, or a `preset` with the people of its `tiers`; core/preset.py makes steps of those.

    `secondary_after`: when the targets of a preset's first tier after the first one are paged (10 minutes when left out).
    """

    id: str
    name: str = ""
    steps: tuple[Step, ...] = ()
    repeat: int = 0
    preset: Literal["standard", "fast"] | None = None
    tiers: Tiers | None = None
    secondary_after: Duration | None = None


class Integration(Written, frozen=True, kw_only=True):
    id: str
    type: str
    key: str


class Grouping(Written, frozen=True, kw_only=True):
    """Alerts of the service with equal values of the labels `by` join one incident opened less than `window` ago."""

    by: tuple[str, ...] = ()
    window: Duration = Duration(300)


class Service(Written, frozen=True, kw_only=True):
    """An alert that gets no event for `auto_resolve` resolves (None: only its source ends it). `hidden_by_dependencies`: while a
    service that this one depends on has an open SEV1 or SEV2, alerts of this one are hidden under it. `probes` show that it works
    again."""

    id: str
    name: str = ""
    description: str = ""
    team: str | None = None
    tier: int | None = None
    escalation_policy: str | None = None
    depends_on: tuple[str, ...] = ()
    integrations: tuple[Integration, ...] = ()
    grouping: Grouping | None = None
    severities: Severities = Severities({})
    auto_resolve: Duration | None = None
    hidden_by_dependencies: bool = False
    probes: tuple[Probe, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.id


Object = (
    User | Team | Schedule | EscalationPolicy | Service | Inhibition | MuteRule | Heartbeat | StatusPage | Room | Channel | UpdateTemplate
    | TagRule | WordingRule
)  # fmt: skip

KINDS: dict[str, type[Written]] = {
    "users": User,
    "teams": Team,
    "schedules": Schedule,
    "escalation_policies": EscalationPolicy,
    "services": Service,
    "inhibitions": Inhibition,
    "mutes": MuteRule,
    "heartbeats": Heartbeat,
    "status_pages": StatusPage,
    "rooms": Room,
    "tags": TagRule,
    "channels": Channel,
    "update_templates": UpdateTemplate,
    "wording": WordingRule,
}
"""The configured kinds under their key in the file, in the order in which they may refer to each other."""

LABELS: dict[str, str] = {
    "users": "user",
    "teams": "team",
    "schedules": "schedule",
    "escalation_policies": "escalation policy",
    "services": "service",
    "inhibitions": "inhibition",
    "mutes": "mute",
    "heartbeats": "heartbeat",
    "status_pages": "status page",
    "rooms": "room",
    "tags": "tag",
    "channels": "channel",
    "update_templates": "update template",
    "wording": "wording rule",
}
"""What one object of each kind is called in a sentence."""
