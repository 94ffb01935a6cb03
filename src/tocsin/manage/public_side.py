"""What the public knows of an incident, as its room and the page *Now* show it; and where the silence alarm rings."""

from __future__ import annotations

from typing import Any

from tocsin.core.incident import OPEN
from tocsin.flow.context import Context
from tocsin.flow.silence_alarm import ringing
from tocsin.manage import privacy
from tocsin.manage.lists import time_text
from tocsin.manage.status_pages import address, code_of
from tocsin.store import status


async def of_incident(ctx: Context, number: int) -> dict[str, Any] | None:
    """`{public_at, minutes, url, ringing, rang_at, reason, by}`: since when the public knows, how long after the beginning that was, where
    it reads it; whether the silence alarm rings, or who said why there is nothing to read. None without a status page, or when there
    is nothing to say."""
    if ctx.directory.status_page is None:
        return None
    async with ctx.db.reading() as tx:
        row = await status.silence_of(tx, number)
    if row is None or not (row["public_at"] or row["silence"]):
        return None
    silence, public = row["silence"], row["public_at"]
    loud = row["status"] in OPEN and row["severity"] <= 2
    return {
        "public_at": time_text(public),
        "minutes": max(0, round((public - row["created_at"]).total_seconds() / 60)) if public else None,
        "url": f"{address(ctx)}/incidents/{code_of(ctx)(f'incident:{number}')}" if public and row["shown"] else None,
        "ringing": loud and "at" in silence and "reason" not in silence,
        "rang_at": silence.get("at"),
        "reason": silence.get("reason"),
        "by": silence.get("by"),
    }


async def silent(ctx: Context) -> list[dict[str, Any]]:
    """Open SEV1 and SEV2 incidents about which the status page is silent although the alarm rang."""
    if ctx.directory.status_page is None:
        return []
    async with ctx.db.reading() as tx:
        found = await ringing(ctx, tx, ctx.clock.now())
        hidden = set(await privacy.hidden(tx))
    return [one for one in found if one["incident"] not in hidden]
