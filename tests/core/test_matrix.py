"""The severity matrix: what each severity means, and what organisation and service may decide otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.core.configuration import Service, Team
from tocsin.core.directory import Directory
from tocsin.core.matrix import (
    DEFAULTS,
    Row,
    escalate_by,
    matrix_of,
    read_rules,
    respond_by,
    rules_of,
    update_by,
    urgency,
    warnings,
)
from tocsin.core.severity import Severity
from tocsin.core.severity_policy import Severities
from tocsin.core.shape import faults, known_part
from tocsin.core.spelling import decode, plain

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
FRIDAY_EVENING = datetime(2026, 3, 6, 16, 30, tzinfo=UTC)


def directory(organisation: dict[str, Any] | None = None, service: dict[str, Any] | None = None) -> Directory:
    return Directory.of(
        {
            "teams": [Team(id="payments")],
            "services": [decode({"id": "api", "team": "payments", "severities": service or {}}, Service)],
        },
        severities=decode(organisation or {}, Severities),
    )


def test_the_numbers_of_the_requirements() -> None:
    minutes = {s.name: tuple(int(getattr(row, f)) // 60 for f in
                             ("response_time", "escalation_time", "communication_frequency", "resolution_target"))
               for s, row in DEFAULTS.items()}  # fmt: skip
    assert minutes == {
        "SEV1": (5, 15, 15, 30), "SEV2": (15, 30, 30, 120), "SEV3": (60, 120, 120, 480), "SEV4": (240, 480, 1440, 1440),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "monday", "sunday"),
    [(1, "high", "high"), (2, "high", "high"), (3, "high", "low"), (4, "none", "none")],
)
def test_urgency_follows_severity_and_business_hours(severity: int, monday: str, sunday: str) -> None:
    known = directory()
    assert urgency(known, "api", Severity(severity), MONDAY) == monday
    assert urgency(known, "api", Severity(severity), SUNDAY) == sunday
    assert urgency(known, None, Severity(severity), SUNDAY) == sunday


def test_a_service_decides_over_the_organisation_and_both_over_the_defaults() -> None:
    known = directory(
        {"SEV1": {"response_time": "3m", "who": "Everybody"}, "sev3": {"page": "never"}},
        {"critical": {"response_time": "1m", "acknowledge_timeout": "30m"}},
    )  # fmt: skip
    own = matrix_of(known, "api")[Severity.SEV1]
    assert (own.response_time, own.who, own.acknowledge_timeout) == (60, "Everybody", 1800)
    assert own.escalation_time == DEFAULTS[Severity.SEV1].escalation_time
    assert matrix_of(known, None)[Severity.SEV1].response_time == 180
    assert urgency(known, "api", Severity.SEV3, MONDAY) == "none"
    assert matrix_of(known, "unknown") == matrix_of(known, None)


def test_a_service_may_switch_off_a_timeout_of_the_organisation() -> None:
    known = directory({"sev1": {"acknowledge_timeout": "30m"}}, {"sev1": {"acknowledge_timeout": "off"}})
    assert matrix_of(known, None)[Severity.SEV1].acknowledge_timeout == 1800
    assert matrix_of(known, "api")[Severity.SEV1].acknowledge_timeout is None


def test_clocks_of_a_severity_that_does_not_page_at_once_stand_still_outside_business_hours() -> None:
    _, rules = rules_of(directory(), "api")
    sev2, sev3, sev4 = (rules.rows[Severity(n)] for n in (2, 3, 4))
    assert respond_by(sev2, rules.hours, FRIDAY_EVENING) == FRIDAY_EVENING + timedelta(minutes=15)
    assert update_by(sev2, rules.hours, FRIDAY_EVENING) == FRIDAY_EVENING + timedelta(minutes=30)
    assert respond_by(sev3, rules.hours, FRIDAY_EVENING) == datetime(2026, 3, 9, 9, 30, tzinfo=UTC)
    assert escalate_by(sev4, rules.hours, FRIDAY_EVENING) == datetime(2026, 3, 9, 16, 30, tzinfo=UTC)
    assert update_by(sev3, rules.hours, FRIDAY_EVENING) == datetime(2026, 3, 9, 9, 0, tzinfo=UTC)


def test_rules_are_kept_under_a_number_that_follows_from_what_they_say() -> None:
    number, rules = rules_of(directory(), "api")
    assert rules_of(directory(), "api")[0] == number
    other, changed = rules_of(directory(service={"sev4_low": {"who": "Nobody"}}), "api")
    assert other != number
    assert read_rules(rules.plain()) == rules
    assert read_rules(changed.plain()).rows[Severity.SEV4].who == "Nobody"
    assert -(2**63) <= number < 2**63


def test_rules_written_by_another_release_can_be_read() -> None:
    _, rules = rules_of(directory(), "api")
    raw = rules.plain()
    raw["rows"]["sev1_critical"]["jingle"] = "tada"
    del raw["rows"]["sev2_high"]["review"]
    assert read_rules(raw) == rules


def test_written_and_read_back() -> None:
    written = {"sev1_critical": {"response_time": "3m", "acknowledge_timeout": "off"}, "sev4_low": {"page": "now"}}
    assert plain(decode(written, Severities)) == written
    assert not decode({"sev2_high": {}}, Severities)


def test_what_is_wrong_is_said_where_it_stands() -> None:
    raw = {
        "sev1_critical": {"response_time": "soon", "page": "always", "colour": "red"},
        "SEV1": {},
        "sev5": {},
        "sev2_high": {"acknowledge_timeout": "never"},
        "sev3": "x",
    }
    found = {fault.path: fault.message for fault in faults(raw, Severities)}
    assert set(found) == {
        ("sev1_critical", "response_time"), ("sev1_critical", "page"), ("sev1_critical", "colour"), ("SEV1",), ("sev5",),
        ("sev2_high", "acknowledge_timeout"), ("sev3",),
    }  # fmt: skip
    assert "twice" in found["SEV1",]


def test_fields_of_a_newer_release_are_left_out() -> None:
    raw = {"id": "api", "severities": {"sev1_critical": {"response_time": "3m", "jingle": "tada"}}}
    assert decode(known_part(raw, Service), Service).severities.rows[Severity.SEV1].response_time == 180


def test_every_field_may_be_decided() -> None:
    row = DEFAULTS[Severity.SEV1]
    text = {name: value for name, value in plain(row).items() if value is not None} | {"acknowledge_timeout": "15m"}
    changed = decode({"sev2_high": text}, Severities)
    assert set(plain(changed)["sev2_high"]) == set(Row.__struct_fields__)


def test_what_a_policy_gives_up_is_said() -> None:
    assert warnings(DEFAULTS) == []
    given = {
        "sev1": {"progress": "off", "response_time": "20m", "escalation_time": "10m"},
        "sev2": {"page": "business_hours"},
        "sev4": {"page": "never", "progress": "off"},
    }
    assert warnings(matrix_of(directory(given), None)) == [
        "SEV1 escalates only by hand once it is acknowledged: its progress clock is off",
        "SEV1 may escalate after 10m, before an acknowledgement is late (20m)",
        "SEV1 may be answered later (20m) than SEV2 (15m)",
        "SEV2 pages only in business hours",
    ]
