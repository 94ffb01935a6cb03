"""The stability watch: a restored incident is looked at for a while, by its alerts and by the probes of its services."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.core.escalation import PageReason
from tocsin.core.lifecycle import WATCH
from tocsin.core.severity import Severity
from tocsin.flow.beside import beside
from tocsin.flow.context import Context
from tocsin.flow.probing import Measured, measure, probes_of
from tocsin.flow.restart import restart
from tocsin.store import incidents, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import notify

TIMER = "probe"
"""Kind of the timer that samples the probes of a watched incident."""
EVERY = timedelta(minutes=1)
LEASE = timedelta(minutes=2)
"""How long samples that were begun belong to this node."""


async def begin(ctx: Context, tx: Tx, incident: Incident, now: datetime) -> None:
    """A locked incident is restored: watch it from now on."""
    await timers.set_timer(tx, "watch", incident.id, incident.id, now + WATCH)
    if probes_of(ctx.directory, incident.affected_services):
        await timers.set_timer(tx, TIMER, incident.id, incident.id, now + EVERY)


async def end(tx: Tx, incident: Incident) -> None:
    """It is not watched any more."""
    await timers.cancel(tx, "watch", incident.id)
    await timers.cancel(tx, TIMER, incident.id)


async def sample(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Probes of watched incidents are due: sampled beside the timers, because that takes a while, and not of all of them at once."""
    await beside(ctx, due, _sample, ctx.samplers, LEASE)
    return []


async def _sample(ctx: Context, timer: Timer) -> None:
    async with ctx.db.reading() as tx:
        services = (await incidents.services_of(tx, [timer.subject])).get(timer.subject, [])
    measured = await measure(ctx, probes_of(ctx.directory, services), want=False)
    ctx.hand_over(await _judge(ctx, timer, [one for one in measured if one.bad]))
    ctx.wake.set("timeline")


async def _judge(ctx: Context, timer: Timer, bad: Sequence[Measured]) -> list[Held]:
    """It works: look again in a minute. It does not: the incident goes on where it was, and pages."""
    async with ctx.db.transaction() as tx:
        incident = (await incidents.lock(tx, [timer.subject])).get(timer.subject)
        now = ctx.clock.now()
        if not await timers.finish(tx, ctx.node, [timer]) or incident is None or incident.status != "monitoring":
            return []
        if not bad:
            if probes_of(ctx.directory, incident.affected_services):
                await timers.set_timer(tx, TIMER, incident.id, incident.id, now + EVERY)
            return []
        said = "; ".join(one.sentence(ctx.directory) for one in bad)
        held = await restart(
            ctx, tx, incident, now, PageReason.RELAPSE, Severity(incident.severity),
            because_of=(f"A probe failed during the stability watch: {said}", [one.view() for one in bad]),
        )  # fmt: skip
        await notify(tx, "timeline", "timers")
    return held
