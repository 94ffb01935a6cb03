"""On-call health and pay from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

from tocsin.flow import improve

from ..story.world import directory
from .conftest import Terminal


async def test_health_and_improvements_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    layer = {"id": "weekly", "users": ["alice", "bob", "carol"], "starts": "2026-03-02T09:00"}
    world.ctx.directory = directory({"schedules": [{"id": "primary", "layers": [layer]}]})
    await improve.keep_watch(world.ctx)
    for key in ("disk", "queue", "lag"):
        outcome = await world.fire(key)
        await world.acknowledge(outcome.incident)
        await world.ends(key)
    assert "noise" in (await terminal.ok("alert", "verdict", "1", "noise")).out
    assert "somebody's own" in (await terminal.ok("health")).err
    await world.wait(days=15)
    out = (await terminal.ok("health")).out
    for part in ("in each shift", "Mon ", "█", "disk is broken (api): noise 1"):
        assert part in out, part
    assert (await terminal.ok("health", "--json")).json()["team"]["people"] == 3
    assert "quieten" in (await terminal.ok("health", "improvements")).out
    assert "done, owner Bob" in (await terminal.ok("health", "improve", "1", "--state", "done", "--owner", "bob")).out
    assert (await terminal.run("alert", "verdict", "1", "meh")).code == 2


async def test_pay_from_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    await terminal.desk.world.wait(days=2)
    file = tmp_path / "rates.json"
    file.write_text(json.dumps({"currency": "EUR", "idle": {"night": "5"}}))
    assert "No rates yet" in (await terminal.ok("pay", "rates")).err
    assert (
        "From 2026-01-01 on, in EUR"
        in (await terminal.ok("pay", "set-rates", "2026-01-01", str(file), role="manager")).out
    )
    assert "5 / 0" in (await terminal.ok("pay", "rates")).out
    out = (await terminal.ok("pay", "report", role="manager")).out
    assert "Alice" in out
    assert "In all" in out
    assert (await terminal.ok("pay", "report", "--csv", role="manager")).out.startswith(
        "user,name,time_zone,from,to,class"
    )
    assert (await terminal.run("pay", "set-rates", "2026-01-01", str(tmp_path / "nope"), role="manager")).code == 2
    assert "Removed" in (await terminal.ok("pay", "remove-rates", "2026-01-01", role="manager")).out
    assert (await terminal.run("pay", "remove-rates", "2026-01-01", role="manager")).code == 1
