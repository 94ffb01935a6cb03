"""On-call health, verdicts on alerts, and improvements."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.parameters import From, To
from tocsin.core.errors import NotFound
from tocsin.manage import oncall_health
from tocsin.manage.lists import DEFAULT, read_time

InState = Annotated[str | None, QueryParameter(name="state", description="open, done, dropped")]


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`useful`, `noise` or `tune`; empty takes it back."""

    verdict: str


def _number(id: str, what: str) -> int:
    if not (id.isascii() and id.isdigit() and len(id) <= 18):
        raise NotFound(f"{id!r} is not the id of an {what}")
    return int(id)


@get("/health", guards=may("see_on_call"), summary="On-call health: one's own figures, and the team's as a group")
async def overview(
    request: AnyRequest, team: FromQuery[str | None] = None, from_: From = None, to: To = None
) -> Response[bytes]:
    """Of the last four weeks by default. `team` figures are null for fewer than three people on call."""
    return reply(
        await oncall_health.overview(
            context(request), principal_of(request), team, read_time(from_, "from"), read_time(to, "to")
        )
    )


@post(
    "/alerts/{id:str}/verdict", guards=may("respond"), status_code=200, summary="Judge an alert: useful, noise or tune"
)
async def judge(request: AnyRequest, id: FromPath[str], data: JSONBody[Judgement]) -> Response[bytes]:
    async def act() -> Json:
        return await oncall_health.judge(context(request), _number(id, "alert"), data.verdict, principal_of(request).id)

    return await write(request, act)


@get("/improvements", guards=may("see_on_call"), summary="What painful shifts ask to be changed, newest first")
async def improvements(
    request: AnyRequest,
    state_: InState = None,
    schedule: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    return reply(
        await oncall_health.list_improvements(
            context(request), state=state_, schedule=schedule, cursor=cursor, limit=limit
        )
    )


@patch("/improvements/{id:str}", guards=may("respond"), summary="Give an improvement an owner, a note, or close it")
async def change(request: AnyRequest, id: FromPath[str], data: JSONBody[oncall_health.Change]) -> Response[bytes]:
    async def act() -> Json:
        return await oncall_health.change_improvement(
            context(request), _number(id, "improvement"), data, principal_of(request).id
        )

    return await write(request, act)


ROUTES = [overview, judge, improvements, change]
