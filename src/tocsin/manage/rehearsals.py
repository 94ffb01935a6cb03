"""Foresight on a running server: what would happen, with the silences it knows, and what would go wrong, with what it has heard."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.configuration import Service
from tocsin.core.event import Event
from tocsin.core.finding import Facts
from tocsin.core.mute import Mute
from tocsin.core.readiness import DAYS
from tocsin.flow.context import Context
from tocsin.manage import foresight
from tocsin.manage.foresight import Muted, Question, Quiet
from tocsin.manage.lists import read_time
from tocsin.manage.readiness import examine
from tocsin.store import mutes, readiness
from tocsin.store.database import Tx

RECENT = timedelta(days=30)
"""How far back alerts without runbooks and messages that failed are looked for."""


async def rehearse(ctx: Context, question: Question) -> dict[str, Any]:
    """`manage.foresight.rehearse` with the silences that will hold then. Changes nothing. Raises Invalid."""
    now = ctx.clock.now()
    at = read_time(question.at, "at") or now
    async with ctx.db.reading() as tx:
        held = await mutes.active(tx, at)
    return await asyncio.to_thread(foresight.rehearse, ctx.directory, question, now, muted_by(held))


def muted_by(held: list[Mute]) -> Muted:
    def muted(service: Service, event: Event, at: datetime) -> Quiet | None:
        found = next((mute for mute in held if mute.mutes(event.labels, service.id, at)), None)
        if found is None:
            return None
        comment = f" ({found.comment})" if found.comment else ""
        return Quiet(
            f"A silence by {found.created_by}{comment} holds it back until {found.ends_at:%Y-%m-%d %H:%M} UTC.",
            found.ends_at,
        )

    return muted


async def check(ctx: Context, days: int = DAYS) -> dict[str, Any]:
    """`manage.readiness.examine` with all that this server knows. Changes nothing. Raises Invalid."""
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        facts = await facts_of(tx, now)
    return await asyncio.to_thread(examine, ctx.directory, now, days, facts)


async def facts_of(tx: Tx, now: datetime) -> Facts:
    """What the database knows that a file does not."""
    return Facts(
        heard=await readiness.heard(tx),
        since=await readiness.integrations_since(tx),
        bare=await readiness.without_runbook(tx, now - RECENT),
        failing=await readiness.failing_methods(tx, now - RECENT),
    )
