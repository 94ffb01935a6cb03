"""One's own account: password, theme, time zone, signing out."""

from __future__ import annotations

import secrets
from typing import Any
from zoneinfo import available_timezones

from litestar import Response, get, post

from tocsin.core.errors import Invalid
from tocsin.core.notification import plan
from tocsin.manage import access
from tocsin.web.authentication import (
    SESSION,
    THEME,
    ZONE,
    AnyRequest,
    address,
    choice_cookie,
    context,
    fields,
    may,
    session_cookie,
    viewer_of,
)
from tocsin.web.devices import devices_data
from tocsin.web.pages import go, show
from tocsin.web.viewer import theme_named


@get("/account", guards=may(), name="account", include_in_schema=False)
async def account(request: AnyRequest) -> Response[bytes]:
    return await _page(request, {})


@get("/welcome", guards=may(), name="welcome", include_in_schema=False)
async def welcome(request: AnyRequest) -> Response[bytes]:
    """What to do first: a password, a way to be reached, a configuration, a test alert; each for whom it is."""
    ctx, viewer = context(request), viewer_of(request)
    me = ctx.directory.users.get(viewer.user or "")
    return await show(
        request, viewer, "account/welcome.html", wrong={}, url=ctx.settings.external_url, first_key=secrets.token_hex(16),
        needs_password=await access.needs_password(ctx, viewer.someone), me=me,
        reached=list(dict.fromkeys(method.id for _, method in plan(me, "high"))) if me else [],
        services=sorted(ctx.directory.services.values(), key=lambda s: s.id),
    )  # fmt: skip


@post("/account/password", guards=may(), name="set_password", status_code=200, include_in_schema=False)
async def set_password(request: AnyRequest) -> Response[Any]:
    ctx, viewer, given = context(request), viewer_of(request), await fields(request)
    try:
        if given.get("password") != given.get("again"):
            raise Invalid("The two passwords differ: type the same one twice", "/again")
        await access.set_password(
            ctx, viewer.someone, request.cookies[SESSION], given.get("password", ""), given.get("current", ""),
            address(request),
        )  # fmt: skip
    except Invalid as error:
        return await _page(request, {error.pointer.strip("/"): str(error)}, 422)
    first = given.get("from") == "welcome"
    return go("/welcome" if first else "/account", "Your password is set. Every other browser of yours is signed out.")


@post("/account/view", guards=may(), name="choose_view", status_code=200, include_in_schema=False)
async def choose_view(request: AnyRequest) -> Response[Any]:
    """Theme and time zone of this browser."""
    ctx, given = context(request), await fields(request)
    theme, zone = theme_named(given.get("theme")), given.get("zone", "").strip()
    if zone and zone not in available_timezones():
        return await _page(request, {"zone": f"{zone!r} is not a time zone: write it like Europe/Berlin"}, 422)
    chosen = choice_cookie(ctx, THEME, "" if theme == "auto" else theme), choice_cookie(ctx, ZONE, zone)
    return go("/account", "Saved for this browser.", cookies=chosen)


@post("/account/sign-out-elsewhere", guards=may(), name="sign_out_elsewhere", status_code=200, include_in_schema=False)
async def sign_out_elsewhere(request: AnyRequest) -> Response[Any]:
    ended = await access.sign_out_elsewhere(context(request), viewer_of(request).someone, request.cookies[SESSION])
    return go("/account", f"Signed out in {ended} other browser{'' if ended == 1 else 's'}.")


@post("/sign-out", guards=may(), name="sign_out", status_code=200, include_in_schema=False)
async def sign_out(request: AnyRequest) -> Response[Any]:
    ctx = context(request)
    await access.sign_out(ctx, request.cookies.get(SESSION, ""))
    return go("/sign-in", "You are signed out.", cookies=(session_cookie(ctx, ""),))


async def _page(request: AnyRequest, wrong: dict[str, str], status: int = 200) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    person = access.user_of(ctx, viewer.someone)
    return await show(
        request, viewer, "account/account.html", status, wrong=wrong, person=person, devices=await devices_data(request),
        asks_current=await access.asks_current_password(ctx, request.cookies[SESSION]),
        chosen_zone=request.cookies.get(ZONE, ""), zones=sorted(available_timezones()),
    )  # fmt: skip
