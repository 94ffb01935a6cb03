"""Handoffs between shifts, and what is planned."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.parameters import From, To
from tocsin.core.errors import NotFound
from tocsin.manage import handoffs, planned_events
from tocsin.manage.lists import DEFAULT, read_time

InState = Annotated[str | None, QueryParameter(name="state", description="draft, unsigned, signed, lapsed, void")]


def _number(id: str, what: str) -> int:
    if not (id.isascii() and id.isdigit() and len(id) <= 18):
        raise NotFound(f"{id!r} is not the id of a {what}")
    return int(id)


@get("/handoffs", guards=may("see_on_call"), summary="List handoffs, the latest moment first")
async def list_handoffs(
    request: AnyRequest,
    schedule: FromQuery[str | None] = None,
    user: FromQuery[str | None] = None,
    state_: InState = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`user` is going out or coming in; `state` is one or more of draft, unsigned, signed, lapsed, void."""
    return reply(
        await handoffs.list_handoffs(
            context(request), schedule=schedule, user=user, state=state_, cursor=cursor, limit=limit
        )
    )


@get("/handoffs/{id:str}", guards=may("see_on_call"), summary="One handoff with its sections")
async def get_handoff(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await handoffs.get(context(request), _number(id, "handoff")))


@get("/handoffs/{id:str}/handoff.md", guards=may("see_on_call"), summary="One handoff as Markdown")
async def as_markdown(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    text = await handoffs.as_markdown(context(request), _number(id, "handoff"))
    return Response(text.encode(), media_type="text/markdown; charset=utf-8", headers={"Cache-Control": "no-store"})


@patch("/handoffs/{id:str}", guards=may("respond"), summary="Write into a handoff, as the outgoing")
async def edit(request: AnyRequest, id: FromPath[str], data: JSONBody[handoffs.Change]) -> Response[bytes]:
    """`tickets` and `remarks` go by the key of a line; `add`, `drop` and `restore` lines; `notes` is free text."""

    async def act() -> Json:
        return await handoffs.edit(context(request), _number(id, "handoff"), data, principal_of(request))

    return await write(request, act)


@post("/handoffs/{id:str}/sign", guards=may("respond"), status_code=200, summary="Sign a handoff, as the incoming")
async def sign(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """It is kept as it is now, and the outgoing gets no more copies of pages."""

    async def act() -> Json:
        return await handoffs.sign(context(request), _number(id, "handoff"), principal_of(request))

    return await write(request, act)


@get("/planned-events", guards=may("see_on_call"), summary="What is planned and worth watching, in order of time")
async def list_planned(
    request: AnyRequest, from_: From = None, to: To = None, schedule: FromQuery[str | None] = None
) -> Response[bytes]:
    """Without `from` those that have not ended."""
    return reply(
        await planned_events.list_events(context(request), read_time(from_, "from"), read_time(to, "to"), schedule)
    )


@post("/planned-events", guards=may("respond"), summary="Plan an event, with the load that it is expected to bring")
async def plan(request: AnyRequest, data: JSONBody[planned_events.PlannedEvent]) -> Response[bytes]:
    async def act() -> Json:
        return await planned_events.add(context(request), data, principal_of(request).id)

    return await write(request, act, 201)


@patch("/planned-events/{id:str}", guards=may("respond"), summary="Change a planned event")
async def change_plan(
    request: AnyRequest, id: FromPath[str], data: JSONBody[planned_events.PlannedChange]
) -> Response[bytes]:
    async def act() -> Json:
        return await planned_events.change(context(request), _number(id, "planned event"), data)

    return await write(request, act)


@delete("/planned-events/{id:str}", guards=may("respond"), status_code=200, summary="Remove a planned event")
async def remove_plan(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return await planned_events.remove(context(request), _number(id, "planned event"))

    return await write(request, act)


ROUTES = [list_handoffs, get_handoff, as_markdown, edit, sign, list_planned, plan, change_plan, remove_plan]
