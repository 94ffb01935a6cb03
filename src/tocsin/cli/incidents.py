"""The incident desk from a terminal."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.show import AsJson, Limit, when

app = typer.Typer(no_args_is_help=True, help="Incidents: look, declare, respond.")

Id = Annotated[str, typer.Argument(help="INC-1A2B3C4D, the number, or the name like INC-2026-041.")]
Notes = Annotated[str | None, typer.Option("--notes", help="Goes into the timeline.")]


@app.command("list")
def list_incidents(
    status: Annotated[str | None, typer.Option("--status", help="A state, or open.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="The same as --status open.")] = False,
    severity: Annotated[str | None, typer.Option("--severity", help="SEV1 to SEV4.")] = None,
    service: Annotated[str | None, typer.Option("--service", help="Id of a service.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Created at or after this time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Created before this time.")] = None,
    q: Annotated[str | None, typer.Option("-q", "--query", help="Text to look for.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List incidents, newest first."""
    query = {
        "status": "open" if open_only else status, "severity": severity, "service": service, "from": start, "to": end,
        "q": q,
    }  # fmt: skip
    found = Client.from_environment().items("incidents", query, limit)
    if as_json:
        return show.json(found)
    columns = ("ID", "Name", "Severity", "Status", "Service", "Assignee", "Created", "Title")
    keys = ("id", "name", "severity", "status", "service", "assignee")
    rows = [(*(i[key] for key in keys), when(i["created_at"]), i["title"]) for i in found["items"]]
    show.table(columns, rows, "No incidents.")
    if found["next"]:
        show.say("There are more: use --limit.")


@app.command("show")
def show_incident(
    id: Id,
    verify: Annotated[bool, typer.Option("--verify", help="Check that the timeline is as it was written.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one incident. With --verify the exit code is 1 when its timeline was tampered with."""
    client = Client.from_environment()
    found = client.get(path("incidents", id))
    proof = client.get(path("incidents", id, "verify")) if verify else None
    if as_json:
        show.json({**found, "verification": proof} if proof else found)
    else:
        _print(found)
        if found["status"] not in ("resolved", "closed"):
            _promised(client.get(path("incidents", id, "updates"))["audiences"])
        if proof:
            show.line(_verdict(proof))
    if proof and not proof["ok"]:
        raise typer.Exit(1)


def _verdict(proof: dict[str, Any]) -> str:
    if proof["ok"]:
        return f"The timeline is whole: {proof['entries']} entries, head {proof['head'][:16]}."
    return f"THE TIMELINE IS BROKEN at entry {proof['broken_at']} of {proof['entries']}."


def _print(found: dict[str, Any]) -> None:
    show.line(f"{found['id']} ({found['name']})  {found['title']}")
    plain = ("severity", "urgency", "status", "service", "assignee", "acknowledged_by", "alerts_count", "alarm",
             "no_page_reason")  # fmt: skip
    times = ("created_at", "acknowledged_at", "snoozed_until", "restored_at", "resolved_at", "next_update_at")
    show.fields(
        [
            *((name, _who(found[name])) for name in plain if found[name] is not None),
            *((name, when(found[name])) for name in times if found[name]),
            *_clocks(found["severity_policy"], found),
            *[(role.replace("_", " "), _people(held)) for role, held in found["roles"].items()],
            *([("acting commander", found["acting_commander"])] if found["acting_commander"] else []),
            *([("commander", "NOBODY has taken command")] if found["no_commander"] else []),
            *([("responders", ", ".join(found["responders"]))] if found["responders"] else []),
            *([("tags", ", ".join(found["tags"]))] if found["tags"] else []),
            *([("description", found["description"])] if found["description"] else []),
            ("url", found["url"]),
        ]
    )


def _who(told: object) -> object:
    """A person by their id alone; whatever else acted keeps its kind (integration:api/events)."""
    return told.removeprefix("user:") if isinstance(told, str) else told


def _people(held: str | list[str]) -> str:
    return held if isinstance(held, str) else ", ".join(held)


def _clocks(policy: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, str]]:
    """What its severity promises, as long as it is still to come or was missed."""
    shown = []
    for name, by, late, done in (
        ("acknowledge by", "respond_by", "response_late", found["acknowledged_at"]),
        ("restore by", "restore_by", "restore_late", found["restored_at"]),
    ):
        if policy[late] or (not done and not found["resolved_at"]):
            shown.append((name, when(policy[by]) + (" (late)" if policy[late] else "")))
    return shown


def _promised(audiences: list[dict[str, Any]]) -> None:
    """Who is to hear next, and when."""
    rows = [
        (one["audience"], when(one["told_at"]), when(one["due_at"]), "overdue" if one["overdue"] else "")
        for one in audiences
        if one["due_at"]
    ]
    if rows:
        show.table(("Audience", "Last told", "Next update due", ""), rows, "")


def act(id: str, verb: str, body: dict[str, Any], as_json: bool) -> None:
    """Ask the server to act on an incident, and say what became of it."""
    told(Client.from_environment().post(path("incidents", id, verb), body), as_json)


def told(found: dict[str, Any], as_json: bool) -> None:
    """The answer to an action on an incident."""
    if as_json:
        return show.json(found)
    sentence = found["result"]["sentence"].removesuffix(".")
    state = "" if found["status"] in re.findall(r"\w+", sentence.lower()) else f" It is {found['status']}."
    show.line(f"{found['id']} ({found['name']}): {sentence}.{state}")


def _with_notes(notes: str | None) -> dict[str, Any]:
    return {"notes": notes} if notes else {}


@app.command("ack")
def acknowledge(id: Id, notes: Notes = None, as_json: AsJson = False) -> None:
    """Acknowledge: the paging stops."""
    act(id, "acknowledge", _with_notes(notes), as_json)


@app.command("resolve")
def resolve(
    id: Id,
    notes: Notes = None,
    tell: Annotated[bool, typer.Option("--tell", help="All who were told of it hear the end at once.")] = False,
    as_json: AsJson = False,
) -> None:
    """Resolve; its open alerts end too."""
    act(id, "resolve", {**_with_notes(notes), **({"tell": True} if tell else {})}, as_json)


@app.command("reopen")
def reopen(id: Id, notes: Notes = None, as_json: AsJson = False) -> None:
    """Reopen a resolved incident; that pages nobody."""
    act(id, "reopen", _with_notes(notes), as_json)


@app.command("escalate")
def escalate(
    id: Id,
    words: Annotated[str | None, typer.Argument(metavar="REASON")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="The same as the argument.")] = None,
    tier: Annotated[
        str | None, typer.Option("--tier", help="Pass over the steps below: senior, architect, executive.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Page the next step of the escalation policy now."""
    if not (reason or words):
        raise WrongInput("Say why: tocsin incident escalate ID REASON")
    act(id, "escalate", {"reason": reason or words, **({"tier": tier} if tier else {})}, as_json)


@app.command("severity")
def change_severity(
    id: Id,
    severity: Annotated[str, typer.Argument(help="SEV1 to SEV4.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Goes into the timeline, and into pages.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Lower it although somebody else leads.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change the severity; while nobody has answered, a worse one pages anew. Whoever leads decides on a milder one."""
    body = {"severity": severity, **({"reason": reason} if reason else {}), **({"confirm": True} if confirm else {})}
    act(id, "severity", body, as_json)


@app.command("assign")
def assign(
    id: Id,
    user: Annotated[str, typer.Argument(help="Id of a user.")],
    page: Annotated[bool, typer.Option("--page", help="Page them, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make someone the assignee; that pages nobody unless you ask for it."""
    act(id, "assign", {"user": user, "page": page}, as_json)


@app.command("note")
def note(id: Id, text: Annotated[str, typer.Argument(help="What to remember.")], as_json: AsJson = False) -> None:
    """Add a note to the timeline."""
    entry = Client.from_environment().post(path("incidents", id, "notes"), {"text": text})
    if as_json:
        return show.json(entry)
    show.line("Noted.")


@app.command("timeline")
def timeline(id: Id, as_json: AsJson = False) -> None:
    """What happened, oldest first."""
    found = Client.from_environment().items(path("incidents", id, "timeline"))
    if as_json:
        return show.json(found)
    rows = [(e["id"], when(e["at"]), e["kind"], e["actor"], e["details"]) for e in found["items"]]
    show.table(("Id", "At", "Kind", "By", "What"), rows, "Nothing happened yet.")


@app.command("pages")
def pages(id: Id, as_json: AsJson = False) -> None:
    """Who was paged, by what, and what became of it."""
    found = Client.from_environment().items(path("incidents", id, "pages"))
    if as_json:
        return show.json(found)
    rows = [
        (when(p["created_at"]), p["user"], p["step"], p["via"], p["state"], _ways(p["notifications"]))
        for p in found["items"]
    ]
    show.table(("At", "User", "Step", "Via", "State", "Notifications"), rows, "Nobody was paged.")


def _ways(notifications: list[dict[str, Any]]) -> str:
    return "; ".join(f"{n['method']} {n['state']} {n['receipt'] or n['error']}".strip() for n in notifications)


@app.command("explain")
def explain(id: Id, as_json: AsJson = False) -> None:
    """Why each page did or did not happen."""
    found = Client.from_environment().get(path("incidents", id, "explain"))
    if as_json:
        return show.json(found)
    rows = [(when(item["at"]), item["sentence"]) for item in found["items"]]
    show.table(("At", "Why"), rows, "There is nothing to explain.")
