"""The incident response system in memory (requirement rows S0-30 to S0-63)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from threading import RLock
from typing import Any, Protocol
from uuid import uuid4

from tocsin.clock import Clock
from tocsin.core import mttr, report
from tocsin.core.directory import Directory
from tocsin.core.escalation import PageReason
from tocsin.core.incident import room_name
from tocsin.core.lifecycle import check_move, way
from tocsin.core.matrix import DEFAULTS
from tocsin.core.tag import tags
from tocsin.library import ladders
from tocsin.library.incidents import Incident, IncidentStatus, IncidentTimeline, SeverityLevel, aware, known
from tocsin.library.ladders import Climb
from tocsin.library.reviews import record_of

log = logging.getLogger(__name__)

ITSELF = "tocsin"
"""The actor of what happens by itself."""
WATCH = timedelta(minutes=30)
"""How long a restored incident is watched."""
STATUS_PAGE, STAKEHOLDERS = "status-page", "stakeholders"


class Pages(Protocol):
    """Something that pages for real, like PagerDutyIntegration."""

    def create_incident(
        self, title: str, description: str, urgency: str = "high", *, incident_key: str | None = None
    ) -> str: ...


class IncidentResponseSystem:
    """Incidents in a dict, with paging, channels and clocks as far as memory goes. Safe to share between threads.

    `incidents` by id. `escalation_rules`: the four tiers. `severity_config`: minutes by severity. `on_call_schedule`: who is on call,
    by service or by tier (`{"auth-service": "alice", "tier2_senior": "bob"}`). `communication_channels`: what was posted where.
    Override `_send_page`, `_post` or `_get_on_call_engineer` to reach the world; what fails there is told on the timeline and
    stops nothing. `pagerduty` pages through PagerDuty.
    """

    def __init__(self, pagerduty: Pages | None = None, clock: Clock | None = None) -> None:
        self.incidents: dict[str, Incident] = {}
        self.escalation_rules = self._load_escalation_rules()
        self.severity_config = self._load_severity_config()
        self.on_call_schedule: dict[str, str] = {}
        self.communication_channels: dict[str, list[dict[str, Any]]] = {}
        self.pagerduty = pagerduty
        self._clock = clock or Clock()
        self._climbs: dict[str, Climb] = {}
        self._lock = RLock()

    # --- what people do -----------------------------------------------------------------------------------------------

    def create_incident(
        self,
        title: str,
        description: str,
        severity: SeverityLevel,
        reporter: str,
        affected_services: list[str] | None = None,
    ) -> str:
        """Declare an incident; the first response follows at once. Returns its id (`INC-1A2B3C4D`). Raises ValueError without a
        title, or for an unknown severity."""
        if not title.strip():
            raise ValueError("an incident needs a title")
        named = [affected_services] if isinstance(affected_services, str) else affected_services or ()
        severity, services = SeverityLevel(severity), list(dict.fromkeys(named))
        with self._lock:
            now = self._clock.now()
            incident = Incident(
                id=self._new_id(), title=title, description=description, severity=severity,
                status=IncidentStatus.DETECTED, created_at=now, affected_services=services, reporter=reporter,
                tags=self._generate_incident_tags(title, description, services),
                next_update_at=now + self._minutes(severity, "communication_frequency"),
            )  # fmt: skip
            self.incidents[incident.id] = incident
            self._tell(incident, "incident_created", reporter, f"{title} ({severity.name})")
            self._trigger_incident_response(incident)
            return incident.id

    def update_incident_status(self, incident_id: str, new_status: IncidentStatus, actor: str, notes: str = "") -> bool:
        """Move an incident; False when there is none. Raises Conflict, and changes nothing, for a move that the lifecycle does not
        have. The status that it has already is no move: the notes are kept."""
        new = IncidentStatus(new_status)
        with self._lock:
            incident = self._known(incident_id)
            if incident is None:
                return False
            old = IncidentStatus(incident.status)
            if new is old:
                self._tell(incident, "note_added", actor, notes or f"Still {old.value}")
                return True
            check_move(old.value, new.value)
            ended = (
                f" (it had been resolved at {report.stamp(aware(incident.resolved_at))})"
                if incident.resolved_at
                else ""
            )
            again = ended if way(old.value, new.value) == "reopen" else ""
            incident.status = new
            self._tell(incident, "status_updated", actor, f"from {old.value} to {new.value}. {notes}{again}".rstrip())
            self._handle_status_change(incident, old, new)
            return True

    def escalate_incident(self, incident_id: str, reason: str, actor: str) -> bool:
        """Page the next tier and make it the assignee. False when there is no such incident, it is over, or no tier is left (the
        log says which)."""
        with self._lock:
            incident = self._known(incident_id)
            if incident is None:
                return False
            if incident.over:
                log.warning("%s is %s: nothing to escalate", incident_id, IncidentStatus(incident.status).value)
                return False
            if not self._climb(incident, reason, actor, forward=True):
                log.warning("%s: no tier is left above %s", incident_id, self._climbs[incident_id].tier or "nobody")
                return False
            return True

    def add_communication(self, incident_id: str, message: str, channel: str, actor: str) -> bool:
        """Say something in a channel; the incident's own channel hears it once, with the name of the other. False when there is no
        such incident."""
        with self._lock:
            incident = self._known(incident_id)
            if incident is None:
                return False
            now = self._clock.now()
            entry = {"timestamp": now, "message": message, "channel": channel, "actor": actor}
            incident.communication_log.append(entry)
            self._tell(incident, "communication_added", actor, f"{channel}: {message}")
            own = channel in (incident.channel, "incident_channel")
            self._step(
                incident, f"deliver to {channel}", lambda: self._post(incident.channel if own else channel, entry)
            )
            if not own:
                self._post_to_incident_channel(incident, entry)
            incident.next_update_at = now + self._minutes(incident.level, "communication_frequency")
            return True

    def escalate_due(self) -> list[str]:
        """Escalate whatever nobody acknowledged in time. Returns their ids. (Nothing in memory wakes by itself: call this as often
        as you like.)"""
        with self._lock:
            late = [one for one in self.incidents.values() if IncidentStatus(one.status) is IncidentStatus.DETECTED]
            return [
                one.id for one in late if self._auto(one) and self._climb(one, "nobody acknowledged in time", ITSELF)
            ]

    # --- what people read ---------------------------------------------------------------------------------------------

    def generate_incident_report(self, incident_id: str) -> str:
        """The report in Markdown; `Incident not found` for an unknown one."""
        with self._lock:
            incident = self.incidents.get(incident_id)
            return report.NOT_FOUND if incident is None else report.markdown(record_of(incident), self._clock.now())

    def calculate_mttr_metrics(self, time_period_days: int = 30) -> dict[str, Any]:
        """How long incidents resolved in the last days took, in minutes: core/mttr.py says what each figure is.

        `{"error": "No resolved incidents in time period"}` when there are none.
        """
        with self._lock:
            cases = [
                mttr.Case(
                    severity=one.level.value, created_at=aware(one.created_at),
                    resolved_at=known(one.resolved_at),
                )
                for one in self.incidents.values()
            ]  # fmt: skip
            targets = {level.value: float(row["resolution_target"]) for level, row in self.severity_config.items()}
            return mttr.metrics(cases, targets, time_period_days, self._clock.now())

    # --- the first response (S0-35 to S0-40) --------------------------------------------------------------------------

    def _trigger_incident_response(self, incident: Incident) -> None:
        """Channel, timer, page, first notices; each by itself, so that one that fails stops no other."""
        steps: dict[str, Callable[[], None]] = {
            "channel": lambda: self._create_incident_channel(incident),
            "escalation timer": lambda: self._start_escalation_timer(incident),
            "page": lambda: self._page_first(incident),
            "notifications": lambda: self._send_initial_notifications(incident),
        }
        outcomes = "; ".join(f"{name} {self._step(incident, name, step)}" for name, step in steps.items())
        self._tell(incident, "response_triggered", ITSELF, f"Assigned to {incident.assignee or 'nobody'}: {outcomes}")

    def _start_escalation_timer(self, incident: Incident) -> None:
        people = {name: self.on_call_schedule.get(name, name) for name in self.escalation_rules}
        first = next(iter(self.escalation_rules), None)
        if first is not None:
            people[first] = self._get_on_call_engineer(incident.affected_services)
        self._climbs[incident.id] = Climb.begin(self.escalation_rules, people, incident.level, self._clock.now())

    def _page_first(self, incident: Incident) -> None:
        """The first tier becomes the assignee; whether it is paged is the severity's policy (C-20)."""
        rung = self._climbs[incident.id].next(self._clock.now())
        if rung is None:
            raise LookupError("nobody is on call")
        self._assign(incident, rung.pages[0].user)
        if DEFAULTS[incident.level.core].page == "never":
            self._tell(incident, "no_page", ITSELF, f"{incident.level.name} pages nobody")
            return
        self._send_page(incident, rung.pages[0].user, f"{incident.level.name}: {incident.title}")
        self._tell(incident, "paged", ITSELF, f"Paged {rung.pages[0].user}")

    def _create_incident_channel(self, incident: Incident) -> None:
        service = incident.affected_services[0] if incident.affected_services else None
        incident.channel = room_name(len(self.incidents), aware(incident.created_at), service)
        self.communication_channels.setdefault(incident.channel, [])

    def _send_initial_notifications(self, incident: Incident) -> None:
        every = self.severity_config[incident.level]["communication_frequency"]
        text = (
            f"{incident.title} - ID: {incident.id}; Severity: {incident.level.name}; Impact: {incident.description};"
            f" Status: Investigating; ETA: TBD; Updates: every {every} minutes"
        )
        for channel in (STAKEHOLDERS, STATUS_PAGE) if incident.level.core <= 2 else (STAKEHOLDERS,):
            self._post(channel, {"timestamp": self._clock.now(), "message": text, "channel": channel, "actor": ITSELF})

    # --- what follows a move (S0-44) ----------------------------------------------------------------------------------

    def _handle_status_change(self, incident: Incident, old: IncidentStatus, new: IncidentStatus) -> None:
        now = self._clock.now()
        if way(old.value, new.value) == "reopen":
            incident.resolved_at = incident.closed_at = incident.restored_at = incident.watched_until = None
        if new is not IncidentStatus.DETECTED:
            incident.acknowledged_at = incident.acknowledged_at or now
        match new:
            case IncidentStatus.IDENTIFIED:
                incident.identified_at, incident.next_update_at = incident.identified_at or now, now
            case IncidentStatus.MONITORING:
                incident.restored_at, incident.watched_until = incident.restored_at or now, now + WATCH
            case IncidentStatus.RESOLVED:
                incident.resolved_at, incident.restored_at = now, incident.restored_at or now
                incident.next_update_at = incident.watched_until = None
                self._post_to_incident_channel(
                    incident, self._word(f"Resolved after {report.duration(record_of(incident))}")
                )
            case IncidentStatus.CLOSED:
                incident.closed_at = now
                self._post_to_incident_channel(incident, self._word("Closed: this channel is archived"))

    # --- escalation ---------------------------------------------------------------------------------------------------

    def _climb(self, incident: Incident, reason: str, actor: str, *, forward: bool = False) -> bool:
        """Take the rung that is due, or the next one; False when there is none."""
        climb = self._climbs[incident.id]
        rung = climb.next(self._clock.now(), PageReason.ESCALATED, forward=forward)
        if rung is None:
            return False
        before, after = incident.assignee, rung.pages[0].user
        self._tell(incident, "escalated", actor, f"from {before or 'nobody'} to {after}. {reason}")
        self._assign(incident, after)
        self._step(incident, "page", lambda: self._send_escalation_page(incident, after, reason))
        return True

    def _auto(self, incident: Incident) -> bool:
        rule = self.escalation_rules.get(self._climbs[incident.id].tier, {})
        return bool(rule.get("auto_escalate", True)) and DEFAULTS[incident.level.core].page != "never"

    def _assign(self, incident: Incident, person: str) -> None:
        incident.assignee, incident.assigned_at = person, incident.assigned_at or self._clock.now()

    def _get_on_call_engineer(self, services: list[str]) -> str:
        """Who is on call for the first of these services that has anybody; else whoever stands on the first tier."""
        first = next(iter(self.escalation_rules), "tier1_on_call")
        return next(
            (self.on_call_schedule[service] for service in services if service in self.on_call_schedule),
            self.on_call_schedule.get(first, first),
        )

    # --- doors to the world -------------------------------------------------------------------------------------------

    def _send_page(self, incident: Incident, person: str, message: str) -> None:
        """Through PagerDuty when there is one; otherwise the log is all that hears it."""
        log.info("page for %s: %s", person, message)
        if self.pagerduty is not None:
            urgency = "high" if incident.level.core <= 2 else "low"
            self.pagerduty.create_incident(message, incident.description, urgency, incident_key=incident.id)

    def _send_escalation_page(self, incident: Incident, person: str, reason: str) -> None:
        story = "; ".join(f"{entry.event}: {entry.details}" for entry in incident.timeline[-5:])
        why = f"{incident.level.name}: {incident.title} - {reason} ({incident.channel}; {story})"
        self._send_page(incident, person, why)
        self._tell(incident, "paged", ITSELF, f"Paged {person}")

    def _post(self, channel: str, entry: dict[str, Any]) -> None:
        """What is said in a channel."""
        self.communication_channels.setdefault(channel, []).append(entry)

    def _post_to_incident_channel(self, incident: Incident, entry: dict[str, Any]) -> None:
        """Once, and marked with where it was said; what is said in the channel itself never comes here."""
        tagged = {**entry, "message": f"[{entry['channel']}] {entry['message']}"} if entry["channel"] else entry
        self._step(incident, "post to the incident channel", lambda: self._post(incident.channel, tagged))

    # --- small things -------------------------------------------------------------------------------------------------

    def _load_escalation_rules(self) -> dict[str, dict[str, Any]]:
        return ladders.rules()

    def _load_severity_config(self) -> dict[SeverityLevel, dict[str, Any]]:
        """The severity matrix of the core in minutes."""
        minutes = ("response_time", "escalation_time", "communication_frequency", "resolution_target")
        return {
            level: {
                "description": DEFAULTS[level.core].description,
                **{name: getattr(DEFAULTS[level.core], name) // 60 for name in minutes},
            }
            for level in SeverityLevel
        }

    def _generate_incident_tags(self, title: str, description: str, services: list[str]) -> list[str]:
        return tags(Directory(), [title, description], services)

    def _new_id(self) -> str:
        """`INC-` and eight hexadecimal digits that no incident here has."""
        while (made := f"INC-{uuid4().hex[:8].upper()}") in self.incidents:
            continue
        return made

    def _known(self, incident_id: str) -> Incident | None:
        incident = self.incidents.get(incident_id)
        if incident is None:
            log.warning("there is no incident %s", incident_id)
        return incident

    def _minutes(self, severity: SeverityLevel, name: str) -> timedelta:
        return timedelta(minutes=self.severity_config[severity][name])

    def _tell(self, incident: Incident, event: str, actor: str, details: str) -> None:
        incident.timeline.append(IncidentTimeline(self._clock.now(), event, actor, details))

    def _word(self, message: str) -> dict[str, Any]:
        return {"timestamp": self._clock.now(), "message": message, "channel": "", "actor": ITSELF}

    def _step(self, incident: Incident, name: str, step: Callable[[], None]) -> str:
        """Do it; what fails is told and stops nothing. Returns `done` or `failed`."""
        try:
            step()
        except Exception as error:  # the world outside, or a subclass: whatever it is, the response goes on
            log.exception("%s: a step of the response failed: %s", incident.id, name)
            self._tell(incident, "notification_failed", ITSELF, f"{name}: {type(error).__name__}: {error}"[:500])
            return "failed"
        return "done"
