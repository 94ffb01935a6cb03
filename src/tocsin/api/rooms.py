"""Rooms outside: how each does, what it was told, and the signed door through which people answer from there."""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get, post
from litestar.params import FromPath

from tocsin.api import problems
from tocsin.api.answers import AnyRequest, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import number_of
from tocsin.manage import rooms

DOOR: dict[str, Any] = {"open_door": True}
LIMIT = 64 * 1024
"""The longest message, in bytes."""


@get("/rooms", guards=may("see_configuration"), summary="Rooms outside, and how each does", operation_id="list_rooms")
async def list_rooms(request: AnyRequest, limit: int = 100, cursor: str | None = None) -> Response[bytes]:
    return reply(await rooms.list_rooms(context(request), principal_of(request), limit, cursor))


@get("/rooms/{id:str}", guards=may("see_configuration"), summary="One room outside, with its last failures")
async def get_room(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await rooms.get(context(request), principal_of(request), id))


@get("/incidents/{id:str}/rooms", guards=may("see_pages"), summary="The rooms of an incident, the built-in one first")
async def rooms_of(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await rooms.of_incident(context(request), number_of(id)))


@get(
    "/incidents/{id:str}/rooms/{room:str}/events",
    guards=may("see_pages"),
    summary="What a room was told, and what became of it",
)
async def room_events(
    request: AnyRequest, id: FromPath[str], room: FromPath[str], limit: int = 100, cursor: str | None = None
) -> Response[bytes]:
    return reply(await rooms.events(context(request), number_of(id), room, cursor, limit))


@post(
    "/incidents/{id:str}/rooms/{room:str}/retry", guards=may("respond"), status_code=200,
    summary="Tell a room again what failed, and now what waits",
)  # fmt: skip
async def retry(request: AnyRequest, id: FromPath[str], room: FromPath[str]) -> Response[bytes]:
    ctx, number = context(request), number_of(id)

    async def act() -> Any:
        done = await rooms.retry(ctx, number, room)
        return {"changed": done.changed, "sentence": done.sentence}

    return await write(request, act)


@post("/talk/{room:str}", status_code=201, opt=DOOR, include_in_schema=False)
async def talk(request: AnyRequest, room: FromPath[str]) -> Response[bytes]:
    """Somebody said something in a room outside. Signed with the room's secret (Standard Webhooks)."""
    answer = await rooms.said(context(request), room, dict(request.headers), await request.body())
    return Response(
        answer.body, status_code=answer.status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )


ROUTES = [list_rooms, get_room, rooms_of, room_events, retry]


def create_talk_routes() -> Router:
    """The door that rooms outside call."""
    return Router(
        "/",
        route_handlers=[talk],
        exception_handlers=problems.HANDLERS,
        request_max_body_size=LIMIT,
        include_in_schema=False,
    )
