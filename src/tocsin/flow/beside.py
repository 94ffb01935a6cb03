"""Work of timers that takes too long to stand between the others: beside the loop, few at once, each under a lease of its own.

What composes texts for audiences reads a lot and may render templates that people wrote; what looks whether a service works waits for
it. In the loop of the timers it would hold up whoever is to be paged next; so it is done here, and a storm of it waits in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from tocsin.core.errors import Unavailable
from tocsin.flow.context import Context
from tocsin.store import notices, timers
from tocsin.store.timers import Timer

log = structlog.get_logger(__name__)

MOST = 40
"""Timers of one kind that a node holds, in hand or next; the others stay in the database, for any node."""
LEASE = timedelta(seconds=20)
"""How long one belongs to this node; prolonged when its turn comes."""
BACK = timedelta(seconds=0.5)
"""After how long those are looked at again for which there was no room, as many at a time as there may be room for."""


async def beside(
    ctx: Context, batch: Sequence[Timer], work: Callable[[Context, Timer], Awaitable[None]],
    places: asyncio.Semaphore | None = None, lease: timedelta = LEASE,
) -> None:  # fmt: skip
    """Let `work` be done for each of these claimed timers of one kind, soon. It removes the timer together with its outcome.

    `places`: how many at the same time, where that is not what all kinds share. `lease`: for how long work that was begun is ours.
    """
    kind, now = batch[0].kind, ctx.clock.now()
    room = max(0, MOST - ctx.beside[kind])
    waiting = batch[room:]
    async with ctx.db.transaction() as tx:
        for turn, start in enumerate(range(0, len(waiting), MOST), 1):
            await notices.put_back(tx, ctx.node, waiting[start : start + MOST], now + turn * BACK)
        ours = await notices.lease(tx, ctx.node, batch[:room], now + min(lease, LEASE))
    for timer in ours:
        ctx.beside[kind] += 1
        ctx.chore(_run(ctx, timer, work, places or ctx.places, lease))


async def _run(
    ctx: Context, timer: Timer, work: Callable[[Context, Timer], Awaitable[None]], places: asyncio.Semaphore,
    lease: timedelta,
) -> None:  # fmt: skip
    try:
        async with places:
            async with ctx.db.transaction() as tx:
                leased = await notices.lease(tx, ctx.node, [timer], ctx.clock.now() + lease)
            if leased:  # else it waited too long here, and another node has it
                timer = leased[0]
                await work(ctx, timer)
                ctx.wake.set("timers")
    except Unavailable:
        log.warning("a timer waits for the database", kind=timer.kind, subject=timer.subject)
    except Exception as error:
        log.exception("a timer failed", kind=timer.kind, subject=timer.subject)
        await _put_off(ctx, timer, f"{type(error).__name__}: {error}")
    finally:
        ctx.beside[timer.kind] -= 1


async def _put_off(ctx: Context, timer: Timer, why: str) -> None:
    wait = timedelta(seconds=min(2 ** min(timer.attempts, 6), 60))
    try:
        async with ctx.db.transaction() as tx:
            await timers.put_off(tx, ctx.node, timer, ctx.clock.now() + wait, why)
    except Unavailable:
        log.warning("a failure could not be kept; it is tried again when the lease runs out", subject=timer.subject)
