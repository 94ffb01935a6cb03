"""What waits in the queues of teams: open incidents that ring nobody. Only reading."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tocsin.store.database import Tx
from tocsin.store.reading_incidents import INCIDENT, Row

_WAITS = "status NOT IN ('resolved', 'closed') AND status <> 'monitoring' AND urgency IN ('none', 'low') AND NOT drill"
_OURS = "($1::text[] IS NULL OR service = ANY($1)) AND (service IS NULL OR service <> ALL($2::text[]))"


async def waiting(
    tx: Tx, services: Sequence[str] | None, but: Collection[str], hidden: Sequence[int], limit: int
) -> list[Row]:
    """Those of `services` (None: of any) that are not of `but` and not `hidden`: first what nobody acknowledged, the oldest first."""
    return list(
        await tx.fetch(
            f"SELECT {INCIDENT} FROM incidents WHERE {_WAITS} AND {_OURS} AND id <> ALL($3::bigint[])"
            " ORDER BY (acknowledged_cycle >= cycle), created_at, id LIMIT $4",
            None if services is None else list(services), list(but), list(hidden), limit,
        )
    )  # fmt: skip


async def counts(tx: Tx, hidden: Sequence[int]) -> dict[str | None, int]:
    """How many wait, by service."""
    rows = await tx.fetch(
        f"SELECT service, count(*) AS n FROM incidents WHERE {_WAITS} AND id <> ALL($1::bigint[]) GROUP BY service",
        list(hidden),
    )
    return {row[0]: row[1] for row in rows}


async def private(tx: Tx) -> list[int]:
    """The private ones among them: a digest does not speak of those."""
    return [row[0] for row in await tx.fetch(f"SELECT id FROM incidents WHERE {_WAITS} AND private")]
