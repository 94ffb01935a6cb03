"""Teams: who is in one, and when it works. Works without a script; a team that a file holds is shown with its place."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.checking import zones
from tocsin.core.errors import Conflict, Invalid
from tocsin.manage import teams
from tocsin.web import team_forms as forms
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show

DAYS = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip


@get("/teams", guards=may("see_on_call"), name="teams", include_in_schema=False)
async def list_teams(request: AnyRequest) -> Response[bytes]:
    return await show(request, viewer_of(request), "teams/list.html", items=teams.every(context(request)))


@get("/teams/{id:str}", guards=may("see_on_call"), name="team", include_in_schema=False)
async def team(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return await _page(request, id)


@post("/teams/{id:str}/hours", guards=may("configure"), status_code=200, include_in_schema=False)
async def change_hours(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """A button of the form: one holiday more or less, save, or back to the default."""
    ctx, someone, given = context(request), viewer_of(request).someone, await fields(request)
    before, draft, do = teams.show(ctx, id)["business_hours"], forms.read(given), given.get("do", "save")
    if do == "holiday" or do.startswith("remove."):
        return await _page(request, id, {**draft, "holidays": _holidays(draft, do)}, base=given.get("base", ""))
    try:
        if digest(before) != given.get("base"):
            raise Conflict(
                "Somebody changed these hours while you were editing. Look at yours again, and save them again."
            )
        await teams.put_business_hours(ctx, someone, id, None if do == "default" else forms.body(draft))
    except Invalid as error:
        return await _page(request, id, draft, forms.wrong(draft, error.problems), digest(before), 422)
    except Conflict as error:
        return await _page(request, id, draft, {"": str(error)}, digest(before), 409)
    return go(f"/teams/{quote(id)}", "Saved. Incidents that run already keep the hours they began with.")


def _holidays(draft: forms.Draft, do: str) -> list[dict[str, str]]:
    """What a button makes of the holidays."""
    if do == "holiday":
        return [*draft["holidays"], {"day": "", "name": ""}]
    gone = do.partition(".")[2]
    return [one for n, one in enumerate(draft["holidays"]) if str(n) != gone]


def digest(shown: dict[str, Any]) -> str:
    """What the form was made from: who saves over somebody else's change is told."""
    return hashlib.sha256(msgspec.json.encode(shown["written"], order="deterministic")).hexdigest()[:16]


async def _page(
    request: AnyRequest, id: str, draft: forms.Draft | None = None, wrong: dict[str, str] | None = None, base: str = "", status: int = 200
) -> Response[bytes]:  # fmt: skip
    """The team; `draft` is what somebody is typing."""
    found = teams.show(context(request), id)
    hours = found["business_hours"]
    today = viewer_of(request).now.date().isoformat()
    return await show(
        request, viewer_of(request), "teams/team.html", status, team=found, hours=hours, bars=forms.bars(hours["week"]),
        draft=draft or forms.of(hours), editing=draft is not None, wrong=wrong or {}, base=base or digest(hours), days=DAYS,
        zones=sorted(zones()), coming=[day for day in hours["holidays"] if day >= today],
        past=[day for day in hours["holidays"] if day < today],
    )  # fmt: skip


ROUTES = [list_teams, team, change_hours]
