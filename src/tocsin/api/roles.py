"""Who does what in an incident: roles are taken, given, handed over with read-back, let go."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, delete, post
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import acted, number_of
from tocsin.core.errors import Invalid
from tocsin.flow import roles
from tocsin.flow.acts import Result


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Assignment(_Body, frozen=True, kw_only=True):
    """`user`, or whoever is on call in `schedule`; `user: null`: whoever holds the role lets go of it. `take`: although somebody else
    holds it. `page`: page them, with the `reason`."""

    role: str
    user: str | msgspec.UnsetType | None = msgspec.UNSET
    schedule: str | None = None
    take: bool = False
    page: bool = False
    reason: str | None = None


class Offer(_Body, frozen=True, kw_only=True):
    """`briefing`: what the incoming has to know."""

    role: str
    user: str
    briefing: str


class ReadBack(_Body, frozen=True, kw_only=True):
    """`read_back`: the briefing in one's own words."""

    role: str
    read_back: str | None = None


class Which(_Body, frozen=True, kw_only=True):
    role: str


@post(
    "/incidents/{id:str}/roles", guards=may("respond"), status_code=200, operation_id="assign_role",
    summary="Take or give a role; 409 when somebody else holds it, unless `take`",
)  # fmt: skip
async def assign(request: AnyRequest, id: FromPath[str], data: JSONBody[Assignment]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    user, schedule = data.user or None, data.schedule
    if user is not None and schedule is not None:
        raise Invalid("name a user or a schedule, not both", "/schedule")
    if data.user is msgspec.UNSET and schedule is None:
        raise Invalid("say who gets it: a user, or a schedule; null lets go of it", "/user")

    async def act() -> Result:
        how: dict[str, Any] = {"take": data.take, "page": data.page, "reason": data.reason or ""}
        if schedule is not None:
            return await roles.assign_on_call(ctx, number, actor, data.role, schedule, **how)
        return await roles.assign(ctx, number, actor, data.role, user, **how)

    return await acted(request, number, act)


@delete(
    "/incidents/{id:str}/roles/{role:str}", guards=may("respond"), status_code=200, operation_id="release_role",
    summary="Let go of a role; `user` names one of several who hold it",
)  # fmt: skip
async def release(
    request: AnyRequest, id: FromPath[str], role: FromPath[str], user: FromQuery[str | None] = None
) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: roles.release(ctx, number, actor, role, user))


@post(
    "/incidents/{id:str}/roles/handover", guards=may("respond"), status_code=200, operation_id="offer_role",
    summary="Hand a role over: the incoming is paged, and has it once they read back",
)  # fmt: skip
async def offer(request: AnyRequest, id: FromPath[str], data: JSONBody[Offer]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: roles.offer(ctx, number, actor, data.role, data.user, data.briefing))


@post(
    "/incidents/{id:str}/roles/accept", guards=may("respond"), status_code=200, operation_id="accept_role",
    summary="Read the briefing back, and hold the role",
)  # fmt: skip
async def accept(request: AnyRequest, id: FromPath[str], data: JSONBody[ReadBack]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: roles.accept(ctx, number, actor, data.role, data.read_back or ""))


@post(
    "/incidents/{id:str}/roles/withdraw", guards=may("respond"), status_code=200, operation_id="withdraw_role",
    summary="Withdraw or decline the handover of a role",
)  # fmt: skip
async def withdraw(request: AnyRequest, id: FromPath[str], data: JSONBody[Which]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: roles.withdraw(ctx, number, actor, data.role))


ROUTES = [assign, release, offer, accept, withdraw]
