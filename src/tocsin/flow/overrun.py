"""A maintenance window ended, and what it held back still fires: where its plan says so, that is declared as a SEV3."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict
from tocsin.core.mute import Mute
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.flow.declaring import declare
from tocsin.flow.pager import ACTOR
from tocsin.store import mutes, timers
from tocsin.store.database import Tx
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer

TIMER = "overrun"
"""Kind of the timer that declares it; its subject is `mutes.id`."""


class _Taken(Conflict):
    """Somebody else did it."""


def overran(directory: Directory, mute: Mute, firing: int) -> bool:
    """Does this window, which is over, count as overrun? One that somebody ended early does not."""
    rule = directory.mutes.get(mute.rule) if mute.rule else None
    in_time = mute.planned_end is None or mute.ends_at >= mute.planned_end
    return mute.kind == "maintenance" and firing > 0 and in_time and rule is not None and rule.overrun == "declare"


async def fire(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Declare what overran, once."""
    for timer in due:
        async with ctx.db.reading() as tx:
            mute = await mutes.by_row(tx, timer.subject)
        services = [service for service in (mute.scope if mute else ()) if service in ctx.directory.services]
        if mute is None or not services:
            async with ctx.db.transaction() as tx:
                await timers.finish(tx, ctx.node, [timer])
            continue
        await _declare(ctx, timer, mute, services)
    return []


async def _declare(ctx: Context, timer: Timer, mute: Mute, services: list[str]) -> None:
    async def once(tx: Tx, number: int) -> None:
        if timer.id not in await timers.finish(tx, ctx.node, [timer]):
            raise _Taken("declared already")

    what = mute.comment or mute.rule or "Maintenance"
    text = (
        f"The maintenance window {mute.rule or mute.public_id} ended at {mute.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and alerts"
        f" that it held back still fire: {ctx.settings.external_url.rstrip('/')}/mutes/{mute.public_id}"
    )
    try:
        await declare(ctx, ACTOR, f"Maintenance overran: {what}"[:1024], text, Severity.SEV3, services, also=once)
    except _Taken:
        return
