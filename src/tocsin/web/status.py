"""`/status` for whoever the door in front could not answer: pages that have to be made, private ones, and subscriptions.

Nothing here needs a session unless the page is private. Subscribing needs no token of ours either: it only makes the address be asked.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import HttpMethod, Response, get, post, route
from litestar.params import FromPath
from litestar.response import Redirect

from tocsin.core.errors import Invalid, NotFound, TocsinError, TooMany, Unauthenticated
from tocsin.core.permission import require
from tocsin.core.shape import short
from tocsin.manage import access, status_formats, status_pages
from tocsin.manage import status_subscribers as subscribers
from tocsin.web.authentication import SESSION, AnyRequest, address, context
from tocsin.web.errors import status_of
from tocsin.web.status_door import answer, below
from tocsin.web.status_html import bare_page
from tocsin.web.status_site import HTML, PAGE_HEADERS, StatusSite

OPEN = {"open_door": True}
DOOR = {"open_door": True, "no_csrf": True}
QUIET = {**PAGE_HEADERS, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def site_of(request: AnyRequest) -> StatusSite:
    found: StatusSite = request.app.state.status_site
    return found


async def _may_read(request: AnyRequest) -> Response[Any] | None:
    """None when this visitor may read the page; else where to go. Raises NotFound, Forbidden."""
    ctx = context(request)
    if status_pages.page_of(ctx.directory).public:
        return None
    cookie = request.cookies.get(SESSION)
    try:
        if not cookie:
            raise Unauthenticated("Sign in to go on.")
        require(await access.principal_of_session(ctx, cookie), "see_incidents")
    except Unauthenticated:
        if "/api/" in request.url.path or "/history." in request.url.path:
            raise
        return Redirect(f"/sign-in?next={quote(request.url.path)}", status_code=303)
    return None


@route(
    ["/status", "/status/{rest:path}"], http_method=[HttpMethod.GET, HttpMethod.HEAD], name="status", opt=OPEN,
    include_in_schema=False,
)  # fmt: skip
async def status(request: AnyRequest, rest: FromPath[str] = "") -> Response[Any]:
    """Raises NotFound, Unavailable."""
    if (elsewhere := await _may_read(request)) is not None:
        return elsewhere
    found = await site_of(request).doc(below(request.url.path) or "")
    code, body, headers = answer(
        *found, request.headers.get("if-none-match", ""), request.headers.get("accept-encoding", "")
    )
    return Response(body, status_code=code, headers=headers, media_type=headers["Content-Type"])


@post("/status/subscribe", name="status_subscribe", opt=DOOR, status_code=200, include_in_schema=False)
async def subscribe(request: AnyRequest) -> Response[Any]:
    """An address wants letters: it is asked to confirm. The answer is the same whether it is known or not."""
    if (elsewhere := await _may_read(request)) is not None:
        return elsewhere
    ctx, form = context(request), await request.form()
    page, code = status_pages.page_of(ctx.directory), status_pages.code_of(ctx)
    wanted = {str(value) for name, value in form.multi_items() if name == "component"}
    named = [one.id for one in page.components if code(f"component:{one.id}") in wanted]
    try:
        await subscribers.ask(ctx, str(form.get("address", "")), named, address(request))
    except (Invalid, TooMany) as error:
        return await _note(request, "Not subscribed", str(error), status_of(error))
    return await _note(
        request, "Look into your mail", "We sent a letter to this address. Follow its link to confirm: until then nothing else is sent."
    )  # fmt: skip


@post(
    "/status/api/v2/subscribers.json", name="status_subscribers", opt=DOOR, status_code=200, include_in_schema=False
)  # fmt: skip
async def subscribe_program(request: AnyRequest) -> Response[Any]:
    """The same for programs, in the shape of statuspage.io: `{"subscriber": {"email", "component_ids"?}}`, or its fields as a form.

    Errors as there: `{"error": SENTENCE}` with 404, 409, 422, 429.
    """
    ctx = context(request)
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    try:
        if (elsewhere := await _may_read(request)) is not None:
            return elsewhere
        wish = subscribers.read_wish(await request.body(), request.headers.get("content-type", ""))
        page, code = status_pages.page_of(ctx.directory), status_pages.code_of(ctx)
        named = {code(f"component:{one.id}"): one.id for one in page.components}
        if strange := [one for one in wish.component_ids if one not in named]:
            raise Invalid(
                f"{short(strange[0])} is not the id of a component: see components.json", "/subscriber/component_ids"
            )
        await subscribers.ask(ctx, wish.email, [named[one] for one in wish.component_ids], address(request))
    except TocsinError as error:
        return Response({"error": str(error)}, status_code=status_of(error), headers=headers)
    return Response(status_formats.subscriber(status_pages.frame(ctx), wish.email), headers=headers)


@get("/status/confirm/{token:str}", name="status_confirm", opt=OPEN, include_in_schema=False)
async def confirm_form(request: AnyRequest, token: FromPath[str]) -> Response[Any]:
    """Asks once more: programs that look into letters before people do must not confirm anything."""
    try:
        found = await subscribers.linked(context(request), "confirm", token)
    except NotFound as error:
        return await _note(request, "This link does not work", str(error), 404)
    return await _note(
        request, "Confirm your subscription", f"{found.address} gets a letter for every update.", button="Confirm"
    )


@post("/status/confirm/{token:str}", name="status_confirmed", opt=DOOR, status_code=200, include_in_schema=False)
async def confirm(request: AnyRequest, token: FromPath[str]) -> Response[Any]:
    try:
        found = await subscribers.confirm(context(request), token)
    except NotFound as error:
        return await _note(request, "This link does not work", str(error), 404)
    return await _note(
        request, "You are subscribed", f"{found.address} hears of incidents and of maintenance from now on."
    )


@get("/status/unsubscribe/{token:str}", name="status_unsubscribe", opt=OPEN, include_in_schema=False)
async def unsubscribe_form(request: AnyRequest, token: FromPath[str]) -> Response[Any]:
    try:
        found = await subscribers.linked(context(request), "unsubscribe", token)
    except NotFound as error:
        return await _note(request, "Nothing to do", str(error), 404)
    return await _note(request, "Unsubscribe", f"{found.address} gets no letters any more.", button="Unsubscribe")


@post("/status/unsubscribe/{token:str}", name="status_unsubscribed", opt=DOOR, status_code=200, include_in_schema=False)
async def unsubscribe(request: AnyRequest, token: FromPath[str]) -> Response[Any]:
    """Also what mail programs send by themselves when somebody clicks there (RFC 8058): it needs nothing but the address."""
    try:
        was = await subscribers.leave(context(request), token)
    except NotFound as error:
        return await _note(request, "This link does not work", str(error), 404)
    return await _note(request, "You are unsubscribed", f"{was or 'This address'} gets no letters any more.")


async def _note(request: AnyRequest, heading: str, sentence: str, code: int = 200, button: str = "") -> Response[bytes]:
    """A small page in the frame of the status page. Raises NotFound, Unavailable."""
    ctx = context(request)
    page = status_pages.frame(ctx)
    body = bare_page(page, "status/note.html", ctx.clock.now(), heading=heading, sentence=sentence, button=button)
    return Response(body, status_code=code, media_type=HTML, headers=QUIET)


ROUTES = [status, subscribe, subscribe_program, confirm_form, confirm, unsubscribe_form, unsubscribe]
