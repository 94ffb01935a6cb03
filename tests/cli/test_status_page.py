"""The status page and its subscribers from a terminal."""

from __future__ import annotations

from tocsin.flow import updates

from ..story.quiet import configure
from .conftest import Terminal

PAGE = {
    "id": "public", "name": "Example Status", "public": True,
    "components": [{"id": "cards", "name": "Card payments", "services": ["api"]}],
}  # fmt: skip


async def test_the_page_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    assert (await terminal.run("status")).code == 1
    await configure(world, status_pages=[PAGE])
    number = (await world.fire()).incident or 0
    await updates.publish(world.ctx, number, "user:alice", "public", "x", components={"cards": "partial_outage"})
    said = (await terminal.ok("status")).out
    assert "Example Status: Partial System Outage" in said
    assert "Card payments" in said
    assert "Partial outage" in said
    assert (await terminal.ok("status", "--json")).json()["indicator"] == "major"
    made = await terminal.ok(
        "mute", "add", "--service", "api", "--maintenance", "--for", "1h", "--reason", "disk", "--announce", "Pause", "--message",
        "Shortly.", "--json",
    )  # fmt: skip
    assert made.json()["announce"] == {"title": "Pause", "message": "Shortly."}


async def test_subscribers_from_a_terminal(terminal: Terminal) -> None:
    await configure(terminal.desk.world, status_pages=[PAGE])
    assert (await terminal.run("subscriber", "list")).code == 1, "a responder does not see addresses"
    made = (
        await terminal.ok("subscriber", "add", "kim@example.com", "--component", "cards", "--json", role="admin")
    ).json()
    assert "kim@example.com" in (await terminal.ok("subscriber", "list", role="admin")).out
    assert (
        (await terminal.ok("subscriber", "export", role="admin"))
        .out.splitlines()[1]
        .startswith("kim@example.com,active,cards,")
    )
    assert "Every letter arrived." in (await terminal.ok("subscriber", "bounces", role="admin")).err
    assert "is told again" in (await terminal.ok("subscriber", "resume", str(made["id"]), role="admin")).out
    assert "is forgotten" in (await terminal.ok("subscriber", "remove", str(made["id"]), role="admin")).out
    assert (await terminal.run("subscriber", "remove", str(made["id"]), role="admin")).code == 1
