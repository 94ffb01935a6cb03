"""Pings come in, and heartbeats that miss theirs raise an alert on their service, the way of every other alert.

A ping is committed with what follows from it: the timer that looks when the next one is missing. What there is to say is said by that
timer: the alert goes through triage like one that a source sent. It is recorded before it is said and after, so a crash may repeat it
(which counts as a repeat) and never loses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from tocsin import metrics
from tocsin.core.configuration import Integration, Service
from tocsin.core.directory import Directory, IntegrationRef
from tocsin.core.event import Action, Event
from tocsin.core.heartbeat import Facts, Look, Outage, Ping, after_ping, look, why_down
from tocsin.core.planned import Heartbeat
from tocsin.flow.batch import Item
from tocsin.flow.context import Context
from tocsin.flow.triage import triage
from tocsin.store import heartbeats, timers
from tocsin.store.database import POINTWISE, Tx, translated
from tocsin.store.heartbeats import BEAT, PULSE, Received, Row
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer

log = structlog.get_logger(__name__)

PULSE_EVERY = timedelta(minutes=1)
LATE = timedelta(seconds=45)
"""A pulse that comes later than this says that no node ran."""
REMEMBERED = timedelta(days=400)
"""How long outages are kept: longer than any period."""
INTEGRATION = "heartbeat"
"""The integration by which the alerts of heartbeats come."""


async def receive(ctx: Context, beat: Heartbeat, ping: Received) -> None:
    """Take a ping; durable when this returns. Raises Unavailable."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        row = await heartbeats.lock(tx, beat.id)
        said = Ping(at=ping.at, kind=ping.kind, exit_status=ping.exit_status, rid=ping.rid)
        if ping.kind in ("success", "fail") and row.facts.started_at is not None and row.facts.started_rid == ping.rid:
            ping.seconds = max(0.0, (ping.at - row.facts.started_at).total_seconds())
        row.facts = after_ping(row.facts, said)
        row.pings += 1
        await heartbeats.keep_ping(tx, row.n, ping)
        await heartbeats.write(tx, [row])
        await _set_timer(tx, beat, row, await heartbeats.outages(tx, now, PULSE_EVERY, LATE), now)
    metrics.PINGS.labels(ping.kind).inc()
    ctx.wake.set("timers")


async def pause(ctx: Context, beat: Heartbeat, paused: bool) -> bool:
    """Pause a heartbeat, or resume it: then it is as if it had pinged now. False when it already was so."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        row = await heartbeats.lock(tx, beat.id)
        if row.facts.paused == paused:
            return False
        row.facts = msgspec.structs.replace(row.facts, paused=True) if paused else _resumed(row.facts, now)
        await heartbeats.write(tx, [row])
        await _set_timer(tx, beat, row, await heartbeats.outages(tx, now, PULSE_EVERY, LATE), now)
    ctx.wake.set("timers")
    return True


def _resumed(facts: Facts, now: datetime) -> Facts:
    return Facts(last_at=None if facts.last_at is None else now)


async def _set_timer(tx: Tx, beat: Heartbeat, row: Row, outages: Sequence[Outage], now: datetime) -> None:
    """Look at once when there is something to say, else when it would go down."""
    seen = look(beat, row.facts, outages, now)
    at = now if _unsaid(beat, row, seen) else seen.down_at
    if at is None:
        await timers.cancel(tx, BEAT, row.n)
    else:
        await timers.set_timer(tx, BEAT, row.n, None, at)


def _unsaid(beat: Heartbeat | None, row: Row, seen: Look | None) -> bool:
    """Does the world not know yet how this heartbeat stands?"""
    if beat is not None and seen is not None and seen.state == "down":
        return not row.told or row.alarming != beat.service
    return row.alarming is not None


async def follow(tx: Tx, old: Directory, new: Directory, now: datetime) -> None:
    """The configuration changed: heartbeats that are new, changed or gone are looked at now."""
    for name in sorted(old.heartbeats.keys() | new.heartbeats.keys()):
        if old.heartbeats.get(name) != new.heartbeats.get(name):
            row = await heartbeats.lock(tx, name)
            await timers.set_timer(tx, BEAT, row.n, None, now)
    if new.heartbeats:
        await heartbeats.start_pulse(tx, now + PULSE_EVERY)


async def pulse(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """We live. When that could not be said in time, no ping could be received either: the outage is recorded."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        for timer in due:
            if timer.id not in await timers.finish(tx, ctx.node, [timer]):
                continue
            if now - timer.set_for > LATE:
                await heartbeats.keep_outage(tx, timer.set_for - PULSE_EVERY, now, now - REMEMBERED)
            if ctx.directory.heartbeats:
                await timers.set_timer(tx, PULSE, timer.subject, None, now + PULSE_EVERY)
    return []


class _Standing(NamedTuple):
    """How a heartbeat stands: `beat` None when it is configured no more, `seen` None with it."""

    beat: Heartbeat | None
    seen: Look | None

    @property
    def down(self) -> bool:
        return self.seen is not None and self.seen.state == "down"


async def due(ctx: Context, claimed: Sequence[Timer]) -> list[Held]:
    """Heartbeats would have gone down by now, or there is something to say of them. All together, because a host that dies takes many
    jobs with it, and nobody's page may wait behind them.
    """
    numbers = [timer.subject for timer in claimed]
    now = ctx.clock.now()
    events: list[tuple[str, Event]] = []
    async with ctx.db.transaction() as tx:
        rows = await heartbeats.locked(tx, numbers)
        outages = await heartbeats.outages(tx, now, PULSE_EVERY, LATE)
        standing = {row.n: _standing(ctx.directory, row, outages, now) for row in rows}
        for row in rows:
            beat, seen = standing[row.n]
            events += _events(ctx, beat, row, seen)
            if beat is not None and standing[row.n].down:
                row.alarming, row.told = beat.service, row.told and row.alarming == beat.service
        await heartbeats.write(tx, rows)
    if events:
        await _send(ctx, events, now)
    await _said(ctx, claimed, standing)
    ctx.wake.set("timers")
    return []


def _standing(directory: Directory, row: Row, outages: Sequence[Outage], now: datetime) -> _Standing:
    beat = directory.heartbeats.get(row.id)
    return _Standing(beat, look(beat, row.facts, outages, now) if beat is not None else None)


async def _said(ctx: Context, claimed: Sequence[Timer], standing: Mapping[int, _Standing]) -> None:
    """The world knows now: keep that, and set the next timers. The rows are locked before the timers, as a ping does it."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        rows = [row for row in await heartbeats.locked(tx, list(standing)) if row.n in standing]
        ours = await timers.finish(tx, ctx.node, claimed)
        pinged = {timer.subject for timer in claimed if timer.id not in ours}
        for row in rows:
            beat, down = standing[row.n].beat, standing[row.n].down
            row.told, row.alarming = down, beat.service if beat is not None and down else None
        await heartbeats.write(tx, rows)
        outages = await heartbeats.outages(tx, now, PULSE_EVERY, LATE)
        for row in rows:
            beat = standing[row.n].beat
            if beat is None:
                await heartbeats.remove(tx, row.n)
            elif row.n not in pinged:
                await _set_timer(tx, beat, row, outages, now)
            else:  # a ping came meanwhile and set the timer anew: it could not know what we were about to say
                await timers.set_timer(tx, BEAT, row.n, None, now)


def _events(ctx: Context, beat: Heartbeat | None, row: Row, seen: Look | None) -> list[tuple[str, Event]]:
    """(service, event) that tell the world how the heartbeat stands, where it does not know yet."""
    events: list[tuple[str, Event]] = []
    down = beat is not None and seen is not None and seen.state == "down"
    if row.alarming is not None and (not down or beat is None or row.alarming != beat.service):
        events.append((row.alarming, _event("resolve", row.id, beat, row.facts, seen, ctx)))
    if down and beat is not None and (not row.told or row.alarming != beat.service):
        events.append((beat.service, _event("trigger", row.id, beat, row.facts, seen, ctx)))
    return events


def _event(action: Action, id: str, beat: Heartbeat | None, facts: Facts, seen: Look | None, ctx: Context) -> Event:
    title = why_down(beat, facts, seen) if beat is not None and seen is not None else id
    details = {
        "last_ping": facts.last_at,
        "started": facts.started_at,
        "expected": seen.expected_at if seen is not None else None,
    }
    return Event(
        action=action, dedup_key=f"heartbeat:{id}", title=title, severity=beat.severity if beat is not None else None,
        source=id, labels={"heartbeat": id}, details={name: at for name, at in details.items() if at is not None},
        annotations={"description": beat.description} if beat is not None and beat.description else {},
        client="Heartbeat", client_url=f"{ctx.settings.external_url}/heartbeats/{id}",
    )  # fmt: skip


async def _send(ctx: Context, events: Sequence[tuple[str, Event]], now: datetime) -> None:
    """Through triage, like the events of any source. Raises Unavailable."""
    integration = Integration(id=INTEGRATION, type=INTEGRATION, key="")
    services = ctx.directory.services
    items = [
        Item(IntegrationRef(services.get(service) or Service(id=service), integration), event, now)
        for service, event in events
    ]
    with translated():
        connection = await ctx.db.connect(POINTWISE)
        try:
            await triage(ctx, connection, items, lambda: ctx.wake.set("configuration"), now)
        finally:
            await connection.close()
    for item in items:
        if item.outcome is not None:
            metrics.EVENTS.labels(INTEGRATION, item.outcome.reason.value).inc()
    ctx.wake.set("timeline")
