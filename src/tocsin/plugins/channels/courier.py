"""POSTs over kept connections, as lean as a page in a storm needs it: a general client costs several times as much per request.

HTTP/1.1 with TLS, and no more than that: no redirects, no cookies, no compression, no proxies.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import httptools

from tocsin.plugins.channels.names import Names

KEPT = 15.0
"""Seconds that an idle connection is kept."""
HASTE = 1.0
"""Seconds at most for one address of a name while others are left to be tried."""
REMEMBERED = 30.0
"""Seconds that the addresses of a name are remembered."""
_HEAD_BYTES = 64 * 1024
_BODY_BYTES = 16 * 1024
"""A longer body is left unread: what counts is the status, and its connection is closed."""
_BODY_SECONDS = 0.5
_GIVEN_UP = 408
"""What some servers say when they close a connection that was idle: it answers no request (RFC 9110, 15.5.9)."""


class Closed(ConnectionError):
    """The other side closed the connection before it answered; `begun`: it had begun to say something."""

    def __init__(self, begun: bool = False) -> None:
        super().__init__("closed without an answer")
        self.begun = begun


class NotHttp(Exception):
    """What came back is not HTTP."""


class Unresolved(OSError):
    """The host name has no address."""


class Answered(NamedTuple):
    """An answer's status and headers (names in lower case)."""

    status: int
    headers: Mapping[str, str]


class Place(NamedTuple):
    """Where to connect to."""

    host: str
    port: int
    tls: bool


class Courier:
    """Connections to any number of places; each is kept for the next POST to its place."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._idle: dict[Place, deque[_Wire]] = {}
        self._known: dict[str, tuple[float, list[str]]] = {}
        self._asking: dict[str, asyncio.Task[list[str]]] = {}
        self._wires: set[_Wire] = set()
        self._tls: ssl.SSLContext | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    def close(self) -> None:
        """Drop every connection."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for wire in list(self._wires):
            wire.abort()
        for task in self._asking.values():
            task.cancel()

    async def post(self, place: Place, request: bytes, seconds: float) -> Answered:
        """Send `request` (its head and body) and return what is answered.

        A kept connection that turns out to have been closed by the other side before any answer costs a second try, on a new one.
        Raises TimeoutError after `seconds`, Unresolved, OSError (ssl.SSLError, Closed among them) or NotHttp.
        """
        until = time.monotonic() + seconds
        if (wire := self._kept(place)) is not None:
            try:
                answered = await wire.exchange(request, seconds)
                if answered.status != _GIVEN_UP:
                    return answered
            except Closed as error:
                if error.begun:
                    raise
        async with asyncio.timeout(until - time.monotonic()):
            wire = await self._connect(place, until)
        return await wire.exchange(request, until - time.monotonic())

    def _kept(self, place: Place) -> _Wire | None:
        idle = self._idle.get(place)
        oldest = time.monotonic() - KEPT
        while idle:
            wire = idle.pop()
            if wire.idle_since > oldest and not wire.gone:
                return wire
            wire.abort()
        return None

    def keep(self, wire: _Wire) -> None:
        """The wire is idle, and may carry the next request."""
        if self._closed:
            return wire.abort()
        self._idle.setdefault(wire.place, deque()).append(wire)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEPT, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle too long, also at places that nothing is sent to any more."""
        self._sweeping = None
        oldest = time.monotonic() - KEPT
        for wire in [wire for idle in self._idle.values() for wire in idle if wire.idle_since <= oldest]:
            wire.abort()
        if self._idle:
            self._sweeping = asyncio.get_running_loop().call_later(KEPT, self._sweep)

    def forget(self, wire: _Wire) -> None:
        """The wire is cut."""
        self._wires.discard(wire)
        if (idle := self._idle.get(wire.place)) is not None:
            if wire in idle:
                idle.remove(wire)
            if not idle:
                del self._idle[wire.place]

    async def _connect(self, place: Place, until: float) -> _Wire:
        """An address that does not answer leaves the others at least half of the time."""
        loop = asyncio.get_running_loop()
        tls: dict[str, Any] = {}
        if place.tls:
            self._tls = self._tls or ssl.create_default_context()
            tls = {"ssl": self._tls, "server_hostname": place.host}
        failure: OSError = Unresolved(place.host)
        addresses = await self._addresses(place.host)
        for left, address in enumerate(addresses, 1 - len(addresses)):
            haste = min(HASTE, (until - time.monotonic()) / 2) if left else None
            try:
                async with asyncio.timeout(haste):
                    _, wire = await loop.create_connection(lambda: _Wire(self, place), address, place.port, **tls)
            except OSError as error:  # TimeoutError is one
                failure = error
            else:
                self._wires.add(wire)
                return wire
        raise failure

    async def _addresses(self, host: str) -> list[str]:
        """Asked for once at a time, however many wait; a wait that is given up leaves the question to the others."""
        if _is_address(host):
            return [host]
        known = self._known.get(host)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        asking = self._asking.get(host)
        if asking is None:
            asking = self._asking[host] = asyncio.create_task(self._resolve(host))
            asking.add_done_callback(lambda task: self._asked(host, task))
        return await asyncio.shield(asking)

    def _asked(self, host: str, asking: asyncio.Task[list[str]]) -> None:
        self._asking.pop(host, None)
        if asking.cancelled() or asking.exception() is not None:
            return
        if len(self._known) > 4096:
            self._known.clear()
        self._known[host] = (time.monotonic() + REMEMBERED, asking.result())

    async def _resolve(self, host: str) -> list[str]:
        try:
            return [one["host"] for one in await self._names.resolve(host)]
        except (socket.gaierror, UnicodeError):
            raise Unresolved(host) from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class _Wire(asyncio.Protocol):
    """One connection; at most one request is on its way."""

    def __init__(self, courier: Courier, place: Place) -> None:
        self.place = place
        self.idle_since = 0.0
        self.gone = False
        self._courier = courier
        self._transport: Any = None
        self._answer: asyncio.Future[Answered] | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._answered: Answered | None = None
        self._read = 0
        self._over = False
        self._more = False
        self._keep = False

    async def exchange(self, request: bytes, seconds: float) -> Answered:
        """Send a request and return its answer, once a short body is read too, so that the connection can be used again."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        self._answer = answer
        self._transport.write(request)
        alarm = loop.call_later(seconds, self._late, answer)
        try:
            return await answer
        except BaseException:
            if self._answer is answer:  # else the wire is another request's by now
                self.abort()
            raise
        finally:
            alarm.cancel()

    def abort(self) -> None:
        self.gone = True
        if self._transport is not None:
            self._transport.abort()

    def _late(self, answer: asyncio.Future[Answered]) -> None:
        if self._answer is answer:
            self._end(TimeoutError())

    def _end(self, error: BaseException | None = None) -> None:
        """What was answered counts, whatever happened after its head."""
        if self._answer is None or self._answer.done():
            return
        if self._answered is not None:
            self._answer.set_result(self._answered)
        elif error is not None:
            self._answer.set_exception(error)

    def _cut(self, parser: object) -> None:
        """The body takes too long."""
        if parser is self._parser:
            self._end()
            self.abort()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        self._end(error if isinstance(error, ssl.SSLError) else Closed(self._read > 0))
        self._courier.forget(self)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():  # nobody asked, or nobody waits any more
            return self.abort()
        begun = self._answered is not None
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end(NotHttp())
            return self.abort()
        if self._over:
            self._finished()
        elif self._read > (_HEAD_BYTES if self._answered is None else _BODY_BYTES):
            self._end(NotHttp())
            self.abort()
        elif self._answered is not None and not begun:
            asyncio.get_running_loop().call_later(_BODY_SECONDS, self._cut, self._parser)

    def _finished(self) -> None:
        keep = self._keep and not self._more and not self.gone
        self._end()
        self._answer = None  # from here on the wire may carry the next request
        self._begin()
        if keep:
            self.idle_since = time.monotonic()
            self._courier.keep(self)
        else:
            self.abort()

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._over:  # nobody asked for this: it is no answer, and the wire is not to be trusted any more
            self._more = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._more:
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._more:
            return
        status = self._parser.get_status_code()
        if status < 200 and status != 101:  # more is to come
            self._headers = {}
        else:
            self._answered = Answered(status, self._headers)

    def on_message_complete(self) -> None:
        if self._more:
            return
        self._over = self._answered is not None
        self._keep = self._parser.should_keep_alive()
