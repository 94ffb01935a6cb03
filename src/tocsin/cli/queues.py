"""The queues of teams, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client
from tocsin.cli.show import AsJson, when


def queue(
    team: Annotated[str | None, typer.Option("--team", help="Only the queue of this team.")] = None,
    as_json: AsJson = False,
) -> None:
    """What waits for each team without ringing anybody, and when its daily digest goes out."""
    found = Client.from_environment().get("queues", {"team": team})
    if as_json:
        return show.json(found)
    rows = [_row(one, incident) for one in found["items"] for incident in one["incidents"]]
    columns = ("Team", "Incident", "Severity", "Status", "Service", "Who has it", "Acknowledge by", "Title")
    show.table(columns, rows, "Nothing waits.")
    for one in found["items"]:
        more = one["waiting"] - len(one["incidents"])
        rest = f"; {more} more are not shown" if more else ""
        show.say(f"{one['name']}: {one['waiting']} waiting, next digest {when(one['next_digest_at'])}{rest}")


def _row(one: dict[str, Any], incident: dict[str, Any]) -> tuple[Any, ...]:
    policy = incident["severity_policy"]
    waits = incident["acknowledged_at"] is None
    by = f"{when(policy['respond_by'])}{' (late)' if policy['response_late'] else ''}" if waits else None
    return (
        one["name"], incident["name"], incident["severity"], incident["status"], incident["service"], incident["assignee"], by,
        incident["title"],
    )  # fmt: skip
