"""Foresight on a running server: what would happen, with the silences it knows, and what would go wrong, with what it has heard."""

from __future__ import annotations

import asyncio
from typing import Any

from tocsin.core.readiness import DAYS
from tocsin.flow.context import Context
from tocsin.flow.forewarn import facts_of
from tocsin.manage import foresight
from tocsin.manage.foresight import Question
from tocsin.manage.lists import read_time, time_text
from tocsin.manage.readiness import examine
from tocsin.store import mutes, readiness


async def rehearse(ctx: Context, question: Question) -> dict[str, Any]:
    """`manage.foresight.rehearse` with the silences that will hold then. Changes nothing. Raises Invalid."""
    now = ctx.clock.now()
    at = read_time(question.at, "at") or now
    rules = list(ctx.directory.mutes)
    async with ctx.db.reading() as tx:
        standing = await mutes.standing(tx, at)
        ended = await mutes.ended_by_hand(tx, rules, now) if rules else {}
    written = [mute for mute in standing if mute.rule is None]
    planned = [mute for mute in foresight.planned(ctx.directory, at) if at >= ended.get(mute.rule or "", at)]
    muted = foresight.muted_by([*written, *planned])
    return await asyncio.to_thread(
        foresight.rehearse, ctx.directory, question, now, muted, foresight.ringing(ctx.channels)
    )


async def check(ctx: Context, days: int = DAYS) -> dict[str, Any]:
    """`manage.readiness.examine` with all that this server knows, and `reports`: what each team was last told, `{team, at, findings}`
    (team None: the administrators). Changes nothing. Raises Invalid."""
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        facts = await facts_of(tx, ctx.directory, now)
        told = await readiness.last_told(tx)
    found = await asyncio.to_thread(examine, ctx.directory, now, days, facts)
    reports = [{"team": team or None, "at": time_text(at), "findings": count} for team, at, count in told]
    return {**found, "reports": reports}
