"""The first steps of responses: one row for each job, claimed by the timer `response` of its incident."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from tocsin.core.response import Outcome, State, Step
from tocsin.store.database import Tx
from tocsin.store.rows import storable

TIMER = "response"
"""The kind of the timer; its subject is the incident."""


class Job(msgspec.Struct, kw_only=True):
    """One step of one incident as it stands."""

    incident_id: int
    step: Step
    state: State
    detail: str
    due_at: datetime | None
    attempts: int
    created_at: datetime
    ended_at: datetime | None


_COLUMNS = ", ".join(f.name for f in msgspec.structs.fields(Job))


async def begin(tx: Tx, incident: int, steps: Collection[Step], now: datetime) -> None:
    """These steps are to be done now; those that are there already stay as they are."""
    await tx.execute(
        """INSERT INTO response_steps (incident_id, step, state, due_at, created_at)
           SELECT $1, step, 'waiting', $3, $3 FROM unnest($2::text[]) AS step ON CONFLICT DO NOTHING""",
        incident, list(steps), now,
    )  # fmt: skip


async def told(tx: Tx, incident: int, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Steps whose outcome is known from the start."""
    await tx.execute(
        """INSERT INTO response_steps (incident_id, step, state, detail, created_at, ended_at)
           SELECT $1, r.step, r.state, r.detail, $5, $5 FROM unnest($2::text[], $3::text[], $4::text[]) AS r(step, state, detail)
           ON CONFLICT DO NOTHING""",
        incident, [o.step for o in outcomes], [o.state for o in outcomes], [o.detail for o in outcomes], now,
    )  # fmt: skip


async def due(tx: Tx, incident: int, now: datetime) -> list[Job]:
    """The steps of an incident that are to be tried now."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM response_steps WHERE incident_id = $1 AND due_at <= $2 ORDER BY step", incident, now
    )
    return [Job(**row) for row in rows]


async def next_due(tx: Tx, incident: int) -> datetime | None:
    """When the next of its steps is to be tried."""
    at: datetime | None = await tx.fetchval("SELECT min(due_at) FROM response_steps WHERE incident_id = $1", incident)
    return at


async def of(tx: Tx, incident: int) -> list[Job]:
    """Every step of an incident."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM response_steps WHERE incident_id = $1 ORDER BY step", incident)
    return [Job(**row) for row in rows]


async def done_lately(tx: Tx, step: Step, severity: int, since: datetime, limit: int) -> int:
    """For how many incidents that alerts opened after `since`, at least as bad as `severity`, this step was done; at most `limit`."""
    found: int = await tx.fetchval(
        """SELECT count(*) FROM (
             SELECT FROM incidents i JOIN response_steps r ON r.incident_id = i.id AND r.step = $1
             WHERE i.created_at >= $3 AND i.origin = 'event' AND i.severity <= $2 AND r.state IN ('sent', 'delivered') LIMIT $4) AS f""",
        step, severity, since, limit,
    )  # fmt: skip
    return found


async def settle(tx: Tx, job: Job, outcome: Outcome, now: datetime) -> bool:
    """The step is over. False when somebody else settled it first."""
    done = await tx.fetchval(
        """UPDATE response_steps SET state = $3, detail = $4, due_at = NULL, ended_at = $5, attempts = attempts + 1
           WHERE incident_id = $1 AND step = $2 AND due_at IS NOT NULL RETURNING true""",
        job.incident_id, job.step, outcome.state, outcome.detail, now,
    )  # fmt: skip
    return bool(done)


async def put_off(tx: Tx, job: Job, until: datetime, why: str) -> None:
    """The step failed and is tried again."""
    await tx.execute(
        """UPDATE response_steps SET due_at = $3, detail = $4, attempts = attempts + 1
           WHERE incident_id = $1 AND step = $2 AND due_at IS NOT NULL""",
        job.incident_id, job.step, until, storable(why),
    )  # fmt: skip


async def anybody_subscribed(tx: Tx) -> bool:
    """Whether there is any subscription to what stakeholders are told."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM subscriptions )"))
