"""Server-sent events over a real socket: what a browser, or a program, gets to read."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tocsin.flow import closing, respond
from tocsin.manage import stream as module

from .desk import Desk
from .server import listening


@dataclass
class Message:
    """One event as the standard reads it."""

    event: str = "message"
    id: str = ""
    data: list[str] = field(default_factory=list)

    @property
    def entry(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads("\n".join(self.data))
        return found


class Source:
    """Reads events from an answer; comments and events without data are read over, but their ids count."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.last_id = ""

    async def next(self) -> Message:
        message = Message()
        async with asyncio.timeout(5):
            async for raw in self._answer.content:
                line = raw.decode().removesuffix("\n")
                name, _, value = line.partition(": ")
                if line == "":
                    if message.data:
                        return message
                    message = Message()
                elif name == "id":
                    self.last_id = message.id = value
                elif name == "data":
                    message.data.append(value)
                elif name == "event":
                    message.event = value
        raise EOFError

    async def ready(self) -> None:
        """Wait until the server listens for us."""
        async with asyncio.timeout(5):
            async for raw in self._answer.content:
                if raw.startswith(b": alive"):
                    return


def headers(role: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer tocsin_{role}", **more}


async def test_entries_come_as_they_are_committed_and_go_on_by_last_event_id(desk: Desk) -> None:
    number = (await desk.world.fire("disk", "info")).incident or 0
    async with listening(desk) as (url, _), aiohttp.ClientSession() as http:
        async with http.get(f"{url}/api/v1/stream", headers=headers("observer")) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/event-stream"
            source = Source(answer)
            await source.ready()
            await respond.note(desk.world.ctx, number, "user:alice", "one\ntwo: three")
            message = await source.next()
            assert message.event == "message"
            assert message.entry["details"] == "one\ntwo: three"
            assert message.entry["incident"].startswith("INC-")
        for text in ("missed 1", "missed 2"):
            await respond.note(desk.world.ctx, number, "user:alice", text)
        again = headers("observer", **{"Last-Event-ID": source.last_id})
        async with http.get(f"{url}/api/v1/stream", headers=again) as answer:
            source = Source(answer)
            assert [(await source.next()).entry["details"] for _ in range(2)] == ["missed 1", "missed 2"]
        async with http.get(
            f"{url}/api/v1/stream", params={"after": "nonsense"}, headers=again | {"Last-Event-ID": ""}
        ) as answer:
            assert (await Source(answer).next()).event == "reload"


async def test_a_stakeholder_does_not_hear_of_pages(desk: Desk) -> None:
    async with listening(desk) as (url, _), aiohttp.ClientSession() as http:
        async with http.get(f"{url}/api/v1/stream", headers=headers("stakeholder")) as answer:
            source = Source(answer)
            await source.ready()
            number = (await desk.world.fire()).incident or 0
            await closing.resolve(desk.world.ctx, number, "user:alice")
            assert [(await source.next()).entry["kind"] for _ in range(2)] == ["incident_created", "resolved"]


async def test_one_incident_only(desk: Desk) -> None:
    one, two = [(await desk.world.fire(key, "info")).incident or 0 for key in ("one", "two")]
    async with listening(desk) as (url, _), aiohttp.ClientSession() as http:
        async with http.get(
            f"{url}/api/v1/stream", params={"incident": str(two)}, headers=headers("observer")
        ) as answer:
            source = Source(answer)
            await source.ready()
            await respond.note(desk.world.ctx, one, "user:alice", "not this")
            await respond.note(desk.world.ctx, two, "user:alice", "this")
            assert (await source.next()).entry["details"] == "this"
        async with http.get(f"{url}/api/v1/stream", params={"incident": "999"}, headers=headers("observer")) as answer:
            assert answer.status == 404


async def test_a_listener_that_leaves_is_forgotten(desk: Desk) -> None:
    async with listening(desk) as (url, _), aiohttp.ClientSession() as http:
        async with http.get(f"{url}/api/v1/stream", headers=headers("observer")) as answer:
            await Source(answer).ready()
            stream: module.Stream = desk.app.state.stream
            assert len(stream._listeners) == 1
        async with asyncio.timeout(5):
            while stream._listeners:
                await asyncio.sleep(0.01)


async def test_stopping_the_node_ends_streams_at_once(desk: Desk) -> None:
    async with listening(desk) as (url, gate), aiohttp.ClientSession() as http:
        async with http.get(f"{url}/api/v1/stream", headers=headers("observer")) as answer:
            await Source(answer).ready()
            gate.stop()
            async with asyncio.timeout(3):
                with pytest.raises((EOFError, aiohttp.ClientPayloadError)):
                    await Source(answer).next()
