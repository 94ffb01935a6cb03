"""Who is on call: now, until when, and who is next."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from tocsin.manage import handoffs, oncall
from tocsin.web.authentication import AnyRequest, context, may, viewer_of
from tocsin.web.pages import show


@get("/oncall", guards=may("see_on_call"), name="oncall", include_in_schema=False)
async def on_call(request: AnyRequest) -> Response[bytes]:
    ctx = context(request)
    present = (await oncall.now(ctx))["items"]
    return await show(
        request, viewer_of(request), "oncall/now.html", items=present, teams=_teams(request),
        unsigned=await handoffs.unsigned(ctx),
    )  # fmt: skip


def _teams(request: AnyRequest) -> list[dict[str, Any]]:
    """Each team with its people and manager, by name."""
    directory = context(request).directory
    return [
        {"id": team.id, "name": team.name or team.id, "members": list(team.members), "manager": team.manager}
        for team in sorted(directory.teams.values(), key=lambda team: (team.name or team.id).lower())
    ]
