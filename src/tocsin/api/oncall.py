"""Who is on call."""

from __future__ import annotations

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may
from tocsin.api.parameters import From, To
from tocsin.manage import oncall
from tocsin.manage.lists import read_time


@get("/oncall", guards=may("see_on_call"), summary="Who is on call at an instant")
async def who(
    request: AnyRequest, at: FromQuery[str | None] = None, schedule: FromQuery[str | None] = None
) -> Response[bytes]:
    """`at` defaults to now; `schedule` to all of them."""
    return reply(await oncall.now(context(request), read_time(at, "at"), schedule))


@get("/schedules/{id:str}/shifts", guards=may("see_on_call"), summary="Final shifts, merged, without overlap")
async def shifts(request: AnyRequest, id: FromPath[str], from_: From = None, to: To = None) -> Response[bytes]:
    """Times carry the offset of the schedule's zone; at most a year, never paged."""
    return reply(await oncall.shifts(context(request), id, read_time(from_, "from"), read_time(to, "to")))


ROUTES = [who, shifts]
