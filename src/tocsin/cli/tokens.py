"""API tokens, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

app = typer.Typer(no_args_is_help=True, help="API tokens.")

Name = Annotated[str, typer.Argument(help="What the token is for.")]


@app.command("create")
def create(
    name: Name,
    role: Annotated[
        str, typer.Option("--role", help="admin, manager, responder, observer or stakeholder.")
    ] = "responder",
    user: Annotated[str | None, typer.Option("--user", help="Whose it is: it then acts as this person.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a token and print it, this once."""
    body = {"name": name, "role": role} | ({"user": user} if user else {})
    made = Client.from_environment().post("tokens", body)
    if as_json:
        return show.json(made)
    typer.echo(made["token"])
    show.say(f"The token {show.clean(made['name'])} has the role {made['role']}. It is not shown again.")


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List tokens, revoked ones too."""
    found = Client.from_environment().items("tokens")
    if as_json:
        return show.json(found)
    rows = [
        (t["name"], t["role"], t["created_by"], when(t["created_at"]), when(t["last_used_at"]), when(t["revoked_at"]))
        for t in found["items"]
    ]
    show.table(("Name", "Role", "Created by", "Created", "Last used", "Revoked"), rows, "There are no tokens.")


@app.command("revoke")
def revoke(name: Name, as_json: AsJson = False) -> None:
    """Revoke a token: from now on it opens nothing."""
    gone = Client.from_environment().delete(path("tokens", name))
    if as_json:
        return show.json(gone)
    show.line(f"The token {gone['name']} is revoked.")
