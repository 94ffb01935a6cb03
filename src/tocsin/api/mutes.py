"""Mutes: silences and maintenance windows, once or planned."""

from __future__ import annotations

from typing import Any

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import mutes
from tocsin.manage.lists import DEFAULT


@get("/mutes", guards=may("see_alerts"), summary="List mutes: active ones, those to come, ended ones")
async def list_mutes(
    request: AnyRequest,
    status: FromQuery[str | None] = None,
    service: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`status` is `active`, `pending` or `expired`. Ended ones are listed for five days."""
    return reply(await mutes.list_mutes(context(request), status=status, service=service, limit=limit, cursor=cursor))


@get("/mutes/{id:str}", guards=may("see_alerts"), summary="One mute, and the alerts that it holds back right now")
async def get_mute(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """`id` is the UUID of a mute, or the id of a planned one."""
    return reply(await mutes.get(context(request), id))


@post(
    "/mutes",
    guards=may("mute"),
    summary="Mute alerts, once (ends_at or duration) or planned (rrule, during, from and to)",
)
async def create_mute(request: AnyRequest, data: Any) -> Response[bytes]:
    """`reason`, `matchers` and/or `services`; `kind` is `silence` or `maintenance`."""

    async def act() -> Json:
        return await mutes.create(context(request), principal_of(request), data)

    return await write(request, act, 201)


@post("/mutes/preview", guards=may("mute"), status_code=200, summary="What a mute would match right now; makes nothing")
async def preview_mute(request: AnyRequest, data: Any) -> Response[bytes]:
    """The body of `POST /mutes`; answers the open alerts that match, the next windows, and what is worth a second thought."""
    return reply(await mutes.preview(context(request), principal_of(request), data))


@patch("/mutes/{id:str}", guards=may("mute"), summary="Change the end (ends_at or duration) or the reason of a mute")
async def change_mute(request: AnyRequest, id: FromPath[str], data: Any) -> Response[bytes]:
    async def act() -> Json:
        return await mutes.change(context(request), principal_of(request), id, data)

    return await write(request, act)


@delete(
    "/mutes/{id:str}",
    guards=may("mute"),
    status_code=200,
    summary="End a mute now, or by its id a planned one altogether",
)
async def end_mute(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """What it was. One window of a planned mute is ended by its UUID: the next ones come."""

    async def act() -> Json:
        return await mutes.end(context(request), principal_of(request), id)

    return await write(request, act)


ROUTES = [list_mutes, get_mute, create_mute, preview_mute, change_mute, end_mute]
