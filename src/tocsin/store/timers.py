"""Time is a row: claimed with a lease, removed only together with what it caused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tocsin.store.database import Tx
from tocsin.store.rows import storable


class Timer(msgspec.Struct, kw_only=True, gc=False):
    """A claimed timer. `due_at` is the end of the lease; `set_for` is when it was meant to fire."""

    id: int
    kind: str
    subject: int
    incident_id: int | None
    due_at: datetime
    set_for: datetime
    attempts: int


_RETURNED = "id, kind, subject, incident_id, due_at, set_for, attempts"


async def claim(tx: Tx, node: UUID, now: datetime, lease: timedelta, limit: int) -> list[Timer]:
    """Take up to `limit` due timers, earliest first: their `due_at` moves to the end of the lease."""
    rows = await tx.fetch(
        f"""UPDATE timers SET owner = $1, due_at = $3, attempts = attempts + 1
            WHERE id IN (SELECT id FROM timers WHERE due_at <= $2 ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED)
            RETURNING {_RETURNED}""",
        node, now, now + lease, limit,
    )  # fmt: skip
    return sorted((Timer(**row) for row in rows), key=lambda t: (t.set_for, t.id))


async def finish(tx: Tx, node: UUID, timers: Sequence[Timer]) -> set[int]:
    """Remove claimed timers together with their outcome; returns the ids that were still ours.

    Locks the rows, so of two nodes that believe they hold a timer only one records its outcome.
    """
    rows = await tx.fetch(
        """DELETE FROM timers t WHERE t.id = ANY($2::bigint[]) AND t.owner = $1
             AND t.due_at = ($3::jsonb ->> t.id::text)::timestamptz RETURNING t.id""",
        node, [t.id for t in timers], {t.id: t.due_at for t in timers},
    )  # fmt: skip
    return {row[0] for row in rows}


async def put_off(tx: Tx, node: UUID, timer: Timer, until: datetime, error: str) -> None:
    """A claimed timer's outcome failed: try again at `until`."""
    await tx.execute(
        "UPDATE timers SET due_at = $3, error = $4 WHERE id = $1 AND owner = $2", timer.id, node, until, storable(error)
    )


async def set_timer(tx: Tx, kind: str, subject: int, incident: int | None, at: datetime) -> None:
    """Set the timer of (kind, subject) to `at`, new or again."""
    await tx.execute(
        """INSERT INTO timers (kind, subject, incident_id, due_at, set_for) VALUES ($1, $2, $3, $4, $4)
           ON CONFLICT (kind, subject) DO UPDATE
             SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL, attempts = 0, error = ''""",
        kind, subject, incident, at,
    )  # fmt: skip


async def set_timers(tx: Tx, kind: str, incidents: Sequence[int], at: datetime) -> None:
    """Set the timer of `kind` of each of these incidents to `at`, new or again."""
    await tx.execute(
        """INSERT INTO timers (kind, subject, incident_id, due_at, set_for) SELECT $1, id, id, $3, $3 FROM unnest($2::bigint[]) r(id)
           ON CONFLICT (kind, subject) DO UPDATE
             SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL, attempts = 0, error = ''""",
        kind, incidents, at,
    )  # fmt: skip


async def ensure(tx: Tx, kind: str, subject: int, at: datetime) -> None:
    """Set the timer of (kind, subject) to `at`, unless it is set already."""
    await tx.execute(
        """INSERT INTO timers (kind, subject, due_at, set_for) VALUES ($1, $2, $3, $3)
           ON CONFLICT (kind, subject) DO NOTHING""",
        kind, subject, at,
    )  # fmt: skip


async def set_for(tx: Tx, kind: str, subject: int) -> datetime | None:
    """When the timer of (kind, subject) is meant to fire, if there is one."""
    at: datetime | None = await tx.fetchval(
        "SELECT set_for FROM timers WHERE kind = $1 AND subject = $2", kind, subject
    )
    return at


async def cancel(tx: Tx, kind: str, subject: int) -> None:
    """Remove the timer of (kind, subject), if there is one."""
    await tx.execute("DELETE FROM timers WHERE kind = $1 AND subject = $2", kind, subject)


async def release(tx: Tx, node: UUID, now: datetime) -> None:
    """Give back what this node still holds, so that others need not wait for the lease."""
    await tx.execute("UPDATE timers SET due_at = $2, owner = NULL WHERE owner = $1 AND due_at > $2", node, now)
    await tx.execute(
        "UPDATE notifications SET due_at = $2, owner = NULL WHERE owner = $1 AND state = 'pending' AND due_at > $2",
        node, now,
    )  # fmt: skip


async def next_due(tx: Tx) -> datetime | None:
    """When the earliest timer or notification is due (leased ones: when their lease ends)."""
    due: datetime | None = await tx.fetchval(
        """SELECT least((SELECT min(due_at) FROM timers),
                        (SELECT min(due_at) FROM notifications WHERE state = 'pending'))"""
    )
    return due
