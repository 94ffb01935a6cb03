"""Escalation policies, from a terminal."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
import yaml

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.show import AsJson

app = typer.Typer(no_args_is_help=True, help="Escalation policies: whom to page next, and after how long.")

Policy = Annotated[str, typer.Argument(metavar="POLICY", help="Id of an escalation policy.")]
KIND = "escalation_policies"


@app.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """Every escalation policy."""
    found = Client.from_environment().items(KIND)
    if as_json:
        return show.json(found)
    rows = [(p["id"], p["name"], p["preset"] or f"{len(p['steps'])} steps", p["repeat"]) for p in found["items"]]
    show.table(("ID", "Name", "Given as", "More rounds"), rows, "There are no escalation policies.")


@app.command("show")
def show_policy(id: Policy, as_json: AsJson = False) -> None:
    """The ladder that each severity climbs, with who would be paged now."""
    found = Client.from_environment().get(path(KIND, id, "ladder"))
    if as_json:
        return show.json(found)
    _ladder(found)


def _ladder(found: dict[str, Any]) -> None:
    rows = [
        (
            key,
            one["step"],
            one["tier"],
            _after(one["after_seconds"]),
            ", ".join(one["people"]) or "nobody now",
            _how(one),
        )
        for key, steps in found["severities"].items()
        for one in steps
    ]
    show.table(("Severity", "Step", "Tier", "After", "People", "Targets"), rows, "No severity pages.")
    show.line(
        f"Used by: {', '.join(found['services']) or 'no service'}{', and by default' if found['default'] else ''}"
    )


def _after(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return "at once" if not seconds else f"{minutes}m{rest}s" if rest else f"{minutes}m"


def _how(one: dict[str, Any]) -> str:
    return f"{', '.join(one['targets'])}{' (in turn)' if one['round_robin'] else ''}"


@app.command("save")
def save(
    id: Policy,
    file: Annotated[str, typer.Argument(metavar="FILE", help="YAML with the fields to change; - is standard input.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the ladder that it would be, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change a policy that was made by hand, or make a new one."""
    client, body = Client.from_environment(), fields_of(file)
    if not dry_run:
        there = {one["id"] for one in client.items(KIND)["items"]}
        made = client.patch(path(KIND, id), body) if id in there else client.post(KIND, {"id": id, **body})
        if as_json:
            return show.json(made)
        show.line(f"{'Changed' if id in there else 'Made'} {id}.")
        return None
    found = client.post(path(KIND, id, "preview"), body)
    return show.json(found) if as_json else _ladder(found)


def fields_of(file: str) -> dict[str, Any]:
    """The fields that a YAML file (or `-`) holds, every scalar as text; an empty field goes back to its default. Raises WrongInput."""
    try:
        if file == "-":
            text = sys.stdin.read()
        else:
            with open(file, encoding="utf-8") as opened:
                text = opened.read()
        body = yaml.load(text, Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongInput(f"{file}: {error}") from None
    if not isinstance(body, dict):
        raise WrongInput(f"{file}: write the fields to change, like layers: [...]")
    return {name: None if value in ("", "null", "~") else value for name, value in body.items()}


@app.command("use")
def use(
    id: Policy, service: Annotated[str, typer.Argument(help="Id of a service made by hand.")], as_json: AsJson = False
) -> None:
    """Let a service climb this policy from now on."""
    made = Client.from_environment().patch(path("services", service), {"escalation_policy": id})
    if as_json:
        return show.json(made)
    show.line(f"{service} climbs {id} from now on.")


@app.command("remove")
def remove(id: Policy, as_json: AsJson = False) -> None:
    """Remove a policy that nothing names any more."""
    gone = Client.from_environment().delete(path(KIND, id))
    if as_json:
        return show.json(gone)
    show.line(f"Removed {id}.")
