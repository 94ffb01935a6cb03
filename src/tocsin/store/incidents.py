"""Incidents, as the flow locks and changes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.incident import Status, unknown
from tocsin.core.severity import Urgency
from tocsin.core.timeline import Link
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


async def lock_stories(tx: Tx, ids: Sequence[int]) -> dict[int, Link]:
    """The same lock for those of whom something is told and nothing else: where the story of each ends."""
    rows = await tx.fetch(
        "SELECT id, timeline_seq, timeline_head FROM incidents WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE",
        sorted(set(ids)),
    )
    return {row[0]: Link(row[1], row[2]) for row in rows}


async def read(tx: Tx, number: int) -> Incident | None:
    """The incident as it is now, not locked; None when there is none."""
    row = await tx.fetchrow(f"SELECT {', '.join(_FIELDS)} FROM incidents WHERE id = $1", number)
    return Incident(**row) if row else None


async def known(tx: Tx, number: int) -> Incident:
    """The same. Raises NotFound when there is none."""
    found = await read(tx, number)
    if found is None:
        raise unknown(number)
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


AWAKE: dict[str, Any] = {"snoozed_at": None, "snoozed_until": None, "snoozed_by": None, "prompted_at": None}
"""The columns of an incident whose paging starts over."""

AT_REST: dict[str, Any] = {**AWAKE, "handover": None}
"""The columns of an incident about which nothing is to come any more."""


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


async def exists(tx: Tx, incident: int) -> bool:
    """Is there such an incident?"""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM incidents WHERE id = $1)", incident)
    return found
