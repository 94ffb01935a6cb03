"""Is somebody ready to be on call alone? The checklist of whoever shadows ticks itself where that can be seen; a mentor signs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from tocsin.core.calendar import instant, zone
from tocsin.core.configuration import Schedule, Team
from tocsin.core.directory import Directory
from tocsin.core.notification import plan
from tocsin.core.readiness_item import DEFAULT, Observed, ReadinessItem
from tocsin.core.schedule import shifts
from tocsin.core.shape import Fault, Path

NO_TEAM = ""
"""The team of schedules that belong to none."""
MOST_ITEMS = 50

Newcomer = tuple[str, str]
"""(user, team): who is new in one team may have been on call in another for years."""


class Mark(Struct, frozen=True, kw_only=True):
    """Somebody ticked an item by hand."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One item as it stands. `seen` of `item.count` were observed (None: it cannot be); `mark` is a tick by hand."""

    item: ReadinessItem
    seen: int | None
    mark: Mark | None

    @property
    def done(self) -> bool:
        return self.mark is not None or (self.seen is not None and self.seen >= self.item.count)


def items_of(team: Team | None) -> tuple[ReadinessItem, ...]:
    """What is asked of newcomers of a team (None: of schedules that belong to none). Empty: nothing."""
    return DEFAULT if team is None or team.readiness is None else team.readiness


def points(
    items: Sequence[ReadinessItem], seen: Mapping[Observed, int], marks: Mapping[str, Mark]
) -> tuple[Point, ...]:
    """The checklist as it stands; `marks` by the ids of items."""
    return tuple(
        Point(item=item, seen=seen.get(item.observe, 0) if item.observe is not None else None, mark=marks.get(item.id))
        for item in items
    )


def shadowing(directory: Directory) -> frozenset[Newcomer]:
    """Everybody who shadows, did or will, with the team of the schedule, where that team asks for anything."""
    return frozenset(
        (shadow.user, team)
        for schedule in directory.schedules.values()
        for shadow in schedule.shadows
        if items_of(directory.teams.get(team := schedule.team or NO_TEAM)) and shadow.user in directory.users
    )


def shadowed_shifts(directory: Directory, newcomer: Newcomer, now: datetime) -> int:
    """How many shifts of others they went along with, for at least half of each, that are over."""
    user, team = newcomer
    return sum(
        _went_along(schedule, user, now)
        for schedule in directory.schedules.values()
        if (schedule.team or NO_TEAM) == team
    )


def _went_along(schedule: Schedule, user: str, now: datetime) -> int:
    place, found = zone(schedule.time_zone), set()
    for shadow in schedule.shadows:
        if shadow.user != user:
            continue
        start, end = instant(shadow.start.naive, place), instant(shadow.end.naive, place)
        if start >= now:
            continue
        reach = 2 * (end - start)  # of a shift that reaches further this is less than half, so that it does not count
        for shift in shifts(schedule, start - reach, min(end, now) + reach):
            together = min(shift.end, end) - max(shift.start, start)
            if shift.user != user and shift.end <= now and 2 * together >= shift.end - shift.start:
                found.add(shift.start)
    return len(found)


def verified_methods(directory: Directory, user: str) -> int:
    """How many contact methods a page may use."""
    known = directory.users.get(user)
    return len({method.id for _, method in plan(known, "high")}) if known else 0


def readiness_faults(items: Sequence[ReadinessItem], path: Path) -> Iterator[Fault]:
    """What is wrong with a team's own checklist."""
    if len(items) > MOST_ITEMS:
        yield Fault(path, f"{len(items)} items are too many: keep it to {MOST_ITEMS}")
    seen: set[str] = set()
    for place, item in enumerate(items[:MOST_ITEMS]):
        if item.id in seen:
            yield Fault((*path, place, "id"), f"the item {item.id!r} stands here twice: remove or rename one")
        seen.add(item.id)
        if not item.text.strip():
            yield Fault((*path, place, "text"), "say what the newcomer must have done")
        if not 1 <= item.count <= 100:
            yield Fault((*path, place, "count"), "count from 1 to 100")
        if item.count > 1 and item.observe is None:
            yield Fault((*path, place, "count"), "only what is observed can be counted: add `observe`, or remove count")
