"""A real HTTP server on 127.0.0.1 that records what it gets and misbehaves on request.

For example:

    async with Sink() as sink:
        url = sink.url("/bob")
        sink.script("/bob", status(500), HANG, status(429, {"Retry-After": "2"}))   # one per request, then 204
        sink.always("/carol", DRIP)                                                                         # for good
        (first,) = await sink.wait(1, "/bob")
        assert first.json()["type"] == "page"
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Answer:
    """How one request is answered; `delay` seconds pass first.

    `fault`: `hang` never answers, `close` resets without a word, `stale` does so only when the connection was used before,
    `drip` sends the body a byte at a time for ever, `garbage` speaks no HTTP.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    fault: str = ""


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"", delay: float = 0.0) -> Answer:
    return Answer(code, headers or {}, body, delay)


OK = Answer()
HANG = Answer(fault="hang")
CLOSE = Answer(fault="close")
STALE = Answer(fault="stale")
DRIP = Answer(200, fault="drip")
GARBAGE = Answer(fault="garbage")


@dataclass(frozen=True)
class Received:
    """One request as it came in; header names in lower case, `monotonic` in seconds, `connection` counts sockets from 1."""

    at: datetime
    monotonic: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")


class Sink:
    """Answers 204 unless scripted. `requests` grows in order of arrival (bodies are complete)."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.port = 0
        self._tls = tls
        self._scripts: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._rules: dict[str, Answer] = {}
        self._connections: dict[object, int] = {}
        self._served: set[object] = set()
        self._arrived = asyncio.Event()
        self._end = asyncio.Event()
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        self._end.clear()
        server = web.Server(self._handle, access_log=None, max_line_size=65536)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self._tls, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._end.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def url(self, path: str = "/") -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{path}"

    def script(self, path: str, *answers: Answer) -> None:
        """The next requests to `path` get these answers, one each."""
        self._scripts[path].extend(answers)

    def always(self, path: str, answer: Answer) -> None:
        """What `path` answers when its script is used up."""
        self._rules[path] = answer

    def at(self, path: str) -> list[Received]:
        return [r for r in self.requests if r.path == path]

    async def wait(self, count: int, path: str | None = None, timeout: float = 5.0) -> list[Received]:
        """The requests (to `path`) once there are at least `count`; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while len(found := self.requests if path is None else self.at(path)) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return list(found)

    async def quiet(self, seconds: float, path: str | None = None) -> bool:
        """True when nothing (more) arrives (at `path`) during `seconds`."""
        before = len(self.requests if path is None else self.at(path))
        await asyncio.sleep(seconds)
        return len(self.requests if path is None else self.at(path)) == before

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        transport = request.transport
        assert transport is not None
        used = transport in self._served
        self._served.add(transport)
        number = self._connections.setdefault(transport, len(self._connections) + 1)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(
            Received(
                at=datetime.now(UTC),
                monotonic=time.monotonic(),
                method=request.method,
                path=request.path,
                query=request.query_string,
                headers=headers,
                body=body,
                connection=number,
            )
        )
        self._arrived.set()
        answer = self._next(request.path)
        if answer.delay:
            await self._pause(answer.delay)
        return await self._misbehave(request, answer, transport, used)

    def _next(self, path: str) -> Answer:
        script = self._scripts.get(path)
        return script.popleft() if script else self._rules.get(path, OK)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._end.wait(), seconds)
        except TimeoutError:
            return

    async def _misbehave(
        self, request: web.BaseRequest, answer: Answer, transport: asyncio.Transport, used: bool
    ) -> web.StreamResponse:
        match answer.fault:
            case "hang":
                await self._end.wait()
            case "close":
                transport.abort()
            case "stale" if used:
                transport.abort()
            case "garbage":
                transport.write(b"220 mail.example.com ESMTP\r\n\r\n")
                transport.close()
            case "drip":
                return await self._drip(request, answer)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _drip(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        while not self._end.is_set():
            await response.write(b".")
            await self._pause(0.05)
        return response
