"""Teams as people look at them: who is in one, and its business hours, which are changed here whatever door somebody came by."""

from __future__ import annotations

from typing import Any

from tocsin.core.business import Hours, hours_of_team, next_closing, next_opening, open_at, zone_from
from tocsin.core.calendar import LATEST, zone
from tocsin.core.configuration import BusinessHours, Team
from tocsin.core.errors import Invalid
from tocsin.core.permission import Principal
from tocsin.core.spelling import WEEKDAYS, plain
from tocsin.core.week import week_of
from tocsin.flow.context import Context
from tocsin.manage import objects
from tocsin.manage.lists import time_text


def every(ctx: Context) -> list[dict[str, Any]]:
    """Each team as `show`, by name."""
    teams = sorted(ctx.directory.teams.values(), key=lambda team: (team.name or team.id).lower())
    return [_view(ctx, team) for team in teams]


def show(ctx: Context, id: str) -> dict[str, Any]:
    """`{id, name, members, manager, schedules, services, business_hours, origin}`: `business_hours` as of `business_hours`. Raises
    NotFound."""
    return _view(ctx, objects.find(ctx, "teams", id).object)


def _view(ctx: Context, team: Team) -> dict[str, Any]:
    directory = ctx.directory
    return {
        "id": team.id,
        "name": team.name or team.id,
        "members": list(team.members),
        "manager": team.manager,
        "schedules": sorted(one.id for one in directory.schedules.values() if one.team == team.id),
        "services": sorted(one.id for one in directory.services.values() if one.team == team.id),
        "business_hours": business_hours(ctx, team.id),
        "origin": _origin(ctx, team.id),
    }


def _origin(ctx: Context, id: str) -> dict[str, Any] | None:
    origin = ctx.directory.origins.get(("teams", id))
    return {"file": origin.file, "line": origin.line} if origin else None


def business_hours(ctx: Context, id: str) -> dict[str, Any]:
    """`hours_view` with `team`, `written` (as in a file; null: nothing is, the default holds), `zone_from` (the schedule whose zone
    holds because none is written; null: none does) and `origin`. Raises NotFound."""
    team: Team = objects.find(ctx, "teams", id).object
    written, source = team.business_hours, zone_from(ctx.directory, id)
    unwritten_zone = written is None or not written.time_zone
    return {
        "team": id,
        **hours_view(ctx, hours_of_team(ctx.directory, id), written),
        "written": None if written is None else plain(written),
        "zone_from": source.id if source and unwritten_zone else None,
        "origin": _origin(ctx, id),
    }


def hours_view(ctx: Context, hours: Hours, written: BusinessHours | None) -> dict[str, Any]:
    """Business hours as they hold, and how they stand now.

    `{text, time_zone, days, from, to, week: {mon: {from, to} | null}, holidays: [day], holiday_names: {day: name}, open, opens_at,
    changes_at, holiday}`: `opens_at` is now while they are open; `changes_at` when they end, or else begin (null: never); `holiday` the
    name of today's ("" when it has none), null when today is none.
    """
    now = ctx.clock.now()
    open_now = open_at(hours, now)
    changes = next_closing(hours, now) if open_now else next_opening(hours, now)
    names = {str(one.day): one.name for one in written.holiday_names} if written else {}
    today = now.astimezone(zone(hours.time_zone)).date()
    return {
        "days": [WEEKDAYS[day] for day in hours.days],
        "from": f"{hours.start // 60:02d}:{hours.start % 60:02d}",
        "to": f"{hours.end // 60:02d}:{hours.end % 60:02d}",
        "week": {day: {"from": one[0], "to": one[1]} if one else None for day, one in week_of(hours).items()},
        "time_zone": hours.time_zone,
        "holidays": [day.isoformat() for day in hours.holidays],
        "holiday_names": names,
        "text": str(hours),
        "open": open_now,
        "opens_at": time_text(next_opening(hours, now)),
        "changes_at": time_text(changes) if changes < LATEST else None,
        "holiday": names.get(today.isoformat(), "") if today in hours.holidays else None,
    }


async def put_business_hours(ctx: Context, principal: Principal, id: str, body: Any) -> dict[str, Any]:
    """Replace the business hours of a team; `business_hours` afterwards. `body` is spelled as in a file; None: back to the default.

    Raises NotFound, Invalid with a pointer into `body`, Conflict when the team is written in a file, Forbidden.
    """
    try:
        await objects.update(ctx, principal, "teams", id, {"business_hours": body})
    except Invalid as error:
        for problem in error.problems:
            problem.pointer = problem.pointer.removeprefix("/business_hours")
        raise
    return business_hours(ctx, id)
