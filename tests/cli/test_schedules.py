"""Schedules from a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tocsin.manage import configuration

from .conftest import Terminal


@pytest.fixture
async def shell(terminal: Terminal) -> Terminal:
    """What the world is configured with stands in the database."""
    ctx = terminal.desk.world.ctx
    wanted = ctx.directory
    await configuration.change(ctx, configuration.ITSELF, lambda _: wanted)
    made = await terminal.ok(
        "schedule",
        "template",
        "weekly",
        "--id",
        "week",
        "--users",
        "alice,bob",
        "--starts",
        "2026-01-05T09:00",
        role="manager",
    )
    assert made.out == "Made week.\n"
    return terminal


async def test_an_override_and_the_way_back(shell: Terminal) -> None:
    span = ("--from", "2026-03-04T18:00", "--to", "2026-03-05T08:00")
    said = await shell.ok("schedule", "override", "add", "week", "carol", *span)
    assert said.out.startswith("carol from 2026-03-04 18:00:00 +0000 to 2026-03-05 08:00:00 +0000")
    shown = (await shell.ok("schedule", "show", "week")).out
    assert "carol" in shown
    assert re.search(r"\d\d:\d\d:\d\d[+-]\d\d:\d\d ", shown), "seconds will do"
    assert "week" in (await shell.ok("schedule", "list")).out
    (listed,) = (await shell.ok("schedule", "override", "list", "week", "--json")).json()["items"]
    told = await shell.ok("schedule", "diff", "week")
    assert "carol: +14 h, -0 h" in told.out
    assert "alice: +0 h, -14 h" in told.out
    versions = (await shell.ok("schedule", "versions", "week", "--json")).json()["items"]
    assert "overrides" in (await shell.ok("schedule", "versions", "week")).out
    said = await shell.ok("schedule", "revert", "week", str(versions[1]["revision"]))
    assert f"week is as it was at revision {versions[1]['revision']}." in said.out
    gone = await shell.run("schedule", "override", "remove", "week", listed["id"])
    assert (gone.code, "There is no override" in gone.err) == (1, True)
    past = await shell.run("schedule", "override", "add", "week", "carol", "--from", "2026-02-01", "--to", "2026-02-02")
    assert (past.code, "lies in the past" in past.err) == (2, True)
    for user, days in (("carol", ("2026-03-04T18:00", "2026-03-05")), ("erin", ("2026-03-04", "2026-03-06"))):
        await shell.ok("schedule", "override", "add", "week", user, "--from", days[0], "--to", days[1])
    assert "planned, hidden by erin" in (await shell.ok("schedule", "override", "list", "week")).out
    over = (await shell.ok("schedule", "override", "list", "week", "--json")).json()["items"]
    assert {(one["user"], one["covered_by"]) for one in over} == {("carol", "erin"), ("erin", None)}


async def test_a_running_shift_is_asked_for(shell: Terminal) -> None:
    body = {"layers": [{"id": "weekly", "users": ["bob", "alice"], "starts": "2026-01-05T09:00"}]}
    assert (await shell.desk.call("PATCH", "/schedules/week", body, role="manager", confirm="true")).status_code == 200
    first = (await shell.ok("schedule", "versions", "week", "--json")).json()["items"][-1]["revision"]
    said = await shell.run("schedule", "revert", "week", str(first), role="manager")
    assert (said.code, "Bob is on call now" in said.err) == (1, True)
    assert "alice" in (await shell.ok("schedule", "revert", "week", str(first), "--yes", role="manager")).out


async def test_a_shadow_shift(shell: Terminal) -> None:
    await shell.ok("schedule", "shadow", "add", "week", "carol", "--from", "2026-03-04", "--to", "2026-03-06")
    listed = await shell.ok("schedule", "shadow", "list", "week")
    assert "planned" in listed.out
    (one,) = (await shell.ok("schedule", "shadow", "list", "week", "--json")).json()["items"]
    assert "ended" in (await shell.ok("schedule", "shadow", "remove", "week", one["id"])).out


async def test_patterns_are_listed_shown_as_yaml_and_made(shell: Terminal, tmp_path: Path) -> None:
    assert "primary_secondary" in (await shell.ok("schedule", "template")).out
    common = ("--id", "sun", "--starts", "2026-03-02T06:00", "--time-zone", "Europe/Berlin")
    regions = ("--region", "berlin=alice,bob@06:00-18:00", "--region", "austin=carol@18:00-06:00")
    shown = await shell.ok("schedule", "template", "follow_the_sun", *common, *regions, "--dry-run", role="manager")
    assert shown.out.startswith("version: 1\nschedules:\n- id: sun\n")
    file = tmp_path / "sun.yaml"
    file.write_text(shown.out)
    applied = await shell.ok("apply", str(file), role="manager")
    assert "1 added" in applied.out
    days = ("--day", "mon=alice", "--day", "tue=bob")
    assert (
        "Made day."
        in (
            await shell.ok(
                "schedule", "template", "by_day", "--id", "day", "--starts", "2026-03-02T09:00", *days, role="manager"
            )
        ).out
    )
    for wrong in (("--region", "berlin"), ("--day", "monday")):
        assert (await shell.run("schedule", "template", "by_day", *wrong, role="manager")).code == 2


async def test_calendar_links(shell: Terminal) -> None:
    address = (await shell.ok("schedule", "link", "add", "--schedule", "week")).out.strip()
    assert address.endswith(".ics")
    answer = await shell.desk.http.get(address.removeprefix("http://tocsin.test"))
    assert answer.text.startswith("BEGIN:VCALENDAR")
    assert address in (await shell.ok("schedule", "link", "list")).out
    (one,) = (await shell.ok("schedule", "link", "list", "--json")).json()["items"]
    assert "is revoked" in (await shell.ok("schedule", "link", "revoke", str(one["id"]))).out
    assert (await shell.desk.http.get(address.removeprefix("http://tocsin.test"))).status_code == 410
    assert (await shell.run("schedule", "link", "add")).code == 2


async def test_who_leaves_hands_over(shell: Terminal) -> None:
    said = await shell.ok("schedule", "hand-over", "alice", "carol", role="manager")
    assert "schedule week" in said.out
    assert "carol has it now." in said.out


async def test_apply_says_who_loses_the_running_shift(shell: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "week.yaml"
    file.write_text(
        "version: 1\nschedules:\n  - {id: week, layers: [{id: weekly, users: [bob], starts: 2026-01-05T09:00}]}\n"
    )
    said = await shell.ok("apply", str(file), "--dry-run", role="manager")
    assert "week: alice is on call now, until 2026-03-09 09:00 UTC, and loses this shift to bob" in said.out


async def test_what_depends_on_whoever_leaves(shell: Terminal) -> None:
    said = (await shell.ok("schedule", "hand-over", "alice")).out
    assert "On call now in week until" in said
    assert re.search(r"team +payments +by hand", said)
    assert (await shell.ok("schedule", "hand-over", "alice", "--json")).json()["on_call"][0]["schedule"] == "primary"
    assert (await shell.run("schedule", "hand-over", "nobody")).code == 1


async def test_a_schedule_and_a_policy_are_changed_from_a_file(shell: Terminal, tmp_path: Path) -> None:
    written = (await shell.ok("schedule", "definition", "week")).out
    assert "users:\n  - alice\n  - bob\n" in written
    file = tmp_path / "week.yml"
    file.write_text(written.replace("- bob", "- carol"))
    ahead = await shell.ok("schedule", "save", "week", str(file), "--dry-run", role="manager")
    assert "carol: +" in ahead.out
    assert "Saved week" in (await shell.ok("schedule", "save", "week", str(file), role="manager")).out
    file.write_text("limits: {nights: 3}\n")
    ahead = await shell.ok("schedule", "save", "week", str(file), "--dry-run", role="manager")
    assert "Against its limits: Alice is on call for 7 nights in a row" in ahead.err
    file.write_text("[")
    assert (await shell.run("schedule", "save", "week", str(file), role="manager")).code == 2

    file.write_text("preset: fast\ntiers: {on_call: [{schedule: week}], senior: [{user: bob}]}\n")
    ahead = await shell.ok("policy", "save", "night", str(file), "--dry-run", role="manager")
    assert re.search(r"sev2_high +2 +senior +10m +Bob", ahead.out)
    assert (await shell.ok("policy", "save", "night", str(file), role="manager")).out == "Made night.\n"
    file.write_text("repeat: 1\n")
    assert (await shell.ok("policy", "save", "night", str(file), role="manager")).out == "Changed night.\n"
    assert (await shell.ok("policy", "use", "night", "api", role="manager")).out == "api climbs night from now on.\n"
    assert (await shell.run("policy", "remove", "night", role="manager")).code == 1
    await shell.ok("policy", "use", "payments", "api", role="manager")
    assert re.search(r"night +- +fast +1", (await shell.ok("policy", "list")).out)
    assert "Used by: api, grouped" in (await shell.ok("policy", "show", "payments")).out
    assert (await shell.run("policy", "remove", "payments", role="manager")).code == 1
    assert (await shell.ok("policy", "remove", "night", role="manager")).out == "Removed night.\n"
