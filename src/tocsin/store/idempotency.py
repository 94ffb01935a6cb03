"""Answers to writes that carried an Idempotency-Key, kept for a day."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.store.database import Tx


class Kept(msgspec.Struct, frozen=True):
    """What is known of a key. `status` and `body` are None while the first request is still at work."""

    request_hash: bytes
    status: int | None
    body: bytes | None
    created_at: datetime


async def forget(tx: Tx, before: datetime) -> None:
    """Drop what is older."""
    await tx.execute("DELETE FROM idempotency WHERE created_at < $1", before)


async def claim(tx: Tx, principal: str, key: str, request_hash: bytes, now: datetime, abandoned: datetime) -> bool:
    """True for exactly one caller: the key is new, or whoever claimed it before `abandoned` never answered."""
    return bool(
        await tx.fetchval(
            """INSERT INTO idempotency AS kept (principal, key, request_hash, created_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (principal, key) DO UPDATE SET created_at = EXCLUDED.created_at
                 WHERE kept.status IS NULL AND kept.created_at < $5 AND kept.request_hash = EXCLUDED.request_hash
               RETURNING true""",
            principal, key, request_hash, now, abandoned,
        )
    )  # fmt: skip


async def find(tx: Tx, principal: str, key: str) -> Kept | None:
    row = await tx.fetchrow(
        "SELECT request_hash, status, body, created_at FROM idempotency WHERE principal = $1 AND key = $2",
        principal, key,
    )  # fmt: skip
    return Kept(*row) if row else None


async def keep(tx: Tx, principal: str, key: str, status: int, body: bytes) -> None:
    """Record the answer."""
    await tx.execute(
        "UPDATE idempotency SET status = $3, body = $4 WHERE principal = $1 AND key = $2", principal, key, status, body
    )


async def release(tx: Tx, principal: str, key: str) -> None:
    """Nothing was done: the key may be used again."""
    await tx.execute("DELETE FROM idempotency WHERE principal = $1 AND key = $2 AND status IS NULL", principal, key)
