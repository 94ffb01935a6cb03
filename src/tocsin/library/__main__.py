"""The demonstration (S0-76): a database runs out of connections, from the first alarm to the report. `python -m tocsin.library`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TextIO

from tocsin.clock import TravelClock
from tocsin.library import IncidentResponseSystem, IncidentStatus, PostIncidentReviewGenerator, SeverityLevel

BEGINS = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)


def demonstrate(out: TextIO) -> IncidentResponseSystem:
    """Live through the incident, with time told by the story, and write the report, the review and the figures to `out`."""
    clock = TravelClock(BEGINS)
    system = IncidentResponseSystem(clock=clock)
    system.on_call_schedule = {"auth-service": "alice", "tier2_senior": "bob"}
    incident = system.create_incident(
        "Database Connection Pool Exhausted",
        "Sign-in fails for all users: no connection to the user database is to be had",
        SeverityLevel.SEV1,
        "monitoring",
        ["auth-service", "user-api"],
    )
    clock.advance(timedelta(minutes=2))
    system.update_incident_status(incident, IncidentStatus.INVESTIGATING, "alice", "Looking at the connections")
    clock.advance(timedelta(minutes=4))
    system.add_communication(incident, "The connection pool is at 100 %", "engineering", "alice")
    clock.advance(timedelta(minutes=9))
    system.update_incident_status(
        incident, IncidentStatus.IDENTIFIED, "alice", "Queries of a report hold connections for minutes"
    )
    clock.advance(timedelta(minutes=8))
    system.update_incident_status(
        incident, IncidentStatus.RESOLVED, "alice", "Larger pool, and the long-running queries were killed"
    )
    out.write(system.generate_incident_report(incident))
    clock.advance(timedelta(minutes=30))
    system.update_incident_status(incident, IncidentStatus.CLOSED, "alice", "Stable for half an hour")
    out.write(f"\n{PostIncidentReviewGenerator(system, clock).generate_pir(incident)}\n")
    out.write(f"{json.dumps(system.calculate_mttr_metrics(30), indent=2)}\n")
    return system


if __name__ == "__main__":
    demonstrate(sys.stdout)
