"""Messages that one channel was told, and drafts for those where a person approves first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.store.database import Tx


class Communication(msgspec.Struct, kw_only=True):
    """A row of `communications`. `state`: `draft` waits for approval, `sent` went to its channel, `recorded` is only kept."""

    id: int
    incident: int
    channel: str
    audience: str
    message: str
    actor: str
    state: str
    update_id: int | None
    created_at: datetime
    sent_at: datetime | None
    sent_by: str | None


_FIELDS = ", ".join(f.name for f in msgspec.structs.fields(Communication))


async def add(tx: Tx, **columns: Any) -> Communication:
    """A row as it is born (every column but `id`)."""
    names = sorted(columns)
    slots = ", ".join(f"${at}" for at in range(1, len(names) + 1))
    row = await tx.fetchrow(
        f"INSERT INTO communications ({', '.join(names)}) VALUES ({slots}) RETURNING {_FIELDS}",
        *(columns[n] for n in names),
    )
    return Communication(**row)


async def of_incident(
    tx: Tx, incident: int, states: Sequence[str] = ("draft", "sent", "recorded")
) -> list[Communication]:
    """Oldest first."""
    rows = await tx.fetch(
        f"SELECT {_FIELDS} FROM communications WHERE incident = $1 AND state = ANY($2::text[]) ORDER BY id",
        incident, list(states),
    )  # fmt: skip
    return [Communication(**row) for row in rows]


async def locked(tx: Tx, id: int) -> Communication | None:
    """None also for a number that no row can have."""
    found = f"SELECT {_FIELDS} FROM communications WHERE id = $1 FOR UPDATE"
    row = await tx.fetchrow(found, id) if 0 < id < 2**63 else None
    return Communication(**row) if row else None


async def settle(
    tx: Tx, id: int, state: str, *, message: str | None = None, by: str | None = None, at: datetime | None = None
) -> Communication:
    """A draft was approved (`sent`, with what it says now) or discarded."""
    row = await tx.fetchrow(
        f"""UPDATE communications SET state = $2, message = COALESCE($3, message), sent_by = $4, sent_at = $5 WHERE id = $1
            RETURNING {_FIELDS}""",
        id, state, message, by, at,
    )  # fmt: skip
    return Communication(**row)


async def discard_drafts(tx: Tx, incident: int, channel: str) -> None:
    """A newer draft replaces what waits for the same channel."""
    await tx.execute(
        "UPDATE communications SET state = 'discarded' WHERE incident = $1 AND channel = $2 AND state = 'draft'",
        incident, channel,
    )  # fmt: skip
