"""Alerts, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli import show
from tocsin.cli.client import Client
from tocsin.cli.show import AsJson, Limit, when

app = typer.Typer(no_args_is_help=True, help="Alerts.")


@app.command("list")
def list_alerts(
    status: Annotated[str | None, typer.Option("--status", help="open or resolved.")] = None,
    service: Annotated[str | None, typer.Option("--service", help="Id of a service.")] = None,
    incident: Annotated[str | None, typer.Option("--incident", help="Any name of an incident.")] = None,
    q: Annotated[str | None, typer.Option("-q", "--query", help="Text to look for.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List alerts, newest first."""
    query = {"status": status, "service": service, "incident": incident, "q": q}
    found = Client.from_environment().items("alerts", query, limit)
    if as_json:
        return show.json(found)
    keys = ("status", "severity", "service", "count", "incident_name", "reason")
    rows = [(a["id"], when(a["first_at"]), *(a[key] for key in keys), a["title"]) for a in found["items"]]
    columns = ("ID", "First", "Status", "Severity", "Service", "Count", "Incident", "Reason", "Title")
    show.table(columns, rows, "No alerts.")
    if found["next"]:
        show.say("There are more: use --limit.")
