"""Who is on call, now and then. Calendars are swept in a thread: a year of shifts takes longer than the event loop may wait."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.core import schedule as core
from tocsin.core.calendar import zone
from tocsin.core.configuration import Schedule
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.schedule import Shift
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text

LONGEST = timedelta(days=367)
"""The longest range of shifts: a year, and a day for ranges given in local time."""
USUAL = timedelta(days=28)
"""The range of shifts when no end is given."""
LOOK_AHEAD = timedelta(days=60)
"""How far the next shift of a schedule is looked for."""
_MARGIN = timedelta(days=8)
"""How far around a time the final schedule is kept at least."""
_LONG = timedelta(days=360)
"""Ends that lie further away may be no ends: `on_call` looks a year either way."""
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)


def _schedule(ctx: Context, id: str) -> Schedule:
    found = ctx.directory.schedules.get(id)
    if found is None:
        raise NotFound(f"There is no schedule {id!r}")
    return found


def _check_instant(at: datetime, name: str) -> datetime:
    if not _EARLIEST <= at <= _LATEST:
        raise Invalid(f"{at.isoformat()} lies outside of any calendar that a schedule can have", f"/{name}")
    return at


async def now(ctx: Context, at: datetime | None = None, schedule: str | None = None) -> dict[str, Any]:
    """Who is on call at an instant: `{"at", "items": [{schedule, name, team, time_zone, user, layer, from, to, endless, shadows, next}]}`.

    `endless`: no end of the shift is found within a year, and `to` is only how far was looked. `user`, `layer`, `from` and `to` are
    null when nobody is; `next` is the shift that follows, `{user, from, to, layer}`, or null when none begins within 60 days.
    Raises NotFound, Invalid.
    """
    when = _check_instant(at or ctx.clock.now(), "at")
    chosen = [_schedule(ctx, schedule)] if schedule else list(ctx.directory.schedules.values())
    near = abs(when - ctx.clock.now()) < timedelta(days=1)
    items = await asyncio.to_thread(
        lambda: [_on_call(ctx.directory, s, when, ctx.finals if near else {}) for s in chosen]
    )
    return {"at": time_text(when), "items": items, "next": None}


def _on_call(directory: Directory, schedule: Schedule, at: datetime, finals: dict[str, Final]) -> dict[str, Any]:
    final = finals.get(schedule.id)
    if final is None or not final.knows(schedule, at):
        final = finals[schedule.id] = Final.around(schedule, at)
    present, following = final.look(at)
    endless = present is not None and present.end - at >= core.FURTHEST
    following = None if endless else following
    return {
        "schedule": schedule.id,
        "name": schedule.name or schedule.id,
        "team": schedule.team,
        "time_zone": schedule.time_zone,
        "user": present.user if present else None,
        "user_name": _label(directory, present.user) if present else None,
        "layer": present.layer if present else None,
        "from": time_text(present.start) if present else None,
        "to": time_text(present.end) if present else None,
        "endless": endless,
        "shadows": list(core.shadows(schedule, at)),
        "next": _next_view(following) if following else None,
    }


@dataclass(slots=True)
class Final:
    """The final schedule around a time, kept so that whoever asks again need not sweep the calendar again."""

    schedule: Schedule
    start: datetime
    end: datetime
    shifts: tuple[Shift, ...]
    starts: list[datetime]
    present: Shift | None = None
    """The shift that sticks out of this span, as a whole."""

    @classmethod
    def around(cls, schedule: Schedule, at: datetime) -> Final:
        start, end = at - 2 * _MARGIN, at + LOOK_AHEAD + 2 * _MARGIN
        found = core.shifts(schedule, start, end)
        return cls(schedule, start, end, found, [shift.start for shift in found])

    def knows(self, schedule: Schedule, at: datetime) -> bool:
        """Whether it was made for this very schedule and sees far enough around `at`."""
        if not self.start + _MARGIN <= at <= self.end - LOOK_AHEAD - _MARGIN:
            return False
        if self.schedule is not schedule and self.schedule == schedule:
            self.schedule = schedule
        return self.schedule is schedule

    def look(self, at: datetime) -> tuple[Shift | None, Shift | None]:
        """Who is on call, and the shift that follows within LOOK_AHEAD."""
        place = bisect_right(self.starts, at)
        present = self.shifts[place - 1] if place and at < self.shifts[place - 1].end else None
        if present is not None and (present.start == self.start or present.end == self.end):
            present = self._whole(at)
        after = present.end if present else at
        if after + LOOK_AHEAD > self.end:
            later = core.shifts(self.schedule, after, after + LOOK_AHEAD)
            return present, next((shift for shift in later if shift.start >= after), None)
        place = bisect_left(self.starts, after)
        following = self.shifts[place] if place < len(self.shifts) else None
        return present, following if following and following.start < after + LOOK_AHEAD else None

    def _whole(self, at: datetime) -> Shift | None:
        """The shift at `at` with its real ends. One whose ends were looked for in vain is looked for again: they move with `at`."""
        kept = self.present
        if kept is None or not kept.start <= at < kept.end or kept.end - at > _LONG or at - kept.start > _LONG:
            self.present = core.on_call(self.schedule, at)
        return self.present


def _label(directory: Directory, user: str) -> str:
    known = directory.users.get(user)
    return known.label if known else user


def _next_view(shift: Shift) -> dict[str, Any]:
    return {"user": shift.user, "from": time_text(shift.start), "to": time_text(shift.end), "layer": shift.layer}


async def shifts(
    ctx: Context, schedule: str, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """The final schedule of [start, end): `{"items": [{user, from, to, layer}], "next": null}`, merged, never paged.

    Times carry the offset of the schedule's own zone. Without `start` from now, without `end` four weeks on.
    Raises NotFound, Invalid (a range that is empty, or longer than a year).
    """
    found = _schedule(ctx, schedule)
    begin = _check_instant(start or ctx.clock.now(), "from")
    until = _check_instant(end or begin + USUAL, "to")
    if until <= begin:
        raise Invalid("The range is empty: `to` must come after `from`", "/to")
    if until - begin > LONGEST:
        raise Invalid("The range is longer than a year: ask for less at a time", "/to")
    return {"items": await asyncio.to_thread(final_shifts, found, begin, until), "next": None}


def final_shifts(schedule: Schedule, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """`{user, from, to, layer}` of each final shift, in the schedule's own zone."""
    return [_shift_view(schedule, shift) for shift in core.shifts(schedule, start, end)]


def _shift_view(schedule: Schedule, shift: Shift) -> dict[str, Any]:
    place = zone(schedule.time_zone)
    return {
        "user": shift.user,
        "from": shift.start.astimezone(place).isoformat(),
        "to": shift.end.astimezone(place).isoformat(),
        "layer": shift.layer,
    }
