"""Who is on call, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli import show
from tocsin.cli.client import Client
from tocsin.cli.show import AsJson, when


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
            "-" if i["endless"] else when(i["to"]),
            (i["next"] or {}).get("user"),
        )
        for i in found["items"]
    ]
    show.table(("Schedule", "On call", "Layer", "From", "To", "Next"), rows, "There are no schedules.")
