"""What a change of a schedule means for people: who is on call when before and after, who loses a running shift, which layer can
never be on call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from tocsin.core.calendar import instant, wall_of, zone
from tocsin.core.configuration import Layer, Override, Schedule
from tocsin.core.schedule import Shift, on_call, shifts, who
from tocsin.core.spelling import WEEKDAYS, WallTime

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Change:
    """From `start` (included) to `end` (not included), UTC, `after` is on call instead of `before` (None: nobody)."""

    start: datetime
    end: datetime
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Interruption:
    """`user` is on call now until `until` and would lose the rest of this shift to `taken_by` (None: to nobody)."""

    user: str
    until: datetime
    taken_by: str | None


def changes(old: Schedule | None, new: Schedule | None, start: datetime, end: datetime) -> tuple[Change, ...]:
    """Where the two schedules put different people on call within [start, end): in order, joined, without overlap.

    None stands for a schedule that is not there. Layers do not matter, only people.
    """
    before = shifts(old, start, end) if old else ()
    after = shifts(new, start, end) if new else ()
    edges = sorted({edge for shift in (*before, *after) for edge in (shift.start, shift.end)})
    found: list[Change] = []
    was, now = _Reader(before), _Reader(after)
    for begin, until in pairwise(edges):
        a, b = was.at(begin), now.at(begin)
        if a == b:
            continue
        if found and (found[-1].end, found[-1].before, found[-1].after) == (begin, a, b):
            found[-1] = Change(found[-1].start, until, a, b)
        else:
            found.append(Change(begin, until, a, b))
    return tuple(found)


class _Reader:
    """Who is on call at instants asked for in rising order."""

    def __init__(self, found: Sequence[Shift]) -> None:
        self._shifts, self._place = found, 0

    def at(self, at: datetime) -> str | None:
        while self._place < len(self._shifts) and self._shifts[self._place].end <= at:
            self._place += 1
        if self._place < len(self._shifts) and self._shifts[self._place].start <= at:
            return self._shifts[self._place].user
        return None


def interruption(old: Schedule | None, new: Schedule | None, now: datetime) -> Interruption | None:
    """Who is on call now and would not be any more; None when the running shift stays where it is."""
    present = on_call(old, now) if old else None
    if present is None:
        return None
    following = who(new, now) if new else None
    if following is not None and following[0] == present.user:
        return None
    return Interruption(present.user, present.end, following[0] if following else None)


# --- layers that never show -----------------------------------------------------------------------------------------------


def hidden(layers: Sequence[Layer]) -> Iterator[tuple[int, list[str]]]:
    """(position, the later layers that hide it) of each layer that can never be on call.

    By the wall clock: what is open when repeats every week, and changes only where one more layer starts.
    """
    for position, layer in enumerate(layers):
        later = [each for each in layers[position + 1 :] if each.users]
        if layer.users and later and not _shows(layer, later):
            yield position, [each.id for each in later]


def _shows(layer: Layer, later: Sequence[Layer]) -> bool:
    first = layer.starts.naive
    begins = sorted({first, *(each.starts.naive for each in later if each.starts.naive > first)})
    for begin, following in zip(begins, [*begins[1:], begins[-1] + _WEEK], strict=True):
        end = min(begin + _WEEK, following)
        above = [each for each in later if each.starts.naive <= begin]
        covered = sorted(span for each in above for span in _open(each, begin, end))
        if any(_sticks_out(span, covered) for span in _open(layer, begin, end)):
            return True
    return False


def _open(layer: Layer, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When the layer's windows are open within [begin, end) of its wall clock."""
    if not layer.restrictions:
        yield begin, end
    for restriction in layer.restrictions:
        first = restriction.start.minutes
        length = timedelta(minutes=(restriction.end.minutes - first) % 1440 or 1440)
        day = datetime(begin.year, begin.month, begin.day) - 2 * _DAY  # noqa: DTZ001 - a wall clock has no zone
        while day < end:
            start = day + timedelta(minutes=first)
            if WEEKDAYS[day.weekday()] in restriction.days and start < end and start + length > begin:
                yield max(start, begin), min(start + length, end)
            day += _DAY


def _sticks_out(span: tuple[datetime, datetime], covered: Sequence[tuple[datetime, datetime]]) -> bool:
    """Whether a part of the span lies in none of the ordered spans."""
    start, end = span
    for begin, until in covered:
        if begin > start:
            break
        start = max(start, until)
    return start < end


# --- overrides ------------------------------------------------------------------------------------------------------------


def override(schedule: Schedule, user: str, start: datetime, end: datetime, by: str = "") -> Override:
    """Two instants as local times of the schedule, to the second, never shorter than asked for.

    The second passing of a repeated hour cannot be written as a local time: there the override begins with the first passing, or
    ends with the second.
    """
    place = zone(schedule.time_zone)
    begin = wall_of(start, place).replace(microsecond=0)
    until = wall_of(end, place)
    until = until.replace(microsecond=0) + timedelta(seconds=1 if until.microsecond else 0)
    if end.astimezone(place).fold:
        until = _after_fold(end, place)
    return Override(user=user, start=WallTime(begin), end=WallTime(until), by=by)


def span(schedule: Schedule, one: Override) -> tuple[datetime, datetime]:
    """From when to when an override (or a shadow shift) holds, UTC."""
    place = zone(schedule.time_zone)
    return instant(one.start.naive, place), instant(one.end.naive, place)


def _after_fold(at: datetime, place: ZoneInfo) -> datetime:
    """The first local time after a repeated hour in whose second passing `at` lies."""
    probe = at
    while probe.astimezone(place).fold:
        probe = probe.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return probe.astimezone(place).replace(tzinfo=None, fold=0)


def carried(old: Schedule | None, new: Schedule) -> Schedule:
    """`new` (from a file) with the overrides and shadows that people made by hand on `old`, which a file need not repeat."""
    if old is None or not any(each.by for each in (*old.overrides, *old.shadows)):
        return new
    kept = {
        field: tuple(each for each in getattr(old, field) if each.by and each not in getattr(new, field))
        for field in ("overrides", "shadows")
    }
    return msgspec.structs.replace(
        new, overrides=(*new.overrides, *kept["overrides"]), shadows=(*new.shadows, *kept["shadows"])
    )


def without(schedule: Schedule, field: str, place: int) -> Schedule:
    """The schedule without one of its `overrides` or `shadows`."""
    rest = tuple(each for n, each in enumerate(getattr(schedule, field)) if n != place)
    return msgspec.structs.replace(schedule, **{field: rest})
