"""On-call health: one's own weeks first, the team as a group; verdicts on alerts; what painful shifts ask to be changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Invalid, NotFound
from tocsin.manage import oncall_health
from tocsin.manage.oncall_health import Change
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, safe_next, viewer_of
from tocsin.web.pages import go, show

SPANS = {"4": "4 weeks", "12": "12 weeks", "52": "a year"}
"""Weeks to look back -> how the choice reads."""
SHADES = 5


@get("/health", guards=may("see_on_call"), name="health", include_in_schema=False)
async def health(request: AnyRequest) -> Response[bytes]:
    """One's own figures, then the team's as a group of three or more."""
    ctx, viewer = context(request), viewer_of(request)
    weeks = asked(request, "weeks") if asked(request, "weeks") in SPANS else "4"
    teams = sorted(ctx.directory.teams.values(), key=lambda team: (team.name or team.id).lower())
    mine = next((team.id for team in teams if viewer.user in team.members), "")
    team = asked(request, "team") if "team" in request.query_params else mine
    end = ctx.clock.now()
    try:
        found = await oncall_health.overview(
            ctx, viewer.someone, team or None, end - timedelta(weeks=int(weeks)), end + timedelta(seconds=1)
        )
    except NotFound:
        team = ""
        found = await oncall_health.overview(ctx, viewer.someone, None, end - timedelta(weeks=int(weeks)), end)
    asks = await oncall_health.list_improvements(ctx, state="open", limit=20)
    return await show(
        request, viewer, "health/health.html", found=found, teams=teams, team=team, weeks=weeks, spans=SPANS,
        improvements=asks["items"], shade=shade, people=sorted(ctx.directory.users.values(), key=lambda user: user.label.lower()),
    )  # fmt: skip


def shade(count: int, most: int) -> int:
    """0 for never, else 1 to 4: how dark a cell of the heatmap is. Once or twice is never the darkest."""
    return min(SHADES - 1, -(-count * (SHADES - 1) // max(most, SHADES - 1)))


@post("/alerts/{id:int}/verdict", guards=may("respond"), status_code=200, include_in_schema=False)
async def judge(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    """One tap; the same tap again takes it back."""
    given = await fields(request)
    said = await oncall_health.judge(context(request), id, given.get("verdict", ""), viewer_of(request).someone.id)
    words = {"useful": "Noted: useful.", "noise": "Noted: noise.", "tune": "Noted: to be tuned."}
    return go(safe_next(given, f"/alerts/{id}"), words.get(said["verdict"] or "", "Taken back."))


@post("/improvements/{id:int}", guards=may("respond"), status_code=200, include_in_schema=False)
async def change(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    given = await fields(request)
    state = given.get("state")
    wanted = Change(
        state="done" if state == "done" else "dropped" if state == "dropped" else None,
        owner=given.get("owner"),
        note=given.get("note"),
    )
    try:
        await oncall_health.change_improvement(context(request), id, wanted, viewer_of(request).someone.id)
    except Invalid as error:
        return go("/health#improvements", str(error), "problem")
    return go("/health#improvements", "Done: thank you." if state == "done" else "Saved.")
