"""Limits of a schedule, and who carries how much."""

from __future__ import annotations

from litestar import Response, get
from litestar.params import FromPath

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may
from tocsin.api.parameters import From, To
from tocsin.manage import fairness
from tocsin.manage.lists import read_time


@get("/schedules/{id:str}/limits", guards=may("see_on_call"), summary="Where a schedule is unkind to its people")
async def limits(request: AnyRequest, id: FromPath[str], from_: From = None, to: To = None) -> Response[bytes]:
    """Turns too long, time off too short, nights in a row. By default four weeks back and eight ahead; at most a year."""
    return reply(await fairness.limits(context(request), id, read_time(from_, "from"), read_time(to, "to")))


@get(
    "/schedules/{id:str}/load",
    guards=may("see_on_call"),
    summary="Who carries how much: hours, nights, weekends, holidays",
)
async def load(request: AnyRequest, id: FromPath[str], from_: From = None, to: To = None) -> Response[bytes]:
    """Of the schedule and those beside it in its escalation policies, the heaviest first."""
    return reply(await fairness.load(context(request), id, read_time(from_, "from"), read_time(to, "to")))


ROUTES = [limits, load]
