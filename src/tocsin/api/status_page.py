"""The status page as whoever keeps it sees it, its subscribers, and the reason why the public is told nothing. The page itself is
configured like every other object (api/configuration.py)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import acted, number_of
from tocsin.flow.silence_alarm import explain
from tocsin.manage import bounces, status_pages
from tocsin.manage import status_subscribers as subscribers
from tocsin.manage.lists import DEFAULT

InState = Annotated[str | None, QueryParameter(name="state", description="active, asked or suspended")]

AddressKind = Annotated[str | None, QueryParameter(name="kind", description="subscriber or contact_method")]


class NewSubscriber(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`components`: told of these only; none: of all."""

    address: str
    components: list[str] = []


class Reason(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: str


@get("/status", guards=may("see_configuration"), summary="What the status page says now, and what stands behind it")
async def status(request: AnyRequest) -> Response[bytes]:
    """Components with their services and what keeps them from being operational, what is open and planned, silence alarms that ring,
    how many subscribe."""
    return reply(await status_pages.overview(context(request)))


@get("/subscribers", guards=may("configure"), summary="List the e-mail subscribers of the status page")
async def list_subscribers(
    request: AnyRequest,
    in_state: InState = None,
    q: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`q` is a part of the address."""
    return reply(
        await subscribers.list_subscribers(
            context(request), principal_of(request), state=in_state, q=q, limit=limit, cursor=cursor
        )
    )


@get("/subscribers/export.csv", guards=may("configure"), summary="All subscribers as CSV")
async def export_subscribers(request: AnyRequest) -> Response[bytes]:
    text = await subscribers.as_csv(context(request), principal_of(request))
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="subscribers.csv"'}
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=headers)


@get("/bounces", guards=may("configure"), summary="List the addresses whose mail server refuses letters")
async def list_bounces(
    request: AnyRequest,
    kind: AddressKind = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """Of subscribers and of people's contact methods, the latest refusal first, until the address takes a letter again. `times`:
    refusals since the last letter that it took; `error`: what its server said."""
    return reply(
        await bounces.list_bounces(context(request), principal_of(request), kind=kind, limit=limit, cursor=cursor)
    )


@post("/subscribers", guards=may("configure"), summary="Add an address that is told from now on")
async def add_subscriber(request: AnyRequest, data: JSONBody[NewSubscriber]) -> Response[bytes]:
    async def act() -> Json:
        return await subscribers.add(context(request), principal_of(request), data.address, data.components)

    return await write(request, act, 201)


@delete("/subscribers/{id:int}", guards=may("configure"), status_code=200, summary="Forget a subscriber")
async def remove_subscriber(request: AnyRequest, id: FromPath[int]) -> Response[bytes]:
    """What it was."""

    async def act() -> Json:
        return await subscribers.remove(context(request), principal_of(request), id)

    return await write(request, act)


@post(
    "/subscribers/{id:int}/resume",
    guards=may("configure"),
    status_code=200,
    summary="Write to a suspended address again",
)
async def resume_subscriber(request: AnyRequest, id: FromPath[int]) -> Response[bytes]:
    async def act() -> Json:
        return await subscribers.resume(context(request), principal_of(request), id)

    return await write(request, act)


@post(
    "/incidents/{id:str}/silence", guards=may("respond"), status_code=200,
    summary="Say why the public is told nothing: the silence alarm ends, or does not ring",
)  # fmt: skip
async def explain_silence(request: AnyRequest, id: FromPath[str], data: JSONBody[Reason]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: explain(ctx, number, actor, data.reason))


ROUTES = [
    status, list_bounces, list_subscribers, export_subscribers, add_subscriber, remove_subscriber, resume_subscriber, explain_silence,
]  # fmt: skip
