"""Cookies and forms: who is signed in, and that a form was really sent from one of our pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers.base import BaseRouteHandler

from tocsin.core.errors import Forbidden, Unauthenticated
from tocsin.core.permission import Permission, Principal, require
from tocsin.flow.context import Context
from tocsin.manage import access, privacy
from tocsin.web.flashes import read_flash
from tocsin.web.viewer import Viewer, theme_named, zone_named

SESSION = "tocsin_session"
VISITOR = "tocsin_visitor"
"""Ties the forms of someone who is not signed in to their browser."""
THEME = "tocsin_theme"
ZONE = "tocsin_zone"
BROWSER_ZONE = "tocsin_browser_zone"
A_YEAR = 365 * 24 * 3600

Connection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


def context(request: Connection) -> Context:
    ctx: Context = request.app.state.ctx
    return ctx


def is_live(request: Connection) -> bool:
    """True when htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def address(request: AnyRequest) -> str:
    return request.client.host if request.client else ""


def agent(request: AnyRequest) -> str:
    return request.headers.get("user-agent", "")


# --- who --------------------------------------------------------------------------------------------------------------


def may(permission: Permission | None = None) -> list[Guard]:
    """The guards of a page that opens after signing in, and needs `permission`. Raises Unauthenticated, Forbidden."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        cookie = connection.cookies.get(SESSION)
        if not cookie:
            raise Unauthenticated("Sign in to go on.")
        principal = await access.principal_of_session(context(connection), cookie)
        connection.state.viewer = _viewer(connection, principal)
        if permission is not None:
            require(principal, permission)
        await privacy.enter(
            context(connection), principal, privacy.named(connection.scope["path"], connection.path_params.get("id"))
        )

    guard.permission = permission  # type: ignore[attr-defined]
    return [guard]


def viewer_of(request: AnyRequest, owner: str | None = None) -> Viewer:
    """Who passed the guard of this page, or nobody in particular on a page that is open to everyone.

    `owner`: whose own link it is; the times are then in this person's zone, as in the message that the link came in.
    """
    found: Viewer | None = getattr(request.state, "viewer", None)
    return found or _viewer(request, None, owner)


def _viewer(request: Connection, principal: Principal | None, owner: str | None = None) -> Viewer:
    ctx, cookies = context(request), request.cookies
    known = access.user_of(ctx, principal) if principal else ctx.directory.users.get(owner or "")
    browser = unquote(cookies.get(BROWSER_ZONE, ""))
    zones = (cookies.get(ZONE), known.time_zone if known and known.time_zone != "UTC" else None, browser)
    return Viewer(
        principal=principal,
        zone=zone_named(*zones),
        theme=theme_named(cookies.get(THEME)),
        csrf=csrf_token(ctx.secret, _binding(request)),
        now=ctx.clock.now(),
        path=request.url.path,
        flash=read_flash(request),
        live=is_live(request),
    )


# --- forms ------------------------------------------------------------------------------------------------------------


def csrf_token(secret: bytes, binding: str) -> str:
    """A new token for forms of the browser that holds the cookie `binding`; different each time, so that compression
    cannot give it away."""
    salt = secrets.token_hex(8)
    return f"{salt}.{_csrf_signature(secret, binding, salt)}"


def csrf_fits(secret: bytes, binding: str, token: str) -> bool:
    salt, _, signature = token.partition(".")
    return bool(binding) and hmac.compare_digest(_csrf_signature(secret, binding, salt).encode(), signature.encode())


def _csrf_signature(secret: bytes, binding: str, salt: str) -> str:
    return hmac.new(secret, f"csrf\0{salt}\0{binding}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:40]


def _binding(request: Connection) -> str:
    """The cookie that forms are tied to: the session's, else the visitor's, which is made when it is missing."""
    cookie = request.cookies.get(SESSION) or request.cookies.get(VISITOR)
    if not cookie:
        cookie = getattr(request.state, VISITOR, None) or secrets.token_urlsafe(18)
        setattr(request.state, VISITOR, cookie)
    return cookie


def visitor_cookie(request: AnyRequest) -> str | None:
    """The visitor cookie that this answer must set, if one was made for it."""
    made: str | None = getattr(request.state, VISITOR, None)
    return made


async def check_form(request: AnyRequest) -> None:
    """Before every request: one that changes something must carry the token of one of our pages. Raises Forbidden."""
    if request.method in ("GET", "HEAD", "OPTIONS") or request.route_handler.opt.get("no_csrf"):
        return
    token = request.headers.get("x-csrf-token") or str((await request.form()).get("_csrf", ""))
    cookie = request.cookies.get(SESSION) or request.cookies.get(VISITOR) or ""
    foreign = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if foreign or not csrf_fits(context(request).secret, cookie, token):
        raise Forbidden(
            "This form is out of date, or came from another site. Go back, reload the page and send it again."
        )


async def fields(request: AnyRequest) -> dict[str, str]:
    """The text fields of a form; the last of a name counts."""
    return {name: clean(value) for name, value in (await request.form()).multi_items() if isinstance(value, str)}


def asked(request: AnyRequest, name: str) -> str:
    """What the query says; empty when it says nothing."""
    return clean(str(request.query_params.get(name, ""))).strip()


def number_in(text: str) -> int | None:
    """The number that a form or an address holds, written in our digits; None when it holds none. One too large is nobody's."""
    return min(int(text), 2**63 - 1) if text.isascii() and text.isdigit() and len(text) < 30 else None


def clean(text: str) -> str:
    """Text that a database can hold: no NUL, no lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


# --- cookies ----------------------------------------------------------------------------------------------------------


def is_https(ctx: Context) -> bool:
    return ctx.settings.external_url.startswith("https://")


def session_cookie(ctx: Context, value: str) -> Cookie:
    return Cookie(
        key=SESSION, value=value, httponly=True, samesite="lax", secure=is_https(ctx), path="/",
        max_age=int(access.SESSION_LIFE.total_seconds()) if value else 0,
    )  # fmt: skip


def choice_cookie(ctx: Context, key: str, value: str) -> Cookie:
    """A person's choice about this browser (theme, zone); empty: forgotten."""
    return Cookie(
        key=key,
        value=value,
        samesite="lax",
        secure=is_https(ctx),
        path="/",
        httponly=True,
        max_age=A_YEAR if value else 0,
    )


def safe_next(wanted: Mapping[str, str], otherwise: str = "/") -> str:
    """Where to go after signing in: a path of our own, never another site."""
    path = wanted.get("next", "")
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if fine and not path.startswith("/sign-") else otherwise
