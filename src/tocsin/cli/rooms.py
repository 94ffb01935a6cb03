"""Rooms outside, from a terminal: how they do, what they were told, and telling them again."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, Limit, when

app = typer.Typer(no_args_is_help=True, help="Rooms outside that follow incidents.")

Incident = Annotated[str, typer.Argument(metavar="INCIDENT", help="Any name of an incident, also that of its room.")]
RoomId = Annotated[str, typer.Argument(metavar="ROOM", help="Id of a configured room.")]


@app.command("list")
def list_rooms(as_json: AsJson = False) -> None:
    """List the configured rooms and whether what is told there arrives."""
    found = Client.from_environment().items("rooms")
    if as_json:
        return show.json(found)
    rows = [
        (
            one["id"],
            one["type"],
            one["state"],
            one["follows"],
            one["failed"],
            when(one["troubled_since"]),
            one["error"],
        )
        for one in found["items"]
    ]
    columns = ("ID", "Type", "State", "Follows", "Failed", "Nothing arrives since", "Why")
    show.table(columns, rows, "No rooms are configured: every incident has its page, and that is its room.")


@app.command("show")
def show_rooms(incident: Incident, as_json: AsJson = False) -> None:
    """The rooms of an incident, the built-in one first."""
    found = Client.from_environment().get(path("incidents", incident, "rooms"))
    if as_json:
        return show.json(found)
    rows = [
        (
            one["room"],
            one["name"],
            one["state"],
            one["events"]["delivered"],
            one["events"]["waiting"],
            one["events"]["failed"],
            one["url"] or one["error"],
        )
        for one in found["items"]
    ]
    show.table(("Room", "Name", "State", "Told", "Waiting", "Failed", "Where, or why not"), rows, "There is no room.")


@app.command("events")
def room_events(incident: Incident, room: RoomId, limit: Limit = 100, as_json: AsJson = False) -> None:
    """What a room was told of an incident, in order, and what became of each."""
    found = Client.from_environment().items(path("incidents", incident, "rooms", room, "events"), limit=limit)
    if as_json:
        return show.json(found)
    rows = [
        (
            one["order"],
            one["kind"],
            one["data"].get("text", ""),
            one["state"],
            one["attempts"],
            when(one["ended_at"]),
            one["receipt"] or one["error"],
        )
        for one in found["items"]
    ]
    show.table(("No", "Kind", "Text", "State", "Attempts", "At", "Receipt or error"), rows, "It was told nothing yet.")


@app.command("retry")
def retry(incident: Incident, room: RoomId, as_json: AsJson = False) -> None:
    """Tell a room again what failed, and now what waits."""
    done = Client.from_environment().post(path("incidents", incident, "rooms", room, "retry"))
    if as_json:
        return show.json(done)
    show.line(f"{done['sentence']}.")
