"""Services, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

app = typer.Typer(no_args_is_help=True, help="Services, and test alerts to them.")

Id = Annotated[str, typer.Argument(metavar="SERVICE", help="Id of a service.")]


@app.command("list")
def list_services(as_json: AsJson = False) -> None:
    """List services."""
    found = Client.from_environment().items("services")
    if as_json:
        return show.json(found)
    rows = [
        (s["id"], s["name"], s["team"], s["tier"], s["escalation_policy"], sum(s["open_incidents"].values()))
        for s in found["items"]
    ]
    show.table(("ID", "Name", "Team", "Tier", "Policy", "Open"), rows, "There are no services.")


@app.command("show")
def show_service(id: Id, as_json: AsJson = False) -> None:
    """One service, its integrations, and who knocks with an unknown key."""
    found = Client.from_environment().get(path("services", id))
    if as_json:
        return show.json(found)
    plain = ("id", "name", "description", "team", "tier", "escalation_policy")
    shown: list[tuple[str, Any]] = [(name, found[name]) for name in plain]
    shown.append(("depends_on", ", ".join(found["depends_on"])))
    shown.append(("open incidents", ", ".join(f"{n} {s}" for s, n in found["open_incidents"].items())))
    show.fields(shown)
    rows = [(i["id"], i["type"], i.get("key"), when(i["last_alert_at"])) for i in found["integrations"]]
    show.table(("Integration", "Type", "Key", "Last alert"), rows, "It has no integrations.")
    if found["knocks"]:
        show.say("Somebody is knocking with a key that no integration has:")
        knocks = [(k["door"], k["key_hint"], k["count"], when(k["last_at"])) for k in found["knocks"]]
        show.table(("Door", "Key", "Times", "Last"), knocks, "")


@app.command("test")
def send_test_alert(
    id: Id,
    integration: Annotated[str | None, typer.Option("--integration", help="Id; default the first.")] = None,
    severity: Annotated[str, typer.Option("--severity", help="SEV1 to SEV4.")] = "SEV2",
    as_json: AsJson = False,
) -> None:
    """Send a test alert through the real intake: it pages whoever is on call."""
    body = {"severity": severity, **({"integration": integration} if integration else {})}
    made = Client.from_environment().post(path("services", id, "test-alert"), body)
    if as_json:
        return show.json(made)
    show.line(f"{made['sentence']}.")
