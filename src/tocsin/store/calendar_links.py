"""Secret links to calendars: who made them, when they were read last, whether they were revoked."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.store.database import Tx


class CalendarLink(msgspec.Struct, frozen=True):
    """`kind` is user, team or schedule, `subject` its id; `owner` made it (`user:alice`)."""

    id: int
    kind: str
    subject: str
    owner: str
    created_at: datetime
    read_at: datetime | None
    revoked_at: datetime | None


_COLUMNS = "id, kind, subject, owner, created_at, read_at, revoked_at"


async def find(tx: Tx, id: int) -> CalendarLink | None:
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM calendar_links WHERE id = $1", id)
    return CalendarLink(*row) if row else None


async def live(tx: Tx, owner: str | None) -> list[CalendarLink]:
    """Those that work, of one owner or (None) of everybody, the oldest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM calendar_links WHERE revoked_at IS NULL AND ($1::text IS NULL OR owner = $1) ORDER BY id",
        owner,
    )
    return [CalendarLink(*row) for row in rows]


async def make(tx: Tx, kind: str, subject: str, owner: str, now: datetime) -> CalendarLink:
    """A new link, or the one that its owner has already."""
    await tx.execute(
        """INSERT INTO calendar_links (kind, subject, owner, created_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (owner, kind, subject) WHERE revoked_at IS NULL DO NOTHING""",
        kind, subject, owner, now,
    )  # fmt: skip
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM calendar_links WHERE owner = $3 AND kind = $1 AND subject = $2 AND revoked_at IS NULL",
        kind, subject, owner,
    )  # fmt: skip
    return CalendarLink(*row)


async def revoke(tx: Tx, id: int, by: str, now: datetime) -> bool:
    """True when it worked until now."""
    done = await tx.fetchval(
        "UPDATE calendar_links SET revoked_at = $3, revoked_by = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id",
        id, by, now,
    )  # fmt: skip
    return done is not None


async def read(tx: Tx, id: int, now: datetime) -> None:
    """A calendar asked for it: remembered to the hour, so that polling writes little."""
    await tx.execute(
        "UPDATE calendar_links SET read_at = $2 WHERE id = $1 AND (read_at IS NULL OR read_at < $2::timestamptz - interval '1 hour')",
        id,
        now,
    )
