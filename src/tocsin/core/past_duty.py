"""Who was on call when, by the schedules and policies of that time: what somebody changes today moves nobody's hours of last month.

The first version of an object also speaks of the time before it was written (a rota that was kept elsewhere until then), the last
one of the future.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from tocsin.core.calendar import EARLIEST, LATEST
from tocsin.core.configuration import EscalationPolicy, Schedule, User
from tocsin.core.directory import Directory
from tocsin.core.hours import Span
from tocsin.core.load import Duty, OnDuty, duty_by, on_duty
from tocsin.core.schedule import Shift, shifts

T = TypeVar("T")
Versions = Sequence[tuple[datetime, T | None]]
"""What an object said, each from when on, in order; None: it was removed."""


@dataclass(frozen=True)
class Past:
    """What was written when, by id. `gone` are people who are no longer there, as they were last."""

    schedules: Mapping[str, Versions[Schedule]] = field(default_factory=dict)
    policies: Mapping[str, Versions[EscalationPolicy]] = field(default_factory=dict)
    gone: Mapping[str, User] = field(default_factory=dict)

    @classmethod
    def of(cls, directory: Directory) -> Past:
        """As if everything had always been as it is."""
        return cls(
            schedules={id: [(EARLIEST, schedule)] for id, schedule in directory.schedules.items()},
            policies={id: [(EARLIEST, policy)] for id, policy in directory.escalation_policies.items()},
        )

    def peopled(self, directory: Directory) -> Directory:
        """The directory with those who are gone."""
        return replace(directory, users={**self.gone, **directory.users}) if self.gone else directory


def shifts_then(versions: Versions[Schedule], start: datetime, end: datetime) -> list[Shift]:
    """The final shifts in [start, end), each by the version of its time. A change that leaves a shift as it was does not cut it."""
    found: list[Shift] = []
    for begin, until, schedule in _within(versions, start, end):
        for shift in shifts(schedule, begin, until) if schedule is not None else ():
            last = found[-1] if found else None
            if last is not None and (last.user, last.layer, last.end) == (shift.user, shift.layer, shift.start):
                found[-1] = replace(last, end=shift.end)
            else:
                found.append(shift)
    return found


def duties_then(past: Past, schedules: Iterable[str], start: datetime, end: datetime) -> dict[str, OnDuty]:
    """Who was on call in [start, end) by these schedules, each person's time once, as primary or secondary as it was then."""
    eras = list(_eras(past.policies, start, end))
    every = {id: shifts_then(past.schedules.get(id, ()), start, end) for id in dict.fromkeys(schedules)}
    return on_duty((shift, _pieces(id, shift, eras)) for id, own in every.items() for shift in own)


def _pieces(schedule: str, shift: Shift, eras: Sequence[tuple[Span, Mapping[str, Duty]]]) -> list[tuple[Duty, Span]]:
    """A shift cut where the schedule became primary or secondary."""
    return [
        (duty.get(schedule, "primary"), (max(shift.start, begin), min(shift.end, until)))
        for (begin, until), duty in eras
        if begin < shift.end and shift.start < until
    ]


def _eras(
    policies: Mapping[str, Versions[EscalationPolicy]], start: datetime, end: datetime
) -> Iterator[tuple[Span, Mapping[str, Duty]]]:
    """[start, end) cut where a policy changed, with the duty of each schedule that some policy named then."""
    changes = {at for versions in policies.values() for at, _ in versions[1:] if start < at < end}
    for begin, until in pairwise(sorted({start, end, *changes})):
        then = [policy for versions in policies.values() for _, _, policy in _within(versions, begin, until)]
        yield (begin, until), duty_by(policy for policy in then if policy is not None)


def _within(versions: Versions[T], start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, T | None]]:
    """The versions that held within [start, end), each clipped to it."""
    begins = [EARLIEST, *(at for at, _ in versions[1:])]
    for (_, one), begin, until in zip(versions, begins, [*begins[1:], LATEST], strict=False):
        if max(begin, start) < min(until, end):
            yield max(begin, start), min(until, end), one
