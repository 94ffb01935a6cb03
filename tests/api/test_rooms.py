"""Rooms over the API: how each does, what it was told, and what comes back through the signed door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.fakes.sink import HANG, Sink, status

from tocsin.core.directory import Origin
from tocsin.flow import respond
from tocsin.manage.privacy import make_private
from tocsin.plugins.rooms import registry
from tocsin.plugins.rooms.signatures import sign
from tocsin.store.database import Database

from ..story.world import World, directory
from .desk import Desk, open_desk, problem

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as made:
        yield made


@pytest.fixture
async def desk(db: Database, sink: Sink) -> AsyncIterator[Desk]:
    rooms = [
        {"id": "chat", "type": "webhook", "url": sink.url("/chat"), "secret": SECRET},
        {"id": "mute", "type": "webhook", "url": sink.url("/mute"), "services": ["grouped"]},
    ]
    made = replace(directory({"rooms": rooms}), origins={("rooms", one["id"]): Origin("file.yaml", 1) for one in rooms})
    async with World(db, made) as world:
        members = registry.create()
        for member in members.values():
            await member.start()
        for ctx in world.nodes:
            ctx.rooms = members
        yield await open_desk(world)
        for member in members.values():
            await member.stop()


async def says(desk: Desk, body: Any, key: str = "m1", secret: str = SECRET, room: str = "chat") -> httpx.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = sign(secret, key, desk.world.clock.now(), raw)
    return await desk.http.post(f"/talk/{room}", content=raw, headers=headers)


async def test_the_rooms_of_an_incident_begin_with_its_own_page(desk: Desk, sink: Sink) -> None:
    sink.script("/chat", status(200, body=b'{"url": "https://chat.example.com/41", "ref": "C41"}'))
    number = (await desk.world.fire()).incident
    here, chat = (await desk.get(f"/incidents/{number}/rooms"))["items"]
    assert (here["room"], here["state"], here["name"]) == ("builtin", "open", "inc-20260302-api-001")
    assert here["url"].startswith("http://tocsin.test/incidents/INC-")
    assert (chat["room"], chat["state"], chat["url"]) == ("chat", "open", "https://chat.example.com/41")
    assert chat["events"] == {"delivered": len(sink.at("/chat")), "waiting": 0, "failed": 0}
    by_name = await desk.get("/incidents/%23inc-20260302-api-001")
    assert by_name["number"] == number
    events = await desk.get(f"/incidents/{number}/rooms/chat/events", limit=2)
    assert [(one["order"], one["kind"], one["state"], one["receipt"]) for one in events["items"]] == [
        (1, "open", "delivered", "HTTP 200"), (2, "pin", "delivered", "HTTP 204")
    ]  # fmt: skip
    rest = await desk.get(f"/incidents/{number}/rooms/chat/events", cursor=events["next"])
    assert [one["order"] for one in rest["items"]] == list(range(3, len(sink.at("/chat")) + 1))
    await desk.refused("GET", f"/incidents/{number}/rooms/nowhere/events", 404)
    await desk.refused("GET", "/incidents/999/rooms", 404)


async def test_a_hanging_room_holds_up_nobody(desk: Desk, sink: Sink) -> None:
    sink.always("/chat", HANG)
    world = desk.world
    for ctx in world.nodes:
        ctx.rooms["webhook"].timeout = 30
    incident = (
        await world.intake.accept(world.ctx.directory.integrations["k" * 32], [world.event()], world.clock.now())
    )[0]
    while not (world.phone("alice").times and world.engine.rooms.waiting):
        await world.engine.turn()
        await asyncio.sleep(0.01)
    await sink.wait(1, "/chat")
    assert world.engine.rooms.waiting == 1
    assert world.phone("alice").times == 1
    done = await respond.acknowledge(world.ctx, incident.incident or 0, "user:alice")
    assert done.changed
    (chat,) = [
        one for one in (await desk.get(f"/incidents/{incident.incident}/rooms"))["items"] if one["room"] == "chat"
    ]
    assert chat["state"] == "opening"
    for task in list(world.engine.rooms._talks):
        task.cancel()


async def test_failed_deliveries_are_shown_and_told_again(desk: Desk, sink: Sink) -> None:
    number = (await desk.world.fire()).incident
    sink.always("/chat", status(410))
    await desk.post(f"/incidents/{number}/notes", {"text": "Lost?"}, 201)
    await desk.world.settle()
    listed = {one["id"]: one for one in (await desk.get("/rooms"))["items"]}
    assert (listed["chat"]["state"], listed["mute"]["state"]) == ("troubled", "idle")
    assert "answered HTTP 410" in listed["chat"]["error"]
    shown = await desk.get("/rooms/chat")
    assert shown["secret"] != SECRET
    assert shown["url"] != sink.url("/chat")
    assert [(one["kind"], one["error"].split(" ", 1)[1]) for one in shown["failures"]][-1] == (
        "message",
        "answered HTTP 410",
    )
    assert (await desk.get("/rooms/chat", role="manager"))["url"] == sink.url("/chat")
    sink.always("/chat", status(204))
    done = await desk.post(f"/incidents/{number}/rooms/chat/retry")
    assert done["changed"]
    await desk.world.settle()
    assert "Lost?" in [one.json()["data"].get("message", {}).get("text") for one in sink.at("/chat")]
    assert (await desk.get("/rooms/chat"))["state"] == "well"
    await desk.refused("POST", f"/incidents/{number}/rooms/nowhere/retry", 404)
    await desk.refused("POST", f"/incidents/{number}/rooms/chat/retry", 403, role="observer")


async def test_a_message_comes_back_once_and_does_not_go_round(desk: Desk, sink: Sink) -> None:
    number = (await desk.world.fire()).incident
    body = {"incident": "inc-20260302-api-001", "text": "I see it, too", "email": "Alice@example.com"}
    for _ in range(2):
        answer = await says(desk, body)
        assert (answer.status_code, answer.json()["actor"]) == (201, "user:alice")
    assert (await says(desk, {**body, "text": "Another"}, "m1")).status_code == 422
    assert (await says(desk, {**body, "email": "", "author": "Zoë"}, "m2")).json()["text"] == "Zoë: I see it, too"
    await desk.world.settle()
    told = [
        one for one in (await desk.get(f"/incidents/{number}/timeline"))["items"] if one["kind"] == "message_posted"
    ]
    assert [(one["actor"], one["data"]["origin"]) for one in told] == [
        ("user:alice", "room:chat"),
        ("room:chat", "room:chat"),
    ]
    assert "I see it" not in str([one.body for one in sink.at("/chat")])


async def test_the_door_is_shut_for_strangers(desk: Desk) -> None:
    await desk.world.fire()
    body = {"incident": "1", "text": "Hello"}
    for answer in (
        await says(desk, body, secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        await says(desk, body, room="mute"),
        await says(desk, body, room="nowhere"),
        await desk.http.post("/talk/chat", json=body),
    ):
        assert answer.status_code == 401
        problem(answer)
    assert (await desk.http.get("/talk/chat")).status_code == 405


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 422), (b"[]", 422), ({"incident": "1"}, 422), ({"incident": "1", "text": ""}, 422),
        ({"incident": "1", "text": 5}, 422), ({"incident": "999", "text": "x"}, 404), ({"incident": "nonsense", "text": "x"}, 404),
        ({"incident": "9999999999", "text": "x"}, 404),
    ],
)  # fmt: skip
async def test_bad_messages_are_refused_by_field(desk: Desk, body: Any, code: int) -> None:
    await desk.world.fire()
    answer = await says(desk, body)
    assert answer.status_code == code, answer.text
    problem(answer)


async def test_what_no_database_can_hold_is_said_without_it(desk: Desk) -> None:
    await desk.world.fire()
    answer = await says(desk, b'{"incident": "1", "text": "a\\u0000b", "author": "x\\u0000"}')
    assert answer.status_code == 201, answer.text


async def test_a_private_incident_has_no_door(desk: Desk) -> None:
    number = (await desk.world.fire()).incident or 0
    await make_private(desk.world.ctx, number, "user:alice", True)
    await desk.world.settle()
    assert (await says(desk, {"incident": "1", "text": "hello"})).status_code == 404
    await desk.refused("POST", f"/incidents/{number}/rooms/chat/retry", 409, role="admin")


async def test_an_address_that_a_person_types_leads_to_no_private_place(desk: Desk) -> None:
    body = {"id": "typed", "type": "webhook", "url": "http://127.0.0.1:9/x"}
    found = await desk.refused("POST", "/rooms", 422, body, role="manager")
    assert [error["pointer"] for error in found["errors"]] == ["/url"]
    made = await desk.post("/rooms", {**body, "url": "https://8.8.8.8/x", "severities": ["SEV4"]}, 201, role="manager")
    assert made["severities"] == ["SEV4"]
    await desk.refused("PATCH", "/rooms/typed", 422, {"url": "http://[::1]/x"}, role="manager")
    await desk.refused("POST", "/rooms", 422, {**body, "severities": ["SEV7"]}, role="manager")
    await desk.refused("POST", "/rooms", 403, body, role="responder")
