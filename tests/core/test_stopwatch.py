"""The four clocks of an incident against their targets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.core.directory import Directory
from tocsin.core.matrix import rules_of
from tocsin.core.severity import Severity
from tocsin.core.stopwatch import Stopwatch, Times, stopwatches

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = rules_of(Directory(), None)[1]


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def clocks(now: datetime, severity: Severity = Severity.SEV1, **known: Any) -> dict[str, Stopwatch]:
    times: dict[str, Any] = {
        "created_at": NOON, "since": NOON, "impact_started_at": None, "detected_at": NOON, "answered_at": None,
        "engaged_at": None, "restored_at": None, "resolved_at": None,
    }  # fmt: skip
    return {one.name: one for one in stopwatches(RULES, severity, Times(**(times | known)), now)}


def test_a_sev1_is_answered_in_5_engaged_in_10_and_restored_in_30_minutes() -> None:
    found = clocks(minutes(4))
    assert {name: one.target for name, one in found.items()} == {
        "detection": None, "acknowledgement": minutes(5), "engagement": minutes(10), "restoration": minutes(30),
    }  # fmt: skip
    assert [one.over for one in found.values()] == [False] * 4
    assert [name for name, one in clocks(minutes(7)).items() if one.over] == ["acknowledgement"]


def test_a_clock_that_stopped_in_time_stays_in_time() -> None:
    found = clocks(minutes(300), answered_at=minutes(2), engaged_at=minutes(12), restored_at=minutes(29))
    assert [name for name, one in found.items() if one.over] == ["engagement"]
    assert found["restoration"].end == minutes(29)


def test_detection_is_unknown_until_somebody_says_since_when() -> None:
    assert clocks(minutes(1))["detection"].unknown
    late = clocks(minutes(1), impact_started_at=minutes(-6))["detection"]
    assert (late.end, late.target, late.over) == (NOON, minutes(-1), True)


def test_an_incident_that_is_over_runs_no_clock() -> None:
    assert all(
        one.end is not None for name, one in clocks(minutes(60), resolved_at=minutes(20)).items() if name != "detection"
    )


def test_the_targets_grow_with_milder_severities() -> None:
    targets = [clocks(NOON, severity)["engagement"].target for severity in Severity]
    assert targets == sorted(targets, key=lambda at: at or NOON)
