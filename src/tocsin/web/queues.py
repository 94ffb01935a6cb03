"""The queues of teams: what waits without ringing anybody."""

from __future__ import annotations

from litestar import Response, get

from tocsin.manage import queues
from tocsin.web.authentication import AnyRequest, asked, context, may, viewer_of
from tocsin.web.pages import show


@get("/queues", guards=may("see_incidents"), name="queues", include_in_schema=False)
async def list_queues(request: AnyRequest) -> Response[bytes]:
    """Of one team, or of each: those in which something waits first."""
    ctx, team = context(request), asked(request, "team")
    found = (await queues.every(ctx, team or None))["items"]
    teams = sorted(ctx.directory.teams.values(), key=lambda one: (one.name or one.id).lower())
    return await show(
        request, viewer_of(request), "queues/queues.html", chosen=team, teams=teams,
        full=[one for one in found if one["waiting"]], calm=[one for one in found if not one["waiting"]],
    )  # fmt: skip


ROUTES = [list_queues]
