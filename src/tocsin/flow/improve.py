"""A shift that hurt asks for something to be changed: an improvement item that names the three worst alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from tocsin.core.directory import Directory
from tocsin.core.handoff import Turn, turns
from tocsin.core.health import LONGEST_SHIFT, Offender, Struck, offenders, shifts_of, strain
from tocsin.core.hours import hours_of
from tocsin.core.past_duty import Past, shifts_then
from tocsin.flow.context import Context
from tocsin.store import health, history, timers
from tocsin.store.health import Improvement, PagedRow
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer

log = structlog.get_logger(__name__)

TIMER = "shift_review"
"""Kind of the one timer that looks at shifts that ended (subject 0)."""
EVERY = timedelta(hours=12)
LOOK_BACK = timedelta(hours=36)
"""Shifts that ended longer ago are not looked at any more."""
NAMED = 3
"""Alerts that an item names."""
_REACH = timedelta(days=45)
_ANCHOR = datetime(2024, 1, 1, tzinfo=UTC)


async def keep_watch(ctx: Context) -> None:
    """There are schedules: shifts will end."""
    if ctx.directory.schedules:
        async with ctx.db.transaction() as tx:
            await timers.ensure(tx, TIMER, 0, ctx.clock.now() + EVERY)


async def review(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Look at the shifts that ended lately; a painful one opens an item, once."""
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        past = await history.past(tx, now - _REACH - LONGEST_SHIFT, now, ctx.directory)
    ended = await asyncio.to_thread(_ended, past, now)
    async with ctx.db.transaction() as tx:
        if not await timers.finish(tx, ctx.node, due):
            return []
        for schedule, turn in ended:
            rows = await health.pages(tx, [turn.user], turn.start, turn.end)
            wanted = improvement(ctx.directory, schedule, turn, rows, now)
            if wanted is not None and await health.ask(tx, wanted):
                log.info("a shift hurt: an improvement is asked for", schedule=schedule, incidents=wanted.pages)
        if ctx.directory.schedules:
            await timers.ensure(tx, TIMER, 0, now + EVERY)
    return []


def _ended(past: Past, now: datetime) -> list[tuple[str, Turn]]:
    """(schedule, shift) of those that ended lately, by the schedules as they were then; of a turn that goes on its weeks."""
    begin = now - _REACH
    begin -= (begin - _ANCHOR) % LONGEST_SHIFT  # so that the weeks of an endless turn are the same at each look
    found = []
    for schedule, versions in past.schedules.items():
        cut = shifts_of(turns(shifts_then(versions, begin, now)))
        found += [(schedule, turn) for turn in cut if now - LOOK_BACK <= turn.end < now]
    return found


def struck(rows: Iterable[PagedRow]) -> list[Struck]:
    return [
        Struck(
            user=row.user, at=row.at, incident=row.incident, severity=row.severity, service=row.service or "", rule=row.rule,
            alert=row.alert,
        )
        for row in rows
    ]  # fmt: skip


def improvement(
    directory: Directory, schedule: str, turn: Turn, rows: Iterable[PagedRow], now: datetime
) -> Improvement | None:
    """The item that a shift asks for, or None when it was bearable. Pages that came by other ways than this schedule are not its."""
    own = struck(row for row in rows if row.via == f"schedule:{schedule}")
    hours = hours_of(directory, turn.user)
    found = strain(hours, own)
    if not found.painful:
        return None
    worst = offenders({turn.user: hours}, own)[:NAMED]
    return Improvement(
        id=0, schedule=schedule, shift_start=turn.start, shift_end=turn.end, title=_title(worst),
        alerts=[
            {"service": one.service, "rule": one.rule, "pages": one.strikes, "asleep": one.asleep, "alert": one.alert}
            for one in worst
        ],
        pages=found.incidents, asleep=found.by_part["sleep"], owner=_owner(directory, schedule, turn.user), state="open",
        note="", created_at=now, updated_at=now, updated_by="tocsin",
    )  # fmt: skip


def _title(worst: Sequence[Offender]) -> str:
    return f"After a painful shift: quieten {', '.join(one.rule for one in worst)}"[:300]


def _owner(directory: Directory, schedule: str, user: str) -> str | None:
    """The manager of the schedule's team, who can give time for it; else whoever had the shift."""
    known = directory.schedules.get(schedule)
    team = directory.teams.get((known.team if known else None) or "")
    manager = team.manager if team else None
    return next((one for one in (manager, user) if one in directory.users), None)
