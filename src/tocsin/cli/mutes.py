"""Mutes and heartbeats, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

app = typer.Typer(no_args_is_help=True, help="Silences and maintenance windows, once or planned.")
beats = typer.Typer(no_args_is_help=True, help="Heartbeats: jobs that say that they live.")

MuteId = Annotated[str, typer.Argument(metavar="ID", help="UUID of a mute, or the id of a planned one.")]
BeatId = Annotated[str, typer.Argument(metavar="HEARTBEAT", help="Id of a heartbeat.")]
MATCHERS = 'What to mute: alertname="Backup", cluster=~"eu|us", severity!=critical.'


@app.command("list")
def list_mutes(
    status: Annotated[
        str | None, typer.Option("--status", help="active, pending or expired; default the first two.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Those that touch this service.")] = None,
    as_json: AsJson = False,
) -> None:
    """List mutes: those that mute now first, by their end."""
    found = Client.from_environment().items("mutes", {"status": status, "service": service})
    if as_json:
        return show.json(found)
    shown = [m for m in found["items"] if status or m["status"] != "expired"]
    rows = [
        (m["id"][:8], m["status"] + (", ends soon" if m["ends_soon"] else ""), _what(m), m["muting"], when(m["starts_at"]),
         when(m["ends_at"]), m["reason"])
        for m in shown
    ]  # fmt: skip
    show.table(("ID", "Status", "Mutes", "Now", "From", "To", "Reason"), rows, "Nothing is muted.")


@app.command("show")
def show_mute(id: MuteId, as_json: AsJson = False) -> None:
    """One mute, the alerts that it holds back, and once it ended what it held back."""
    client = Client.from_environment()
    found = client.get(path("mutes", _whole(client, id)))
    if as_json:
        return show.json(found)
    plan = found["plan"] or {}
    show.fields(
        [("id", found["id"]), ("kind", found["kind"]), ("status", found["status"]), ("mutes", _what(found)),
         ("from", when(found["starts_at"])), ("to", when(found["ends_at"])), ("reason", found["reason"]),
         ("made by", found["created_by"]), ("planned as", found["rule"]), ("recurs", plan.get("rrule") or plan.get("during"))]
    )  # fmt: skip
    if report := found["report"]:
        alerts, events = _many(report["alerts"], "alert"), _many(report["events"], "event")
        show.line(f"It held back {alerts} ({events}); {report['firing']} still fired at its end.")
        ended = [
            (a["id"], a["service"], a["title"], when(a["resolved_at"]) if a["resolved_at"] else "still fired")
            for a in report["items"]
        ]
        if ended:
            show.table(("Alert", "Service", "Title", "Resolved"), ended, "")
        return
    rows = [(a["id"], a["severity"], a["service"], a["title"]) for a in found["alerts"]]
    show.table(("Alert", "Severity", "Service", "Title"), rows, "It holds back nothing right now.")


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


@app.command("add")
def add_mute(
    matchers: Annotated[list[str] | None, typer.Argument(metavar="[MATCHER]...", help=MATCHERS)] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; everybody sees it.")] = "",
    duration: Annotated[
        str | None, typer.Option("--for", help="How long, like 2h; of a planned one each window.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when, like 2026-01-05T09:00:00Z.")] = None,
    starts: Annotated[str | None, typer.Option("--from", help="From when; with --rrule the first local start.")] = None,
    services: Annotated[
        list[str] | None, typer.Option("--service", help="Only alerts of this service; may be repeated.")
    ] = None,
    team: Annotated[str | None, typer.Option("--team", help="Only alerts of this team's services.")] = None,
    maintenance: Annotated[bool, typer.Option("--maintenance", help="A maintenance window of the services.")] = False,
    rrule: Annotated[str | None, typer.Option("--rrule", help="Recurs, like FREQ=WEEKLY;BYDAY=SU.")] = None,
    during: Annotated[
        str | None, typer.Option("--during", help="working_hours or off_hours of the services' team.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help="Where --from of a planned one is read.")] = None,
    announce: Annotated[
        str | None, typer.Option("--announce", help="Show the maintenance on the status page under this title.")
    ] = None,
    message: Annotated[str | None, typer.Option("--message", help="What the status page says of it.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only tell what it would mute now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mute alerts, once (--for or --until) or planned (--rrule or --during)."""
    planned = bool(rrule or during)
    body: dict[str, Any] = {
        "matchers": matchers or [], "reason": reason, "duration": duration, "ends_at": until, "services": services or [],
        "team": team, "kind": "maintenance" if maintenance else "silence", "rrule": rrule, "during": during,
        "time_zone": time_zone, ("from" if planned else "starts_at"): starts,
        "announce": {"title": announce, **({"message": message} if message else {})} if announce else None,
    }  # fmt: skip
    given = {name: value for name, value in body.items() if value not in (None, [])}
    client = Client.from_environment()
    if preview:
        return _preview(client.post("mutes/preview", given), as_json)
    made = client.post("mutes", given)
    if as_json:
        return show.json(made)
    show.line(f"{made['id']} mutes {_what(made)} from {when(made['starts_at'])} to {when(made['ends_at'])}.")


def _preview(seen: Any, as_json: bool) -> None:
    if as_json:
        return show.json(seen)
    for note in seen["notes"]:
        show.say(note)
    for window in seen["windows"]:
        show.line(f"from {when(window['starts_at'])} to {when(window['ends_at'])}")
    rows = [(a["id"], a["severity"], a["service"], a["title"], a["incident_name"]) for a in seen["items"]]
    show.table(("Alert", "Severity", "Service", "Title", "Incident"), rows, "No open alert matches.")


@app.command("end")
def end_mute(id: MuteId, as_json: AsJson = False) -> None:
    """End a mute now; of a planned one only this window by its UUID, all of it by its id."""
    client = Client.from_environment()
    ended = client.delete(path("mutes", _whole(client, id)))
    if as_json:
        return show.json(ended)
    show.line(f"Ended: {_what(ended)}. What still fires pages now.")


def _whole(client: Client, id: str) -> str:
    """The UUID that the list showed the beginning of."""
    if len(id) != 8:
        return id
    found = [mute["id"] for mute in client.items("mutes")["items"] if mute["id"].startswith(id)]
    return found[0] if len(found) == 1 else id


def _what(mute: Any) -> str:
    services = ", ".join(mute["services"]) or "all services"
    return f"{' '.join(mute['matchers']) or 'everything'} of {services}"


@beats.command("list")
def list_heartbeats(
    status: Annotated[str | None, typer.Option("--status", help="new, up, started, late, down or paused.")] = None,
    as_json: AsJson = False,
) -> None:
    """List heartbeats and how they stand."""
    found = Client.from_environment().items("heartbeats", {"status": status})
    if as_json:
        return show.json(found)
    rows = [
        (
            b["id"],
            b["status"],
            b["service"],
            b["cron"] or b["period"],
            b["grace"],
            when(b["last_ping_at"]),
            when(b["expected_at"]),
        )
        for b in found["items"]
    ]
    show.table(("ID", "Status", "Service", "Every", "Grace", "Last ping", "Expected"), rows, "There are no heartbeats.")


@beats.command("show")
def show_heartbeat(id: BeatId, as_json: AsJson = False) -> None:
    """One heartbeat, where to ping, and its last pings."""
    found = Client.from_environment().get(path("heartbeats", id))
    if as_json:
        return show.json(found)
    names = ("id", "name", "service", "status", "cron", "period", "grace", "time_zone", "ping_url")
    show.fields([*((name, found[name]) for name in names), ("expected", when(found["expected_at"]))])
    rows = [
        (
            when(p["at"]),
            p["kind"],
            p["exit_status"],
            None if p["seconds"] is None else f"{p['seconds']:.0f} s",
            p["body"][:80],
        )
        for p in found["pings"]
    ]
    show.table(("At", "Said", "Exit", "Took", "Body"), rows, "It has never pinged.")


@beats.command("create")
def create_heartbeat(
    id: BeatId,
    service: Annotated[str, typer.Option("--service", help="Which service suffers when it is missed.")],
    period: Annotated[str | None, typer.Option("--period", help="How often it pings, like 1d.")] = None,
    cron: Annotated[str | None, typer.Option("--cron", help="When it pings, like '30 2 * * *'.")] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help="Of the cron expression; default UTC.")] = None,
    grace: Annotated[str | None, typer.Option("--grace", help="How late it may be; default 1h.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="The secret of its address; default a new one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a heartbeat, and say where to ping."""
    asked = {
        "id": id, "service": service, "period": period, "cron": cron, "time_zone": time_zone, "grace": grace, "name": name,
        "key": key or str(uuid4()),
    }  # fmt: skip
    client = Client.from_environment()
    client.post("heartbeats", {field: value for field, value in asked.items() if value is not None})
    found = client.get(path("heartbeats", id))
    if as_json:
        return show.json(found)
    show.line(f"{id} waits for its first ping at {found['ping_url']}")


@beats.command("delete")
def delete_heartbeat(id: BeatId) -> None:
    """Remove a heartbeat and its pings; an open alert of it resolves."""
    gone = Client.from_environment().delete(path("heartbeats", id))
    show.line(f"Removed: {gone['id']}")


@beats.command("pause")
def pause_heartbeat(id: BeatId, as_json: AsJson = False) -> None:
    """Say nothing of it until it pings or is resumed."""
    _told(Client.from_environment().post(path("heartbeats", id, "pause")), as_json)


@beats.command("resume")
def resume_heartbeat(id: BeatId, as_json: AsJson = False) -> None:
    """Watch it again, as if it had pinged now."""
    _told(Client.from_environment().post(path("heartbeats", id, "resume")), as_json)


def _told(found: Any, as_json: bool) -> None:
    if as_json:
        return show.json(found)
    show.line(f"{found['id']} is {found['status']}.")
