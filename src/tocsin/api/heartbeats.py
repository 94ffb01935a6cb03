"""Heartbeats: how they stand, their pings, and pausing. They are configured like every other object (api/configuration.py)."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import heartbeats
from tocsin.manage.lists import DEFAULT


@get("/heartbeats", guards=may("see_services"), summary="List heartbeats and how they stand")
async def list_heartbeats(
    request: AnyRequest,
    status: FromQuery[str | None] = None,
    service: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`status` is `new`, `up`, `started`, `late`, `down` or `paused`."""
    return reply(
        await heartbeats.list_heartbeats(
            context(request), principal_of(request), status=status, service=service, limit=limit, cursor=cursor
        )
    )


@get("/heartbeats/{id:str}", guards=may("see_services"), summary="One heartbeat and its last pings, newest first")
async def get_heartbeat(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await heartbeats.get(context(request), principal_of(request), id))


@post(
    "/heartbeats/{id:str}/pause",
    guards=may("mute"),
    status_code=200,
    summary="Say nothing of a heartbeat until it pings or is resumed",
)
async def pause_heartbeat(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return await heartbeats.pause(context(request), principal_of(request), id, True)

    return await write(request, act)


@post(
    "/heartbeats/{id:str}/resume",
    guards=may("mute"),
    status_code=200,
    summary="Watch a heartbeat again, as if it had pinged now",
)
async def resume_heartbeat(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return await heartbeats.pause(context(request), principal_of(request), id, False)

    return await write(request, act)


ROUTES = [list_heartbeats, get_heartbeat, pause_heartbeat, resume_heartbeat]
