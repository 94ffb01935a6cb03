"""Business hours: when an ordinary working day of a team is, holidays left out.

Hours hold by the wall clock of the instant, like the restrictions of a schedule: in a repeated hour both times. `days` and
holidays name the day on which a window begins; `to` <= `from` crosses midnight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby

import msgspec

from tocsin.core.calendar import LATEST, bounded, instant, stretches, wall_of, zone
from tocsin.core.configuration import BusinessHours, Schedule, Team
from tocsin.core.directory import Directory
from tocsin.core.preset import steps_of
from tocsin.core.spelling import WEEKDAYS

_DAY = timedelta(days=1)
_AHEAD = timedelta(days=14)
_LONGEST_WORK = timedelta(days=30)
"""Business hours that go on for longer count as never ending."""
_LONGEST_HOLIDAY = 800
"""Days within which a working day is looked for."""


class Hours(msgspec.Struct, frozen=True):
    """The business hours of one team. Days are 0 (Monday) to 6, `start` and `end` minutes since midnight.

    `others`: working days that have hours of their own, as (day, start, end).
    """

    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    start: int = 540
    end: int = 1020
    time_zone: str = "UTC"
    holidays: tuple[date, ...] = ()
    others: tuple[tuple[int, int, int], ...] = ()

    def on(self, weekday: int) -> tuple[int, int]:
        """When work begins and ends on a working day."""
        return next(((start, end) for day, start, end in self.others if day == weekday), (self.start, self.end))

    def __str__(self) -> str:
        """`mon-thu 09:00-17:00, fri 09:00-15:00 Europe/Berlin`."""
        parts = groupby(_by_hours(self), key=lambda one: one[0])
        said = [f"{_days([day for _, day in days])} {clock(start)}-{clock(end)}" for (start, end), days in parts]
        return f"{', '.join(said)} {self.time_zone}"


def _by_hours(hours: Hours) -> list[tuple[tuple[int, int], int]]:
    """((start, end), day) of each working day: days of the same hours together, in the order in which their hours come first."""
    first: dict[tuple[int, int], int] = {}
    for day in hours.days:
        first.setdefault(hours.on(day), day)
    return sorted(((hours.on(day), day) for day in hours.days), key=lambda one: (first[one[0]], one[1]))


def _days(days: Sequence[int]) -> str:
    names = [WEEKDAYS[day] for day in days]
    run = len(names) > 2 and list(days) == list(range(days[0], days[-1] + 1))
    return f"{names[0]}-{names[-1]}" if run else ", ".join(names)


def clock(minutes: int) -> str:
    """Minutes since midnight as `09:00`."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def business_hours_of(directory: Directory, service: str | None) -> Hours:
    """The business hours of the team that owns a service: what it wrote, else Monday to Friday from 9 to 17.

    Without a zone of its own: that of the team's first schedule (by id), else of the first schedule that the service's
    escalation policy names, else UTC.
    """
    key = ("business_hours", service)
    if key not in directory.memo:
        directory.memo[key] = _hours_of(directory, service)
    found: Hours = directory.memo[key]
    return found


def hours_of_team(directory: Directory, team: str) -> Hours:
    """The business hours of a team, as for the first service (by id) that it owns; of no team, those of what belongs to none."""
    key = ("business_hours of team", team)
    if key not in directory.memo:
        directory.memo[key] = _read(directory, directory.teams.get(team), _owned(directory, team))
    found: Hours = directory.memo[key]
    return found


def _hours_of(directory: Directory, service: str | None) -> Hours:
    return _read(directory, directory.team_of(service), service)


def _read(directory: Directory, team: Team | None, service: str | None) -> Hours:
    written = (team.business_hours if team else None) or BusinessHours()
    if written.time_zone:
        return hours_in(written, written.time_zone)
    source = _zone_from(directory, team, service)
    return hours_in(written, source.time_zone if source else "UTC")


def hours_in(written: BusinessHours, time_zone: str) -> Hours:
    """What is written, read in a zone."""
    return Hours(
        tuple(sorted({WEEKDAYS.index(day) for day in written.days})),
        written.start.minutes,
        written.end.minutes,
        time_zone,
        tuple(sorted({day.date for day in written.holidays})),
        tuple(
            sorted(
                (WEEKDAYS.index(day), one.start.minutes, one.end.minutes)
                for one in written.exceptions
                for day in one.days
            )
        ),
    )


def zone_from(directory: Directory, team: str) -> Schedule | None:
    """The schedule whose zone holds for a team that wrote none; None: no schedule, so UTC."""
    return _zone_from(directory, directory.teams.get(team), _owned(directory, team))


def _owned(directory: Directory, team: str) -> str | None:
    """The first service (by id) that a team owns."""
    return min((one.id for one in directory.services.values() if one.team == team), default=None)


def _zone_from(directory: Directory, team: Team | None, service: str | None) -> Schedule | None:
    if team is not None:
        own = [schedule for schedule in directory.schedules.values() if schedule.team == team.id]
        if own:
            return min(own, key=lambda schedule: schedule.id)
    policy = directory.policy_of(service)
    for step in steps_of(policy) if policy else ():
        for target in step.targets:
            if target.schedule is not None and (named := directory.schedules.get(target.schedule)) is not None:
                return named
    return None


def open_at(hours: Hours, now: datetime) -> bool:
    """Are these business hours? The beginning is included, the end not."""
    wall = wall_of(bounded(now), zone(hours.time_zone))
    return any(start <= wall < end for start, end in _around(hours, wall.date()))


def next_opening(hours: Hours, now: datetime) -> datetime:
    """`now` when these are business hours, else when the next ones begin (UTC). The end of time when they never do."""
    return next((max(start, bounded(now)) for start, _ in windows(hours, now)), LATEST)


def next_closing(hours: Hours, now: datetime) -> datetime:
    """`now` outside these business hours, else when they end (UTC). The end of time when they never do."""
    until = at = bounded(now)
    for start, end in windows(hours, at):
        if start > until:
            return until
        until = end
        if until - at > _LONGEST_WORK:
            break
    return until if until == at else LATEST


def next_day(hours: Hours, now: datetime) -> datetime:
    """When the next working day begins, after `now` (UTC); also where business hours never end. The end of time when there is none."""
    place, at = zone(hours.time_zone), bounded(now)
    if not hours.days:
        return LATEST
    first = wall_of(at, place).date()
    for ahead in range(_LONGEST_HOLIDAY):
        day = first + ahead * _DAY
        for start, _ in _on(hours, day):
            if (begins := instant(start, place)) > at:
                return begins
    return LATEST


def later(hours: Hours, start: datetime, length: timedelta) -> datetime:
    """When `length` of business time has passed since `start` (UTC). The end of time when that much never comes."""
    if length <= timedelta():
        return next_opening(hours, start)
    for begin, end in windows(hours, start):
        begin = max(begin, bounded(start))
        if end - begin >= length:
            return begin + length
        length -= end - begin
    return LATEST


def windows(hours: Hours, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Business hours in order, as (from, to) in UTC, from the one that is open at `after` or comes next.

    A window in which the clocks change comes in parts.
    """
    place, at = zone(hours.time_zone), bounded(after)
    while hours.days and at < LATEST - 2 * _AHEAD:
        ahead = at + _AHEAD
        for begin, end, offset in stretches(place, at, ahead):
            yield from _within(hours, begin, end, offset)
        at = ahead


def _within(hours: Hours, begin: datetime, end: datetime, offset: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """The windows inside one stretch of unchanging offset. What is still open from the day before is not begun twice."""
    first, last = (begin + offset).replace(tzinfo=None), (end + offset).replace(tzinfo=None)
    day, over = first.date() - _DAY, first
    while day <= last.date():
        for start, stop in _on(hours, day):
            start, stop = max(start, over), min(stop, last)
            if start < stop:
                yield begin + (start - first), begin + (stop - first)
                over = stop
        day += _DAY


def _around(hours: Hours, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The windows that begin on `day` or on the day before."""
    yield from _on(hours, day - _DAY)
    yield from _on(hours, day)


def _on(hours: Hours, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The window that begins on `day`, in local time."""
    if day.weekday() in hours.days and day not in hours.holidays:
        midnight = datetime.combine(day, time())
        begins, ends = hours.on(day.weekday())
        length = ends - begins
        start = midnight + timedelta(minutes=begins)
        yield start, start + timedelta(minutes=length if length > 0 else length + 1440)
