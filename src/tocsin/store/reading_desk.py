"""What the *Now* page and the room look at besides the lists: the worst first, the latest entries. Only reading."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.store.database import Tx
from tocsin.store.reading_incidents import INCIDENT, Row


async def worst_open(tx: Tx, limit: int, hidden: Sequence[int] = ()) -> list[Row]:
    """Open incidents without the `hidden`: alarms first, then unanswered before answered, then by severity, the oldest first."""
    return list(
        await tx.fetch(
            f"SELECT {INCIDENT} FROM incidents WHERE status NOT IN ('resolved', 'closed') AND id <> ALL($2::bigint[])"
            " ORDER BY (alarm IS NULL), (status <> 'detected' AND severity > 1), severity, (status <> 'detected'), id LIMIT $1",
            limit,
            list(hidden),
        )
    )


async def count_open(tx: Tx, hidden: Sequence[int] = ()) -> int:
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM incidents WHERE status NOT IN ('resolved', 'closed') AND id <> ALL($1::bigint[])",
            list(hidden),
        )
    )


async def last_ended(tx: Tx, limit: int, hidden: Sequence[int] = ()) -> list[Row]:
    """Incidents that are over, the newest first, without the `hidden` and what was merged into others."""
    return list(
        await tx.fetch(
            f"SELECT {INCIDENT} FROM incidents WHERE status IN ('resolved', 'closed') AND merged_into IS NULL AND id <> ALL($2::bigint[])"
            " ORDER BY created_at DESC, id DESC LIMIT $1",
            limit,
            list(hidden),
        )
    )


async def waiting_pages(tx: Tx, numbers: Sequence[int]) -> list[Row]:
    """Pages of these incidents that nobody has answered yet, oldest first."""
    return list(
        await tx.fetch(
            "SELECT id, incident_id, user_id, state, created_at FROM pages"
            " WHERE incident_id = ANY($1::bigint[]) AND state IN ('pending', 'delivered', 'undelivered') ORDER BY id",
            list(numbers),
        )
    )


async def next_rungs(tx: Tx, numbers: Sequence[int]) -> list[Row]:
    """When the next rung of each of these incidents fires, for those that are climbing."""
    return list(
        await tx.fetch(
            "SELECT incident_id, min(next_at) AS next_at FROM escalations"
            " WHERE incident_id = ANY($1::bigint[]) AND state IN ('running', 'progress') GROUP BY incident_id",
            list(numbers),
        )
    )


async def latest_entries(tx: Tx, number: int, before: int | None, but: Sequence[str], limit: int) -> list[Row]:
    """The last entries of one incident (with an id below `before`), newest first, without the kinds `but`."""
    return list(
        await tx.fetch(
            "SELECT id, incident_id, seq, at, kind, actor, details, data FROM timeline WHERE incident_id = $1"
            " AND ($2::bigint IS NULL OR id < $2) AND kind <> ALL($3::text[]) ORDER BY seq DESC LIMIT $4",
            number, before, list(but), limit,
        )
    )  # fmt: skip


async def waiting_for(tx: Tx, user: str, numbers: Sequence[int]) -> dict[int, Row]:
    """By incident, the latest page that still waits for this very person's answer: its `reason` and `note`."""
    rows = await tx.fetch(
        "SELECT DISTINCT ON (p.incident_id) p.incident_id, p.reason, p.note FROM pages p JOIN incidents i ON i.id = p.incident_id"
        " WHERE p.incident_id = ANY($1::bigint[]) AND p.user_id = $2 AND i.status NOT IN ('resolved', 'closed')"
        " AND (p.ended_at IS NULL OR p.state = 'undelivered') AND (i.acknowledged_cycle < p.cycle OR p.clock <> 'response')"
        " ORDER BY p.incident_id, p.id DESC",
        list(numbers), user,
    )  # fmt: skip
    return {row["incident_id"]: row for row in rows}
