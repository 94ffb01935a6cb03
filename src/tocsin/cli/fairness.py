"""Limits and load of schedules, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of a schedule.")]
Start = Annotated[str | None, typer.Option("--from", help="RFC 3339; default four weeks ago.")]
End = Annotated[str | None, typer.Option("--to", help="RFC 3339; default eight weeks ahead.")]


def limits(id: Schedule, start: Start = None, end: End = None, as_json: AsJson = False) -> None:
    """Where a schedule is unkind to its people; exit 1 when it is."""
    found = Client.from_environment().get(path("schedules", id, "limits"), {"from": start, "to": end})
    if as_json:
        show.json(found)
    else:
        rows = [(i["rule"], i["name"], when(i["from"]), i["message"], i["suggestion"]) for i in found["items"]]
        show.table(("Rule", "Who", "From", "What", "Mend it"), rows, "Within its limits.")
    if found["items"]:
        raise typer.Exit(1)


def load(id: Schedule, start: Start = None, end: End = None, as_json: AsJson = False) -> None:
    """Who carries how much of a schedule and those beside it: hours, nights, weekends, holidays."""
    found = Client.from_environment().get(path("schedules", id, "load"), {"from": start, "to": end})
    if as_json:
        return show.json(found)
    most = max((i["weighted_hours"] for i in found["items"]), default=0) or 1
    rows = [
        (
            i["name"], f"{i['weighted_hours']:.0f}", "█" * round(24 * i["weighted_hours"] / most), f"{i['primary_hours']:.0f}",
            f"{i['secondary_hours']:.0f}", i["nights"], i["weekends"], i["holidays"],
        )
        for i in found["items"]
    ]  # fmt: skip
    columns = ("Who", "Load", "", "Primary h", "Secondary h", "Nights", "Weekends", "Holidays")
    show.table(columns, rows, "Nobody is on call in that time.")
