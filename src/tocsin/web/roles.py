"""Roles in the room: one tap takes one; give, hand over, read back, let go."""

from __future__ import annotations

from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from tocsin.flow import roles
from tocsin.flow.acts import Result
from tocsin.web.authentication import AnyRequest, context, may
from tocsin.web.rooms import act


@post("/incidents/{id:str}/roles", guards=may("respond"), status_code=200, include_in_schema=False)
async def assign(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """`user` may be `schedule:ID`: whoever is on call there, who is paged; empty: whoever holds the role lets go of it."""
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        role, user, take = given.get("role", ""), given.get("user") or None, bool(given.get("take"))
        if user is not None and user.startswith("schedule:"):
            schedule = user.removeprefix("schedule:")
            return await roles.assign_on_call(ctx, number, actor, role, schedule, take=take)
        return await roles.assign(ctx, number, actor, role, user, take=take, page=bool(given.get("page")))

    return await act(request, id, done)


@post("/incidents/{id:str}/roles/release", guards=may("respond"), status_code=200, include_in_schema=False)
async def release(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: roles.release(
            ctx, number, actor, given.get("role", ""), given.get("user") or None
        ),
    )  # fmt: skip


@post("/incidents/{id:str}/roles/handover", guards=may("respond"), status_code=200, include_in_schema=False)
async def offer(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        role, user, briefing = given.get("role", ""), given.get("user", ""), given.get("briefing", "")
        return await roles.offer(ctx, number, actor, role, user, briefing)

    return await act(request, id, done)


@post("/incidents/{id:str}/roles/accept", guards=may("respond"), status_code=200, include_in_schema=False)
async def accept(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: roles.accept(
            ctx, number, actor, given.get("role", ""), given.get("read_back", "")
        ),
    )  # fmt: skip


@post("/incidents/{id:str}/roles/withdraw", guards=may("respond"), status_code=200, include_in_schema=False)
async def withdraw(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id, lambda number, actor, given: roles.withdraw(ctx, number, actor, given.get("role", ""))
    )


ROUTES = [assign, release, offer, accept, withdraw]
