"""Wall clocks and instants: the one place that decides what a local time means when the clocks change."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.core.errors import Invalid

WallUnit = Literal["day", "week", "month"]

EARLIEST = datetime(10, 1, 1, tzinfo=UTC)
LATEST = datetime(9990, 1, 1, tzinfo=UTC)
"""All times are kept between these two: whatever a file or a query asks for, arithmetic never leaves the calendar."""

_LAST_DAY = LATEST - timedelta(days=1)
_FIRST_WALL, _LAST_WALL = EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone called `name` (`Europe/Berlin`). Raises Invalid when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # OSError: the name of a folder or an unreadable file; ValueError: a path out of the zone database.
        raise Invalid(f"{name!r} is not a time zone: write a name like Europe/Berlin or UTC", "/time_zone") from None


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a naive local time.

    A local time that does not exist is read with the offset before the change, so it moves forward by the length of
    the gap; one that happens twice means its first passing. That is what fold=0 means (PEP 495).
    """
    if not _FIRST_WALL < wall < _LAST_WALL:
        return EARLIEST if wall <= _FIRST_WALL else LATEST
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def bounded(at: datetime) -> datetime:
    """`at` in UTC, moved into the years in which one can be on call."""
    if EARLIEST <= at < _LAST_DAY:
        return at.astimezone(UTC)
    return EARLIEST if at < EARLIEST else _LAST_DAY


def wall_of(at: datetime, zone: ZoneInfo) -> datetime:
    """What the local clock shows at an instant, naive. Both passings of a repeated hour show the same."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def later(wall: datetime, count: int, unit: WallUnit) -> datetime:
    """The local time `count` days, weeks or months after `wall` (negative: before) on the wall clock.

    Months are counted from the given day and clamped to the end of the month: one month after 31 January is 28 or 29
    February, two months after it is 31 March. Beyond the calendar: its last (first) moment.
    """
    try:
        if unit == "month":
            return _months_later(wall, count)
        return wall + timedelta(days=count * (7 if unit == "week" else 1))
    except (OverflowError, ValueError):
        return _LAST_WALL if count > 0 else _FIRST_WALL


def _months_later(wall: datetime, count: int) -> datetime:
    years, month = divmod(wall.month - 1 + count, 12)
    year = wall.year + years
    if not 1 <= year <= 9999:
        raise OverflowError(year)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, calendar.monthrange(year, month + 1)[1]))


_SECOND = timedelta(seconds=1)
_PROBE = timedelta(hours=12)
"""No zone changes its offset twice within this time (in the years anyone is on call)."""


@lru_cache(maxsize=4096)
def _changes(zone: ZoneInfo, year: int) -> tuple[tuple[datetime, timedelta], ...]:
    """Each change of the zone's offset in a UTC year: its instant and the offset from then on."""
    found = []
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    offset = _offset(zone, at - _SECOND)
    while at < end:
        following = min(at + _PROBE, end)
        if (changed := _offset(zone, following - _SECOND)) != offset:
            found.append((_change_between(zone, at - _SECOND, following - _SECOND), changed))
            offset = changed
        at = following
    return tuple(found)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second that has the offset of `after`, which `before` has not."""
    offset = _offset(zone, after)
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + timedelta(seconds=middle)) == offset:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)


def stretches(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """[start, end) cut where the zone's offset changes: (from, to, offset) in order.

    Within one stretch the local clock shows UTC plus the offset.
    """
    if start >= end:
        return
    offset = _offset(zone, start)
    for year in range(start.year, end.year + 1):
        for at, changed in _changes(zone, year):
            if at <= start:
                continue
            if at >= end:
                break
            yield start, at, offset
            start, offset = at, changed
    yield start, end, offset
