"""Who sends with a key that we do not know. Whole keys are never stored: a hint for people and a hash to count by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.store.database import Tx
from tocsin.store.writing import columns

MOST = 500
"""Rows kept: those heard last."""


class Knock(msgspec.Struct, frozen=True):
    """`key_hint`: first and last four characters. `door`: a source's name. `count`: how often since `first_at`."""

    key_hint: str
    door: str
    key_hash: bytes
    count: int
    first_at: datetime
    last_at: datetime


async def add(tx: Tx, knocks: Sequence[Knock]) -> None:
    """Count them (each (key, door) at most once in `knocks`), and forget the oldest beyond MOST."""
    await tx.execute(
        """INSERT INTO knocks (key_hint, door, key_hash, count, first_at, last_at)
           SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
           ON CONFLICT (key_hash, door) DO UPDATE
           SET count = knocks.count + EXCLUDED.count, last_at = greatest(knocks.last_at, EXCLUDED.last_at)""",
        *columns(sorted(knocks, key=lambda k: (k.key_hash, k.door)), 6),
    )
    await tx.execute(
        """DELETE FROM knocks WHERE (key_hash, door) IN
           (SELECT key_hash, door FROM knocks ORDER BY last_at DESC, key_hash, door OFFSET $1)""",
        MOST,
    )


async def recent(tx: Tx, since: datetime, limit: int = 50) -> list[Knock]:
    """Heard since then, the last first."""
    rows = await tx.fetch(
        """SELECT key_hint, door, key_hash, count, first_at, last_at FROM knocks WHERE last_at >= $1
           ORDER BY last_at DESC LIMIT $2""",
        since, limit,
    )  # fmt: skip
    return [Knock(*row) for row in rows]
