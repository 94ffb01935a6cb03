"""Drills: incidents that are marked, with when they end and why they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.store.database import Tx

TIMER = "drill"

Row = Mapping[str, Any]

_COLUMNS = """
d.incident_id, d.service, d.severity, d.started_by, d.started_at, d.until, d.ended_at, d.ended_because, i.title, i.urgency, i.status,
i.no_page_reason, i.created_at, i.acknowledged_at, i.acknowledged_by, i.alarm
"""


async def add(tx: Tx, incident: int, service: str, severity: int, actor: str, now: datetime, until: datetime) -> bool:
    """Mark an incident, born in this transaction, as a drill. False when one of its service is still running."""
    await tx.execute("UPDATE incidents SET drill = true WHERE id = $1", incident)
    added = await tx.fetchval(
        """INSERT INTO drills (incident_id, service, severity, started_by, started_at, until)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true""",
        incident, service, severity, actor, now, until,
    )  # fmt: skip
    return bool(added)


async def end(tx: Tx, incident: int, because: str, now: datetime) -> bool:
    """False when it had ended before."""
    done = await tx.fetchval(
        "UPDATE drills SET ended_at = $3, ended_because = $2 WHERE incident_id = $1 AND ended_at IS NULL RETURNING true",
        incident, because, now,
    )  # fmt: skip
    return bool(done)


async def until(tx: Tx, incidents: Sequence[int]) -> dict[int, datetime]:
    """Those of the incidents that are drills which have not ended, and when they do."""
    rows = await tx.fetch(
        "SELECT incident_id, until FROM drills WHERE incident_id = ANY($1::bigint[]) AND ended_at IS NULL",
        list(incidents),
    )
    return {row[0]: row[1] for row in rows}


async def get(tx: Tx, incident: int) -> Row | None:
    row: Row | None = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM drills d JOIN incidents i ON i.id = d.incident_id WHERE d.incident_id = $1", incident
    )
    return row


async def newest(tx: Tx, before: tuple[datetime, int] | None, limit: int) -> list[Row]:
    """Newest first, from the one after (started_at, incident)."""
    at, incident = before or (None, None)
    return list(
        await tx.fetch(
            f"""SELECT {_COLUMNS} FROM drills d JOIN incidents i ON i.id = d.incident_id
                WHERE $1::timestamptz IS NULL OR (d.started_at, d.incident_id) < ($1, $2::bigint)
                ORDER BY d.started_at DESC, d.incident_id DESC LIMIT $3""",
            at, incident, limit,
        )
    )  # fmt: skip
