"""When a planned mute holds: once, by a recurrence rule (RFC 5545), or in or outside working hours, as windows in UTC. Pure.

A rule's days are counted on the wall clock of its zone, so 22:00 stays 22:00 when the clocks change. Of a duration, whole days are
days on that clock as well, the rest is time that passes. Windows that touch or overlap are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from dateutil.rrule import rrulestr

from tocsin.core.business import Hours, business_hours_of
from tocsin.core.business import windows as working
from tocsin.core.calendar import LATEST, bounded, instant, wall_of, zone
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.planned import MuteRule

HORIZON = timedelta(days=5 * 366)
"""How far ahead a recurrence is followed: one that does not come again within this time is over."""
LONGEST = timedelta(days=31)
"""Windows that touch are joined up to this length; the next one then begins where it ends, without a gap."""

_DAY = timedelta(days=1)
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = re.compile(r"[A-Z]+=[A-Z0-9,+-]+(;[A-Z]+=[A-Z0-9,+-]+)*")
_MOST_PER_DAY = 24
_KNOWN = {
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYDAY",
    "BYMONTHDAY",
    "BYMONTH",
    "BYSETPOS",
    "BYHOUR",
    "BYMINUTE",
    "WKST",
}
_LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


class Window(msgspec.Struct, frozen=True, order=True):
    """From `start` (included) to `end` (not included), UTC."""

    start: datetime
    end: datetime


class Recurrence(msgspec.Struct, frozen=True):
    """A recurrence rule that can be followed. Its limits (`count`, `until` on the wall clock; None: none) are kept by us, so that no
    rule is followed for ever."""

    rule: Any
    count: int | None
    until: datetime | None


def read_rrule(text: str, start: datetime) -> Recurrence:
    """The rule `FREQ=WEEKLY;BYDAY=MO` beginning at the naive local time `start`. Raises Invalid in words for people."""
    plain = text.strip().upper().removeprefix("RRULE:")
    if not _PARTS.fullmatch(plain):
        raise Invalid(f"{text[:80]!r} is not a recurrence rule: write one like FREQ=WEEKLY;BYDAY=MO,TU", "/rrule")
    parts = dict(part.split("=", 1) for part in plain.split(";"))
    if parts.get("FREQ") not in _FREQUENCIES:
        raise Invalid(f"a mute recurs by FREQ={', '.join(_FREQUENCIES[:-1])} or {_FREQUENCIES[-1]}", "/rrule")
    if _times_a_day(parts) > _MOST_PER_DAY:
        raise Invalid(f"a mute recurs at most {_MOST_PER_DAY} times a day: use fewer BYHOUR and BYMINUTE", "/rrule")
    if strange := sorted(parts.keys() - _KNOWN):
        raise Invalid(f"{strange[0]} is not used here: write the rule with {', '.join(sorted(_KNOWN))}", "/rrule")
    if not re.fullmatch(r"[1-9][0-9]{0,2}", parts.get("INTERVAL", "1")):
        raise Invalid("INTERVAL in a recurrence rule is 1 to 999", "/rrule")
    if "COUNT" in parts and "UNTIL" in parts:
        raise Invalid("a recurrence rule has COUNT or UNTIL, not both: remove one", "/rrule")
    try:
        count = int(parts.pop("COUNT")) if "COUNT" in parts else None
        until = _until(parts.pop("UNTIL")) if "UNTIL" in parts else None
        rule = rrulestr(";".join(f"{k}={v}" for k, v in parts.items()), dtstart=start)
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid(f"{text[:80]!r} is not a recurrence rule: {error}", "/rrule") from None
    if count is not None and count < 1:
        raise Invalid("COUNT in a recurrence rule is at least 1", "/rrule")
    if _impossible(parts) or next(iter(rule), None) is None:
        raise Invalid(f"the recurrence rule {text[:80]!r} never comes", "/rrule")
    return Recurrence(rule, count, until)


def _impossible(parts: dict[str, str]) -> bool:
    """Told without a search: a day that none of its months has."""
    if "BYMONTH" not in parts or "BYMONTHDAY" not in parts:
        return False
    longest = max(_LONGEST_MONTHS.get(int(month), 31) for month in parts["BYMONTH"].split(","))
    return min(abs(int(day)) for day in parts["BYMONTHDAY"].split(",")) > longest


def _until(text: str) -> datetime:
    """Read on the wall clock, like everything else in the rule; a day means its end. Raises ValueError."""
    bare = text.removesuffix("Z")
    form = "%Y%m%dT%H%M%S" if "T" in bare else "%Y%m%d"
    until = datetime.strptime(bare, form)  # noqa: DTZ007 - a local time: the object that holds the rule names the zone
    return until if "T" in bare else until + timedelta(hours=23, minutes=59, seconds=59)


def _times_a_day(parts: dict[str, str]) -> int:
    return len(parts.get("BYHOUR", "0").split(",")) * len(parts.get("BYMINUTE", "0").split(","))


def hours_of(rule: MuteRule, directory: Directory) -> Hours:
    """The working hours that a rule `during` them means: those of its first service's team, else Monday to Friday 9 to 17 in the
    rule's zone."""
    services = scope(rule, directory)
    if services:
        return business_hours_of(directory, services[0])
    return Hours(time_zone=rule.time_zone)


def scope(rule: MuteRule, directory: Directory) -> tuple[str, ...]:
    """The services whose alerts a rule mutes, sorted; empty when it is for all services."""
    named = {*rule.services, *((rule.service,) if rule.service else ())}
    if rule.team is not None:
        named |= {service.id for service in directory.services.values() if service.team == rule.team}
    return tuple(sorted(named))


def next_window(rule: MuteRule, directory: Directory, after: datetime) -> Window | None:
    """The window that is open at `after`, else the next one; None when there is none any more."""
    return next(windows(rule, directory, after), None)


def windows(rule: MuteRule, directory: Directory, after: datetime) -> Iterator[Window]:
    """The windows of a rule that end later than `after`, in order, without touching each other (but see LONGEST)."""
    if rule.team is not None and not scope(rule, directory):
        return  # a team without services: there is nothing to mute, which is not the same as everything
    after = bounded(after)
    if rule.during is not None:
        yield from _joined(_during(rule, directory, after), after)
    elif rule.start is not None:
        yield from _joined(_occurrences(rule, rule.start.naive, zone(rule.time_zone), after), after)


def _occurrences(rule: MuteRule, start: datetime, place: ZoneInfo, after: datetime) -> Iterator[Window]:
    if rule.rrule is None:
        if rule.end is not None:
            yield Window(instant(start, place), instant(rule.end.naive, place))
        return
    length = timedelta(seconds=rule.duration or 0)
    recurrence = read_rrule(rule.rrule, start)
    horizon = wall_of(min(after + HORIZON, LATEST - _DAY), place)
    bound = recurrence.rule.replace(until=min(recurrence.until or horizon, horizon))
    for number, begins in enumerate(bound):
        if recurrence.count is not None and number >= recurrence.count:
            return
        if begins + length + 2 * _DAY >= wall_of(after, place):
            yield Window(instant(begins, place), _end(begins, length, place))


def _end(begins: datetime, length: timedelta, place: ZoneInfo) -> datetime:
    days, rest = divmod(length, _DAY)
    return min(instant(begins + days * _DAY, place) + rest, LATEST)


def _during(rule: MuteRule, directory: Directory, after: datetime) -> Iterator[Window]:
    hours = hours_of(rule, directory)
    if rule.during == "working_hours":
        yield from (Window(start, end) for start, end in working(hours, after))
        return
    last = after - _DAY  # what is closed now may have been so for a while: its beginning does not matter
    for start, end in working(hours, last):
        if last < start:
            yield Window(last, start)
        last = end
    yield Window(last, LATEST)


def _joined(found: Iterator[Window], after: datetime) -> Iterator[Window]:
    current: Window | None = None
    for window in found:
        if window.end <= window.start:
            continue
        if current is not None and window.start <= current.end and window.end - current.start <= LONGEST:
            current = Window(current.start, max(current.end, window.end))
            continue
        if current is not None:
            if current.end > after:
                yield current
            # The join was cut for its length, not because anything ended: go on where it stopped.
            window = Window(max(window.start, current.end), window.end)
            if window.end <= window.start:
                continue
        current = window
    if current is not None and current.end > after:
        yield current
