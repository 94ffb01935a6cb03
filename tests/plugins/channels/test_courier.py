"""POSTs over kept connections to places that are slow to connect, that close what is idle, or that say more than they were asked."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.certificates import Authority
from tests.fakes.sink import Sink

from tocsin.plugins.channels import courier as module
from tocsin.plugins.channels.courier import Answered, Courier, Place
from tocsin.plugins.channels.names import Names

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
YES = b"HTTP/1.1 204 No Content\r\n\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


class Directory(Names):
    """Answers with these addresses, in this order."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> Any:
        return [{"host": address} for address in self._addresses]


@asynccontextmanager
async def place(talk: Talk) -> AsyncIterator[Place]:
    """A receiver that does with its n-th connection what `talk` says."""
    count = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        try:
            await talk(reader, writer, count)
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield Place("127.0.0.1", server.sockets[0].getsockname()[1], False)
    server.close()


async def asked(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 0.1)
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await asked(reader)
        writer.write(YES)
        with suppress(ConnectionResetError):
            await reader.read()
        ended.set()

    courier = Courier(Names())
    async with place(talk) as where:
        await courier.post(where, REQUEST, 1)
        await asyncio.wait_for(ended.wait(), 2)
    courier.close()


async def test_an_address_that_never_answers_leaves_time_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent: list[asyncio.StreamWriter] = []
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with Sink(tls=authority.server()) as sink:
        port = int(sink.url().rsplit(":", 1)[1].partition("/")[0])
        server = await asyncio.start_server(lambda _, writer: silent.append(writer), "127.0.0.2", port)
        courier = Courier(Directory("127.0.0.2", "127.0.0.1"))
        begun = time.monotonic()
        answered = await courier.post(Place("localhost", port, True), REQUEST, 3)
        assert answered.status == 204
        assert len(silent) == 1
        assert time.monotonic() - begun < 2.5
        courier.close()
        for writer in silent:
            writer.close()
        server.close()


async def test_an_idle_connection_that_is_told_too_late_costs_a_second_try() -> None:
    """A server that gives up an idle connection may say 408 just when the next request is under way."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asked(reader)
        writer.write(YES)
        await asked(reader)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    courier = Courier(Names())
    async with place(talk) as where:
        assert (await courier.post(where, REQUEST, 1)).status == 204
        assert (await courier.post(where, REQUEST, 1)).status == 204
    courier.close()


@pytest.mark.parametrize("more", [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 404 Not"])
async def test_what_follows_an_answer_answers_nothing(more: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asked(reader)
        writer.write(YES + more)
        await asked(reader)
        writer.write(b" Found\r\nContent-Length: 0\r\n\r\n" if number == 1 else YES)
        await writer.drain()

    courier = Courier(Names())
    async with place(talk) as where:
        assert (await courier.post(where, REQUEST, 1)).status == 204
        assert (await courier.post(where, REQUEST, 1)).status == 204
    courier.close()


async def test_a_change_of_protocols_is_an_answer_like_any_other() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n\x00\x01")
        await asked(reader)

    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    courier = Courier(Names())
    async with place(talk) as where:
        assert isinstance(answered := await courier.post(where, REQUEST, 1), Answered)
        assert answered.status == 101
    courier.close()
    assert failures == []
