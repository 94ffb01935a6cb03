"""Contact methods that people typed: codes on their way, what was verified, how much was sent for the asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.store.database import Tx


class Verification(msgspec.Struct, frozen=True):
    """The state of one contact method of one person. `contact` is the method as it was when the code was sent."""

    method: str
    contact: dict[str, Any]
    code_hash: bytes | None
    sent_at: datetime | None
    expires_at: datetime | None
    tries: int
    verified_at: datetime | None
    verified_by: str | None


_SHOWN = "method, contact, code_hash, sent_at, expires_at, tries, verified_at, verified_by"


async def of_user(tx: Tx, user: str) -> dict[str, Verification]:
    """By the method's id."""
    rows = await tx.fetch(f"SELECT {_SHOWN} FROM contact_verifications WHERE user_id = $1", user)
    return {row["method"]: Verification(*row) for row in rows}


async def locked(tx: Tx, user: str, method: str) -> Verification | None:
    """One of them, ours until the transaction ends."""
    row = await tx.fetchrow(
        f"SELECT {_SHOWN} FROM contact_verifications WHERE user_id = $1 AND method = $2 FOR UPDATE", user, method
    )
    return Verification(*row) if row else None


async def open_code(
    tx: Tx, user: str, contact: Mapping[str, str], code_hash: bytes, now: datetime, expires: datetime
) -> None:
    """A code is on its way to this contact method; an earlier one is good no more."""
    await tx.execute(
        """INSERT INTO contact_verifications (user_id, method, contact, code_hash, sent_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (user_id, method) DO UPDATE SET contact = EXCLUDED.contact, code_hash = EXCLUDED.code_hash,
             sent_at = EXCLUDED.sent_at, expires_at = EXCLUDED.expires_at, tries = 0, verified_at = NULL, verified_by = NULL""",
        user, contact["id"], dict(contact), code_hash, now, expires,
    )  # fmt: skip


async def count_try(tx: Tx, user: str, method: str) -> None:
    """A wrong code was entered."""
    await tx.execute(
        "UPDATE contact_verifications SET tries = tries + 1 WHERE user_id = $1 AND method = $2", user, method
    )


async def verified(tx: Tx, user: str, method: str, now: datetime, by: str) -> None:
    """The contact method is the person's. The caller tells every node (store/devices.changed)."""
    await tx.execute(
        """UPDATE contact_verifications SET verified_at = $3, verified_by = $4, code_hash = NULL, expires_at = NULL
           WHERE user_id = $1 AND method = $2""",
        user, method, now, by,
    )  # fmt: skip


async def lock_sendings(tx: Tx, user: str) -> None:
    """Let only one ask for a code at a time."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('contact ' || $1, 0))", user)


async def sendings(tx: Tx, user: str, since: datetime) -> list[tuple[str, datetime]]:
    """What was sent for the asking since then, newest first: (method, when)."""
    rows = await tx.fetch(
        "SELECT method, at FROM contact_sendings WHERE user_id = $1 AND at > $2 ORDER BY at DESC", user, since
    )
    return [(row[0], row[1]) for row in rows]


async def add_sending(tx: Tx, user: str, method: str, now: datetime, forget_before: datetime) -> None:
    await tx.execute("DELETE FROM contact_sendings WHERE user_id = $1 AND at < $2", user, forget_before)
    await tx.execute("INSERT INTO contact_sendings (user_id, method, at) VALUES ($1, $2, $3)", user, method, now)


async def history(
    tx: Tx, user: str, hidden: Sequence[int], before: tuple[datetime, int] | None, limit: int
) -> list[Mapping[str, Any]]:
    """What was sent to one person about incidents other than the `hidden`, newest page first, from before (created_at, id) on."""
    at, id = before or (None, None)
    return list(
        await tx.fetch(
            """SELECT n.id, n.page_id, n.method, n.channel, n.scheduled_at, n.held, n.held_until, n.state, n.attempts, n.started_at,
                      n.ended_at, n.arrived_at, n.receipt, n.error, n.message,
                      COALESCE((SELECT r.text FROM provider_reports r WHERE r.receipt = n.receipt), '') AS report,
                      p.via, p.reason, p.step, p.tier, p.urgency,
                      p.state AS page_state, p.created_at, i.id AS incident_id, i.title, i.severity, i.service, i.created_at AS began
               FROM pages p JOIN notifications n ON n.page_id = p.id JOIN incidents i ON i.id = p.incident_id
               WHERE p.user_id = $1 AND ($2::timestamptz IS NULL OR (p.created_at, n.id) < ($2, $3::bigint))
                 AND p.incident_id <> ALL($5::bigint[])
               ORDER BY p.created_at DESC, n.id DESC LIMIT $4""",
            user, at, id, limit, list(hidden),
        )
    )  # fmt: skip
