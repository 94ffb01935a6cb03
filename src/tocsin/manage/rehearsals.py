"""Foresight on a running server: what would happen, with the silences it knows, and what would go wrong, with what it has heard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.alert import Reason
from tocsin.core.escalation import PageReason
from tocsin.core.incident import display_name, public_id
from tocsin.core.readiness import DAYS
from tocsin.core.rehearsal import Anew
from tocsin.core.severity import Severity
from tocsin.flow.acts import label
from tocsin.flow.context import Context
from tocsin.flow.foretell import Fate, foretell
from tocsin.flow.forewarn import facts_of
from tocsin.manage import foresight, holding
from tocsin.manage.foresight import Met, Question, Standing
from tocsin.manage.holding import Muted
from tocsin.manage.lists import read_time, time_text
from tocsin.manage.readiness import examine
from tocsin.store import merges, mutes, readiness, reading_incidents, turns
from tocsin.store.incidents import Incident

LATELY, SOON = timedelta(minutes=10), timedelta(minutes=1)
"""A time so near is now: what is open is counted in. (A form names the minute in which it was opened.)"""


async def rehearse(ctx: Context, question: Question) -> dict[str, Any]:
    """`manage.foresight.rehearse` with the silences that will hold then, and with what is open if that is now. Changes nothing.

    Raises Invalid.
    """
    now = ctx.clock.now()
    at = read_time(question.at, "at") or now
    rules = list(ctx.directory.mutes)
    async with ctx.db.reading() as tx:
        standing = await mutes.standing(tx, at)
        ended = await mutes.ended_by_hand(tx, rules, now) if rules else {}
        coming = await turns.standing(tx)
    written = [mute for mute in standing if mute.rule is None]
    planned = [mute for mute in holding.planned(ctx.directory, at) if at >= ended.get(mute.rule or "", at)]
    muted = holding.muted_by([*written, *planned])
    around = await _standing(ctx, question, at, now, muted) if now - LATELY <= at <= now + SOON else None
    return await asyncio.to_thread(
        foresight.rehearse, ctx.directory, question, now, muted, foresight.ringing(ctx.channels), around, coming
    )


async def _standing(ctx: Context, question: Question, at: datetime, now: datetime, muted: Muted) -> Standing:
    """What is open now, as far as it concerns these alerts. Raises Invalid."""
    service, triggers = foresight.triggers_of(ctx.directory, question, at, muted)
    if question.payload is None:  # nothing is known of its labels: it is taken for an incident of its own
        service = msgspec.structs.replace(service, grouping=None)
    fates = await foretell(ctx, service, [event for event, quiet in triggers if quiet is None], now)
    joined = {fate.incident.id for fate in fates.values() if fate.incident is not None}
    async with ctx.db.reading() as tx:
        causes = await merges.names(tx, [fate.cause for fate in fates.values() if fate.cause is not None])
        paging = await reading_incidents.paging(tx, joined)
    met = {key: one for key, fate in fates.items() if (one := _met(ctx, fate, causes)) is not None}
    return Standing(met, paging)


def _met(ctx: Context, fate: Fate, causes: Mapping[int, str]) -> Met | None:
    """What is open and takes an alert in, or hides it; None when it opens an incident. A private incident is not described.
    `causes`: what people call the incidents that hide alerts."""
    if fate.reason is Reason.INHIBITED:
        what = (
            f"an alert fires (inhibition {fate.by})"
            if fate.cause is None
            else f"{causes.get(fate.cause, public_id(fate.cause))} is open, of what it depends on"
        )
        return Met(f"It is hidden while {what}: it pages nobody.")
    incident = fate.incident
    if incident is None:
        return None
    name, severity = display_name(incident.id, incident.created_at), Severity(incident.severity)
    state = "" if incident.private else f" ({severity.name}, {_state(ctx, incident)})"
    said = f"{_TAKEN.get(fate.reason, 'It joins')} {name}{state}"
    if fate.because is PageReason.RELAPSE:
        said += ", which it brings back: paging starts over"
    elif fate.because is PageReason.SEVERITY_ROSE:
        said += f", which becomes a {fate.severity.name}: paging starts over"
    anew = None
    if fate.because is not None and fate.rules is not None:
        policies = tuple(policy for _, policy in ctx.directory.policies_of(incident.affected_services))
        anew = Anew(fate.rules, fate.because, fate.urgency, policies)
    return Met(f"{said}.", public_id(incident.id), incident.service, anew, fate.severity, name)


_TAKEN = {Reason.REPEATED: "It fires already and is counted in"}


def _state(ctx: Context, incident: Incident) -> str:
    who = (incident.acknowledged_by or "").partition(":")
    if incident.status != "detected" and who[0] == "user":
        return f"{incident.status}, answered by {label(ctx.directory, who[2])}"
    return "which nobody has answered yet" if incident.status == "detected" else incident.status


async def check(ctx: Context, days: int = DAYS) -> dict[str, Any]:
    """`manage.readiness.examine` with all that this server knows, and `reports`: what each team was last told, `{team, at, findings}`
    (team None: the administrators). Changes nothing. Raises Invalid."""
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        facts = await facts_of(ctx, tx, ctx.directory, now)
        told = await readiness.last_told(tx)
    found = await asyncio.to_thread(examine, ctx.directory, now, days, facts)
    reports = [{"team": team or None, "at": time_text(at), "findings": count} for team, at, count in told]
    return {**found, "reports": reports}
