"""Probes: each says why its settings cannot work, and takes one sample that is good or says why not, whatever the other side does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp.abc import ResolveResult

from tocsin.core.probe import Probe
from tocsin.core.spelling import Duration, decode, plain
from tocsin.plugins.channels.names import Names
from tocsin.plugins.probes import registry
from tocsin.plugins.probes.http import HttpProbe
from tocsin.plugins.probes.tcp import TcpProbe

from ...fakes.ports import free_port

GOOD = {"http": {"url": "http://127.0.0.1:1/healthz"}, "tcp": {"host": "127.0.0.1", "port": "1"}}
"""Settings with which each kind can work, though nobody listens there."""


@asynccontextmanager
async def answering(answer: bytes, wait: float = 0.0) -> AsyncIterator[int]:
    """A server that answers everything with these bytes; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        await asyncio.sleep(wait)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "0.0.0.0", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def http(status: str, body: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


async def test_every_probe_keeps_the_contract() -> None:
    for kind, probe in registry.create().items():
        assert (probe.type, bool(probe.label), bool(probe.fields)) == (kind, True, True)
        assert probe.timeout > 0
        assert probe.problem(GOOD[kind]) is None
        missing = next(field.name for field in probe.fields if field.required)
        assert (probe.problem({}) or "").startswith(f"{missing}: "), kind
        assert "no such field" in (probe.problem({**GOOD[kind], "colour": "red"}) or "")
        sample = await probe.sample(GOOD[kind])
        assert (sample.good, "refuses" in sample.text) == (False, True), kind
        assert "healthz" not in sample.text


@pytest.mark.parametrize(
    ("answer", "more", "good", "text"),
    [
        ("200 OK", {}, True, "HTTP 200"),
        ("204 No Content", {"status": "204"}, True, "HTTP 204"),
        ("503 Busy", {}, False, "HTTP 503, wanted 200-399"),
        ("404 Not Found", {"status": "200-299, 404"}, True, "HTTP 404"),
        ("200 OK", {"contains": "all good"}, True, "HTTP 200"),
        ("200 OK", {"contains": "degraded"}, False, "HTTP 200, but the answer does not contain 'degraded'"),
    ],
)
async def test_what_a_url_answers(answer: str, more: dict[str, str], good: bool, text: str) -> None:
    async with answering(http(answer, "" if answer.startswith("204") else "all good")) as port:
        sample = await HttpProbe().sample({"url": f"http://127.0.0.1:{port}/secret?token=1", **more})
    assert (sample.good, sample.text) == (good, text)
    assert sample.milliseconds >= 0


async def test_answers_that_are_none() -> None:
    async with answering(b"not http at all\r\n\r\n") as port:
        assert not (await HttpProbe().sample({"url": f"http://127.0.0.1:{port}/"})).good
        assert not (await HttpProbe().sample({"url": f"https://127.0.0.1:{port}/"})).good
    async with answering(http("200 OK"), wait=2) as port:
        sample = await HttpProbe(timeout=0.1).sample({"url": f"http://127.0.0.1:{port}/"})
        assert (sample.good, sample.text) == (False, "no answer within 0.1 s")
    sample = await HttpProbe().sample({"url": "http://no-such-host.invalid/"})
    assert (sample.good, sample.text) == (False, "its host is not known")


async def test_a_port_that_takes_connections() -> None:
    async with answering(b"") as port:
        assert (await TcpProbe().sample({"host": "127.0.0.1", "port": str(port)})).good
    assert not (await TcpProbe().sample({"host": "127.0.0.1", "port": str(free_port())})).good
    assert not (await TcpProbe().sample({"host": "no-such-host.invalid", "port": "80"})).good


async def test_what_people_typed_never_leads_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an address, by a name, by a redirect, and by a name that lead outside when it was typed."""
    async with answering(http("200 OK", "x")) as port:
        for url in (f"http://127.0.0.1:{port}/", f"http://localhost:{port}/", f"http://[::ffff:127.0.0.1]:{port}/"):
            sample = await HttpProbe().sample({"url": url}, public_only=True)
            assert (sample.good, "private network" in sample.text) == (False, True), url
        for host in ("127.0.0.1", "localhost", "::ffff:127.0.0.1"):
            sample = await TcpProbe().sample({"host": host, "port": str(port)}, public_only=True)
            assert (sample.good, "private network" in sample.text) == (False, True), host
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        async with answering(moved.encode()) as door:
            monkeypatch.setattr("tocsin.plugins.channels.public.is_public", lambda address: address == "127.0.0.2")
            monkeypatch.setattr(Names, "resolve", _outside)
            sample = await HttpProbe().sample({"url": f"http://shop.example.com:{door}/"}, public_only=True)
            assert (sample.good, "private network" in sample.text) == (False, True)


async def _outside(
    self: Names, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[ResolveResult]:
    return [ResolveResult(hostname=host, host="127.0.0.2", port=port, family=socket.AF_INET, proto=0, flags=0)]


@pytest.mark.parametrize(
    ("kind", "settings", "problem"),
    [
        ("http", {"url": "shop.example.com"}, "url: write a whole address"),
        ("http", {"url": "ftp://shop.example.com/"}, "url: write a whole address"),
        ("http", {"url": "http://[::1"}, "url: write a whole address"),
        ("http", {"url": "http://x/", "status": "ok"}, "status: write statuses"),
        ("http", {"url": "http://x/", "status": "700"}, "status: write statuses"),
        ("tcp", {"host": "x", "port": "http"}, "port: write a number"),
        ("tcp", {"host": "x", "port": "70000"}, "port: write a number"),
        ("tcp", {"host": "tcp://x", "port": "80"}, "host: write a name"),
    ],
)
def test_settings_that_cannot_work(kind: str, settings: dict[str, str], problem: str) -> None:
    assert (registry.create()[kind].problem(settings) or "").startswith(problem)


def test_a_probe_is_written_as_it_is_read() -> None:
    written = {"id": "db", "type": "tcp", "host": "db", "port": "5432", "samples": 5, "interval": "2s"}
    probe = decode(written, Probe)
    assert (probe.samples, probe.interval, probe.settings) == (5, Duration(2), {"host": "db", "port": "5432"})
    assert plain(probe) == written
    assert decode(plain(probe), Probe) == probe
    assert plain(decode({"id": "web", "type": "http", "url": "http://x/"}, Probe)) == {
        "id": "web", "type": "http", "url": "http://x/",
    }  # fmt: skip
