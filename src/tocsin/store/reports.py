"""What providers say later of what they accepted, and messages that came in from telephones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.store.database import Tx


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's latest word about what it accepted with this receipt."""

    id: int
    receipt: str
    outcome: str
    text: str
    at: datetime


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that a message or call carried."""

    id: int
    incident_id: int
    page_id: int
    user_id: str
    method: str
    channel: str
    state: str


async def report(tx: Tx, receipt: str, status: str, rank: int, outcome: str, text: str, now: datetime) -> int | None:
    """Keep what a provider says unless a later stage is known already; the row's id, or None when it says nothing new."""
    found: int | None = await tx.fetchval(
        """INSERT INTO provider_reports AS r (receipt, status, rank, outcome, text, at) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (receipt) DO UPDATE SET status = $2, rank = $3, outcome = $4, text = $5, at = $6 WHERE r.rank < $3
           RETURNING id""",
        receipt, status, rank, outcome, text, now,
    )  # fmt: skip
    return found


async def reports(tx: Tx, ids: Sequence[int]) -> list[Report]:
    rows = await tx.fetch(
        "SELECT id, receipt, outcome, text, at FROM provider_reports WHERE id = ANY($1::bigint[])", list(ids)
    )
    return [Report(**row) for row in rows]


async def carried(tx: Tx, receipts: Sequence[str]) -> dict[str, list[Carried]]:
    """The notifications recorded with each of these receipts."""
    rows = await tx.fetch(
        """SELECT receipt, id, incident_id, page_id, user_id, method, channel, state FROM notifications
           WHERE channel IN ('sms', 'voice') AND receipt = ANY($1::text[]) ORDER BY id""",
        list(receipts),
    )
    found: dict[str, list[Carried]] = {}
    for row in rows:
        values = dict(row)
        found.setdefault(values.pop("receipt"), []).append(Carried(**values))
    return found


async def bounced(tx: Tx, ids: Sequence[int], error: str, now: datetime) -> tuple[list[int], list[int]]:
    """Delivered notifications turn out not to have arrived: each person's next rule is due now.

    Returns the notifications that changed, and the unanswered pages that now can reach nobody, ended so.
    """
    rows = await tx.fetch(
        """UPDATE notifications SET state = 'failed', error = $2, ended_at = $3
           WHERE id = ANY($1::bigint[]) AND state = 'delivered' RETURNING id, page_id""",
        list(ids), error, now,
    )  # fmt: skip
    pages = list({row["page_id"] for row in rows})
    await tx.execute(
        """UPDATE notifications SET due_at = $2 WHERE id IN (
             SELECT DISTINCT ON (n.page_id) n.id FROM notifications n
             JOIN notifications f ON f.page_id = n.page_id AND f.id = ANY($3::bigint[]) AND f.position < n.position
             WHERE n.page_id = ANY($1::bigint[]) AND n.state = 'pending' AND n.owner IS NULL AND n.attempts = 0 AND n.due_at > $2
               AND NOT EXISTS (SELECT FROM notifications m WHERE m.page_id = n.page_id AND m.state IN ('pending', 'delivered')
                               AND m.position > f.position AND m.position < n.position)
             ORDER BY n.page_id, n.position)""",
        pages, now, [row["id"] for row in rows],
    )  # fmt: skip
    ended = await tx.fetch(
        """UPDATE pages p SET state = 'undelivered', ended_at = $2
           WHERE p.id = ANY($1::bigint[]) AND p.state IN ('pending', 'delivered') AND p.ended_at IS NULL AND NOT EXISTS (
             SELECT FROM notifications n WHERE n.page_id = p.id AND n.state IN ('pending', 'delivered'))
           RETURNING p.id""",
        pages, now,
    )  # fmt: skip
    return [row["id"] for row in rows], [row["id"] for row in ended]


async def arrived(tx: Tx, ids: Sequence[int], at: datetime) -> None:
    """The provider says that these reached the device."""
    await tx.execute(
        "UPDATE notifications SET arrived_at = COALESCE(arrived_at, $2) WHERE id = ANY($1::bigint[]) AND state = 'delivered'",
        list(ids), at,
    )  # fmt: skip


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An open incident that somebody was told of by telephone."""

    incident_id: int
    user_id: str
    title: str
    created_at: datetime
    answered: bool


async def asked(tx: Tx, users: Sequence[str], limit: int = 50) -> list[Asked]:
    """The open incidents of which one of these people was told by telephone: those that wait before the others, the one texted last
    before the earlier ones (of one message the worst)."""
    rows = await tx.fetch(
        """SELECT i.id AS incident_id, (array_agg(n.user_id ORDER BY n.id DESC))[1] AS user_id, i.title, i.created_at,
                  i.acknowledged_cycle >= i.cycle AS answered
           FROM notifications n JOIN incidents i ON i.id = n.incident_id
           WHERE n.channel IN ('sms', 'voice') AND n.state = 'delivered' AND n.user_id = ANY($1::text[])
             AND i.status NOT IN ('resolved', 'closed')
           GROUP BY i.id
           ORDER BY answered, max(n.ended_at) FILTER (WHERE n.channel = 'sms') DESC NULLS LAST, max(n.ended_at) DESC, i.severity, i.id
           LIMIT $2""",
        list(users), limit,
    )  # fmt: skip
    return [Asked(**row) for row in rows]


async def answered(tx: Tx, sid: str) -> str:
    """What was answered to this incoming message before; empty when it is new."""
    return str(await tx.fetchval("SELECT answer FROM provider_inbound WHERE sid = $1", sid) or "")


async def answer_with(tx: Tx, sid: str, answer: str, now: datetime) -> None:
    """Remember for a month what was answered to it, so that hearing it again changes nothing."""
    await tx.execute("DELETE FROM provider_inbound WHERE at < $1::timestamptz - interval '30 days'", now)
    await tx.execute(
        "INSERT INTO provider_inbound (sid, at, answer) VALUES ($1, $2, $3) ON CONFLICT (sid) DO NOTHING",
        sid,
        now,
        answer,
    )
