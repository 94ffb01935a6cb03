"""Everything one decision writes, gathered row by row and written by one statement per kind of change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from tocsin.core.timeline import Entry, Link, extend
from tocsin.metrics import PAGES
from tocsin.store import notices
from tocsin.store.database import Tx
from tocsin.store.notices import NewNotice
from tocsin.store.rows import Json, Rows, Words

Clock = Literal["response", "progress", "person"]
"""What sends a page: one of the two clocks, or a person who asks for somebody."""


class NewIncident(msgspec.Struct, kw_only=True, gc=False):
    """A row of `incidents` as it is born."""

    id: int
    title: str
    description: str
    severity: int
    urgency: str
    status: str
    service: str | None
    affected_services: Words
    assignee: str | None
    tags: Words
    origin: str
    reporter: str
    group_key: str | None
    no_page_reason: str | None
    alarm: str | None
    created_at: datetime
    detected_at: datetime
    impact_started_at: datetime | None
    alerts_count: int
    timeline_seq: int = 0
    timeline_head: bytes = b""
    matrix: int | None = None
    next_update_at: datetime | None = None


class NewAlert(msgspec.Struct, kw_only=True, gc=False):
    """A row of `alerts` as it is born; `fresh`: its incident is born in the same statement."""

    id: int
    service: str
    dedup_key: str
    integration: str
    incident_id: int | None
    severity: int
    title: str
    source: str
    labels: Json
    body: Json
    fingerprint: str
    reason: str
    mute: int | None
    count: int
    first_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    fresh: bool


class NewEscalation(msgspec.Struct, kw_only=True, gc=False):
    """A row of `escalations` as it is born."""

    id: int
    incident_id: int
    policy: str
    cycle: int
    round: int
    step: int
    round_started_at: datetime
    next_at: datetime | None
    state: str
    ended_at: datetime | None
    ended_reason: str | None


class NewPage(msgspec.Struct, kw_only=True, gc=False):
    """A row of `pages` as it is born."""

    id: int
    incident_id: int
    escalation_id: int | None
    user_id: str
    cycle: int
    round: int
    step: int
    tier: str
    via: str
    reason: str
    urgency: str
    state: str
    created_at: datetime
    deadline_at: datetime
    ended_at: datetime | None
    clock: Clock = "response"
    note: str = ""


class NewNotification(msgspec.Struct, kw_only=True, gc=False):
    """A row of `notifications` as it is born: due later, or already leased (`owner`, `due_at` = end of the lease)."""

    id: int
    page_id: int
    incident_id: int
    user_id: str
    method: str
    channel: str
    position: int
    scheduled_at: datetime
    due_at: datetime
    owner: UUID | None


class NewTimer(msgspec.Struct, kw_only=True, gc=False):
    """A row of `timers`; an existing timer of the same kind and subject takes the new time."""

    kind: str
    subject: int
    incident_id: int | None
    due_at: datetime


@dataclass
class Writing:
    """Rows to insert together, and the story that goes with them."""

    incidents: list[NewIncident] = field(default_factory=list)
    alerts: list[NewAlert] = field(default_factory=list)
    escalations: list[NewEscalation] = field(default_factory=list)
    pages: list[NewPage] = field(default_factory=list)
    notifications: list[NewNotification] = field(default_factory=list)
    timers: list[NewTimer] = field(default_factory=list)
    notices: list[NewNotice] = field(default_factory=list)
    entries: list[tuple[int, int, Entry, bytes]] = field(default_factory=list)
    """(incident, seq, entry, hash) of the timeline."""

    def tell(self, incident: int, link: Link, entries: Iterable[Entry]) -> Link:
        """Append to the incident's story; returns where its chain ends now (the caller stores it on the incident)."""
        for entry in entries:
            link = extend(incident, link, entry)
            self.entries.append((incident, link.seq, entry, link.head))
        return link


def columns(rows: Sequence[Any], width: int) -> list[Sequence[Any]]:
    """Rows of structs or tuples turned into `width` columns."""
    if not rows:
        return [()] * width
    plain = rows if isinstance(rows[0], tuple) else [msgspec.structs.astuple(row) for row in rows]
    return list(zip(*plain, strict=True))


class Told(msgspec.Struct, kw_only=True, gc=False):
    """A row of `timeline` as it is born."""

    incident_id: int
    seq: int
    at: datetime
    kind: str
    actor: str
    details: str
    data: Json
    hash: bytes


class _End(msgspec.Struct, kw_only=True, gc=False):
    """Where the story of an incident ends now."""

    id: int
    seq: int
    head: bytes


INCIDENTS = Rows(NewIncident, "incidents")
ALERTS = Rows(NewAlert, "alerts", without=("fresh",))
STORY = Rows(Told, "timeline")
_ENDS = Rows(_End, "incidents")
ESCALATIONS = Rows(NewEscalation, "escalations")
PAGE_ROWS = Rows(NewPage, "pages")
NOTIFICATIONS = Rows(NewNotification, "notifications")
TIMERS = Rows(NewTimer, "timers")


def told(entries: Sequence[tuple[int, int, Entry, bytes]]) -> list[Told]:
    """The rows of a story."""
    return [
        Told(
            incident_id=incident, seq=seq, at=e.at, kind=e.kind, actor=e.actor, details=e.details,
            data=Json(msgspec.json.encode(e.data).decode()), hash=head,
        )
        for incident, seq, e, head in entries
    ]  # fmt: skip


def new_alerts(first: int, where: str = "", rows: int = 0) -> str:
    """New alerts whose key is not open, as the query `new`; and the timers of those that end by themselves."""
    return f"""new AS (
  {ALERTS.insert(first, where=where, more=(("last_at", "r.first_at"),), rows=rows)}
  ON CONFLICT (service, dedup_key) WHERE resolved_at IS NULL DO NOTHING
  RETURNING id, incident_id, ends_at
), expiry AS (
  INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
  SELECT 'expire', id, incident_id, ends_at, ends_at FROM new WHERE ends_at IS NOT NULL
)"""


def paging(first: int, rows: Sequence[int] = (0, 0, 0, 0)) -> str:
    """Climbs, their pages with notifications, and timers: in this order among the parameters, packed or so many `rows` of each."""
    pages = first + ESCALATIONS.width * (rows[0] or 1)
    notifications = pages + PAGE_ROWS.width * (rows[1] or 1)
    timers = notifications + NOTIFICATIONS.width * (rows[2] or 1)
    return f"""climb AS (
  {ESCALATIONS.insert(first, rows=rows[0])}
), page AS (
  {PAGE_ROWS.insert(pages, rows=rows[1])}
), notification AS (
  {NOTIFICATIONS.insert(notifications, rows=rows[2])}
), timer AS (
  {TIMERS.insert(timers, more=(("set_for", "r.due_at"),), rows=rows[3])}
  ON CONFLICT (kind, subject) DO UPDATE
    SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL, attempts = 0, error = ''
)"""


def paged(writing: Writing) -> list[str]:
    """What `paging` takes, packed."""
    return [
        *ESCALATIONS.pack(writing.escalations), *PAGE_ROWS.pack(writing.pages),
        *NOTIFICATIONS.pack(writing.notifications), *TIMERS.pack(writing.timers),
    ]  # fmt: skip


_JOIN = f"""
WITH room AS (
  -- An incident being resolved right now waits for us or makes us wait: no alert joins a resolved incident, nor, unless it
  -- brings it back, one in its stability watch.
  SELECT id FROM incidents WHERE id = ANY($1::bigint[]) AND status NOT IN ('resolved', 'closed')
    AND (status <> 'monitoring' OR id = ANY($3::bigint[])) ORDER BY id FOR SHARE
), {new_alerts(4, where="r.incident_id IS NULL OR r.fresh OR r.incident_id IN (SELECT id FROM room)")}, tally AS (
  INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
  SELECT 'tally', id, id, $2::timestamptz, $2::timestamptz FROM room
  ON CONFLICT (kind, subject) DO NOTHING
)
SELECT id FROM new
"""


CALM = """NOT EXISTS (SELECT FROM mutes WHERE ends_at > {0}) AND NOT EXISTS (SELECT FROM incidents WHERE status = 'monitoring')
  AND NOT EXISTS (SELECT FROM incidents WHERE gathers AND status NOT IN ('resolved', 'closed'))"""
"""Nothing could hold a new alert back, bring an incident back with it, or take it to where it was merged."""

_GUESS = f"""
WITH room AS (
  SELECT i.id FROM unnest($1::bigint[], $3::int[]) AS g(id, worst)
  CROSS JOIN LATERAL (
    SELECT id FROM incidents
    WHERE id = g.id AND status NOT IN ('resolved', 'closed', 'monitoring') AND severity <= g.worst FOR SHARE
  ) i
  WHERE {CALM.format("$4")}
), {new_alerts(5, where="r.incident_id IN (SELECT id FROM room)")}, tally AS (
  INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
  SELECT 'tally', id, id, $2::timestamptz, $2::timestamptz FROM room
  ON CONFLICT (kind, subject) DO NOTHING
)
SELECT id FROM new
"""


async def write_guessed(tx: Tx, alerts: Sequence[NewAlert], now: datetime, tally_at: datetime) -> set[int]:
    """Insert alerts that are guessed to be new and to join open incidents, none of which they make worse.

    Returns the ids of those that were inserted. The others repeat, or may be held back, or have to go elsewhere: look.
    """
    worst: dict[int, int] = {}
    for alert in alerts:
        assert alert.incident_id is not None
        worst[alert.incident_id] = min(alert.severity, worst.get(alert.incident_id, 4))
    rooms = sorted(worst)
    rows = await tx.fetch(_GUESS, rooms, tally_at, [worst[room] for room in rooms], now, *ALERTS.pack(alerts))
    return {row[0] for row in rows}


async def write_alerts(tx: Tx, alerts: Sequence[NewAlert], relapsed: Collection[int], tally_at: datetime) -> set[int]:
    """Insert alerts, with their expiry timers and the tally timer of each incident joined. `relapsed`: incidents that they bring
    back out of their stability watch.

    Returns the ids that were inserted: fewer than given when a key was opened, or an incident resolved or restored, by somebody
    else meanwhile.
    """
    joined = sorted({a.incident_id for a in alerts if a.incident_id is not None and not a.fresh})
    rows = await tx.fetch(_JOIN, joined, tally_at, list(relapsed), *ALERTS.pack(alerts))
    return {row[0] for row in rows}


_PAGING = f"WITH {paging(1)} SELECT"


async def write_paging(tx: Tx, writing: Writing) -> None:
    """Insert the escalations, pages, notifications and timers of `writing`."""
    if not (writing.escalations or writing.pages or writing.timers):
        return
    await tx.execute(_PAGING, *paged(writing))
    if writing.notices:
        await notices.add(tx, writing.notices)
    count_pages(writing)


def count_pages(writing: Writing) -> None:
    """For the metrics."""
    for state, count in Counter(page.state for page in writing.pages).items():
        PAGES.labels(state).inc(count)


_BEGIN = f"WITH story AS ({STORY.insert(1 + INCIDENTS.width)}) {INCIDENTS.insert(1)}"


async def write_incidents(tx: Tx, writing: Writing) -> None:
    """Insert the new incidents of `writing` with the whole story gathered so far."""
    if writing.incidents:
        await tx.execute(_BEGIN, *INCIDENTS.pack(writing.incidents), *STORY.pack(told(writing.entries)))


_STORY_END = f"""
WITH story AS ({STORY.insert(1)})
UPDATE incidents i SET timeline_seq = r.seq, timeline_head = decode(r.head, 'hex')
FROM {_ENDS.source(1 + STORY.width)}
WHERE i.id = r.id AND i.id = ANY(${1 + STORY.width}::text::bigint[])
"""


async def write_story(tx: Tx, writing: Writing) -> None:
    """Insert the timeline entries of `writing` for incidents that exist and are locked, and move the ends of their chains."""
    if writing.entries:
        ends = {incident: _End(id=incident, seq=seq, head=head) for incident, seq, _, head in writing.entries}
        await tx.execute(_STORY_END, *STORY.pack(told(writing.entries)), *_ENDS.pack(list(ends.values())))


async def announce(tx: Tx, topics: Sequence[str]) -> None:
    """Tell the other nodes what was committed before, in a transaction of its own, which need not wait for the disk: nothing that
    counts is lost with it, and each wait is one that the next page shares.
    """
    await tx.fetch(
        "SELECT set_config('synchronous_commit', 'off', true), pg_notify('tocsin', topic) FROM unnest($1::text[]) AS t(topic)",
        topics,
    )


async def notify(tx: Tx, *topics: str) -> None:
    """Tell the other nodes, once this transaction is committed."""
    for topic in topics:
        await tx.execute("SELECT pg_notify('tocsin', $1)", topic)
