"""The severity matrix, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson
from tocsin.core.errors import Invalid
from tocsin.core.matrix import FIELDS
from tocsin.core.severity import parse
from tocsin.core.shape import unknown

app = typer.Typer(
    no_args_is_help=True, help="What each severity means: the matrix of the organisation and of services."
)

OfService = Annotated[str | None, typer.Option("--service", metavar="ID", help="Of this service.")]
COLUMNS = (
    ("response_time", "Acknowledge"), ("escalation_time", "Escalate"), ("communication_frequency", "Update"),
    ("resolution_target", "Restore"), ("page", "Pages"), ("progress", "Progress"), ("top", "Up to"),
    ("inform_manager", "Manager told"), ("acknowledge_timeout", "Timeout"), ("review", "Review"),
    ("users_from", "Users from"), ("users_from_tier_1", "Tier 1 from"), ("who", "Who"), ("how", "How"),
)  # fmt: skip


def _place(service: str | None) -> str:
    return path("services", service, "severities") if service else "severities"


@app.command("show")
def show_matrix(service: OfService = None, as_json: AsJson = False) -> None:
    """The matrix in force for new incidents. `*` marks what differs from what is inherited."""
    found = Client.from_environment().get(_place(service))
    if as_json:
        return show.json(found)
    rows = [
        (key, *(_marked(row[name], name in found["overrides"].get(key, {})) for name, _ in COLUMNS))
        for key, row in found["severities"].items()
    ]
    show.table(("Severity", *(label for _, label in COLUMNS)), rows, "")
    for warning in found["warnings"]:
        show.line(f"Warning: {warning}")
    show.line(f"Business hours: {found['business_hours']['text']}")
    if found["origin"]:
        show.line(f"Written in {found['origin']['file']}:{found['origin']['line']}")


def _marked(value: Any, own: bool) -> str:
    return f"{value} *" if own else str(value)


@app.command("changes")
def changes(service: OfService = None, limit: show.Limit = 20, as_json: AsJson = False) -> None:
    """Who changed the matrix, when, and what it was before."""
    found = Client.from_environment().get("severities/changes", {"service": service, "limit": limit})
    if as_json:
        return show.json(found)
    rows = [
        (show.when(one["at"]), one["actor"], each["field"], _said(each["old"]), _said(each["new"]))
        for one in found["items"]
        for each in one["changes"]
    ]
    show.table(("At", "By", "Field", "Before", "After"), rows, "Nobody changed it.")


@app.command("set")
def set_fields(
    severity: Annotated[str, typer.Argument(metavar="SEVERITY", help="Such as sev1_critical or SEV1.")],
    fields: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD=VALUE...", help="Such as response_time=3m; FIELD= goes back to what is inherited."
        ),
    ],
    service: OfService = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change fields of one severity. Running incidents keep the matrix that they began with."""
    key, given = parse(severity).key, dict(_field(text) for text in fields)
    client = Client.from_environment()
    own = client.get(_place(service))["overrides"]
    body = {**own, key: {**own.get(key, {}), **given}}
    made = client.call("PUT", _place(service), body=body, query={"dry_run": "true"} if dry_run else None)
    if as_json:
        return show.json(made)
    for change in made["changes"]:
        show.line(f"~ {change['field']}: {_said(change['old'])} -> {_said(change['new'])}")
    if not made["changes"]:
        show.say("Nothing to change.")


def _said(value: Any) -> str:
    return "inherited" if value is None else str(value)


def _field(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"{text!r} is not FIELD=VALUE: write one like response_time=3m", "/fields")
    if name not in FIELDS:
        raise Invalid(unknown("field", name, FIELDS), "/fields")
    return name, value or None
