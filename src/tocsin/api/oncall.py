"""Who is on call."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get
from litestar.params import Parameter

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may
from tocsin.manage import oncall
from tocsin.manage.lists import read_time

From = Annotated[str | None, Parameter(query="from", description="RFC 3339; default now")]
To = Annotated[str | None, Parameter(query="to", description="RFC 3339; default four weeks after `from`")]


@get("/oncall", guards=may("see_on_call"), summary="Who is on call at an instant")
async def who(request: AnyRequest, at: str | None = None, schedule: str | None = None) -> Response[bytes]:
    """`at` defaults to now; `schedule` to all of them."""
    return reply(await oncall.now(context(request), read_time(at, "at"), schedule))


@get("/schedules/{id:str}/shifts", guards=may("see_on_call"), summary="Final shifts, merged, without overlap")
async def shifts(request: AnyRequest, id: str, from_: From = None, to: To = None) -> Response[bytes]:
    """Times carry the offset of the schedule's zone; at most a year, never paged."""
    return reply(await oncall.shifts(context(request), id, read_time(from_, "from"), read_time(to, "to")))


ROUTES = [who, shifts]
