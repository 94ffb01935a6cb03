"""What one person was told without having to answer (copies, shifts that changed, reminders, updates), and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.core.incident import display_name, public_id
from tocsin.core.permission import Principal
from tocsin.flow.context import Context
from tocsin.manage import privacy
from tocsin.manage.lists import DEFAULT, RowId, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.manage.people import person_named
from tocsin.store import reading_notices


async def told(
    ctx: Context, principal: Principal, user: str | None = None, cursor: str | None = None, limit: int = DEFAULT
) -> dict[str, Any]:
    """`{"items", "next"}`, newest first: `{id, kind, heading, incident, url, method, type, state, created_at, sent_at, attempts, receipt,
    error}`; `incident` is `{id, name, title}` or null, `url` what it told of when that is no incident.

    Raises NotFound, Invalid, Forbidden.
    """
    check_limit(limit)
    person = person_named(ctx, principal, user)
    (below,) = read_cursor(cursor, tuple[RowId]) or (None,)
    async with ctx.db.reading() as tx:
        rows = await reading_notices.of_person(tx, person.id, await privacy.hidden(tx), below, limit + 1)
    return listing(rows, limit, lambda row: _view(ctx, row), lambda row: write_cursor(row["id"]))


def _incident(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": public_id(number), "name": display_name(number, row["began"]), "title": row["title"]}


def _view(ctx: Context, row: Mapping[str, Any]) -> dict[str, Any]:
    about = row["incident_id"]
    return {
        "id": row["id"],
        "kind": row["kind"],
        "heading": row["heading"],
        "incident": None if about is None else _incident(about, row),
        "url": f"{ctx.settings.external_url}{row['path']}" if row["path"] else None,
        "method": row["method"],
        "type": row["channel"],
        "state": row["state"],
        "created_at": time_text(row["created_at"]),
        "sent_at": time_text(row["ended_at"]) if row["state"] == "delivered" else None,
        "attempts": row["attempts"],
        "receipt": row["receipt"],
        "error": row["error"],
    }
