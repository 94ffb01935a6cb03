"""What people were told, read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.store.database import Tx


async def of_person(tx: Tx, user: str, hidden: Sequence[int], below: int | None, limit: int) -> list[Mapping[str, Any]]:
    """The notices of one person, newest first, below an id. Of a private incident no title is told, of the `hidden` ones nothing."""
    return list(
        await tx.fetch(
            """SELECT n.id, n.kind, n.heading, n.incident_id, CASE WHEN i.private THEN '' ELSE i.title END AS title, n.method,
                      i.created_at AS began, n.channel, n.state, n.created_at, n.ended_at, n.attempts, n.receipt, n.error,
                      CASE WHEN n.incident_id IS NULL THEN n.path ELSE '' END AS path
               FROM notices n LEFT JOIN incidents i ON i.id = n.incident_id
               WHERE n.user_id = $1 AND ($2::bigint IS NULL OR n.id < $2)
                 AND (n.incident_id IS NULL OR n.incident_id <> ALL($4::bigint[]))
               ORDER BY n.id DESC LIMIT $3""",
            user, below, limit, list(hidden),
        )
    )  # fmt: skip
