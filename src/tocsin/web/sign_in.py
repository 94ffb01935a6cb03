"""Signing in: by password, or by a link that works once."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import TooMany, Unauthenticated
from tocsin.manage import access
from tocsin.web.authentication import (
    AnyRequest,
    address,
    agent,
    context,
    fields,
    safe_next,
    session_cookie,
    viewer_of,
)
from tocsin.web.pages import go, show

OPEN = {"open_door": True}
PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@get("/sign-in", name="sign_in", opt=OPEN, include_in_schema=False)
async def form(request: AnyRequest) -> Response[bytes]:
    return await _form(request, {"next": request.query_params.get("next", "")}, "")


@post("/sign-in", name="sign_in_form", opt=OPEN, status_code=200, include_in_schema=False)
async def sign_in(request: AnyRequest) -> Response[Any]:
    ctx, given = context(request), await fields(request)
    try:
        cookie = await access.sign_in(
            ctx, given.get("user", ""), given.get("password", ""), address(request), agent(request)
        )
    except Unauthenticated as error:
        return await _form(request, given, str(error), 401)
    except TooMany as error:
        return await _form(request, given, str(error), 429, {"Retry-After": str(error.retry_after)})
    return go(safe_next(given), cookies=(session_cookie(ctx, cookie),))


@get("/sign-in/{link:str}", name="sign_in_link", opt=OPEN, include_in_schema=False)
async def link(request: AnyRequest, link: FromPath[str]) -> Response[bytes]:
    """Asks once more: programs that look into links before people do must not spend it."""
    viewer = viewer_of(request)
    try:
        owner = await access.link_owner(context(request), link)
    except Unauthenticated as error:
        return await show(request, viewer, "sign_in/spent.html", 410, headers=PRIVATE, sentence=str(error))
    return await show(request, viewer, "sign_in/link.html", headers=PRIVATE, link=link, name=owner.name)


@post("/sign-in/{link:str}", name="use_link", opt=OPEN, status_code=200, include_in_schema=False)
async def use_link(request: AnyRequest, link: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    try:
        cookie = await access.use_link(ctx, link, agent(request))
    except Unauthenticated as error:
        return await show(request, viewer_of(request), "sign_in/spent.html", 410, headers=PRIVATE, sentence=str(error))
    return go("/welcome", cookies=(session_cookie(ctx, cookie),))


async def _form(
    request: AnyRequest, given: dict[str, str], wrong: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    shown = {"user": given.get("user", ""), "next": safe_next(given, "")}
    return await show(
        request, viewer_of(request), "sign_in/form.html", status, {"Cache-Control": "no-store", **(headers or {})},
        given=shown, wrong=wrong,
    )  # fmt: skip
