"""How on-call time falls on people: hours, nights, weekends and holidays of each, primary time in full and secondary time in part.

Time that several schedules give to one person at once counts once, as the heaviest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from tocsin.core.configuration import EscalationPolicy, Limits, Schedule
from tocsin.core.directory import Directory
from tocsin.core.hours import Span, TimeClass, hours_of, joined, nights, pieces, split, without
from tocsin.core.preset import steps_of
from tocsin.core.schedule import Shift, shifts

Duty = Literal["primary", "secondary"]


def duty_of(directory: Directory, schedule: str) -> Duty:
    """`secondary` when escalation policies name the schedule, but none of them in its first step; else `primary`."""
    key = ("duty_of", schedule)
    if key not in directory.memo:
        directory.memo[key] = _duty_of(directory, schedule)
    found: Duty = directory.memo[key]
    return found


def _duty_of(directory: Directory, schedule: str) -> Duty:
    return duty_by(directory.escalation_policies.values()).get(schedule, "primary")


def duty_by(policies: Iterable[EscalationPolicy]) -> dict[str, Duty]:
    """The duty of every schedule that these policies name."""
    found: dict[str, Duty] = {}
    for policy in policies:
        for position, step in enumerate(steps_of(policy)):
            for target in step.targets:
                if target.schedule is not None and (position == 0 or target.schedule not in found):
                    found[target.schedule] = "secondary" if position else "primary"
    return found


def limits_of(schedule: Schedule | None) -> Limits:
    return (schedule.limits if schedule else None) or Limits()


def weight_of(directory: Directory, schedule: str) -> float:
    """1 for a primary schedule; for a secondary one what its limits say, 0.3 by default."""
    if duty_of(directory, schedule) == "primary":
        return 1.0
    return limits_of(directory.schedules.get(schedule)).secondary_percent / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """When one person was on call: `primary` spans, and `secondary` ones outside of them. Both joined and without overlap."""

    primary: Sequence[Span]
    secondary: Sequence[Span]
    shifts: int = 0

    @property
    def spans(self) -> list[Span]:
        return joined([*self.primary, *self.secondary])


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one person carries. `hours` of each kind, both duties in full; `weighted` counts secondary time in part.

    `nights` are those of which half or more was on call, `weekends` and `holidays` those that were touched by an hour or more.
    """

    user: str
    shifts: int
    hours: Mapping[TimeClass, timedelta]
    primary: timedelta
    secondary: timedelta
    weighted: timedelta
    nights: int
    weekends: int
    holidays: int


def duties(directory: Directory, schedules: Iterable[str], start: datetime, end: datetime) -> dict[str, OnDuty]:
    """Who is on call in [start, end) by these schedules, each person's time once."""
    known = [directory.schedules[id] for id in dict.fromkeys(schedules) if id in directory.schedules]
    return on_duty(
        (shift, [(duty_of(directory, schedule.id), (shift.start, shift.end))])
        for schedule in known
        for shift in shifts(schedule, start, end)
    )


def on_duty(found: Iterable[tuple[Shift, Iterable[tuple[Duty, Span]]]]) -> dict[str, OnDuty]:
    """Shifts, each with the pieces of which duty it consists, by person."""
    spans: dict[str, dict[Duty, list[Span]]] = {}
    counts: dict[str, int] = {}
    for shift, pieces_of in found:
        own = spans.setdefault(shift.user, {"primary": [], "secondary": []})
        for duty, span in pieces_of:
            own[duty].append(span)
        counts[shift.user] = counts.get(shift.user, 0) + 1
    return {
        user: OnDuty(
            primary=joined(own["primary"]), secondary=without(own["secondary"], own["primary"]), shifts=counts[user]
        )
        for user, own in spans.items()
    }


def loads(directory: Directory, schedules: Sequence[str], found: Mapping[str, OnDuty]) -> list[Load]:
    """The load of everybody whom these schedules name or who was `found` on call, the heaviest first; those who are spared, too."""
    share = max((weight_of(directory, id) for id in schedules if duty_of(directory, id) == "secondary"), default=0.3)
    named = {
        user
        for id in schedules
        if (schedule := directory.schedules.get(id)) is not None
        for layer in schedule.layers
        for user in layer.users
    }
    made = [
        _load(directory, user, found.get(user, OnDuty(primary=(), secondary=())), share)
        for user in named | found.keys()
    ]
    return sorted(made, key=lambda load: (-load.weighted, load.user))


def _load(directory: Directory, user: str, duty: OnDuty, share: float) -> Load:
    hours, spans = hours_of(directory, user), duty.spans
    primary, secondary = length(duty.primary), length(duty.secondary)
    free: dict[TimeClass, set[date]] = {"weekend": set(), "holiday": set()}
    for start, end in spans:
        for piece in pieces(hours, start, end):
            if piece.kind in free and piece.length >= timedelta(hours=1):
                day = piece.day
                free[piece.kind].add(day if piece.kind == "holiday" else day - timedelta(days=day.weekday()))
    return Load(
        user=user, shifts=duty.shifts, hours=split(hours, spans), primary=primary, secondary=secondary,
        weighted=primary + secondary * share, nights=len(nights(hours, spans)), weekends=len(free["weekend"]),
        holidays=len(free["holiday"]),
    )  # fmt: skip


def length(spans: Iterable[Span]) -> timedelta:
    return sum((end - start for start, end in spans), timedelta())
