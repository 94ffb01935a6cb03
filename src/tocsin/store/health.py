"""Pages as they strike people, verdicts on alerts, and improvement items of shifts that hurt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.store.database import Tx

Row = Mapping[str, Any]


class PagedRow(msgspec.Struct, kw_only=True, gc=False):
    """One page of one person. `until` is when their work on it ended: the incident was restored or resolved, or somebody else
    answered; None while it goes on. `rule` is the alert that opened the incident (its `alertname`, else its title)."""

    user: str
    at: datetime
    via: str
    incident: int
    severity: int
    service: str | None
    answered: bool
    until: datetime | None
    alert: int | None
    rule: str


_PAGED = """
SELECT p.user_id AS user, p.created_at AS at, p.via, p.incident_id AS incident, i.severity, i.service,
       (p.state = 'acknowledged' OR i.acknowledged_by = 'user:' || p.user_id) AS answered,
       CASE WHEN p.state = 'acknowledged' OR i.acknowledged_by = 'user:' || p.user_id
            THEN COALESCE(i.restored_at, i.resolved_at) ELSE COALESCE(p.ended_at, i.acknowledged_at, i.resolved_at) END AS until,
       a.id AS alert, COALESCE(NULLIF(a.labels->>'alertname', ''), a.title, i.title) AS rule
FROM pages p JOIN incidents i ON i.id = p.incident_id
LEFT JOIN LATERAL (SELECT id, labels, title FROM alerts WHERE incident_id = i.id ORDER BY id LIMIT 1) a ON true
WHERE p.user_id = ANY($1::text[]) AND p.created_at >= $2 AND p.created_at < $3 AND NOT i.drill
ORDER BY p.created_at, p.id LIMIT 100000
"""


async def pages(tx: Tx, users: Sequence[str], start: datetime, end: datetime) -> list[PagedRow]:
    """The pages of these people in [start, end), drills left out, in order of time."""
    return [PagedRow(**row) for row in await tx.fetch(_PAGED, list(users), start, end)]


async def page_times(tx: Tx, users: Sequence[str], start: datetime, end: datetime) -> list[tuple[str, datetime]]:
    """(user, when) of the same pages, and nothing else of them."""
    rows = await tx.fetch(
        """SELECT p.user_id, p.created_at FROM pages p JOIN incidents i ON i.id = p.incident_id
           WHERE p.user_id = ANY($1::text[]) AND p.created_at >= $2 AND p.created_at < $3 AND NOT i.drill
           ORDER BY p.created_at LIMIT 20000""",
        list(users), start, end,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


# --- verdicts ---------------------------------------------------------------------------------------------------------


async def judge(tx: Tx, alert: int, verdict: str, actor: str, now: datetime) -> None:
    await tx.execute(
        """INSERT INTO verdicts (alert_id, verdict, by, at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (alert_id) DO UPDATE SET verdict = EXCLUDED.verdict, by = EXCLUDED.by, at = EXCLUDED.at""",
        alert, verdict, actor, now,
    )  # fmt: skip


async def take_back(tx: Tx, alert: int) -> None:
    await tx.execute("DELETE FROM verdicts WHERE alert_id = $1", alert)


async def verdicts(tx: Tx, alerts: Sequence[int]) -> dict[int, str]:
    """The verdicts on these alerts, where there is one."""
    rows = await tx.fetch("SELECT alert_id, verdict FROM verdicts WHERE alert_id = ANY($1::bigint[])", list(alerts))
    return {row[0]: row[1] for row in rows}


async def judged_rules(tx: Tx, start: datetime, end: datetime, limit: int) -> list[Row]:
    """Alert rules judged in [start, end): (service, rule, useful, noise, tune), the least wanted first."""
    return list(
        await tx.fetch(
            """SELECT a.service, COALESCE(NULLIF(a.labels->>'alertname', ''), a.title) AS rule,
                      count(*) FILTER (WHERE v.verdict = 'useful') AS useful, count(*) FILTER (WHERE v.verdict = 'noise') AS noise,
                      count(*) FILTER (WHERE v.verdict = 'tune') AS tune
               FROM verdicts v JOIN alerts a ON a.id = v.alert_id WHERE v.at >= $1 AND v.at < $2
               GROUP BY 1, 2 ORDER BY count(*) FILTER (WHERE v.verdict <> 'useful') DESC, 1, 2 LIMIT $3""",
            start, end, limit,
        )
    )  # fmt: skip


# --- improvements -----------------------------------------------------------------------------------------------------


class Improvement(msgspec.Struct, kw_only=True):
    """One row."""

    id: int
    schedule: str
    shift_start: datetime
    shift_end: datetime
    title: str
    alerts: list[dict[str, Any]]
    pages: int
    asleep: int
    owner: str | None
    state: str
    note: str
    created_at: datetime
    updated_at: datetime
    updated_by: str


_IMPROVEMENT = ", ".join(f.name for f in msgspec.structs.fields(Improvement))


async def ask(tx: Tx, wanted: Improvement) -> bool:
    """Open an item for a shift; False when that shift has one already."""
    done: str = await tx.execute(
        """INSERT INTO improvements (schedule, shift_start, shift_end, title, alerts, pages, asleep, owner, created_at, updated_at,
                                     updated_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 'tocsin') ON CONFLICT (schedule, shift_start) DO NOTHING""",
        wanted.schedule, wanted.shift_start, wanted.shift_end, wanted.title, wanted.alerts, wanted.pages, wanted.asleep,
        wanted.owner, wanted.created_at,
    )  # fmt: skip
    return done.endswith(" 1")


async def improvements(
    tx: Tx, state: str | None, schedule: str | None, before: tuple[datetime, int] | None, limit: int
) -> list[Improvement]:
    """Newest first."""
    rows = await tx.fetch(
        f"""SELECT {_IMPROVEMENT} FROM improvements
            WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR schedule = $2)
              AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::bigint))
            ORDER BY created_at DESC, id DESC LIMIT $5""",
        state, schedule, before[0] if before else None, before[1] if before else None, limit,
    )  # fmt: skip
    return [Improvement(**row) for row in rows]


async def improvement(tx: Tx, id: int, lock: bool = False) -> Improvement | None:
    row = await tx.fetchrow(
        f"SELECT {_IMPROVEMENT} FROM improvements WHERE id = $1" + (" FOR UPDATE" if lock else ""), id
    )
    return Improvement(**row) if row else None


async def change(tx: Tx, wanted: Improvement) -> None:
    await tx.execute(
        "UPDATE improvements SET title = $2, owner = $3, state = $4, note = $5, updated_at = $6, updated_by = $7 WHERE id = $1",
        wanted.id, wanted.title, wanted.owner, wanted.state, wanted.note, wanted.updated_at, wanted.updated_by,
    )  # fmt: skip
