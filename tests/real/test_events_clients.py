"""Real clients of PagerDuty's Events API against a whole Tocsin: `pdpyras` over http, `pagerduty` over TLS with a private CA."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pagerduty import EventsApiV2Client

from ..fakes.certificates import Authority
from .conftest import Desk, Server
from .test_monitoring import eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pdpyras


@asynccontextmanager
async def in_front(port: int, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """A TLS front for a port on this machine, as a reverse proxy would be. Yields its URL."""

    connections: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(carry(reader, writer)))

    front = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"https://127.0.0.1:{front.sockets[0].getsockname()[1]}"
    finally:
        front.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def statuses(desk: Desk, title: str) -> list[str]:
    return [i["status"] for i in await desk.incidents("sdk") if i["title"] == title]


async def becomes(desk: Desk, title: str, status: str) -> None:
    async def look() -> bool:
        return await statuses(desk, title) == [status]

    await eventually(look)


async def test_pdpyras(server: Server, desk: Desk) -> None:
    session = pdpyras.EventsAPISession(server.key("sdk"))
    session.url = server.url
    key = await asyncio.to_thread(
        session.trigger, "From pdpyras", "laptop", severity="error", custom_details={"a": [1, {}]}
    )
    await becomes(desk, "From pdpyras", "detected")
    assert await asyncio.to_thread(session.acknowledge, key) == key
    await becomes(desk, "From pdpyras", "acknowledged")
    assert await asyncio.to_thread(session.resolve, key) == key
    await becomes(desk, "From pdpyras", "resolved")

    changes = pdpyras.ChangeEventsAPISession(server.key("sdk"))
    changes.url = server.url
    await asyncio.to_thread(changes.submit, "Deployed by pdpyras", source="ci", timestamp=datetime.now(UTC).isoformat())
    assert any(e["title"] == "Deployed by pdpyras" for e in (await desk.get("/events"))["items"])


async def test_pagerduty_over_tls_with_a_private_authority(server: Server, desk: Desk, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with in_front(server.port, authority.server()) as url:
        client = EventsApiV2Client(server.key("sdk"), base_url=url, verify=authority.client())
        key = await asyncio.to_thread(client.trigger, "From the SDK", "laptop", "my/key", "warning")
        assert key == "my/key"
        await becomes(desk, "From the SDK", "detected")
        assert await asyncio.to_thread(client.acknowledge, key) == key
        await becomes(desk, "From the SDK", "acknowledged")
        assert await asyncio.to_thread(client.resolve, key) == key
        await becomes(desk, "From the SDK", "resolved")
        await asyncio.to_thread(client.submit, "Deployed by the SDK", "ci", timestamp=datetime.now(UTC).isoformat())
        assert any(e["title"] == "Deployed by the SDK" for e in (await desk.get("/events"))["items"])


async def test_the_pagerduty_command_over_tls(server: Server, desk: Desk, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    environment = {**os.environ, "SSL_CERT_FILE": str(authority.file)}

    def run(url: str, action: str) -> None:
        done = subprocess.run(
            [
                Path(sys.executable).parent / "pagerduty", "-k", server.key("sdk"), "-i", "cli", "--base-url", url,
                "--description", "From the command", "--source", "laptop", action,
            ],
            env=environment, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    async with in_front(server.port, authority.server()) as url:
        for action, status in (("trigger", "detected"), ("acknowledge", "acknowledged"), ("resolve", "resolved")):
            await asyncio.to_thread(run, url, action)
            await becomes(desk, "From the command", status)


def event(server: Server, **changes: Any) -> bytes:
    payload = {"summary": "raw", "source": "x", "severity": "info"}
    full = {
        "routing_key": server.key("raw"),
        "event_action": "trigger",
        "dedup_key": "raw",
        "payload": payload,
        **changes,
    }
    return json.dumps(full).encode()


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_body_that_is_too_large_is_answered_on_a_connection_that_lives_on(server: Server, chunked: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.connect()
    before = connection.sock.getsockname()
    huge = event(server) + b" " * 4_000_000
    body: Any = iter([huge[i : i + 65536] for i in range(0, len(huge), 65536)]) if chunked else huge
    connection.request("POST", "/v2/enqueue", body=body, encode_chunked=chunked)
    reply = connection.getresponse()
    assert (reply.status, json.loads(reply.read())["status"]) == (413, "invalid event")
    connection.request("POST", "/v2/enqueue", body=event(server))
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (202, b'{"status":"success","message":"Event processed","dedup_key":"raw"}')
    assert connection.sock.getsockname() == before
    connection.close()


def test_odd_bodies_over_the_wire_never_end_in_a_500(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    bodies = [
        b"", b"[" * 100_000, b'{"a":' * 50_000, b"\xff", b'"\\ud800"', event(server, dedup_key="a\0b"),
        event(server, custom_details={"n": 10**400}), event(server, payload={"summary": "\0", "source": "\0", "severity": "info"}),
        event(server, payload={
            "summary": "big", "source": "x", "severity": "info",
            "custom_details": {"deep": json.loads("[" * 60 + "]" * 60), "int": 10**300, "float": 1e308, "\0": "\0" * 100, "": ""},
        }),
        event(server, dedup_key="🔔" * 255),
    ]  # fmt: skip
    for body in bodies:
        for path in ("/v2/enqueue", "/v2/change/enqueue", "/generic/2010-04-15/create_event.json"):
            connection.request("POST", path, body=body)
            reply = connection.getresponse()
            reply.read()
            assert reply.status in (202, 400), (path, body[:80])
    connection.close()
