"""The page of rooms outside, and what an incident's page says of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.fakes.sink import Sink, status

from tocsin.core.directory import Origin
from tocsin.core.room import Room
from tocsin.plugins.rooms import registry

from .visitor import Site, text_of


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as made:
        yield made


@pytest.fixture
async def talking(site: Site, sink: Sink) -> AsyncIterator[Site]:
    world = site.world
    members = registry.create()
    for member in members.values():
        await member.start()
    chat = {"id": "chat", "type": "webhook", "url": sink.url("/chat")}
    for ctx in world.nodes:
        room = Room(**chat)
        ctx.directory = replace(
            ctx.directory,
            rooms={"chat": room},
            origins={**ctx.directory.origins, ("rooms", "chat"): Origin("t.yaml", 3)},
        )
        ctx.rooms = members
    yield site
    for member in members.values():
        await member.stop()


async def test_without_rooms_the_page_says_how_to_get_one(site: Site) -> None:
    words = text_of(await (await site.someone("alice")).get("/rooms"))
    assert "No room outside" in words
    assert "type: webhook" in words


async def test_an_incident_leads_to_its_room_outside(talking: Site, sink: Sink) -> None:
    sink.script("/chat", status(200, body=b'{"url": "https://chat.example.com/c/1?a=<b>"}'))
    await talking.world.fire()
    alice = await talking.someone("alice")
    page = await alice.get(await talking.room())
    assert 'href="https://chat.example.com/c/1?a=&lt;b&gt;"' in page
    assert "inc-20260302-api-001" in text_of(page)
    assert "Rooms outside" not in text_of(await (await talking.someone("charlie")).get(await talking.room()))


async def test_what_did_not_arrive_is_shown_and_told_again(talking: Site, sink: Sink) -> None:
    room = await talking.room()
    sink.always("/chat", status(410))
    alice = await talking.someone("alice")
    await alice.send(f"{room}/note", {"text": "Lost?"}, page=room)
    await talking.world.settle()
    words = text_of(await alice.get("/rooms"))
    assert "Nothing arrives" in words
    assert "answered HTTP 410" in words
    assert "Not delivered" in words
    sink.always("/chat", status(204))
    said = await alice.says(await alice.send(f"{room}/rooms/chat/retry?back"))
    assert "told again" in said
    await talking.world.settle()
    assert "Not delivered" not in text_of(await alice.get("/rooms"))
    assert "Lost?" in [one.json()["data"].get("message", {}).get("text") for one in sink.at("/chat")]
