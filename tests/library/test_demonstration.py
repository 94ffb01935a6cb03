"""The demonstration scenario (S0-76), lived through and run as people run it."""

from __future__ import annotations

import io
import os
import subprocess
import sys

from tocsin.library import IncidentStatus
from tocsin.library.__main__ import demonstrate


def test_the_scenario_from_the_alarm_to_the_report() -> None:
    out = io.StringIO()
    system = demonstrate(out)
    (incident,) = system.incidents.values()
    said = out.getvalue()
    assert incident.status is IncidentStatus.CLOSED
    assert incident.mttr_minutes == 23
    assert incident.assignee == "alice"
    assert "# Incident Report: Database Connection Pool Exhausted" in said
    assert "engineering: The connection pool is at 100 %" in said
    assert "23.0 minutes" in said
    assert "# Post-Incident Review: Database Connection Pool Exhausted" in said
    assert '"overall_mttr_minutes": 23.0' in said
    assert [one["message"] for one in system.communication_channels[incident.channel]] == [
        "[engineering] The connection pool is at 100 %", "Resolved after 23.0 minutes", "Closed: this channel is archived",
    ]  # fmt: skip


def test_it_runs_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tocsin.library"], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert "Incident Report" in ran.stdout
    assert ran.stderr == ""
