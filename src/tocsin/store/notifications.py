"""The outbox: claimed with a lease, re-read before each send, ended with what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tocsin.core.incident import Status
from tocsin.core.severity import Urgency
from tocsin.core.tier import Tier
from tocsin.metrics import PAGES
from tocsin.store.database import Tx


class Held(msgspec.Struct, frozen=True, gc=False):
    """A notification leased to this node, waiting for a place in its provider's lane."""

    id: int
    user_id: str
    method: str
    channel: str
    scheduled_at: datetime
    letter: Letter | None = None
    """What it says, where the statement that wrote it, together with its incident, was committed this very moment."""
    message: Any = None
    """The letter's message (plugins/channels), where it is composed already."""


class Letter(msgspec.Struct, kw_only=True, gc=False):
    """Everything that the message of one notification says, read just before it is sent."""

    id: int
    page_id: int
    incident_id: int
    user_id: str
    method: str
    channel: str
    attempts: int
    scheduled_at: datetime
    deadline_at: datetime
    via: str
    reason: str
    step: int
    round: int
    cycle: int
    title: str
    description: str
    severity: int
    status: Status
    service: str | None
    created_at: datetime
    alerts_count: int
    tier: Tier = "on_call"
    note: str = ""
    """What whoever asked for the page says."""
    urgency: Urgency = "high"
    message: int | None = None
    """The message that carries it, where messages are counted (store/messages)."""
    first: bool = True
    """Its page is the first one of its incident's cycle to this person."""
    told_at: datetime | None = None
    """When the same method last named the same incident because of another page."""


async def claim(
    tx: Tx, node: UUID, now: datetime, lease: timedelta, limit: int, besides: Sequence[tuple[str, str]] = ()
) -> list[Held]:
    """Take up to `limit` due notifications, earliest first, leaving those for `besides` (user, method)."""
    rows = await tx.fetch(
        """UPDATE notifications SET owner = $1, due_at = $3
           WHERE id IN (SELECT id FROM notifications WHERE state = 'pending' AND due_at <= $2
                          AND user_id || E'\\x1f' || method <> ALL($5::text[])
                        ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED)
           RETURNING id, user_id, method, channel, scheduled_at""",
        node, now, now + lease, limit, [f"{user}\x1f{method}" for user, method in besides],
    )  # fmt: skip
    return sorted((Held(*row) for row in rows), key=lambda held: (held.scheduled_at, held.id))


_BEGIN = """
SELECT n.id, n.page_id, n.incident_id, n.user_id, n.method, n.channel, n.attempts, n.scheduled_at, p.deadline_at, p.via, p.reason,
       p.step, p.round, p.cycle, i.title, i.description, i.severity, i.status, i.service, i.created_at, i.alerts_count,
       p.tier, p.note
FROM notifications n JOIN pages p ON p.id = n.page_id JOIN incidents i ON i.id = n.incident_id
WHERE n.id = ANY($1::bigint[]) AND n.state = 'pending' AND n.owner = $2 AND n.due_at > $3
  AND p.ended_at IS NULL AND i.status NOT IN ('resolved', 'closed') AND (i.acknowledged_cycle < p.cycle OR p.clock <> 'response')
"""


async def begin(tx: Tx, ids: Sequence[int], node: UUID, now: datetime) -> dict[int, Letter]:
    """Re-read, just before sending, those that may still go: leased to us, unanswered, the incident open."""
    return {row["id"]: Letter(**row) for row in await tx.fetch(_BEGIN, list(ids), node, now)}


async def renew(tx: Tx, ids: Sequence[int], node: UUID, until: datetime) -> set[int]:
    """Prolong leases; returns the ids that are still ours.

    Rows that somebody is changing are passed over until the next time: people's answers change many of them in an order of their
    own, and must not be made to wait.
    """
    await tx.execute(
        """UPDATE notifications SET due_at = $3 WHERE id IN (
             SELECT id FROM notifications WHERE id = ANY($1::bigint[]) AND owner = $2 AND state = 'pending'
             FOR UPDATE SKIP LOCKED)""",
        list(ids), node, until,
    )  # fmt: skip
    rows = await tx.fetch(
        "SELECT id FROM notifications WHERE id = ANY($1::bigint[]) AND owner = $2 AND state = 'pending'",
        list(ids),
        node,
    )
    return {row[0] for row in rows}


async def delivered(tx: Tx, node: UUID, rows: Sequence[tuple[int, str, datetime, datetime]]) -> set[int]:
    """The provider took them: (id, receipt, started, ended). Returns the ids recorded now (a repeat after a crash is recorded once).

    A notification superseded while it was on its way did arrive, and is told as it was. What differs from row to row is looked up in
    an object by its id: joined with `unnest`, the planner compares every row with every other (500 rows: 42 ms instead of 6).
    """
    found = await tx.fetch(
        """WITH done AS (
             UPDATE notifications n SET state = 'delivered', receipt = $2::jsonb -> n.id::text ->> 0,
                    started_at = ($2::jsonb -> n.id::text ->> 1)::timestamptz,
                    ended_at = ($2::jsonb -> n.id::text ->> 2)::timestamptz,
                    attempts = n.attempts + 1, owner = NULL, error = ''
             WHERE n.id = ANY($1::bigint[]) AND n.state IN ('pending', 'superseded')
             RETURNING n.id, n.page_id, n.ended_at
           ), ends AS MATERIALIZED (SELECT jsonb_object_agg(page_id, ended_at) AS at FROM done
           ), page AS (
             UPDATE pages p SET state = CASE WHEN p.state IN ('pending', 'undelivered') THEN 'delivered' ELSE p.state END,
                    delivered_at = COALESCE(p.delivered_at, ((SELECT at FROM ends) ->> p.id::text)::timestamptz),
                    ended_at = CASE WHEN p.state = 'undelivered' THEN NULL ELSE p.ended_at END
             WHERE p.id = ANY(ARRAY(SELECT page_id FROM done))
             RETURNING p.delivered_at = ((SELECT at FROM ends) ->> p.id::text)::timestamptz AS first
           )
           SELECT id, (SELECT count(*) FROM page WHERE first) FROM done""",
        [r[0] for r in rows], {r[0]: r[1:] for r in rows},
    )  # fmt: skip
    if found:
        PAGES.labels("delivered").inc(found[0][1])
    return {row[0] for row in found}


async def retry(tx: Tx, node: UUID, rows: Sequence[tuple[int, str, datetime]]) -> None:
    """Not taken, but worth another try: (id, error, when)."""
    await tx.execute(
        """UPDATE notifications n SET due_at = ($2::jsonb -> n.id::text ->> 1)::timestamptz, owner = NULL,
                  attempts = n.attempts + 1, error = $2::jsonb -> n.id::text ->> 0
           WHERE n.id = ANY($1::bigint[]) AND n.state = 'pending' AND n.owner = $3""",
        [r[0] for r in rows], {r[0]: r[1:] for r in rows}, node,
    )  # fmt: skip


async def prolong(tx: Tx, pages: Sequence[int], until: datetime) -> None:
    """These pages are tried until then, unless they are tried for longer already."""
    await tx.execute(
        "UPDATE pages SET deadline_at = GREATEST(deadline_at, $2) WHERE id = ANY($1::bigint[])", list(pages), until
    )


async def failed(tx: Tx, node: UUID, rows: Sequence[tuple[int, str]], now: datetime) -> list[int]:
    """Given up: (id, error). The page's next rule starts at once; returns the pages that now can reach nobody, ended so."""
    await tx.execute(
        """UPDATE notifications n SET state = 'failed', owner = NULL, attempts = n.attempts + 1, error = $2::jsonb ->> n.id::text,
                  ended_at = $4
           WHERE n.id = ANY($1::bigint[]) AND n.state = 'pending' AND n.owner = $3""",
        [r[0] for r in rows], {r[0]: r[1] for r in rows}, node, now,
    )  # fmt: skip
    pages = await tx.fetch(
        "SELECT DISTINCT page_id FROM notifications WHERE id = ANY($1::bigint[])", [r[0] for r in rows]
    )
    await tx.execute(
        """UPDATE notifications SET due_at = $2 WHERE id IN (
             SELECT DISTINCT ON (n.page_id) n.id FROM notifications n
             JOIN notifications f ON f.page_id = n.page_id AND f.id = ANY($3::bigint[]) AND f.position < n.position
             WHERE n.page_id = ANY($1::bigint[]) AND n.state = 'pending' AND n.owner IS NULL AND n.attempts = 0 AND n.due_at > $2
               AND NOT EXISTS (SELECT FROM notifications m WHERE m.page_id = n.page_id AND m.state IN ('pending', 'delivered')
                               AND m.position > f.position AND m.position < n.position)
             ORDER BY n.page_id, n.position)""",
        [p[0] for p in pages], now, [r[0] for r in rows],
    )  # fmt: skip
    ended = await tx.fetch(
        """UPDATE pages p SET state = 'undelivered', ended_at = $2
           WHERE p.id = ANY($1::bigint[]) AND p.state = 'pending' AND NOT EXISTS (
             SELECT FROM notifications n WHERE n.page_id = p.id AND n.state IN ('pending', 'delivered'))
           RETURNING p.id""",
        [p[0] for p in pages], now,
    )  # fmt: skip
    PAGES.labels("undelivered").inc(len(ended))
    return [row[0] for row in ended]


async def climbs_without_answer(tx: Tx, pages: Sequence[int]) -> list[int]:
    """The climbs whose latest rung reached nobody at all, given pages that just ended undelivered."""
    rows = await tx.fetch(
        """SELECT e.id FROM escalations e
           WHERE e.id IN (SELECT escalation_id FROM pages WHERE id = ANY($1::bigint[])) AND e.state IN ('running', 'held', 'progress')
             AND NOT EXISTS (
               SELECT FROM pages p WHERE p.escalation_id = e.id AND p.cycle = e.cycle AND p.state <> 'undelivered'
                 AND (p.round, p.step) = (SELECT q.round, q.step FROM pages q WHERE q.escalation_id = e.id AND q.cycle = e.cycle
                                          ORDER BY q.round DESC, q.step DESC LIMIT 1))
             AND EXISTS (
               SELECT FROM pages p WHERE p.id = ANY($1::bigint[]) AND p.escalation_id = e.id
                 AND (p.round, p.step) = (SELECT q.round, q.step FROM pages q WHERE q.escalation_id = e.id AND q.cycle = e.cycle
                                          ORDER BY q.round DESC, q.step DESC LIMIT 1))""",
        list(pages),
    )  # fmt: skip
    return [row[0] for row in rows]


async def page_people(tx: Tx, pages: Sequence[int]) -> dict[int, tuple[int, str]]:
    """(incident, user) of each page."""
    rows = await tx.fetch("SELECT id, incident_id, user_id FROM pages WHERE id = ANY($1::bigint[])", list(pages))
    return {row[0]: (row[1], row[2]) for row in rows}


async def owners(tx: Tx, ids: Sequence[int]) -> dict[int, tuple[int, str, str]]:
    """(incident, user, method) of each notification."""
    rows = await tx.fetch(
        "SELECT id, incident_id, user_id, method FROM notifications WHERE id = ANY($1::bigint[])", list(ids)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}
