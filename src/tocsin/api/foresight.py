"""Foresight: what would happen, and what would go wrong."""

from __future__ import annotations

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.core.incident import parse_id
from tocsin.core.readiness import DAYS
from tocsin.manage import drills, rehearsals, replays
from tocsin.manage import explain_person as persons
from tocsin.manage.foresight import Question
from tocsin.manage.lists import DEFAULT, read_time


@post("/rehearse", guards=may("rehearse"), status_code=200, summary="Who would be paged, when, by what and why")
async def rehearse(request: AnyRequest, data: Question) -> Response[bytes]:
    """On the very decisions that page; nothing is stored or sent. `at` defaults to now; without `until` one whole pass."""
    return reply(await rehearsals.rehearse(context(request), data))


@get("/check", guards=may("see_configuration"), summary="What would go wrong in the coming days, minute by minute")
async def check(request: AnyRequest, days: FromQuery[int] = DAYS) -> Response[bytes]:
    """`ok` is false when something would fail at night. `days` is 1 to 366."""
    return reply(await rehearsals.check(context(request), days))


@get("/incidents/{id:str}/replay", guards=may("see_pages"), summary="What happened beside what would happen today")
async def replay(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """The first paging of an incident under today's policy, up to the moment when somebody answered."""
    return reply(await replays.replay(context(request), parse_id(id)))


@get("/users/{id:str}/explain", guards=may("see_pages"), summary="Was this person on call, paged, why, by what")
async def explain_person(request: AnyRequest, id: FromPath[str], at: FromQuery[str | None] = None) -> Response[bytes]:
    """For the minute of `at` (default: now), by the configuration and the records of that time."""
    return reply(await persons.explain_person(context(request), id, read_time(at, "at")))


class NewDrill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`for` is how long it lasts at most, like `15m`."""

    service: str
    severity: str = "sev2_high"
    lasts: str | None = msgspec.field(name="for", default=None)


@post("/drills", guards=may("send_test_alert"), summary="A labelled test page end to end")
async def start_drill(request: AnyRequest, data: NewDrill) -> Response[bytes]:
    """It pages for real, is left out of statistics, and ends when somebody answers or its time is over."""

    async def act() -> Json:
        return await drills.start(context(request), principal_of(request).id, data.service, data.severity, data.lasts)

    return await write(request, act, 201)


@get("/drills", guards=may("see_pages"), summary="List drills, newest first")
async def list_drills(
    request: AnyRequest, cursor: FromQuery[str | None] = None, limit: FromQuery[int] = DEFAULT
) -> Response[bytes]:
    return reply(await drills.list_drills(context(request), limit, cursor))


@get("/drills/{id:str}", guards=may("see_pages"), summary="One drill: who was reached, by what, how fast")
async def get_drill(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await drills.get(context(request), id))


@post("/drills/{id:str}/stop", guards=may("send_test_alert"), status_code=200, summary="End a drill now")
async def stop_drill(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return await drills.stop(context(request), id, principal_of(request).id)

    return await write(request, act)


ROUTES = [rehearse, check, replay, explain_person, start_drill, list_drills, get_drill, stop_drill]
