"""Reports and reviews of incidents in memory, by the very renderers of the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tocsin.clock import Clock
from tocsin.core import review, review_text
from tocsin.core.matrix import DEFAULTS
from tocsin.core.record import Record, Sent, Targets, Told
from tocsin.library.incidents import Incident, IncidentStatus, SeverityLevel, aware, known


class Incidents(Protocol):
    """What a review needs to know of the system."""

    @property
    def incidents(self) -> Mapping[str, Incident]: ...


class PostIncidentReviewGenerator:
    """Writes the draft of a review for a closed incident."""

    def __init__(self, incident_system: Incidents, clock: Clock | None = None) -> None:
        self.incident_system = incident_system
        self._clock = clock or Clock()

    def generate_pir(self, incident_id: str) -> str:
        """The review in Markdown; a sentence that says why there is none for an unknown incident, or one that is not closed."""
        incident = self.incident_system.incidents.get(incident_id)
        if incident is None:
            return review.NOT_FOUND
        if IncidentStatus(incident.status) is not IncidentStatus.CLOSED:
            return review.REFUSAL
        return review_text.markdown(record_of(incident), review.NOTHING, self._clock.now())


def record_of(incident: Incident) -> Record:
    """Everything that is known of an incident, as the renderers take it."""
    events = [entry.event for entry in incident.timeline]
    timeline = [
        Told(at=aware(entry.timestamp), kind=entry.event, actor=entry.actor, details=entry.details)
        for entry in incident.timeline
    ]
    sent = [
        Sent(at=aware(one["timestamp"]), actor=one["actor"], channel=one["channel"], message=one["message"])
        for one in incident.communication_log
    ]
    return Record(
        id=incident.id, title=incident.title, description=incident.description, severity=incident.level.value,
        status=IncidentStatus(incident.status).value, created_at=aware(incident.created_at),
        detected_at=aware(incident.created_at), assignee=incident.assignee, services=incident.affected_services,
        tags=incident.tags, timeline=timeline, communications=sent,
        escalations=events.count("escalated"), pages=events.count("paged"),
        answered_pages=int("paged" in events and incident.acknowledged_at is not None), targets=_targets(incident.level),
        assigned_at=known(incident.assigned_at), acknowledged_at=known(incident.acknowledged_at),
        identified_at=known(incident.identified_at), restored_at=known(incident.restored_at),
        resolved_at=known(incident.resolved_at), closed_at=known(incident.closed_at),
    )  # fmt: skip


def _targets(severity: SeverityLevel) -> Targets:
    row = DEFAULTS[severity.core]
    return Targets(
        response=row.response_time / 60,
        communication=row.communication_frequency / 60,
        resolution=row.resolution_target / 60,
    )
