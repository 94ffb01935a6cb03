"""Asking people for help, and for quiet, from the room: page somebody, hand over, responders, all hands, snooze."""

from __future__ import annotations

from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from tocsin.core.errors import Invalid
from tocsin.flow import handover, snooze, summon
from tocsin.web.authentication import AnyRequest, context, may
from tocsin.web.rooms import act


@post("/incidents/{id:str}/page", guards=may("respond"), status_code=200, include_in_schema=False)
async def page(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """`whom` is `user:alice` or `team:payments`."""
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Any:
        kind, _, name = given.get("whom", "").partition(":")
        if kind not in ("user", "team"):
            raise Invalid("choose whom to page", "/whom")
        asked = {"user": name} if kind == "user" else {"team": name}
        return await summon.page(ctx, number, actor, **asked, reason=given.get("reason", ""))

    return await act(request, id, done)


@post("/incidents/{id:str}/handover", guards=may("respond"), status_code=200, include_in_schema=False)
async def hand_over(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: handover.offer(ctx, number, actor, given.get("user", ""), given.get("reason", "")),
    )  # fmt: skip


@post("/incidents/{id:str}/handover/withdraw", guards=may("respond"), status_code=200, include_in_schema=False)
async def withdraw(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(request, id, lambda number, actor, given: handover.withdraw(ctx, number, actor))


@post("/incidents/{id:str}/snooze", guards=may("respond"), status_code=200, include_in_schema=False)
async def snooze_incident(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Any:
        return await snooze.snooze(ctx, number, actor, snooze.read_length(given.get("for", "")), given.get("notes", ""))

    return await act(request, id, done)


@post("/incidents/{id:str}/unsnooze", guards=may("respond"), status_code=200, include_in_schema=False)
async def end_snooze(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(request, id, lambda number, actor, given: snooze.cancel(ctx, number, actor))


@post("/incidents/{id:str}/responders", guards=may("respond"), status_code=200, include_in_schema=False)
async def add_responder(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: summon.add_responder(
            ctx, number, actor, given.get("user", ""), page=bool(given.get("page"))
        ),
    )  # fmt: skip


@post("/incidents/{id:str}/responders/remove", guards=may("respond"), status_code=200, include_in_schema=False)
async def remove_responder(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id, lambda number, actor, given: summon.remove_responder(ctx, number, actor, given.get("user", ""))
    )


@post("/incidents/{id:str}/allhands", guards=may("respond"), status_code=200, include_in_schema=False)
async def all_hands(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id, lambda number, actor, given: summon.all_hands(ctx, number, actor, given.get("reason", ""))
    )


ROUTES = [page, hand_over, withdraw, snooze_incident, end_snooze, add_responder, remove_responder, all_hands]
