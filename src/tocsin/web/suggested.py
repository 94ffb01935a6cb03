"""`/e/{token}`: whoever leads an incident escalates it with nothing but the link they were sent. GET and HEAD never change anything."""

from __future__ import annotations

from litestar import HttpMethod, Response, post, route
from litestar.params import FromPath

from tocsin.core.errors import Conflict, Invalid
from tocsin.flow import suggested
from tocsin.manage import incidents
from tocsin.web.answers import DOOR, HEADERS
from tocsin.web.authentication import AnyRequest, context, fields, viewer_of
from tocsin.web.pages import show


@route(
    "/e/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], name="suggested", opt=DOOR, include_in_schema=False
)
async def ask(request: AnyRequest, token: FromPath[str]) -> Response[bytes]:
    """A small page with one button. Changes nothing."""
    return await _page(request, token)


@post("/e/{token:str}", name="suggested_form", opt=DOOR, status_code=200, include_in_schema=False)
async def answer(request: AnyRequest, token: FromPath[str]) -> Response[bytes]:
    """Escalate. Again, or after the end: 200 and a polite page."""
    given = await fields(request)
    try:
        result = await suggested.accept(context(request), token, given.get("reason", "").strip())
    except Conflict as error:
        return await _page(request, token, told=str(error))
    except Invalid as error:
        return await _page(request, token, told=str(error), status=422)
    return await _page(request, token, said=f"{result.sentence}.")


async def _page(request: AnyRequest, token: str, said: str = "", told: str = "", status: int = 200) -> Response[bytes]:
    """Raises NotFound."""
    ctx = context(request)
    found = await suggested.asked(ctx, token)
    return await show(
        request, viewer_of(request, found.user), "answer/suggested.html", status, headers=HEADERS, user=found.user,
        asks=found.stands, said=said, told=told, incident=await incidents.get(ctx, found.number),
    )  # fmt: skip


ROUTES = (ask, answer)
