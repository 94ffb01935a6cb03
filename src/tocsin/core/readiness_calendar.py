"""What a check says of the calendar: overrides that end soon, nights in which the clocks change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tocsin.core.calendar import instant, stretches, zone
from tocsin.core.configuration import Override, Schedule
from tocsin.core.finding import Finding, said
from tocsin.core.schedule import OVERRIDE, who
from tocsin.core.sweep import Sweep

SOON = timedelta(days=14)
"""Overrides that end within this time are told."""


def overrides(sweep: Sweep) -> Iterator[Finding]:
    """Overrides in force that end soon, and who comes then."""
    for schedule in sweep.directory.schedules.values():
        place = zone(schedule.time_zone)
        for override in schedule.overrides:
            end = instant(override.end.naive, place)
            if not sweep.start < end <= min(sweep.start + SOON, sweep.end) or not _in_force(schedule, override, end):
                continue
            after = who(schedule, end)
            if after is not None and after[0] == override.user:
                continue
            name, start = schedule.name or schedule.id, instant(override.start.naive, place)
            then = f"{sweep.label(after[0])} takes over" if after else "nobody takes over"
            yield Finding(
                kind="expiring_override", level="note" if after else "warning", object=f"schedule:{schedule.id}",
                spans=((start, end),), teams=sweep.teams_of_schedule(schedule, ()),
                sentence=f"The override of {sweep.label(override.user)} in {name} ends {said(end, place)}, and {then}.",
                fix="Nothing to do, if that is meant." if after
                else f"Extend the override, or cover the time after it{sweep.where('schedules', schedule.id)}.",
            )  # fmt: skip


def _in_force(schedule: Schedule, override: Override, end: datetime) -> bool:
    """It is what puts its user on call just before its end."""
    return who(schedule, end - timedelta(seconds=1)) == (override.user, OVERRIDE)


def dst_nights(sweep: Sweep) -> Iterator[Finding]:
    """Nights in which the clocks change, and who is on call then; a warning where a handover falls into the changed hour."""
    zones: dict[str, list[Schedule]] = {}
    for schedule in sweep.directory.schedules.values():
        if sweep.rosters.shifts(schedule.id):
            zones.setdefault(schedule.time_zone, []).append(schedule)
    for name, schedules in zones.items():
        place = zone(name)
        cuts = list(stretches(place, sweep.start, sweep.end))
        for (_, at, before), (_, _, after) in pairwise(cuts):
            yield _changed(sweep, schedules, place, at, after - before)


def _changed(sweep: Sweep, schedules: Sequence[Schedule], place: ZoneInfo, at: datetime, by: timedelta) -> Finding:
    forward = by > timedelta()
    span = (at, at + abs(by)) if forward else (at - abs(by), at + abs(by))
    odd = [s for s in schedules if _hands_over_within(sweep, s, place, at, by)]
    people = dict.fromkeys(sweep.label(on[0]) for s in schedules if (on := who(s, at)))
    minutes = int(abs(by).total_seconds()) // 60
    how = "forward" if forward else "back"
    sentence = (
        f"Clocks in {place.key} go {how} by {minutes} minutes {said(at, place)}; "
        f"on call then: {', '.join(list(people)[:8]) or 'nobody'}{' and others' if len(people) > 8 else ''}."
    )
    if odd:
        what = "does not exist" if forward else "happens twice"
        sentence += f" In {', '.join(s.name or s.id for s in odd)} a handover is written for an hour that {what}."
    return Finding(
        kind="dst_night", level="warning" if odd else "note", object=f"time_zone:{place.key}", spans=(span,),
        teams=tuple(dict.fromkeys(s.team for s in schedules if s.team)), sentence=sentence,
        fix="Move the handover out of that hour." if odd else "Nothing to do: the schedules follow the clock.",
    )  # fmt: skip


def _hands_over_within(sweep: Sweep, schedule: Schedule, place: ZoneInfo, at: datetime, by: timedelta) -> bool:
    """Does a shift begin in the hour that is repeated, or is its beginning written for the hour that is skipped?"""
    shifts = sweep.rosters.shifts(schedule.id)
    starts = [shift.start for shift in shifts if shift.start > sweep.start]  # what runs already began before
    if by < timedelta():
        return any(at + by <= start < at - by for start in starts)
    after = at.astimezone(place).replace(tzinfo=None)
    first, last = (after - by).time(), after.time()
    written = [
        layer.starts.naive.time() for layer in schedule.layers if layer.rotation.unit != "hour" and len(layer.users) > 1
    ]
    windows = [window for layer in schedule.layers for window in layer.restrictions]
    written += [clock.time for window in windows for clock in (window.start, window.end)]
    written += [
        wall.naive.time() for o in schedule.overrides for wall in (o.start, o.end) if after - by <= wall.naive < after
    ]
    return any(at <= start < at + by for start in starts) and any(first <= clock < last for clock in written)
