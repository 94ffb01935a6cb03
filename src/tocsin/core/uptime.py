"""Ninety days of a component, counted honestly. Pure.

Downtime is the time in a partial or major outage, whole; degraded performance and announced maintenance are shown, not counted. An
outage during maintenance counts. Where several say something of a component, the worst holds. Days on which the component was not on
the page yet have no data, and are not counted as good ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from tocsin.core.calendar import instant
from tocsin.core.public_word import Stretch
from tocsin.core.status_page import DOWN, STATES, ComponentState, worst

DAYS = 90
_STEP = timedelta(days=1)

RULES = (
    "Downtime is the time in a partial or major outage; each minute of either counts whole.",
    "Degraded performance is shown, and not counted as downtime.",
    "Announced maintenance is shown, and not counted as downtime; an outage during maintenance counts.",
    "An outage counts from when its impact began, not from when it was published here, until the incident was resolved.",
    "Days on which a component was not listed yet have no data and are left out of its percentage.",
)
"""How it counts, as the page prints it."""

DayState = Literal["no_data"] | ComponentState


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one component: seconds it was watched, and of them seconds in each state other than operational."""

    date: date
    watched: float
    spent: dict[ComponentState, float] = {}

    @property
    def state(self) -> DayState:
        """The worst of the day."""
        return worst(self.spent) if self.watched else "no_data"

    @property
    def down(self) -> float:
        return sum(self.spent.get(state, 0.0) for state in DOWN)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Days of one component, the oldest first."""

    days: tuple[Day, ...]

    @property
    def watched(self) -> float:
        return sum(day.watched for day in self.days)

    @property
    def uptime(self) -> float | None:
        """Percent of the watched time without downtime; None without data."""
        return self._percent(sum(day.down for day in self.days))

    @property
    def uptime_with_maintenance(self) -> float | None:
        """The same, were maintenance counted as downtime."""
        lost = sum(day.down + day.spent.get("under_maintenance", 0.0) for day in self.days)
        return self._percent(lost)

    def _percent(self, lost: float) -> float | None:
        return None if not self.watched else 100.0 * (self.watched - lost) / self.watched


def histories(
    components: Sequence[str],
    since: dict[str, datetime],
    stretches: Sequence[Stretch],
    place: ZoneInfo,
    now: datetime,
) -> dict[str, History]:
    """The last ninety days of each component, today included. `since`: from when on it was on the page (absent: not yet)."""
    bounds = _bounds(place, now)
    of: dict[str, list[Stretch]] = {}
    for one in stretches:
        of.setdefault(one.component, []).append(one)
    return {name: _history(bounds, since.get(name), of.get(name, ()), now) for name in components}


def _bounds(place: ZoneInfo, now: datetime) -> list[tuple[date, datetime, datetime]]:
    today = now.astimezone(place).date()
    days = [today - n * _STEP for n in range(DAYS - 1, -1, -1)]

    def midnight(day: date) -> datetime:
        return instant(datetime(day.year, day.month, day.day), place)  # noqa: DTZ001 - a wall time, made an instant

    return [(day, midnight(day), midnight(day + _STEP)) for day in days]


def _history(
    bounds: Sequence[tuple[date, datetime, datetime]], since: datetime | None, of: Sequence[Stretch], now: datetime
) -> History:
    days = []
    for day, start, end in bounds:
        first, last = max(start, since or now), min(end, now)
        if since is None or last <= first:
            days.append(Day(date=day, watched=0.0))
            continue
        touching = [one for one in of if one.start < last and one.end > first]
        spent = _spent(touching, first, last) if touching else {}
        days.append(Day(date=day, watched=(last - first).total_seconds(), spent=spent))
    return History(days=tuple(days))


def _spent(of: Sequence[Stretch], first: datetime, last: datetime) -> dict[ComponentState, float]:
    """Seconds from `first` to `last` in each state but operational; where stretches overlap the worst holds."""
    found: dict[ComponentState, float] = {}
    for start, end in _pieces(of, first, last):
        state = worst(one.state for one in of if one.start <= start and one.end >= end)
        if state != "operational":
            found[state] = found.get(state, 0.0) + (end - start).total_seconds()
    return {state: found[state] for state in STATES if state in found}


def _pieces(of: Sequence[Stretch], first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    cuts = sorted({first, last, *(at for one in of for at in (one.start, one.end) if first < at < last)})
    yield from itertools.pairwise(cuts)


def percent(value: float | None) -> str:
    """`99.98 %`, cut, never rounded up: 100 % is said only of what never failed. `no data` for None."""
    if value is None:
        return "no data"
    if value >= 100.0:
        return "100 %"
    places = 3 if value > 99.9 else 2
    return f"{Decimal(repr(value)).quantize(Decimal(10) ** -places, ROUND_DOWN)} %"
