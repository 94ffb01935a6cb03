"""Answers of the API: JSON, and writes that are done once per Idempotency-Key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request, Response

from tocsin.api.authentication import context, principal_of
from tocsin.manage import idempotency
from tocsin.manage.idempotency import Answer, fingerprint

AnyRequest = Request[Any, Any, Any]
Json = dict[str, Any]


def reply(body: Any, status: int = 200) -> Response[bytes]:
    """A JSON answer that nobody caches."""
    return _response(Answer(status, msgspec.json.encode(body)))


def _response(answer: Answer) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(answer.body, status_code=answer.status, media_type="application/json", headers=headers)


async def write(request: AnyRequest, act: Callable[[], Awaitable[Any]], status: int = 200) -> Response[bytes]:
    """Do `act` and answer with what it returns; with an Idempotency-Key only the first time it is asked."""

    async def acted() -> Answer:
        return Answer(status, msgspec.json.encode(await act()))

    key = request.headers.get("idempotency-key")
    if key is None:
        return _response(await acted())
    request_hash = fingerprint(request.method, request.url.path, await request.body())
    principal = principal_of(request)
    return _response(await idempotency.once(context(request), principal.id, key, request_hash, acted))
