"""Declaring from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from tocsin.cli import declaring

from .conftest import Terminal


async def test_answers_in_options_stand_in_for_the_severity(terminal: Terminal) -> None:
    said = await terminal.ok(
        "incident", "declare", "Checkout fails", "--service", "api", "--impact", "Nobody can pay", "--percent", "60",
        "--yes", "critical_features_out", "--role", "ic=bob", "--tag", "peak", "--json",
    )  # fmt: skip
    made = said.json()
    assert (made["severity"], made["roles"]) == ("sev1_critical", {"incident_commander": "bob"})
    assert made["impact"]["what"] == "Nobody can pay"
    refused = await terminal.run(
        "incident", "declare", "x", "--service", "api", "--percent", "60", "--severity", "SEV4"
    )
    assert (refused.code, "say why SEV4 is enough" in refused.err) == (2, True)
    said = await terminal.ok("incident", "impact", made["id"], "--percent", "3", "--workaround", "Pay by invoice")
    assert "Impact: Nobody can pay; 3% of users" in said.out
    said = await terminal.ok("incident", "impact", made["id"])
    assert "Pay by invoice" in said.out
    said = await terminal.ok("incident", "tag", made["id"], "--add", "Money", "--remove", "peak")
    assert "added money; removed peak" in said.out
    said = await terminal.ok("incident", "firsts", made["id"])
    assert "Manager informed" in said.out
    assert (await terminal.ok("incident", "firsts", made["id"], "--json")).json()["items"][1]["state"] == "met"
    assert "noncritical_out" in (await terminal.ok("incident", "guide")).out


async def test_on_a_terminal_it_asks(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    await terminal.ok(
        "incident", "declare", "Checkout fails for everybody", "--service", "api", "--workaround", "Restart the pool"
    )
    answers = iter(["Checkout fails again", "apu", "api", "Pay", "Everybody", "12 %", "n", "maybe", "n", "u", "n", ""])
    asked: list[str] = []

    def prompt(text: str, **_: object) -> str:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr(
        declaring, "sys", type("Terminal", (), {"stdin": type("In", (), {"isatty": lambda self: True})()})
    )
    monkeypatch.setattr(typer, "prompt", prompt)
    said = await terminal.ok("incident", "declare")
    assert "Which service? (api" in asked[1]
    assert "SEV1, because: security breach being exploited (not certain, so it counts)" in said.err
    assert "It becomes private" in said.err
    assert "What helped: Restart the pool" in said.err
    assert "Answer y, n or unsure" in said.err
    assert not any("major function" in one for one in asked), "after a yes no milder questions"
    found = await terminal.ok("incident", "list", "--json", role="admin")
    assert found.json()["items"][0]["private"] is True


async def test_the_past_comes_from_a_file(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "past.json"
    file.write_text(json.dumps([{"title": "Old", "external_id": "A-1", "resolved_at": "2025-01-02T03:04:05Z"}]))
    assert (await terminal.ok("incident", "import", str(file), role="admin")).out == "1 imported.\n"
    assert "1 was there already" in (await terminal.ok("incident", "import", str(file), role="admin")).out
    file.write_text(json.dumps({"items": [{"title": "Odd", "resolved_at": "never"}]}))
    said = await terminal.run("incident", "import", str(file), role="admin")
    assert (said.code, "/items/0/resolved_at" in said.err) == (2, True)
    file.write_text("{")
    assert (await terminal.run("incident", "import", str(file), role="admin")).code == 2
