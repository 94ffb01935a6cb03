"""A drill: a marked incident that pages for real, and ends by itself when somebody answers or its time is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.incident import public_id
from tocsin.core.matrix import urgency
from tocsin.core.severity import Severity
from tocsin.flow.closing import finish
from tocsin.flow.context import Context
from tocsin.flow.declaring import declare
from tocsin.flow.pager import ACTOR
from tocsin.store import drills, incidents, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import notify

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=4)
USUAL = timedelta(minutes=15)
LOOK = timedelta(seconds=5)
"""How often a running drill is looked at: after an answer it ends within this time."""

DESCRIPTION = (
    "This is a drill. Nothing is broken: acknowledge, to show that the page reached you. "
    "It ends by itself, and counts in no statistic."
)
_ENDED = {"answered": "Drill over: somebody answered", "time_over": "Drill over: its time passed and nobody answered"}


async def start(ctx: Context, actor: str, service: str, severity: Severity, lasts: timedelta = USUAL) -> int:
    """Page whoever an incident of `service` would page, as a drill. Returns the incident's number.

    Raises NotFound; Invalid for a length out of range or a severity that pages nobody; Conflict while one is running.
    """
    owner = ctx.directory.services.get(service)
    if owner is None:
        raise NotFound(f"There is no service {service!r}")
    if not SHORTEST <= lasts <= LONGEST:
        raise Invalid("A drill lasts between a minute and four hours", "/for")
    now = ctx.clock.now()
    if urgency(ctx.directory, service, severity, now) == "none":
        raise Invalid(f"{severity.name} pages nobody, so there is nothing to practise: choose a worse one", "/severity")
    if ctx.directory.policy_of(service) is None:
        raise Invalid(f"{owner.label} has no escalation policy, so it would page nobody", "/service")

    async def mark(tx: Tx, number: int) -> None:
        if not await drills.add(tx, number, service, severity.value, actor, now, now + lasts):
            raise Conflict(f"A drill of {owner.label} is still running: stop it, or wait for its end.")
        await timers.set_timer(tx, drills.TIMER, number, number, now + LOOK)

    title = f"Drill: can {owner.label} reach somebody?"
    return await declare(ctx, actor, title, DESCRIPTION, severity, [service], also=mark, drill=True)


async def look(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Running drills are looked at: those that were answered, ended by a person or out of time are over."""
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [timer.subject for timer in due])
        now = ctx.clock.now()
        ours = await timers.finish(tx, ctx.node, due)
        ends = await drills.until(tx, list(locked))
        for timer in due:
            incident = locked.get(timer.subject)
            if timer.id not in ours or incident is None or incident.id not in ends:
                continue
            because = _over(incident) or ("time_over" if now >= ends[incident.id] else None)
            if because is None:
                await timers.set_timer(tx, drills.TIMER, incident.id, incident.id, min(now + LOOK, ends[incident.id]))
                continue
            if incident.open:
                await finish(ctx, tx, incident, ACTOR, now, _ENDED[because], "observed")
            await drills.end(tx, incident.id, because, now)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return []


def _over(incident: Incident) -> str | None:
    """Why a drill is over before its time."""
    if incident.answered and incident.acknowledged_at is not None:
        return "answered"
    return None if incident.open else "stopped"


async def stop(ctx: Context, number: int, actor: str) -> bool:
    """End a running drill now. False when it is over already. Raises NotFound."""
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [number])
        if number not in locked or await drills.get(tx, number) is None:
            raise NotFound(f"There is no drill {public_id(number)}")
        now, incident = ctx.clock.now(), locked[number]
        stopped = await drills.end(tx, number, "stopped", now)
        if stopped:
            await timers.cancel(tx, drills.TIMER, number)
            if incident.open:
                whose = actor.partition(":")[2] or actor  # who stops it has not answered it
                await finish(ctx, tx, incident, ACTOR, now, f"Drill stopped by {whose}", "observed")
            await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return stopped
