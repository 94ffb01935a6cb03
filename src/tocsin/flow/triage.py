"""Events + what is open -> alerts and incidents, set-based for a batch, each outcome with a reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec
import structlog

from tocsin.core.alert import Reason, group_key
from tocsin.core.errors import Unavailable
from tocsin.flow import hiding
from tocsin.flow.batch import Item, Outcome, Run, waves
from tocsin.flow.context import Context
from tocsin.flow.opening import Newcomer, Opening
from tocsin.flow.settling import acknowledge_by_source, resolve_by_source
from tocsin.store import intake
from tocsin.store.database import Tx
from tocsin.store.intake import Found, NewEvent
from tocsin.store.notifications import Held

log = structlog.get_logger(__name__)

ATTEMPTS = 8
"""How often a batch is looked at again because somebody else changed the same rows meanwhile."""
BUSY = "Too much is being written at once: send this again"


async def triage(ctx: Context, tx: Tx, items: Sequence[Item], refresh: Callable[[], object], now: datetime) -> int:
    """Give every item its outcome, committed; its pages are handed over. `tx` is a connection outside a transaction, the
    writer's own. Returns how many pages there are.

    Raises Unavailable when other writers keep winning.
    """
    changes = [item for item in items if item.event.action == "change"]
    if changes:
        await _store_changes(tx, changes, now)
    paged = 0
    for wave in waves([item for item in items if item.event.action != "change"] if changes else items):
        runs: dict[str, list[Run]] = {}
        for run in wave.values():
            runs.setdefault(run.first.event.action, []).append(run)
        if "resolve" in runs:
            await _settled(ctx, resolve_by_source, tx, runs["resolve"], now)
        if "acknowledge" in runs:
            await _settled(ctx, acknowledge_by_source, tx, runs["acknowledge"], now)
        if "trigger" in runs:
            held = await _triggers(ctx, tx, runs["trigger"], refresh, now)
            ctx.hand_over(held)
            paged += len(held)
    return paged


async def _settled(
    ctx: Context,
    settle: Callable[[Context, Tx, Sequence[Run], datetime], Awaitable[None]],
    tx: Tx,
    runs: list[Run],
    now: datetime,
) -> None:
    """Somebody else may want the same rows in another order: the database lets one of us go on, and the other tries again."""
    for attempt in range(ATTEMPTS):
        try:
            return await settle(ctx, tx, runs, now)
        except asyncpg.DeadlockDetectedError:
            log.info("somebody else changed the same rows", attempt=attempt)
    raise Unavailable(BUSY)


async def _triggers(ctx: Context, tx: Tx, runs: list[Run], refresh: Callable[[], object], now: datetime) -> list[Held]:
    worse: list[tuple[int, int | None, int]] = []
    repeats: list[tuple[Run, int, int | None]] = []
    """They have their outcome when what they made worse is committed."""
    held, runs = await _straight(ctx, tx, runs, now)
    if not runs:
        return held
    for attempt in range(ATTEMPTS):
        groups, asked = groups_of(runs, now)
        try:
            keys = [(r.service, r.key, len(r.items), r.ends_at) for r in runs]
            own = [p for p in range(len(runs)) if p not in groups]
            found = await intake.look(tx, keys, asked, now, own, ctx.recall.wanted(len(runs)) if own else 0)
        except asyncpg.DeadlockDetectedError:
            continue
        if found.revision != ctx.directory.revision:
            refresh()
        ctx.recall.learn(found, asked, runs, now)
        repeats += [(runs[position], repeat[0], repeat[1]) for position, repeat in found.repeated.items()]
        worse += worse_of(runs, found)
        new = [position for position in range(len(runs)) if position not in found.repeated]
        newcomers = [newcomer_of(runs[p], groups.get(p), asked, found, p) for p in new]
        for newcomer, number in zip((n for n in newcomers if n.group is None), found.numbers, strict=False):
            newcomer.number = number
        silences = await ctx.silences.now(tx, (found.mutes, found.mutes_version), now) if found.mutes else None
        causes = await hiding.look(ctx.directory, tx, newcomers) if newcomers else None
        opening = Opening(ctx, now, newcomers, silences, worse, causes)
        done = await opening.commit(tx)
        waiting = []
        for position, newcomer in zip(new, newcomers, strict=True):
            if newcomer.placed:
                runs[position].settle(newcomer.reason, newcomer.alert, newcomer.incident, Reason.REPEATED)
            else:
                waiting.append(runs[position])
        if done:
            for run, alert, incident in repeats:
                run.settle(Reason.REPEATED, alert, incident)
            return [*held, *opening.held]
        log.info("somebody else changed the same rows", attempt=attempt)
        runs, now = waiting, ctx.clock.now()
    raise Unavailable(BUSY)


async def _straight(ctx: Context, tx: Tx, runs: list[Run], now: datetime) -> tuple[list[Held], list[Run]]:
    """Write those that are new and go where we remember, without a look. Returns what to deliver, and the runs that remain."""
    if not ctx.recall.guesses(ctx.directory, runs, now):
        return [], runs
    groups = [
        None
        if (grouping := run.first.ref.service.grouping) is None
        else (run.service, group_key(grouping, run.first.event) or "")
        for run in runs
    ]
    rooms = ctx.recall.rooms(runs, groups, now)
    if rooms is None:
        return [], runs
    newcomers = [
        Newcomer(
            run.first.ref, run.first.event, run.severity, len(run.items), run.ends_at, group=group,
            room=None if room is None else room[:2], number=0 if room else ctx.recall.numbers.popleft(),
        )
        for run, group, room in zip(runs, groups, rooms, strict=True)
    ]  # fmt: skip
    opening = Opening(ctx, now, newcomers, None, guessed=True)
    await opening.commit(tx)
    left = []
    for run, newcomer in zip(runs, newcomers, strict=True):
        if newcomer.placed:
            run.settle(newcomer.reason, newcomer.alert, newcomer.incident, Reason.REPEATED)
        else:
            left.append(run)
            if newcomer.number:
                ctx.recall.numbers.append(newcomer.number)
    ctx.recall.remember(runs)
    ctx.recall.proved(len(runs) - len(left), len(runs))
    return opening.held if len(left) < len(runs) else [], left


def newcomer_of(
    run: Run, group: int | None, asked: Sequence[tuple[str, str, datetime]], found: Found, position: int
) -> Newcomer:
    room = None if group is None else found.groups.get(group)
    resting = room is not None and group in found.resting
    room = room or found.back.get(position)
    return Newcomer(
        run.first.ref, run.first.event, run.severity, len(run.items), run.ends_at,
        group=None if group is None else asked[group][:2],
        since=None if group is None else asked[group][2],
        room=room,
        watched=room[0] if room is not None and resting else found.watched.get(position),
    )  # fmt: skip


def groups_of(runs: Sequence[Run], now: datetime) -> tuple[dict[int, int], list[tuple[str, str, datetime]]]:
    """For each run of a grouped service its group, and the distinct groups (service, key, opened since)."""
    distinct: dict[tuple[str, str], int] = {}
    asked: list[tuple[str, str, datetime]] = []
    of: dict[int, int] = {}
    for position, run in enumerate(runs):
        grouping = run.first.ref.service.grouping
        if grouping is None:
            continue
        key = group_key(grouping, run.first.event) or ""
        if (run.service, key) not in distinct:
            distinct[run.service, key] = len(asked)
            asked.append((run.service, key, now - timedelta(seconds=grouping.window)))
        of[position] = distinct[run.service, key]
    return of, asked


def worse_of(runs: Sequence[Run], found: Found) -> list[tuple[int, int | None, int]]:
    """(alert, incident, severity) of open alerts that came again with a worse severity."""
    return [
        (repeat[0], repeat[1], runs[position].severity)
        for position, repeat in found.repeated.items()
        if runs[position].severity < repeat[2]
    ]


async def _store_changes(tx: Tx, items: Sequence[Item], now: datetime) -> None:
    await intake.write_events(
        tx,
        [
            NewEvent(
                at=i.event.starts_at or now, service=i.ref.service.id, integration=i.ref.integration.id, action="change",
                dedup_key=i.event.dedup_key, title=i.event.title, reason=Reason.STORED.value, alert_id=None,
                incident_id=None,
                body=msgspec.json.encode(
                    {"source": i.event.source, "details": i.event.details, "links": i.event.links, "images": i.event.images}
                ).decode(),
            )
            for i in items
        ],
    )  # fmt: skip
    for item in items:
        item.outcome = Outcome(Reason.STORED)
