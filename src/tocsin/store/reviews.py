"""Reviews: one for each incident that was resolved, with what people wrote into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from tocsin.core.review import Action, Factor, FactorKind, FollowUp, Section, State, Task
from tocsin.store.database import Tx
from tocsin.store.reading_alerts import RUNBOOK
from tocsin.store.reading_incidents import Row


class Review(msgspec.Struct, kw_only=True):
    """One row. `kept` is the document as it was published; `reminded`, `invited`: what was sent of it (flow/minding)."""

    incident: int
    state: State
    drafted_at: datetime
    timeline_by: datetime | None
    meet_by: datetime | None
    publish_by: datetime
    meeting_at: datetime | None
    meeting_sequence: int
    owner: str | None
    settled_at: datetime | None
    settled_by: str | None
    reason: str
    kept: dict[str, Any] | None
    reminded: int
    invited: int


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A review that somebody has to write."""

    incident: int
    created_at: datetime
    title: str
    service: str | None
    owner: str | None
    publish_by: datetime
    reminded: int


_FIELDS = ", ".join(f.name for f in msgspec.structs.fields(Review))


async def settled(tx: Tx, number: int) -> bool:
    """Is the review of this incident published or waived?"""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM reviews WHERE incident = $1 AND state IN ('published', 'waived'))", number
    )
    return found


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A review as it begins."""

    incident: int
    drafted_at: datetime
    timeline_by: datetime
    meet_by: datetime | None
    publish_by: datetime
    meeting_at: datetime | None
    owner: str | None


async def draft(tx: Tx, drafts: Sequence[Draft]) -> list[int]:
    """Make these, all at once. One that there is already begins again with new dates; what was written into it stays.

    Returns the incidents whose review was made or begun again.
    """
    rows = await tx.fetch(
        """INSERT INTO reviews AS r (incident, drafted_at, timeline_by, meet_by, publish_by, meeting_at, owner)
           SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
                                $7::text[])
           ON CONFLICT (incident) DO UPDATE SET state = 'draft', drafted_at = EXCLUDED.drafted_at, timeline_by = EXCLUDED.timeline_by,
             meet_by = EXCLUDED.meet_by, publish_by = EXCLUDED.publish_by, meeting_at = EXCLUDED.meeting_at,
             meeting_sequence = r.meeting_sequence + 1, owner = COALESCE(r.owner, EXCLUDED.owner), settled_at = NULL, settled_by = NULL,
             reason = '', reminded = 0
           RETURNING incident""",
        *zip(*(msgspec.structs.astuple(one) for one in drafts), strict=True),
    )  # fmt: skip
    return [row[0] for row in rows]


async def get(tx: Tx, number: int) -> Review | None:
    row = await tx.fetchrow(f"SELECT {_FIELDS} FROM reviews WHERE incident = $1", number)
    return Review(**row) if row else None


async def change(tx: Tx, number: int, **columns: Any) -> None:
    """Set columns of a review whose incident is locked."""
    names = sorted(columns)
    if not set(names) <= {field.name for field in msgspec.structs.fields(Review)}:
        raise ValueError(f"not columns of a review: {names}")
    assignments = ", ".join(f"{name} = ${at}" for at, name in enumerate(names, 2))
    await tx.execute(f"UPDATE reviews SET {assignments} WHERE incident = $1", number, *(columns[n] for n in names))


async def listed(
    tx: Tx,
    states: Sequence[str],
    hidden: Sequence[int],
    before: tuple[datetime, int] | None,
    limit: int,
    *,
    by_due: bool = False,
) -> list[Row]:
    """Reviews with their incidents, the one drafted last first; `by_due`: the one that is due first. `states` empty: all."""
    at, number = before or (None, None)
    column, beyond, order = ("publish_by", ">", "ASC") if by_due else ("drafted_at", "<", "DESC")
    return list(
        await tx.fetch(
            f"""SELECT r.incident, r.state, r.drafted_at, r.meet_by, r.publish_by, r.meeting_at, r.owner, r.settled_at, r.settled_by,
                      r.reason,
                      i.title, i.severity, i.status, i.service, i.created_at, i.resolved_at
               FROM reviews r JOIN incidents i ON i.id = r.incident
               WHERE ($1::text[] = '{{}}' OR r.state = ANY($1::text[])) AND r.incident <> ALL($2::bigint[])
                 AND ($3::timestamptz IS NULL OR (r.{column}, r.incident) {beyond} ($3, $4::bigint))
               ORDER BY r.{column} {order}, r.incident {order} LIMIT $5""",
            list(states), list(hidden), at, number, limit,
        )
    )  # fmt: skip


_REAL = "NOT i.drill AND i.imported_at IS NULL AND i.merged_into IS NULL AND i.status IN ('resolved', 'closed')"


async def to_invite(tx: Tx, now: datetime, begun_before: datetime) -> list[int]:
    """Incidents to whose review's meeting, as it is planned now, nobody was asked yet; locked."""
    rows = await tx.fetch(
        f"""SELECT r.incident FROM reviews r JOIN incidents i ON i.id = r.incident
            WHERE r.state IN ('draft', 'in_review') AND r.meeting_at > $1 AND r.invited < r.meeting_sequence AND r.drafted_at <= $2
              AND {_REAL} ORDER BY r.meeting_at LIMIT 50 FOR UPDATE OF r SKIP LOCKED""",
        now, begun_before,
    )  # fmt: skip
    return [row[0] for row in rows]


async def to_remind(tx: Tx, now: datetime, last: int) -> list[Waiting]:
    """Reviews that are to be published within a day, or should have been, and whose last reminder was not the `last` one; locked."""
    rows = await tx.fetch(
        f"""SELECT r.incident, i.created_at, i.title, i.service, r.owner, r.publish_by, r.reminded
            FROM reviews r JOIN incidents i ON i.id = r.incident
            WHERE r.state IN ('draft', 'in_review') AND r.publish_by <= $1::timestamptz + interval '1 day' AND r.reminded < $2 AND {_REAL}
            ORDER BY r.publish_by LIMIT 200 FOR UPDATE OF r SKIP LOCKED""",
        now, last,
    )  # fmt: skip
    return [Waiting(**row) for row in rows]


async def to_call_off(tx: Tx, now: datetime) -> list[int]:
    """Incidents to whose review's meeting people were asked, which will not be: it is waived, or the incident came back or went into
    another; locked."""
    rows = await tx.fetch(
        """SELECT r.incident FROM reviews r JOIN incidents i ON i.id = r.incident
           WHERE r.meeting_at > $1 AND r.invited >= 0
             AND (r.state = 'waived' OR i.merged_into IS NOT NULL OR i.status NOT IN ('resolved', 'closed'))
           ORDER BY r.meeting_at LIMIT 50 FOR UPDATE OF r SKIP LOCKED""",
        now,
    )  # fmt: skip
    return [row[0] for row in rows]


# --- what people wrote ------------------------------------------------------------------------------------------------


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A section as somebody left it."""

    section: Section
    version: int
    text: str
    actor: str
    at: datetime


async def sections(tx: Tx, number: int) -> dict[Section, Version]:
    """Each section that was ever written, as it is now."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (section) section, version, text, actor, at FROM review_sections WHERE incident = $1
           ORDER BY section, version DESC""",
        number,
    )
    return {row["section"]: Version(**row) for row in rows}


async def versions(tx: Tx, number: int, section: str) -> list[Version]:
    """Every version of a section, the newest first."""
    rows = await tx.fetch(
        """SELECT section, version, text, actor, at FROM review_sections WHERE incident = $1 AND section = $2
           ORDER BY version DESC""",
        number, section,
    )  # fmt: skip
    return [Version(**row) for row in rows]


async def write(tx: Tx, number: int, section: str, version: int, text: str, actor: str, now: datetime) -> None:
    await tx.execute(
        "INSERT INTO review_sections (incident, section, version, text, actor, at) VALUES ($1, $2, $3, $4, $5, $6)",
        number, section, version, text, actor, now,
    )  # fmt: skip


async def factors(tx: Tx, number: int) -> list[Factor]:
    rows = await tx.fetch("SELECT id, kind, text, evidence FROM review_factors WHERE incident = $1 ORDER BY id", number)
    return [Factor(**row) for row in rows]


async def add_factor(
    tx: Tx, number: int, kind: FactorKind, text: str, evidence: str, actor: str, now: datetime
) -> Factor:
    row = await tx.fetchrow(
        """INSERT INTO review_factors (incident, kind, text, evidence, actor, at) VALUES ($1, $2, $3, $4, $5, $6)
           RETURNING id, kind, text, evidence""",
        number, kind, text, evidence, actor, now,
    )  # fmt: skip
    return Factor(**row)


async def remove_factor(tx: Tx, number: int, id: int) -> bool:
    """False when there is none."""
    done: str = await tx.execute("DELETE FROM review_factors WHERE incident = $1 AND id = $2", number, id)
    return done == "DELETE 1"


async def actions(tx: Tx, number: int) -> list[Action]:
    rows = await tx.fetch(
        "SELECT id, action, owner, due_on, state, ended_at FROM review_actions WHERE incident = $1 ORDER BY id", number
    )
    return [Action(**row) for row in rows]


async def add_action(
    tx: Tx, number: int, action: str, owner: str | None, due_on: date | None, actor: str, now: datetime
) -> Action:
    row = await tx.fetchrow(
        """INSERT INTO review_actions (incident, action, owner, due_on, actor, at) VALUES ($1, $2, $3, $4, $5, $6)
           RETURNING id, action, owner, due_on, state, ended_at""",
        number, action, owner, due_on, actor, now,
    )  # fmt: skip
    return Action(**row)


async def change_action(tx: Tx, number: int, id: int, columns: Mapping[str, Any]) -> Action | None:
    """None when there is none."""
    names = [name for name in ("action", "owner", "due_on", "state", "ended_at", "ended_by") if name in columns]
    assignments = ", ".join(f"{name} = ${at}" for at, name in enumerate(names, 3))
    row = await tx.fetchrow(
        f"UPDATE review_actions SET {assignments} WHERE incident = $1 AND id = $2 RETURNING id, action, owner, due_on, state, ended_at",
        number, id, *(columns[name] for name in names),
    )  # fmt: skip
    return Action(**row) if row else None


async def done(tx: Tx, number: int) -> list[FollowUp]:
    """Follow-ups that somebody said are done."""
    rows = await tx.fetch(
        "SELECT task, due_at, done_at, COALESCE(done_by, '') AS done_by FROM review_follow_ups WHERE incident = $1",
        number,
    )
    return [FollowUp(**row) for row in rows]


async def mark(tx: Tx, number: int, task: Task, at: datetime | None, actor: str | None) -> None:
    """A follow-up is done; or not, after all (None)."""
    await tx.execute(
        """INSERT INTO review_follow_ups (incident, task, done_at, done_by) VALUES ($1, $2, $3, $4)
           ON CONFLICT (incident, task) DO UPDATE SET done_at = EXCLUDED.done_at, done_by = EXCLUDED.done_by""",
        number, task, at, actor,
    )  # fmt: skip


# --- what a review tells of -------------------------------------------------------------------------------------------


async def newcomers(tx: Tx, number: int, users: Sequence[str], services: Sequence[str]) -> int:
    """How many of these people were on no earlier incident of these services."""
    return int(
        await tx.fetchval(
            """SELECT count(*) FROM unnest($2::text[]) AS u WHERE NOT EXISTS (
                 SELECT FROM incidents i WHERE i.id < $1 AND i.affected_services && $3::text[] AND NOT i.drill
                   AND (i.assignee = u OR i.acknowledged_by = 'user:' || u OR u = ANY(i.responders)))""",
            number, list(users), list(services),
        )
    )  # fmt: skip


async def runbooks(tx: Tx, number: int, limit: int, among: int | None = None) -> list[str]:
    """Runbooks that alerts of the incident named; `among`: look at so many alerts only."""
    rows = await tx.fetch(
        f"""SELECT DISTINCT runbook FROM (SELECT {RUNBOOK} AS runbook FROM alerts WHERE incident_id = $1 LIMIT $3) a
            WHERE runbook IS NOT NULL ORDER BY runbook LIMIT $2""",
        number, limit, among,
    )  # fmt: skip
    return [row[0] for row in rows]
