"""How long incidents took, as figures are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.store.database import Tx


async def of_incidents(
    tx: Tx, start: datetime, end: datetime, severities: Sequence[int], service: str | None, hidden: Sequence[int]
) -> list[tuple[int, datetime, datetime | None]]:
    """(severity, created, resolved) of incidents that began in [start, end), without drills and those merged into others.

    `severities` empty, `service` None: all.
    """
    rows = await tx.fetch(
        """SELECT severity, created_at, resolved_at FROM incidents
           WHERE created_at >= $1 AND created_at < $2 AND NOT drill AND merged_into IS NULL
             AND ($3::smallint[] = '{}' OR severity = ANY($3::smallint[]))
             AND ($4::text IS NULL OR service = $4 OR $4 = ANY(affected_services)) AND id <> ALL($5::bigint[])""",
        start, end, list(severities), service, list(hidden),
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in rows]
