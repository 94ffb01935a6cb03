"""Plain ASGI: reading a bounded body and sending one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from tocsin.plugins.sources.base import JSON, LIMIT

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DRAIN = 64 << 20
"""Bytes of a body that is too large which are read and thrown away, so that the sender gets to hear the answer."""
DRAIN_SECONDS = 30.0


class Answer(NamedTuple):
    """A whole HTTP answer. `headers` are in addition to content type and length."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Gone(Exception):
    """The sender hung up before its body was complete: there is nobody to answer."""


class TooLarge(Exception):
    """The body is larger than LIMIT. `drained`: all of it was read and thrown away."""

    def __init__(self, drained: bool) -> None:
        super().__init__("the body is too large")
        self.drained = drained


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises Gone, TooLarge."""
    message = await receive()
    if message["type"] != "http.request":
        raise Gone
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_on(receive, body)
    if len(body) > LIMIT:
        raise TooLarge(drained=True)
    return body


async def _read_on(receive: Receive, begun: bytes) -> bytes:
    parts, size = [begun], len(begun)
    while size <= LIMIT:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body"):
            return b"".join(parts)
    parts.clear()
    raise TooLarge(drained=await _drain(receive, size))


async def _drain(receive: Receive, size: int) -> bool:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while size <= DRAIN:
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return True
    except TimeoutError:
        pass
    return False


def header(scope: Scope, name: bytes) -> str:
    """A request header by its lower-case name, empty when absent."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


async def send_answer(send: Send, answer: Answer) -> None:
    headers = [(b"content-length", b"%d" % len(answer.body)), *answer.headers]
    if answer.body:
        headers.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
