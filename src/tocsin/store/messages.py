"""What one person is sent as one message: taken together, held back, counted. Under a lock per person and kind of channel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tocsin.core.notification import Hold, Ring
from tocsin.store.database import Tx
from tocsin.store.notifications import Letter

Person = tuple[str, str]
"""(user, method)."""

LONGEST_LIMIT = "1 day"
MOST_COMPANY = 2000
"""Notifications that go along with messages at once; the rest goes with the next ones."""


class Made(NamedTuple):
    """A message about to be sent, and the notifications in it."""

    user: str
    method: str
    channel: str
    urgent: bool
    ids: tuple[int, ...]


async def lock(tx: Tx, people: Iterable[tuple[str, str]]) -> None:
    """Let only one decide at a time for each (user, channel), in one order, so that two cannot wait for each other."""
    for user, channel in sorted(set(people)):
        await tx.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('message ' || $1 || ' ' || $2, 0))", user, channel
        )


_BEGIN = """
SELECT n.id, n.page_id, n.incident_id, n.user_id, n.method, n.channel, n.attempts, n.scheduled_at, p.deadline_at, p.via, p.reason,
       p.step, p.round, p.cycle, i.title, i.description, i.severity, i.status, i.service, i.created_at, i.alerts_count,
       p.tier, p.note, p.urgency, n.message,
       NOT EXISTS (SELECT FROM pages q WHERE q.incident_id = p.incident_id AND q.user_id = p.user_id AND q.cycle = p.cycle
                   AND q.id < p.id) AS first,
       (SELECT max(o.started_at) FROM pages q JOIN notifications o ON o.page_id = q.id
        WHERE q.incident_id = p.incident_id AND q.user_id = p.user_id AND q.cycle = p.cycle AND q.id <> p.id
          AND o.method = n.method AND o.state = 'delivered') AS told_at
FROM notifications n JOIN pages p ON p.id = n.page_id JOIN incidents i ON i.id = n.incident_id
WHERE n.id = ANY($1::bigint[]) AND n.state = 'pending' AND n.owner = $2 AND n.due_at > $3
  AND p.ended_at IS NULL AND i.status NOT IN ('resolved', 'closed') AND (i.acknowledged_cycle < p.cycle OR p.clock <> 'response')
"""


async def begin(tx: Tx, ids: Sequence[int], node: UUID, now: datetime) -> dict[int, Letter]:
    """As `notifications.begin`, with what decides whether they travel together."""
    return {row["id"]: Letter(**row) for row in await tx.fetch(_BEGIN, list(ids), node, now)}


async def rings(
    tx: Tx, people: Iterable[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], list[tuple[str, Ring]]]:
    """Per (user, channel): the messages of the last day as (method, ring)."""
    wanted = sorted(set(people))
    rows = await tx.fetch(
        f"""SELECT m.user_id, m.channel, m.method, m.at, m.urgent FROM messages m
            JOIN unnest($1::text[], $2::text[]) AS r(user_id, channel) ON m.user_id = r.user_id AND m.channel = r.channel
            WHERE m.at > $3::timestamptz - interval '{LONGEST_LIMIT}'""",
        [user for user, _ in wanted], [channel for _, channel in wanted], now,
    )  # fmt: skip
    found: dict[tuple[str, str], list[tuple[str, Ring]]] = {}
    for user, channel, method, at, urgent in rows:
        found.setdefault((user, channel), []).append((method, Ring(at, urgent)))
    return found


async def company(tx: Tx, people: Iterable[Person]) -> dict[Person, datetime]:
    """Until when others wait already for company, per (user, method)."""
    wanted = sorted(set(people))
    rows = await tx.fetch(
        """SELECT n.user_id, n.method, min(n.held_until) FROM notifications n
           JOIN unnest($1::text[], $2::text[]) AS r(user_id, method) ON n.user_id = r.user_id AND n.method = r.method
           WHERE n.state = 'pending' AND n.held = 'bundle' AND n.owner IS NULL AND n.message IS NULL
           GROUP BY n.user_id, n.method""",
        [user for user, _ in wanted], [method for _, method in wanted],
    )  # fmt: skip
    return {(row[0], row[1]): row[2] for row in rows}


async def take_company(tx: Tx, people: Iterable[Person], node: UUID, until: datetime) -> dict[Person, list[int]]:
    """Lease those that wait for company, or for the phone to fall silent: they go along with a message that goes now."""
    wanted = sorted(set(people))
    rows = await tx.fetch(
        """UPDATE notifications SET owner = $3, due_at = $4 WHERE id IN (
             SELECT n.id FROM notifications n
             JOIN unnest($1::text[], $2::text[]) AS r(user_id, method) ON n.user_id = r.user_id AND n.method = r.method
             WHERE n.state = 'pending' AND n.held IN ('bundle', 'limit') AND n.owner IS NULL AND n.message IS NULL
             ORDER BY n.id LIMIT $5 FOR UPDATE OF n SKIP LOCKED)
           RETURNING user_id, method, id""",
        [user for user, _ in wanted], [method for _, method in wanted], node, until, MOST_COMPANY,
    )  # fmt: skip
    taken: dict[Person, list[int]] = {}
    for user, method, id in rows:
        taken.setdefault((user, method), []).append(id)
    return taken


async def write(tx: Tx, made: Sequence[Made], node: UUID, now: datetime, until: datetime) -> dict[Person, int]:
    """Record messages about to be sent, at most one per (user, method); their ids. Their notifications share one lease from now on, so
    that whoever takes them up after a crash sends the same message again.
    """
    if not made:
        return {}
    rows = await tx.fetch(
        """INSERT INTO messages (user_id, method, channel, at, urgent)
           SELECT r.user_id, r.method, r.channel, $5, r.urgent
           FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) AS r(user_id, method, channel, urgent)
           RETURNING user_id, method, id""",
        [m.user for m in made], [m.method for m in made], [m.channel for m in made], [m.urgent for m in made], now,
    )  # fmt: skip
    numbers = {(row[0], row[1]): row[2] for row in rows}
    pairs = [(id, numbers[m.user, m.method]) for m in made for id in m.ids]
    await tx.execute(
        """UPDATE notifications n SET message = r.message, due_at = $4
           FROM unnest($1::bigint[], $2::bigint[]) AS r(id, message)
           WHERE n.id = r.id AND n.id = ANY($1::bigint[]) AND n.owner = $3""",
        [id for id, _ in pairs], [message for _, message in pairs], node, until,
    )  # fmt: skip
    return numbers


async def hold(tx: Tx, node: UUID, rows: Sequence[tuple[int, datetime, Hold]]) -> None:
    """Give these back until later: (id, until, why)."""
    if rows:
        await tx.execute(
            """UPDATE notifications n SET due_at = r.until, owner = NULL, held = r.held, held_until = r.until
               FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS r(id, until, held)
               WHERE n.id = r.id AND n.id = ANY($1::bigint[]) AND n.owner = $4 AND n.state = 'pending'""",
            [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], node,
        )  # fmt: skip


async def forget(tx: Tx, messages: Collection[int]) -> None:
    """These messages rang nobody after all: they do not count."""
    await tx.execute("DELETE FROM messages WHERE id = ANY($1::bigint[])", list(messages))


async def pages_of(tx: Tx, message: int) -> list[tuple[int, str]]:
    """What a message named, in its order: (incident, user), those that were merged by what they went into."""
    rows = await tx.fetch(
        """SELECT COALESCE(i.merged_into, i.id), n.user_id FROM notifications n JOIN incidents i ON i.id = n.incident_id
           WHERE n.message = $1 ORDER BY i.severity, n.scheduled_at, n.id""",
        message,
    )
    return [(row[0], row[1]) for row in rows]
