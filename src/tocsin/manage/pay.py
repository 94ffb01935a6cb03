"""The pay and time-off report: a person's own always, everybody's for managers. And the rates that it counts with."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.hours import hours_of
from tocsin.core.load import OnDuty
from tocsin.core.past_duty import Past, duties_then
from tocsin.core.pay import Call, InForce, Rates, Statement, check_rates, statement
from tocsin.core.permission import Principal, allowed
from tocsin.flow.context import Context
from tocsin.store import health, history, pay
from tocsin.store.access import audit
from tocsin.store.health import PagedRow

LONGEST = timedelta(days=367)
_DAY = timedelta(days=1)


def read_day(text: str | None, name: str) -> date | None:
    """A day like 2026-03-01. Raises Invalid naming `name`."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is not a day: write it like 2026-03-01", f"/{name}") from None


async def report(
    ctx: Context, principal: Principal, first: date | None = None, last: date | None = None, team: str | None = None
) -> dict[str, Any]:
    """The days [first, last), by default the month that goes on, from midnight to midnight in each person's own zone:

    `{"from", "to", "items": [{user, name, time_zone, hours: {class: {idle, secondary, paged}}, lines, calls, nights_worked,
    lieu_hours, totals: {currency: amount}}], "totals", "next"}`. Amounts and hours are decimal text. Who may not see everybody's sees
    their own. Raises NotFound, Invalid.
    """
    now = ctx.clock.now()
    start = first or (last - timedelta(days=31) if last else now.date().replace(day=1))
    end = last or (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    if not timedelta() < end - start <= LONGEST:
        raise Invalid("Ask for at most a year, `from` before `to`", "/to")
    _check_team(ctx.directory, team)
    async with ctx.db.reading() as tx:
        past = await history.past(tx, _edge(start) - 2 * _DAY, _edge(end) + 2 * _DAY, ctx.directory)
        directory = past.peopled(ctx.directory)
        users = _visible(directory, principal, team)
        every = await pay.rates(tx)
        rows = await health.pages(tx, users, _edge(start) - 2 * _DAY, _edge(end) + _DAY)
    made = await asyncio.to_thread(_statements, directory, past, users, rows, every, start, end, now)
    totals: dict[str, Decimal] = {}
    for one in made:
        for currency, amount in one.totals.items():
            totals[currency] = totals.get(currency, Decimal(0)) + amount
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "items": [_view(directory, one) for one in made],
        "totals": {currency: str(amount) for currency, amount in sorted(totals.items())},
        "next": None,
    }


def _check_team(directory: Directory, team: str | None) -> None:
    if team and team not in directory.teams:
        raise NotFound(f"There is no team {team!r}")


def _visible(directory: Directory, principal: Principal, team: str | None) -> list[str]:
    wanted = list(directory.teams[team].members) if team else list(directory.users)
    if allowed(principal.role, "see_pay"):
        return wanted
    return [user for user in wanted if user == principal.user]


def _edge(day: date) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+00:00")


def _statements(
    directory: Directory, past: Past, users: Sequence[str], rows: Sequence[PagedRow], every: Sequence[InForce], first: date,
    last: date, now: datetime,
) -> list[Statement]:  # fmt: skip
    """Of everybody who was on call or paged, by name."""
    on_duty = duties_then(past, past.schedules, _edge(first) - 2 * _DAY, _edge(last) + 2 * _DAY)
    calls: dict[str, list[Call]] = {}
    for row in rows:
        calls.setdefault(row.user, []).append(Call(row.at, row.until, row.answered))
    nothing = OnDuty(primary=(), secondary=())
    made = [
        statement(
            user, hours_of(directory, user), on_duty.get(user, nothing), calls.get(user, ()), every, first, last, now
        )
        for user in users
    ]
    busy = [one for one in made if one.lines]
    return sorted(
        busy, key=lambda one: directory.users[one.user].label.lower() if one.user in directory.users else one.user
    )


def _view(directory: Directory, one: Statement) -> dict[str, Any]:
    known, hours = directory.users.get(one.user), hours_of(directory, one.user)
    table: dict[str, dict[str, str]] = {}
    for line in one.lines:
        cell = table.setdefault(line.kind, {"idle": "0.00", "secondary": "0.00", "paged": "0.00"})
        cell[line.work] = str(Decimal(cell[line.work]) + line.hours)
    return {
        "user": one.user,
        "name": known.label if known else one.user,
        "time_zone": hours.time_zone,
        "hours": table,
        "lines": [
            {
                "class": line.kind, "work": line.work, "hours": str(line.hours), "rate": str(line.rate), "amount": str(line.amount),
                "currency": line.currency,
            }
            for line in one.lines
        ],
        "calls": one.calls,
        "nights_worked": one.nights_worked,
        "lieu_hours": str(one.lieu),
        "totals": {currency: str(amount) for currency, amount in sorted(one.totals.items())},
    }  # fmt: skip


COLUMNS = (
    "user", "name", "time_zone", "from", "to", "class", "work", "hours", "rate", "amount", "currency", "nights_worked",
    "lieu_hours",
)  # fmt: skip


def as_csv(found: dict[str, Any]) -> str:
    """A report as CSV (RFC 4180), one row for each line. Text that a spreadsheet would take for a formula is quoted with `'`."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for item in found["items"]:
        for line in item["lines"]:
            rows.writerow(
                [
                    _cell(item["user"]), _cell(item["name"]), item["time_zone"], found["from"], found["to"], line["class"],
                    line["work"], line["hours"], line["rate"], line["amount"], line["currency"], item["nights_worked"],
                    item["lieu_hours"],
                ]
            )  # fmt: skip
    return out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


# --- rates ------------------------------------------------------------------------------------------------------------


def rates_view(one: InForce) -> dict[str, Any]:
    return {"valid_from": one.since.isoformat(), **msgspec.to_builtins(one.rates)}


async def list_rates(ctx: Context) -> dict[str, Any]:
    """`{"items", "next"}` by their first day."""
    async with ctx.db.reading() as tx:
        return {"items": [rates_view(one) for one in await pay.rates(tx)], "next": None}


async def put_rates(ctx: Context, since: date, wanted: Rates, actor: str) -> dict[str, Any]:
    """Rates from a day on; earlier days keep theirs. Raises Invalid."""
    check_rates(wanted)
    if not 2000 <= since.year < 2200:
        raise Invalid("Write a day between the years 2000 and 2199", "/valid_from")
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        await pay.put(tx, since, wanted, actor, now)
        await audit(tx, now, actor, "pay.rates", f"pay:{since.isoformat()}", msgspec.to_builtins(wanted))
    return rates_view(InForce(since, wanted))


async def remove_rates(ctx: Context, since: date, actor: str) -> dict[str, Any]:
    """Forget the rates that begin on a day: those before hold on. Raises NotFound."""
    async with ctx.db.transaction() as tx:
        if not await pay.remove(tx, since):
            raise NotFound(f"No rates begin on {since.isoformat()}")
        await audit(tx, ctx.clock.now(), actor, "pay.remove_rates", f"pay:{since.isoformat()}", {})
    return {"removed": since.isoformat()}
