"""Everything one decision writes, gathered row by row and written by one statement per kind of change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tocsin.core.timeline import Entry, Link, extend
from tocsin.metrics import PAGES
from tocsin.store import notices
from tocsin.store.database import Tx
from tocsin.store.notices import NewNotice

SEPARATOR = "\x1f"
"""Joins lists of ids and tags on their way into a text[] (unnest cannot carry arrays of arrays)."""


class NewIncident(msgspec.Struct, kw_only=True, gc=False):
    """A row of `incidents` as it is born."""

    id: int
    title: str
    description: str
    severity: int
    urgency: str
    status: str
    service: str | None
    affected_services: str
    assignee: str | None
    tags: str
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
    labels: str
    body: str
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


_TIMELINE = """
  INSERT INTO timeline (incident_id, seq, at, kind, actor, details, data, hash)
  SELECT r.incident_id, r.seq, r.at, r.kind, r.actor, r.details, r.data::jsonb, r.hash
  FROM unnest({}::bigint[], {}::int[], {}::timestamptz[], {}::text[], {}::text[], {}::text[], {}::text[], {}::bytea[])
    AS r(incident_id, seq, at, kind, actor, details, data, hash)
"""


def _timeline(first: int) -> str:
    return _TIMELINE.format(*(f"${first + i}" for i in range(8)))


def _story(entries: Sequence[tuple[int, int, Entry, bytes]]) -> list[Sequence[Any]]:
    return columns(
        [
            (incident, seq, e.at, e.kind, e.actor, e.details, msgspec.json.encode(e.data).decode(), head)
            for incident, seq, e, head in entries
        ],
        8,
    )


_ALERTS = """
WITH room AS (
  -- An incident being resolved right now waits for us or makes us wait: no alert joins a resolved incident, nor, unless it
  -- brings it back, one in its stability watch.
  SELECT id FROM incidents WHERE id = ANY($19::bigint[]) AND status NOT IN ('resolved', 'closed')
    AND (status <> 'monitoring' OR id = ANY($21::bigint[])) ORDER BY id FOR SHARE
), new AS (
  INSERT INTO alerts (id, service, dedup_key, integration, incident_id, severity, title, source, labels, body, fingerprint,
                      reason, mute, count, first_at, last_at, starts_at, ends_at)
  SELECT r.id, r.service, r.dedup_key, r.integration, r.incident_id, r.severity, r.title, r.source, r.labels::jsonb,
         r.body::jsonb, r.fingerprint, r.reason, r.mute, r.count, r.first_at, r.first_at, r.starts_at, r.ends_at
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::smallint[], $7::text[], $8::text[],
              $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::timestamptz[],
              $16::timestamptz[], $17::timestamptz[], $18::boolean[])
    AS r(id, service, dedup_key, integration, incident_id, severity, title, source, labels, body, fingerprint, reason, mute,
         count, first_at, starts_at, ends_at, fresh)
  WHERE r.incident_id IS NULL OR r.fresh OR r.incident_id IN (SELECT id FROM room)
  ON CONFLICT (service, dedup_key) WHERE resolved_at IS NULL DO NOTHING
  RETURNING id, incident_id, ends_at
), expiry AS (
  INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
  SELECT 'expire', id, incident_id, ends_at, ends_at FROM new WHERE ends_at IS NOT NULL
), tally AS (
  INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
  SELECT 'tally', id, id, $20::timestamptz, $20::timestamptz FROM room
  ON CONFLICT (kind, subject) DO NOTHING
)
SELECT id FROM new
"""


async def write_alerts(tx: Tx, alerts: Sequence[NewAlert], relapsed: Collection[int], tally_at: datetime) -> set[int]:
    """Insert alerts, with their expiry timers and the tally timer of each incident joined. `relapsed`: incidents that they bring
    back out of their stability watch.

    Returns the ids that were inserted: fewer than given when a key was opened, or an incident resolved or restored, by somebody
    else meanwhile.
    """
    joined = sorted({a.incident_id for a in alerts if a.incident_id is not None and not a.fresh})
    rows = await tx.fetch(_ALERTS, *columns(alerts, 18), joined, tally_at, list(relapsed))
    return {row[0] for row in rows}


_INCIDENTS = (
    """
WITH story AS ("""
    + _timeline(22)
    + """)
INSERT INTO incidents (id, title, description, severity, urgency, status, service, affected_services, assignee, tags, origin,
                       reporter, group_key, no_page_reason, alarm, created_at, detected_at, impact_started_at, alerts_count,
                       timeline_seq, timeline_head)
SELECT r.id, r.title, r.description, r.severity, r.urgency, r.status, r.service,
       string_to_array(r.affected_services, E'\\x1f'), r.assignee, string_to_array(r.tags, E'\\x1f'), r.origin, r.reporter,
       r.group_key, r.no_page_reason, r.alarm, r.created_at, r.detected_at, r.impact_started_at, r.alerts_count,
       r.timeline_seq, r.timeline_head
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[],
            $17::timestamptz[], $18::timestamptz[], $19::int[], $20::int[], $21::bytea[])
  AS r(id, title, description, severity, urgency, status, service, affected_services, assignee, tags, origin, reporter,
       group_key, no_page_reason, alarm, created_at, detected_at, impact_started_at, alerts_count, timeline_seq,
       timeline_head)
"""
)

_PAGING = """
WITH climb AS (
  INSERT INTO escalations (id, incident_id, policy, cycle, round, step, round_started_at, next_at, state, ended_at, ended_reason)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[], $5::int[], $6::int[], $7::timestamptz[],
                       $8::timestamptz[], $9::text[], $10::timestamptz[], $11::text[])
), page AS (
  INSERT INTO pages (id, incident_id, escalation_id, user_id, cycle, round, step, tier, via, reason, urgency, state,
                     created_at, deadline_at, ended_at)
  SELECT * FROM unnest($12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::int[], $17::int[], $18::int[],
                       $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::timestamptz[],
                       $25::timestamptz[], $26::timestamptz[])
), notification AS (
  INSERT INTO notifications (id, page_id, incident_id, user_id, method, channel, position, scheduled_at, due_at, owner)
  SELECT * FROM unnest($27::bigint[], $28::bigint[], $29::bigint[], $30::text[], $31::text[], $32::text[], $33::int[],
                       $34::timestamptz[], $35::timestamptz[], $36::uuid[])
)
INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
SELECT r.kind, r.subject, r.incident_id, r.due_at, r.due_at
FROM unnest($37::text[], $38::bigint[], $39::bigint[], $40::timestamptz[]) AS r(kind, subject, incident_id, due_at)
ON CONFLICT (kind, subject) DO UPDATE
  SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL, attempts = 0, error = ''
"""


async def write_paging(tx: Tx, writing: Writing) -> None:
    """Insert the escalations, pages, notifications and timers of `writing`."""
    if not (writing.escalations or writing.pages or writing.timers):
        return
    await tx.execute(
        _PAGING,
        *columns(writing.escalations, 11), *columns(writing.pages, 15), *columns(writing.notifications, 10),
        *columns(writing.timers, 4),
    )  # fmt: skip
    if writing.notices:
        await notices.add(tx, writing.notices)
    for state, count in Counter(page.state for page in writing.pages).items():
        PAGES.labels(state).inc(count)


async def write_incidents(tx: Tx, writing: Writing) -> None:
    """Insert the new incidents of `writing` with the whole story gathered so far."""
    if writing.incidents:
        await tx.execute(_INCIDENTS, *columns(writing.incidents, 21), *_story(writing.entries))


_STORY_END = (
    "WITH story AS ("
    + _timeline(1)
    + """)
UPDATE incidents i SET timeline_seq = r.seq, timeline_head = r.head
FROM unnest($9::bigint[], $10::int[], $11::bytea[]) AS r(id, seq, head)
WHERE i.id = r.id AND i.id = ANY($9::bigint[])
"""
)


async def write_story(tx: Tx, writing: Writing) -> None:
    """Insert the timeline entries of `writing` for incidents that exist and are locked, and move the ends of their chains."""
    if writing.entries:
        ends = {incident: (incident, seq, head) for incident, seq, _, head in writing.entries}
        await tx.execute(_STORY_END, *_story(writing.entries), *columns(list(ends.values()), 3))


async def notify(tx: Tx, *topics: str) -> None:
    """Tell the other nodes, once this transaction is committed."""
    for topic in topics:
        await tx.execute("SELECT pg_notify('tocsin', $1)", topic)
