"""Numbers about the database for /metrics and /readyz."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.store.database import Tx


class Depths(msgspec.Struct, frozen=True):
    """How much waits in the database: in all, and due already."""

    timers: int
    timers_due: int
    notifications: int
    notifications_due: int
    unanswered: int
    """Open incidents whose alarm says that no one is answering."""


MOST = 1_000_000
"""Timers are counted up to this, so that counting stays cheap."""


async def depths(tx: Tx, now: datetime) -> Depths:
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM (SELECT FROM timers LIMIT $2) t),
                  (SELECT count(*) FROM (SELECT FROM timers WHERE due_at <= $1 LIMIT $2) t),
                  (SELECT count(*) FROM (SELECT FROM notifications WHERE state = 'pending' LIMIT $2) n),
                  (SELECT count(*) FROM (SELECT FROM notifications WHERE state = 'pending' AND due_at <= $1 LIMIT $2) n),
                  (SELECT count(*) FROM incidents WHERE status NOT IN ('resolved', 'closed') AND alarm IS NOT NULL)""",
        now, MOST,
    )  # fmt: skip
    return Depths(*row)


async def open_by_severity(tx: Tx) -> dict[int, int]:
    rows = await tx.fetch(
        "SELECT severity, count(*) FROM incidents WHERE status NOT IN ('resolved', 'closed') AND NOT drill AND NOT private"
        " GROUP BY severity"
    )
    return {row[0]: row[1] for row in rows}


async def is_writable(tx: Tx) -> bool:
    """Neither a standby nor a read-only session."""
    return bool(
        await tx.fetchval("SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'")
    )
