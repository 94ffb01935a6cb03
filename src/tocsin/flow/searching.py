"""Incidents get their words to be found by, a little while after they began and off the path of events."""

from __future__ import annotations

from tocsin.flow.context import Context
from tocsin.store import search

MOST = 5
"""Batches at one look, so that a storm is not competed with."""


async def catch_up(ctx: Context) -> int:
    """Write the words of incidents that have none yet. Returns how many there were."""
    written = 0
    for _ in range(MOST):
        async with ctx.db.transaction() as tx:
            count = await search.catch_up(tx, ctx.clock.now())
        written += count
        if count < search.BATCH:
            break
    return written
