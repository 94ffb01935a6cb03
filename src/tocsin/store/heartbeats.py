"""What is known of heartbeats, their pings, and when none of us could receive one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tocsin.core.heartbeat import Facts, Outage, PingKind
from tocsin.store.database import Tx

BEAT = "heartbeat"
"""Kind of the timer due when a heartbeat would go down, or has something to say; its subject is `heartbeats.n`."""
PULSE = "pulse"
"""Kind of the timer that notices when no node ran."""
KEPT = 100
"""Pings kept of each heartbeat."""


class Row(msgspec.Struct, kw_only=True):
    """What is known of one heartbeat. `alarming`: the service on which its alert is open or about to be; `told`: it is."""

    n: int
    id: str
    facts: Facts
    alarming: str | None
    told: bool
    pings: int


_COLUMNS = "n, id, last_at, failed, started_at, started_rid, paused, alarming, told, pings"


def _row(row: Any) -> Row:
    facts = Facts(last_at=row[2], failed=row[3], started_at=row[4], started_rid=_uuid(row[5]), paused=row[6])
    return Row(n=row[0], id=row[1], facts=facts, alarming=row[7], told=row[8], pings=row[9])


def _uuid(value: Any) -> UUID | None:
    return None if value is None else UUID(str(value))


async def lock(tx: Tx, id: str) -> Row:
    """The heartbeat's row, made if it is new, ours until the transaction ends."""
    await tx.execute("INSERT INTO heartbeats (id) VALUES ($1) ON CONFLICT (id) DO NOTHING", id)
    return _row(await tx.fetchrow(f"SELECT {_COLUMNS} FROM heartbeats WHERE id = $1 FOR UPDATE", id))


async def known(tx: Tx) -> dict[str, Row]:
    """Every heartbeat that was ever heard of or configured, by id."""
    return {row[1]: _row(row) for row in await tx.fetch(f"SELECT {_COLUMNS} FROM heartbeats")}


async def locked(tx: Tx, numbers: Sequence[int]) -> list[Row]:
    """Those of these that exist, ours until the transaction ends; in the order in which everybody locks several."""
    found = await tx.fetch(
        f"SELECT {_COLUMNS} FROM heartbeats WHERE n = ANY($1::bigint[]) ORDER BY id FOR UPDATE", list(numbers)
    )
    return [_row(row) for row in found]


async def write(tx: Tx, rows: Sequence[Row]) -> None:
    """Store what is known of locked heartbeats."""
    columns = zip(
        *((r.n, r.facts.last_at, r.facts.failed, r.facts.started_at, r.facts.started_rid, r.facts.paused, r.alarming, r.told, r.pings)
          for r in rows), strict=True,
    )  # fmt: skip
    if rows:
        await tx.execute(
            """UPDATE heartbeats h SET last_at = w.last_at, failed = w.failed, started_at = w.started_at, started_rid = w.started_rid,
                      paused = w.paused, alarming = w.alarming, told = w.told, pings = w.pings
               FROM unnest($1::bigint[], $2::timestamptz[], $3::boolean[], $4::timestamptz[], $5::uuid[], $6::boolean[], $7::text[],
                           $8::boolean[], $9::bigint[])
                 AS w(n, last_at, failed, started_at, started_rid, paused, alarming, told, pings)
               WHERE h.n = w.n""",
            *columns,
        )  # fmt: skip


async def remove(tx: Tx, n: int) -> None:
    """Forget a heartbeat and its pings."""
    await tx.execute("DELETE FROM pings WHERE heartbeat = $1", n)
    await tx.execute("DELETE FROM heartbeats WHERE n = $1", n)


class Received(msgspec.Struct, kw_only=True):
    """A ping as it is stored. `seconds`: since the start that it ends. `body` may be anything."""

    at: datetime
    kind: PingKind
    exit_status: int | None
    rid: UUID | None
    seconds: float | None
    method: str
    remote: str
    agent: str
    body: bytes
    id: int = 0


async def keep_ping(tx: Tx, n: int, ping: Received) -> None:
    """Store a ping, and forget all but the last ones."""
    await tx.execute(
        """INSERT INTO pings (heartbeat, at, kind, exit_status, rid, seconds, method, remote, agent, body)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        n, ping.at, ping.kind, ping.exit_status, ping.rid, ping.seconds, ping.method, ping.remote, ping.agent, ping.body,
    )  # fmt: skip
    await tx.execute(
        """DELETE FROM pings WHERE heartbeat = $1
           AND id <= (SELECT id FROM pings WHERE heartbeat = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)""",
        n, KEPT,
    )  # fmt: skip


async def pings(tx: Tx, n: int, limit: int) -> list[Received]:
    """The last pings, newest first."""
    rows = await tx.fetch(
        """SELECT at, kind, exit_status, rid, seconds, method, remote, agent, body, id FROM pings WHERE heartbeat = $1
           ORDER BY id DESC LIMIT $2""",
        n, limit,
    )  # fmt: skip
    return [
        Received(at=r[0], kind=r[1], exit_status=r[2], rid=_uuid(r[3]), seconds=r[4], method=r[5], remote=r[6],
                 agent=r[7], body=bytes(r[8]), id=r[9])
        for r in rows
    ]  # fmt: skip


class Beat(msgspec.Struct):
    """A ping as a stroke in a drawing."""

    at: datetime
    kind: PingKind
    seconds: float | None


async def strokes(tx: Tx, numbers: Sequence[int], limit: int) -> dict[int, list[Beat]]:
    """The last pings of these heartbeats without their bodies, oldest first."""
    rows = await tx.fetch(
        """SELECT n, p.at, p.kind, p.seconds FROM unnest($1::bigint[]) AS h(n)
           CROSS JOIN LATERAL (SELECT id, at, kind, seconds FROM pings WHERE heartbeat = h.n ORDER BY id DESC LIMIT $2) p
           ORDER BY n, p.id""",
        list(numbers), limit,
    )  # fmt: skip
    found: dict[int, list[Beat]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Beat(row[1], row[2], row[3]))
    return found


# --- when none of us ran ----------------------------------------------------------------------------------------------


async def outages(tx: Tx, now: datetime, pulse: timedelta, late: timedelta) -> list[Outage]:
    """When no node ran, in order; with the outage that has ended only just now and is not recorded yet."""
    found: list[Outage] = [
        (r[0], r[1]) for r in await tx.fetch("SELECT began_at, ended_at FROM outages ORDER BY began_at")
    ]
    due: datetime | None = await tx.fetchval("SELECT set_for FROM timers WHERE kind = $1", PULSE)
    if due is not None and now - due > late:
        found.append((due - pulse, now))
    return found


async def keep_outage(tx: Tx, began: datetime, ended: datetime, forget: datetime) -> None:
    """Record an outage; those that ended before `forget` are forgotten."""
    await tx.execute(
        """INSERT INTO outages (began_at, ended_at) VALUES ($1, $2)
           ON CONFLICT (began_at) DO UPDATE SET ended_at = greatest(outages.ended_at, EXCLUDED.ended_at)""",
        began, ended,
    )  # fmt: skip
    await tx.execute("DELETE FROM outages WHERE ended_at < $1", forget)


async def start_pulse(tx: Tx, at: datetime) -> None:
    """Let the pulse begin unless it beats already."""
    await tx.execute(
        """INSERT INTO timers (kind, subject, due_at, set_for) VALUES ($1, 0, $2, $2)
           ON CONFLICT (kind, subject) DO NOTHING""",
        PULSE, at,
    )  # fmt: skip
