"""`/a/{token}`: answering a page with nothing but its link. GET and HEAD never change anything."""

from __future__ import annotations

from litestar import HttpMethod, Response, post, route
from litestar.params import FromPath

from tocsin.core.errors import Conflict, NotFound
from tocsin.core.incident import OPEN
from tocsin.flow.message import page_of_link
from tocsin.flow.respond import acknowledge_page
from tocsin.manage import desk, incidents
from tocsin.web.authentication import AnyRequest, context, viewer_of
from tocsin.web.pages import show

DOOR = {"open_door": True, "no_csrf": True}
HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


async def _page(request: AnyRequest, token: str) -> tuple[int, desk.Paged]:
    """The page behind the link and what it is about. Raises NotFound."""
    page = page_of_link(context(request), token)
    if page is None:
        raise NotFound("This link is not one of ours, or was cut short on its way.")
    return page, await desk.paged(context(request), page)


@route(
    "/a/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], name="answer", opt=DOOR, include_in_schema=False
)
async def ask(request: AnyRequest, token: FromPath[str]) -> Response[bytes]:
    """A small page with one button. Changes nothing."""
    _, paged = await _page(request, token)
    incident = await incidents.get(context(request), paged.number)
    return await show(
        request, viewer_of(request), "answer/ask.html", headers=HEADERS, incident=incident, user=paged.user,
        waits=incident["status"] == "detected", is_open=incident["status"] in OPEN, said="",
    )  # fmt: skip


@post("/a/{token:str}", name="answer_form", opt=DOOR, status_code=200, include_in_schema=False)
async def answer(request: AnyRequest, token: FromPath[str]) -> Response[bytes]:
    """Acknowledge. Again, or after the end: 200 and a polite page."""
    ctx = context(request)
    page, paged = await _page(request, token)
    try:
        result = await acknowledge_page(ctx, page)
        said = "You have it. Everyone who was paged knows." if result.changed else ""
    except Conflict:
        said = ""
    incident = await incidents.get(ctx, paged.number)
    return await show(
        request, viewer_of(request), "answer/ask.html", headers=HEADERS, incident=incident, user=paged.user,
        waits=False, is_open=incident["status"] in OPEN, said=said,
    )  # fmt: skip
