"""Checklists of those who are new on call: ticks by hand, mentors, signatures, and what was observed of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.newcomer import Mark, Newcomer
from tocsin.core.readiness_item import Observed
from tocsin.store.database import Tx


class Row(msgspec.Struct, kw_only=True):
    """What somebody wrote about one newcomer of one team."""

    user_id: str
    team: str
    created_at: datetime
    mentor: str | None = None
    marks: dict[str, Mark] = {}
    signed_by: str | None = None
    signed_at: datetime | None = None
    note: str = ""
    opened_by: str | None = None


_COLUMNS = ", ".join(f.name for f in msgspec.structs.fields(Row))


def _row(row: Any) -> Row:
    return Row(**{**row, "marks": msgspec.convert(row["marks"], dict[str, Mark])})


async def everybody(tx: Tx) -> dict[Newcomer, Row]:
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM newcomers ORDER BY user_id, team")
    return {(row["user_id"], row["team"]): _row(row) for row in rows}


async def lock(tx: Tx, newcomer: Newcomer, now: datetime) -> Row:
    """The row, made if there is none, locked until the transaction ends."""
    user, team = newcomer
    await tx.execute(
        "INSERT INTO newcomers (user_id, team, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", user, team, now
    )
    return _row(
        await tx.fetchrow(f"SELECT {_COLUMNS} FROM newcomers WHERE user_id = $1 AND team = $2 FOR UPDATE", user, team)
    )


async def save(tx: Tx, row: Row) -> None:
    await tx.execute(
        """UPDATE newcomers SET mentor = $3, marks = $4, signed_by = $5, signed_at = $6, note = $7, opened_by = $8
           WHERE user_id = $1 AND team = $2""",
        row.user_id, row.team, row.mentor, msgspec.to_builtins(row.marks), row.signed_by, row.signed_at, row.note,
        row.opened_by,
    )  # fmt: skip


async def veterans(tx: Tx, now: datetime) -> frozenset[tuple[str, str]]:
    """(schedule, user) of everybody whose shift has ended before."""
    rows = await tx.fetch("SELECT DISTINCT schedule, outgoing FROM handoffs WHERE at <= $1 AND state <> 'void'", now)
    return frozenset((row[0], row[1]) for row in rows)


async def observed(tx: Tx, users: Sequence[str]) -> dict[str, Mapping[Observed, int]]:
    """What the people did, by user: drills and pages that they answered, handoffs that they signed or were shown."""
    rows = await tx.fetch(
        """SELECT u.id,
             (SELECT count(*) FROM drills d JOIN incidents i ON i.id = d.incident_id
              WHERE i.acknowledged_by = 'user:' || u.id) AS drills,
             (SELECT count(DISTINCT i.id) FROM pages p JOIN incidents i ON i.id = p.incident_id
              WHERE p.user_id = u.id AND NOT i.drill AND i.acknowledged_by = 'user:' || u.id) AS pages,
             (SELECT count(*) FROM handoffs h WHERE h.signed_by = 'user:' || u.id) AS handoffs
           FROM unnest($1::text[]) AS u(id)""",
        sorted(set(users)),
    )  # fmt: skip
    return {
        row["id"]: {
            "drill_answered": row["drills"],
            "page_answered": row["pages"],
            "handoff_signed": row["handoffs"],
        }
        for row in rows
    }
