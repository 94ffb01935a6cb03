"""Incidents, their escalations and pages, as the flow locks and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.errors import NotFound
from tocsin.core.escalation import PageReason
from tocsin.core.incident import Status
from tocsin.core.severity import Urgency
from tocsin.core.tier import Tier
from tocsin.core.timeline import Link
from tocsin.metrics import PAGES
from tocsin.store.database import Tx


class Incident(msgspec.Struct, kw_only=True):
    """The columns of an incident that decisions need."""

    id: int
    title: str
    description: str
    severity: int
    urgency: Urgency
    status: Status
    service: str | None
    affected_services: list[str]
    assignee: str | None
    responders: list[str]
    roles: dict[str, Any]
    tags: list[str]
    hand_tags: dict[str, list[str]]
    impact: dict[str, Any]
    origin: str
    moved_by_person: bool
    cycle: int
    acknowledged_cycle: int
    no_page_reason: str | None
    alarm: str | None
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    engaged_at: datetime | None
    restored_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    alerts_count: int
    escalations_count: int
    snoozed_at: datetime | None
    snoozed_until: datetime | None
    snoozed_by: str | None
    handover: dict[str, str] | None
    prompted_at: datetime | None
    matrix: int | None
    clocks_since: datetime | None
    next_update_at: datetime | None
    promised: dict[str, str]
    uncommanded_at: datetime | None
    drill: bool
    reporter: str
    detected_at: datetime
    declared_at: datetime | None
    impact_started_at: datetime | None
    identified_at: datetime | None
    moments: dict[str, dict[str, str]]
    public_title: str | None
    private: bool
    readers: list[str]
    merged_into: int | None
    related: list[int]
    timeline_seq: int
    timeline_head: bytes

    @property
    def link(self) -> Link:
        return Link(self.timeline_seq, self.timeline_head)

    @property
    def open(self) -> bool:
        return self.status not in ("resolved", "closed")

    @property
    def answered(self) -> bool:
        """Somebody answered the present cycle of paging."""
        return self.acknowledged_cycle >= self.cycle

    @property
    def restored(self) -> bool:
        """Watched, or over: nothing presses any more."""
        return self.status in ("monitoring", "resolved", "closed")


_FIELDS = tuple(f.name for f in msgspec.structs.fields(Incident))
_LOCK = f"SELECT {', '.join(_FIELDS)} FROM incidents WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"


async def lock(tx: Tx, ids: Sequence[int]) -> dict[int, Incident]:
    """The incidents, locked against every other change until the transaction ends; always in the order of their numbers."""
    return {row["id"]: Incident(**row) for row in await tx.fetch(_LOCK, sorted(set(ids)))}


async def read(tx: Tx, number: int) -> Incident | None:
    """The incident as it is now, not locked; None when there is none."""
    row = await tx.fetchrow(f"SELECT {', '.join(_FIELDS)} FROM incidents WHERE id = $1", number)
    return Incident(**row) if row else None


async def known(tx: Tx, number: int) -> Incident:
    """The same. Raises NotFound when there is none."""
    found = await read(tx, number)
    if found is None:
        raise NotFound(f"There is no incident {number}")
    return found


_COLUMNS = frozenset(
    ("title", "description", "severity", "urgency", "status", "assignee", "roles", "uncommanded_at", "tags",
     "hand_tags", "impact", "service", "moved_by_person", "cycle",
     "acknowledged_cycle", "no_page_reason", "responders", "snoozed_at", "snoozed_until", "snoozed_by", "handover",
     "prompted_at", "alarm", "acknowledged_at", "acknowledged_by", "engaged_at", "restored_at", "resolved_at",
     "closed_at", "detected_at", "declared_at", "impact_started_at", "identified_at", "moments", "public_title", "private",
     "readers", "merged_into", "related", "affected_services", "alerts_count", "escalations_count",
     "matrix", "clocks_since", "next_update_at", "promised",
     "timeline_seq",
     "timeline_head"),
)  # fmt: skip


async def update(tx: Tx, incident: Incident, **changes: Any) -> None:
    """Set columns of a locked incident, in the database and on the value."""
    names = sorted(changes)
    if not set(names) <= _COLUMNS:
        raise ValueError(f"not columns of an incident: {set(names) - _COLUMNS}")
    assignments = ", ".join(f"{name} = ${i}" for i, name in enumerate(names, 2))
    await tx.execute(f"UPDATE incidents SET {assignments} WHERE id = $1", incident.id, *(changes[n] for n in names))
    for name in names:
        if name in _FIELDS:
            setattr(incident, name, changes[name])


AT_REST: dict[str, Any] = {
    "snoozed_at": None,
    "snoozed_until": None,
    "snoozed_by": None,
    "handover": None,
    "prompted_at": None,
}
"""The columns of an incident about which nothing is to come any more."""


async def stop_paging(tx: Tx, ids: Sequence[int], now: datetime, reason: str, answered_by: str | None) -> None:
    """End every page, notification and climb of these incidents, of both clocks, and remove their timers.

    Pages of `answered_by` end acknowledged; others that reached nobody yet end superseded; delivered ones stay delivered.
    """
    ended = await tx.fetch(
        """UPDATE pages SET state = CASE WHEN user_id = $3 THEN 'acknowledged' WHEN state = 'pending' THEN 'superseded'
                                         ELSE state END, ended_at = $2
           WHERE incident_id = ANY($1::bigint[]) AND state IN ('pending', 'delivered') AND ended_at IS NULL RETURNING state""",
        list(ids), now, answered_by,
    )  # fmt: skip
    for row in ended:
        if row[0] != "delivered":
            PAGES.labels(row[0]).inc()
    await tx.execute(
        """UPDATE notifications SET state = 'superseded', ended_at = $2
           WHERE incident_id = ANY($1::bigint[]) AND state = 'pending'""",
        list(ids), now,
    )  # fmt: skip
    await tx.execute(
        """WITH ended AS (
             UPDATE escalations SET state = 'stopped', ended_at = $2, ended_reason = $3, next_at = NULL
             WHERE incident_id = ANY($1::bigint[]) AND state IN ('running', 'held', 'progress') RETURNING id
           ), clocks AS (
             DELETE FROM timers WHERE kind IN ('progress', 'snooze', 'handover') AND subject = ANY($1::bigint[])
           )
           DELETE FROM timers WHERE kind = 'escalate' AND subject IN (SELECT id FROM ended)""",
        list(ids), now, reason,
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


async def services_of(tx: Tx, ids: Sequence[int]) -> dict[int, list[str]]:
    """The services that each of these incidents affects."""
    rows = await tx.fetch("SELECT id, affected_services FROM incidents WHERE id = ANY($1::bigint[])", list(ids))
    return {row[0]: list(row[1]) for row in rows}


async def end(tx: Tx, ended: Sequence[Incident], now: datetime) -> None:
    """Resolve these locked incidents, in the database and on the values; a stability watch is over with them."""
    ids = [incident.id for incident in ended]
    await tx.execute(
        """UPDATE incidents SET status = 'resolved', resolved_at = $2, restored_at = COALESCE(restored_at, $2), alarm = NULL,
                  moments = CASE WHEN restored_at IS NULL
                            THEN moments || '{"restored": {"source": "alerts", "certainty": "exact"}}' ELSE moments END,
                  acknowledged_cycle = cycle, snoozed_at = NULL, snoozed_until = NULL, snoozed_by = NULL, handover = NULL,
                  prompted_at = NULL WHERE id = ANY($1::bigint[])""",
        ids, now,
    )  # fmt: skip
    await tx.execute(
        "DELETE FROM timers WHERE kind IN ('watch', 'probe', 'clock') AND subject = ANY($1::bigint[])", ids
    )
    for incident in ended:
        incident.status, incident.resolved_at, incident.restored_at = "resolved", now, incident.restored_at or now


class Escalation(msgspec.Struct, kw_only=True):
    """One climb of one policy."""

    id: int
    incident_id: int
    policy: str
    cycle: int
    round: int
    step: int
    round_started_at: datetime
    next_at: datetime | None
    state: str


_CLIMB = ", ".join(f.name for f in msgspec.structs.fields(Escalation))


async def escalations(tx: Tx, ids: Sequence[int]) -> dict[int, Escalation]:
    """Climbs by id."""
    rows = await tx.fetch(f"SELECT {_CLIMB} FROM escalations WHERE id = ANY($1::bigint[])", list(ids))
    return {row["id"]: Escalation(**row) for row in rows}


async def escalations_of(tx: Tx, incident: int) -> list[Escalation]:
    """All climbs of one incident, oldest first."""
    rows = await tx.fetch(f"SELECT {_CLIMB} FROM escalations WHERE incident_id = $1 ORDER BY id", incident)
    return [Escalation(**row) for row in rows]


async def escalations_of_all(tx: Tx, incidents: Sequence[int]) -> dict[int, list[Escalation]]:
    """All climbs of several incidents, by incident, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_CLIMB} FROM escalations WHERE incident_id = ANY($1::bigint[]) ORDER BY id", sorted(set(incidents))
    )
    found: dict[int, list[Escalation]] = {number: [] for number in incidents}
    for row in rows:
        found[row["incident_id"]].append(Escalation(**row))
    return found


async def last_acts(tx: Tx, incidents: Sequence[int]) -> dict[int, datetime]:
    """When a person last did something about each incident (an acknowledgement by its source counts, too)."""
    rows = await tx.fetch(
        """SELECT incident_id, max(at) FROM timeline WHERE incident_id = ANY($1::bigint[])
             AND (actor LIKE 'user:%' OR actor LIKE 'token:%' OR kind = 'acknowledged') GROUP BY incident_id""",
        sorted(set(incidents)),
    )
    return {row[0]: row[1] for row in rows}


async def move_escalations(tx: Tx, climbs: Sequence[Escalation], now: datetime) -> None:
    """Write where climbs stand now; those that are over since are dated."""
    if climbs:
        await tx.execute(
            """UPDATE escalations e SET round = r.round, step = r.step, round_started_at = r.started, next_at = r.next,
                      state = r.state,
                      ended_at = CASE WHEN (r.state, r.step) = (e.state, e.step) THEN e.ended_at
                                      WHEN r.state IN ('stopped', 'exhausted') THEN $7::timestamptz END,
                      ended_reason = CASE WHEN (r.state, r.step) = (e.state, e.step) THEN e.ended_reason
                                          WHEN r.state = 'exhausted' THEN 'exhausted' WHEN r.state = 'stopped' THEN 'top' END
               FROM unnest($1::bigint[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::text[])
                 AS r(id, round, step, started, next, state)
               WHERE e.id = r.id AND e.id = ANY($1::bigint[])""",
            [c.id for c in climbs], [c.round for c in climbs], [c.step for c in climbs],
            [c.round_started_at for c in climbs], [c.next_at for c in climbs], [c.state for c in climbs], now,
        )  # fmt: skip


async def page_incident(tx: Tx, page: int) -> tuple[int, str] | None:
    """(incident, user) of a page."""
    row = await tx.fetchrow("SELECT incident_id, user_id FROM pages WHERE id = $1", page)
    return (row[0], row[1]) if row else None


async def managers_paged(tx: Tx, ids: Sequence[int]) -> set[int]:
    """Those of the incidents whose manager was paged as a last resort in their present cycle."""
    rows = await tx.fetch(
        """SELECT DISTINCT i.id FROM incidents i JOIN pages p ON p.incident_id = i.id AND p.cycle = i.cycle
           WHERE i.id = ANY($1::bigint[]) AND p.reason = $2""",
        sorted(set(ids)), PageReason.MANAGER.value,
    )  # fmt: skip
    return {row[0] for row in rows}


class Reached(msgspec.Struct, frozen=True):
    """Somebody whom a rung paged, and whose page was not lost or stopped on its way."""

    user: str
    cycle: int
    round: int
    step: int
    tier: Tier


async def reached(tx: Tx, incidents: Sequence[int]) -> dict[int, list[Reached]]:
    """By incident, whom its ladder paged so far, in order."""
    rows = await tx.fetch(
        """SELECT incident_id, user_id, cycle, round, step, tier FROM pages
           WHERE incident_id = ANY($1::bigint[]) AND clock <> 'person' AND state IN ('pending', 'delivered', 'acknowledged')
           ORDER BY id""",
        sorted(set(incidents)),
    )
    found: dict[int, list[Reached]] = {number: [] for number in incidents}
    for row in rows:
        found[row[0]].append(Reached(*row[1:]))
    return found


async def exists(tx: Tx, incident: int) -> bool:
    """Is there such an incident?"""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM incidents WHERE id = $1)", incident)
    return found


async def renew_cycle(tx: Tx, climbs: Sequence[int], cycle: int) -> None:
    """Climbs go on in a new cycle of paging."""
    await tx.execute("UPDATE escalations SET cycle = $2 WHERE id = ANY($1::bigint[])", list(climbs), cycle)
