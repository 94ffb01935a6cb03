"""The incident room: what is broken, who is on it, what was done, and what to do next; it never needs a reload."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from tocsin.core.errors import Conflict, Forbidden, Invalid
from tocsin.core.incident import OPEN, parse_id, public_id
from tocsin.core.severity import parse
from tocsin.flow import closing, respond
from tocsin.flow.acts import Result
from tocsin.flow.regrade import regrade
from tocsin.manage import alerts, desk, explain, firsts, incidents, ladders, lifecycle, public_side, reviews, updates
from tocsin.manage import room as rooms
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.now import now_data
from tocsin.web.onsets import drawing
from tocsin.web.outside import outside_part
from tocsin.web.pages import go, show
from tocsin.web.refusals import refuse
from tocsin.web.streams import spread
from tocsin.web.viewer import Flash

SHOWN_ALERTS = 20
SHOWN_PAGES = 50
BESIDE = ("message", "pin")
"""Forms beside the timeline."""


@get("/incidents/{id:str}", guards=may("see_incidents"), name="room", include_in_schema=False)
async def room(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """The whole room. Other names of the incident lead to its public id, a merged one to what it was merged into."""
    number = parse_id(id)
    if id != public_id(number):
        return go(f"/incidents/{public_id(number)}")
    data = await room_data(request, number)
    if (into := data["kin"]["into"]) is not None and "own" not in request.query_params:
        return go(f"/incidents/{into['id']}", f"{data['incident']['name']} was merged into this one.")
    return await show(request, viewer_of(request), "incidents/room.html", **data)


@get("/incidents/{id:str}/state", guards=may("see_incidents"), name="room_state", include_in_schema=False)
async def state(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """All of the room that is not its timeline, drawn again after something happened."""
    return await show(request, viewer_of(request), "incidents/state.html", **await state_data(request, parse_id(id)))


@get("/incidents/{id:str}/earlier", guards=may("see_incidents"), name="room_earlier", include_in_schema=False)
async def earlier(request: AnyRequest, id: FromPath[str], before: FromQuery[int]) -> Response[bytes]:
    """Earlier entries of the timeline: a part for htmx, a page of its own without it."""
    viewer, number = viewer_of(request), parse_id(id)
    incident = await incidents.get(context(request), number)
    story = await desk.latest_entries(context(request), number, viewer.someone.role, min(before, 2**63 - 1))
    template = "incidents/entries.html" if viewer.live else "incidents/earlier.html"
    return await show(request, viewer, template, incident=incident, story=story)


@get("/incidents/{id:str}/explain", guards=may("see_pages"), name="room_explain", include_in_schema=False)
async def why(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """Why each page did or did not happen, and whether the timeline is as it was written."""
    ctx, number = context(request), parse_id(id)
    return await show(
        request, viewer_of(request), "incidents/explain.html", incident=await incidents.get(ctx, number),
        told=await explain.explain(ctx, number), proof=await incidents.verify(ctx, number),
    )  # fmt: skip


async def room_data(request: AnyRequest, number: int) -> dict[str, Any]:
    story = await desk.latest_entries(context(request), number, viewer_of(request).someone.role)
    return {**await state_data(request, number), "story": story}


async def state_data(request: AnyRequest, number: int) -> dict[str, Any]:
    """Header, ladder, pages and alerts; what the viewer may not see is None."""
    ctx, viewer = context(request), viewer_of(request)
    incident = await incidents.get(ctx, number)
    pages = await incidents.pages(ctx, number, limit=SHOWN_PAGES) if viewer.may("see_pages") else None
    ladder = await ladders.ladder(ctx, number) if viewer.may("see_pages") else None
    held = await rooms.room(ctx, number, viewer.may("see_alerts"))
    return {
        "room": held,
        "spread": spread(request),
        "kin": await lifecycle.kin(ctx, number),
        "onset_drawing": drawing(held["onset"], viewer.now) if held["onset"] else None,
        "public_side": await public_side.of_incident(ctx, number),
        "told_part": await updates.room_part(ctx, viewer.someone, number),
        "outside": await outside_part(ctx, viewer, number),
        "aftermath": await reviews.state_of(ctx, number) if incident["resolved_at"] else None,
        "firsts": await firsts.of_incident(ctx, incident),
        "incident": incident,
        "is_open": incident["status"] in OPEN,
        "ladder": ladder,
        "next_tier": ladders.next_tier(ladder) if ladder else None,
        "tier_above": ladders.next_tier(ladder, above=True) if ladder else None,
        "asked_of_me": _asked(viewer.user, pages["items"] if pages else []),
        "schedules": sorted(ctx.directory.schedules.values(), key=lambda one: (one.name or one.id).lower()),
        "teams": sorted(ctx.directory.teams.values(), key=lambda team: (team.name or team.id).lower()),
        "pages": pages,
        "hidden": await alerts.hidden_under(ctx, number) if viewer.may("see_alerts") else [],
        "alerts": await alerts.list_alerts(ctx, incident=number, limit=SHOWN_ALERTS)
        if viewer.may("see_alerts")
        else None,
        "people": sorted(ctx.directory.users.values(), key=lambda user: user.label.lower()),
    }


def _asked(user: str | None, pages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The viewer's own page that somebody else's acknowledgement does not answer."""
    mine = [
        page for page in pages
        if user is not None and page["user"] == user and page["clock"] != "response" and page["ended_at"] is None
    ]  # fmt: skip
    return mine[-1] if mine else None


# --- what people do ---------------------------------------------------------------------------------------------------

Act = Callable[[int, str, dict[str, str]], Awaitable[Result]]
Refused = Callable[[AnyRequest, int, dict[str, str], Conflict | Invalid | Forbidden], Awaitable[Response[bytes]]]


async def act(request: AnyRequest, id: str, do: Act, refused: Refused | None = None) -> Response[Any]:
    """Do it; then the room drawn anew for htmx, or back to it for a plain form. Refused, the room (or what `refused` draws) comes
    back with the form as it was filled in."""
    number, given = parse_id(id), await fields(request)
    try:
        result = await do(number, viewer_of(request).someone.id, given)
        said = Flash(kind="done", text=f"{result.sentence}.".replace("..", "."))
    except (Conflict, Invalid, Forbidden) as error:
        if given.get("from") != "now":
            return await (refused or _refused)(request, number, given, error)
        said = Flash(kind="problem", text=str(error))
    if not viewer_of(request).live:
        place = "/" if given.get("from") == "now" else f"/incidents/{public_id(number)}"
        return go(place, said.text, said.kind)
    return await _redrawn(request, number, said)


async def _refused(
    request: AnyRequest, number: int, given: dict[str, str], error: Conflict | Invalid | Forbidden
) -> Response[bytes]:
    if viewer_of(request).live:  # the forms of the timeline stay as they are: they are no part of what is drawn anew
        data, apart = await state_data(request, number), request.url.path.rpartition("/")[2] in BESIDE
        return await refuse(request, "incidents/acted.html", data, given, error, whole=not apart)
    return await refuse(request, "incidents/room.html", await room_data(request, number), given, error)


async def _redrawn(request: AnyRequest, number: int, said: Flash) -> Response[bytes]:
    viewer = viewer_of(request)
    shown = replace(viewer, flash=said)
    if request.query_params.get("from") == "now":
        return await show(request, shown, "now/answered.html", **await now_data(request))
    return await show(request, shown, "incidents/acted.html", **await state_data(request, number))


@post("/incidents/{id:str}/acknowledge", guards=may("respond"), status_code=200, include_in_schema=False)
async def acknowledge(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(request, id, lambda number, actor, given: respond.acknowledge(ctx, number, actor))


@post("/incidents/{id:str}/resolve", guards=may("respond"), status_code=200, include_in_schema=False)
async def resolve(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request,
        id,
        lambda number, actor, given: updates.resolve(
            ctx, viewer_of(request).someone, number, given.get("notes", ""), tell=bool(given.get("tell"))
        ),
    )


@post("/incidents/{id:str}/reopen", guards=may("respond"), status_code=200, include_in_schema=False)
async def reopen(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id, lambda number, actor, given: closing.reopen(ctx, number, actor, given.get("notes", ""))
    )


@post("/incidents/{id:str}/escalate", guards=may("respond"), status_code=200, include_in_schema=False)
async def escalate(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request,
        id,
        lambda number, actor, given: respond.escalate(
            ctx, number, actor, given.get("reason", ""), given.get("tier") or None
        ),
    )


@post("/incidents/{id:str}/severity", guards=may("respond"), status_code=200, include_in_schema=False)
async def change_severity(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: regrade(
            ctx, number, actor, parse(given.get("severity", "")), given.get("reason", ""), bool(given.get("confirm"))
        ),
    )  # fmt: skip


@post("/incidents/{id:str}/assign", guards=may("respond"), status_code=200, include_in_schema=False)
async def assign(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request,
        id,
        lambda number, actor, given: respond.assign(
            ctx, number, actor, given.get("user", ""), page=bool(given.get("page"))
        ),
    )


@post("/incidents/{id:str}/note", guards=may("respond"), status_code=200, include_in_schema=False)
async def note(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(request, id, lambda number, actor, given: respond.note(ctx, number, actor, given.get("text", "")))
