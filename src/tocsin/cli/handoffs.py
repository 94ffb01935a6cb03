"""Handoffs, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.show import AsJson, Limit, when

app = typer.Typer(no_args_is_help=True, help="Handoffs between shifts, and what is planned.")

Id = Annotated[str, typer.Argument(metavar="HANDOFF", help="Number of a handoff.")]
HEADINGS = {
    "ongoing": "ONGOING ISSUES",
    "changes": "RECENT CHANGES",
    "watch": "THINGS TO WATCH",
    "alerts": "ALERT UPDATES",
}


@app.command("list")
def list_handoffs(
    schedule: Annotated[str | None, typer.Option("--schedule", help="Only this schedule.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Going out or coming in.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="draft, unsigned, signed, lapsed or void.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List handoffs, the latest moment first."""
    query = {"schedule": schedule, "user": user, "state": state}
    found = Client.from_environment().items("handoffs", query, limit)
    if as_json:
        return show.json(found)
    rows = [(h["id"], h["schedule"], h["outgoing"], h["incoming"], when(h["at"]), h["state"]) for h in found["items"]]
    show.table(("ID", "Schedule", "Outgoing", "Incoming", "At", "State"), rows, "No handoffs yet.")


@app.command("show")
def show_handoff(
    id: Id,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print it as a Markdown document.")] = False,
    as_json: AsJson = False,
) -> None:
    """One handoff with all that it says."""
    client = Client.from_environment()
    if as_markdown:
        typer.echo(client.text(path("handoffs", id, "handoff.md")), nl=False)
        return
    found = client.get(path("handoffs", id))
    if as_json:
        return show.json(found)
    _print(found)


def _print(found: dict[str, Any]) -> None:
    periods = found["period"]
    pairs = [("handoff", found["id"]), ("schedule", found["schedule_name"]), ("state", found["state"])]
    for who in ("outgoing", "incoming"):
        period = periods[who]
        pairs.append((who, f"{found[who]}  {period['from']} to {period['to']} ({period['time_zone']})"))
    if found["in_the_loop"]:
        pairs.append(("in the loop", f"{found['in_the_loop']} gets copies of pages until it is signed"))
    if found["signed_by"]:
        pairs.append(("signed", f"{found['signed_by']}, {when(found['signed_at'])}"))
    if found["transferred"]:
        pairs.append(("changed hands", ", ".join(found["transferred_names"])))
    if found["offered"]:
        pairs.append(("offered", ", ".join(f"{one['name']} {one['title']}" for one in found["offered"])))
    show.fields(pairs)
    for section, heading in HEADINGS.items():
        show.line("")
        show.line(heading)
        for item in found["sections"][section]:
            show.line("  " + "  ".join(_parts(item)))
    if found["notes"]:
        show.line("")
        show.line("NOTES")
        for text in found["notes"].splitlines():
            show.line(f"  {text}")


def _parts(item: dict[str, Any]) -> list[str]:
    times = " to ".join(when(item[name]) for name in ("at", "until") if item.get(name))
    words = [
        item["key"],
        item.get("severity", "")[:4].upper(),
        item.get("status", ""),
        times,
        item["title"],
        f"load {item['load']}" if item.get("load") else "",
        item.get("ticket", ""),
        item.get("remark", ""),
    ]
    return [word for word in words if word]


@app.command("edit")
def edit(
    id: Id,
    notes: Annotated[str | None, typer.Option("--notes", help="Free text for the incoming.")] = None,
    add: Annotated[list[str] | None, typer.Option("--add", help="SECTION=TEXT: a line of your own.")] = None,
    remark: Annotated[list[str] | None, typer.Option("--remark", help="KEY=TEXT beside a line.")] = None,
    ticket: Annotated[list[str] | None, typer.Option("--ticket", help="KEY=TICKET of a line.")] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="KEY of a line to leave out.")] = None,
    restore: Annotated[list[str] | None, typer.Option("--restore", help="KEY of a line to bring back.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write into a handoff, as the outgoing. `show` prints the key of each line; sections: ongoing, changes, watch, alerts."""
    body: dict[str, Any] = {
        "add": [{"section": section, "text": text} for section, text in _pairs(add)],
        "remarks": dict(_pairs(remark)),
        "tickets": dict(_pairs(ticket)),
        "drop": drop or [],
        "restore": restore or [],
    }
    if notes is not None:
        body["notes"] = notes
    found = Client.from_environment().patch(path("handoffs", id), body)
    if as_json:
        return show.json(found)
    _print(found)


def _pairs(texts: list[str] | None) -> list[tuple[str, str]]:
    """`KEY=TEXT`, each. Keys hold no `=`."""
    pairs = []
    for text in texts or ():
        key, equals, words = text.partition("=")
        if not equals:
            raise WrongInput(f"{text!r} is not like KEY=TEXT")
        pairs.append((key.strip(), words.strip()))
    return pairs


@app.command("sign")
def sign(id: Id, as_json: AsJson = False) -> None:
    """Sign a handoff for the incoming: it is kept as it is, and the outgoing gets no more copies of pages."""
    found = Client.from_environment().post(path("handoffs", id, "sign"))
    if as_json:
        return show.json(found)
    show.line(f"Signed by {found['signed_by']}: {found['schedule_name']} is with {found['incoming']}.")


@app.command("planned")
def planned(
    schedule: Annotated[str | None, typer.Option("--schedule", help="What concerns this schedule.")] = None,
    as_json: AsJson = False,
) -> None:
    """What is planned and worth watching, in order of time."""
    found = Client.from_environment().get("planned-events", {"schedule": schedule})
    if as_json:
        return show.json(found)
    rows = [
        (e["id"], when(e["from"]), when(e["to"]), e["title"], e["expected_load"], e["schedule"]) for e in found["items"]
    ]
    show.table(("ID", "From", "To", "What", "Load", "Schedule"), rows, "Nothing is planned.")


@app.command("plan")
def plan(
    title: Annotated[str, typer.Argument(help="What is planned.")],
    start: Annotated[str, typer.Option("--from", help="RFC 3339.")],
    end: Annotated[str | None, typer.Option("--to", help="RFC 3339; default an hour later.")] = None,
    load: Annotated[str, typer.Option("--load", help="Expected load, like 2x.")] = "",
    schedule: Annotated[str | None, typer.Option("--schedule", help="Whom it concerns; default everybody.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plan an event: it stands in the handoffs of its time."""
    body = {"title": title, "from": start, "to": end, "expected_load": load, "schedule": schedule}
    made = Client.from_environment().post("planned-events", body)
    if as_json:
        return show.json(made)
    show.line(f"Planned as {made['id']}: {made['title']}, {when(made['from'])}.")


@app.command("unplan")
def unplan(id: Annotated[str, typer.Argument(metavar="ID", help="Number of a planned event.")]) -> None:
    """Remove a planned event."""
    gone = Client.from_environment().delete(path("planned-events", id))
    show.line(f"Removed: {gone['title']}")
