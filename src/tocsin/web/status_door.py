"""The status page for everybody: plain ASGI in front of the application, because during an outage everybody comes at once.

It answers what is in memory; whatever has to be made, or is not for everybody, goes on to the application (web/status.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tocsin.flow.context import Context
from tocsin.manage.status_pages import PATH
from tocsin.web.status_site import Doc, StatusSite

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OLD = 10.0
"""Seconds from which on an answer says how old it is."""


class StatusDoor:
    """The ASGI application that answers below `/status`, as far as it can at once, and hands the rest to `inner`."""

    def __init__(self, ctx: Context, site: StatusSite, inner: App) -> None:
        self._ctx, self._site, self._inner = ctx, site, inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PATH) and scope["method"] in ("GET", "HEAD"):
            rest = below(scope["path"])
            page = self._ctx.directory.status_page
            found = self._site.ready(rest) if rest is not None and page is not None and page.public else None
            if found is not None:
                return await _send(scope, send, *found)
        return await self._inner(scope, receive, send)


def below(path: str) -> str | None:
    """What follows `/status`, without a slash at its end; None when the path is of something else."""
    rest = path[len(PATH) :].removesuffix("/")
    return rest if not rest or rest.startswith("/") else None


def answer(doc: Doc, age: float, known: str, accepts: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers for somebody who has the versions `known` (If-None-Match) and `accepts` encodings."""
    headers = dict(doc.headers)
    if age >= OLD:
        headers |= {"Age": str(int(age)), "Warning": '110 - "Response is stale"'}
    if known and (known == "*" or doc.etag[2:] in [tag.strip().removeprefix("W/") for tag in known.split(",")]):
        return 304, b"", headers
    if doc.packed and "gzip" in accepts:
        return 200, doc.packed, {**headers, "Content-Encoding": "gzip"}
    return 200, doc.body, headers


async def _send(scope: Scope, send: Send, doc: Doc, age: float) -> None:
    known = accepts = ""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            known = value.decode("latin-1")
        elif name == b"accept-encoding":
            accepts = value.decode("latin-1")
    status, body, headers = answer(doc, age, known, accepts)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    if status != 304:
        raw.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
