"""The five tests that the source promises (S0-114 to S0-118), through the older name of the module."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

import pytest

from tocsin import library


@pytest.fixture
def older() -> Any:
    return importlib.import_module("incident_response_system")


@pytest.fixture
def system(older: Any) -> Any:
    return older.IncidentResponseSystem()


def test_incident_creation(older: Any, system: Any) -> None:
    made = system.create_incident(
        title="Test Incident", description="This is a test", severity=older.SeverityLevel.SEV2, reporter="test_user",
        affected_services=["test-service"],
    )  # fmt: skip
    assert made in system.incidents
    incident = system.incidents[made]
    assert incident.severity == older.SeverityLevel.SEV2
    assert incident.status == older.IncidentStatus.DETECTED
    assert len(incident.timeline) >= 1


def test_incident_progression(older: Any, system: Any) -> None:
    made = system.create_incident("Test Incident", "This is a test", older.SeverityLevel.SEV3, "test_user")
    assert system.update_incident_status(made, older.IncidentStatus.INVESTIGATING, "engineer", "Looking") is True
    assert system.update_incident_status(made, older.IncidentStatus.RESOLVED, "engineer", "Fixed") is True
    incident = system.incidents[made]
    assert incident.status == older.IncidentStatus.RESOLVED
    assert incident.resolved_at is not None
    assert incident.mttr_minutes is not None


def test_escalation(older: Any, system: Any) -> None:
    made = system.create_incident("Critical", "Everything is down", older.SeverityLevel.SEV1, "test_user")
    assert system.escalate_incident(made, "Needs more hands", "engineer") is True
    escalated = [entry for entry in system.incidents[made].timeline if entry.event == "escalated"]
    assert len(escalated) == 1


def test_mttr_calculation(older: Any, system: Any) -> None:
    made = system.create_incident("Test Incident", "This is a test", older.SeverityLevel.SEV2, "test_user")
    incident = system.incidents[made]
    incident.resolved_at = incident.created_at + timedelta(minutes=30)
    incident.status = older.IncidentStatus.RESOLVED
    metrics = system.calculate_mttr_metrics(30)
    assert "overall_mttr_minutes" in metrics
    assert metrics["total_incidents"] >= 1
    assert metrics["overall_mttr_minutes"] == 30


def test_pir_generation(older: Any, system: Any) -> None:
    made = system.create_incident("Test Incident", "This is a test", older.SeverityLevel.SEV1, "test_user")
    system.update_incident_status(made, older.IncidentStatus.RESOLVED, "engineer", "Fixed")
    system.update_incident_status(made, older.IncidentStatus.CLOSED, "engineer", "PIR completed")
    review = older.PostIncidentReviewGenerator(system).generate_pir(made)
    for wanted in ("Post-Incident Review", made, "Timeline of Events", "Action Items"):
        assert wanted in review


def test_the_older_name_has_every_public_class(older: Any) -> None:
    assert {name for name in dir(older) if not name.startswith("_")} == set(library.__all__)
    assert all(getattr(older, name) is getattr(library, name) for name in library.__all__)
