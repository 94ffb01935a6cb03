"""Kinds of time on a person's own wall clock: business, evening, night, weekend, holiday.

Load, health and pay are all counted with these. Every instant belongs to exactly one kind, so the parts of a span add up to it, also on
days of 23 and 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal, get_args

from tocsin.core.business import Hours, hours_in
from tocsin.core.calendar import stretches, zone
from tocsin.core.configuration import BusinessHours, Team, User
from tocsin.core.directory import Directory

TimeClass = Literal["business", "evening", "night", "weekend", "holiday"]
CLASSES: tuple[TimeClass, ...] = get_args(TimeClass)
"""A holiday counts before a weekend, a weekend before a night. `evening` is what is left of a working day."""

Part = Literal["business", "off", "sleep"]
PARTS: tuple[Part, ...] = get_args(Part)
"""How a page strikes a person: `sleep` is every night, whatever the day; `off` what is neither that nor business."""

NIGHT_BEGINS, NIGHT_ENDS = 22 * 60, 6 * 60
"""The hours of sleep, in minutes since midnight."""
LONG_ENOUGH = timedelta(hours=4)
"""On call for half of the hours of sleep is on call that night, so that a handover at night gives it to one of the two."""

_DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


def hours_of(directory: Directory, user: str) -> Hours:
    """The working days and hours that hold for a person, in their own zone, with the holidays of their first team (by id)."""
    key = ("hours_of", user)
    if key not in directory.memo:
        directory.memo[key] = _hours_of(directory, user)
    found: Hours = directory.memo[key]
    return found


def _hours_of(directory: Directory, user: str) -> Hours:
    known: User | None = directory.users.get(user)
    team = _team_of(directory, user)
    written = (team.business_hours if team else None) or BusinessHours()
    return hours_in(written, known.time_zone if known else "UTC")


def _team_of(directory: Directory, user: str) -> Team | None:
    """The first team (by id) of which they are a member, or that they manage; one with business hours of its own comes first."""
    own = [team for team in directory.teams.values() if user in team.members or team.manager == user]
    return min(own, key=lambda team: (team.business_hours is None, user not in team.members, team.id), default=None)


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of one kind: [start, end) UTC, on the local `day`; `asleep` when it lies in the hours of sleep."""

    start: datetime
    end: datetime
    kind: TimeClass
    day: date
    asleep: bool

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def pieces(hours: Hours, start: datetime, end: datetime) -> Iterator[Piece]:
    """[start, end) cut where the kind of time or the local day changes, in order and without gaps."""
    changes = [hours.start, hours.end, *(minute for _, start, end in hours.others for minute in (start, end))]
    edges = sorted({0, NIGHT_ENDS, *(minute % 1440 for minute in changes), NIGHT_BEGINS, 1440})
    holidays = set(hours.holidays)
    for begin, until, offset in stretches(zone(hours.time_zone), start, end):
        midnight = (begin + offset).replace(hour=0, minute=0, second=0, microsecond=0) - offset
        while midnight < until:
            day = (midnight + offset).date()
            for low, high in pairwise(edges):
                a = max(begin, midnight + timedelta(minutes=low))
                b = min(until, midnight + timedelta(minutes=high))
                if a < b:
                    asleep = low >= NIGHT_BEGINS or low < NIGHT_ENDS
                    yield Piece(a, b, _kind(hours, holidays, day, low, asleep), day, asleep)
            midnight += _DAY


def _kind(hours: Hours, holidays: set[date], day: date, minute: int, asleep: bool) -> TimeClass:
    if day in holidays:
        return "holiday"
    if day.weekday() not in hours.days:
        return "weekend"
    if asleep:
        return "night"
    return "business" if _open(hours, day.weekday(), minute) else "evening"


def _open(hours: Hours, weekday: int, minute: int) -> bool:
    start, end = hours.on(weekday)
    if start < end:
        return start <= minute < end
    return minute >= start or minute < end


def split(hours: Hours, spans: Iterable[Span]) -> dict[TimeClass, timedelta]:
    """How much of these spans (without overlap) is of which kind. The values add up to their length."""
    found = dict.fromkeys(CLASSES, timedelta())
    for start, end in spans:
        for piece in pieces(hours, start, end):
            found[piece.kind] += piece.length
    return found


def part(hours: Hours, at: datetime) -> Part:
    """How an interruption at that instant strikes the person."""
    piece = next(pieces(hours, at, at + timedelta(microseconds=1)))
    if piece.asleep:
        return "sleep"
    return "business" if piece.kind == "business" else "off"


def nights(hours: Hours, spans: Iterable[Span]) -> set[date]:
    """The nights, by the day on which they begin, of which the spans cover half or more."""
    covered: dict[date, timedelta] = {}
    for start, end in spans:
        for piece in pieces(hours, start, end):
            if piece.asleep:
                local = (piece.start.astimezone(zone(hours.time_zone))).hour
                night = piece.day if local >= NIGHT_BEGINS // 60 else piece.day - _DAY
                covered[night] = covered.get(night, timedelta()) + piece.length
    return {night for night, length in covered.items() if length >= LONG_ENOUGH}


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, overlapping and touching ones joined: nothing counts twice."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of `spans` outside of `taken`."""
    left: list[Span] = []
    gone = joined(taken)
    for start, end in joined(spans):
        for low, high in gone:
            if high <= start or low >= end:
                continue
            if start < low:
                left.append((start, low))
            start = max(start, high)
        if start < end:
            left.append((start, end))
    return left


def total(lengths: Mapping[TimeClass, timedelta]) -> timedelta:
    return sum(lengths.values(), timedelta())
