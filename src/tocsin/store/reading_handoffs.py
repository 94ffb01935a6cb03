"""What a handoff tells of: open incidents of a shift, changes, alerts that are new, silences. Only reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.store.database import Tx
from tocsin.store.reading_incidents import INCIDENT, Row


async def open_of_shift(tx: Tx, outgoing: str, schedule: str, services: Sequence[str], limit: int) -> list[Row]:
    """Open incidents that the shift owns: assigned to the outgoing, or about services that this schedule answers for."""
    return list(
        await tx.fetch(
            f"""SELECT {INCIDENT} FROM incidents
                WHERE status NOT IN ('resolved', 'closed')
                  AND (assignee = $1 OR affected_services && $2::text[]
                       OR EXISTS (SELECT FROM pages p WHERE p.incident_id = incidents.id AND p.via = $3))
                ORDER BY severity, id LIMIT $4""",
            outgoing, list(services), f"schedule:{schedule}", limit,
        )
    )  # fmt: skip


async def changes(tx: Tx, services: Sequence[str], start: datetime, end: datetime, limit: int) -> list[Row]:
    """Change events of these services within [start, end), the latest first."""
    return list(
        await tx.fetch(
            """SELECT id, at, service, title FROM events
               WHERE at >= $2 AND at < $3 AND action = 'change' AND service = ANY($1::text[])
               ORDER BY at DESC, id DESC LIMIT $4""",
            list(services), start, end, limit,
        )
    )  # fmt: skip


async def first_seen(
    tx: Tx, services: Sequence[str], since: datetime, start: datetime, end: datetime, limit: int
) -> list[Row]:
    """Alert rules (the label `alertname`, else the title) of these services that fired for the first time in [start, end),
    looking back as far as `since`: (service, rule, at, count), in order."""
    return list(
        await tx.fetch(
            """SELECT service, COALESCE(NULLIF(labels->>'alertname', ''), title) AS rule, min(first_at) AS at, count(*) AS count
               FROM alerts WHERE first_at >= $2 AND first_at < $4 AND service = ANY($1::text[])
               GROUP BY 1, 2 HAVING min(first_at) >= $3 ORDER BY at LIMIT $5""",
            list(services), since, start, end, limit,
        )
    )  # fmt: skip
