"""Schedules from a terminal: shifts, versions, the way back, overrides, shadow shifts, patterns, calendar links."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer
import yaml

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.policies import fields_of
from tocsin.cli.show import AsJson, when

schedules = typer.Typer(no_args_is_help=True, help="Schedules and their shifts.")

Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of a schedule.")]
From = Annotated[str | None, typer.Option("--from", help="RFC 3339; default now.")]
To = Annotated[str | None, typer.Option("--to", help="RFC 3339; default four weeks later.")]


@schedules.command("list")
def list_schedules(as_json: AsJson = False) -> None:
    """Every schedule, and who is on call by it now."""
    client = Client.from_environment()
    found = client.items("schedules")
    if as_json:
        return show.json(found)
    now = {item["schedule"]: item for item in client.get("oncall")["items"]}
    rows = [(s["id"], s["name"], s["team"], s["time_zone"], *_on_call(now.get(s["id"], {}))) for s in found["items"]]
    show.table(("ID", "Name", "Team", "Time zone", "On call", "Until"), rows, "There are no schedules.")


def _on_call(item: dict[str, Any]) -> tuple[str, str]:
    """Who, and until when."""
    return item.get("user") or "NOBODY", "-" if item.get("endless") else when(item.get("to"))


@schedules.command("show")
def show_schedule(id: Schedule, start: From = None, end: To = None, as_json: AsJson = False) -> None:
    """Final shifts, in the schedule's own zone."""
    found = Client.from_environment().get(path("schedules", id, "shifts"), {"from": start, "to": end})
    if as_json:
        return show.json(found)
    rows = [(_wall(s["from"]), _wall(s["to"]), s["user"], s["layer"]) for s in found["items"]]
    show.table(("From", "To", "User", "Layer"), rows, "Nobody is on call in that time.")


def _wall(text: str) -> str:
    """A time as the schedule's own zone has it: the second is enough."""
    return datetime.fromisoformat(text).replace(microsecond=0).isoformat(sep=" ")


@schedules.command("definition")
def definition(id: Schedule, as_json: AsJson = False) -> None:
    """A schedule as it is written, as YAML to change and to save again."""
    found = Client.from_environment().get(path("schedules", id))
    if as_json:
        return show.json(found)
    left_out = ("origin", "overrides", "shadows")
    kept = {name: value for name, value in found.items() if name not in left_out and value is not None}
    sys.stdout.write(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))


@schedules.command("save")
def save(
    id: Schedule,
    file: Annotated[str, typer.Argument(metavar="FILE", help="YAML with the fields to change; - is standard input.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look ahead: who gains and loses which shifts; nothing is changed.")
    ] = False,
    confirm: Annotated[bool, typer.Option("--yes", help="Also when somebody loses the shift that is running.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change a schedule that was made by hand: layers, turns, windows, limits."""
    client, body = Client.from_environment(), fields_of(file)
    if dry_run:
        found = client.post(path("schedules", id, "preview"), body)
        if as_json:
            return show.json(found)
        _changes(found)
        for strain in found["strains"]:
            show.say(f"Against its limits: {strain['message']}")
        if lost := found["interrupts"]:
            until = "with no end in sight" if lost["endless"] else f"until {when(lost['until'])}"
            show.say(f"{lost['user']} is on call {until} and would lose this shift at once")
        return None
    made = client.call("PATCH", path("schedules", id), query={"confirm": str(confirm).lower()}, body=body)
    return show.json(made) if as_json else show.line(f"Saved {id}. Those whose shifts changed are told.")


# --- versions -------------------------------------------------------------------------------------------------------------


@schedules.command("versions")
def list_versions(id: Schedule, limit: show.Limit = 20, as_json: AsJson = False) -> None:
    """Every change: when, by whom, and which fields."""
    found = Client.from_environment().get(path("schedules", id, "versions"), {"limit": limit})
    if as_json:
        return show.json(found)
    rows = [
        (
            version["revision"],
            when(version["at"]),
            version["actor"],
            version["action"],
            ", ".join(change["field"] for change in version["fields"]),
        )
        for version in found["items"]
    ]
    show.table(("Revision", "At", "By", "What", "Fields"), rows, "There are no versions.")


@schedules.command("diff")
def diff(
    id: Schedule,
    revision: Annotated[int | None, typer.Argument(help="Which version; default the newest.")] = None,
    against: Annotated[int | None, typer.Option("--against", help="Default the version before it.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="RFC 3339; default when it was changed.")] = None,
    end: To = None,
    as_json: AsJson = False,
) -> None:
    """Who is on call when by one version instead of another."""
    asked = {"revision": revision, "against": against, "from": start, "to": end}
    found = Client.from_environment().get(path("schedules", id, "diff"), asked)
    if as_json:
        return show.json(found)
    _changes(found)


def _changes(found: dict[str, Any]) -> None:
    """Who is on call when instead of whom, and who gains and loses how much."""
    for change in found["fields"]:
        show.line(f"{change['field']}: {change['old']} -> {change['new']}")
    rows = [(when(c["from"]), when(c["to"]), c["before"] or "NOBODY", c["after"] or "NOBODY") for c in found["items"]]
    show.table(("From", "To", "Before", "After"), rows, "Nobody's shifts differ in that time.")
    for person in found["people"]:
        gains, loses = person["gains_seconds"] / 3600, person["loses_seconds"] / 3600
        show.line(f"{person['user']}: +{gains:g} h, -{loses:g} h")
    for gap in found["gaps"]:
        show.say(f"Nobody is on call from {when(gap['from'])} to {when(gap['to'])}")


@schedules.command("revert")
def revert(
    id: Schedule,
    revision: Annotated[int, typer.Argument(help="The version to go back to: see `tocsin schedule versions`.")],
    confirm: Annotated[bool, typer.Option("--yes", help="Also when somebody loses the shift that is running.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a schedule what it was at a revision, as a new version."""
    body = {"revision": revision, "confirm": confirm}
    found = Client.from_environment().post(path("schedules", id, "revert"), body)
    if as_json:
        return show.json(found)
    _changes(found)
    show.line(f"{id} is as it was at revision {revision}.")


# --- overrides and shadow shifts --------------------------------------------------------------------------------------


def _state(one: dict[str, Any]) -> str:
    return f"{one['state']}, hidden by {one['covered_by']}" if one["covered_by"] else str(one["state"])


def _several(field: str, said: str, verb: str) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help=f"{said} of a schedule.")

    @app.command("list", help=f"Every {said.lower()} of a schedule.")
    def many(id: Schedule, as_json: AsJson = False) -> None:
        found = Client.from_environment().get(path("schedules", id, field))
        if as_json:
            return show.json(found)
        rows = [(o["id"], o["user"], when(o["from"]), when(o["to"]), _state(o), o["by"]) for o in found["items"]]
        show.table(("Id", "User", "From", "To", "State", "By"), rows, "There is none.")

    @app.command("add", help=f"Let somebody {verb}.")
    def add(
        id: Schedule,
        user: Annotated[str, typer.Argument(help="Id of a user.")],
        start: Annotated[
            str, typer.Option("--from", help="RFC 3339, or local time of the schedule like 2026-01-05T09:00.")
        ],
        end: Annotated[str, typer.Option("--to", help="Likewise; not included.")],
        as_json: AsJson = False,
    ) -> None:
        made = Client.from_environment().post(path("schedules", id, field), {"user": user, "from": start, "to": end})
        if as_json:
            return show.json(made)
        show.line(f"{made['user']} from {when(made['from'])} to {when(made['to'])} ({made['id']})")

    @app.command("remove", help=f"End one {said.lower()}: a planned one goes away, a running one ends now.")
    def remove(
        id: Schedule,
        one: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")],
        as_json: AsJson = False,
    ) -> None:
        gone = Client.from_environment().delete(path("schedules", id, field, one))
        if as_json:
            return show.json(gone)
        show.line(f"{gone['user']} from {when(gone['from'])} to {when(gone['to'])}: ended")

    return app


schedules.add_typer(
    _several("overrides", "Override", "take a time instead of whoever is on call then"), name="override"
)
schedules.add_typer(
    _several("shadows", "Shadow shift", "watch a time: copies of the pages, nothing to answer"), name="shadow"
)


@schedules.command("hand-over")
def hand_over(
    user: Annotated[str, typer.Argument(help="Id of the user who leaves.")],
    to: Annotated[
        str | None, typer.Argument(help="Id of the user who takes over. Left out: what depends on the other.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the user once all is handed over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give all turns, coming overrides, teams and steps of one user to another."""
    if to is None:
        return _depends(Client.from_environment().get(path("users", user, "hand_over")), as_json)
    done = Client.from_environment().post(path("users", user, "hand_over"), {"to": to, "remove": remove})
    if as_json:
        return show.json(done)
    for one in done["changed"]:
        show.line(f"{one['kind']} {one['id']}")
    show.line(f"{to} has it now{f'; {user} is removed' if remove else ''}.")


def _depends(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show.json(found)
    rows = [(one["kind"], one["id"], _place(one["origin"])) for one in found["named_in"]]
    show.table(("Kind", "Id", "Written"), rows, f"Nothing names {found['user']}.")
    for one in found["on_call"]:
        show.line(f"On call now in {one['schedule']} until {when(one['until'])}")


def _place(origin: dict[str, Any] | None) -> str:
    return f"{origin['file']}:{origin['line']}" if origin else "by hand"


# --- patterns -------------------------------------------------------------------------------------------------------------


@schedules.command("template")
def template(
    name: Annotated[str | None, typer.Argument(metavar="TEMPLATE", help="Left out: the list of patterns.")] = None,
    id: Annotated[str, typer.Option("--id", help="Id of the schedule to make.")] = "",
    users: Annotated[str, typer.Option("--users", help="Ids joined by commas, in the order of their turns.")] = "",
    nights: Annotated[str, typer.Option("--nights", help="Who has nights and weekends.")] = "",
    region: Annotated[
        list[str] | None, typer.Option("--region", help="NAME=USER,USER@FROM-TO like berlin=alice,bob@08:00-16:00.")
    ] = None,
    day: Annotated[list[str] | None, typer.Option("--day", help="DAY=USER like mon=alice.")] = None,
    starts: Annotated[str, typer.Option("--starts", help="Local time of the first handover: 2026-01-05T09:00.")] = "",
    time_zone: Annotated[str, typer.Option("--time-zone")] = "UTC",
    team: Annotated[str | None, typer.Option("--team")] = None,
    title: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    start: Annotated[str, typer.Option("--from", help="When office hours begin.")] = "09:00",
    end: Annotated[str, typer.Option("--to", help="When office hours end.")] = "17:00",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print it, as YAML for a file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make schedules from a pattern."""
    client = Client.from_environment()
    if name is None:
        found = client.get("schedule_templates")
        if as_json:
            return show.json(found)
        rows = [(t["id"], t["name"], t["says"], ", ".join(t["fields"])) for t in found["items"]]
        return show.table(("Template", "Name", "What it does", "Needs"), rows, "There are none.")
    body = {
        "id": id, "name": title, "time_zone": time_zone, "starts": starts, "team": team, "users": _names(users),
        "nights": _names(nights), "regions": [_region(text) for text in region or []],
        "days": dict(_pair(text) for text in day or []), "from": start, "to": end,
    }  # fmt: skip
    made = client.post(f"{path('schedule_templates', name)}?dry_run={str(dry_run).lower()}", body)
    if as_json:
        return show.json(made)
    if dry_run:
        sys.stdout.write(made["yaml"])
    else:
        show.line(f"Made {', '.join(one['id'] for one in made['items'])}.")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pair(text: str) -> tuple[str, str]:
    day, equals, user = text.partition("=")
    if not equals:
        raise WrongInput(f"--day {text}: write DAY=USER, like mon=alice")
    return day, user


def _region(text: str) -> dict[str, Any]:
    name, _, rest = text.partition("=")
    people, _, hours = rest.partition("@")
    start, dash, end = hours.partition("-")
    if not dash:
        raise WrongInput(f"--region {text}: write NAME=USER,USER@FROM-TO, like berlin=alice,bob@08:00-16:00")
    return {"id": name, "users": _names(people), "from": start, "to": end}


# --- calendars ------------------------------------------------------------------------------------------------------------

links = typer.Typer(no_args_is_help=True, help="Secret links, by which calendars show shifts.")
schedules.add_typer(links, name="link")


@links.command("list")
def list_links(as_json: AsJson = False) -> None:
    """Your links, with their addresses."""
    found = Client.from_environment().get("calendar_links")
    if as_json:
        return show.json(found)
    rows = [(o["id"], o["kind"], o["subject"], o["url"] or "(not yours)", when(o["read_at"])) for o in found["items"]]
    show.table(("Id", "Of", "Whose", "Address", "Last read"), rows, "There are no calendar links.")


@links.command("add")
def add_link(
    user: Annotated[str | None, typer.Option("--user", help="All shifts of this person.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="The schedules of this team.")] = None,
    schedule: Annotated[str | None, typer.Option("--schedule", help="This schedule.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a link to one calendar (the one you have already, when there is one), and print its address."""
    named = {"user": user, "team": team, "schedule": schedule}
    made = Client.from_environment().post("calendar_links", {kind: name for kind, name in named.items() if name})
    if as_json:
        return show.json(made)
    show.line(made["url"])


@links.command("revoke")
def revoke_link(id: Annotated[int, typer.Argument(help="As the list shows it.")], as_json: AsJson = False) -> None:
    """Make a link useless: calendars that use it see nothing more."""
    gone = Client.from_environment().delete(path("calendar_links", str(id)))
    if as_json:
        return show.json(gone)
    show.line(f"The link {id} to the calendar of {gone['kind']} {gone['subject']} is revoked.")
