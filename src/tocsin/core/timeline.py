"""The story of an incident: append-only entries, each hashed over the one before, so that a changed past shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

Kind = Literal[
    "incident_created", "response_triggered", "alerts_joined", "alert_resolved", "alert_acknowledged", "paged", "notified",
    "notification_failed", "page_undelivered", "nobody_on_call", "no_page", "escalated", "exhausted", "acknowledged",
    "status_updated", "severity_changed", "assigned", "role_assigned", "responder_added", "responder_removed", "note_added",
    "snooze_ended", "handover_offered", "handed_over", "handover_ended", "all_hands", "escalation_suggested",
    "acknowledge_timeout",
    "communication_added", "update_published", "restored", "resolved", "closed", "reopened", "relapsed", "snoozed",
    "not_restored", "times_corrected", "related", "made_private", "made_visible", "reader_added",
    "merged", "alerts_hidden", "corrected", "copied",
    "imported", "response_step", "impact_changed",
    "response_late", "update_due", "manager_informed", "target_missed", "business_hours_began",
    "role_offered", "role_handed_over", "role_offer_ended", "role_released", "no_commander", "message_posted",
    "room_opened", "room_failed",
    "finding_added", "finding_settled", "decision_made", "task_added", "task_changed", "check_in_due", "step_ticked",
    "update_drafted",
    "silence_alarm", "silence_explained", "silence_ended",
    "review_drafted", "review_published", "review_waived",
]  # fmt: skip
"""Every kind of entry; docs/guide/timeline.md says what each means (a test compares)."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry. `actor` is `user:alice`, `token:deploy`, `integration:payments-api/events`, or `tocsin`."""

    at: datetime
    kind: Kind
    actor: str
    details: str
    data: dict[str, Any] = {}


class Link(msgspec.Struct, frozen=True, gc=False):
    """Where a chain ends: the sequence number and hash of its last entry (0 and empty at the start)."""

    seq: int = 0
    head: bytes = b""


def canonical(incident: int, seq: int, entry: Entry) -> bytes:
    """What is hashed: a JSON array with sorted keys, times in UTC with microseconds."""
    return msgspec.json.encode(
        [incident, seq, _stamp(entry.at), entry.kind, entry.actor, entry.details, entry.data], order="deterministic"
    )


@lru_cache(maxsize=256)
def _stamp(at: datetime) -> str:
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def extend(incident: int, link: Link, entry: Entry) -> Link:
    """The chain with one entry more: hash = SHA-256(previous hash || canonical entry)."""
    seq = link.seq + 1
    return Link(seq, hashlib.sha256(link.head + canonical(incident, seq, entry)).digest())


def first_break(incident: int, entries: Iterable[tuple[int, Entry, bytes]], end: Link) -> int | None:
    """The sequence number at which a stored chain (seq, entry, hash) stops being true, or None when it is whole.

    `end` is what the incident says its last link is: entries cut off at the end show as the first missing number.
    """
    link = Link()
    for seq, entry, stored in entries:
        expected = extend(incident, link, entry)
        if seq != expected.seq or stored != expected.head:
            return expected.seq
        link = expected
    return None if link == end else link.seq + 1
