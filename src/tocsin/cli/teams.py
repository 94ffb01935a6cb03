"""Teams and their business hours, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when
from tocsin.core.errors import Invalid
from tocsin.core.shape import unknown
from tocsin.core.spelling import WEEKDAYS, Weekday
from tocsin.core.week import Span, spelled

app = typer.Typer(no_args_is_help=True, help="Teams, and when they work.")

Team = Annotated[str, typer.Argument(metavar="TEAM", help="Id of a team.")]


@app.command("list")
def list_teams(as_json: AsJson = False) -> None:
    """Every team."""
    found = Client.from_environment().items("teams")
    if as_json:
        return show.json(found)
    rows = [(one["id"], one["name"], one["manager"], ", ".join(one["members"])) for one in found["items"]]
    show.table(("ID", "Name", "Manager", "Members"), rows, "There are no teams.")


@app.command("hours")
def hours(
    id: Team,
    days: Annotated[
        list[str] | None,
        typer.Argument(metavar="DAYS=HOURS...", help="Such as mon-thu=09:00-17:00 fri=09:00-15:00 sat=closed."),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option("--time-zone", help="Such as Europe/Berlin; empty for that of the team's first schedule."),
    ] = None,
    holiday: Annotated[
        list[str] | None, typer.Option("--holiday", metavar="DAY[=NAME]", help="Such as 2026-12-25=Christmas Day.")
    ] = None,
    no_holiday: Annotated[
        list[str] | None, typer.Option("--no-holiday", metavar="DAY", help="Work on this day again.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Back to the default: nothing is written.")] = False,
    as_json: AsJson = False,
) -> None:
    """The business hours of a team, and whether they are on now; with anything more, change them."""
    client, place = Client.from_environment(), path("teams", id, "business_hours")
    changes = bool(days or holiday or no_holiday) or time_zone is not None
    if default and changes:
        raise Invalid("--default goes alone: leave out what else is to change", "/default")
    if default:
        found = client.delete(place)
    else:
        found = client.get(place)
        if changes:
            found = client.put(place, _changed(found, days or [], time_zone, holiday or [], no_holiday or []))
    if as_json:
        return show.json(found)
    _told(found)


def _changed(
    found: dict[str, Any], days: list[str], time_zone: str | None, added: list[str], removed: list[str]
) -> dict[str, Any]:
    """`business_hours` as the API takes them: those that hold, with what was typed."""
    week: dict[Weekday, Span | None] = {
        day: (one["from"], one["to"]) if one else None for day, one in found["week"].items()
    }
    for text in days:
        named, span = _days_and_hours(text)
        week |= dict.fromkeys(named, span)
    free = {day: found["holiday_names"].get(day, "") for day in found["holidays"]}
    for text in added:
        day, _, name = text.partition("=")
        free[day.strip()] = name.strip()
    for day in removed:
        if day not in free:
            raise Invalid(f"{day} is no holiday of this team: there are {', '.join(free) or 'none'}", "/no-holiday")
        del free[day]
    kept = (found["written"] or {}).get("time_zone", "")
    return spelled(week, kept if time_zone is None else time_zone, list(free.items()))


def _days_and_hours(text: str) -> tuple[list[Weekday], Span | None]:
    named, _, hours = text.partition("=")
    start, dash, end = hours.partition("-")
    if hours != "closed" and not (start and dash and end):
        raise Invalid(f"{text!r} is not DAYS=HOURS: write one like mon-fri=09:00-17:00 or sat=closed", "/days")
    days = [day for part in named.split(",") for day in _run(part.strip().lower())]
    return days, None if hours == "closed" else (start.strip(), end.strip())


def _run(part: str) -> tuple[Weekday, ...]:
    """`mon`, or `mon-thu`; `fri-mon` goes over the weekend."""
    first, _, last = part.partition("-")
    for day in (first, last or first):
        if day not in WEEKDAYS:
            raise Invalid(unknown("day", day, WEEKDAYS), "/days")
    begin, end = (next(n for n, day in enumerate(WEEKDAYS) if day == name) for name in (first, last or first))
    return WEEKDAYS[begin : end + 1] if begin <= end else (*WEEKDAYS[begin:], *WEEKDAYS[: end + 1])


def _told(found: dict[str, Any]) -> None:
    rows = [(day, f"{one['from']}-{one['to']}" if one else "closed") for day, one in found["week"].items()]
    show.table(("Day", "Hours"), rows, "")
    origin = f", of the schedule {found['zone_from']}" if found["zone_from"] else ""
    show.line(f"Zone: {found['time_zone']}{origin}")
    for day in found["holidays"]:
        show.line(f"Holiday: {day} {found['holiday_names'].get(day, '')}".rstrip())
    show.line(_now(found))
    if found["written"] is None:
        show.line("Nothing is written: this is the default.")
    if found["origin"]:
        show.line(f"Written in {found['origin']['file']}:{found['origin']['line']}")


def _now(found: dict[str, Any]) -> str:
    holiday = found["holiday"]
    why = "" if holiday is None or found["open"] else f" ({holiday or 'a holiday'})"
    state = "In business hours now" if found["open"] else f"Outside business hours now{why}"
    if found["changes_at"] is None:
        return f"{state}, for ever."
    return f"{state}; {'they end' if found['open'] else 'they begin'} {when(found['changes_at'])}."
