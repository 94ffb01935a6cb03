"""Who is on call when: layers, rotations, restrictions and overrides, resolved to shifts.

Two ways lead to the same answer (a test compares them): `who` looks at one instant, `shifts` sweeps over the boundaries
of a span of time. What a local time means when clocks change is decided in `core.calendar` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from zoneinfo import ZoneInfo

from tocsin.core.calendar import LATEST, bounded, instant, later, stretches, wall_of, zone
from tocsin.core.configuration import Layer, Override, Restriction, Schedule
from tocsin.core.spelling import WEEKDAYS

OVERRIDE = "override"
"""The layer of a shift that comes from an override."""

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
FURTHEST = timedelta(days=366)
"""How far the ends of a shift are looked for, either way."""
_SLACK = timedelta(days=2)
"""More than a change of clocks can ever move a local time."""


@dataclass(frozen=True, slots=True)
class Shift:
    """`user` is on call from `start` (included) to `end` (not included), UTC, by `layer` (its id, or `override`)."""

    user: str
    start: datetime
    end: datetime
    layer: str


def who(schedule: Schedule, at: datetime) -> tuple[str, str] | None:
    """Who is on call at one instant, and by which layer (or `override`); None when nobody is. Some microseconds."""
    place, at = zone(schedule.time_zone), bounded(at)
    wall = wall_of(at, place)
    if schedule.overrides and (last := next(_covering(reversed(schedule.overrides), at, wall, place), None)):
        return last.user, OVERRIDE
    for layer in reversed(schedule.layers):
        if _open(layer.restrictions, wall) and (user := _turn_of(layer, at, wall, place)) is not None:
            return user, layer.id
    return None


def on_call(schedule: Schedule, at: datetime) -> Shift | None:
    """The whole shift at one instant; None when nobody is on call. Its ends are looked for up to a year either way."""
    at = min(bounded(at), LATEST - 2 * _DAY)  # so that the span below reaches beyond it
    if who(schedule, at) is None:
        return None
    reach = _WEEK
    while True:
        found = next(s for s in shifts(schedule, at - reach, at + reach) if s.start <= at < s.end)
        if reach >= FURTHEST or (found.start > at - reach and found.end < at + reach):
            return found
        reach = min(reach * 4, FURTHEST)


def shadows(schedule: Schedule, at: datetime) -> tuple[str, ...]:
    """Who shadows the person on call at one instant (they get copies, not pages), each once."""
    place, at = zone(schedule.time_zone), bounded(at)
    wall = wall_of(at, place)
    return tuple(dict.fromkeys(shadow.user for shadow in _covering(schedule.shadows, at, wall, place)))


def shifts(schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """The final schedule of [start, end): in order, merged, without overlaps or empty shifts.

    Where nobody is on call there is no shift.
    """
    place, start, end = zone(schedule.time_zone), bounded(start), bounded(end)
    spans: list[_Span] = []
    for rank, layer in enumerate(schedule.layers):
        spans.extend((a, b, rank, user, layer.id) for a, b, user in _layer_spans(layer, place, start, end))
    for rank, override in enumerate(schedule.overrides, len(schedule.layers)):
        a, b = max(start, instant(override.start.naive, place)), min(end, instant(override.end.naive, place))
        if a < b:
            spans.append((a, b, rank, override.user, OVERRIDE))
    return _paint(spans)


def gaps(schedule: Schedule, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """The spans (from, to) within [start, end) in which nobody is on call, in order."""
    start, end = bounded(start), bounded(end)
    found = []
    for shift in shifts(schedule, start, end):
        if start < shift.start:
            found.append((start, shift.start))
        start = shift.end
    if start < end:
        found.append((start, end))
    return tuple(found)


# --- overrides ---


def _covering(overrides: Iterable[Override], at: datetime, wall: datetime, place: ZoneInfo) -> Iterator[Override]:
    """Those that hold at `at`. Years of old overrides cost little: most are told by the local clock alone."""
    earliest, latest = wall - _SLACK, wall + _SLACK
    for override in overrides:
        if (end := override.end.naive) < earliest or (begin := override.start.naive) > latest:
            continue
        if instant(begin, place) <= at < instant(end, place):
            yield override


# --- rotations ---


def _handover(layer: Layer, turn: int, place: ZoneInfo) -> datetime:
    """When the layer's turn number `turn` (0 is the first) begins."""
    every, unit = layer.rotation.every, layer.rotation.unit
    if unit == "hour":
        return instant(layer.starts.naive, place) + timedelta(hours=turn * every)
    return instant(later(layer.starts.naive, turn * every, unit), place)


def _turn_number(layer: Layer, at: datetime, wall: datetime, place: ZoneInfo) -> int:
    """Which turn of the rotation `at` falls into (negative before the start). `wall` is `at` on the local clock."""
    every, unit, starts = layer.rotation.every, layer.rotation.unit, layer.starts.naive
    if unit == "hour":
        return (at - instant(starts, place)) // timedelta(hours=every)
    if unit == "month":
        guess = ((wall.year - starts.year) * 12 + wall.month - starts.month) // every
    else:
        length = every * (_WEEK if unit == "week" else _DAY)
        guess, since = divmod(wall - starts, length)
        if _SLACK < since < length - _SLACK:
            return guess
    # A change of clocks, or a clamped month, can put the handover on the other side of `at`: ask the real instants.
    while _handover(layer, guess, place) > at:
        guess -= 1
    while _handover(layer, guess + 1, place) <= at:
        guess += 1
    return guess


def _turn_of(layer: Layer, at: datetime, wall: datetime, place: ZoneInfo) -> str | None:
    """Whose turn it is at `at`, restrictions aside; None before the layer starts."""
    if not layer.users:
        return None
    if len(layer.users) == 1:
        return layer.users[0] if instant(layer.starts.naive, place) <= at else None
    turn = _turn_number(layer, at, wall, place)
    return layer.users[turn % len(layer.users)] if turn >= 0 else None


def _turns(layer: Layer, place: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, str]]:
    """The turns of the rotation within [start, end), clipped to it, restrictions aside."""
    start = max(start, instant(layer.starts.naive, place))
    if start >= end or not layer.users:
        return
    if len(layer.users) == 1:
        yield start, end, layer.users[0]
        return
    turn = _turn_number(layer, start, wall_of(start, place), place)
    while start < end:
        until = min(end, _handover(layer, turn + 1, place))
        if start < until:
            yield start, until, layer.users[turn % len(layer.users)]
        start, turn = max(start, until), turn + 1


# --- restrictions ---


def _window(restriction: Restriction) -> tuple[int, int]:
    """A restriction's window in minutes from the midnight that begins its day; equal times mean 24 hours."""
    begin = restriction.start.minutes
    return begin, begin + ((restriction.end.minutes - begin) % 1440 or 1440)


def _open(restrictions: tuple[Restriction, ...], wall: datetime) -> bool:
    """Whether the local clock's `wall` lies in a window. Without restrictions always."""
    if not restrictions:
        return True
    weekday = wall.weekday()
    minute = wall.hour * 60 + wall.minute
    for restriction in restrictions:
        begin, end = _window(restriction)
        # A window begun two days ago can still be open: it may begin at 24:00, which is the day after, and last 24 hours.
        for ago in range(3):
            if begin <= minute + ago * 1440 < end and WEEKDAYS[weekday - ago] in restriction.days:
                return True
    return False


def _open_spans(
    restrictions: tuple[Restriction, ...], place: ZoneInfo, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """When the windows are open within [start, end): in order, joined, without overlap."""
    if not restrictions:
        return [(start, end)]
    spans: list[tuple[datetime, datetime]] = []
    for a, b, offset in stretches(place, start, end):
        # Within a stretch the local clock runs evenly, so a window of wall time is a window of instants.
        # A repeated hour lies in two stretches and is open in both; an hour that does not exist lies in none.
        spans.extend((max(a, f), min(b, t)) for f, t in _windows(restrictions, a, b, offset) if f < b and t > a)
    return _joined(spans)


def _windows(
    restrictions: tuple[Restriction, ...], start: datetime, end: datetime, offset: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """The windows that may touch [start, end), under one offset."""
    day = (start + offset).replace(hour=0, minute=0, second=0, microsecond=0) - offset - 2 * _DAY
    weekday = (day + offset).weekday()
    windows = [(r.days, *_window(r)) for r in restrictions]
    while day < end:
        for days, begin, until in windows:
            if WEEKDAYS[weekday] in days:
                yield day + begin * _MINUTE, day + until * _MINUTE
        day, weekday = day + _DAY, (weekday + 1) % 7


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    spans.sort()
    joined: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


# --- the final schedule ---

_Span = tuple[datetime, datetime, int, str, str]
"""(start, end, rank, user, layer): the higher rank wins."""


def _layer_spans(
    layer: Layer, place: ZoneInfo, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, str]]:
    """The turns of a layer cut by its restrictions: two ordered lists walked side by side."""
    windows = iter(_open_spans(layer.restrictions, place, start, end) if start < end else ())
    window = next(windows, None)
    for begin, until, user in _turns(layer, place, start, end):
        while window is not None and window[0] < until:
            a, b = max(begin, window[0]), min(until, window[1])
            if a < b:
                yield a, b, user
            if window[1] > until:
                break
            window = next(windows, None)


def _paint(spans: list[_Span]) -> tuple[Shift, ...]:
    """One person per instant: the span of the highest rank. Neighbours of one person and layer are joined."""
    spans.sort(key=lambda span: span[0])
    edges = sorted([span[0] for span in spans] + [span[1] for span in spans])
    painted: list[tuple[datetime, datetime, str, str]] = []
    running: list[tuple[int, datetime, str, str]] = []
    following = 0
    for start, end in pairwise(edges):
        if start == end:
            continue
        while following < len(spans) and spans[following][0] <= start:
            _, until, rank, user, layer = spans[following]
            heappush(running, (-rank, until, user, layer))
            following += 1
        while running and running[0][1] <= start:
            heappop(running)
        if running:
            _, _, user, layer = running[0]
            joins = painted and painted[-1][1:] == (start, user, layer)
            painted.append((painted.pop()[0] if joins else start, end, user, layer))
    return tuple(Shift(user, begin, until, layer) for begin, until, user, layer in painted)
