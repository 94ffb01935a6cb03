"""The values of the library: severities, statuses, an incident and its timeline. All are writable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from tocsin.core import lifecycle
from tocsin.core.errors import Invalid
from tocsin.core.severity import Severity, parse


class SeverityLevel(Enum):
    """How bad it is. `SeverityLevel("SEV-1")`, `SeverityLevel("critical")` and `SeverityLevel(1)` are SEV1, too."""

    SEV1 = "sev1_critical"
    SEV2 = "sev2_high"
    SEV3 = "sev3_medium"
    SEV4 = "sev4_low"

    @classmethod
    def _missing_(cls, value: object) -> SeverityLevel | None:
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        try:
            return cls(parse(value).key)
        except Invalid:
            return None

    @property
    def core(self) -> Severity:
        """The same severity in the core."""
        return parse(self.value)


class IncidentStatus(Enum):
    """Where an incident stands, in the order of its lifecycle."""

    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @classmethod
    def _missing_(cls, value: object) -> IncidentStatus | None:
        try:
            return cls(lifecycle.parse_status(value)) if isinstance(value, str) else None
        except Invalid:
            return None


@dataclass
class IncidentTimeline:
    """One entry of the story. `timestamp` is aware."""

    timestamp: datetime
    event: str
    actor: str
    details: str


@dataclass
class Incident:
    """One incident. Times are aware (a naive one that somebody writes is read as local time).

    `communication_log` holds `{"timestamp", "message", "channel", "actor"}`. `channel` is its own channel, `next_update_at` when the
    next communication is due by its severity, `watched_until` when the watch after a restoration ends.
    """

    id: str
    title: str
    description: str
    severity: SeverityLevel
    status: IncidentStatus
    created_at: datetime
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    assignee: str | None = None
    affected_services: list[str] = field(default_factory=list)
    timeline: list[IncidentTimeline] = field(default_factory=list)
    communication_log: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    reporter: str = ""
    channel: str = ""
    assigned_at: datetime | None = None
    acknowledged_at: datetime | None = None
    identified_at: datetime | None = None
    restored_at: datetime | None = None
    next_update_at: datetime | None = None
    watched_until: datetime | None = None

    @property
    def duration(self) -> timedelta | None:
        """From creation to resolution; None while it lasts."""
        return None if self.resolved_at is None else aware(self.resolved_at) - aware(self.created_at)

    @property
    def mttr_minutes(self) -> float | None:
        """The time to resolve of this one incident in minutes; None while it lasts."""
        return lifecycle.mttr_minutes(aware(self.created_at), known(self.resolved_at))

    @property
    def level(self) -> SeverityLevel:
        """Its severity, however somebody wrote it."""
        return SeverityLevel(self.severity)

    @property
    def over(self) -> bool:
        return IncidentStatus(self.status) in (IncidentStatus.RESOLVED, IncidentStatus.CLOSED)


def known(at: datetime | None) -> datetime | None:
    """The same, if there is one."""
    return None if at is None else aware(at)


def aware(at: datetime) -> datetime:
    """A time with its zone; one without is local."""
    return at if at.tzinfo is not None else at.astimezone()
