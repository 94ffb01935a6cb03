"""The way in, without a node behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tocsin.gate import Gate, HttpServer, Receive, Scope, Send, Taken, listen


@asynccontextmanager
async def serving(gate: Gate) -> AsyncIterator[tuple[str, HttpServer, asyncio.Task[None]]]:
    sock = listen("127.0.0.1", 0)
    server = HttpServer(gate)
    task = asyncio.create_task(server.serve([sock]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}", server, task
    finally:
        server.should_exit = True
        await task


async def answer(send: Send, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def test_closed_it_lives_and_asks_everybody_else_to_come_again() -> None:
    async with serving(Gate()) as (url, _, _), aiohttp.ClientSession() as http:
        async with http.get(f"{url}/livez") as alive:
            assert alive.status == 200
        for method, path in (("GET", "/readyz"), ("POST", "/v2/enqueue"), ("GET", "/")):
            async with http.request(method, url + path, data=b"x" * 100_000 if method == "POST" else None) as refused:
                assert refused.status == 503
                assert refused.headers["Retry-After"] == "2"
                assert (await refused.json(content_type=None))["status"] == 503


async def test_requests_that_have_begun_are_answered_when_it_stops() -> None:
    begun = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        await answer(send, b"done")

    gate = Gate()
    gate.open(slow)
    async with serving(gate) as (url, server, task), aiohttp.ClientSession() as http:

        async def post() -> bytes:
            async with http.post(url, data=b"{}") as response:
                return await response.read()

        request = asyncio.create_task(post())
        await begun.wait()
        gate.stop()
        server.should_exit = True
        assert await request == b"done"
        await asyncio.wait_for(task, 5)
        with pytest.raises(aiohttp.ClientConnectionError):
            await post()


async def test_a_stream_sees_its_client_gone_when_it_stops() -> None:
    seen: list[str] = []

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b": alive\n\n", "more_body": True})
        seen.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b""})

    gate = Gate()
    gate.open(stream)
    async with serving(gate) as (url, server, task), aiohttp.ClientSession() as http:
        async with http.get(url) as response:
            assert await response.content.readline() == b": alive\n"
            assert seen == []
            gate.stop()
            server.should_exit = True
            await asyncio.wait_for(task, 5)
    assert seen == ["http.disconnect"]


def test_a_taken_port_and_a_foreign_address_are_told_apart() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Taken, match=f"Port {port} on 127.0.0.1 is taken"):
            listen("127.0.0.1", port)
    with pytest.raises(Taken, match=r"Cannot listen on port 0 of 192\.0\.2\.1"):
        listen("192.0.2.1", 0)
    with pytest.raises(Taken, match="Choose another with --host"):
        listen("no such host", 0)
