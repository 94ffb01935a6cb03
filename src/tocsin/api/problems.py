"""Errors as RFC 9457 problem documents: `{type, title, status, detail, errors: [{pointer, detail}]}`.

The one table of which error has which status; whatever is not in it is a fault of ours and says nothing of its cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

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
from tocsin.core.wording import Unfit
from tocsin.core.wrong_kind import in_words

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[TocsinError], int] = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    Unavailable: 503,
}

TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    404: "Not found",
    405: "This cannot be done here",
    413: "The body is too large",
    500: "Something is wrong on our side",
}

_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_INDEX = re.compile(r"\[(\d+)\]")


class FieldError(msgspec.Struct, omit_defaults=True):
    """One finding. `pointer` is a JSON pointer into the body (or `/name` of a query parameter); empty for the whole.

    For a configuration file it points into that file, and `file` and `line` say where that is.
    """

    pointer: str
    detail: str
    file: str = ""
    line: int = 0


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    findings: list[dict[str, Any]] = []
    """Of the language check, where the policy of wording stops a text."""


def response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    body = {"type": problem.type, **msgspec.to_builtins(problem)}
    return Response(
        msgspec.json.encode(body), status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def status_of(error: TocsinError) -> int:
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def on_tocsin_error(request: Request[Any, Any, Any], error: TocsinError) -> Response[bytes]:
    status = status_of(error)
    errors: list[FieldError] = []
    headers: dict[str, str] = {}
    if isinstance(error, Invalid):
        errors = [
            FieldError(problem.pointer, problem.message, problem.file, problem.line) for problem in error.problems
        ]
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(max(1, error.retry_after))
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="tocsin"'
    found = error.findings if isinstance(error, Unfit) else []
    return response(
        Problem(title=error.title, status=status, detail=str(error), errors=errors, findings=found), headers
    )


def on_validation(request: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    """A body or parameter of the wrong shape: 422, each field by its pointer."""
    errors = list(_field_errors(error.extra))
    detail = (
        "; ".join(f"{e.pointer}: {e.detail}" if e.pointer else e.detail for e in errors) or "The input is not valid"
    )
    return response(Problem(title=Invalid.title, status=422, detail=detail, errors=errors))


def _field_errors(extra: Any) -> Iterator[FieldError]:
    for item in extra if isinstance(extra, list) else []:
        key, message = str(item.get("key", "")), str(item.get("message", ""))
        base = "" if key == "data" else "/" + _INDEX.sub(r"/\1", key).replace(".", "/")
        if match := _UNKNOWN.search(message):
            yield FieldError(f"{base}/{_escaped(match[1])}", f"there is no field {match[1]!r}")
        elif match := _MISSING.search(message):
            yield FieldError(f"{base}/{_escaped(match[1])}", f"the field {match[1]!r} is missing")
        elif message == "'data'":
            yield FieldError("", "a JSON object is expected in the body")
        else:
            yield FieldError(base, in_words(message))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refuses: unreadable JSON, unknown path, wrong method, a body that is too large."""
    status = error.status_code
    if status >= 500:
        return on_unexpected(request, error)
    detail = {404: "There is nothing at this address", 413: "The body may have at most 512 KB"}.get(
        status, error.detail
    )
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return response(Problem(title=TITLES.get(status, "Bad request"), status=status, detail=detail), headers)


def on_recursion(request: Request[Any, Any, Any], error: RecursionError) -> Response[bytes]:
    """JSON nested so deeply that reading it was given up."""
    return response(Problem(title=TITLES[400], status=400, detail="The JSON is nested too deeply"))


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("a request failed", method=request.method, path=request.url.path, exc_info=error)
    detail = "It is in the log of this node. Nothing that was accepted is lost."
    return response(Problem(title=TITLES[500], status=500, detail=detail))


HANDLERS: dict[Any, Any] = {
    TocsinError: on_tocsin_error,
    ValidationException: on_validation,
    HTTPException: on_http_exception,
    RecursionError: on_recursion,
    Exception: on_unexpected,
}
"""For every route of the API."""


def is_api(path: str) -> bool:
    """Whether errors at this path are told as problems (also where there is no route)."""
    return path.startswith("/api/") or path == "/api"
