"""Rooms outside follow the timeline, in order, and whatever is wrong with them is only their own trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.story.world import World, directory

from tocsin.core.severity import Severity
from tocsin.flow import chat, regrade, respond
from tocsin.flow.closing import close, reopen, resolve
from tocsin.manage.privacy import make_private
from tocsin.plugins.channels.base import DeliveryError, Field, Receipt
from tocsin.plugins.rooms.base import Line, Opened, Person, Place, Summary, Topic
from tocsin.store.database import Database, in_transaction


@dataclass
class Chat:
    """A chat in memory. `trouble` is raised instead, in turn; the last one for ever. `slow`: seconds before each answer."""

    type: str = "webhook"
    label: str = "Chat"
    fields: tuple[Field, ...] = ()
    listens: bool = True
    timeout: float = 5.0
    lane_limit: int = 8
    heard: list[tuple[str, int, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    trouble: list[DeliveryError | None] = field(default_factory=list)
    slow: float = 0.0

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return None

    def lane(self, settings: Mapping[str, str]) -> str:
        return "chat"

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def _hears(self, place: Place, kind: str, what: Any) -> Receipt:
        assert not in_transaction.get(), "no network inside a transaction"
        self.keys.append(place.key)
        await asyncio.sleep(self.slow)
        if self.trouble:
            error = self.trouble[0] if len(self.trouble) == 1 else self.trouble.pop(0)
            if error is not None:
                raise error
        self.heard.append((kind, place.order, what))
        return Receipt("heard")

    async def open(self, place: Place, topic: Topic) -> Opened:
        receipt = await self._hears(place, "open", (place.name, topic.text))
        return Opened(receipt=receipt, ref="C1", url=f"https://chat.example.com/{place.name}")

    async def set_topic(self, place: Place, topic: Topic) -> Receipt:
        return await self._hears(place, "topic", topic.text)

    async def invite(self, place: Place, people: Sequence[Person]) -> Receipt:
        return await self._hears(place, "invite", [(one.user, one.why) for one in people])

    async def pin(self, place: Place, summary: Summary) -> Receipt:
        return await self._hears(place, "pin", summary.text)

    async def post(self, place: Place, line: Line) -> Receipt:
        return await self._hears(place, "message", (line.kind, line.author, line.text))

    async def close(self, place: Place, why: str) -> Receipt:
        return await self._hears(place, "close", why)

    def of(self, kind: str) -> list[Any]:
        return [what for heard, _, what in self.heard if heard == kind]


ROOMS = [
    {
        "id": "chat",
        "type": "webhook",
        "url": "https://chat.example.com/x",
        "severities": ["SEV1", "SEV2"],
        "services": ["api"],
    }
]
TEMPORARY = DeliveryError("chat.example.com answered HTTP 503", permanent=False)
REFUSED = DeliveryError("chat.example.com answered HTTP 403", permanent=True)


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with World(db, directory({"rooms": ROOMS})) as made:
        room = Chat()
        for ctx in made.nodes:
            ctx.rooms = {"webhook": room}
        yield made


def chat_of(world: World) -> Chat:
    found = world.ctx.rooms["webhook"]
    assert isinstance(found, Chat)
    return found


async def opened(world: World, severity: str = "critical", **more: Any) -> int:
    incident = (await world.fire(severity=severity, **more)).incident
    assert incident is not None
    return incident


async def state(world: World) -> Any:
    return await world.row("SELECT * FROM incident_rooms")


async def test_a_room_is_opened_at_once_and_the_timeline_has_its_link(world: World) -> None:
    number = await opened(world)
    room = chat_of(world)
    assert [kind for kind, _, _ in room.heard[:3]] == ["open", "pin", "invite"]
    assert room.of("open") == [("inc-20260302-api-001", "SEV1 · detected · IC Alice (acting) · disk is broken")]
    assert room.of("invite") == [[("alice", "assignee")]]
    assert "http://tocsin.test/incidents/INC-" in room.of("pin")[0]
    assert ("incident_created", "api/events (integration)", "disk is broken (SEV1)") in room.of("message")
    (told,) = await world.rows("SELECT details, data FROM timeline WHERE kind = 'room_opened'")
    assert told["details"] == "inc-20260302-api-001 in chat: https://chat.example.com/inc-20260302-api-001"
    assert not [kind for kind, _, _ in room.of("message") if kind in ("paged", "notified", "room_opened")]
    assert number == 1


async def test_topic_people_and_summary_follow_and_events_keep_their_order(world: World) -> None:
    number = await opened(world)
    room = chat_of(world)
    await world.acknowledge(number, "alice")
    await respond.note(world.ctx, number, "user:alice", "Restarting the primary")
    await world.settle()
    assert room.of("message")[-2:] == [
        ("acknowledged", "Alice", "Acknowledged"), ("note_added", "Alice", "Restarting the primary")
    ]  # fmt: skip
    assert room.of("topic")[-1] == "SEV1 · acknowledged · IC Alice (acting) · disk is broken"
    await respond.assign(world.ctx, number, "user:alice", "bob")
    await world.settle()
    assert room.of("invite")[-1] == [("bob", "assignee")]
    orders = [order for _, order, _ in room.heard]
    assert orders == sorted(orders)
    assert len(set(room.keys)) == len(room.keys)


async def test_only_the_severities_and_services_that_were_named(world: World) -> None:
    await opened(world, "warning")
    await world.fire(service="grouped", labels={"cluster": "eu"}, key="other")
    assert chat_of(world).heard == []
    await regrade.regrade(world.ctx, 1, "user:alice", Severity.SEV2, "It is worse")
    await world.settle()
    assert chat_of(world).of("open")[0][1].startswith("SEV2 ·")


async def test_what_is_said_there_is_not_told_there_again(world: World) -> None:
    number = await opened(world)
    room = chat_of(world)
    await chat.post(world.ctx, number, "user:bob", "I am on it", origin="room:chat")
    await chat.post(world.ctx, number, "user:alice", "Thanks, from the page")
    await world.settle()
    assert [text for kind, _, text in room.of("message") if kind == "message_posted"] == ["Thanks, from the page"]
    assert "message_posted" in await world.kinds(number)


async def test_an_outage_is_waited_for_and_only_its_own_trouble(world: World) -> None:
    room = chat_of(world)
    room.trouble = [TEMPORARY]
    number = await opened(world)
    assert world.phone("alice").rang()
    for text in ("first", "second", "third"):
        await respond.note(world.ctx, number, "user:alice", text)
    await world.wait(minutes=4)
    assert room.heard == []
    assert "room_failed" not in await world.kinds(number)
    await world.wait(minutes=2)
    (told,) = await world.rows("SELECT details FROM timeline WHERE kind = 'room_failed'")
    assert told["details"].endswith("hears nothing since 10:00 UTC: chat.example.com answered HTTP 503")
    await world.acknowledge(number)
    await world.wait(minutes=1)
    await regrade.regrade(world.ctx, number, "user:alice", Severity.SEV2)
    await world.wait(minutes=1)
    room.trouble = []
    await world.wait(minutes=1)
    notes = [text for kind, _, text in room.of("message") if kind == "note_added"]
    assert notes == ["first", "second", "third"]
    assert (await state(world))["troubled_at"] is None
    topics = [topic.partition(" · disk")[0] for topic in room.of("topic")]
    assert topics == ["SEV2 · acknowledged · IC Alice (acting)"]  # what was overtaken while it was away is not told


async def test_retries_carry_the_same_key_and_lie_further_apart(world: World) -> None:
    room = chat_of(world)
    room.trouble = [TEMPORARY]
    await opened(world)
    begin = len(room.keys)
    await world.wait(seconds=16)
    assert len(room.keys) - begin == 4  # after 1, 2, 4 and 8 seconds
    assert len(set(room.keys)) == 1
    await world.wait(minutes=10)
    assert len(set(room.keys)) == 1


async def test_one_event_that_is_refused_does_not_hold_up_the_next(world: World) -> None:
    number = await opened(world)
    room = chat_of(world)
    room.trouble = [REFUSED, None]
    await respond.note(world.ctx, number, "user:alice", "refused")
    await world.settle()
    await respond.note(world.ctx, number, "user:alice", "taken")
    await world.settle()
    assert [text for kind, _, text in room.of("message") if kind == "note_added"] == ["taken"]
    failed = await world.rows("SELECT kind, error, body FROM room_events WHERE state = 'failed'")
    assert [(one["kind"], one["error"]) for one in failed] == [("message", "chat.example.com answered HTTP 403")]


async def test_a_room_that_cannot_be_opened_hears_nothing_until_it_is(world: World) -> None:
    room = chat_of(world)
    room.trouble = [REFUSED]
    number = await opened(world)
    await respond.note(world.ctx, number, "user:alice", "Hello?")
    await world.wait(minutes=3)
    assert room.heard == []
    assert "room_failed" in await world.kinds(number)
    room.trouble = []
    await world.wait(minutes=2)
    assert room.heard[0][0] == "open"
    assert "Hello?" in [text for _, _, text in room.of("message")]


async def test_after_a_day_it_is_given_up(world: World) -> None:
    chat_of(world).trouble = [TEMPORARY]
    await opened(world)
    await world.sleep(hours=24, minutes=1)
    await world.settle()
    assert (await state(world))["state"] == "closed"
    assert await world.rows("SELECT 1 FROM timers WHERE kind = 'room'") == []
    assert [row[0] for row in await world.rows("SELECT DISTINCT state FROM room_events")] == ["failed"]


async def test_closing_archives_it_and_reopening_opens_it_again(world: World) -> None:
    number = await opened(world)
    room = chat_of(world)
    await regrade.regrade(world.ctx, number, "user:alice", Severity.SEV3, "Only a spare disk")
    await resolve(world.ctx, number, "user:alice", "Disk replaced")
    await close(world.ctx, number, "user:alice")
    await world.settle()
    assert room.heard[-1][0] == "close"
    assert (await state(world))["state"] == "closed"
    await reopen(world.ctx, number, "user:alice", "It is back")
    await world.settle()
    assert [kind for kind, _, _ in room.heard].count("open") == 2
    assert ("reopened", "Alice", "It is back") in room.of("message")


async def test_a_private_incident_tells_nobody_outside_anything(world: World) -> None:
    number = await opened(world)
    room = chat_of(world)
    before = len(room.heard)
    await make_private(world.ctx, number, "user:alice", True, "Somebody is inside")
    await respond.note(world.ctx, number, "user:alice", "The attacker came through the old VPN")
    await world.settle()
    assert [kind for kind, _, _ in room.heard[before:]] == ["close"]
    assert "VPN" not in str(room.heard)


async def test_a_room_that_is_taken_out_of_the_configuration_is_left(world: World) -> None:
    number = await opened(world)
    for ctx in world.nodes:
        ctx.directory = directory({"rooms": [{**ROOMS[0], "id": "another"}]})
    await respond.note(world.ctx, number, "user:alice", "Anybody there?")
    await world.settle()
    assert "Anybody there?" not in str(chat_of(world).heard)
    assert (await state(world))["state"] == "closed"


async def test_a_crash_between_sending_and_recording_repeats_one_event_with_its_key(world: World) -> None:
    number = await opened(world)
    room = chat_of(world)
    room.slow = 30.0
    await respond.note(world.ctx, number, "user:alice", "once")
    engine = world.engine
    await engine.rooms.stir()
    await engine.turn()
    await asyncio.sleep(0.05)
    for task in list(engine.rooms._talks):
        task.cancel()  # the node dies while the event is on its way
    await asyncio.sleep(0.05)
    room.slow = 0.0
    sent = room.keys[-1]
    await world.wait(seconds=11)
    assert room.keys.count(sent) == 2
    assert [text for kind, _, text in room.of("message") if kind == "note_added"] == ["once"]


async def test_texts_that_turn_the_direction_of_reading_do_not(world: World) -> None:
    await opened(world, title="safe \u202eelif\u202c\u200b name\nsecond line")
    room = chat_of(world)
    assert room.of("open")[0][1].endswith("· safe elif name second line")
    assert "\u202e" not in str(room.heard)
