"""Foresight from a terminal: with a server and without."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tocsin.cli import drills
from tocsin.cli.app import app

from .conftest import Said, Terminal

AT = "2026-03-02T22:00:00Z"
ORGANISATION = """
version: 1
users:
  - {id: ann, name: Ann, contact_methods: [{id: hook, type: webhook, url: "http://127.0.0.1:9/ann"}]}
  - {id: ben, name: Ben, contact_methods: [{id: hook, type: webhook, url: "http://127.0.0.1:9/ben"}]}
schedules: [{id: primary, layers: [{id: all, users: [ann, ben], starts: 2026-01-05T09:00 RESTRICTED}]}]
escalation_policies:
  - {id: shop, steps: [{after: 0s, targets: [{schedule: primary}]}, {after: 5m, targets: [{user: ben}, {user: ann}]}]}
services: [{id: api, escalation_policy: shop, integrations: [{id: e, type: pagerduty, key: 0123456789abcdef0123456789abcdef}]}]
"""


def run(*words: str) -> Said:
    done = CliRunner().invoke(app, list(words), env={"TOCSIN_URL": "http://127.0.0.1:9", "TZ": "UTC"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tocsin.yml"
    path.write_text(ORGANISATION.replace(" RESTRICTED", ""))
    return path


def test_a_file_in_order_is_exit_0_and_one_with_a_hole_exit_1(file: Path) -> None:
    said = run("check", str(file), "--json")
    assert (said.code, [i for i in said.json()["items"] if i["level"] != "note"]) == (0, [])
    file.write_text(ORGANISATION.replace(" RESTRICTED", ', restrictions: [{from: "09:00", to: "17:00"}]'))
    said = run("check", str(file), "--days", "7")
    assert said.code == 1
    assert "FAILS Nobody is on call in primary from" in said.out
    assert f"({file}:6)" in said.out
    assert "In the next 7 days: 1 thing would fail." in said.out


def test_where_nothing_could_page_that_is_said(file: Path) -> None:
    file.write_text("version: 1\nusers: [{id: ann}]\n")
    assert "nothing would page anybody" in run("check", str(file)).out


def test_a_file_that_cannot_be_read_is_exit_2(file: Path) -> None:
    file.write_text(file.read_text().replace("users: [ann, ben]", "users: [ann, zoe]"))
    said = run("check", str(file))
    assert said.code == 2
    assert "zoe" in said.err
    assert run("check", str(file) + "x").code == 2
    assert run("check", str(file), "--days", "0").code == 2


def test_a_rehearsal_without_a_server(file: Path, tmp_path: Path) -> None:
    said = run("rehearse", "--config", str(file), "--service", "api", "--severity", "SEV1", "--at", AT, "--json")
    assert [(i["user"], i["step"]) for i in said.json()["items"]][:1] == [("ann", 1)]
    payload = tmp_path / "payload.json"
    event = {"routing_key": "0123456789abcdef0123456789abcdef", "event_action": "trigger"}
    payload.write_text(json.dumps({**event, "payload": {"summary": "Disk", "source": "db", "severity": "critical"}}))
    assert run("rehearse", "--config", str(file), "--service", "api", "--severity", "SEV1").out, (
        "now, when no time is named"
    )
    said = run("rehearse", "--config", str(file), "--file", str(payload), "--source", "pagerduty", "--at", AT)
    assert said.code == 0
    assert "Disk (api, sev1_critical): Ann is paged first, loudly." in said.out
    assert "Assumed: Every message is delivered, and nobody answers." in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", AT), "Name a service"),
        (("--file", "x.json", "--at", AT), "belong together"),
        (("--file", "x.json", "--source", "pagerduty", "--at", AT), "x.json"),
        (("--service", "api", "--at", "noon"), "noon"),
        (("--service", "nope", "--at", AT), "nope"),
        (("--service", "api", "--severity", "SEV9", "--at", AT), "SEV9"),
    ],
)
def test_wrong_use_of_a_rehearsal_is_exit_2(file: Path, words: tuple[str, ...], said: str) -> None:
    found = run("rehearse", "--config", str(file), *words)
    assert found.code == 2
    assert said in found.err


async def test_with_a_server(terminal: Terminal) -> None:
    number = str((await terminal.desk.world.fire()).incident)
    await terminal.desk.world.settle()
    told = (await terminal.ok("rehearse", "--service", "api", "--severity", "SEV1", "--at", AT, "--json")).json()
    assert [i["user"] for i in told["items"]] == ["alice", "bob", "carol", "erin"]
    assert (await terminal.run("check", "--json")).json()["ok"]
    assert "the same people would be paged" in (await terminal.ok("incident", "replay", number)).out
    assert (
        "Alice was on call (primary), and a page was waiting" in (await terminal.ok("explain", "--user", "alice")).out
    )
    assert (await terminal.ok("explain", "--user", "alice", "--json")).json()["user"] == "alice"
    assert (await terminal.ok("incident", "replay", number, "--json")).json()["items"][0]["change"] == "same"


async def test_a_drill_is_watched_to_its_end(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drills, "LOOK", 0.01)
    watching = asyncio.create_task(terminal.run("drill", "--service", "api", "--severity", "SEV1"))
    world = terminal.desk.world
    while await world.incident() is None:
        await asyncio.sleep(0.01)
    await world.settle()
    await world.acknowledge(1, "alice")
    await world.wait(seconds=5)
    said = await watching
    assert said.code == 0, said.err
    assert "Alice was reached first, after 0 s; Alice answered after 0 s." in said.out
    assert said.err == ""
    left = await terminal.ok("drill", "--service", "api", "--no-wait", "--json")
    assert left.json()["state"] == "running"
    assert (await terminal.run("drill", "--service", "api")).code == 1
