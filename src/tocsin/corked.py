"""uvicorn's HTTP protocol, made lean where the storms come in.

Head and body of an answer leave in one write. And a POST to a door whose key is in the body is answered from callbacks, without a
task and the application around it: such requests come by the ten thousand, and the way through the framework would cost more than
storing the event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

log = structlog.get_logger("tocsin.http")

Scope = Any


class Answer(Protocol):
    """A whole answer (api.raw.Answer)."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...
    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]: ...


class Pending(Protocol):
    """An answer that waits for a commit, or for a look at what is new: `finish` gives it once `done` is done."""

    @property
    def done(self) -> asyncio.Future[Any]: ...

    def finish(self) -> Answer: ...


class Quick(Protocol):
    """What answers without the application (api.doors.Doors)."""

    longest: int
    """Bytes of a body; a larger one goes the long way."""

    def knows(self, scope: Scope) -> bool: ...

    def begin(self, scope: Scope, body: bytes) -> Answer | Pending: ...


class Corked:
    """A transport that gathers what is written within one turn of the event loop."""

    __slots__ = ("_later", "_parts", "_transport")

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._later = loop.call_soon
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._later(self._flush)
        self._parts.append(data)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CorkedProtocol(HttpToolsProtocol):
    """What the server speaks. `config.app` may have an attribute `quick` (a Quick, or None while the node starts)."""

    _quick: RequestResponseCycle | None = None
    """The request being read that will be answered without the application."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        quick: Quick | None = getattr(self.config.app, "quick", None)
        if quick is None or cycle.waiting_for_100_continue or not quick.knows(cycle.scope):
            return super()._start_asgi_task(cycle, app)
        if cycle.more_body:
            self._quick = cycle
        else:  # it was pipelined behind another one, and is here already
            self._answer(quick, cycle)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if (cycle := self._quick) is not None and cycle is self.cycle:
            if len(cycle.body) > self.config.app.quick.longest:  # type: ignore[union-attr]
                self._quick = None
                super()._start_asgi_task(cycle, self.app)
            else:
                self.flow.resume_reading()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        cycle, self._quick = self._quick, None
        if cycle is not None:
            self._answer(self.config.app.quick, cycle)  # type: ignore[union-attr]

    def _answer(self, quick: Quick, cycle: RequestResponseCycle) -> None:
        answered = self._guarded(partial(quick.begin, cycle.scope, bytes(cycle.body)))
        if answered is None or hasattr(answered, "status"):
            self._write(cycle, answered)
        else:
            answered.done.add_done_callback(lambda _: self._write(cycle, self._guarded(answered.finish)))

    @staticmethod
    def _guarded(work: Callable[[], Any]) -> Any:
        """None when the door broke: the sender hears 500 and sends again."""
        try:
            return work()
        except Exception:  # the last line: nobody else would answer this sender
            log.exception("a door broke")
            return None

    def _write(self, cycle: RequestResponseCycle, answer: Answer | None) -> None:
        cycle.response_started = cycle.response_complete = True
        if cycle.disconnected or self.transport.is_closing():
            return
        status, body = (500, b"") if answer is None else (answer.status, answer.body)
        parts = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"content-length: %d\r\n" % len(body))
        if answer is not None:
            if body:
                parts.append(b"content-type: %b\r\n" % answer.content_type.encode())
            for name, value in answer.headers:
                cycle.keep_alive = cycle.keep_alive and (name, value) != (b"connection", b"close")
                parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", body)
        self.transport.write(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
