"""Similar incidents of the past, and what helped then: offered to whoever declares one, and in the room (S0-3, F27)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tocsin.core.impact import stored_impact
from tocsin.core.incident import display_name, public_id, unknown
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage import privacy
from tocsin.manage.incidents import incident_url
from tocsin.manage.lists import time_text
from tocsin.store import reading_incidents as reading
from tocsin.store import search
from tocsin.store.database import Tx
from tocsin.store.reading_incidents import Row

MOST = 5
LEAST_SHARE = 0.3
"""How much of the words must be there, rare ones counting more, for an incident to be called similar."""
_CANDIDATES = 40
LONGEST = 4000
"""Characters of a text that are compared."""


async def like(ctx: Context, text: str, services: Sequence[str] = (), without: Sequence[int] = ()) -> dict[str, Any]:
    """`{"items": [...], "next": null}`: incidents whose words are like `text`, the likest first; those on the same services rank higher.

    Each item: `id, name, title, severity, status, service, created_at, resolved_at, minutes` (to restoration), `workaround`, `helped` (what
    was said when it was restored or resolved), `reviewed`, `share` (0 to 1), `url`.
    """
    async with ctx.db.reading() as tx:
        return await _like(ctx, tx, text, services, without)


async def to(ctx: Context, number: int) -> dict[str, Any]:
    """The same for an incident that there is. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading.get(tx, number)
        if row is None:
            raise unknown(number)
        impact = stored_impact(row["impact"])
        text = " ".join((row["title"], impact.what, row["description"], " ".join(row["tags"])))
        return await _like(ctx, tx, text, row["affected_services"], [number, *row["related"]])


async def _like(ctx: Context, tx: Tx, text: str, services: Sequence[str], without: Sequence[int]) -> dict[str, Any]:
    skipped = [*without, *await privacy.hidden(tx)]
    found = await search.alike(tx, text[:LONGEST].replace("\0", " "), skipped, _CANDIDATES)
    shares = {one.incident: one.share for one in found if one.share >= LEAST_SHARE}
    rows = await reading.several(tx, list(shares))
    ends = await search.known_ends(tx, list(shares))
    reviewed = await search.reviewed(tx, list(shares))
    items = [
        _view(ctx, row, shares[row["id"]], ends.get(row["id"], ""), row["id"] in reviewed)
        for row in rows
        if not row["drill"]
    ]
    items.sort(key=lambda item: _rank(item, services), reverse=True)
    return {"items": items[:MOST], "next": None}


def _rank(item: dict[str, Any], services: Sequence[str]) -> tuple[float, int]:
    """Alike first; a little more for the same service and for what somebody can learn from."""
    bonus = 0.15 * (item["service"] in services) + 0.1 * bool(item["workaround"] or item["helped"] or item["reviewed"])
    return item["share"] + bonus, item["number"]


def _view(ctx: Context, row: Row, share: float, helped: str, reviewed: bool) -> dict[str, Any]:
    restored = row["restored_at"] or row["resolved_at"]
    minutes = None if restored is None else round((restored - row["detected_at"]).total_seconds() / 60)
    return {
        "id": public_id(row["id"]),
        "number": row["id"],
        "name": display_name(row["id"], row["created_at"]),
        "title": row["title"],
        "severity": Severity(row["severity"]).key,
        "status": row["status"],
        "service": row["service"],
        "created_at": time_text(row["created_at"]),
        "resolved_at": time_text(row["resolved_at"]),
        "minutes": minutes,
        "workaround": stored_impact(row["impact"]).workaround,
        "helped": helped,
        "reviewed": reviewed,
        "share": round(share, 2),
        "url": incident_url(ctx, row["id"]),
    }
