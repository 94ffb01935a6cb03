"""Business hours of teams."""

from __future__ import annotations

from typing import Any

from litestar import Response, delete, get, put
from litestar.params import FromPath

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import teams

_PATH = "/teams/{id:str}/business_hours"


@get(_PATH, guards=may("see_on_call"), summary="The business hours that hold for a team, and whether they are on now")
async def show(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """`written` is null while the default holds: Monday to Friday 09:00 to 17:00 in the zone of the team's first schedule.
    `changes_at`: when they end, or else begin."""
    return reply(teams.business_hours(context(request), id))


@put(_PATH, guards=may("configure"), summary="Replace the business hours of a team")
async def replace(request: AnyRequest, id: FromPath[str], data: Any) -> Response[bytes]:
    """Body: as `business_hours` of the file, like `{"days": ["mon", "tue"], "from": "09:00", "to": "16:00"}`."""

    async def act() -> Json:
        return await teams.put_business_hours(context(request), principal_of(request), id, data)

    return await write(request, act)


@delete(_PATH, guards=may("configure"), status_code=200, summary="Let the default business hours hold for a team again")
async def remove(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """The business hours that hold then."""

    async def act() -> Json:
        return await teams.put_business_hours(context(request), principal_of(request), id, None)

    return await write(request, act)


ROUTES = [show, replace, remove]
