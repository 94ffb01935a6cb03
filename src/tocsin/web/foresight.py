"""Foresight: what would go wrong, who would be paged, drills, and one person's minute."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.calendar import instant
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.incident import parse_id, public_id
from tocsin.core.readiness import DAYS
from tocsin.flow.context import Context
from tocsin.manage import drills, rehearsals, replays
from tocsin.manage.explain_person import explain_person
from tocsin.manage.foresight import Question
from tocsin.manage.lists import read_time
from tocsin.plugins.sources import registry
from tocsin.web import futures
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.pages import go, show
from tocsin.web.viewer import Viewer

HORIZONS = (30, 90, 365)
SEVERITIES = ("sev1_critical", "sev2_high", "sev3_medium", "sev4_low")
WALL = "%Y-%m-%dT%H:%M"


def _services(ctx: Context) -> list[Any]:
    return sorted(ctx.directory.services.values(), key=lambda service: service.label.lower())


def _people(ctx: Context) -> list[Any]:
    return sorted(ctx.directory.users.values(), key=lambda user: user.label.lower())


def _at(text: str, zone: ZoneInfo) -> datetime | None:
    """What a date-and-time field holds, in the viewer's zone; also RFC 3339. Raises Invalid."""
    if not text:
        return None
    try:
        return instant(datetime.strptime(text[:16], WALL), zone)  # noqa: DTZ007 - a local time of the viewer's zone
    except ValueError:
        return read_time(text, "at")


# --- check ------------------------------------------------------------------------------------------------------------


@get("/check", guards=may("see_configuration"), name="check", include_in_schema=False)
async def check(request: AnyRequest) -> Response[bytes]:
    """The coming days, with every fault where it lies. `team` shows only what concerns one team."""
    ctx, viewer, team = context(request), viewer_of(request), asked(request, "team")
    days = next((d for d in HORIZONS if str(d) == asked(request, "days")), DAYS)
    found = await rehearsals.check(ctx, days)
    start, end = datetime.fromisoformat(found["at"]), datetime.fromisoformat(found["until"])
    items = [item for item in found["items"] if not team or team in item["teams"]]
    for item in items:
        item["bands"] = futures.bands(item["spans"], start, end)
    return await show(
        request, viewer, "foresight/check.html", found=found, items=items, days=days, horizons=HORIZONS, team=team,
        weeks=futures.weeks(start.astimezone(viewer.zone), end.astimezone(viewer.zone)),
        teams=sorted(ctx.directory.teams.values(), key=lambda one: (one.name or one.id).lower()),
        names={team.id: team.name or team.id for team in ctx.directory.teams.values()},
    )  # fmt: skip


# --- rehearse ---------------------------------------------------------------------------------------------------------


@get("/rehearse", guards=may("rehearse"), name="rehearse", include_in_schema=False)
async def rehearse(request: AnyRequest) -> Response[bytes]:
    """The form, and what it asks for when a service is named: such an address can be kept and shared."""
    given = {name: asked(request, name) for name in ("service", "severity", "at", "answered")}
    return await _rehearsed(request, given)


@post("/rehearse", guards=may("rehearse"), name="rehearse_form", status_code=200, include_in_schema=False)
async def rehearse_form(request: AnyRequest) -> Response[bytes]:
    """The same for a payload, which is too long for an address."""
    return await _rehearsed(request, await fields(request))


async def _rehearsed(request: AnyRequest, given: dict[str, str]) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found, drawn, wrong = None, None, {}
    try:
        question = _question(given, viewer)
        if question is not None:
            found = await rehearsals.rehearse(ctx, question)
            names = {user.id: user.label for user in ctx.directory.users.values()}
            drawn = futures.drawing(found, names)
    except Invalid as error:
        wrong[error.pointer.strip("/") or "service"] = str(error)
    shown = {"severity": "sev1_critical", **{name: value for name, value in given.items() if value}}
    shown.setdefault("at", viewer.now.astimezone(viewer.zone).strftime(WALL))
    return await show(
        request, viewer, "foresight/rehearse.html", 422 if wrong else 200, given=shown, wrong=wrong, found=found,
        drawn=drawn, services=_services(ctx), severities=SEVERITIES, sources=registry.sources().values(),
    )  # fmt: skip


def _question(given: dict[str, str], viewer: Viewer) -> Question | None:
    """None when nothing is asked yet. Raises Invalid."""
    service, payload = given.get("service") or None, given.get("payload", "").strip()
    if service is None and not payload:
        return None
    at = _at(given.get("at", ""), viewer.zone)
    return Question(
        service=service, severity=given.get("severity") or None, at=at.isoformat() if at else None,
        source=(given.get("source") or None) if payload else None, payload=payload or None,
        answered=given.get("answered") or None,
    )  # fmt: skip


@get("/incidents/{id:str}/replay", guards=may("see_pages"), name="room_replay", include_in_schema=False)
async def replay(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """What happened beside what would happen today."""
    found = await replays.replay(context(request), parse_id(id))
    drawn = futures.comparison(found["items"], datetime.fromisoformat(found["at"]))
    return await show(request, viewer_of(request), "foresight/replay.html", found=found, drawn=drawn)


# --- drills -----------------------------------------------------------------------------------------------------------


@get("/drills", guards=may("see_pages"), name="drills", include_in_schema=False)
async def list_drills(request: AnyRequest) -> Response[bytes]:
    ctx = context(request)
    found = await drills.list_drills(ctx, 50)
    return await show(
        request, viewer_of(request), "foresight/drills.html", items=found["items"], services=_services(ctx),
        severities=SEVERITIES[:3], chosen=asked(request, "service"),
    )  # fmt: skip


@post("/drills", guards=may("send_test_alert"), name="drill_form", status_code=200, include_in_schema=False)
async def start_drill(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    try:
        made = await drills.start(
            context(request), viewer_of(request).someone.id, given.get("service", ""),
            given.get("severity") or "sev2_high", given.get("for") or None,
        )  # fmt: skip
    except (Invalid, NotFound, Conflict) as error:
        return go("/drills", str(error), kind="problem")
    return go(f"/drills/{made['id']}", "The drill has begun: people are being paged for real.")


@get("/drills/{id:str}", guards=may("see_pages"), name="drill", include_in_schema=False)
async def drill(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Who was reached, how fast; drawn again by itself while it runs."""
    number = parse_id(id)
    if id != public_id(number):
        return go(f"/drills/{public_id(number)}")
    found = await drills.get(context(request), id)
    viewer = viewer_of(request)
    template = "foresight/drill_state.html" if viewer.live else "foresight/drill.html"
    return await show(request, viewer, template, drill=found)


@post(
    "/drills/{id:str}/stop", guards=may("send_test_alert"), name="drill_stop", status_code=200, include_in_schema=False
)
async def stop_drill(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    await drills.stop(context(request), id, viewer_of(request).someone.id)
    return go(f"/drills/{public_id(parse_id(id))}", "The drill is over.")


# --- explain ----------------------------------------------------------------------------------------------------------


@get("/explain", guards=may("see_pages"), name="explain_person", include_in_schema=False)
async def explain(request: AnyRequest) -> Response[bytes]:
    """Was this person on call in that minute, paged, why, by what, and what became of it. Asks for oneself, now, at first."""
    ctx, viewer = context(request), viewer_of(request)
    user, wrong, found = asked(request, "user") or viewer.user or "", "", None
    at = viewer.now
    try:
        at = _at(asked(request, "at"), viewer.zone) or at
        found = await explain_person(ctx, user, at) if user else None
    except (Invalid, NotFound) as error:
        wrong = str(error)
    return await show(
        request, viewer, "foresight/explain.html", 422 if wrong else 200, found=found, wrong=wrong, user=user,
        people=_people(ctx), at=at.astimezone(viewer.zone).strftime(WALL),
    )  # fmt: skip


ROUTES = [
    check, rehearse, rehearse_form, replay, list_drills, start_drill, drill, stop_drill, explain,
]  # fmt: skip
