"""The rules of its severity that an incident begins with and keeps: how it pages, and when its clocks strike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

import msgspec

from tocsin.core.matrix import Rules, rules_of, urgency_of
from tocsin.core.promise import Standing, first, following
from tocsin.core.role import commander_due
from tocsin.core.severity import Severity, Urgency
from tocsin.flow.context import Context
from tocsin.store import matrices
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.writing import NewTimer

CLOCK = "clock"
"""The kind of the timer that strikes when the next promise of an incident's severity comes due; its subject is the incident."""


class Beginning(msgspec.Struct, frozen=True, gc=False):
    """How an incident begins: `rules` under their `number`, when its first update is due, when its clock first strikes."""

    number: int
    rules: Rules
    urgency: Urgency
    next_update_at: datetime
    strikes_at: datetime | None

    def timer(self, incident: int) -> list[NewTimer]:
        if self.strikes_at is None:
            return []
        return [NewTimer(kind=CLOCK, subject=incident, incident_id=incident, due_at=self.strikes_at)]


def beginning(ctx: Context, service: str | None, severity: Severity, now: datetime) -> Beginning:
    """Of an incident that is opened or declared now."""
    number, rules = rules_of(ctx.directory, service)
    urgency = urgency_of(rules.rows[severity], rules.hours, now)
    if rules.rows[severity].page != "now":
        return Beginning(number, rules, urgency, *first(rules, severity, urgency, now))
    key, memo = ("first", number, severity), ctx.directory.memo
    if key not in memo:  # these go by the wall: the lengths are the same whenever it begins
        memo[key] = [at and at - now for at in first(rules, severity, urgency, now)]
    update, strikes = memo[key]
    return Beginning(number, rules, urgency, now + update, strikes and now + strikes)


async def keep(ctx: Context, tx: Tx, begun: Iterable[Beginning], now: datetime) -> dict[int, Rules]:
    """Write rules that no incident had before. Give what this returns to `kept` once it is committed."""
    fresh = {one.number: one.rules for one in begun if one.number not in ctx.rules}
    if fresh:
        await matrices.keep(tx, fresh, now)
    return fresh


def kept(ctx: Context, fresh: dict[int, Rules]) -> None:
    """Rules that are known to be in the database."""
    if len(ctx.rules) > 10_000:  # somebody changes them all day: what is needed again is read again
        ctx.rules.clear()
    ctx.rules.update(fresh)


class Ruled(Protocol):
    """What has rules: an incident."""

    @property
    def matrix(self) -> int | None: ...
    @property
    def service(self) -> str | None: ...


async def learn(ctx: Context, tx: Tx, numbers: Iterable[int | None]) -> None:
    """Read the rules with these numbers, as far as this node does not know them yet."""
    unknown = {number for number in numbers if number is not None and number not in ctx.rules}
    if unknown:
        kept(ctx, await matrices.load(tx, unknown))


def known_rules(ctx: Context, number: int | None, service: str | None) -> Rules:
    """The rules with a number that was learnt; today's of the service when there is none (an older release opened it)."""
    found = ctx.rules.get(number) if number is not None else None
    return found or rules_of(ctx.directory, service)[1]


async def rules_for(ctx: Context, tx: Tx, incident: Ruled) -> Rules:
    """The rules that an incident keeps."""
    await learn(ctx, tx, [incident.matrix])
    return known_rules(ctx, incident.matrix, incident.service)


def standing_of(incident: Incident) -> Standing:
    """Where a locked incident stands, as far as its promises go. A drill asks for no commander."""
    since = incident.clocks_since or incident.created_at
    commander = commander_due(incident.severity, incident.roles, since, incident.uncommanded_at)
    return Standing(
        severity=Severity(incident.severity), urgency=incident.urgency, since=since,
        created_at=incident.created_at, answered=incident.answered, restored=incident.status == "monitoring",
        open=incident.open, next_update_at=incident.next_update_at, promised=promised_of(incident),
        commander_due=None if incident.drill else commander,
    )  # fmt: skip


def promised_of(incident: Incident) -> tuple[datetime, ...]:
    """What audiences were promised."""
    return tuple(sorted({datetime.fromisoformat(at) for at in incident.promised.values()}))


def strike(rules: Rules, incident: Incident, now: datetime) -> list[NewTimer]:
    """The timer of the next promise of a locked incident, if there is one."""
    at = following(rules, standing_of(incident), now)
    return [NewTimer(kind=CLOCK, subject=incident.id, incident_id=incident.id, due_at=at)] if at else []
