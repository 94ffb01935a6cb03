"""The incident room from a terminal: roles, chat, findings, decisions, tasks, checklists; more commands of the incident desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.incidents import Id, act, told
from tocsin.cli.show import AsJson, when

User = Annotated[str | None, typer.Argument(metavar="USER", help="Id of a user; left out: who holds which role.")]
Role = Annotated[
    str | None, typer.Argument(metavar="ROLE", help="commander, technical_lead, comms_lead, scribe, deputy or sme.")
]


def role(
    id: Id,
    role: Role = None,
    user: User = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", help="Whoever is on call there; they are paged.")
    ] = None,
    take: Annotated[bool, typer.Option("--take", help="Although somebody else holds it.")] = False,
    page: Annotated[bool, typer.Option("--page", help="Page them, too.")] = False,
    hand_over: Annotated[
        str | None, typer.Option("--hand-over", help="Hand it to USER once they read this back.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="I have read the briefing: it is mine now.")] = False,
    read_back: Annotated[str | None, typer.Option("--read-back", help="The same, in my own words.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw or decline an open handover.")] = False,
    release: Annotated[bool, typer.Option("--release", help="Let go of it.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Goes into the timeline, and into the page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who holds which role; take one, give one, hand one over."""
    if role is None:
        return _roles(id, as_json)
    body: dict[str, Any] = {"role": role}
    if accept or read_back:
        return act(id, "roles/accept", body | ({"read_back": read_back} if read_back else {}), as_json)
    if withdraw:
        return act(id, "roles/withdraw", body, as_json)
    if release:
        query = {"user": user} if user else {}
        return told(
            Client.from_environment().call("DELETE", path("incidents", id, "roles", role), query=query), as_json
        )
    if hand_over:
        if user is None:
            raise WrongInput("Say to whom: tocsin incident role ID ROLE USER --hand-over BRIEFING")
        return act(id, "roles/handover", body | {"user": user, "briefing": hand_over}, as_json)
    if (user is None) == (schedule is None):
        raise WrongInput("Say who: tocsin incident role ID ROLE USER, or --schedule SCHEDULE")
    whom = {"user": user} if user else {"schedule": schedule}
    page = page or schedule is not None
    act(id, "roles", {**body, **whom, "take": take, "page": page, **({"reason": reason} if reason else {})}, as_json)


def _roles(id: str, as_json: bool) -> None:
    found = Client.from_environment().get(path("incidents", id, "room"))["roles"]
    if as_json:
        return show.json(found)
    rows = [
        (one["name"], ", ".join(one["users"]) or _acting(found, one["role"]), _offered(one["offer"]), one["duty"])
        for one in found["items"]
    ]
    show.table(("Role", "Who", "Handover", "Duty"), rows, "There are no roles.")
    if found["no_commander"]:
        show.say("Nobody has taken command: tocsin incident role ID commander USER")


def _acting(found: dict[str, Any], role: str) -> str:
    acting = found["acting_commander"] if role == "incident_commander" else None
    return f"{acting} (acting)" if acting else "nobody"


def _offered(offer: dict[str, Any] | None) -> str:
    return f"offered to {offer['to']}" if offer else ""


def chat(
    id: Id,
    text: Annotated[str | None, typer.Argument(help="What to say; left out: what was said.")] = None,
    conditions: Annotated[str | None, typer.Option("--conditions", help="A CAN report: what you see.")] = None,
    actions: Annotated[str | None, typer.Option("--actions", help="A CAN report: what you do.")] = None,
    needs: Annotated[str | None, typer.Option("--needs", help="A CAN report: what you need.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say something to everyone in the room, or read what was said."""
    client = Client.from_environment()
    report = {"conditions": conditions, "actions": actions, "needs": needs}
    if any(report.values()):
        said = client.post(path("incidents", id, "can"), {key: value for key, value in report.items() if value})
        return show.json(said) if as_json else show.line("Sent.")
    if text is not None:
        said = client.post(path("incidents", id, "messages"), {"text": text})
        return show.json(said) if as_json else show.line("Sent.")
    found = client.items(path("incidents", id, "timeline"))
    found["items"] = [entry for entry in found["items"] if entry["kind"] == "message_posted"]
    if as_json:
        return show.json(found)
    show.table(
        ("At", "Who", "What"),
        [(when(e["at"]), e["actor"], e["details"]) for e in found["items"]],
        "Nobody said anything.",
    )


def finding(
    id: Id,
    text: Annotated[str | None, typer.Argument(help="What is known, or believed; left out: all findings.")] = None,
    fact: Annotated[bool, typer.Option("--fact", help="It is a fact, not a hypothesis.")] = False,
    pin: Annotated[int | None, typer.Option("--pin", help="Pin this entry of the timeline, by its id.")] = None,
    confirm: Annotated[int | None, typer.Option("--confirm", help="This hypothesis is a fact, by its id.")] = None,
    refute: Annotated[int | None, typer.Option("--refute", help="This finding does not hold, by its id.")] = None,
    why: Annotated[str | None, typer.Option("--why", help="On what grounds.")] = None,
    as_json: AsJson = False,
) -> None:
    """What we know: add a finding, pin one, confirm or refute one, or list them."""
    client = Client.from_environment()
    if (settled := confirm if confirm is not None else refute) is not None:
        body = {"certainty": "fact" if confirm is not None else "refuted", **({"why": why} if why else {})}
        found = client.patch(path("incidents", id, "findings", str(settled)), body)
    elif pin is not None:
        body = {"certainty": "fact", **({"text": text} if text else {})}
        found = client.post(path("incidents", id, "timeline", str(pin), "pin"), body)
    elif text is not None:
        found = client.post(
            path("incidents", id, "findings"), {"text": text, "certainty": "fact" if fact else "hypothesis"}
        )
    else:
        return _list(id, "findings", ("id", "certainty", "by", "text"), "Nothing is known yet.", as_json)
    return (
        show.json(found) if as_json else show.line(f"{found['certainty'].capitalize()} {found['id']}: {found['text']}")
    )


def decide(
    id: Id,
    text: Annotated[str | None, typer.Argument(help="What was decided; left out: all decisions.")] = None,
    why: Annotated[str | None, typer.Option("--why", help="On what grounds.")] = None,
    instead_of: Annotated[str | None, typer.Option("--instead-of", help="What else was weighed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write down a decision with what was known then, or list them."""
    if text is None:
        return _list(
            id, "decisions", ("id", "at", "by", "text", "why", "alternatives"), "Nothing was decided yet.", as_json
        )
    body = {"text": text, **({"why": why} if why else {}), **({"alternatives": instead_of} if instead_of else {})}
    made = Client.from_environment().post(path("incidents", id, "decisions"), body)
    return show.json(made) if as_json else show.line(f"Decision {made['id']} is written down.")


def task(
    id: Id,
    text: Annotated[str | None, typer.Argument(help="What is to be done; left out: all tasks.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Id of a user.")] = None,
    stream: Annotated[str | None, typer.Option("--stream", help="The workstream.")] = None,
    check_in: Annotated[str | None, typer.Option("--check-in", help="When it is heard of next, like 15m.")] = None,
    change: Annotated[int | None, typer.Option("--id", help="Change this task.")] = None,
    done: Annotated[bool, typer.Option("--done", help="It is done.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="It is not needed.")] = False,
    note: Annotated[str | None, typer.Option("--note", help="How it is going, or what came of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give somebody something to do, check in, finish it; or list the tasks."""
    given = {"text": text, "owner": owner, "workstream": stream, "next_check_in": check_in}
    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    client = Client.from_environment()
    if change is not None:
        ended = {"state": "done" if done else "dropped"} if done or drop else {}
        made = client.patch(
            path("incidents", id, "tasks", str(change)), body | ended | ({"note": note} if note else {})
        )
    elif text is None:
        return _list(
            id, "tasks", ("id", "state", "workstream", "owner", "next_check_in", "text"), "There are no tasks.", as_json
        )
    else:
        made = client.post(path("incidents", id, "tasks"), body)
    return show.json(made) if as_json else show.line(f"Task {made['id']} ({made['state']}): {made['text']}")


def checklist(
    id: Id,
    step: Annotated[str | None, typer.Argument(help="Tick this step; left out: all steps.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the tick back.")] = False,
    as_json: AsJson = False,
) -> None:
    """The phases, step by step; most steps tick themselves."""
    client = Client.from_environment()
    if step is not None:
        found = client.post(path("incidents", id, "checklist"), {"step": step, "done": not undo})
    else:
        found = client.get(path("incidents", id, "checklist"))
    if as_json:
        return show.json(found)
    rows = [
        ("x" if one["done"] else "", one["phase"], one["id"], one["text"], one["by"] or "") for one in found["items"]
    ]
    show.table(("Done", "Phase", "Step", "What", "By"), rows, "There are no steps.")


def correct(
    id: Id,
    entry: Annotated[int, typer.Argument(help="Id of an entry of the timeline.")],
    text: Annotated[str, typer.Argument(help="What it should have said.")],
    as_json: AsJson = False,
) -> None:
    """Correct an entry of the timeline; what was written stays readable."""
    made = Client.from_environment().post(path("incidents", id, "timeline", str(entry), "correct"), {"text": text})
    return show.json(made) if as_json else show.line("Corrected.")


def onset(id: Id, as_json: AsJson = False) -> None:
    """Alerts and changes around the onset, the likeliest changes first."""
    found = Client.from_environment().get(path("incidents", id, "onset"))
    if as_json:
        return show.json(found)
    show.line(f"Onset: {when(found['onset'])}")
    rows = [(when(c["at"]), c["service"], c["title"], c["source"]) for c in found["changes"]]
    show.table(("Change at", "Service", "What", "Source"), rows, "No change is known around the onset.")
    alerts = [(when(a["at"]), a["service"], a["title"], when(a["resolved_at"])) for a in found["alerts"]]
    show.table(("Alert at", "Service", "What", "Ended"), alerts, "There are no alerts.")


def _list(id: str, noun: str, keys: tuple[str, ...], empty: str, as_json: bool) -> None:
    found = Client.from_environment().get(path("incidents", id, noun))
    if as_json:
        return show.json(found)
    rows = [
        tuple(when(one[k]) if k in ("at", "next_check_in") else one[k] or "" for k in keys) for one in found["items"]
    ]
    show.table(tuple(key.replace("_", " ").capitalize() for key in keys), rows, empty)


COMMANDS: dict[str, Callable[..., None]] = {
    "role": role,
    "chat": chat,
    "finding": finding,
    "decide": decide,
    "task": task,
    "checklist": checklist,
    "correct": correct,
    "onset": onset,
}
"""What is added to the commands of incidents."""
