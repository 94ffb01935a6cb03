"""Alerts: what sources say, and what became of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from tocsin.core.errors import Invalid
from tocsin.manage import alerts
from tocsin.web.authentication import AnyRequest, asked, context, may, viewer_of
from tocsin.web.pages import show

PER_PAGE = 50
FILTERS = ("q", "status", "severity", "service")


@get("/alerts", guards=may("see_alerts"), name="alerts", include_in_schema=False)
async def list_alerts(request: AnyRequest) -> Response[bytes]:
    """Open ones first of all: without any choice only they are shown."""
    ctx, query = context(request), request.query_params
    chosen = {name: asked(request, name) for name in FILTERS}
    if "status" not in query:
        chosen["status"] = "open"
    data: dict[str, Any] = {"items": [], "next": None}
    wrong = ""
    try:
        data = await alerts.list_alerts(
            ctx, status=chosen["status"] or None, severity=chosen["severity"] or None, service=chosen["service"] or None,
            q=chosen["q"] or None, cursor=query.get("cursor"), limit=PER_PAGE,
        )  # fmt: skip
    except Invalid as error:
        wrong = str(error)
    older = f"/alerts?{urlencode({**chosen, 'cursor': data['next']})}" if data["next"] else None
    return await show(
        request, viewer_of(request), "alerts/list.html", 422 if wrong else 200, items=data["items"], chosen=chosen,
        wrong=wrong, older=older, services=sorted(ctx.directory.services.values(), key=lambda s: s.label.lower()),
    )  # fmt: skip


@get("/alerts/{id:int}", guards=may("see_alerts"), name="alert", include_in_schema=False)
async def alert(request: AnyRequest, id: FromPath[int]) -> Response[bytes]:
    shown = await alerts.get_alert(context(request), min(id, 2**63 - 1))
    return await show(request, viewer_of(request), "alerts/alert.html", alert=shown, details=pretty(shown["details"]))


def pretty(details: Any) -> str:
    """Details as text: as they are when they are text, else as JSON that a person can read."""
    if details in (None, "", {}, []):
        return ""
    return details if isinstance(details, str) else msgspec.json.format(msgspec.json.encode(details), indent=2).decode()
