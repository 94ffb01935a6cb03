"""On-call health, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson, when

app = typer.Typer(invoke_without_command=True, help="On-call health: pages against what is healthy; improvements.")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SHADES = " ░▒▓█"


@app.callback()
def health(
    ctx: typer.Context,
    team: Annotated[str | None, typer.Option("--team", help="Id of a team; default everybody.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="RFC 3339; default four weeks ago.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="RFC 3339; default now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Your own figures, when the token belongs to you, and the team as a group of three or more."""
    if ctx.invoked_subcommand is not None:
        return
    found = Client.from_environment().get("health", {"team": team, "from": start, "to": end})
    if as_json:
        return show.json(found)
    if found["mine"]:
        _print_mine(found["mine"], found["limit"]["incidents"])
    group = found["team"]
    show.line(f"{group['name']}, {when(found['from'])} to {when(found['to'])}")
    if not group["enough"]:
        show.say("Fewer than three people were on call: their figures would be somebody's own.")
    else:
        _print(group, found["limit"]["incidents"])
    for rule in found["rules"]:
        show.line(
            f"{rule['rule']} ({rule['service']}): noise {rule['noise']}, tune {rule['tune']}, useful {rule['useful']}"
        )


def _print_mine(mine: dict[str, Any], limit: int) -> None:
    parts = mine["by_part"]
    show.line(f"You, in {mine['time_zone']}")
    show.fields(
        [
            ("incidents", mine["incidents"]), ("worst 12 hours", f"{mine['worst_12_hours']} (limit {limit})"),
            ("nights disturbed", mine["nights_disturbed"]),
            ("business / off / sleep", f"{parts['business']} / {parts['off']} / {parts['sleep']}"),
        ]
    )  # fmt: skip


def _print(group: dict[str, Any], limit: int) -> None:
    parts = group["by_part"]
    show.fields(
        [
            ("people", group["people"]), ("incidents", group["incidents"]), ("in each shift", group["per_shift"]),
            (f"shifts over {limit} in 12 h", f"{group['shifts_over_limit']} of {group['shifts']}"),
            ("business / off / sleep", f"{parts['business']} / {parts['off']} / {parts['sleep']}"),
        ]
    )  # fmt: skip
    most = max(max(row) for row in group["heat"]) or 1
    show.line("    " + "".join(f"{hour:<4}" for hour in range(0, 24, 4)))
    for day, row in zip(DAYS, group["heat"], strict=True):
        show.line(f"{day} " + "".join(SHADES[min(4, -(-count * 4 // most))] for count in row))
    for one in group["worst"]:
        show.line(f"{one['incidents']:>4}  {one['rule']} ({one['service']}), {one['asleep']} at night")


@app.command("improvements")
def improvements(
    state: Annotated[str | None, typer.Option("--state", help="open, done or dropped.")] = None, as_json: AsJson = False
) -> None:
    """What painful shifts ask to be changed."""
    found = Client.from_environment().items("improvements", {"state": state}, 100)
    if as_json:
        return show.json(found)
    rows = [
        (i["id"], i["state"], i["owner_name"], when(i["shift"]["from"]), i["incidents"], i["title"])
        for i in found["items"]
    ]
    show.table(("ID", "State", "Owner", "Shift", "Incidents", "Title"), rows, "No shift asks for anything.")


@app.command("improve")
def improve(
    id: Annotated[str, typer.Argument(metavar="ID", help="Number of an improvement.")],
    state: Annotated[str | None, typer.Option("--state", help="open, done or dropped.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Id of a user; empty: nobody.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="What was done.")] = None,
) -> None:
    """Give an improvement an owner, a note, or close it."""
    given = {"state": state, "owner": owner, "note": note}
    body = {name: value for name, value in given.items() if value is not None}
    done = Client.from_environment().patch(path("improvements", id), body)
    show.line(f"{done['state']}, owner {done['owner_name'] or 'nobody'}: {done['title']}")


def verdict(
    id: Annotated[str, typer.Argument(metavar="ALERT", help="Number of an alert.")],
    said: Annotated[str, typer.Argument(metavar="VERDICT", help="useful, noise, tune, or none to take it back.")],
) -> None:
    """Judge an alert: was it worth it?"""
    body = {"verdict": "" if said == "none" else said}
    found = Client.from_environment().post(path("alerts", id, "verdict"), body)
    show.line(f"Alert {found['alert']}: {found['verdict'] or 'no verdict'}")
