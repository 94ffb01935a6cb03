"""Asking people for help, and for quiet, from a terminal: more commands of the incident desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.incidents import Id, act, told
from tocsin.cli.show import AsJson

User = Annotated[str | None, typer.Argument(metavar="USER", help="Id of a user.")]
Reason = Annotated[str | None, typer.Option("--reason", help="They read it in the page.")]


def snooze(
    id: Id,
    length: Annotated[str | None, typer.Argument(metavar="FOR", help="How long, like 30m or 2h.")] = None,
    notes: Annotated[str | None, typer.Option("--notes", help="Goes into the timeline.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="End the snooze now; that pages nobody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Silence an incident for a while; then it pages again."""
    if cancel:
        return told(Client.from_environment().delete(path("incidents", id, "snooze")), as_json)
    if not length:
        raise WrongInput("Say for how long: tocsin incident snooze ID 30m")
    act(id, "snooze", {"for": length, **({"notes": notes} if notes else {})}, as_json)


def hand_over(
    id: Id,
    user: User = None,
    words: Annotated[str | None, typer.Argument(metavar="REASON")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="The same as the argument.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take an open offer back, or decline it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask someone to take over: they are paged, and have it once they acknowledge."""
    if withdraw:
        return told(Client.from_environment().delete(path("incidents", id, "handover")), as_json)
    if not user or not (reason or words):
        raise WrongInput("Say who takes over and why: tocsin incident handover ID USER REASON")
    act(id, "handover", {"user": user, "reason": reason or words}, as_json)


def page(
    id: Id,
    user: User = None,
    team: Annotated[str | None, typer.Option("--team", help="Every member of this team instead.")] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Page a person or a team now."""
    if (user is None) == (team is None) or not reason:
        raise WrongInput("Say whom and why: tocsin incident page ID USER --reason TEXT, or --team TEAM")
    act(id, "page", {"user": user} | {"reason": reason} if user else {"team": team, "reason": reason}, as_json)


def responder(
    id: Id,
    user: Annotated[str, typer.Argument(help="Id of a user.")],
    page: Annotated[bool, typer.Option("--page", help="Page them, too.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take them off the list.")] = False,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Add a responder, or remove one."""
    client = Client.from_environment()
    if remove:
        return told(client.delete(path("incidents", id, "responders", user)), as_json)
    body: dict[str, Any] = {"user": user, "page": page, **({"reason": reason} if reason else {})}
    made = client.post(path("incidents", id, "responders"), body)
    if as_json:
        return show.json(made)
    show.line(f"{made['name']} is a responder{' and was paged' if made['paged'] else ''}.")


def all_hands(id: Id, reason: Reason = None, as_json: AsJson = False) -> None:
    """SEV1: page everyone on call now for the affected services."""
    act(id, "allhands", {"reason": reason} if reason else {}, as_json)


def ladder(id: Id, as_json: AsJson = False) -> None:
    """The escalation, rung by rung: who was paged, who is next and when, and who stands on each tier."""
    found = Client.from_environment().get(path("incidents", id, "ladder"))
    if as_json:
        return show.json(found)
    rows = [
        (climb["name"], rung["step"], rung["role"]["name"], show.when(rung["at"]), rung["state"], _people(rung))
        for climb in found["climbs"]
        for rung in climb["rungs"]
    ]
    show.table(("Policy", "Step", "Tier", "At", "State", "People"), rows, "No escalation policy pages for it.")


def _people(rung: dict[str, Any]) -> str:
    said = [f"{one['name']} ({one['state']})" for one in rung["people"]]
    return ", ".join(said) or ", ".join(target.replace(":", " ", 1) for target in rung["targets"])


COMMANDS: dict[str, Callable[..., None]] = {
    "snooze": snooze,
    "handover": hand_over,
    "page": page,
    "responder": responder,
    "allhands": all_hands,
    "ladder": ladder,
}
"""What is added to the commands of incidents."""
