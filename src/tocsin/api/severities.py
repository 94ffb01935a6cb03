"""The severity matrix: what each severity means, for the organisation and for one service."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, put
from litestar.handlers import HTTPRouteHandler

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import severities

_PUT = """Body: changes by severity, like `{"sev1_critical": {"response_time": "3m"}}`, or what a GET answers (its `overrides` count).
`dry_run` changes nothing. The answer holds `changes`."""


@get("/severities", guards=may("see_configuration"), summary="The severity matrix of the organisation")
async def organisation(request: AnyRequest) -> Response[bytes]:
    """`severities` hold; `overrides` are what differs from `inherited`; `business_hours` are those of nobody's team."""
    return reply(severities.view(context(request)))


@get("/services/{id:str}/severities", guards=may("see_configuration"), summary="The severity matrix of one service")
async def of_service(request: AnyRequest, id: str) -> Response[bytes]:
    """`severities` hold for its new incidents; `overrides` are what differs from the organisation's (`inherited`)."""
    return reply(severities.view(context(request), id))


@get("/severities/changes", guards=may("see_configuration"), summary="Who changed the severity matrix, newest first")
async def trail(request: AnyRequest, service: str | None = None) -> Response[bytes]:
    """Of the organisation, or of `service`."""
    return reply({"items": await severities.trail(context(request), service), "next": None})


@put(
    "/severities", guards=may("configure"), summary="Replace what the organisation decides otherwise", description=_PUT
)
async def put_organisation(request: AnyRequest, data: Any, dry_run: bool = False) -> Response[bytes]:
    return await _put(request, data, None, dry_run)


@put(
    "/services/{id:str}/severities", guards=may("configure"), summary="Replace what a service decides otherwise",
    description=_PUT,
)  # fmt: skip
async def put_service(request: AnyRequest, id: str, data: Any, dry_run: bool = False) -> Response[bytes]:
    return await _put(request, data, id, dry_run)


async def _put(request: AnyRequest, data: Any, service: str | None, dry_run: bool) -> Response[bytes]:
    async def act() -> Json:
        return await severities.put(context(request), principal_of(request), data, service, dry_run=dry_run)

    return await write(request, act)


ROUTES: list[HTTPRouteHandler] = [organisation, of_service, trail, put_organisation, put_service]
