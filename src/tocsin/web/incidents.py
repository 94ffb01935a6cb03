"""The list of incidents, and declaring one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get, post

from tocsin.core import severity as severities
from tocsin.core.errors import Invalid
from tocsin.core.incident import STATUSES, public_id
from tocsin.flow import declaring, summon
from tocsin.manage import incidents
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.pages import go, show

PER_PAGE = 50
FILTERS = ("q", "status", "severity", "service", "from", "to")


@get("/incidents", guards=may("see_incidents"), name="incidents", include_in_schema=False)
async def list_incidents(request: AnyRequest) -> Response[bytes]:
    """Newest first, filtered. Dates are whole days in the viewer's zone."""
    ctx, viewer = context(request), viewer_of(request)
    chosen = {name: asked(request, name) for name in FILTERS}
    data: dict[str, Any] = {"items": [], "next": None}
    wrong = ""
    try:
        data = await incidents.list_incidents(
            ctx, status=chosen["status"] or None, severity=chosen["severity"] or None, service=chosen["service"] or None,
            from_=day(chosen["from"], viewer.zone, "from"), to=day(chosen["to"], viewer.zone, "to", 1), q=chosen["q"] or None,
            cursor=request.query_params.get("cursor"), limit=PER_PAGE,
        )  # fmt: skip
    except Invalid as error:
        wrong = str(error)
    return await show(
        request, viewer, "incidents/list.html", 422 if wrong else 200, items=data["items"], chosen=chosen, wrong=wrong,
        filtered=any(chosen.values()), older=_older(chosen, data["next"]), statuses=STATUSES,
        services=sorted(ctx.directory.services.values(), key=lambda s: s.label.lower()),
    )  # fmt: skip


def _older(chosen: dict[str, str], cursor: str | None) -> str | None:
    kept = {name: value for name, value in chosen.items() if value}
    return f"/incidents?{urlencode({**kept, 'cursor': cursor})}" if cursor else None


def day(text: str, zone: ZoneInfo, name: str, plus: int = 0) -> datetime | None:
    """The beginning of a day (`2026-03-02`) in that zone, `plus` days on. Raises Invalid."""
    if not text:
        return None
    try:
        date = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
        return date + timedelta(days=plus)
    except (ValueError, OverflowError):
        raise Invalid(f"{text!r} is not a day: write it like 2026-03-02", f"/{name}") from None


@get("/incidents/new", guards=may("declare"), name="declare", include_in_schema=False)
async def new(request: AnyRequest) -> Response[bytes]:
    return await _form(request, {"severity": "sev2_high", "service": asked(request, "service")}, {})


@post("/incidents/new", guards=may("declare"), name="declare_form", status_code=200, include_in_schema=False)
async def declare(request: AnyRequest) -> Response[Any]:
    ctx, given = context(request), await fields(request)
    service = given.get("service", "")
    actor, (kind, _, name) = viewer_of(request).someone.id, given.get("page", "").partition(":")
    try:
        user, team = (name if kind == "user" else None), (name if kind == "team" else None)
        asked = summon.people(ctx.directory, user, team, "/page") if kind else []
        number = await declaring.declare(
            ctx, actor, given.get("title", ""), given.get("description", ""),
            severities.parse(given.get("severity", "")), [service] if service else [],
            asked=asked, note=summon.said(ctx.directory, actor, given.get("description", "")),
        )  # fmt: skip
    except Invalid as error:
        name = error.pointer.strip("/").split("/")[0].replace("affected_services", "service")
        return await _form(request, given, {name: str(error)}, 422)
    return go(f"/incidents/{public_id(number)}", "Declared: people are being paged as its service says.")


async def _form(
    request: AnyRequest, given: dict[str, str], wrong: dict[str, str], status: int = 200
) -> Response[bytes]:
    directory = context(request).directory
    services = sorted(directory.services.values(), key=lambda s: s.label.lower())
    return await show(
        request, viewer_of(request), "incidents/new.html", status, given=given, wrong=wrong, services=services,
        people=sorted(directory.users.values(), key=lambda user: user.label.lower()),
        teams=sorted(directory.teams.values(), key=lambda team: (team.name or team.id).lower()),
    )  # fmt: skip
