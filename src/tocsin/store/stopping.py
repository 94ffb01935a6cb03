"""What rings stops: pages, notifications and climbs of incidents end, or wait, with their timers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.core.escalation import PageReason
from tocsin.metrics import PAGES
from tocsin.store.database import Tx


async def stop_paging(
    tx: Tx, ids: Sequence[int], now: datetime, reason: str, answered_by: str | None, asked: bool = True
) -> None:
    """End every page, notification and climb of these incidents, of both clocks, and remove their timers.

    Pages of `answered_by` end acknowledged; others that reached nobody yet end superseded; delivered ones stay delivered. Without
    `asked` what people asked of others goes on, and an offer to take over stands.
    """
    ended = await tx.fetch(
        """UPDATE pages SET state = CASE WHEN user_id = $3 THEN 'acknowledged' WHEN state = 'pending' THEN 'superseded'
                                         ELSE state END, ended_at = $2
           WHERE incident_id = ANY($1::bigint[]) AND state IN ('pending', 'delivered') AND ended_at IS NULL
             AND ($4 OR clock <> 'person') RETURNING state""",
        list(ids), now, answered_by, asked,
    )  # fmt: skip
    for row in ended:
        if row[0] != "delivered":
            PAGES.labels(row[0]).inc()
    await tx.execute(
        """UPDATE notifications n SET state = 'superseded', ended_at = $2
           WHERE incident_id = ANY($1::bigint[]) AND state = 'pending'
             AND ($3 OR EXISTS (SELECT FROM pages p WHERE p.id = n.page_id AND p.clock <> 'person'))""",
        list(ids), now, asked,
    )  # fmt: skip
    await tx.execute(
        """WITH ended AS (
             UPDATE escalations SET state = 'stopped', ended_at = $2, ended_reason = $3, next_at = NULL
             WHERE incident_id = ANY($1::bigint[]) AND state IN ('running', 'held', 'progress') RETURNING id
           ), clocks AS (
             DELETE FROM timers WHERE kind = ANY($4::text[]) AND subject = ANY($1::bigint[])
           )
           DELETE FROM timers WHERE kind = 'escalate' AND subject IN (SELECT id FROM ended)""",
        list(ids), now, reason, ["progress", "snooze", *(["handover"] if asked else [])],
    )  # fmt: skip


async def stop_response(tx: Tx, incident: int, now: datetime, answered_by: str | None) -> None:
    """Somebody answered: the response clock of one incident stops, with its pages; the progress clock looks where it stands.

    Of `answered_by` every page ends acknowledged, whatever sent it. What people asked of others goes on.
    """
    ended = await tx.fetch(
        """UPDATE pages SET state = CASE WHEN user_id = $3 THEN 'acknowledged' WHEN state = 'pending' THEN 'superseded'
                                         ELSE state END, ended_at = $2
           WHERE incident_id = $1 AND (clock = 'response' OR user_id = $3) AND state IN ('pending', 'delivered')
             AND ended_at IS NULL RETURNING id, state""",
        incident, now, answered_by,
    )  # fmt: skip
    for row in ended:
        if row["state"] != "delivered":
            PAGES.labels(row["state"]).inc()
    await tx.execute(
        """UPDATE notifications SET state = 'superseded', ended_at = $2
           WHERE page_id = ANY($1::bigint[]) AND state = 'pending'""",
        [row["id"] for row in ended], now,
    )  # fmt: skip
    await tx.execute(
        """WITH ended AS (
             UPDATE escalations SET state = 'stopped', ended_at = $2, ended_reason = 'acknowledged', next_at = NULL
             WHERE incident_id = $1 AND state IN ('running', 'held', 'progress') RETURNING id
           ), clock AS (
             INSERT INTO timers (kind, subject, incident_id, due_at, set_for) VALUES ('progress', $1, $1, $2, $2)
             ON CONFLICT (kind, subject) DO UPDATE
               SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL, attempts = 0, error = ''
           )
           DELETE FROM timers WHERE kind = 'escalate' AND subject IN (SELECT id FROM ended)""",
        incident, now,
    )  # fmt: skip


async def hold(tx: Tx, incident: int) -> None:
    """The climbs of one incident go no further for now: they fire only when brought forward."""
    await tx.execute(
        """WITH held AS (
             UPDATE escalations SET state = 'held', next_at = NULL WHERE incident_id = $1 AND state = 'running' RETURNING id
           )
           DELETE FROM timers WHERE kind = 'escalate' AND subject IN (SELECT id FROM held)""",
        incident,
    )  # fmt: skip


async def stop_own(tx: Tx, incident: int, user: str, now: datetime) -> int:
    """One person answers their own pages, also those that an acknowledgement by somebody else left. Returns how many."""
    ended = await tx.fetch(
        """UPDATE pages SET state = 'acknowledged', ended_at = $3
           WHERE incident_id = $1 AND user_id = $2 AND clock <> 'response' AND state IN ('pending', 'delivered', 'undelivered')
             AND (ended_at IS NULL OR state = 'undelivered') RETURNING id""",
        incident, user, now,
    )  # fmt: skip
    await tx.execute(
        """UPDATE notifications SET state = 'superseded', ended_at = $2
           WHERE page_id = ANY($1::bigint[]) AND state = 'pending'""",
        [row["id"] for row in ended], now,
    )  # fmt: skip
    if ended:
        PAGES.labels("acknowledged").inc(len(ended))
    return len(ended)


async def stop_asked(tx: Tx, incident: int, user: str, reasons: Sequence[PageReason], now: datetime) -> None:
    """What a person asked of somebody is not needed any more: their pages for these reasons stop, unanswered."""
    ended = await tx.fetch(
        """UPDATE pages SET state = CASE WHEN state = 'pending' THEN 'superseded' ELSE state END, ended_at = $3
           WHERE incident_id = $1 AND user_id = $2 AND clock = 'person' AND reason = ANY($4::text[])
             AND state IN ('pending', 'delivered') AND ended_at IS NULL RETURNING id""",
        incident, user, now, [reason.value for reason in reasons],
    )  # fmt: skip
    await tx.execute(
        """UPDATE notifications SET state = 'superseded', ended_at = $2
           WHERE page_id = ANY($1::bigint[]) AND state = 'pending'""",
        [row["id"] for row in ended], now,
    )  # fmt: skip


async def pause(tx: Tx, incident: int, now: datetime) -> None:
    """Nothing about a snoozed incident rings: what the progress clock sent stops, and the clock with it."""
    ended = await tx.fetch(
        """UPDATE pages SET state = CASE WHEN state = 'pending' THEN 'superseded' ELSE state END, ended_at = $2
           WHERE incident_id = $1 AND state IN ('pending', 'delivered') AND ended_at IS NULL RETURNING id""",
        incident, now,
    )  # fmt: skip
    await tx.execute(
        """UPDATE notifications SET state = 'superseded', ended_at = $2
           WHERE page_id = ANY($1::bigint[]) AND state = 'pending'""",
        [row["id"] for row in ended], now,
    )  # fmt: skip
    await tx.execute("DELETE FROM timers WHERE kind = 'progress' AND subject = $1", incident)
