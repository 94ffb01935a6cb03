"""The processes that share this database."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tocsin.store.database import Tx


async def beat(tx: Tx, node: UUID, name: str, version: str, now: datetime) -> None:
    """This node is alive; nodes not heard of for an hour are forgotten."""
    await tx.execute(
        """INSERT INTO nodes (id, name, version, started_at, seen_at) VALUES ($1, $2, $3, $4, $4)
           ON CONFLICT (id) DO UPDATE SET seen_at = $4""",
        node, name, version, now,
    )  # fmt: skip
    await tx.execute("DELETE FROM nodes WHERE seen_at < $1::timestamptz - interval '1 hour'", now)


async def leave(tx: Tx, node: UUID) -> None:
    """This node stopped in order."""
    await tx.execute("DELETE FROM nodes WHERE id = $1", node)
