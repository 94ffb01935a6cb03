"""Checklists of those who are new on call."""

from __future__ import annotations

from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import newcomers


@get("/newcomers", guards=may("see_on_call"), summary="List the checklists of those who are new on call")
async def list_newcomers(
    request: AnyRequest, team: FromQuery[str | None] = None, signed: FromQuery[bool | None] = None
) -> Response[bytes]:
    """Everybody who shadows has one; those that nobody signed come first."""
    return reply(await newcomers.list_newcomers(context(request), team=team, signed=signed))


@get("/newcomers/{user:str}", guards=may("see_on_call"), summary="One checklist")
async def get_newcomer(request: AnyRequest, user: FromPath[str], team: FromQuery[str | None] = None) -> Response[bytes]:
    return reply(await newcomers.get(context(request), user, team))


@post("/newcomers", guards=may("cover"), summary="Open a checklist, or name the mentor of one")
async def open_one(request: AnyRequest, data: JSONBody[newcomers.Opening]) -> Response[bytes]:
    async def act() -> Json:
        return await newcomers.open_one(context(request), data, principal_of(request))

    return await write(request, act, 201)


@post("/newcomers/{user:str}/tick", guards=may("respond"), status_code=200, summary="Tick an item by hand")
async def tick(request: AnyRequest, user: FromPath[str], data: JSONBody[newcomers.Tick]) -> Response[bytes]:
    """The newcomer may, and whoever may sign. `done: false` takes a tick back."""

    async def act() -> Json:
        return await newcomers.tick(context(request), user, data, principal_of(request))

    return await write(request, act)


@post("/newcomers/{user:str}/sign", guards=may("respond"), status_code=200, summary="Sign a checklist, as a mentor")
async def sign(request: AnyRequest, user: FromPath[str], data: JSONBody[newcomers.Signature]) -> Response[bytes]:
    """409 while something on it is open; never the newcomer."""

    async def act() -> Json:
        return await newcomers.sign(context(request), user, data, principal_of(request))

    return await write(request, act)


@delete("/newcomers/{user:str}/sign", guards=may("respond"), status_code=200, summary="Take a signature back")
async def withdraw(request: AnyRequest, user: FromPath[str], team: FromQuery[str | None] = None) -> Response[bytes]:
    async def act() -> Json:
        return await newcomers.withdraw(context(request), user, team, principal_of(request))

    return await write(request, act)


ROUTES = [list_newcomers, get_newcomer, open_one, tick, sign, withdraw]
