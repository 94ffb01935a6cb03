"""What was at a time: the configuration of then, and what one person's pages and the incidents of that minute were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.configuration import KINDS
from tocsin.core.directory import Directory
from tocsin.core.past_duty import Past
from tocsin.core.shape import known_part
from tocsin.core.spelling import decode
from tocsin.store.database import Tx
from tocsin.store.reading_incidents import INCIDENT, Row


async def directory_at(tx: Tx, at: datetime, today: Directory) -> Directory:
    """Every object as it was at `at`. The settings of the organisation are today's: of them no history is kept."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (kind, id) kind, id, body FROM object_history
           WHERE at <= $1 AND kind = ANY($2) ORDER BY kind, id, revision DESC""",
        at, list(KINDS),
    )  # fmt: skip
    objects: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for row in rows:
        if row["body"] is not None:
            objects[row["kind"]].append(_read(row["kind"], row["body"]))
    return Directory.of(objects, today.default_escalation_policy, severities=today.severities)


_VERSIONS = """
WITH objects AS (SELECT DISTINCT kind, id FROM object_history WHERE kind = ANY($1)),
bounds AS (SELECT kind, id, COALESCE(
  (SELECT max(revision) FROM object_history h WHERE h.kind = o.kind AND h.id = o.id AND h.at <= $2),
  (SELECT min(revision) FROM object_history h WHERE h.kind = o.kind AND h.id = o.id)) AS first FROM objects o)
SELECT h.kind, h.id, h.at, h.body FROM bounds b JOIN object_history h ON h.kind = b.kind AND h.id = b.id
WHERE h.revision = b.first OR (h.revision > b.first AND h.at < $3) ORDER BY h.revision
"""

_GONE = """
SELECT DISTINCT ON (id) id, body FROM object_history
WHERE kind = 'users' AND body IS NOT NULL AND NOT id = ANY($1::text[]) ORDER BY id, revision DESC
"""


async def past(tx: Tx, start: datetime, end: datetime, today: Directory) -> Past:
    """The schedules and policies of [start, end) as they were written then, and people who are gone since."""
    found: dict[str, dict[str, list[tuple[datetime, Any]]]] = {"schedules": {}, "escalation_policies": {}}
    for row in await tx.fetch(_VERSIONS, list(found), start, end):
        body = None if row["body"] is None else _read(row["kind"], row["body"])
        found[row["kind"]].setdefault(row["id"], []).append((row["at"], body))
    kept = Past.of(today)  # what has no history was always as it is
    return Past(
        schedules={**kept.schedules, **found["schedules"]},
        policies={**kept.policies, **found["escalation_policies"]},
        gone={row["id"]: _read("users", row["body"]) for row in await tx.fetch(_GONE, list(today.users))},
    )


def _read(kind: str, body: Any) -> Any:
    """An object as it was written, also by another release."""
    try:
        return decode(body, KINDS[kind])
    except msgspec.ValidationError:
        return decode(known_part(body, KINDS[kind]), KINDS[kind])


async def pages_of(tx: Tx, user: str, start: datetime, end: datetime, limit: int) -> list[Row]:
    """Pages of one person that began in [start, end), oldest first, each with its incident's title and when it was answered."""
    return list(
        await tx.fetch(
            """SELECT p.id, p.incident_id, p.user_id, p.cycle, p.round, p.step, p.tier, p.via, p.reason, p.urgency, p.state,
                      p.created_at, p.delivered_at, p.ended_at, i.created_at AS began, i.title, i.severity, i.service, i.acknowledged_at,
                      i.acknowledged_by, i.resolved_at, i.drill
               FROM pages p JOIN incidents i ON i.id = p.incident_id
               WHERE p.user_id = $1 AND p.created_at >= $2 AND p.created_at < $3 ORDER BY p.created_at, p.id LIMIT $4""",
            user, start, end, limit,
        )
    )  # fmt: skip


async def incidents_open_at(tx: Tx, start: datetime, end: datetime, since: datetime, limit: int) -> list[Row]:
    """Incidents that opened after `since` and were open at some time in [start, end), oldest first."""
    return list(
        await tx.fetch(
            f"""SELECT {INCIDENT} FROM incidents
                WHERE created_at >= $3 AND created_at < $2 AND (resolved_at IS NULL OR resolved_at >= $1)
                ORDER BY created_at, id LIMIT $4""",
            start, end, since, limit,
        )
    )  # fmt: skip


async def policies_of(tx: Tx, incidents: Sequence[int]) -> dict[int, list[str]]:
    """incident -> the escalation policies by which it paged, in order."""
    rows = await tx.fetch(
        "SELECT incident_id, policy FROM escalations WHERE incident_id = ANY($1::bigint[]) ORDER BY id", list(incidents)
    )
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row[1])
    return found


async def who_was_paged(tx: Tx, incidents: Sequence[int], before: datetime) -> dict[int, list[str]]:
    """incident -> the people paged about it before then, in order."""
    rows = await tx.fetch(
        """SELECT incident_id, user_id, min(created_at) FROM pages WHERE incident_id = ANY($1::bigint[]) AND created_at < $2
           GROUP BY incident_id, user_id ORDER BY 1, 3, 2""",
        list(incidents), before,
    )  # fmt: skip
    found: dict[int, list[str]] = {}
    for incident, user, _ in rows:
        found.setdefault(incident, []).append(user)
    return found


async def muted_alerts(tx: Tx, start: datetime, end: datetime, limit: int) -> list[Row]:
    """Alerts that came in [start, end) and paged nobody because something held them back."""
    return list(
        await tx.fetch(
            """SELECT id, service, title, reason, first_at FROM alerts
               WHERE first_at >= $1 AND first_at < $2 AND incident_id IS NULL AND reason NOT IN ('opened', 'joined')
               ORDER BY first_at, id LIMIT $3""",
            start, end, limit,
        )
    )  # fmt: skip
