"""Handoffs from a terminal."""

from __future__ import annotations

from tocsin.flow import relieve

from ..story.world import directory
from .conftest import Terminal

LAYER = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-03-02T09:00"}


async def test_a_handoff_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    world.ctx.directory = directory({"schedules": [{"id": "primary", "layers": [LAYER]}]})
    await relieve.keep_watch(world.ctx)
    assert "No handoffs yet." in (await terminal.ok("handoff", "list")).err
    said = await terminal.ok("handoff", "plan", "Spring sale", "--from", "2026-03-11T08:00:00Z", "--load", "3x")
    assert "Planned as 1: Spring sale" in said.out
    await world.wait(days=6, hours=20)
    await world.fire(severity="error", title="Queue grows, PAY-1180")
    listed = (await terminal.ok("handoff", "list")).out
    assert "alice" in listed
    assert "draft" in listed
    edit = (
        "handoff",
        "edit",
        "1",
        "--notes",
        "Call me.",
        "--add",
        "watch=The intern deploys",
        "--remark",
        "incident:1=known",
    )
    await terminal.ok(*edit)
    shown = (await terminal.ok("handoff", "show", "1")).out
    for part in ("ONGOING ISSUES", "SEV2", "PAY-1180", "known", "load 3x", "The intern deploys", "Call me."):
        assert part in shown, part
    assert (await terminal.ok("handoff", "show", "1", "--markdown")).out.startswith("# On-call handoff: primary")
    assert (await terminal.ok("handoff", "show", "1", "--json")).json()["notes"] == "Call me."
    assert "primary is with bob" in (await terminal.ok("handoff", "sign", "1")).out
    again = await terminal.run("handoff", "edit", "1", "--notes", "x")
    assert (again.code, "signed" in again.err) == (1, True)
    assert (await terminal.run("handoff", "edit", "1", "--remark", "no text")).code == 2
    assert "Spring sale" in (await terminal.ok("handoff", "planned")).out
    assert "Removed: Spring sale" in (await terminal.ok("handoff", "unplan", "1")).out


async def test_limits_and_load_from_a_terminal(terminal: Terminal) -> None:
    said = await terminal.run("schedule", "limits", "primary")
    assert said.code == 1
    assert "Alice is on call for" in said.out
    layer = {**LAYER, "starts": "2026-01-05T09:00"}
    terminal.desk.world.ctx.directory = directory({"schedules": [{"id": "primary", "layers": [layer]}]})
    assert "Within its limits." in (await terminal.ok("schedule", "limits", "primary")).err
    out = (await terminal.ok("schedule", "load", "primary")).out
    assert "Alice" in out
    assert "█" in out
    assert (await terminal.ok("schedule", "load", "primary", "--json")).json()["items"][0]["nights"] > 0
