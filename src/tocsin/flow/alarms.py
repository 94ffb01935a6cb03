"""What the other timers do when they are due: alerts end, alerts are counted, a watch is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tocsin.core.lifecycle import WATCH
from tocsin.flow.acts import tell
from tocsin.flow.beside import beside
from tocsin.flow.closing import finish
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.flow.settling import alerts_ended
from tocsin.store import endings, incidents, timers
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import notify

LATE = timedelta(minutes=1)
"""An end that comes later than this finds us back from downtime, in which nobody could send anything again."""
GRACE = timedelta(minutes=5)
"""How long after downtime sources have to send their alerts again."""


async def expire(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Alerts that were not sent again in time end; those that were get a new timer.

    After downtime nobody is told that an alert ended, only because its source had nobody to send it to.
    """
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        ours = await timers.finish(tx, ctx.node, due)
        mine = [t for t in due if t.id in ours]
        late = {t.subject for t in mine if now - t.set_for > LATE}
        subjects = [t.subject for t in mine]
        ended = await endings.expire_alerts(tx, [alert for alert in subjects if alert not in late], now)
        for quiet, how in (
            (False, "ended: not sent again in time"),
            (True, "ended: no event for the quiet time of its service"),
        ):
            await alerts_ended(ctx, tx, [alert[:3] for alert in ended if alert[3] is quiet], now, how)
        for alert, at in (await endings.open_ends(tx, subjects)).items():
            await timers.set_timer(tx, "expire", alert, None, max(at, now + GRACE) if alert in late else at)
    ctx.wake.set("timeline")
    return []


async def tally(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """The alerts of incidents that alerts joined are to be counted: all that joined before this stand in the database now.

    Whoever joins afterwards sets the timer anew. The counting itself holds nothing up: of a long storm it takes a while.
    """
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [t.subject for t in due])  # waits for those that are just joining
        ours = await timers.finish(tx, ctx.node, due)
        await timers.set_timers(
            tx, "count", [t.subject for t in due if t.id in ours and t.subject in locked], ctx.clock.now()
        )
    ctx.wake.set("timers")
    return []


async def count(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Count the alerts of incidents, beside the timers, and tell once what joined."""
    await beside(ctx, due, _counted, lease=timedelta(seconds=ctx.lease))
    return []


async def _counted(ctx: Context, timer: Timer) -> None:
    # Nothing is locked meanwhile: more alerts join, and will be counted by the next tally.
    async with ctx.db.reading() as tx:
        total = (await endings.count_alerts(tx, [timer.subject])).get(timer.subject, 0)
    async with ctx.db.transaction() as tx:
        incident = (await incidents.lock(tx, [timer.subject])).get(timer.subject)
        if not await timers.finish(tx, ctx.node, [timer]) or incident is None:
            return
        joined = total - incident.alerts_count
        await incidents.update(tx, incident, alerts_count=total)
        if joined > 0:
            text = f"{joined} alert{'s' if joined > 1 else ''} joined; {total} in all"
            await tell(tx, incident, ctx.clock.now(), "alerts_joined", ACTOR, text, joined=joined, total=total)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")


async def watch(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Stability watches are over: each ends beside the timers, because a storm that recovered is a storm of them."""
    await beside(ctx, due, _watched)
    return []


async def _watched(ctx: Context, timer: Timer) -> None:
    """What stayed restored is resolved. While an alert still fires the watch goes on: a resolved incident would keep it from ever
    paging again."""
    async with ctx.db.transaction() as tx:
        incident = (await incidents.lock(tx, [timer.subject])).get(timer.subject)
        now = ctx.clock.now()
        if not await timers.finish(tx, ctx.node, [timer]) or incident is None or incident.status != "monitoring":
            return
        if (await endings.firing(tx, [incident.id])).get(incident.id):
            await timers.set_timer(tx, "watch", incident.id, incident.id, now + WATCH)
        else:
            await finish(ctx, tx, incident, ACTOR, now, "Stable through its watch", "observed")
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
