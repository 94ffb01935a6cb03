"""Silences, and the timer that lets go of what each one muted when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.mute import Matcher, Mute
from tocsin.store.database import Tx

UNMUTE = "unmute"
"""Kind of the timer due at a silence's end; its subject is `mutes.id`."""

_COLUMNS = "id, public_id, service, matchers, starts_at, ends_at, created_by, comment, created_at, updated_at"


def _mute(row: Any) -> Mute:
    return Mute(
        id=row[0],
        public_id=str(row[1]),
        service=row[2],
        matchers=msgspec.convert(row[3], tuple[Matcher, ...]),
        starts_at=row[4],
        ends_at=row[5],
        created_by=row[6],
        comment=row[7],
        created_at=row[8],
        updated_at=row[9],
    )


async def active(tx: Tx, now: datetime) -> list[Mute]:
    """All silences that mute at `now`, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM mutes WHERE ends_at > $1 AND starts_at <= $1 ORDER BY id LIMIT 5000", now
    )
    return [_mute(row) for row in rows]


async def hold(tx: Tx, ids: Sequence[int]) -> bool:
    """Keep these silences from letting go until the transaction ends; False when one of them did so already.

    So no alert is muted by a silence that has looked through its alerts for the last time.
    """
    await tx.fetch("SELECT FROM mutes WHERE id = ANY($1::bigint[]) ORDER BY id FOR SHARE", list(ids))
    waiting: int = await tx.fetchval(
        "SELECT count(*) FROM timers WHERE kind = $1 AND subject = ANY($2::bigint[])", UNMUTE, list(ids)
    )
    return waiting == len(ids)


async def end_of(tx: Tx, mute: int) -> datetime | None:
    """When a silence ends; locked against alerts that are being muted by it. None when there is none."""
    ends_at: datetime | None = await tx.fetchval("SELECT ends_at FROM mutes WHERE id = $1 FOR UPDATE", mute)
    return ends_at


async def ended_after(tx: Tx, service: str | None, since: datetime) -> list[Mute]:
    """The silences that touch `service` (None: all silences) and had not ended at `since`."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM mutes WHERE ends_at > $2 AND ($1::text IS NULL OR service IS NULL OR service = $1)"
        " ORDER BY id DESC LIMIT 5000",
        service, since,
    )  # fmt: skip
    return [_mute(row) for row in rows]


async def find(tx: Tx, service: str | None, public_id: str, lock: bool = False) -> Mute | None:
    """The silence with this UUID, if it touches `service` (None: wherever). `lock`: until the transaction ends."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM mutes WHERE public_id = $1::text::uuid"
        " AND ($2::text IS NULL OR service IS NULL OR service = $2)" + (" FOR UPDATE" if lock else ""),
        public_id, service,
    )  # fmt: skip
    return _mute(row) if row else None


async def unended(tx: Tx, service: str | None, now: datetime) -> int:
    """How many silences of the service have not ended."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM mutes WHERE ends_at > $2 AND service IS NOT DISTINCT FROM $1", service, now
    )
    return found


async def add(tx: Tx, mute: Mute) -> int:
    """Store a new silence and set its timer. Returns its row."""
    row: int = await tx.fetchval(
        """INSERT INTO mutes (public_id, service, matchers, starts_at, ends_at, created_by, comment, created_at, updated_at)
           VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id""",
        mute.public_id, mute.service, mute.matchers, mute.starts_at, mute.ends_at, mute.created_by, mute.comment,
        mute.created_at, mute.updated_at,
    )  # fmt: skip
    await _set_timer(tx, row, mute.ends_at)
    return row


async def change(tx: Tx, mute: Mute) -> None:
    """Write the times and words of a stored silence, and move its timer to its end."""
    await tx.execute(
        """UPDATE mutes SET starts_at = $2, ends_at = $3, created_by = $4, comment = $5, updated_at = $6 WHERE id = $1""",
        mute.id, mute.starts_at, mute.ends_at, mute.created_by, mute.comment, mute.updated_at,
    )  # fmt: skip
    await _set_timer(tx, mute.id, mute.ends_at)


async def _set_timer(tx: Tx, mute: int, due: datetime) -> None:
    await tx.execute(
        """INSERT INTO timers (kind, subject, due_at, set_for) VALUES ($1, $2, $3, $3)
           ON CONFLICT (kind, subject) DO UPDATE
           SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL, attempts = 0, error = ''""",
        UNMUTE, mute, due,
    )  # fmt: skip
    await tx.execute("SELECT pg_notify('tocsin', 'timers')")
