"""Handoffs and planned events: drafted ahead of each change of shift, edited, signed, kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.handoff import Edits, Handover, State
from tocsin.store.database import Tx

TIMER = "handoff"
"""Kind of the timer of one handoff; its subject is `handoffs.id`."""


class Handoff(msgspec.Struct, kw_only=True):
    """One row. `kept` are the sections as they were signed (plain data), None until then."""

    id: int
    schedule: str
    outgoing: str
    incoming: str
    starts_at: datetime
    at: datetime
    until: datetime
    state: State
    edits: Edits
    kept: dict[str, Any] | None
    transferred: list[int]
    created_at: datetime
    edited_at: datetime | None
    edited_by: str | None
    signed_at: datetime | None
    signed_by: str | None

    @property
    def handover(self) -> Handover:
        return Handover(self.outgoing, self.incoming, self.starts_at, self.at, self.until)


_COLUMNS = ", ".join(f.name for f in msgspec.structs.fields(Handoff))


def _handoff(row: Any) -> Handoff:
    return Handoff(**{**row, "edits": msgspec.convert(row["edits"], Edits)})


async def draft(tx: Tx, schedule: str, handover: Handover, now: datetime) -> tuple[int, bool]:
    """The handoff of this moment, made if there is none, and whether it is new.

    While it is a draft it follows the schedule: other people may hand over at the same moment. What was written into it stays.
    """
    row = await tx.fetchrow(
        """INSERT INTO handoffs (schedule, outgoing, incoming, starts_at, at, until, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (schedule, at) WHERE state <> 'void' DO UPDATE
             SET outgoing = EXCLUDED.outgoing, incoming = EXCLUDED.incoming, starts_at = EXCLUDED.starts_at,
                 until = EXCLUDED.until
             WHERE handoffs.state = 'draft'
           RETURNING id, created_at = $7 AND edited_at IS NULL AS fresh""",
        schedule, handover.outgoing, handover.incoming, handover.start, handover.at, handover.until, now,
    )  # fmt: skip
    if row is not None:
        return row["id"], row["fresh"]
    found: int = await tx.fetchval(
        "SELECT id FROM handoffs WHERE schedule = $1 AND at = $2 AND state <> 'void'", schedule, handover.at
    )
    return found, False


async def waiting(tx: Tx) -> list[Handoff]:
    """Drafts and unsigned ones, by their moment."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM handoffs WHERE state IN ('draft', 'unsigned') ORDER BY at, id")
    return [_handoff(row) for row in rows]


async def unsigned(tx: Tx) -> list[tuple[str, str]]:
    """(schedule, outgoing) of every shift that ended and whose handoff nobody signed."""
    rows = await tx.fetch("SELECT DISTINCT schedule, outgoing FROM handoffs WHERE state = 'unsigned' ORDER BY 1, 2")
    return [(row[0], row[1]) for row in rows]


async def lock(tx: Tx, ids: Sequence[int]) -> dict[int, Handoff]:
    """The handoffs, locked until the transaction ends, in the order of their numbers."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM handoffs WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE", sorted(set(ids))
    )
    return {row["id"]: _handoff(row) for row in rows}


async def find(tx: Tx, id: int) -> Handoff | None:
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM handoffs WHERE id = $1", id)
    return _handoff(row) if row else None


async def listed(
    tx: Tx,
    schedule: str | None,
    user: str | None,
    states: Sequence[str],
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[Handoff]:
    """Newest moment first. `user`: going out or coming in. `states` empty: all but void ones."""
    rows = await tx.fetch(
        f"""SELECT {_COLUMNS} FROM handoffs
            WHERE ($1::text IS NULL OR schedule = $1) AND ($2::text IS NULL OR outgoing = $2 OR incoming = $2)
              AND CASE WHEN $3::text[] = '{{}}' THEN state <> 'void' ELSE state = ANY($3::text[]) END
              AND ($4::timestamptz IS NULL OR (at, id) < ($4, $5::bigint))
            ORDER BY at DESC, id DESC LIMIT $6""",
        schedule, user, list(states), before[0] if before else None, before[1] if before else None, limit,
    )  # fmt: skip
    return [_handoff(row) for row in rows]


async def move(tx: Tx, id: int, state: State) -> None:
    await tx.execute("UPDATE handoffs SET state = $2 WHERE id = $1", id, state)


async def edit(tx: Tx, id: int, edits: Edits, actor: str, now: datetime) -> None:
    await tx.execute(
        "UPDATE handoffs SET edits = $2, edited_by = $3, edited_at = $4 WHERE id = $1",
        id, msgspec.to_builtins(edits), actor, now,
    )  # fmt: skip


async def sign(tx: Tx, id: int, kept: Any, actor: str, now: datetime) -> None:
    """Signed for good: `kept` is what was read."""
    await tx.execute(
        "UPDATE handoffs SET state = 'signed', kept = $2, signed_by = $3, signed_at = $4 WHERE id = $1",
        id, kept, actor, now,
    )  # fmt: skip


async def note_transferred(tx: Tx, id: int, incidents: Sequence[int]) -> None:
    await tx.execute("UPDATE handoffs SET transferred = transferred || $2::bigint[] WHERE id = $1", id, list(incidents))


async def unanswered_of(tx: Tx, user: str, schedule: str, since: datetime, limit: int) -> list[int]:
    """Open incidents assigned to `user` through this schedule that nobody answered in their present cycle of paging.

    Later steps that page them as a member of a team, or by name, take nothing away from that; being asked for in person does. What
    `user` took over themselves through another schedule after `since` stays theirs.
    """
    rows = await tx.fetch(
        """SELECT i.id FROM incidents i
           WHERE i.status NOT IN ('resolved', 'closed') AND i.assignee = $1 AND i.acknowledged_cycle < i.cycle
             AND (SELECT p.via FROM pages p WHERE p.incident_id = i.id AND p.user_id = $1
                    AND (p.via LIKE 'schedule:%' OR p.step = 0 AND p.via LIKE 'user:%') ORDER BY p.id DESC LIMIT 1) = $2
             AND NOT EXISTS (SELECT FROM handoffs h WHERE h.incoming = $1 AND h.schedule <> $3 AND h.at > $4
                             AND i.id = ANY(h.transferred))
           ORDER BY i.id LIMIT $5""",
        user, f"schedule:{schedule}", schedule, since, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def paged_since(tx: Tx, incidents: Sequence[int], handoff: Handoff) -> set[int]:
    """Those of the incidents about which the incoming was paged through the schedule since it is theirs."""
    rows = await tx.fetch(
        """SELECT DISTINCT incident_id FROM pages
           WHERE incident_id = ANY($1::bigint[]) AND user_id = $2 AND via = $3 AND created_at >= $4 AND urgency = 'high'""",
        list(incidents), handoff.incoming, f"schedule:{handoff.schedule}", handoff.at,
    )  # fmt: skip
    return {row[0] for row in rows}


# --- planned events ---------------------------------------------------------------------------------------------------


class Planned(msgspec.Struct, kw_only=True):
    """One planned event. `schedule` None: for everybody."""

    id: int
    title: str
    starts_at: datetime
    ends_at: datetime
    expected_load: str
    schedule: str | None
    created_by: str
    created_at: datetime


_PLANNED = ", ".join(f.name for f in msgspec.structs.fields(Planned))


async def planned(
    tx: Tx, start: datetime | None = None, end: datetime | None = None, schedule: str | None = None
) -> list[Planned]:
    """Those that touch [start, end), in order. `schedule`: its own and those for everybody."""
    rows = await tx.fetch(
        f"""SELECT {_PLANNED} FROM planned_events
            WHERE ($1::timestamptz IS NULL OR ends_at > $1) AND ($2::timestamptz IS NULL OR starts_at < $2)
              AND ($3::text IS NULL OR schedule IS NULL OR schedule = $3)
            ORDER BY starts_at, id LIMIT 500""",
        start, end, schedule,
    )  # fmt: skip
    return [Planned(**row) for row in rows]


async def add_planned(
    tx: Tx, title: str, start: datetime, end: datetime, load: str, schedule: str | None, actor: str, now: datetime
) -> int:
    made: int = await tx.fetchval(
        """INSERT INTO planned_events (title, starts_at, ends_at, expected_load, schedule, created_by, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
        title, start, end, load, schedule, actor, now,
    )  # fmt: skip
    return made


async def change_planned(tx: Tx, event: Planned) -> bool:
    """False when it is gone."""
    done: str = await tx.execute(
        "UPDATE planned_events SET title = $2, starts_at = $3, ends_at = $4, expected_load = $5, schedule = $6 WHERE id = $1",
        event.id, event.title, event.starts_at, event.ends_at, event.expected_load, event.schedule,
    )  # fmt: skip
    return done.endswith(" 1")


async def find_planned(tx: Tx, id: int) -> Planned | None:
    row = await tx.fetchrow(f"SELECT {_PLANNED} FROM planned_events WHERE id = $1", id)
    return Planned(**row) if row else None


async def remove_planned(tx: Tx, id: int) -> bool:
    """False when it was gone already."""
    done: str = await tx.execute("DELETE FROM planned_events WHERE id = $1", id)
    return done.endswith(" 1")
