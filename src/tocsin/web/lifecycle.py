"""The life of an incident in its room: where it stands, where it may go, its times, and what it belongs to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, post
from litestar.params import FromPath

from tocsin.core.errors import Invalid, NotFound
from tocsin.core.incident import parse_id
from tocsin.core.moment import read_change
from tocsin.flow import closing, merge, restore, step, times
from tocsin.flow.acts import Result
from tocsin.manage import privacy
from tocsin.web.authentication import AnyRequest, context, may, viewer_of
from tocsin.web.rooms import act


@post("/incidents/{id:str}/status", guards=may("respond"), status_code=200, include_in_schema=False)
async def change_status(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: step.change(ctx, number, actor, given.get("status", ""), given.get("notes", "")),
    )  # fmt: skip


@post("/incidents/{id:str}/restore", guards=may("respond"), status_code=200, include_in_schema=False)
async def restore_it(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: restore.restore(ctx, number, actor, given.get("notes", ""), given.get("force", "")),
    )  # fmt: skip


@post("/incidents/{id:str}/close", guards=may("respond"), status_code=200, include_in_schema=False)
async def close(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id, lambda number, actor, given: closing.close(ctx, number, actor, given.get("notes", ""))
    )


@post("/incidents/{id:str}/merge", guards=may("respond"), status_code=200, include_in_schema=False)
async def merge_it(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        return await merge.merge(ctx, number, actor, await _other(request, given, "into"), given.get("notes", ""))

    return await act(request, id, done)


@post("/incidents/{id:str}/related", guards=may("respond"), status_code=200, include_in_schema=False)
async def relate(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """`gone`: the link is taken away."""
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        other = await _other(request, given, "incident")
        if given.get("gone"):
            return await merge.unrelate(ctx, number, actor, other)
        return await merge.relate(ctx, number, actor, other, given.get("notes", ""))

    return await act(request, id, done)


async def _other(request: AnyRequest, given: dict[str, str], name: str) -> int:
    """The incident that a form names, when whoever asks may see it. Raises Invalid."""
    try:
        number = parse_id(given.get(name, ""))
    except NotFound as error:
        raise Invalid(str(error), f"/{name}") from None
    await privacy.require(context(request), number, f"/{name}")
    return number


@post("/incidents/{id:str}/times", guards=may("respond"), status_code=200, include_in_schema=False)
async def correct_times(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """One time (`time`) as it stands in the viewer's zone; an empty `at` is unknown."""
    ctx, zone = context(request), viewer_of(request).zone

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        at = _local(given.get("at", ""), zone)
        change = read_change(given.get("time", ""), at, given.get("certainty") if at else None)
        return await times.correct(ctx, number, actor, [change], given.get("notes", ""))

    return await act(request, id, done)


def _local(text: str, zone: ZoneInfo) -> datetime | None:
    """What a field for a local time holds. Raises Invalid."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text[:40]!r} is not a time: write it like 2026-03-02T10:15", "/at") from None


@post("/incidents/{id:str}/private", guards=may("respond"), status_code=200, include_in_schema=False)
async def make_private(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: privacy.make_private(
            ctx, number, actor, given.get("private") == "yes", given.get("notes", "")
        ),
    )  # fmt: skip


@post("/incidents/{id:str}/readers", guards=may("respond"), status_code=200, include_in_schema=False)
async def let_in(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id, lambda number, actor, given: privacy.let_in(ctx, number, actor, given.get("user", ""))
    )


ROUTES = [change_status, restore_it, close, merge_it, relate, correct_times, make_private, let_in]
