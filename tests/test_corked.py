"""Requests that are answered without the application keep their place among those that are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from tocsin.gate import Gate, HttpServer, listen


class Answer(NamedTuple):
    status: int
    body: bytes
    content_type: str = "text/plain"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Later:
    def __init__(self, body: bytes) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.body = body
        asyncio.get_running_loop().call_later(0.05, self.done.set_result, None)

    def finish(self) -> Answer:
        if self.body == b"break":
            raise RuntimeError("a bug")
        return Answer(202, b"later " + self.body)


class App:
    """`/quick` is answered quickly: at once, or later when the body says so. Everything else is the application's."""

    longest = 100_000

    def knows(self, scope: Any) -> bool:
        return bool(scope["path"] == "/quick" and scope["method"] == "POST")

    def begin(self, scope: Any, body: bytes) -> Any:
        return Later(body) if body in (b"wait", b"break") else Answer(202, b"quick %d" % len(body))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message.get("more_body", False)
        body = b"slow %d" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    gate = Gate()
    gate.open(App())
    server, sock = HttpServer(gate), listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve([sock]))
    yield sock.getsockname()[1]
    server.should_exit = True
    await serving


def request(path: str, body: bytes, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def talk(port: int, sent: bytes, count: int) -> list[tuple[int, bytes]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answers = []
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answers.append((int(head.split(b" ")[1]), await reader.readexactly(length)))
    writer.close()
    return answers


async def test_pipelined_requests_are_answered_in_their_order(port: int) -> None:
    sent = b"".join(
        (request("/quick", b"wait"), request("/quick", b"abc"), request("/slow", b"xy"), request("/quick", b"wait"),
         request("/slow", b""), request("/quick", b""))
    )  # fmt: skip
    assert await talk(port, sent, 6) == [
        (202, b"later wait"), (202, b"quick 3"), (200, b"slow 2"), (202, b"later wait"), (200, b"slow 0"), (202, b"quick 0"),
    ]  # fmt: skip


async def test_a_large_body_is_read_to_its_end_and_a_larger_one_goes_the_long_way(port: int) -> None:
    sent = request("/quick", b"x" * 90_000) + request("/quick", b"x" * 300_000) + request("/quick", b"z")
    assert await talk(port, sent, 3) == [(202, b"quick 90000"), (200, b"slow 300000"), (202, b"quick 1")]


async def test_a_sender_that_asks_for_permission_first_gets_it(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /quick HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert b"100 Continue" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.write(b"ab")
    assert (await asyncio.wait_for(reader.readuntil(b"slow 2"), 5)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_broken_door_answers_500_and_the_connection_lives(port: int) -> None:
    assert await talk(port, request("/quick", b"break") + request("/quick", b"abc"), 2) == [
        (500, b""),
        (202, b"quick 3"),
    ]


async def test_the_connection_closes_when_the_sender_wants_it(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("/quick", b"wait", "Connection: close\r\n"))
    answer = await asyncio.wait_for(reader.read(), 5)
    assert b"connection: close" in answer
    assert answer.endswith(b"later wait")
    writer.close()


async def test_a_sender_that_hung_up_harms_nobody(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("/quick", b"wait"))
    await writer.drain()
    writer.transport.abort()
    await asyncio.sleep(0.1)
    assert await talk(port, request("/quick", b"abc"), 1) == [(202, b"quick 3")]
