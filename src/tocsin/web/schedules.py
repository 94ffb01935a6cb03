"""Schedules: the list, one as a calendar, somebody else takes a shift, what changed and the way back, calendar links."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.calendar import instant, zone
from tocsin.core.configuration import EscalationPolicy, Schedule
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.preset import steps_of
from tocsin.core.schedule import shifts
from tocsin.core.spelling import WallTime
from tocsin.flow.context import Context
from tocsin.manage import calendars, fairness, handoffs, oncall, overrides, versions
from tocsin.manage.lists import time_text
from tocsin.manage.overrides import Field, Wanted
from tocsin.manage.schedules import lanes, shadow_shifts
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.drawings import Paper, Strip, tones
from tocsin.web.pages import go, show
from tocsin.web.viewer import Viewer

WEEK = timedelta(days=7)
AROUND = timedelta(days=15)
"""How far beyond a drawing we look, so that bars know where their shifts really begin and end."""


def names(directory: Directory) -> dict[str, str]:
    return {user.id: user.label for user in directory.users.values()}


# --- the list -------------------------------------------------------------------------------------------------------------


@get("/schedules", guards=may("see_on_call"), name="schedules", include_in_schema=False)
async def list_schedules(request: AnyRequest) -> Response[bytes]:
    """Every schedule with its week."""
    ctx, viewer = context(request), viewer_of(request)
    every = sorted(ctx.directory.schedules.values(), key=lambda one: (one.name or one.id).lower())
    paper = Paper(viewer.zone, viewer.now, names(ctx.directory), tones(every))
    start = paper.midnight(viewer.now.astimezone(viewer.zone).date())
    strips = await asyncio.to_thread(lambda: [_final(paper, one, start, start + WEEK) for one in every])
    return await show(
        request,
        viewer,
        "schedules/list.html",
        items=list(zip(every, strips, strict=True)),
        origins=ctx.directory.origins,
    )


def _final(paper: Paper, schedule: Schedule, start: datetime, end: datetime) -> Strip:
    return paper.strip(
        schedule.name or schedule.id, start, end, shifts(schedule, start - AROUND, end + AROUND), gaps=True
    )


# --- one schedule -----------------------------------------------------------------------------------------------------


@get("/schedules/{id:str}", guards=may("see_on_call"), name="schedule", include_in_schema=False)
async def schedule(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """A week lane by lane, or a month, in the viewer's zone or the schedule's; with `cover` the shift that someone else takes."""
    ctx, viewer = context(request), viewer_of(request)
    found = overrides.find(ctx.directory, id)
    place = zone(found.time_zone) if asked(request, "zone") == "schedule" else viewer.zone
    paper = Paper(place, viewer.now, names(ctx.directory), tones([found]))
    view = "month" if asked(request, "view") == "month" else "week"
    day = _day(asked(request, "at"), viewer.now.astimezone(place).date())
    drawn = await asyncio.to_thread(_month if view == "month" else _week, paper, found, day)
    present = (await oncall.now(ctx, schedule=id))["items"][0]
    history = (
        (await versions.list_versions(ctx, id, 1))["items"]
        if viewer.may("see_configuration") and ctx.directory.revision
        else []
    )
    return await show(
        request, viewer, "schedules/schedule.html", schedule=found, label=found.name or id, present=present, view_=view, zone=place,
        own_zone=place.key == viewer.zone.key, drawn=drawn, cover=_cover(ctx, found, paper, request), paper=paper,
        origin=ctx.directory.origins.get(("schedules", id)), last=history[0] if history else None,
        planned=_planned(ctx, found), links=await _links(ctx, viewer, id), policies=_policies(ctx.directory, id),
        fair=await fairness.beside(ctx, id), unsigned=await handoffs.unsigned(ctx, id),
    )  # fmt: skip


def _day(text: str, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return day if 1971 <= day.year < 2190 else otherwise


def _week(paper: Paper, schedule: Schedule, day: date) -> dict[str, Any]:
    """`lanes` of the week that holds `day`, `days` of the final schedule, and where to turn the page to."""
    monday = day - timedelta(days=day.weekday())
    start, end = paper.midnight(monday), paper.midnight(monday + WEEK)
    found = lanes(schedule, start - AROUND, end + AROUND)
    final = found[0].shifts
    days = [monday + timedelta(days=n) for n in range(7)]
    return {
        "lanes": [(lane, paper.strip(lane.name, start, end, lane.shifts, gaps=lane.kind == "final")) for lane in found],
        "days": [
            (one, paper.strip("", paper.midnight(one), paper.midnight(one + timedelta(days=1)), final, gaps=True)) for one in days
        ],
        "title": f"{_date(monday)} – {_date(days[-1])} {days[-1].year}",
        "before": monday - WEEK, "after": monday + WEEK, "here": monday, "list": _listed(final, start, end),
    }  # fmt: skip


def _month(paper: Paper, schedule: Schedule, day: date) -> dict[str, Any]:
    """`weeks` of the month that holds `day`."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    monday = first - timedelta(days=first.weekday())
    last = paper.midnight(following)
    final = shifts(schedule, paper.midnight(monday) - AROUND, last + AROUND)
    weeks = []
    while monday < following:
        weeks.append(paper.strip("", paper.midnight(monday), paper.midnight(monday + WEEK), final, gaps=True))
        monday += WEEK
    return {
        "weeks": weeks, "title": f"{first:%B} {first.year}", "before": (first - timedelta(days=1)).replace(day=1),
        "after": following, "here": first, "month": first.month, "list": _listed(final, paper.midnight(first), last),
    }  # fmt: skip


def _listed(final: Any, start: datetime, end: datetime) -> list[Any]:
    return [shift for shift in final if shift.start < end and shift.end > start]


def _date(day: date) -> str:
    return f"{day.day} {day:%b}"


def _planned(ctx: Context, schedule: Schedule) -> list[dict[str, Any]]:
    """Overrides and shadow shifts that are not over."""
    now = ctx.clock.now()
    both: list[tuple[Field, Any]] = [("overrides", one) for one in schedule.overrides]
    both += [("shadows", one) for one in schedule.shadows]
    found = [{**overrides.view(schedule, one, field, now), "field": field} for field, one in both]
    return sorted((one for one in found if one["state"] != "over"), key=lambda one: str(one["from"]))


async def _links(ctx: Context, viewer: Viewer, id: str) -> dict[str, dict[str, Any]]:
    """The viewer's own calendar links: of this schedule, and of all their shifts."""
    mine = [one for one in (await calendars.list_links(ctx, viewer.someone))["items"] if one["url"]]
    wanted = _subjects(ctx, viewer.user, id)
    return {one["kind"]: one for one in mine if wanted.get(one["kind"]) == (one["kind"], one["subject"])}


def _subjects(ctx: Context, user: str | None, id: str) -> dict[str, tuple[calendars.Kind, str]]:
    """What links made beside a schedule may show, by kind."""
    found: dict[str, tuple[calendars.Kind, str]] = {"schedule": ("schedule", id)}
    if user is not None:
        found["user"] = ("user", user)
    known = ctx.directory.schedules.get(id)
    if known is not None and known.team is not None and known.team in ctx.directory.teams:
        found["team"] = ("team", known.team)
    return found


def _policies(directory: Directory, id: str) -> list[EscalationPolicy]:
    """The escalation policies that page this schedule."""
    every = directory.escalation_policies.values()
    return [policy for policy in every if any(t.schedule == id for step in steps_of(policy) for t in step.targets)]


# --- somebody else takes it -------------------------------------------------------------------------------------------


def _cover(ctx: Context, schedule: Schedule, paper: Paper, request: AnyRequest) -> dict[str, Any] | None:
    """The shift that was clicked: who has it, from when to when it can be taken, and who could."""
    begin, _, until = asked(request, "cover").partition("~")
    try:
        start, end = datetime.fromisoformat(begin), datetime.fromisoformat(until)
    except ValueError:
        return None
    if start.tzinfo is None or end.tzinfo is None or not timedelta() < end - start <= timedelta(days=800):
        return None
    now = ctx.clock.now()
    found = next((s for s in shifts(schedule, start, end) if s.start < end), None)
    override = next(
        (
            one
            for one in reversed(_planned(ctx, schedule))
            if one["from"] == time_text(start) and one["field"] == "overrides"
        ),
        None,
    )
    watched = [one for one in shadow_shifts(schedule, start, end) if one.end > now]
    return {
        "user": found.user if found else None, "start": start, "end": end, "over": end <= now, "override": override,
        "from": _local(max(start, now), paper.zone), "to": _local(end, paper.zone), "people": _people(ctx.directory, schedule, found),
        "shadows": [shadow.user for shadow in watched],
    }  # fmt: skip


def _people(directory: Directory, schedule: Schedule, found: Any) -> list[str]:
    """Who could take it: those of the schedule, then their team, then everybody who answers pages."""
    team = directory.teams.get(schedule.team) if schedule.team else None
    near = [user for layer in schedule.layers for user in layer.users] + list(team.members if team else ())
    every = [user.id for user in directory.users.values() if user.role in ("responder", "manager", "admin")]
    known = dict.fromkeys([*near, *sorted(every)])
    return [user for user in known if user in directory.users and not (found and user == found.user)]


def _local(at: datetime, place: ZoneInfo) -> str:
    """For an input of a form: a local time to the minute."""
    return at.astimezone(place).strftime("%Y-%m-%dT%H:%M")


def _instant(text: str, place: ZoneInfo, name: str) -> str:
    """A local time of a form as RFC 3339. Raises Invalid."""
    try:
        return instant(WallTime.parse(text).naive, place).isoformat()
    except ValueError as error:
        raise Invalid(str(error), f"/{name}") from None


@post("/schedules/{id:str}/cover", guards=may("cover"), status_code=200, include_in_schema=False)
async def take(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Somebody takes (`overrides`) or watches (`shadows`) a time."""
    ctx, given = context(request), await fields(request)
    field: Field = "shadows" if given.get("field") == "shadows" else "overrides"
    back = f"/schedules/{quote(id)}"
    try:
        place = zone(given.get("zone", "UTC"))
        wanted = Wanted(
            user=given.get("user", ""),
            start=_instant(given.get("from", ""), place, "from"),
            end=_instant(given.get("to", ""), place, "to"),
        )
        made = await overrides.add(ctx, viewer_of(request).someone, id, field, wanted)
    except (Invalid, NotFound, Conflict) as error:
        return go(back, _sentence(error), kind="problem")
    name = names(ctx.directory).get(made["user"], made["user"])
    verb = "takes it" if field == "overrides" else "watches it and gets copies"
    start = datetime.fromisoformat(str(made["from"]))
    return go(f"{back}?at={start.astimezone(place).date()}", f"{name} {verb}. Those whose shifts changed are told.")


def _sentence(error: Exception) -> str:
    """What is wrong, for a person: the first problem of several."""
    return error.problems[0].message if isinstance(error, Invalid) else str(error)


@post("/schedules/{id:str}/uncover", guards=may("cover"), status_code=200, include_in_schema=False)
async def give_back(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """End an override or a shadow shift."""
    given = await fields(request)
    field: Field = "shadows" if given.get("field") == "shadows" else "overrides"
    try:
        await overrides.remove(context(request), viewer_of(request).someone, id, field, given.get("one", ""))
    except (Invalid, NotFound, Conflict) as error:
        return go(f"/schedules/{quote(id)}", _sentence(error), kind="problem")
    return go(f"/schedules/{quote(id)}", "Ended. Those whose shifts changed are told.")


# --- versions -------------------------------------------------------------------------------------------------------------


@get("/schedules/{id:str}/versions", guards=may("see_configuration"), name="schedule_versions", include_in_schema=False)
async def list_versions(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """Every change; of the chosen one what it meant, and what going back would mean."""
    ctx, viewer = context(request), viewer_of(request)
    found = await versions.list_versions(ctx, id, 50)
    text = asked(request, "revision")
    chosen = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else found["items"][0]["revision"]
    told = await versions.diff(ctx, id, chosen)
    wanted, back = await versions.look_back(ctx, id, chosen)
    present = ctx.directory.schedules.get(id)
    paper = Paper(viewer.zone, viewer.now, names(ctx.directory), tones([present, wanted]))
    drawn = await asyncio.to_thread(compared, paper, present, wanted, viewer.now)
    return await show(
        request, viewer, "schedules/versions.html", id=id, items=found["items"], chosen=chosen, told=told, back=back, drawn=drawn,
        plain=_written, differs=present != wanted, removed=present is None, label=(present.name if present else "") or id, paper=paper,
        origin=ctx.directory.origins.get(("schedules", id)),
    )  # fmt: skip


def _written(value: Any) -> str:
    """A value of a field on one line; '' for what is told better by its consequences."""
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return "" if any(isinstance(each, dict | list) for each in value) else ", ".join(map(str, value)) or "nothing"
    return "" if isinstance(value, dict) else str(value)


def compared(
    paper: Paper, old: Schedule | None, new: Schedule | None, start: datetime
) -> list[tuple[Strip | None, Strip | None]]:
    """Four weeks from `start` on, week by week: as it is, and as it would be. Weeks in which nothing differs are left out."""
    day = start.astimezone(paper.zone).date()
    monday, paper = day - timedelta(days=day.weekday()), replace(paper, narrow=0.2)
    rows: list[tuple[Strip | None, Strip | None]] = []
    for n in range(4):
        a, b = (paper.midnight(monday + n * WEEK), paper.midnight(monday + (n + 1) * WEEK))
        rows.append((_final(paper, old, a, b) if old else None, _final(paper, new, a, b) if new else None))
    if old is None or new is None:
        return rows
    return [(was, then) for was, then in rows if was and then and was.bars != then.bars] or rows


@post("/schedules/{id:str}/revert", guards=may("cover"), status_code=200, include_in_schema=False)
async def revert(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Go back to a version. Somebody on call now has to be confirmed."""
    given = await fields(request)
    text = given.get("revision", "")
    revision = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else -1
    confirmed = given.get("confirm") == "yes"
    try:
        await versions.revert(context(request), viewer_of(request).someone, id, revision, confirm=confirmed)
    except (Invalid, NotFound, Conflict, Forbidden) as error:
        return go(f"/schedules/{quote(id)}/versions?revision={max(revision, 0)}", _sentence(error), kind="problem")
    return go(
        f"/schedules/{quote(id)}", f"It is as it was at revision {revision}. Those whose shifts changed are told."
    )


# --- calendar links -------------------------------------------------------------------------------------------------------


@post("/schedules/{id:str}/link", guards=may("see_on_call"), status_code=200, include_in_schema=False)
async def make_link(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """A secret link for the viewer's calendar program: of this schedule, of its team's shifts, or of all their own."""
    ctx, viewer, given = context(request), viewer_of(request), await fields(request)
    try:
        subject = _subjects(ctx, viewer.user, id).get(given.get("of", ""), ("schedule", id))
        await calendars.create_link(ctx, viewer.someone, [subject])
    except (Invalid, NotFound) as error:
        return go(f"/schedules/{quote(id)}", _sentence(error), kind="problem")
    return go(f"/schedules/{quote(id)}#calendar", "Give this address to your calendar program. Keep it to yourself.")


@post("/schedules/{id:str}/unlink", guards=may("see_on_call"), status_code=200, include_in_schema=False)
async def revoke_link(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    given = await fields(request)
    link = given.get("link", "")
    try:
        await calendars.revoke_link(context(request), viewer_of(request).someone, calendars.number_of(link))
    except NotFound as error:
        return go(f"/schedules/{quote(id)}", str(error), kind="problem")
    return go(f"/schedules/{quote(id)}#calendar", "Revoked: calendars that use the old address see nothing more.")
