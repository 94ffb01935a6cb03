"""Messages to channels as people write and read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.core.errors import Forbidden
from tocsin.core.incident import public_id
from tocsin.core.permission import Principal, allowed, require
from tocsin.flow import communicate
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.manage.updates import receipt_view, speaks
from tocsin.store import communications as stored
from tocsin.store import incidents, updates
from tocsin.store.communications import Communication


def view(one: Communication, receipts: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A communication as JSON. `state`: `sent` (`receipts` say what became of it), `recorded` (no such channel is configured: it is only
    kept), `draft` (a person approves it first), `discarded`."""
    return {
        "id": one.id,
        "incident": public_id(one.incident),
        "at": time_text(one.created_at),
        "channel": one.channel,
        "audience": one.audience,
        "message": one.message,
        "actor": one.actor,
        "state": one.state,
        "update": one.update_id,
        "sent_at": time_text(one.sent_at),
        "sent_by": one.sent_by,
        "receipts": [receipt_view(row) for row in receipts],
    }


async def list_communications(ctx: Context, principal: Principal, number: int) -> dict[str, Any]:
    """`{"items", "next": null}`, oldest first. Drafts and receipts are for those who may publish. Raises NotFound."""
    insider = allowed(principal.role, "publish")
    async with ctx.db.reading() as tx:
        await incidents.known(tx, number)
        found = await stored.of_incident(tx, number, ("draft", "sent", "recorded") if insider else ("sent", "recorded"))
        rows = await updates.receipts(tx, communications=[one.id for one in found]) if insider else []
    return {
        "items": [view(one, [row for row in rows if row["communication_id"] == one.id]) for one in found],
        "next": None,
    }


async def communicate_to(ctx: Context, principal: Principal, number: int, message: str, channel: str) -> dict[str, Any]:
    """Tell a channel; the communication with its receipts. Raises Forbidden, NotFound, Invalid."""
    require(principal, "publish")
    return await _shown(ctx, await communicate.communicate(ctx, number, principal.id, message, channel))


async def approve(ctx: Context, principal: Principal, number: int, id: int, message: str | None) -> dict[str, Any]:
    """Send a draft to where customers listen, as it is or mended: by those who may speak in public. Raises as the flow, and Forbidden."""
    async with ctx.db.reading() as tx:
        incident = await incidents.known(tx, number)
    if not speaks(principal, incident.roles):
        raise Forbidden(
            f"{principal.name} may not tell customers: take the role of comms lead or incident commander of this incident first."
        )
    return await _shown(ctx, await communicate.approve(ctx, number, id, principal.id, message))


async def discard(ctx: Context, principal: Principal, number: int, id: int) -> dict[str, Any]:
    """Throw a draft away. Raises Forbidden, NotFound, Conflict."""
    require(principal, "publish")
    return view(await communicate.discard(ctx, number, id, principal.id))


async def _shown(ctx: Context, one: Communication) -> dict[str, Any]:
    async with ctx.db.reading() as tx:
        return view(one, await updates.receipts(tx, communications=[one.id]))
