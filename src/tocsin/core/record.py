"""All that is known of one incident, as plain values: what its report and its review are made from.

The server fills it from its tables, the library from memory; both use the very same renderers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import msgspec

from tocsin.core.incident import Status

Moment = Literal[
    "impact_started_at", "detected_at", "created_at", "acknowledged_at", "engaged_at", "identified_at", "restored_at",
    "resolved_at", "closed_at",
]  # fmt: skip

NAMES: dict[Moment, str] = {
    "impact_started_at": "Impact began",
    "detected_at": "Detected",
    "created_at": "Declared",
    "acknowledged_at": "Acknowledged",
    "engaged_at": "Work began",
    "identified_at": "Cause identified",
    "restored_at": "Restored",
    "resolved_at": "Resolved",
    "closed_at": "Closed",
}
"""The nine times of an incident in their order (C-10), with what people call them."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the timeline. `actor` as people read it (`alice`, `monitoring`, `tocsin`); `kind` is the event."""

    at: datetime
    kind: str
    actor: str
    details: str
    data: Mapping[str, Any] = {}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One communication or update. `channel` is a channel's id or name; for an update its audience."""

    at: datetime
    actor: str
    channel: str
    message: str
    update: bool = False
    kept: bool | None = None
    """Was the promise of the next update, made by the one before, kept? None: there was none, or it is not known."""


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes within which the severity wants things done. Detection: S0-119; the others are the row of the severity matrix."""

    detection: float = 5
    response: float = 15
    communication: float = 30
    resolution: float = 120


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One incident. Times are aware. `severity` is its key (`sev1_critical`), `services` what people call them.

    `certainty`: by the name of a time (`detected`, `restored` ...), `exact`, `estimated` or `unknown`; one that is missing is
    exact. `assigned_at` is when somebody first became the assignee. `pages`, `acknowledged_pages` and `undelivered` count pages.
    `runbooks`: runbooks that alerts named. `roles`: role -> who holds it. `responders` acted on it, of whom `newcomers` had not acted
    on an incident of these services before (None: not known). `surroundings`: changes and alerts around its onset, in order.
    `people`: name of somebody who was on it -> what to call them where causes are told (S1-54).
    """

    id: str
    title: str
    severity: str
    status: Status
    created_at: datetime
    description: str = ""
    detected_at: datetime | None = None
    impact_started_at: datetime | None = None
    acknowledged_at: datetime | None = None
    engaged_at: datetime | None = None
    identified_at: datetime | None = None
    restored_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    assigned_at: datetime | None = None
    assignee: str | None = None
    services: Sequence[str] = ()
    tags: Sequence[str] = ()
    roles: Mapping[str, str] = {}
    impact: Mapping[str, Any] = {}
    certainty: Mapping[str, str] = {}
    timeline: Sequence[Told] = ()
    communications: Sequence[Sent] = ()
    escalations: int = 0
    alerts: int = 0
    pages: int = 0
    answered_pages: int = 0
    undelivered_pages: int = 0
    origin: Literal["event", "person"] = "person"
    runbooks: Sequence[str] = ()
    responders: int | None = None
    newcomers: int | None = None
    surroundings: Sequence[Told] = ()
    people: Mapping[str, str] = {}
    findings: Sequence[tuple[str, str]] = ()
    """What was found out: (text, `fact` or `hypothesis`)."""
    targets: Targets = Targets()

    @property
    def over(self) -> bool:
        return self.status in ("resolved", "closed")

    def moment(self, name: Moment) -> datetime | None:
        found: datetime | None = getattr(self, name)
        return found

    def sure(self, name: Moment) -> str:
        """`exact`, `estimated` or `unknown`."""
        if self.moment(name) is None:
            return "unknown"
        return self.certainty.get(name.removesuffix("_at"), "exact")


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What can be counted, in minutes; None is unknown, never 0.

    `to_detect`: impact began -> detected. `to_assign`: declared -> somebody was the assignee. `to_respond`: detected -> first
    human act. `to_restore`: detected -> restored (the headline, C-9). `to_resolve`: declared -> resolved (S0). `impact`: impact
    began -> restored. `estimated` names those that rest on a time that somebody estimated.
    """

    to_detect: float | None
    to_assign: float | None
    to_respond: float | None
    to_restore: float | None
    to_resolve: float | None
    impact: float | None
    escalations: int
    communications: int
    first_word: float | None
    """Declared -> first communication or update."""
    longest_silence: float | None
    """The longest time between two communications or updates until restored, the beginning and the end included."""
    promises: int
    promises_kept: int
    estimated: tuple[str, ...]


def measured(record: Record) -> Measures:
    """Every figure that reports and reviews show."""
    detected = record.detected_at or record.created_at
    answered = min((at for at in (record.acknowledged_at, record.engaged_at) if at), default=None)
    spans: dict[str, tuple[datetime | None, datetime | None, tuple[Moment, ...]]] = {
        "to_detect": (record.impact_started_at, detected, ("impact_started_at", "detected_at")),
        "to_respond": (detected, answered, ("detected_at",)),
        "to_restore": (detected, record.restored_at, ("detected_at", "restored_at")),
        "to_resolve": (record.created_at, record.resolved_at, ()),
        "impact": (record.impact_started_at, record.restored_at, ("impact_started_at", "restored_at")),
    }
    promised = [sent.kept for sent in record.communications if sent.kept is not None]
    return Measures(
        **{name: minutes(start, end) for name, (start, end, _) in spans.items()},
        to_assign=minutes(record.created_at, record.assigned_at),
        escalations=record.escalations,
        communications=len(record.communications),
        first_word=minutes(record.created_at, record.communications[0].at) if record.communications else None,
        longest_silence=_longest_silence(record),
        promises=len(promised),
        promises_kept=sum(promised),
        estimated=tuple(
            name for name, (_, _, on) in spans.items() if any(record.sure(moment) == "estimated" for moment in on)
        ),
    )


def minutes(start: datetime | None, end: datetime | None) -> float | None:
    """From one time to the other; None when either is unknown. An end before the start is 0."""
    return None if start is None or end is None else max(0.0, (end - start).total_seconds() / 60)


def _longest_silence(record: Record) -> float | None:
    end = record.restored_at or record.resolved_at
    if end is None or end < record.created_at:
        return None
    points = [
        record.created_at,
        *sorted(one.at for one in record.communications if record.created_at < one.at < end),
        end,
    ]
    return max((b - a).total_seconds() / 60 for a, b in pairwise(points))


def people(entries: Iterable[Told]) -> list[str]:
    """Who acted, in the order in which they first did."""
    return list(dict.fromkeys(entry.actor for entry in entries if entry.actor))
