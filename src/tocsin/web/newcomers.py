"""Checklists of those who are new on call: who is how far, ticks by hand, a mentor's signature."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Conflict, Forbidden, Invalid
from tocsin.manage import newcomers
from tocsin.manage.newcomers import Opening, Signature, Tick
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.pages import go, show


@get("/newcomers", guards=may("see_on_call"), name="newcomers", include_in_schema=False)
async def list_newcomers(request: AnyRequest) -> Response[bytes]:
    """Those whom nobody signed for, then the others."""
    return await _list(request)


async def _list(request: AnyRequest, status: int = 200, problem: str = "", **given: str) -> Response[bytes]:
    ctx = context(request)
    found = await newcomers.list_newcomers(ctx)
    return await show(
        request, viewer_of(request), "newcomers/list.html", status, items=found["items"], problem=problem, given=given,
        people=sorted(ctx.directory.users.values(), key=lambda user: user.label.lower()),
        teams=sorted(ctx.directory.teams.values(), key=lambda team: (team.name or team.id).lower()),
    )  # fmt: skip


@get("/newcomers/{user:str}", guards=may("see_on_call"), name="newcomer", include_in_schema=False)
async def newcomer(request: AnyRequest, user: FromPath[str]) -> Response[bytes]:
    return await _page(request, user, asked(request, "team") if "team" in request.query_params else None)


async def _page(
    request: AnyRequest, user: str, team: str | None, status: int = 200, problem: str = ""
) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found = await newcomers.get(ctx, user, team)
    signs = viewer.may("respond") and newcomers.may_sign(
        ctx.directory, (user, found["team"] or ""), found["mentor"], viewer.someone
    )
    return await show(
        request, viewer, "newcomers/newcomer.html", status, found=found, signs=signs, problem=problem,
        ticks=viewer.may("respond") and (signs or viewer.user == user) and not found["ready"],
        people=sorted(ctx.directory.users.values(), key=lambda one: one.label.lower()),
    )  # fmt: skip


def _back(user: str, team: str) -> str:
    return f"/newcomers/{quote(user, safe='')}?team={quote(team, safe='')}"


@post("/newcomers", guards=may("cover"), status_code=200, include_in_schema=False)
async def open_one(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    wanted = Opening(user=given.get("user", ""), team=given.get("team") or None, mentor=given.get("mentor", "") or None)
    try:
        found = await newcomers.open_one(context(request), wanted, viewer_of(request).someone)
    except (Conflict, Invalid) as error:
        return await _list(request, 422, str(error), **given)
    return go(_back(found["user"], found["team"] or ""), f"The checklist of {found['name']} is open.")


@post("/newcomers/{user:str}/tick", guards=may("respond"), status_code=200, include_in_schema=False)
async def tick(request: AnyRequest, user: FromPath[str]) -> Response[Any]:
    given = await fields(request)
    team = given.get("team", "")
    wanted = Tick(item=given.get("item", ""), done=given.get("done") == "1", team=team)
    try:
        await newcomers.tick(context(request), user, wanted, viewer_of(request).someone)
    except (Conflict, Forbidden, Invalid) as error:
        return await _page(request, user, team, 422, str(error))
    return go(_back(user, team), "Ticked." if wanted.done else "No longer ticked.")


@post("/newcomers/{user:str}/sign", guards=may("respond"), status_code=200, include_in_schema=False)
async def sign(request: AnyRequest, user: FromPath[str]) -> Response[Any]:
    given = await fields(request)
    team, someone = given.get("team", ""), viewer_of(request).someone
    try:
        wanted = Signature(note=given.get("note", ""), team=team)
        found = await newcomers.sign(context(request), user, wanted, someone)
    except (Conflict, Forbidden, Invalid) as error:
        return await _page(request, user, team, 422, str(error))
    return go(_back(user, team), f"Signed: {found['name']} is ready to be on call alone.")


@post("/newcomers/{user:str}/withdraw", guards=may("respond"), status_code=200, include_in_schema=False)
async def withdraw(request: AnyRequest, user: FromPath[str]) -> Response[Any]:
    given = await fields(request)
    team = given.get("team", "")
    try:
        await newcomers.withdraw(context(request), user, team, viewer_of(request).someone)
    except (Conflict, Forbidden, Invalid) as error:
        return await _page(request, user, team, 422, str(error))
    return go(_back(user, team), "The signature is taken back.")


ROUTES = (list_newcomers, newcomer, open_one, tick, sign, withdraw)
