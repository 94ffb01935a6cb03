"""The configured objects, exactly as the declarative file (version 1) spells them.

The same structs are the file format, the JSON of the API and the body stored in the database, so there is one spelling
of everything. Decode with :func:`decode`, turn back into plain data with :func:`plain`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, Literal, Self, TypeVar

import msgspec

T = TypeVar("T")

Role = Literal["admin", "manager", "responder", "observer", "stakeholder"]
Tier = Literal["on_call", "senior", "architect", "executive"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(int):
    """Whole seconds, written `90s`, `10m`, `2h`, `7d` (or joined: `1h30m`); at most ten years."""

    LONGEST = 3650 * 86400

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Raise ValueError when `text` is not a duration."""
        if not re.fullmatch(f"(?:{_DURATION.pattern})+", text):
            raise ValueError(f"{text!r} is not a duration: write a number and s, m, h or d, like 90s, 10m, 2h or 7d")
        seconds = sum(int(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION.findall(text))
        if seconds > cls.LONGEST:
            raise ValueError(f"{text!r} is longer than ten years: write a shorter duration")
        return cls(seconds)

    @property
    def delta(self) -> timedelta:
        return timedelta(seconds=int(self))

    def __str__(self) -> str:
        for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
            if self and self % seconds == 0:
                return f"{int(self) // seconds}{unit}"
        return f"{int(self)}s"


class _Text:
    """A value with one text form; compared, hashed and ordered by it.

    A plain class, so that msgspec asks `_read` for it.
    """

    __slots__ = ("_value",)
    _value: Any

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and bool(self._value == other._value)

    def __lt__(self, other: Self) -> bool:
        return bool(self._value < other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self!s})"


class WallTime(_Text):
    """A local date and time without zone (`2026-01-05T09:00`); the object that holds it names the zone."""

    __slots__ = ()

    def __init__(self, naive: datetime) -> None:
        self._value = naive

    @property
    def naive(self) -> datetime:
        value: datetime = self._value
        return value

    @classmethod
    def parse(cls, text: str) -> WallTime:
        """Raise ValueError when `text` is not a local time."""
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a local time: write it like 2026-01-05T09:00") from None
        if value.tzinfo is not None:
            raise ValueError(f"{text!r} carries an offset: write the local time, the zone is named by time_zone")
        if value.microsecond or not 1970 <= value.year < 2200:
            raise ValueError(f"{text!r} is out of range: write whole seconds in the years 1970 to 2199")
        return cls(value)

    def __str__(self) -> str:
        return self.naive.isoformat(timespec="minutes" if self.naive.second == 0 else "seconds")


class ClockTime(_Text):
    """A time of day in minutes since midnight, 0..1440, written `09:00` (`24:00` is the end of the day)."""

    __slots__ = ()

    def __init__(self, minutes: int) -> None:
        self._value = minutes

    @property
    def minutes(self) -> int:
        value: int = self._value
        return value

    @classmethod
    def parse(cls, text: str) -> ClockTime:
        """Raise ValueError when `text` is not a time of day."""
        match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text)
        if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > 1440:
            raise ValueError(f'{text!r} is not a time of day: write "09:00" to "24:00"')
        return cls(int(match[1]) * 60 + int(match[2]))

    @property
    def time(self) -> time:
        """As a datetime.time; `24:00` becomes 00:00 (of the next day: the caller knows)."""
        return time(self.minutes // 60 % 24, self.minutes % 60)

    def __str__(self) -> str:
        return f"{self.minutes // 60:02d}:{self.minutes % 60:02d}"


class _Object(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class ContactMethod:
    """How to reach one person. `settings` holds the fields that the channel of that `type` declares.

    In file and JSON they stand flat beside `id` and `type`.
    """

    __slots__ = ("id", "settings", "type")

    def __init__(self, id: str, type: str, settings: Mapping[str, str]) -> None:
        self.id, self.type, self.settings = id, type, dict(settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ContactMethod) and plain(self) == plain(other)

    def __hash__(self) -> int:
        return hash((self.id, self.type))

    def __repr__(self) -> str:
        return f"ContactMethod({self.id!r}, {self.type!r})"


class NotificationRule(_Object, frozen=True, kw_only=True):
    after: Duration = Duration(0)
    method: str


class NotificationRules(_Object, frozen=True, kw_only=True):
    """None: the default holds (all methods at once for high urgency, e-mail for low).

    An empty list is an explicit nothing.
    """

    high: tuple[NotificationRule, ...] | None = None
    low: tuple[NotificationRule, ...] | None = None


class User(_Object, frozen=True, kw_only=True):
    id: str
    name: str = ""
    email: str = ""
    time_zone: str = "UTC"
    role: Role = "responder"
    contact_methods: tuple[ContactMethod, ...] = ()
    notification_rules: NotificationRules = NotificationRules()

    @property
    def label(self) -> str:
        return self.name or self.id


class BusinessHours(_Object, frozen=True, kw_only=True):
    days: tuple[Weekday, ...] = WEEKDAYS[:5]
    start: ClockTime = msgspec.field(name="from", default=ClockTime(540))
    end: ClockTime = msgspec.field(name="to", default=ClockTime(1020))
    time_zone: str | None = None


class Team(_Object, frozen=True, kw_only=True):
    id: str
    name: str = ""
    members: tuple[str, ...] = ()
    manager: str | None = None
    business_hours: BusinessHours | None = None


class Rotation(_Object, frozen=True, kw_only=True):
    every: int = 1
    unit: Literal["hour", "day", "week", "month"] = "week"


class Restriction(_Object, frozen=True, kw_only=True):
    """On call only from `from` to `to` on the named days.

    `days` names the day on which a window begins. `to` <= `from` crosses midnight.
    """

    days: tuple[Weekday, ...] = WEEKDAYS
    start: ClockTime = msgspec.field(name="from")
    end: ClockTime = msgspec.field(name="to")


class Layer(_Object, frozen=True, kw_only=True):
    id: str
    users: tuple[str, ...]
    starts: WallTime
    rotation: Rotation = Rotation()
    restrictions: tuple[Restriction, ...] = ()


class Override(_Object, frozen=True, kw_only=True):
    """`user` is on call from `from` (included) to `to` (not included), both local times in the schedule's zone."""

    user: str
    start: WallTime = msgspec.field(name="from")
    end: WallTime = msgspec.field(name="to")


class Schedule(_Object, frozen=True, kw_only=True):
    id: str
    name: str = ""
    time_zone: str = "UTC"
    team: str | None = None
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()
    shadows: tuple[Override, ...] = ()


class Target(_Object, frozen=True, kw_only=True):
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


class Step(_Object, frozen=True, kw_only=True):
    """`after` counts from the first page of the round, absolute."""

    after: Duration = Duration(0)
    tier: Tier = "on_call"
    targets: tuple[Target, ...]


class EscalationPolicy(_Object, frozen=True, kw_only=True):
    id: str
    name: str = ""
    steps: tuple[Step, ...]
    repeat: int = 0


class Integration(_Object, frozen=True, kw_only=True):
    id: str
    type: str
    key: str


class Grouping(_Object, frozen=True, kw_only=True):
    """Alerts of the service with equal values of the labels `by` join one incident opened less than `window` ago."""

    by: tuple[str, ...] = ()
    window: Duration = Duration(300)


class Service(_Object, frozen=True, kw_only=True):
    id: str
    name: str = ""
    description: str = ""
    team: str | None = None
    tier: int | None = None
    escalation_policy: str | None = None
    depends_on: tuple[str, ...] = ()
    integrations: tuple[Integration, ...] = ()
    grouping: Grouping | None = None

    @property
    def label(self) -> str:
        return self.name or self.id


Object = User | Team | Schedule | EscalationPolicy | Service

KINDS: dict[str, type[_Object]] = {
    "users": User,
    "teams": Team,
    "schedules": Schedule,
    "escalation_policies": EscalationPolicy,
    "services": Service,
}
"""The configured kinds under their key in the file, in the order in which they may refer to each other."""

LABELS: dict[str, str] = {
    "users": "user",
    "teams": "team",
    "schedules": "schedule",
    "escalation_policies": "escalation policy",
    "services": "service",
}
"""What one object of each kind is called in a sentence."""


def _read(kind: Any, value: Any) -> Any:
    if kind in _PARSED:
        if isinstance(value, str):
            return kind.parse(value)
        raise ValueError(f"write it as text, like {_PARSED[kind]}")
    if kind is ContactMethod:
        return _contact_method(value)
    raise NotImplementedError(f"no reader for {kind}")


_PARSED: dict[type, str] = {Duration: "10m", WallTime: "2026-01-05T09:00", ClockTime: "09:00"}


def _contact_method(value: Any) -> ContactMethod:
    if not isinstance(value, dict):
        raise ValueError("write a contact method as fields, like {id: mail, type: email, address: alice@example.com}")
    for name in ("id", "type"):
        if name not in value:
            raise ValueError(f"the field {name!r} is missing")
    for name, setting in value.items():
        if not isinstance(setting, str):
            raise ValueError(f"{name} must be text")
    return ContactMethod(value["id"], value["type"], {k: v for k, v in value.items() if k not in ("id", "type")})


def plain(value: Any) -> Any:
    """The object as plain dicts, lists, strings and numbers, spelled as in the file."""
    match value:
        case ContactMethod():
            return {"id": value.id, "type": value.type, **value.settings}
        case Duration() | _Text():
            return str(value)
        case msgspec.Struct():
            fields = [(f, getattr(value, f.name)) for f in _fields(type(value))]
            return {f.encode_name: plain(v) for f, v in fields if f.required or v != f.default}
        case dict():
            return {k: plain(v) for k, v in value.items()}
        case list() | tuple():
            return [plain(v) for v in value]
        case _:
            return value


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def decode(raw: Any, kind: type[T]) -> T:
    """Plain data (all scalars may be text) to a struct.

    Raises msgspec.ValidationError whose text ends in the path of the bad field (`... - at `$.layers[0].starts``).
    """
    return msgspec.convert(raw, kind, strict=False, dec_hook=_read)
