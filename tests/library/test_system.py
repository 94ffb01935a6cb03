"""The system in memory: ids, moves, tiers, channels, figures, and what happens when the world outside fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.clock import TravelClock
from tocsin.core import mttr
from tocsin.core.errors import Conflict
from tocsin.library import IncidentResponseSystem, IncidentStatus, PostIncidentReviewGenerator, SeverityLevel

START = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)


@pytest.fixture
def clock() -> TravelClock:
    return TravelClock(START)


@pytest.fixture
def system(clock: TravelClock) -> IncidentResponseSystem:
    return IncidentResponseSystem(clock=clock)


def declared(system: IncidentResponseSystem, severity: SeverityLevel = SeverityLevel.SEV1, **given: Any) -> str:
    return system.create_incident("Checkout is down", "Nobody can pay", severity, "monitoring", **given)


def events(system: IncidentResponseSystem, incident: str) -> list[str]:
    return [entry.event for entry in system.incidents[incident].timeline]


@pytest.mark.parametrize("word", ["SEV-1", "sev1", "critical", 1, "1", "sev1_critical", "P1"])
def test_severities_have_other_names(word: str | int) -> None:
    assert SeverityLevel(word) is SeverityLevel.SEV1


@pytest.mark.parametrize("word", ["awful", 0, 5, None, True, 1.5])
def test_what_is_no_severity_is_refused(word: object) -> None:
    with pytest.raises(ValueError, match="not a valid SeverityLevel"):
        SeverityLevel(word)


def test_the_incident_channel_is_that_of_the_incident(system: IncidentResponseSystem) -> None:
    one, other = declared(system), declared(system, affected_services="api")
    for made in (one, other):
        system.add_communication(made, f"about {made}", "incident_channel", "alice")
        said = system.communication_channels[system.incidents[made].channel]
        assert [entry["message"] for entry in said] == [f"about {made}"]
    assert "incident_channel" not in system.communication_channels
    assert system.incidents[other].affected_services == ["api"], "a single name is one service, not its letters"


def test_statuses_have_the_names_of_other_systems_too() -> None:
    assert (IncidentStatus("open"), IncidentStatus(" Mitigated")) == (
        IncidentStatus.DETECTED,
        IncidentStatus.MONITORING,
    )
    with pytest.raises(ValueError, match="not a valid IncidentStatus"):
        IncidentStatus("gone")


def test_an_incident_begins_with_its_response(system: IncidentResponseSystem) -> None:
    system.on_call_schedule = {"api": "alice"}
    made = declared(system, affected_services=["api", "database"])
    incident = system.incidents[made]
    assert re.fullmatch(r"INC-[0-9A-F]{8}", made)
    assert events(system, made) == ["incident_created", "paged", "response_triggered"]
    assert incident.timeline[0].actor == "monitoring"
    assert incident.assignee == "alice"
    assert incident.timeline[2].details == (
        "Assigned to alice: channel done; escalation timer done; page done; notifications done"
    )
    assert incident.channel == "inc-20261120-api-001"
    assert incident.created_at.utcoffset() == timedelta()
    assert incident.tags == ["api", "database"]
    assert incident.next_update_at == START + timedelta(minutes=15)


def test_unknown_incidents_are_false_or_said(system: IncidentResponseSystem) -> None:
    assert system.update_incident_status("INC-0", IncidentStatus.RESOLVED, "alice") is False
    assert system.escalate_incident("INC-0", "why", "alice") is False
    assert system.add_communication("INC-0", "hello", "status-page", "alice") is False
    assert system.generate_incident_report("INC-0") == "Incident not found"
    assert PostIncidentReviewGenerator(system).generate_pir("INC-0") == "Incident not found"
    assert system.calculate_mttr_metrics() == {"error": "No resolved incidents in time period"}


def test_a_review_waits_for_the_end(system: IncidentResponseSystem) -> None:
    made = declared(system)
    system.update_incident_status(made, IncidentStatus.RESOLVED, "alice")
    said = PostIncidentReviewGenerator(system).generate_pir(made)
    assert said == "Incident must be closed before generating PIR"


def test_an_illegal_move_is_one_clear_error_and_changes_nothing(system: IncidentResponseSystem) -> None:
    made = declared(system)
    before = events(system, made)
    with pytest.raises(Conflict, match="An incident that is detected cannot become closed"):
        system.update_incident_status(made, IncidentStatus.CLOSED, "alice")
    assert events(system, made) == before
    assert system.incidents[made].status is IncidentStatus.DETECTED


def test_reopening_forgets_the_end_but_tells_of_it(system: IncidentResponseSystem, clock: TravelClock) -> None:
    made = declared(system)
    clock.advance(timedelta(minutes=12))
    system.update_incident_status(made, IncidentStatus.RESOLVED, "alice", "Fixed")
    incident = system.incidents[made]
    assert incident.mttr_minutes == 12
    system.update_incident_status(made, IncidentStatus.INVESTIGATING, "bob", "It is back")
    assert (incident.resolved_at, incident.duration, incident.mttr_minutes) == (None, None, None)
    told = "from resolved to investigating. It is back (it had been resolved at 2026-11-20 14:44:00 UTC)"
    assert incident.timeline[-1].details == told
    assert "**Duration:** Ongoing" in system.generate_incident_report(made)


def test_four_tiers_then_nobody(system: IncidentResponseSystem, caplog: pytest.LogCaptureFixture) -> None:
    system.on_call_schedule = {
        "tier1_on_call": "alice",
        "tier2_senior": "bob",
        "tier3_architect": "",
        "tier4_executive": "erin",
    }
    made = declared(system)
    assert [system.escalate_incident(made, "More hands", "alice") for _ in range(3)] == [True, True, False]
    assert [e.details for e in system.incidents[made].timeline if e.event == "escalated"] == [
        "from alice to bob. More hands", "from bob to erin. More hands"
    ]  # fmt: skip
    assert system.incidents[made].assignee == "erin"
    assert "no tier is left above tier4_executive" in caplog.text


def test_the_ladder_climbs_by_itself_when_looked_at(system: IncidentResponseSystem, clock: TravelClock) -> None:
    sev1, sev2, sev4 = declared(system), declared(system, SeverityLevel.SEV2), declared(system, SeverityLevel.SEV4)
    clock.advance(timedelta(minutes=14, seconds=59))
    assert system.escalate_due() == []
    clock.advance(timedelta(seconds=1))
    assert system.escalate_due() == [sev1]
    assert system.escalate_due() == []
    system.update_incident_status(sev1, IncidentStatus.ACKNOWLEDGED, "bob")
    clock.advance(timedelta(minutes=15))
    assert system.escalate_due() == [sev2]
    assert "escalated" not in events(system, sev4)
    system.escalation_rules["tier2_senior"]["auto_escalate"] = False
    clock.advance(timedelta(hours=2))
    assert system.escalate_due() == []


def test_what_is_said_elsewhere_is_heard_once_in_the_incidents_channel(system: IncidentResponseSystem) -> None:
    made = declared(system)
    channel = system.incidents[made].channel
    assert system.add_communication(made, "We are on it", "engineering", "alice")
    assert system.add_communication(made, "Found it", channel, "alice")
    assert [one["message"] for one in system.communication_channels[channel]] == [
        "[engineering] We are on it", "Found it"
    ]  # fmt: skip
    assert [one["channel"] for one in system.incidents[made].communication_log] == ["engineering", channel]
    assert "**Communications:** 2" in system.generate_incident_report(made)


def test_a_step_that_fails_stops_no_other(clock: TravelClock) -> None:
    class Broken(IncidentResponseSystem):
        def _send_page(self, *_: Any) -> None:
            raise ConnectionError("the modem is on fire")

    system = Broken(clock=clock)
    made = declared(system)
    incident = system.incidents[made]
    assert events(system, made) == ["incident_created", "notification_failed", "response_triggered"]
    assert incident.timeline[1].details == "page: ConnectionError: the modem is on fire"
    assert "channel done" in incident.timeline[2].details
    assert system.escalate_incident(made, "why", "alice") is True


def test_a_report_has_its_headings(system: IncidentResponseSystem) -> None:
    text = system.generate_incident_report(declared(system))
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Incident Report: Checkout is down", "## Incident Summary", "## Description", "## Affected Services",
        "## Timeline", "## Communication Log", "## Key Metrics", "## Tags",
    ]  # fmt: skip
    assert "SEV1_CRITICAL" in text
    assert "Not resolved" in text
    assert "None specified" in text


def test_figures_by_severity(system: IncidentResponseSystem, clock: TravelClock) -> None:
    for minutes, severity in ((10, SeverityLevel.SEV1), (40, SeverityLevel.SEV1), (60, SeverityLevel.SEV2)):
        one = system.incidents[declared(system, severity)]
        one.resolved_at = one.created_at + timedelta(minutes=minutes)
    declared(system, SeverityLevel.SEV2)
    found = system.calculate_mttr_metrics(7)
    assert (found["time_period_days"], found["total_incidents"], found["open_incidents"]) == (7, 3, 1)
    assert found["overall_mttr_minutes"] == pytest.approx(36.67)
    sev1 = found["mttr_by_severity"]["sev1_critical"]
    assert (sev1["average_mttr_minutes"], sev1["incident_count"], sev1["target_met"]) == (25, 2, True)
    assert found["slo_compliance"]["incidents_within_target_percent"] == pytest.approx(66.67)
    assert found["slo_compliance"]["within_target_percent_by_severity"] == {"sev1_critical": 50, "sev2_high": 100}
    clock.advance(timedelta(days=9))
    assert system.calculate_mttr_metrics(7) == {"error": "No resolved incidents in time period"}


def test_naive_times_that_people_write_are_local(system: IncidentResponseSystem) -> None:
    incident = system.incidents[declared(system)]
    incident.resolved_at = (incident.created_at + timedelta(minutes=5)).astimezone().replace(tzinfo=None)
    assert incident.mttr_minutes == 5
    assert system.calculate_mttr_metrics(30)["overall_mttr_minutes"] == 5


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_quantiles_and_intervals_lie_within(values: list[float]) -> None:
    median = mttr.quantile(values, 0.5)
    low, high = mttr.median_interval(values)
    assert min(values) <= median <= max(values)
    assert (low is None) == (len(values) < 6)
    if low is not None and high is not None:
        assert low <= median + 1e-6
        assert median <= high + 1e-6
