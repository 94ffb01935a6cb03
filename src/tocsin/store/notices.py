"""The outbox of news that nobody has to answer. Each row has a timer of the kind `notice`, which is claimed, leased and removed with
the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tocsin.core.incident import Status
from tocsin.store.database import Tx
from tocsin.store.timers import Timer

TIMER = "notice"
TOLD = "told"
"""The kind of a notice that carries what people wrote (an update, a communication): needed whatever became of the incident."""


class NewNotice(msgspec.Struct, kw_only=True, gc=False):
    """A row of `notices` as it is born. Of several with the same `key` the first is kept.

    `path` leads below our external URL; `calendar` is an appointment (iCalendar) that comes along. A copy of a page names its
    incident, page and step; `waits`: it is not needed any more once somebody answered.
    """

    key: str
    kind: str
    user_id: str
    method: str
    channel: str
    heading: str = ""
    text: str = ""
    path: str = ""
    incident_id: int | None = None
    page_id: int | None = None
    step: int = 1
    waits: bool = False
    created_at: datetime
    due_at: datetime
    deadline_at: datetime
    calendar: str = ""


class Notice(msgspec.Struct, kw_only=True, gc=False):
    """A notice just before it is sent, with what its incident says of itself, if it is about one."""

    id: int
    key: str
    kind: str
    user_id: str
    method: str
    channel: str
    heading: str
    text: str
    path: str
    page_id: int | None
    step: int
    waits: bool
    deadline_at: datetime
    attempts: int
    incident_id: int | None
    title: str | None
    description: str | None
    severity: int | None
    status: Status | None
    service: str | None
    created_at: datetime | None
    alerts_count: int | None
    page_ended: bool
    calendar: str = ""


_ADD = """
WITH new AS (
  INSERT INTO notices (key, kind, user_id, method, channel, heading, text, path, incident_id, page_id, step, waits, created_at,
                       due_at, deadline_at, calendar)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::bigint[], $10::bigint[], $11::int[], $12::boolean[], $13::timestamptz[], $14::timestamptz[],
                       $15::timestamptz[], $16::text[])
  ON CONFLICT (key) DO NOTHING RETURNING id, incident_id, due_at
)
INSERT INTO timers (kind, subject, incident_id, due_at, set_for) SELECT 'notice', id, incident_id, due_at, due_at FROM new
"""


async def add(tx: Tx, notices: Iterable[NewNotice]) -> None:
    """Put them into the outbox, each once by its key. Wake the timers after the commit."""
    rows = [msgspec.structs.astuple(notice) for notice in notices]
    if rows:
        await tx.execute(_ADD, *zip(*rows, strict=True))


async def told(tx: Tx, key: str) -> list[str]:
    """Who got, or is to get, news whose key begins so, in the order in which it was written."""
    rows = await tx.fetch(
        """SELECT user_id FROM notices WHERE key >= $1 AND key < $1 || chr(1114111) AND starts_with(key, $1) AND state <> 'superseded'
           GROUP BY user_id ORDER BY min(id)""",
        key,
    )
    return [row[0] for row in rows]


async def lease(tx: Tx, node: UUID, timers: Sequence[Timer], until: datetime) -> list[Timer]:
    """Prolong claimed timers while their notices are on the way; those that are still ours."""
    rows = await tx.fetch(
        """UPDATE timers t SET due_at = $4 FROM unnest($2::bigint[], $3::timestamptz[]) AS r(id, due_at)
           WHERE t.id = r.id AND t.owner = $1 AND t.due_at = r.due_at RETURNING t.id""",
        node, [t.id for t in timers], [t.due_at for t in timers], until,
    )  # fmt: skip
    ours = {row[0] for row in rows}
    return [msgspec.structs.replace(timer, due_at=until) for timer in timers if timer.id in ours]


async def put_back(tx: Tx, node: UUID, timers: Sequence[Timer], until: datetime) -> None:
    """Give back claimed timers that there was no room for; they are due again at `until`."""
    await tx.execute(
        "UPDATE timers SET due_at = $3, owner = NULL WHERE id = ANY($1::bigint[]) AND owner = $2",
        [t.id for t in timers], node, until,
    )  # fmt: skip


async def begin(tx: Tx, ids: Sequence[int]) -> dict[int, Notice]:
    """Re-read pending notices just before they are sent."""
    rows = await tx.fetch(
        """SELECT n.id, n.key, n.kind, n.user_id, n.method, n.channel, n.heading, n.text, n.path, n.page_id, n.step, n.waits,
                  n.deadline_at, n.attempts, n.calendar, n.incident_id, i.title, i.description, i.severity, i.status, i.service,
                  i.created_at, i.alerts_count, COALESCE(p.ended_at IS NOT NULL OR i.acknowledged_cycle >= p.cycle, false) AS page_ended
           FROM notices n LEFT JOIN incidents i ON i.id = n.incident_id LEFT JOIN pages p ON p.id = n.page_id
           WHERE n.id = ANY($1::bigint[]) AND n.state = 'pending'""",
        list(ids),
    )
    return {row["id"]: Notice(**row) for row in rows}


async def settle(tx: Tx, id: int, state: str, now: datetime, *, receipt: str = "", error: str = "") -> None:
    """What became of one: `delivered`, `failed` or `superseded`."""
    await tx.execute(
        """UPDATE notices SET state = $2, ended_at = $3, receipt = $4, error = $5,
                  attempts = attempts + CASE WHEN $2 = 'superseded' THEN 0 ELSE 1 END
           WHERE id = $1 AND state = 'pending'""",
        id, state, now, receipt, error,
    )  # fmt: skip


async def put_off(tx: Tx, id: int, error: str) -> None:
    """Not taken, but worth another try (the caller sets the timer)."""
    await tx.execute("UPDATE notices SET attempts = attempts + 1, error = $2 WHERE id = $1", id, error)
