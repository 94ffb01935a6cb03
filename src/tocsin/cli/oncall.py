"""Who is on call, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

schedules = typer.Typer(no_args_is_help=True, help="Schedules and their shifts.")


def oncall(
    at: Annotated[str | None, typer.Option("--at", help="RFC 3339; default now.")] = None,
    schedule: Annotated[str | None, typer.Option("--schedule", help="Only this schedule.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who is on call."""
    found = Client.from_environment().get("oncall", {"at": at, "schedule": schedule})
    if as_json:
        return show.json(found)
    rows = [
        (
            i["schedule"],
            i["user"] or "NOBODY",
            i["layer"],
            when(i["from"]),
            when(i["to"]),
            (i["next"] or {}).get("user"),
        )
        for i in found["items"]
    ]
    show.table(("Schedule", "On call", "Layer", "From", "To", "Next"), rows, "There are no schedules.")


@schedules.command("show")
def show_schedule(
    id: Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of a schedule.")],
    start: Annotated[str | None, typer.Option("--from", help="RFC 3339; default now.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="RFC 3339; default four weeks later.")] = None,
    as_json: AsJson = False,
) -> None:
    """Final shifts, in the schedule's own zone."""
    found = Client.from_environment().get(path("schedules", id, "shifts"), {"from": start, "to": end})
    if as_json:
        return show.json(found)
    rows = [(shift["from"], shift["to"], shift["user"], shift["layer"]) for shift in found["items"]]
    show.table(("From", "To", "User", "Layer"), rows, "Nobody is on call in that time.")
