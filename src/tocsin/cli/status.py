"""The status page and its subscribers, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, Limit, when

app = typer.Typer(no_args_is_help=True, help="E-mail subscribers of the status page.")

Id = Annotated[int, typer.Argument(metavar="ID", help="Number of a subscriber, as `list` shows it.")]


def status(as_json: AsJson = False) -> None:
    """What the status page says now, and what stands behind it."""
    found = Client.from_environment().get("status")
    if as_json:
        return show.json(found)
    show.line(f"{found['name']}: {found['description']}")
    show.line(
        f"{found['url']} ({'public' if found['public'] else 'private'}), {found['subscribers']['active']} subscribers"
    )
    for one in found["silence"]:
        show.line(
            f"The page is silent about {one['severity']} {one['name']} {one['title']}, open since {when(one['since'])}"
        )
    rows = [
        (c["name"], c["group"], c["state_words"], c["uptime"], ", ".join(c["services"]), "; ".join(c["because"]))
        for c in found["components"]
    ]
    show.table(("Component", "Group", "State", "Uptime", "Services", "Because"), rows, "It has no components yet.")
    several = [(i["title"], i["status"], when(i["updated_at"])) for i in found["incidents"]]
    several += [(m["title"], f"maintenance {m['status']}", when(m["starts_at"])) for m in found["maintenance"]]
    if several:
        show.table(("Open or planned", "Status", "When"), several, "")


@app.command("list")
def list_subscribers(
    state: Annotated[str | None, typer.Option("--state", help="active, asked or suspended.")] = None,
    q: Annotated[str | None, typer.Option("--q", help="A part of the address.")] = None,
    as_json: AsJson = False,
) -> None:
    """List subscribers."""
    found = Client.from_environment().items("subscribers", {"state": state, "q": q})
    if as_json:
        return show.json(found)
    rows = [
        (s["id"], s["address"], s["state"], ", ".join(s["components"]) or "everything", when(s["confirmed_at"]), s["bounce"])
        for s in found["items"]
    ]  # fmt: skip
    show.table(("ID", "Address", "State", "Of", "Since", "Refused"), rows, "Nobody subscribed yet.")


@app.command("bounces")
def bounces(
    kind: Annotated[str | None, typer.Option("--kind", help="subscriber or contact_method.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the addresses whose mail server refuses letters, also of people who are told by mail."""
    found = Client.from_environment().items("bounces", {"kind": kind}, limit)
    if as_json:
        return show.json(found)
    rows = [
        (b["address"], b["user"] or f"subscriber {b['subscriber']}", b["state"], b["times"], when(b["at"]), b["error"])
        for b in found["items"]
    ]
    show.table(("Address", "Whose", "State", "Times", "Last", "Refused"), rows, "Every letter arrived.")
    if found["next"]:
        show.say("There are more: use --limit.")


@app.command("add")
def add_subscriber(
    address: Annotated[str, typer.Argument(help="E-mail address. It is not asked: add only who wants it.")],
    components: Annotated[
        list[str] | None, typer.Option("--component", help="Only of this component; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add an address: it is told from now on."""
    made = Client.from_environment().post("subscribers", {"address": address, "components": components or []})
    if as_json:
        return show.json(made)
    show.line(f"{made['address']} is subscriber {made['id']}.")


@app.command("remove")
def remove_subscriber(id: Id, as_json: AsJson = False) -> None:
    """Forget a subscriber."""
    gone = Client.from_environment().delete(path("subscribers", str(id)))
    if as_json:
        return show.json(gone)
    show.line(f"{gone['address']} is forgotten.")


@app.command("resume")
def resume_subscriber(id: Id, as_json: AsJson = False) -> None:
    """Write to an address again that was suspended because its mail server refused letters."""
    made = Client.from_environment().post(path("subscribers", str(id), "resume"), {})
    if as_json:
        return show.json(made)
    show.line(f"{made['address']} is told again.")


@app.command("export")
def export_subscribers() -> None:
    """Print all subscribers as CSV."""
    typer.echo(Client.from_environment().text("subscribers/export.csv", {}), nl=False)
