"""The life of an incident from a terminal: more commands of the incident desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.incidents import Id, Notes, act, told
from tocsin.cli.show import AsJson, when

Force = Annotated[
    str | None, typer.Option("--force", help="It counts as restored although a probe fails, because of this.")
]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The other incident, by any of its names.")]


def _said(**given: str | None) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value}


def status(
    id: Id,
    new: Annotated[str, typer.Argument(metavar="STATUS", help="investigating, identified, monitoring, resolved ...")],
    notes: Notes = None,
    force: Force = None,
    as_json: AsJson = False,
) -> None:
    """Move it along its lifecycle: forward, a step back, or back from its end."""
    act(id, "status", {"status": new, **_said(notes=notes, force=force)}, as_json)


def restore(id: Id, notes: Notes = None, force: Force = None, as_json: AsJson = False) -> None:
    """It works again: its probes are sampled, then it is watched for 30 minutes."""
    act(id, "restore", _said(notes=notes, force=force), as_json)


def close(id: Id, notes: Notes = None, as_json: AsJson = False) -> None:
    """Nothing is left to do about a resolved incident."""
    act(id, "close", _said(notes=notes), as_json)


def merge(id: Id, into: Other, notes: Notes = None, as_json: AsJson = False) -> None:
    """It is the same as OTHER: it ends, and its alerts go there."""
    act(id, "merge", {"into": into, **_said(notes=notes)}, as_json)


def relate(
    id: Id,
    other: Other,
    notes: Notes = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the link away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Link it with OTHER, on both ends."""
    if remove:
        return told(Client.from_environment().delete(path("incidents", id, "related", other)), as_json)
    act(id, "related", {"incident": other, **_said(notes=notes)}, as_json)


def times(
    id: Id,
    name: Annotated[
        str | None, typer.Argument(metavar="TIME", help="The time to correct, like impact_started.")
    ] = None,
    at: Annotated[str | None, typer.Argument(metavar="AT", help="When; `unknown` when nobody knows.")] = None,
    estimated: Annotated[bool, typer.Option("--estimated", help="It is an estimate.")] = False,
    notes: Notes = None,
    as_json: AsJson = False,
) -> None:
    """Show its nine times with their source and certainty, or correct one of them."""
    if name is None:
        found = Client.from_environment().get(path("incidents", id, "times"))
        if as_json:
            return show.json(found)
        rows = [
            (one["name"], when(one["at"]) if one["at"] else "unknown", one["certainty"], one["source"], one["means"])
            for one in found["items"]
        ]
        return show.table(("Time", "At", "Certainty", "Source", "What it says"), rows, "No times.")
    if at is None:
        raise WrongInput("Say when: tocsin incident times ID impact_started 2026-03-02T09:53:00Z")
    gone = at == "unknown"
    change = {"at": None if gone else at, "certainty": "unknown" if gone else "estimated" if estimated else "exact"}
    act(id, "times", {name: change, **_said(notes=notes)}, as_json)


def private(
    id: Id,
    user: Annotated[list[str] | None, typer.Option("--let-in", metavar="USER", help="They may see it, too.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Everybody may see it again.")] = False,
    notes: Notes = None,
    as_json: AsJson = False,
) -> None:
    """Hide it from everybody who is not on it: for security incidents."""
    client = Client.from_environment()
    said = [client.post(path("incidents", id, "private"), {"private": not off, **_said(notes=notes)})]
    said += [client.post(path("incidents", id, "readers"), {"user": one}) for one in user or []]
    for one in said[-1:] if as_json else said:
        told(one, as_json)


COMMANDS: dict[str, Callable[..., None]] = {
    "status": status,
    "restore": restore,
    "close": close,
    "merge": merge,
    "relate": relate,
    "times": times,
    "private": private,
}
