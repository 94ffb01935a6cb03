"""Shifts as drawings: strips of time with a bar for each shift, in percent, so that they fit every screen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.core.calendar import instant
from tocsin.core.configuration import Schedule
from tocsin.core.schedule import OVERRIDE, Shift

TONES = 8
"""How many tones the stylesheet has for people; a name always stands beside them."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One shift within a strip. `x` and `width` in percent; `kind` is shift, override, shadow or gap; `tone` 0..7 tells people apart.

    `start` and `end` are those of the whole shift, also where the strip shows only a part of it.
    """

    kind: str
    user: str
    name: str
    """As much of it as there is room for on a desk; `short` where there is little."""
    short: str
    tone: int
    x: str
    width: str
    start: datetime
    end: datetime
    layer: str = ""
    narrow: bool = False
    running: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Where a day begins. `day` is its date in the zone of the drawing."""

    x: str
    width: str
    day: date
    weekend: bool
    today: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """A span of time drawn from left to right. `now` in percent, or '' when it lies elsewhere."""

    label: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    now: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Paper:
    """What all strips of a drawing share."""

    zone: ZoneInfo
    now: datetime
    names: Mapping[str, str]
    tones: Mapping[str, int]
    narrow: float = 0.09
    """The part of a strip below which a bar has room for initials only."""

    def strip(
        self, label: str, start: datetime, end: datetime, shifts: Iterable[Shift], *, gaps: bool = False
    ) -> Strip:
        """The shifts that touch [start, end); with `gaps` also where there is nobody."""
        found = [shift for shift in shifts if shift.start < end and shift.end > start]
        bars = [self._bar(shift, start, end) for shift in found]
        if gaps:
            bars += [self._gap(a, b, start, end) for a, b in _holes(found, start, end)]
        length = end - start
        now = f"{100 * (self.now - start) / length:.3f}" if start <= self.now < end else ""
        ticks = tuple(self._ticks(start, end))
        return Strip(label, tuple(sorted(bars, key=lambda bar: bar.start)), ticks, now, start, end)

    def _bar(self, shift: Shift, start: datetime, end: datetime) -> Bar:
        x, width, part = _place(max(shift.start, start), min(shift.end, end), start, end)
        name = self.names.get(shift.user, shift.user)
        kind = {OVERRIDE: "override", "shadow": "shadow"}.get(shift.layer, "shift")
        running = shift.start <= self.now < shift.end
        shown = name if part > 2 * self.narrow or len(name) < 9 else name.split()[0]
        return Bar(
            kind, shift.user, shown, initials(name), self.tones.get(shift.user, 0), x, width, shift.start, shift.end,
            shift.layer, part < self.narrow, running,
        )  # fmt: skip

    def _gap(self, a: datetime, b: datetime, start: datetime, end: datetime) -> Bar:
        x, width, part = _place(a, b, start, end)
        return Bar("gap", "", "Nobody", "∅", 0, x, width, a, b, "", part < self.narrow, a <= self.now < b)

    def _ticks(self, start: datetime, end: datetime) -> Iterator[Tick]:
        today = self.now.astimezone(self.zone).date()
        day = start.astimezone(self.zone).date()
        while (begin := self.midnight(day)) < end:
            until = self.midnight(day + timedelta(days=1))
            if until > start:
                x, width, _ = _place(max(begin, start), min(until, end), start, end)
                yield Tick(x, width, day, day.weekday() > 4, day == today)
            day += timedelta(days=1)

    def midnight(self, day: date) -> datetime:
        """When a day begins in the zone of the drawing, UTC."""
        return instant(datetime(day.year, day.month, day.day), self.zone)  # noqa: DTZ001 - a wall clock has no zone


def _place(a: datetime, b: datetime, start: datetime, end: datetime) -> tuple[str, str, float]:
    part = (b - a) / (end - start)
    return f"{100 * (a - start) / (end - start):.3f}", f"{100 * part:.3f}", part


def _holes(shifts: Sequence[Shift], start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    at = start
    for shift in sorted(shifts, key=lambda shift: shift.start):
        if shift.start > at:
            yield at, shift.start
        at = max(at, shift.end)
    if at < end:
        yield at, end


def initials(name: str) -> str:
    """`AN` for Alice Ng."""
    words = [word for word in name.split() if word[:1].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or name[:1]


def tones(schedules: Iterable[Schedule | None]) -> dict[str, int]:
    """A tone for everybody who stands in one of these schedules, the same wherever they are drawn together."""
    people: dict[str, None] = {}
    for schedule in schedules:
        if schedule is not None:
            for layer in schedule.layers:
                people |= dict.fromkeys(layer.users)
            people |= dict.fromkeys(one.user for one in (*schedule.overrides, *schedule.shadows))
    return {person: place % TONES for place, person in enumerate(people)}
