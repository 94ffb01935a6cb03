"""Rooms outside, from a terminal."""

from __future__ import annotations

from tocsin.flow import respond

from ..story.test_rooms import REFUSED, ROOMS, Chat
from ..story.world import directory
from .conftest import Terminal


async def test_rooms_from_a_terminal(terminal: Terminal) -> None:
    world, chat = terminal.desk.world, Chat()
    assert "No rooms are configured" in (await terminal.ok("rooms", "list")).err
    for ctx in world.nodes:
        ctx.directory, ctx.rooms = directory({"rooms": ROOMS}), {"webhook": chat}
    await world.fire()
    assert "https://chat.example.com/inc-20260302-api-001" in (await terminal.ok("rooms", "show", "1")).out
    chat.trouble = [REFUSED]
    await respond.note(world.ctx, 1, "user:alice", "Lost?")
    await world.settle()
    (listed,) = (await terminal.ok("rooms", "list", "--json")).json()["items"]
    assert (listed["state"], listed["follows"]) == ("troubled", 1)
    assert "answered HTTP 403" in (await terminal.ok("rooms", "list")).out
    told = (await terminal.ok("rooms", "events", "1", "chat")).out
    assert "Lost?" in told
    assert "failed" in told
    chat.trouble = []
    assert "told again." in (await terminal.ok("rooms", "retry", "#inc-20260302-api-001", "chat")).out
    await world.settle()
    assert "Lost?" in str(chat.of("message"))
    refused = await terminal.run("rooms", "events", "1", "nowhere")
    assert (refused.code, "has no room" in refused.err) == (1, True)
