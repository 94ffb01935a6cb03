"""What the other timers do when they are due: alerts end, alerts are counted, a watch is over, a silence ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tocsin.core.alert import Reason, group_key
from tocsin.core.configuration import Integration, Service
from tocsin.core.directory import Directory, IntegrationRef
from tocsin.core.event import Event
from tocsin.core.timeline import Entry
from tocsin.flow.context import Context
from tocsin.flow.escalate import ACTOR
from tocsin.flow.opening import Again, Newcomer, Opening
from tocsin.flow.respond import WATCH, finish
from tocsin.flow.settling import alerts_ended
from tocsin.store import incidents, intake, mutes, timers
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import Writing, notify, write_story

LATE = timedelta(minutes=1)
"""An end that comes later than this finds us back from downtime, in which nobody could send anything again."""
GRACE = timedelta(minutes=5)
"""How long after downtime sources have to send their alerts again."""
UNMUTED_AT_ONCE = 500
"""Alerts let go in one transaction when their silence ends."""


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
        ended = await intake.expire_alerts(tx, [alert for alert in subjects if alert not in late], now)
        await alerts_ended(tx, ended, now, "ended: not sent again in time")
        for alert, at in (await intake.open_ends(tx, subjects)).items():
            await timers.set_timer(tx, "expire", alert, None, max(at, now + GRACE) if alert in late else at)
    ctx.wake.set("timeline")
    return []


async def tally(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Count the alerts of incidents that alerts joined, and tell it once for all of them."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [t.subject for t in due])
        ours = await timers.finish(tx, ctx.node, due)
        mine = [locked[t.subject] for t in due if t.id in ours and t.subject in locked]
        counts = await intake.count_alerts(tx, [incident.id for incident in mine])
        writing = Writing()
        for incident in mine:
            total = counts.get(incident.id, 0)
            joined = total - incident.alerts_count
            await incidents.update(tx, incident, alerts_count=total)
            if joined > 0:
                text = f"{joined} alert{'s' if joined > 1 else ''} joined; {total} in all"
                data = {"joined": joined, "total": total}
                writing.tell(
                    incident.id, incident.link,
                    [Entry(at=now, kind="alerts_joined", actor=ACTOR, details=text, data=data)],
                )  # fmt: skip
        await write_story(tx, writing)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return []


async def watch(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """The stability watch is over: what stayed restored is resolved. While an alert still fires the watch goes on: a resolved
    incident would keep it from ever paging again.
    """
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [t.subject for t in due])
        ours = await timers.finish(tx, ctx.node, due)
        firing = await intake.firing(tx, list(locked))
        for timer in due:
            incident = locked.get(timer.subject)
            if timer.id not in ours or incident is None or incident.status != "monitoring":
                continue
            if firing.get(incident.id):
                await timers.set_timer(tx, "watch", incident.id, incident.id, now + WATCH)
            else:
                await finish(tx, incident, ACTOR, now, "Stable through its watch", "observed")
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return []


async def unmute(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """A silence ended: alerts it held back that still fire open or join incidents now, unless another silence mutes them."""
    held: list[Held] = []
    for timer in due:
        try:
            held += await _unmute(ctx, timer)
        except Again:  # an event opened an incident for the same group meanwhile: it is found now
            held += await _unmute(ctx, timer)
    ctx.wake.set("timeline", "timers")
    return held


async def _unmute(ctx: Context, timer: Timer) -> list[Held]:
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        ends_at = await mutes.end_of(tx, timer.subject)
        if not await timers.finish(tx, ctx.node, [timer]) or ends_at is None:
            return []
        if ends_at > now:  # our clock followed the database's a little backwards
            await timers.set_timer(tx, "unmute", timer.subject, None, ends_at)
            return []
        active = await mutes.active(tx, now)
        rows = await intake.muted_by(tx, timer.subject, UNMUTED_AT_ONCE)
        newcomers = []
        for row in rows:
            new = _let_go(ctx.directory, row)
            if new.group is not None and new.since is None:
                window = new.ref.service.grouping.window if new.ref.service.grouping else 0
                new.since = now - timedelta(seconds=window)
                room = await intake.room_of(tx, *new.group, new.since)
                new.room = room[:2] if room else None
                new.watched = room[0] if room and room[2] else None
            newcomers.append(new)
        opening = Opening(ctx, now, newcomers, active)
        await opening.write(tx)
        await intake.place(tx, [(n.alert or 0, n.incident, n.mute) for n in newcomers])
        if len(rows) == UNMUTED_AT_ONCE:
            await timers.set_timer(tx, "unmute", timer.subject, None, now)
    return opening.held


def _let_go(directory: Directory, row: intake.Muted) -> Newcomer:
    service = directory.services.get(row.service) or Service(id=row.service)
    integration = next((i for i in service.integrations if i.id == row.integration), None)
    ref = IntegrationRef(service, integration or Integration(id=row.integration, type="", key=""))
    event = Event(
        action="trigger", dedup_key=row.dedup_key, title=row.title, source=row.source, labels=row.labels,
        annotations=row.body.get("annotations", {}),
    )  # fmt: skip
    key = group_key(service.grouping, event)
    group = None if key is None else (service.id, key)
    new = Newcomer(ref, event, row.severity, 1, None, group=group, reason=Reason.UNMUTED)
    new.known, new.alert = True, row.id
    return new
