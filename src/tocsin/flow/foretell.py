"""What would become of an alert right now, decided by the code that decides it, in a transaction that is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.core.alert import Reason
from tocsin.core.configuration import Integration, Service
from tocsin.core.directory import IntegrationRef
from tocsin.core.escalation import PageReason
from tocsin.core.event import Event
from tocsin.core.matrix import Rules
from tocsin.core.severity import Severity, Urgency
from tocsin.flow import hiding
from tocsin.flow.batch import Item, waves
from tocsin.flow.context import Context
from tocsin.flow.opening import Newcomer, Opening
from tocsin.flow.restart import urgency_anew
from tocsin.flow.rules import rules_for
from tocsin.flow.triage import groups_of, newcomer_of, worse_of
from tocsin.store import incidents, intake
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident


class Fate(msgspec.Struct, frozen=True):
    """What would become of one alert. `incident`: the open one that it goes to, with the `rules` that it keeps (None: a new one).

    `because`: why that one pages anew, as a `severity` and how loudly. `by`: what hides it, and `cause` the incident that does.
    """

    reason: Reason
    incident: Incident | None = None
    rules: Rules | None = None
    because: PageReason | None = None
    severity: Severity = Severity.SEV2
    urgency: Urgency | None = None
    by: str = ""
    cause: int | None = None


class _Undone(Exception):
    """Nothing of this is kept."""


async def foretell(ctx: Context, service: Service, events: Sequence[Event], now: datetime) -> dict[str, Fate]:
    """dedup key -> fate, of triggers of one service that no silence mutes. Changes nothing. Raises Unavailable."""
    found: dict[str, Fate] = {}
    if not events:
        return found
    try:
        async with ctx.db.transaction() as tx:
            found = await _decided(ctx, tx, service, events, now)
            raise _Undone
    except _Undone:
        return found


async def _decided(ctx: Context, tx: Tx, service: Service, events: Sequence[Event], now: datetime) -> dict[str, Fate]:
    ref = IntegrationRef(service, Integration(id="", type="", key=""))
    runs = list(waves([Item(ref, event, now) for event in events])[0].values())
    groups, asked = groups_of(runs, now)
    found = await intake.look(tx, [(run.service, run.key, len(run.items), None) for run in runs], asked, now)
    new = [place for place in range(len(runs)) if place not in found.repeated]
    newcomers = [newcomer_of(runs[place], groups.get(place), asked, found, place) for place in new]
    causes = await hiding.look(ctx.directory, tx, newcomers) if newcomers else None
    opening = Opening(ctx, now, newcomers, None, worse_of(runs, found), causes)
    going = {new.incident for new in newcomers} | {repeat[1] for repeat in found.repeated.values()}
    known = {number: one for number in going if number is not None and (one := await incidents.read(tx, number))}
    rules = {number: await rules_for(ctx, tx, one) for number, one in known.items()}
    fates = {}
    for place, repeat in found.repeated.items():
        fates[runs[place].key] = _onto(opening, known, rules, Reason.REPEATED, repeat[1])
    for place, newcomer in zip(new, newcomers, strict=True):
        fates[runs[place].key] = (
            _hidden(newcomer) if newcomer.cause is not None else _onto(opening, known, rules, newcomer.reason, newcomer.incident)
        )  # fmt: skip
    return fates


def _hidden(newcomer: Newcomer) -> Fate:
    cause = newcomer.cause
    assert cause is not None
    return Fate(newcomer.reason, by=cause.by, cause=cause.incident)


def _onto(
    opening: Opening, known: dict[int, Incident], rules: dict[int, Rules], reason: Reason, number: int | None
) -> Fate:
    """What the incident that takes the alert does then, as `Opening.write` has it."""
    incident = known.get(number or 0)
    if incident is None:
        return Fate(reason)
    severity = Severity(min(opening.raised.get(incident.id, 4), incident.severity))
    because = None
    if incident.id in opening.relapsed and incident.status == "monitoring":
        because = PageReason.RELAPSE
    elif incident.open and severity < incident.severity:
        because = PageReason.SEVERITY_ROSE
    keeps = rules[incident.id]
    urgency = urgency_anew(keeps, severity, incident, because, opening.now) if because is not None else None
    return Fate(reason, incident, keeps, because, severity, urgency)
