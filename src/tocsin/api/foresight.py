"""Foresight: what would happen, and what would go wrong."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromQuery

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may
from tocsin.core.readiness import DAYS
from tocsin.manage import rehearsals
from tocsin.manage.foresight import Question


@post("/rehearse", guards=may("rehearse"), status_code=200, summary="Who would be paged, when, by what and why")
async def rehearse(request: AnyRequest, data: Question) -> Response[bytes]:
    """On the very decisions that page; nothing is stored or sent. `at` defaults to now; without `until` one whole pass."""
    return reply(await rehearsals.rehearse(context(request), data))


@get("/check", guards=may("see_configuration"), summary="What would go wrong in the coming days, minute by minute")
async def check(request: AnyRequest, days: FromQuery[int] = DAYS) -> Response[bytes]:
    """`ok` is false when something would fail at night. `days` is 1 to 366."""
    return reply(await rehearsals.check(context(request), days))


ROUTES = [rehearse, check]
