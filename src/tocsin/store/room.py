"""What a room holds besides its timeline: findings, decisions, tasks, ticked steps, roles on their way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.store.database import Tx

Certainty = Literal["fact", "hypothesis", "refuted"]
TaskState = Literal["open", "done", "dropped"]


class Finding(msgspec.Struct, kw_only=True):
    """Something that is known, believed, or was believed. `entry`: the timeline entry that it was pinned from."""

    id: int
    incident_id: int
    text: str
    certainty: Certainty
    entry: int | None
    by: str
    at: datetime
    settled_by: str | None
    settled_at: datetime | None
    why: str


class Decision(msgspec.Struct, kw_only=True):
    """What was decided. `known`: what was known at that moment."""

    id: int
    incident_id: int
    text: str
    why: str
    alternatives: str
    known: dict[str, Any]
    by: str
    at: datetime


class Task(msgspec.Struct, kw_only=True):
    """Who does what. `reminded_at`: the check-in passed without a word."""

    id: int
    incident_id: int
    workstream: str
    text: str
    owner: str | None
    state: TaskState
    next_check_in: datetime | None
    reminded_at: datetime | None
    outcome: str
    by: str
    at: datetime
    changed_at: datetime
    ended_at: datetime | None


class Offer(msgspec.Struct, kw_only=True):
    """A role that is being handed over."""

    incident_id: int
    role: str
    from_user: str | None
    to_user: str
    briefing: str
    by: str
    at: datetime


class Tick(msgspec.Struct, kw_only=True):
    """A step that somebody ticked by hand."""

    step: str
    by: str
    at: datetime


_FINDING = ", ".join(f.name for f in msgspec.structs.fields(Finding))
_DECISION = ", ".join(f.name for f in msgspec.structs.fields(Decision))
_TASK = ", ".join(f.name for f in msgspec.structs.fields(Task))
_OFFER = ", ".join(f.name for f in msgspec.structs.fields(Offer))


# --- findings ---------------------------------------------------------------------------------------------------------


async def add_finding(
    tx: Tx, incident: int, text: str, certainty: Certainty, entry: int | None, by: str, at: datetime
) -> Finding | None:
    """The new finding; None when this entry has been pinned before."""
    row = await tx.fetchrow(
        f"""INSERT INTO findings (incident_id, text, certainty, entry, by, at) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (incident_id, entry) WHERE entry IS NOT NULL DO NOTHING RETURNING {_FINDING}""",
        incident, text, certainty, entry, by, at,
    )  # fmt: skip
    return Finding(**row) if row else None


async def finding(tx: Tx, incident: int, id: int) -> Finding | None:
    row = await tx.fetchrow(f"SELECT {_FINDING} FROM findings WHERE incident_id = $1 AND id = $2", incident, id)
    return Finding(**row) if row else None


async def findings(tx: Tx, incident: int) -> list[Finding]:
    """Oldest first."""
    rows = await tx.fetch(f"SELECT {_FINDING} FROM findings WHERE incident_id = $1 ORDER BY id", incident)
    return [Finding(**row) for row in rows]


async def settle_finding(tx: Tx, id: int, certainty: Certainty, by: str, at: datetime, why: str) -> None:
    """A hypothesis became a fact or was refuted (or is open again)."""
    await tx.execute(
        "UPDATE findings SET certainty = $2, settled_by = $3, settled_at = $4, why = $5 WHERE id = $1",
        id, certainty, by, at, why,
    )  # fmt: skip


# --- decisions --------------------------------------------------------------------------------------------------------


async def add_decision(
    tx: Tx, incident: int, text: str, why: str, alternatives: str, known: dict[str, Any], by: str, at: datetime
) -> Decision:
    row = await tx.fetchrow(
        f"""INSERT INTO decisions (incident_id, text, why, alternatives, known, by, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_DECISION}""",
        incident, text, why, alternatives, known, by, at,
    )  # fmt: skip
    return Decision(**row)


async def decisions(tx: Tx, incident: int) -> list[Decision]:
    """Oldest first."""
    rows = await tx.fetch(f"SELECT {_DECISION} FROM decisions WHERE incident_id = $1 ORDER BY id", incident)
    return [Decision(**row) for row in rows]


# --- tasks ------------------------------------------------------------------------------------------------------------


async def add_task(
    tx: Tx, incident: int, workstream: str, text: str, owner: str | None, next_check_in: datetime | None, by: str,
    at: datetime,
) -> Task:  # fmt: skip
    row = await tx.fetchrow(
        f"""INSERT INTO tasks (incident_id, workstream, text, owner, next_check_in, by, at, changed_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING {_TASK}""",
        incident, workstream, text, owner, next_check_in, by, at,
    )  # fmt: skip
    return Task(**row)


async def task(tx: Tx, incident: int, id: int) -> Task | None:
    row = await tx.fetchrow(f"SELECT {_TASK} FROM tasks WHERE incident_id = $1 AND id = $2", incident, id)
    return Task(**row) if row else None


async def tasks(tx: Tx, incident: int) -> list[Task]:
    """By workstream, oldest first."""
    rows = await tx.fetch(f"SELECT {_TASK} FROM tasks WHERE incident_id = $1 ORDER BY id", incident)
    return [Task(**row) for row in rows]


async def tasks_with_ids(tx: Tx, ids: Sequence[int]) -> dict[int, Task]:
    rows = await tx.fetch(f"SELECT {_TASK} FROM tasks WHERE id = ANY($1::bigint[])", list(ids))
    return {row["id"]: Task(**row) for row in rows}


async def save_task(tx: Tx, task: Task) -> None:
    """Write what may change of a task."""
    await tx.execute(
        """UPDATE tasks SET workstream = $2, text = $3, owner = $4, state = $5, next_check_in = $6, reminded_at = $7,
                  outcome = $8, changed_at = $9, ended_at = $10 WHERE id = $1""",
        task.id, task.workstream, task.text, task.owner, task.state, task.next_check_in, task.reminded_at, task.outcome,
        task.changed_at, task.ended_at,
    )  # fmt: skip


# --- roles on their way -----------------------------------------------------------------------------------------------


async def offer(tx: Tx, incident: int, role: str) -> Offer | None:
    row = await tx.fetchrow(f"SELECT {_OFFER} FROM role_offers WHERE incident_id = $1 AND role = $2", incident, role)
    return Offer(**row) if row else None


async def offers(tx: Tx, incident: int) -> list[Offer]:
    rows = await tx.fetch(f"SELECT {_OFFER} FROM role_offers WHERE incident_id = $1 ORDER BY at", incident)
    return [Offer(**row) for row in rows]


async def put_offer(tx: Tx, made: Offer) -> None:
    """A new offer of a role takes the place of an open one."""
    await tx.execute(
        f"""INSERT INTO role_offers ({_OFFER}) VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (incident_id, role) DO UPDATE SET from_user = EXCLUDED.from_user, to_user = EXCLUDED.to_user,
              briefing = EXCLUDED.briefing, by = EXCLUDED.by, at = EXCLUDED.at""",
        *msgspec.structs.astuple(made),
    )


async def drop_offer(tx: Tx, incident: int, role: str) -> None:
    await tx.execute("DELETE FROM role_offers WHERE incident_id = $1 AND role = $2", incident, role)


# --- ticked steps -----------------------------------------------------------------------------------------------------


async def tick(tx: Tx, incident: int, step: str, by: str, at: datetime) -> bool:
    """False when it was ticked before."""
    done = await tx.fetchval(
        "INSERT INTO ticks (incident_id, step, by, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true",
        incident, step, by, at,
    )  # fmt: skip
    return bool(done)


async def untick(tx: Tx, incident: int, step: str) -> bool:
    """False when nobody had ticked it."""
    done = await tx.fetchval("DELETE FROM ticks WHERE incident_id = $1 AND step = $2 RETURNING true", incident, step)
    return bool(done)


async def ticks(tx: Tx, incident: int) -> list[Tick]:
    rows = await tx.fetch("SELECT step, by, at FROM ticks WHERE incident_id = $1", incident)
    return [Tick(**row) for row in rows]


# --- the timeline, as far as a room looks into it ---------------------------------------------------------------------


async def entry(tx: Tx, incident: int, id: int) -> dict[str, Any] | None:
    """One timeline entry of this incident: `{id, seq, at, kind, actor, details, data}`."""
    row = await tx.fetchrow(
        "SELECT id, seq, at, kind, actor, details, data FROM timeline WHERE incident_id = $1 AND id = $2", incident, id
    )
    return dict(row) if row else None
