"""How values of the configuration are written: durations, local times, and whole objects to plain data and back.

The same spelling is the file format, the JSON of the API and the body stored in the database.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, Literal, Self, TypeVar

import msgspec

T = TypeVar("T")

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


class Day(_Text):
    """A calendar day (`2026-12-25`); the object that holds it names the zone."""

    __slots__ = ()

    def __init__(self, day: date) -> None:
        self._value = day

    @property
    def date(self) -> date:
        value: date = self._value
        return value

    @classmethod
    def parse(cls, text: str) -> Day:
        """Raise ValueError when `text` is not a day."""
        try:
            value = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else None
        except ValueError:
            value = None
        if value is None or not 1970 <= value.year < 2200:
            raise ValueError(f"{text!r} is not a day: write it like 2026-12-25")
        return cls(value)

    def __str__(self) -> str:
        return self.date.isoformat()


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A configured object, or a part of one."""


class Spelled:
    """A value that spells itself: `read` takes plain data (ValueError when it cannot), `plain` gives it back."""

    __slots__ = ()

    @classmethod
    def read(cls, value: Any) -> Self:
        raise NotImplementedError

    def plain(self) -> Any:
        raise NotImplementedError


_PARSED: dict[type, str] = {Duration: "10m", WallTime: "2026-01-05T09:00", ClockTime: "09:00", Day: "2026-12-25"}


def _read(kind: Any, value: Any) -> Any:
    if kind in _PARSED:
        if isinstance(value, str):
            return kind.parse(value)
        raise ValueError(f"write it as text, like {_PARSED[kind]}")
    if isinstance(kind, type) and issubclass(kind, Spelled):
        return kind.read(value)
    raise NotImplementedError(f"no reader for {kind}")


def plain(value: Any) -> Any:
    """The object as plain dicts, lists, strings and numbers, spelled as in the file."""
    match value:
        case Spelled():
            return value.plain()
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
