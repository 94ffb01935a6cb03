"""Checklists of those who are new on call, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

app = typer.Typer(no_args_is_help=True, help="Checklists of those who are new on call.")

User = Annotated[str, typer.Argument(metavar="USER", help="Id of the newcomer.")]
Team = Annotated[str | None, typer.Option("--team", help="Where it is not clear.")]


@app.command("list")
def list_newcomers(team: Team = None, as_json: AsJson = False) -> None:
    """Everybody who shadows or has a checklist; those that nobody signed come first."""
    found = Client.from_environment().get("newcomers", {"team": team})
    if as_json:
        return show.json(found)
    rows = [
        (one["user"], one["name"], one["team"], f"{one['done']} of {one['of']}", one["mentor"], one["signed_by"])
        for one in found["items"]
    ]
    show.table(("User", "Name", "Team", "Done", "Mentor", "Signed by"), rows, "Nobody is new on call.")


@app.command("show")
def show_newcomer(user: User, team: Team = None, as_json: AsJson = False) -> None:
    """One checklist."""
    found = Client.from_environment().get(path("newcomers", user), {"team": team})
    if as_json:
        return show.json(found)
    _print(found)


def _print(found: dict[str, Any]) -> None:
    signed = f"{found['signed_by']}, {when(found['signed_at'])}" if found["ready"] else None
    show.fields([("name", found["name"]), ("team", found["team"]), ("mentor", found["mentor"]), ("signed", signed)])
    rows = [("x" if item["done"] else " ", item["id"], item["text"], _how(item)) for item in found["items"]]
    show.table(("", "Item", "What", "How"), rows, "Nothing is asked.")


def _how(item: dict[str, Any]) -> str:
    if item["by"]:
        return f"ticked by {item['by']}"
    return f"seen {item['seen']} of {item['count']}" if item["observe"] else ""


@app.command("open")
def open_one(
    user: User,
    team: Team = None,
    mentor: Annotated[str | None, typer.Option("--mentor", help="Who goes through it with them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Open a checklist, or name the mentor of one."""
    _told(Client.from_environment().post("newcomers", {"user": user, "team": team, "mentor": mentor}), as_json)


@app.command("tick")
def tick(
    user: User,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Id of an item.")],
    team: Team = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the tick back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tick an item by hand."""
    body = {"item": item, "done": not undo, "team": team}
    _told(Client.from_environment().post(path("newcomers", user, "tick"), body), as_json)


@app.command("sign")
def sign(
    user: User,
    team: Team = None,
    note: Annotated[str, typer.Option("--note", help="What others should know.")] = "",
    as_json: AsJson = False,
) -> None:
    """Sign a checklist, as a mentor."""
    _told(Client.from_environment().post(path("newcomers", user, "sign"), {"note": note, "team": team}), as_json)


@app.command("withdraw")
def withdraw(user: User, team: Team = None, as_json: AsJson = False) -> None:
    """Take a signature back."""
    _told(Client.from_environment().call("DELETE", path("newcomers", user, "sign"), query={"team": team}), as_json)


def _told(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return show.json(found)
    _print(found)
