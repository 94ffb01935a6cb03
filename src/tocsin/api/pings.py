"""The door of heartbeats, in the words of healthchecks.io: `/ping/{key}`, `/start`, `/fail`, `/log`, or an exit status behind it.

200 `OK` after the ping is committed, 404 `not found`, 400 for a run id that is no UUID or an exit status above 255.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qs
from uuid import UUID

from tocsin.api.raw import DRAIN, DRAIN_SECONDS, Answer, Gone, Receive, Scope, header
from tocsin.core.errors import Unavailable
from tocsin.core.heartbeat import kind_of
from tocsin.flow import heartbeats
from tocsin.flow.context import Context
from tocsin.store.heartbeats import Received

PREFIX = "/ping/"
LONGEST_BODY = 100_000
"""Bytes of a body that are kept; a longer one is cut, because a job that says much is no reason to miss its ping."""
METHODS = ("GET", "POST", "HEAD")

_REST = re.compile(r"(start|fail|log|[0-9]{1,9})")
_PLAIN = "text/plain; charset=utf-8"
_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"ping-body-limit", b"%d" % LONGEST_BODY),
    (b"cache-control", b"no-store"),
)


async def answer(ctx: Context, scope: Scope, receive: Receive) -> Answer:
    """Take a ping. Raises Gone when the sender hung up before it was complete."""
    if scope["method"] not in METHODS:
        return Answer(405, b"method not allowed", _PLAIN, ((b"allow", b"GET, POST, HEAD"),))
    key, _, rest = str(scope["path"])[len(PREFIX) :].removesuffix("/").partition("/")
    body = await _body(receive)
    beat = ctx.directory.heartbeat_keys.get(key)
    if beat is None or (rest and not _REST.fullmatch(rest)):
        return _said(404, "not found")
    status = int(rest) if rest.isdigit() else None
    if status is not None and status > 255:
        return _said(400, "invalid url format")
    try:
        rid = _rid(scope)
    except ValueError:
        return _said(400, "invalid uuid format")
    kind = kind_of(rest or None, status)
    ping = Received(
        at=ctx.clock.now(), kind=kind, exit_status=status, rid=rid, seconds=None, method=scope["method"], remote=_remote(scope),
        agent=header(scope, b"user-agent")[:200], body=body,
    )  # fmt: skip
    try:
        await heartbeats.receive(ctx, beat, ping)
    except Unavailable as error:
        return Answer(503, b"try again", _PLAIN, ((b"retry-after", b"%d" % max(1, error.retry_after)),))
    return _said(200, "OK")


def _said(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), _PLAIN, _HEADERS)


def _rid(scope: Scope) -> UUID | None:
    given = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True, max_num_fields=50).get(
        "rid"
    )
    if given is None:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", given[-1]):
        raise ValueError("not a UUID")
    return UUID(given[-1])


def _remote(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


async def _body(receive: Receive) -> bytes:
    """The first LONGEST_BODY bytes; the rest is read and thrown away, so that the sender gets to hear the answer."""
    parts: list[bytes] = []
    kept = seen = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while seen <= DRAIN:
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                chunk: bytes = message.get("body", b"")
                seen += len(chunk)
                if kept < LONGEST_BODY:
                    parts.append(chunk[: LONGEST_BODY - kept])
                    kept += len(parts[-1])
                if not message.get("more_body"):
                    break
    except TimeoutError:
        pass  # what came so far is the ping
    return b"".join(parts)
