"""Alerts and events."""

from __future__ import annotations

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may
from tocsin.api.parameters import From, To
from tocsin.core.errors import NotFound
from tocsin.core.incident import parse_id
from tocsin.manage import alerts
from tocsin.manage.lists import DEFAULT, read_time


@get("/alerts", guards=may("see_alerts"), summary="List alerts, newest first")
async def list_alerts(
    request: AnyRequest,
    status: FromQuery[str | None] = None,
    service: FromQuery[str | None] = None,
    incident: FromQuery[str | None] = None,
    severity: FromQuery[str | None] = None,
    from_: From = None,
    to: To = None,
    q: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`status` is `open` or `resolved`; `incident` any name of one."""
    return reply(
        await alerts.list_alerts(
            context(request), status=status, service=service, incident=parse_id(incident) if incident else None,
            severity=severity, from_=read_time(from_, "from"), to=read_time(to, "to"), q=q, cursor=cursor, limit=limit,
        )
    )  # fmt: skip


@get("/alerts/{id:str}", guards=may("see_alerts"), summary="One alert")
async def get_alert(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    if not (id.isascii() and id.isdigit() and len(id) <= 18):
        raise NotFound(f"{id!r} is not the id of an alert")
    return reply(await alerts.get_alert(context(request), int(id)))


@get("/events", guards=may("see_alerts"), summary="What sources sent, newest first")
async def list_events(
    request: AnyRequest,
    service: FromQuery[str | None] = None,
    incident: FromQuery[str | None] = None,
    from_: From = None,
    to: To = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """The trigger that opened each alert, and events that left no alert of their own (changes too)."""
    return reply(
        await alerts.list_events(
            context(request), service=service, incident=parse_id(incident) if incident else None,
            from_=read_time(from_, "from"), to=read_time(to, "to"), cursor=cursor, limit=limit,
        )
    )  # fmt: skip


ROUTES = [list_alerts, get_alert, list_events]
