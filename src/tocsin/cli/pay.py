"""On-call pay and time off, from a terminal."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.show import AsJson

app = typer.Typer(no_args_is_help=True, help="On-call pay and time off.")

Start = Annotated[str | None, typer.Option("--from", help="First day, like 2026-03-01; default this month.")]
End = Annotated[str | None, typer.Option("--to", help="The day after the last one.")]


@app.command("report")
def report(
    start: Start = None,
    end: End = None,
    team: Annotated[str | None, typer.Option("--team", help="Id of a team; default everybody.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row for each line.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hours by kind of time, waiting and paged, what they are paid, and time off for nights."""
    client, query = Client.from_environment(), {"from": start, "to": end, "team": team}
    if as_csv:
        typer.echo(client.text("pay/report.csv", query), nl=False)
        return
    found = client.get("pay", query)
    if as_json:
        return show.json(found)
    rows = [
        (i["name"], i["time_zone"], _hours(i, "idle"), _hours(i, "secondary"), _hours(i, "paged"), i["lieu_hours"], _money(i["totals"]))
        for i in found["items"]
    ]  # fmt: skip
    show.line(f"{found['from']} to {found['to']}, each in their own zone")
    columns = ("Who", "Zone", "Idle h", "Secondary h", "Paged h", "Off h", "Pay")
    show.table(columns, rows, "Nobody was on call in that time.")
    if found["totals"]:
        show.line(f"In all {_money(found['totals'])}")


def _hours(item: dict[str, Any], work: str) -> str:
    return f"{sum(float(cell[work]) for cell in item['hours'].values()):.2f}"


def _money(totals: dict[str, str]) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in totals.items())


@app.command("rates")
def rates(as_json: AsJson = False) -> None:
    """What an hour on call is paid, from which day on."""
    found = Client.from_environment().get("pay/rates")
    if as_json:
        return show.json(found)
    kinds = ("business", "evening", "night", "weekend", "holiday")
    rows = [
        (one["valid_from"], one["currency"], *(f"{one['idle'].get(k, 0)} / {one['paged'].get(k, 0)}" for k in kinds))
        for one in found["items"]
    ]
    show.table(
        ("From", "Currency", *(f"{kind} idle / paged" for kind in kinds)), rows, "No rates yet: nothing is paid."
    )


@app.command("set-rates")
def set_rates(
    day: Annotated[str, typer.Argument(metavar="DAY", help="From this day on, like 2026-01-01.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: currency, idle and paged by class, ...")],
) -> None:
    """Set what an hour on call is paid from a day on; earlier days keep their rates."""
    try:
        body = jsonlib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongInput(f"{file}: {error}") from error
    made = Client.from_environment().call("PUT", path("pay", "rates", day), body=body)
    show.line(f"From {made['valid_from']} on, in {made['currency']}.")


@app.command("remove-rates")
def remove_rates(
    day: Annotated[str, typer.Argument(metavar="DAY", help="The day on which they begin, like 2026-01-01.")],
) -> None:
    """Forget rates that were set by mistake: those before hold on."""
    gone = Client.from_environment().delete(path("pay", "rates", day))
    show.line(f"Removed the rates from {gone['removed']} on.")
