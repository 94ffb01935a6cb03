"""Is a schedule kind to its people? At most a week at a time and as long off, no endless nights, rest after a page at night.

Only primary time counts towards the week; who is secondary in the week before or after carries two weeks in a row, which is warned of
unless it is meant (`backup_follows_primary`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from tocsin.core.configuration import Limits, Schedule
from tocsin.core.directory import Directory
from tocsin.core.hours import Span, hours_of, nights, part
from tocsin.core.load import duty_of, limits_of
from tocsin.core.preset import steps_of
from tocsin.core.schedule import shifts, who

Rule = Literal["turn_too_long", "rest_too_short", "secondary_next_to_primary", "too_many_nights", "no_rest_after_night"]
"""docs/guide/fairness.md says what each means (a test compares)."""

SAME_STINT = timedelta(hours=24)
"""A break shorter than this is no time off: shifts around it are one stint."""
SLACK = timedelta(hours=2)
"""A week in which clocks change is still a week, and a day a day."""
ONE_NIGHT = timedelta(hours=36)
"""Within a break longer than this lies a whole night off."""
BEFORE = timedelta(days=15)
"""How far before the span stints are followed back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One thing that strains one person. `start` and `end` (UTC) say when; `fix` how to mend it."""

    rule: Rule
    schedule: str
    user: str
    start: datetime
    end: datetime
    sentence: str
    fix: str


def breaches(
    directory: Directory,
    schedule: str,
    start: datetime,
    end: datetime,
    night_pages: Iterable[tuple[str, datetime]] = (),
) -> list[Breach]:
    """Everything in [start, end) that goes against the limits of this schedule, in order of time.

    `night_pages`: (user, when) they were paged lately; those in their hours of sleep ask for rest.
    """
    known = directory.schedules.get(schedule)
    if known is None:
        return []
    limits, on_call = limits_of(known), _on_call(known, start - BEFORE, end)
    stints = {user: _stints(own) for user, own in on_call.items()}
    found: list[Breach] = []
    if duty_of(directory, schedule) == "primary":
        found += _long(directory, schedule, limits, stints)
        found += _restless(directory, schedule, limits, stints)
        found += _pairs(directory, schedule, limits, stints, start, end)
    found += _nights(directory, schedule, limits, on_call)
    found += _tired(directory, known, limits, night_pages)
    within = [one for one in found if one.end > start and one.start < end]
    return sorted(within, key=lambda one: (one.start, one.user, one.rule))


def check(directory: Directory, start: datetime, end: datetime) -> list[Breach]:
    """The breaches of all schedules, for a readiness check."""
    return [breach for id in directory.schedules for breach in breaches(directory, id, start, end)]


def _on_call(schedule: Schedule, start: datetime, end: datetime) -> dict[str, list[Span]]:
    """When each person is on call, in order."""
    found: dict[str, list[Span]] = {}
    for shift in shifts(schedule, start, end):
        found.setdefault(shift.user, []).append((shift.start, shift.end))
    return found


def _stints(own: Sequence[Span]) -> list[Span]:
    """When somebody is on call without a break of a day."""
    found: list[Span] = []
    for start, end in own:
        if found and start - found[-1][1] < SAME_STINT - SLACK:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _long(directory: Directory, schedule: str, limits: Limits, stints: dict[str, list[Span]]) -> Iterator[Breach]:
    if not limits.longest:
        return
    for user, own in stints.items():
        for start, end in own:
            if end - start > limits.longest.delta + SLACK:
                name = _name(directory, user)
                yield Breach(
                    rule="turn_too_long", schedule=schedule, user=user, start=start, end=end,
                    sentence=f"{name} is on call for {_days(end - start)} at a stretch; at most {limits.longest} is kind.",
                    fix="add people to the rotation, or shorten the turns",
                )  # fmt: skip


def _restless(directory: Directory, schedule: str, limits: Limits, stints: dict[str, list[Span]]) -> Iterator[Breach]:
    """Off for as long as on, a week after a week."""
    if not limits.rest:
        return
    for user, own in stints.items():
        for (start, end), (again, _) in pairwise(own):
            wanted = min(limits.rest.delta, end - start)
            if again - end < wanted - SLACK:
                yield Breach(
                    rule="rest_too_short", schedule=schedule, user=user, start=end, end=again,
                    sentence=f"{_name(directory, user)} has {_days(again - end)} off after {_days(end - start)} on call.",
                    fix="let somebody else take the turn in between, or add people to the rotation",
                )  # fmt: skip


_MEANT = {
    "after": "say backup_follows_primary if it is meant so",
    "before": "let the backup be whoever was primary last, who knows what goes on, and say backup_follows_primary",
}
"""How somebody may be primary and secondary in two turns running and mean it; first secondary, then primary is never meant."""


def _pairs(
    directory: Directory, schedule: str, limits: Limits, stints: dict[str, list[Span]], start: datetime, end: datetime
) -> Iterator[Breach]:
    """Secondary right before or after primary: two weeks in a row with a pager."""
    for partner in _partners(directory, schedule):
        backup = directory.schedules[partner]
        for user, own in _on_call(backup, start - BEFORE, end).items():
            for low, high in _stints(own):
                for a, b in stints.get(user, ()):
                    before, after = a - high, low - b
                    if timedelta() <= after < SAME_STINT and limits.backup_follows_primary:
                        continue
                    if timedelta() <= before < SAME_STINT or timedelta() <= after < SAME_STINT:
                        which = "before" if before >= timedelta() else "after"
                        yield Breach(
                            rule="secondary_next_to_primary", schedule=schedule, user=user, start=min(low, a),
                            end=max(high, b),
                            sentence=f"{_name(directory, user)} is secondary in {partner} right {which} being primary: "
                            f"{_days(max(high, b) - min(low, a))} in a row.",
                            fix=f"shift one of the rotations by a turn, or {_MEANT[which]}",
                        )  # fmt: skip


def _partners(directory: Directory, schedule: str) -> list[str]:
    """The secondary schedules of the policies that begin with this one."""
    found: dict[str, None] = {}
    for policy in directory.escalation_policies.values():
        steps = steps_of(policy)
        if steps and any(target.schedule == schedule for target in steps[0].targets):
            for step in steps[1:]:
                for id in (target.schedule for target in step.targets):
                    if id is not None and id in directory.schedules and duty_of(directory, id) == "secondary":
                        found[id] = None
    return list(found)


def _nights(directory: Directory, schedule: str, limits: Limits, on_call: dict[str, list[Span]]) -> Iterator[Breach]:
    """Nights that somebody really is on call: what lies between their shifts is not theirs."""
    if not limits.nights:
        return
    for user, own in on_call.items():
        hours = hours_of(directory, user)
        for run in _runs(sorted(nights(hours, _long_enough(own, timedelta(days=limits.nights))))):
            if len(run) > limits.nights:
                first = next(span for span in own if span[1].date() >= run[0])
                yield Breach(
                    rule="too_many_nights", schedule=schedule, user=user, start=max(first[0], _noon(run[0], first)),
                    end=_noon(run[-1], first) + timedelta(days=1),
                    sentence=f"{_name(directory, user)} is on call for {len(run)} nights in a row ({run[0]:%-d %b} to "
                    f"{run[-1]:%-d %b %Y}, {hours.time_zone}); at most {limits.nights} is kind.",
                    fix="share the nights: a second layer for them, or shorter turns",
                )  # fmt: skip


def _long_enough(own: Sequence[Span], length: timedelta) -> list[Span]:
    """Those shifts that, with others a night or less away, last longer than this: no run of more nights fits into shorter ones."""
    chains: list[list[Span]] = []
    for shift in own:
        if chains and shift[0] - chains[-1][-1][1] <= ONE_NIGHT:
            chains[-1].append(shift)
        else:
            chains.append([shift])
    return [shift for chain in chains if chain[-1][1] - chain[0][0] > length for shift in chain]


def _noon(day: date, near: Span) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=near[0].tzinfo)


def _runs(days: Sequence[date]) -> list[list[date]]:
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _tired(
    directory: Directory, schedule: Schedule, limits: Limits, night_pages: Iterable[tuple[str, datetime]]
) -> Iterator[Breach]:
    """Paged at night, and still on call when they should sleep it off. One finding for each night."""
    rest = limits.rest_after_night_page.delta
    seen: set[tuple[str, date]] = set()
    for user, at in sorted(night_pages, key=lambda page: page[1]):
        night = (at - timedelta(hours=12)).date()
        if not rest or (user, night) in seen or user not in directory.users:
            continue
        present = who(schedule, at + rest / 2)
        if part(hours_of(directory, user), at) == "sleep" and present is not None and present[0] == user:
            seen.add((user, night))
            yield Breach(
                rule="no_rest_after_night", schedule=schedule.id, user=user, start=at, end=at + rest,
                sentence=f"{_name(directory, user)} was paged at night and stays on call without {_hours(rest)} of rest.",
                fix="let somebody else cover the morning: an override of some hours",
            )  # fmt: skip


def _name(directory: Directory, user: str) -> str:
    known = directory.users.get(user)
    return known.label if known else user


def _hours(length: timedelta) -> str:
    return f"{length.total_seconds() / 3600:g} hours"


def _days(length: timedelta) -> str:
    days = length.total_seconds() / 86400
    return _hours(timedelta(hours=round(days * 24))) if days < 2 else f"{days:.1f}".removesuffix(".0") + " days"
