"""Whom each step of a policy would page over a span of time: an exact sweep, not samples.

Between two boundaries of the shifts involved nobody comes and nobody goes, so one look at each stretch proves every instant of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tocsin.core.configuration import EscalationPolicy, Target
from tocsin.core.directory import Directory
from tocsin.core.preset import steps_of
from tocsin.core.schedule import Shift, shifts

Span = tuple[datetime, datetime]
"""(from, to), half-open, UTC."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span within which nothing changes: `steps[n]` are the people that step n (from 0) would page, `people` all of them."""

    start: datetime
    end: datetime
    steps: tuple[tuple[str, ...], ...]
    people: frozenset[str]


class Rosters:
    """The final shifts of every schedule in [start, end), each swept once."""

    def __init__(self, directory: Directory, start: datetime, end: datetime) -> None:
        self.directory, self.start, self.end = directory, start, end
        self._shifts: dict[str, tuple[Shift, ...]] = {}
        self._lines: dict[str, _Line] = {}
        self._people: dict[tuple[tuple[str, ...], ...], frozenset[str]] = {}

    def shifts(self, schedule: str) -> tuple[Shift, ...]:
        """Those of one schedule; empty for one that does not exist."""
        found = self._shifts.get(schedule)
        if found is None:
            known = self.directory.schedules.get(schedule)
            found = self._shifts[schedule] = shifts(known, self.start, self.end) if known else ()
        return found

    def gaps(self, schedule: str) -> list[Span]:
        """When nobody who exists is on call."""
        users = self.directory.users
        present = [(s.start, s.end) for s in self.shifts(schedule) if s.user in users]
        return uncovered(present, self.start, self.end)

    def stretches(self, policy: EscalationPolicy) -> list[Stretch]:
        """The policy over the whole span, in order, without gaps and overlaps."""
        steps = [[self._line(target) for target in step.targets] for step in steps_of(policy)]
        lines = [line for step in steps for line in step]
        edges = sorted({self.start, self.end, *(at for starts, _ in lines for at in starts)})
        combined = [_combined(step) if step else ([self.start], [()]) for step in steps]
        places = [0] * len(steps)
        found: list[Stretch] = []
        for start, end in pairwise(edges):
            for number, (starts, _) in enumerate(combined):
                while places[number] + 1 < len(starts) and starts[places[number] + 1] <= start:
                    places[number] += 1
            now = tuple([line[1][place] for line, place in zip(combined, places, strict=True)])
            if found and found[-1].steps == now:
                found[-1] = Stretch(found[-1].start, end, now, found[-1].people)
            else:
                found.append(Stretch(start, end, now, self._everybody(now)))
        return found

    def _everybody(self, steps: tuple[tuple[str, ...], ...]) -> frozenset[str]:
        """Everybody whom some step would page. The same few combinations come again and again."""
        known = self._people.get(steps)
        if known is None:
            known = self._people[steps] = frozenset(user for step in steps for user in step)
        return known

    def _line(self, target: Target) -> _Line:
        """The people behind one target as a function of time."""
        known = self._lines.get(target.name)
        if known is None:
            known = self._lines[target.name] = self._drawn(target)
        return known

    def _drawn(self, target: Target) -> _Line:
        users = self.directory.users
        if target.schedule is None:
            team = self.directory.teams.get(target.team) if target.team is not None else None
            people = (team.members if team else ()) if target.team is not None else (target.user or "",)
            return [self.start], [tuple(user for user in people if user in users)]
        starts, people_at = [self.start], [tuple[str, ...]()]
        for shift in self.shifts(target.schedule):
            if shift.start == starts[-1]:
                starts.pop()
                people_at.pop()
            starts += [shift.start, shift.end]
            people_at += [(shift.user,) if shift.user in users else (), ()]
        return starts, people_at


_Line = tuple[list[datetime], list[tuple[str, ...]]]
"""From each of these instants on, these people."""


def _combined(lines: Sequence[_Line]) -> _Line:
    """The people of several targets together, each once."""
    if len(lines) == 1:
        return lines[0]
    starts = sorted({at for line in lines for at in line[0]})
    places = [bisect_right(line[0], at) - 1 for at in starts for line in lines]
    width = len(lines)
    people = [
        tuple(
            dict.fromkeys(
                [user for line, place in zip(lines, places[n : n + width], strict=True) for user in line[1][place]]
            )
        )
        for n in range(0, len(places), width)
    ]
    return starts, people


def uncovered(spans: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    """What of [start, end) ordered, disjoint `spans` leave open."""
    found = []
    for a, b in spans:
        if start < a:
            found.append((start, a))
        start = max(start, b)
    if start < end:
        found.append((start, end))
    return found


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order of their start, with those that touch or overlap made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def common(left: Sequence[Span], right: Sequence[Span]) -> Iterator[Span]:
    """Where two ordered lists of disjoint spans overlap."""
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            yield start, end
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
