"""Being an Alertmanager for amtool and friends: what `/integrations/{key}/api/v2/` answers besides taking alerts.

The world it shows is one service: its open alerts, its silences, and one receiver named like it. Answers, statuses and words are
those of Alertmanager 0.25, except that nothing here answers 500 and deleting an unknown silence is 404.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

import msgspec

from tocsin.api import alertmanager_shapes as shapes
from tocsin.api.raw import Answer, Scope, header
from tocsin.core.configuration import Service
from tocsin.core.directory import IntegrationRef
from tocsin.core.errors import Forbidden, Invalid, NotFound
from tocsin.core.mute import matches_pattern, parse_matcher
from tocsin.flow.context import Context
from tocsin.manage import alertmanager, silences
from tocsin.manage.alertmanager import Shown
from tocsin.plugins.sources import go
from tocsin.plugins.sources.base import Refused
from tocsin.plugins.sources.text import encode

VERSION = "0.25.0"
"""Whose behaviour this is; amtool warns when it differs from its own."""
MANY = 200
"""More alerts than this are rendered in a thread."""


class _Request(msgspec.Struct):
    ref: IntegrationRef
    query: dict[str, list[str]]
    scope: Scope
    body: bytes
    id: str = ""

    @property
    def service(self) -> Service:
        return self.ref.service

    @property
    def actor(self) -> str:
        return f"integration:{self.ref.service.id}/{self.ref.integration.id}"


T = TypeVar("T")
Handler = Callable[[_Request], Awaitable[Answer]]


class AlertmanagerApi:
    """Answers for one installation; knows when it began."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._started = ctx.clock.now()
        self._routes: dict[str, dict[str, Handler]] = {
            "api/v2/alerts": {"GET": self._alerts, "POST": _taken_elsewhere},
            "api/v2/alerts/groups": {"GET": self._groups},
            "api/v2/silences": {"GET": self._silences, "POST": self._post_silence},
            "api/v2/silence/": {"GET": self._silence, "DELETE": self._delete_silence},
            "api/v2/status": {"GET": self._status},
            "api/v2/receivers": {"GET": self._receivers},
            "-/healthy": {"GET": _healthy, "HEAD": _healthy},
            "-/ready": {"GET": _healthy, "HEAD": _healthy},
        }

    def wrong_type(self, scope: Scope) -> Answer | None:
        """415 unless the body is declared to be JSON."""
        declared = header(scope, b"content-type").partition(";")[0].strip() or "application/octet-stream"
        if declared.lower() == "application/json":
            return None
        return _answer(go.coded(415, f'unsupported media type "{declared}", only [application/json] are allowed'))

    async def answer(self, ref: IntegrationRef, rest: str, scope: Scope, body: bytes) -> Answer:
        """`rest` is the path below the integration. Raises Unavailable."""
        place, id = rest, ""
        if rest.startswith("api/v2/silence/"):
            place, id = "api/v2/silence/", rest[len("api/v2/silence/") :]
        methods = self._routes.get(place)
        if methods is None:
            return not_found(f"/{rest}")
        handler = methods.get(scope["method"])
        if handler is None:
            return method_not_allowed(scope["method"], tuple(methods))
        try:
            query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=200)
            return await handler(_Request(ref, query, scope, body, id))
        except Invalid as error:
            return _answer(go.quoted(400, str(error)))
        except Forbidden as error:
            return _answer(go.quoted(403, str(error)))
        except ValueError:
            return _answer(go.coded(400, "the query cannot be read"))

    async def _alerts(self, request: _Request) -> Answer:
        shown = await self._shown(request)
        return _json(await _maybe_in_thread(len(shown), lambda: shapes.listed(shown, request.service)))

    async def _groups(self, request: _Request) -> Answer:
        shown = await self._shown(request)
        return _json(await _maybe_in_thread(len(shown), lambda: shapes.grouped(shown, request.service)))

    async def _shown(self, request: _Request) -> list[Shown]:
        wanted = shapes.read_filter(request.query)
        if wanted.receiver and not matches_pattern(wanted.receiver, request.service.id):
            return []
        found = await alertmanager.open_alerts(self._ctx, request.service.id)
        return await _maybe_in_thread(len(found), lambda: [shown for shown in found if wanted.wants(shown)])

    async def _receivers(self, request: _Request) -> Answer:
        return _json([{"name": request.service.id}])

    async def _status(self, request: _Request) -> Answer:
        version = {"branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "", "version": VERSION}
        return _json(
            {
                "cluster": {"peers": [], "status": "disabled"},
                "config": {"original": shapes.configuration(request.service)},
                "uptime": shapes.time(self._started),
                "versionInfo": version,
            }
        )

    async def _silences(self, request: _Request) -> Answer:
        wanted = [parse_matcher(text) for text in request.query.get("filter", ())]
        now = self._ctx.clock.now()
        found = await silences.list_silences(self._ctx, request.service.id)
        return _json(
            [shapes.silence(mute, now) for mute in found if all(matcher in mute.matchers for matcher in wanted)]
        )

    async def _silence(self, request: _Request) -> Answer:
        if (refusal := _bad_id(request.id)) is not None:
            return refusal
        try:
            found = await silences.get(self._ctx, request.service.id, request.id)
        except NotFound:
            return Answer(404)
        return _json(shapes.silence(found, self._ctx.clock.now()))

    async def _delete_silence(self, request: _Request) -> Answer:
        if (refusal := _bad_id(request.id)) is not None:
            return refusal
        try:
            await silences.expire(self._ctx, request.service.id, request.id, request.actor)
        except NotFound:
            return Answer(404)
        return Answer(200)

    async def _post_silence(self, request: _Request) -> Answer:
        if (refusal := self.wrong_type(request.scope)) is not None:
            return refusal
        draft = shapes.read_silence(request.body)
        if isinstance(draft, Refused):
            return _answer(draft)
        try:
            made = await silences.create(self._ctx, request.service.id, draft, request.actor)
        except NotFound as error:
            return _answer(go.quoted(404, str(error)))
        return _json({"silenceID": made})


async def _taken_elsewhere(request: _Request) -> Answer:
    """Alerts are posted to the door itself (api/doors.py); this only names the method as allowed."""
    raise AssertionError("the door takes alerts")


async def _healthy(request: _Request) -> Answer:
    return Answer(200, b"OK", "text/plain; charset=utf-8")


async def _maybe_in_thread(many: int, work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work) if many > MANY else work()


def not_found(path: str) -> Answer:
    return _answer(go.coded(404, f"path {path} was not found"))


def method_not_allowed(method: str, allowed: Sequence[str]) -> Answer:
    names = ",".join(allowed)
    refusal = go.coded(405, f"method {method} is not allowed, but [{names}] are")
    return Answer(405, refusal.body, headers=((b"allow", names.encode()),))


def _answer(refusal: Refused) -> Answer:
    return Answer(refusal.status, refusal.body, refusal.content_type)


def _json(value: Any) -> Answer:
    return Answer(200, encode(value) + b"\n")


def _bad_id(id: str) -> Answer | None:
    try:
        UUID(id)
    except ValueError:
        return _answer(go.coded(422, f'silenceID in path must be of type uuid: "{id[:100]}"', 601))
    return None
