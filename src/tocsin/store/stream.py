"""New entries of the timeline, in the order in which they became visible, without ever skipping one.

Neither ids nor times rise in the order of commits: a slow transaction may commit a lower id after a fast one. What was seen
is therefore remembered as a PostgreSQL snapshot, and what is new is what that snapshot did not contain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.store.database import Tx
from tocsin.store.reading_incidents import ENTRY

Row = Mapping[str, Any]


class News(msgspec.Struct, frozen=True):
    """Entries by rising id, and the snapshot that contains them. `complete`: there were no more than asked for."""

    rows: list[Row]
    snapshot: str
    complete: bool


async def snapshot(tx: Tx) -> str:
    """Everything committed so far, as text (`731:735:732`)."""
    return str(await tx.fetchval("SELECT pg_current_snapshot()::text"))


_SINCE = f"""
SELECT pg_current_snapshot()::text AS snapshot, t.*
FROM (SELECT 1) AS one LEFT JOIN LATERAL (
  SELECT {ENTRY} FROM timeline
  WHERE tx >= pg_snapshot_xmin($1::text::pg_snapshot) AND NOT pg_visible_in_snapshot(tx, $1::text::pg_snapshot)
    AND pg_visible_in_snapshot(tx, pg_current_snapshot())
  ORDER BY id LIMIT $2
) AS t ON true ORDER BY t.id
"""


async def since(tx: Tx, seen: str, limit: int) -> News:
    """What was committed since `seen`, with the snapshot to ask with next time. One statement, so one moment."""
    found = await tx.fetch(_SINCE, seen, limit + 1)
    rows = [row for row in found if row["id"] is not None]
    return News(rows[:limit], found[0]["snapshot"], len(rows) <= limit)


_BETWEEN = f"""
SELECT {ENTRY} FROM timeline
WHERE tx >= pg_snapshot_xmin($1::text::pg_snapshot) AND NOT pg_visible_in_snapshot(tx, $1::text::pg_snapshot)
  AND pg_visible_in_snapshot(tx, $2::text::pg_snapshot)
  AND NOT ($3::text IS NOT NULL AND id <= $4 AND pg_visible_in_snapshot(tx, $3::text::pg_snapshot))
  AND ($5::bigint IS NULL OR incident_id = $5)
ORDER BY id LIMIT $6
"""


async def between(
    tx: Tx, seen: str, until: str, batch: str | None, id: int, incident: int | None, limit: int
) -> list[Row]:
    """What was committed after `seen` and before `until`; of the batch that `batch` ended only what comes after `id`."""
    return list(await tx.fetch(_BETWEEN, seen, until, batch, id, incident, limit))


async def after_id(tx: Tx, id: int, until: str, incident: int | None, limit: int) -> list[Row]:
    """Entries with a higher id committed before `until`: for readers who only know the last entry that they showed."""
    return list(
        await tx.fetch(
            f"SELECT {ENTRY} FROM timeline WHERE id > $1 AND pg_visible_in_snapshot(tx, $2::text::pg_snapshot)"
            " AND ($3::bigint IS NULL OR incident_id = $3) ORDER BY id LIMIT $4",
            id, until, incident, limit,
        )
    )  # fmt: skip


async def is_past(tx: Tx, snapshot: str) -> bool:
    """Whether the text is a snapshot that this database can have given. Raises asyncpg.DataError for other text."""
    return bool(
        await tx.fetchval(
            "SELECT pg_snapshot_xmax($1::text::pg_snapshot) <= pg_snapshot_xmax(pg_current_snapshot())", snapshot
        )
    )
