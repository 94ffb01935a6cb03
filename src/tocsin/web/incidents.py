"""The list of incidents, and declaring one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get

from tocsin.core.errors import Invalid
from tocsin.core.incident import STATUSES
from tocsin.manage import incidents
from tocsin.web.authentication import AnyRequest, asked, context, may, viewer_of
from tocsin.web.pages import show

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
