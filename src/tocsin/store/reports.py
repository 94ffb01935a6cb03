"""What providers say later of what they accepted, and messages that came in from telephones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.store.database import Tx


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's latest word about one message or call. `failed`: it did not reach the person."""

    id: int
    sid: str
    status: str
    error: str
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


async def report(tx: Tx, sid: str, status: str, rank: int, error: str, now: datetime) -> int | None:
    """Keep a report unless a later stage is known already; the row's id, or None when it says nothing new."""
    found: int | None = await tx.fetchval(
        """INSERT INTO provider_reports (sid, status, rank, error, at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (sid) DO UPDATE SET status = $2, rank = $3, error = $4, at = $5 WHERE provider_reports.rank < $3
           RETURNING id""",
        sid, status, rank, error, now,
    )  # fmt: skip
    return found


async def reports(tx: Tx, ids: Sequence[int]) -> list[Report]:
    rows = await tx.fetch(
        "SELECT id, sid, status, error, at FROM provider_reports WHERE id = ANY($1::bigint[])", list(ids)
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


async def said(tx: Tx, receipts: Sequence[str]) -> dict[str, Report]:
    """The reports about messages whose sid ends these receipts."""
    sids = [receipt.rpartition(" ")[2] for receipt in receipts]
    rows = await tx.fetch("SELECT id, sid, status, error, at FROM provider_reports WHERE sid = ANY($1::text[])", sids)
    return {row["sid"]: Report(**row) for row in rows}


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


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An open incident that somebody was told of by telephone."""

    incident_id: int
    page_id: int
    user_id: str
    title: str
    created_at: datetime
    answered: bool


async def asked(tx: Tx, users: Sequence[str], limit: int = 50) -> list[Asked]:
    """The open incidents of which one of these people was told by telephone, the latest first, those that wait before others."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (answered, told, i.id) i.id AS incident_id, n.page_id, n.user_id, i.title, i.created_at,
                  i.acknowledged_cycle >= p.cycle AS answered, max(n.ended_at) OVER (PARTITION BY i.id) AS told
           FROM notifications n JOIN pages p ON p.id = n.page_id JOIN incidents i ON i.id = n.incident_id
           WHERE n.channel IN ('sms', 'voice') AND n.state = 'delivered' AND n.user_id = ANY($1::text[])
             AND i.status NOT IN ('resolved', 'closed')
           ORDER BY answered, told DESC, i.id, n.id DESC LIMIT $2""",
        list(users), limit,
    )  # fmt: skip
    kept = ("incident_id", "page_id", "user_id", "title", "created_at", "answered")
    return [Asked(**{name: row[name] for name in kept}) for row in rows]


async def page_asked(tx: Tx, page: int) -> Asked | None:
    """The incident of one page, whatever became of it; `answered` when there is nothing to acknowledge any more."""
    row = await tx.fetchrow(
        """SELECT p.incident_id, p.id AS page_id, p.user_id, i.title, i.created_at,
                  (i.acknowledged_cycle >= p.cycle OR i.status IN ('resolved', 'closed')) AS answered
           FROM pages p JOIN incidents i ON i.id = p.incident_id WHERE p.id = $1""",
        page,
    )
    return None if row is None else Asked(**row)


async def answered(tx: Tx, sid: str) -> str:
    """What was answered to this incoming message before; empty when it is new."""
    return str(await tx.fetchval("SELECT answer FROM provider_inbound WHERE sid = $1", sid) or "")


async def answer_with(tx: Tx, sid: str, answer: str, now: datetime) -> None:
    """Remember what was answered to it, so that hearing it again changes nothing."""
    await tx.execute(
        "INSERT INTO provider_inbound (sid, at, answer) VALUES ($1, $2, $3) ON CONFLICT (sid) DO NOTHING",
        sid,
        now,
        answer,
    )
