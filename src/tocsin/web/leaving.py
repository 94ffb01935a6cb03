"""Everybody, and what depends on each: whoever leaves hands all of it to somebody else in one act."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Conflict, Invalid
from tocsin.manage import leaving, oncall
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show


@get("/people", guards=may("see_on_call"), name="people", include_in_schema=False)
async def everybody(request: AnyRequest) -> Response[bytes]:
    """By name, with their teams and where they are on call now."""
    ctx = context(request)
    on_call: dict[str, list[dict[str, Any]]] = {}
    for item in (await oncall.now(ctx))["items"]:
        on_call.setdefault(item["user"], []).append(item)
    teams: dict[str, list[str]] = {}
    for team in ctx.directory.teams.values():
        for member in dict.fromkeys((*team.members, *((team.manager,) if team.manager else ()))):
            teams.setdefault(member, []).append(team.name or team.id)
    people = sorted(ctx.directory.users.values(), key=lambda one: one.label.lower())
    return await show(request, viewer_of(request), "people/list.html", people=people, on_call=on_call, teams=teams)


@get("/people/{id:str}", guards=may("see_on_call"), name="person", include_in_schema=False)
async def person(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return await _page(request, id)


@post("/people/{id:str}/hand-over", guards=may("configure"), status_code=200, include_in_schema=False)
async def hand_over(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx, viewer, given = context(request), viewer_of(request), await fields(request)
    to, remove = given.get("to", ""), given.get("remove") == "yes"
    try:
        done = await leaving.hand_over(ctx, viewer.someone, id, to, remove=remove)
    except (Conflict, Invalid) as error:
        return await _page(request, id, error)
    said = f"{ctx.directory.users[to].label} has it now: {len(done['changed'])} changed. Those whose shifts changed are told."
    return go("/people" if remove else f"/people/{quote(id)}", said)


async def _page(request: AnyRequest, id: str, error: Exception | None = None) -> Response[bytes]:
    ctx = context(request)
    found = leaving.depends(ctx, id)
    others = sorted((one for one in ctx.directory.users.values() if one.id != id), key=lambda one: one.label.lower())
    status = 200 if error is None else 409 if isinstance(error, Conflict) else 422
    return await show(
        request, viewer_of(request), "people/person.html", status, person=ctx.directory.users[id], found=found, others=others,
        origin=ctx.directory.origins.get(("users", id)), wrong=_sentence(error) if error else "",
    )  # fmt: skip


def _sentence(error: Exception) -> str:
    return "; ".join(problem.message for problem in error.problems) if isinstance(error, Invalid) else str(error)


ROUTES = [everybody, person, hand_over]
