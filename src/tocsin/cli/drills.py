"""Drills from a terminal: started, watched, reported."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

LOOK = 1.0
"""Seconds between looks at a running drill."""


def drill(
    service: Annotated[str, typer.Option("--service", help="Id of a service.")],
    severity: Annotated[str, typer.Option("--severity", help="SEV1 to SEV3.")] = "SEV2",
    lasts: Annotated[str, typer.Option("--for", help="How long at most, like 15m.")] = "15m",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")] = True,
    as_json: AsJson = False,
) -> None:
    """A labelled test page end to end, with a report of who was reached, how fast. Exit 1 when nobody answered."""
    client = Client.from_environment()
    found = client.post("drills", {"service": service, "severity": severity, "for": lasts})
    if wait:
        found = _watched(client, found)
    if as_json:
        show.json(found)
    else:
        _report(found)
    if wait and found["answered_at"] is None:
        raise typer.Exit(1)


def _watched(client: Client, found: dict[str, Any]) -> dict[str, Any]:
    """Look until it is over, telling on a terminal what has happened so far."""
    console = Console(stderr=True, markup=False, highlight=False)
    if not sys.stderr.isatty():
        while found["state"] == "running":
            time.sleep(LOOK)
            found = client.get(path("drills", found["id"]))
        return found
    with console.status(f"{found['name']}: paging") as status:
        while found["state"] == "running":
            time.sleep(LOOK)
            found = client.get(path("drills", found["id"]))
            status.update(show.clean(f"{found['name']}: {found['sentence']}"))
    return found


def _report(found: dict[str, Any]) -> None:
    rows = [
        (p["name"], p["step"], p["through"], n["method"], n["state"], when(n["at"]), n["receipt"] or n["error"])
        for p in found["people"]
        for n in p["notifications"]
    ]
    show.table(("User", "Step", "Through", "By", "State", "At", "Said"), rows, "Nobody was paged.")
    show.line(f"{found['name']}: {found['sentence']}")
