"""People ask for people, and for quiet: page somebody, responders, all hands, handovers, snoozes."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, delete, post
from litestar.params import FromPath, JSONBody

from tocsin.api.answers import AnyRequest, Json, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import acted, number_of
from tocsin.core.errors import Invalid
from tocsin.flow import handover, snooze, summon
from tocsin.manage import incidents


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Snooze(_Body, frozen=True, kw_only=True):
    """`for`: how long, like `30m` or `2h`."""

    length: str = msgspec.field(name="for")
    notes: str | None = None


class Handover(_Body, frozen=True):
    user: str
    reason: str


class Page(_Body, frozen=True, kw_only=True):
    """One `user`, or every member of a `team`."""

    user: str | None = None
    team: str | None = None
    reason: str


class Responder(_Body, frozen=True):
    """`page`: page them, too, with the `reason`."""

    user: str
    page: bool = False
    reason: str | None = None


class Reason(_Body, frozen=True):
    reason: str | None = None


@post(
    "/incidents/{id:str}/snooze",
    guards=may("respond"),
    summary="Silence until then; then it pages again",
    status_code=200,
)
async def snooze_incident(request: AnyRequest, id: FromPath[str], data: JSONBody[Snooze]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Any:
        return await snooze.snooze(ctx, number, actor, snooze.read_length(data.length), data.notes or "")

    return await acted(request, number, act)


@delete("/incidents/{id:str}/snooze", guards=may("respond"), summary="End the snooze; pages nobody", status_code=200)
async def end_snooze(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: snooze.cancel(ctx, number, actor))


@post(
    "/incidents/{id:str}/handover", guards=may("respond"), status_code=200,
    summary="Ask someone to take over: they are paged, and have it once they acknowledge",
)  # fmt: skip
async def hand_over(request: AnyRequest, id: FromPath[str], data: JSONBody[Handover]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: handover.offer(ctx, number, actor, data.user, data.reason))


@delete(
    "/incidents/{id:str}/handover", guards=may("respond"), summary="Withdraw or decline a handover", status_code=200
)
async def withdraw_handover(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: handover.withdraw(ctx, number, actor))


@post("/incidents/{id:str}/page", guards=may("respond"), summary="Page a person or a team now", status_code=200)
async def page(request: AnyRequest, id: FromPath[str], data: JSONBody[Page]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(
        request, number,
        lambda: summon.page(ctx, number, actor, user=data.user, team=data.team, reason=data.reason),
    )  # fmt: skip


@post("/incidents/{id:str}/allhands", guards=may("respond"), summary="SEV1: page everyone on call", status_code=200)
async def all_hands(request: AnyRequest, id: FromPath[str], data: JSONBody[Reason | None] = None) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    reason = (data.reason or "") if data else ""
    return await acted(request, number, lambda: summon.all_hands(ctx, number, actor, reason))


@post("/incidents/{id:str}/responders", guards=may("respond"), summary="Add a responder, and page them if asked to")
async def add_responder(request: AnyRequest, id: FromPath[str], data: JSONBody[Responder]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        done = await summon.add_responder(ctx, number, actor, data.user, page=data.page, reason=data.reason or "")
        return {
            "user": data.user, "name": ctx.directory.users[data.user].label, "paged": data.page, "added": done.changed,
            "incident": (await incidents.get(ctx, number))["id"],
        }  # fmt: skip

    return await write(request, act, 201)


@delete(
    "/incidents/{id:str}/responders/{user:str}", guards=may("respond"), summary="Remove a responder", status_code=200
)
async def remove_responder(request: AnyRequest, id: FromPath[str], user: FromPath[str]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    if len(user) > 64:
        raise Invalid("this is not the id of a user", "/user")
    return await acted(request, number, lambda: summon.remove_responder(ctx, number, actor, user))


ROUTES = [
    snooze_incident, end_snooze, hand_over, withdraw_handover, page, all_hands, add_responder, remove_responder,
]  # fmt: skip
