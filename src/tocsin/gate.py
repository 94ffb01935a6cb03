"""The way in: the listening socket, taken before anything else, and what it answers until the node is ready."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn

from tocsin.core.errors import TocsinError
from tocsin.corked import CorkedProtocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DRAIN_SECONDS = 10
"""How long requests that have begun may take when we stop."""

_BACKLOG = 4096


class Taken(TocsinError):
    """The address cannot be listened on; the message says why and what to do."""

    title = "The address is not free"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on `host` and `port` (0: any free one). Raises Taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Taken(f"Cannot listen on {host!r}: {error.strerror}. Choose another with --host.") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            taken = f"Port {port} on {host} is taken by another program, perhaps a Tocsin that still runs."
            raise Taken(f"{taken} Stop it, or choose another with --port.") from error
        raise Taken(
            f"Cannot listen on port {port} of {host}: {error.strerror}. Choose others with --host and --port."
        ) from error
    return sock


class Gate:
    """The outermost application. Closed: we live (`/livez`) but everything else hears 503. Opened: all goes to `app`.

    When the node stops, requests that only wait for their client to go (streams) see it gone, so that draining does not wait
    for them.
    """

    def __init__(self) -> None:
        self._app: App | None = None
        self.quick: Any = None
        """What answers the doors' requests without the application (corked.Quick); None while we start."""
        self._waiting: set[asyncio.Future[None]] = set()
        self._stopping = False

    def open(self, app: App) -> None:
        self._app = app
        self.quick = app if hasattr(app, "begin") else None

    def stop(self) -> None:
        """Let go of streams; requests that have begun are answered."""
        self._stopping = True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            await _closed(scope, send)
        elif scope["type"] == "http" and scope["method"] == "GET":
            await self._app(scope, self._interruptible(receive), send)
        else:
            await self._app(scope, receive, send)

    def _interruptible(self, receive: Receive) -> Receive:
        asked = False

        async def interruptible() -> Message:
            nonlocal asked
            if not asked:
                asked = True  # the request itself, which is there already
                return await receive()
            return await self._until_stop(receive)

        return interruptible

    async def _until_stop(self, receive: Receive) -> Message:
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(stop)
        message = asyncio.ensure_future(receive())
        try:
            if not self._stopping:
                await asyncio.wait((message, stop), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            self._waiting.discard(stop)
            message.cancel()


async def _closed(scope: Scope, send: Send) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/livez":
        await _answer(send, 200, b"text/plain; charset=utf-8", b"ok\n")
        return
    problem = {
        "type": "about:blank",
        "title": "Try again shortly",
        "status": 503,
        "detail": "Tocsin is starting: the database is not ready yet.",
    }
    await _answer(send, 503, b"application/problem+json", msgspec.json.encode(problem))


async def _answer(send: Send, status: int, content: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", content),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"2"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class HttpServer(uvicorn.Server):
    """uvicorn on our socket; signals are the node's business, not its."""

    def __init__(self, gate: Gate) -> None:
        config = uvicorn.Config(
            gate,
            http=CorkedProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
