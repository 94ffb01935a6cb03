"""`/a/{token}`: answering a page, or a message that named several, with nothing but its link. GET and HEAD never change anything."""

from __future__ import annotations

from typing import Any

from litestar import HttpMethod, Response, post, route
from litestar.params import FromPath

from tocsin.core.errors import Conflict
from tocsin.core.incident import OPEN
from tocsin.flow.respond import acknowledge_link
from tocsin.manage import desk, incidents
from tocsin.web.authentication import AnyRequest, context, viewer_of
from tocsin.web.pages import show

DOOR = {"open_door": True, "no_csrf": True}
HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@route(
    "/a/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], name="answer", opt=DOOR, include_in_schema=False
)
async def ask(request: AnyRequest, token: FromPath[str]) -> Response[bytes]:
    """A small page with one button. Changes nothing."""
    return await _page(request, token, "")


@post("/a/{token:str}", name="answer_form", opt=DOOR, status_code=200, include_in_schema=False)
async def answer(request: AnyRequest, token: FromPath[str]) -> Response[bytes]:
    """Acknowledge. Again, or after the end: 200 and a polite page."""
    try:
        changed = [result for result in await acknowledge_link(context(request), token) if result.changed]
    except Conflict:
        changed = []
    said = ""
    if len(changed) == 1:
        plain = changed[0].sentence == "Acknowledged"
        said = "You have it, and the paging stops." if plain else f"{changed[0].sentence}."
    if len(changed) > 1:
        said = f"You have all {len(changed)}, and the paging stops."
    return await _page(request, token, said)


async def _page(request: AnyRequest, token: str, said: str) -> Response[bytes]:
    """Raises NotFound."""
    ctx = context(request)
    found = await desk.linked(ctx, token)
    named: list[dict[str, Any]] = [await incidents.get(ctx, one.number) for one in found[: desk.MOST]]
    asked = await desk.waiting_for(ctx, found[0].user, [one["number"] for one in named]) if not said else {}
    waiting = [one for one in named if one["status"] == "detected" or one["number"] in asked] if not said else []
    shown = named[0] if len(named) == 1 else None
    return await show(
        request, viewer_of(request, found[0].user), "answer/ask.html" if shown else "answer/several.html", headers=HEADERS, incident=shown,
        named=named, more=len(found) - len(named), user=found[0].user, waits=bool(waiting), waiting=len(waiting),
        asked=asked.get(named[0]["number"]), is_open=any(one["status"] in OPEN for one in named), said=said,
        runbooks=await desk.runbooks(ctx, shown["number"]) if shown else [],
    )  # fmt: skip
