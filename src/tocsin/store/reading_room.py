"""What the room looks at besides its lists: the firsts of its timeline, alerts and changes around the onset. Only reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.store.database import Tx

Row = Mapping[str, Any]


async def firsts(tx: Tx, incident: int, kinds: Sequence[str]) -> list[Row]:
    """By kind, its first entry: `{kind, at, actor, last_at}`; `last_at` is when the last one was written."""
    return list(
        await tx.fetch(
            """SELECT t.kind, t.at, t.actor, f.last_at FROM (
                 SELECT min(seq) AS seq, max(at) AS last_at FROM timeline
                 WHERE incident_id = $1 AND kind = ANY($2::text[]) GROUP BY kind
               ) f JOIN timeline t ON t.incident_id = $1 AND t.seq = f.seq""",
            incident, list(kinds),
        )
    )  # fmt: skip


async def corrections(tx: Tx, incident: int, entries: Sequence[int]) -> list[Row]:
    """What was said later of these entries: `{entry, id, at, actor, details}`, oldest first."""
    return list(
        await tx.fetch(
            """SELECT (data->'corrects'->>'entry')::bigint AS entry, id, at, actor, details FROM timeline
               WHERE incident_id = $1 AND kind = 'corrected' AND (data->'corrects'->>'entry')::bigint = ANY($2::bigint[])
               ORDER BY seq""",
            incident, list(entries),
        )
    )  # fmt: skip


async def judged(tx: Tx, incident: int) -> int:
    """How many alerts of the incident somebody judged."""
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM alerts a JOIN verdicts v ON v.alert_id = a.id WHERE a.incident_id = $1", incident
        )
    )


async def changes(tx: Tx, services: Sequence[str], start: datetime, end: datetime, limit: int) -> list[Row]:
    """Changes of these services in that time, newest first."""
    return list(
        await tx.fetch(
            """SELECT id, at, service, integration, title, body FROM events
               WHERE action = 'change' AND service = ANY($1::text[]) AND at >= $2 AND at < $3 ORDER BY at DESC, id DESC LIMIT $4""",
            list(services), start, end, limit,
        )
    )  # fmt: skip


async def alerts_around(tx: Tx, incident: int, limit: int) -> list[Row]:
    """When the first alerts of an incident began and ended, in order."""
    return list(
        await tx.fetch(
            """SELECT id, title, service, severity, COALESCE(starts_at, first_at) AS at, resolved_at FROM alerts
               WHERE incident_id = $1 ORDER BY id LIMIT $2""",
            incident, limit,
        )
    )  # fmt: skip
