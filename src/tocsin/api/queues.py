"""The queues of teams."""

from __future__ import annotations

from litestar import Response, get
from litestar.params import FromQuery

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may
from tocsin.manage import queues


@get("/queues", guards=may("see_incidents"), summary="What waits for each team without ringing anybody")
async def list_queues(request: AnyRequest, team: FromQuery[str | None] = None) -> Response[bytes]:
    """`team`: only this one. Each with its owner, who hears of it and when the next daily digest goes out."""
    return reply(await queues.every(context(request), team))


ROUTES = [list_queues]
