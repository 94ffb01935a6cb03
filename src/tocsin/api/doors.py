"""The doors through which monitoring sends: plain ASGI in front of everything else, because they carry the storms.

A door reads the body (at most 512 KB), lets its source turn it into events, and answers 2xx only after they are committed. Every
refusal is worded in the sender's own format. What is not a door goes on to the application behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from tocsin.api import pings
from tocsin.api.alertmanager import AlertmanagerApi, method_not_allowed, not_found
from tocsin.api.raw import Answer, App, Gone, Receive, Scope, Send, TooLarge, header, read_body, send_answer
from tocsin.core.directory import IntegrationRef
from tocsin.core.errors import Unavailable
from tocsin.core.event import Event
from tocsin.flow.context import Context
from tocsin.manage.knocks import Knocking
from tocsin.manage.newest import Newest
from tocsin.metrics import EVENTS
from tocsin.plugins.sources.base import LIMIT, Parsed, Refused, Source

_PREFIX = "/integrations/"
_KEY_PREFIX = "/integrations/{key}/"
_ALERTS = "api/v2/alerts"
_TOO_LARGE = f"The body is larger than {LIMIT} bytes"
_CLOSE = ((b"connection", b"close"),)


class Accepts(Protocol):
    """Where events go (flow.intake.Intake)."""

    async def accept(self, ref: IntegrationRef, events: Sequence[Event], now: datetime) -> Any:
        """Return after the commit; raise Unavailable when nothing was stored."""
        ...

    def submit(self, ref: IntegrationRef, events: Sequence[Event], now: datetime) -> asyncio.Future[None]:
        """The same without waiting: done after the commit."""
        ...


class Doors:
    """The ASGI application that answers the intake paths and hands the rest to `inner`."""

    longest = LIMIT

    def __init__(self, ctx: Context, intake: Accepts, sources: Mapping[str, Source], inner: App) -> None:
        self._ctx = ctx
        self._intake = intake
        self._inner = inner
        self._by_path = {source.door: source for source in sources.values() if "{key}" not in source.door}
        self._below_key = {
            source.door.removeprefix(_KEY_PREFIX): source
            for source in sources.values()
            if source.door.startswith(_KEY_PREFIX)
        }
        self._alerts = self._below_key[_ALERTS]
        self._api = AlertmanagerApi(ctx)
        self.knocking = Knocking(ctx)
        self.newest = Newest(ctx)

    async def stop(self) -> None:
        """Write what was counted."""
        await self.knocking.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            source = self._by_path.get(path)
            if source is not None:
                return await self._enqueue(source, scope, receive, send)
            if path.startswith(_PREFIX):
                key, slash, rest = path[len(_PREFIX) :].partition("/")
                if slash and rest:
                    return await self._integration(key, rest.removesuffix("/"), scope, receive, send)
            elif path.startswith(pings.PREFIX):
                return await self._ping(scope, receive, send)
        return await self._inner(scope, receive, send)

    async def _ping(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A heartbeat."""
        try:
            answer = await pings.answer(self._ctx, scope, receive)
        except Gone:
            return
        await send_answer(send, answer)

    async def _enqueue(self, source: Source, scope: Scope, receive: Receive, send: Send) -> None:
        """A door whose key is in the body."""
        try:
            body = await read_body(receive)
        except Gone:
            return
        except TooLarge as error:
            return await send_answer(send, _too_large(source, error))
        if scope["method"] != "POST":
            return await send_answer(send, _only_post(source))
        now = self._ctx.clock.now()
        read = self._read(source, scope, body, now)
        await send_answer(send, read if isinstance(read, Answer) else await self._welcome(source, *read, now))

    def _read(
        self, source: Source, scope: Scope, body: bytes, now: datetime
    ) -> Answer | tuple[IntegrationRef | None, Parsed]:
        """The events in a body and whose they are (None: this node does not know), or the refusal."""
        parsed = source.parse(body, now)
        if parsed.refusal is not None and not parsed.events:
            return _unreadable(source, scope, parsed.refusal)
        ref = self._ctx.directory.integrations.get(parsed.key)
        if ref is not None and ref.integration.type not in source.types:
            return self._knock(source, parsed.key, ref, 400)
        return ref, parsed

    async def _welcome(self, source: Source, ref: IntegrationRef | None, parsed: Parsed, now: datetime) -> Answer:
        """Take the events; those with a key that is not known, once it was looked whether it is new."""
        if ref is None:
            try:
                await self.newest.look()
            except Unavailable as error:
                return unavailable(source, error)
            ref = self._ctx.directory.integrations.get(parsed.key)
            if ref is None or ref.integration.type not in source.types:
                return self._knock(source, parsed.key, ref, 400)
        return await self._take(source, ref, parsed, now)

    def knows(self, scope: Scope) -> bool:
        """May this request be answered by `begin`, without a task of its own?"""
        return scope["path"] in self._by_path and scope["method"] == "POST"

    def begin(self, scope: Scope, body: bytes) -> Answer | Pending | Asked:
        """The answer to an event (at most `longest` bytes), or what will give it after the commit."""
        source = self._by_path[scope["path"]]
        now = self._ctx.clock.now()
        read = self._read(source, scope, body, now)
        if isinstance(read, Answer):
            return read
        ref, parsed = read
        if ref is None:
            return Asked(asyncio.ensure_future(self._welcome(source, ref, parsed, now)))
        if not parsed.events:
            return _accepted(source, parsed)
        try:
            return Pending(source, parsed, self._intake.submit(ref, parsed.events, now))
        except Unavailable as error:
            return unavailable(source, error)

    async def _take(self, source: Source, ref: IntegrationRef, parsed: Parsed, now: datetime) -> Answer:
        """Store the events; the answer after the commit."""
        if parsed.events:
            try:
                await self._intake.accept(ref, parsed.events, now)
            except Unavailable as error:
                return unavailable(source, error)
        return _accepted(source, parsed)

    async def _integration(self, key: str, rest: str, scope: Scope, receive: Receive, send: Send) -> None:
        """A door whose key is in the path: `/integrations/{key}/{rest}`."""
        source = self._below_key.get(rest, self._alerts)
        try:
            body = await read_body(receive)
            answer = await self._integration_answer(source, key, rest, scope, body)
        except Gone:
            return
        except TooLarge as error:
            answer = _too_large(source, error)
        except Unavailable as error:
            answer = unavailable(source, error)
        await send_answer(send, answer)

    async def _integration_answer(self, source: Source, key: str, rest: str, scope: Scope, body: bytes) -> Answer:
        ref = self._ctx.directory.integrations.get(key)
        if ref is None:
            await self.newest.look()
            ref = self._ctx.directory.integrations.get(key)
        if ref is None or ref.integration.type not in source.types:
            return self._knock(source, key, ref, 404)
        post = scope["method"] == "POST"
        if rest.startswith(("api/v2/", "-/")) and not (post and rest == _ALERTS):
            return await self._api.answer(ref, rest, scope, body)
        if rest not in self._below_key:
            return not_found(f"/{rest}")
        if not post:
            return method_not_allowed(scope["method"], ("POST",))
        if source.insists_on_json and (refusal := self._api.wrong_type(scope)) is not None:
            return refusal
        now = self._ctx.clock.now()
        parsed = source.parse(body, now)
        if parsed.refusal is not None and not parsed.events:
            return _unreadable(source, scope, parsed.refusal)
        return await self._take(source, ref, parsed, now)

    def _knock(self, source: Source, key: str, ref: IntegrationRef | None, status: int) -> Answer:
        """The answer to a key that this door does not know, or whose integration is of another type."""
        EVENTS.labels(source.name, "unknown_key").inc()
        if ref is not None:
            kind = ref.integration.type
            return _refused(
                source.refused(
                    status, f"This key belongs to an integration of type '{kind}': {source.label} is not for it"
                )
            )
        self.knocking.heard(key, source.name)
        if status == 404:
            return _refused(source.refused(404, "No integration has this key"))
        if len(key) != 32:
            return _refused(
                source.refused(400, f"Length of '{source.key_field}' is incorrect (should be 32 characters)")
            )
        return _refused(source.refused(400, f"'{source.key_field}' is not known: no integration has this key"))


class Pending(NamedTuple):
    """An event on its way to the commit; `finish` gives the answer once `done` is done."""

    source: Source
    parsed: Parsed
    done: asyncio.Future[None]

    def finish(self) -> Answer:
        error = self.done.exception()
        if error is None:
            return _accepted(self.source, self.parsed)
        if isinstance(error, Unavailable):
            return unavailable(self.source, error)
        raise error


class Asked(NamedTuple):
    """An event whose key is not known yet; `finish` gives the answer once `done` is done."""

    done: asyncio.Future[Answer]

    def finish(self) -> Answer:
        return self.done.result()


def _accepted(source: Source, parsed: Parsed) -> Answer:
    if parsed.refusal is not None:
        return _refused(parsed.refusal)
    return Answer(source.accepted_status, source.accepted(parsed))


def _refused(refusal: Refused, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    return Answer(refusal.status, refusal.body, refusal.content_type, headers)


def _unreadable(source: Source, scope: Scope, refusal: Refused) -> Answer:
    """A body that could not be read may be a compressed one: say so."""
    encoding = header(scope, b"content-encoding").strip().lower()
    if encoding in ("", "identity"):
        return _refused(refusal)
    return _refused(source.refused(415, f"Content-Encoding {encoding[:40]} is not understood: send the body as it is"))


def _too_large(source: Source, error: TooLarge) -> Answer:
    return _refused(source.refused(413, _TOO_LARGE), () if error.drained else _CLOSE)


def _only_post(source: Source) -> Answer:
    return _refused(source.refused(405, "Only POST is allowed here"), ((b"allow", b"POST"),))


def unavailable(source: Source, error: Unavailable) -> Answer:
    """503 in the door's shape: nothing was stored, send it again."""
    return _refused(source.refused(503, str(error)), ((b"retry-after", b"%d" % max(1, error.retry_after)),))
