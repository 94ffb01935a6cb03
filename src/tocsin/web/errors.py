"""Errors as pages in the usual layout. A part of a page that htmx asked for hears of them in its message line."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from tocsin.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TocsinError,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from tocsin.web.authentication import context, is_live, viewer_of
from tocsin.web.pages import render, respond

log = structlog.get_logger(__name__)

STATUS: dict[type[TocsinError], int] = {
    Invalid: 422, Unauthenticated: 401, Forbidden: 403, NotFound: 404, Conflict: 409, TooMany: 429, Unavailable: 503,
}  # fmt: skip

UNEXPECTED = "Something went wrong on our side; it is in the log. Paging goes on."
SENTENCES = {
    404: "There is no such page.",
    405: "This page cannot be used that way.",
    413: "That is too much text for one form.",
}


def status_of(error: TocsinError) -> int:
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def on_tocsin_error(request: Request[Any, Any, Any], error: TocsinError) -> Response[Any]:
    if isinstance(error, Unauthenticated) and not request.route_handler.opt.get("open_door"):
        return _to_sign_in(request)
    status, headers = status_of(error), {}
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    return _page(request, status, error.title, str(error), headers)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    sentence = SENTENCES.get(error.status_code, "This request could not be understood.")
    titles = {404: "Not found", 405: "Not possible"}
    return _page(request, error.status_code, titles.get(error.status_code, "Bad request"), sentence, {})


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("a page failed", path=request.url.path, exc_info=error)
    return _page(request, 500, "Something is wrong", UNEXPECTED, {})


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    path = f"/sign-in?next={quote(wanted)}" if request.method == "GET" and wanted != "/" else "/sign-in"
    if is_live(request):
        return Response(b"", status_code=401, headers={"HX-Redirect": "/sign-in"})
    return Redirect(path, status_code=303)


def _page(
    request: Request[Any, Any, Any], status: int, title: str, sentence: str, headers: dict[str, str]
) -> Response[bytes]:
    viewer = viewer_of(request)
    data = {"status": status, "title": title, "sentence": sentence, "back": _back(request)}
    template = "components/message.html" if viewer.live else "errors/error.html"
    if viewer.live:
        headers = {**headers, "HX-Retarget": "#messages", "HX-Reswap": "innerHTML"}
    text = render(context(request), viewer, template, data)
    return respond(request, viewer, text, status, {**headers, "Cache-Control": "no-store"})


def _back(request: Request[Any, Any, Any]) -> str:
    """Where a person probably wants to go: the room of the incident that a refused form was about, else *Now*."""
    parts = request.url.path.strip("/").split("/")
    return f"/incidents/{parts[1]}" if len(parts) == 3 and parts[0] == "incidents" else "/"


HANDLERS: dict[Any, Any] = {
    TocsinError: on_tocsin_error,
    HTTPException: on_http_exception,
    Exception: on_unexpected,
}
