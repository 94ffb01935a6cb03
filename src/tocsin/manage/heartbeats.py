"""Heartbeats as people see them: how each stands, its last pings, and pausing."""

from __future__ import annotations

from typing import Any

from tocsin.core.errors import NotFound
from tocsin.core.heartbeat import Look, look
from tocsin.core.permission import Principal, allowed, require
from tocsin.core.planned import Heartbeat
from tocsin.core.shape import short
from tocsin.flow import heartbeats as flow
from tocsin.flow.context import Context
from tocsin.flow.heartbeats import LATE, PULSE_EVERY
from tocsin.manage import objects
from tocsin.manage.lists import DEFAULT, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.store import access
from tocsin.store import heartbeats as store
from tocsin.store.heartbeats import Beat, Received, Row

STROKES = 40
"""Pings in a drawing."""
LISTED = 50
"""Pings of one heartbeat that are shown."""


async def list_heartbeats(
    ctx: Context, principal: Principal, *, status: str | None = None, service: str | None = None, limit: int = DEFAULT,
    cursor: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """`{"items", "next"}` by id. `status` is new, up, started, late, down or paused. Raises Invalid."""
    check_limit(limit)
    (after,) = read_cursor(cursor, tuple[str]) or ("",)
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        rows = await store.known(tx)
        outages = await store.outages(tx, now, PULSE_EVERY, LATE)
        found = []
        for name, beat in sorted(ctx.directory.heartbeats.items()):
            row = rows.get(name)
            seen = look(beat, row.facts, outages, now) if row is not None else Look("new", None, None)
            fits = (not status or seen.state == status) and (not service or beat.service == service)
            if name > after and fits:
                found.append((beat, row, seen))
        page = found[: limit + 1]
        strokes = await store.strokes(tx, [row.n for _, row, _ in page if row is not None], STROKES)

    def shown(one: tuple[Heartbeat, Row | None, Look]) -> dict[str, Any]:
        beat, row, seen = one
        return {**view(ctx, principal, beat, row, seen), "recent": _recent(strokes.get(row.n, []) if row else [])}

    return listing(page, limit, shown, lambda one: write_cursor(one[0].id))


async def get(ctx: Context, principal: Principal, id: str) -> dict[str, Any]:
    """One heartbeat with its last pings, newest first. Raises NotFound."""
    beat = _find(ctx, id)
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        row = (await store.known(tx)).get(id)
        outages = await store.outages(tx, now, PULSE_EVERY, LATE)
        pings = await store.pings(tx, row.n, LISTED) if row is not None else []
    seen = look(beat, row.facts, outages, now) if row is not None else Look("new", None, None)
    strokes = [Beat(ping.at, ping.kind, ping.seconds) for ping in reversed(pings[:STROKES])]
    return {
        **view(ctx, principal, beat, row, seen),
        "recent": _recent(strokes),
        "pings": [_ping(ping) for ping in pings],
        "outages": [{"from": time_text(start), "to": time_text(end)} for start, end in outages[-5:]],
    }


async def pause(ctx: Context, principal: Principal, id: str, paused: bool) -> dict[str, Any]:
    """Pause a heartbeat (nothing alarms, an open alert resolves) until it pings or is resumed; or resume it. Raises NotFound, Forbidden."""
    require(principal, "mute")
    beat = _find(ctx, id)
    if await flow.pause(ctx, beat, paused):
        async with ctx.db.transaction() as tx:
            action = "heartbeat.pause" if paused else "heartbeat.resume"
            await access.audit(tx, ctx.clock.now(), principal.id, action, f"heartbeat:{id}", {})
    return await get(ctx, principal, id)


def _find(ctx: Context, id: str) -> Heartbeat:
    beat = ctx.directory.heartbeats.get(id)
    if beat is None:
        raise NotFound(f"There is no heartbeat {short(id)}")
    return beat


def view(ctx: Context, principal: Principal, beat: Heartbeat, row: Row | None, seen: Look) -> dict[str, Any]:
    """One heartbeat as JSON: what is configured, and how it stands. `ping_url` for those who may see keys."""
    stored = objects.view(ctx, principal, objects.find(ctx, "heartbeats", beat.id))
    keys = allowed(principal.role, "see_keys")
    return {
        **stored,
        "status": seen.state,
        "last_ping_at": time_text(row.facts.last_at) if row else None,
        "started_at": time_text(row.facts.started_at) if row else None,
        "expected_at": time_text(seen.expected_at),
        "down_at": time_text(seen.down_at),
        "pings_count": row.pings if row else 0,
        "ping_url": f"{ctx.settings.external_url}/ping/{beat.key}" if keys else None,
    }


def _recent(strokes: list[Beat]) -> list[dict[str, Any]]:
    return [{"at": time_text(one.at), "kind": one.kind, "seconds": one.seconds} for one in strokes]


def _ping(ping: Received) -> dict[str, Any]:
    return {
        "at": time_text(ping.at),
        "kind": ping.kind,
        "exit_status": ping.exit_status,
        "rid": None if ping.rid is None else str(ping.rid),
        "seconds": ping.seconds,
        "method": ping.method,
        "remote": ping.remote,
        "agent": ping.agent,
        "body": ping.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}"),
    }
