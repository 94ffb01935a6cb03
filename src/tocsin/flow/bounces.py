"""A provider took a message or a call, and says later what became of it. One that did not arrive brings the next rule at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin import metrics
from tocsin.core.timeline import Entry
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.flow.receipts import next_rung, unreachable
from tocsin.plugins.channels.base import Word
from tocsin.store import incidents, reports, timers
from tocsin.store.database import Tx
from tocsin.store.notifications import Held
from tocsin.store.reports import Carried, Report
from tocsin.store.timers import Timer
from tocsin.store.writing import Writing, notify, write_story

TIMER = "bounce"
AGAIN = timedelta(seconds=1)
PATIENCE = timedelta(minutes=5)
"""How long the record of the acceptance itself may lag behind the report about it."""


async def report(ctx: Context, word: Word) -> bool:
    """Keep what a provider says of what it accepted; what has consequences has them at once. False when it was known already."""
    async with ctx.db.transaction() as tx:
        now = ctx.clock.now()
        number = await reports.report(tx, word.receipt, word.status, word.rank, word.outcome, word.text, now)
        if number is None:
            return False
        if word.outcome:
            await timers.set_timer(tx, TIMER, number, None, now)
            await notify(tx, "timers")
    ctx.wake.set("timers", "timeline")
    return True


async def settle(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """Reports that change something. Those whose message is not recorded yet are looked at again in a moment."""
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        found = {one.id: one for one in await reports.reports(tx, [timer.subject for timer in batch])}
        carried = await reports.carried(tx, [one.receipt for one in found.values()])
        ours = await timers.finish(tx, ctx.node, batch)
        for timer in batch:
            said = found.get(timer.subject)
            if said is None or timer.id not in ours:
                continue
            notifications = carried.get(said.receipt, [])
            now = ctx.clock.now()
            if not notifications:
                if now - said.at < PATIENCE:
                    await timers.set_timer(tx, TIMER, said.id, None, now + AGAIN)
            elif said.outcome == "failed":
                held += await _bounce(ctx, tx, said, notifications, now)
            else:
                await reports.arrived(tx, [one.id for one in notifications], said.at)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return held


async def _bounce(ctx: Context, tx: Tx, said: Report, carried: Sequence[Carried], now: datetime) -> list[Held]:
    ends = await incidents.lock_stories(tx, [one.incident_id for one in carried])
    changed, lost = await reports.bounced(tx, [one.id for one in carried], said.text, now)
    story = [(one.incident_id, _told(ctx, one, said.text, now)) for one in carried if one.id in changed]
    story += await unreachable(ctx, tx, lost, now)
    writing = Writing()
    for number, entry in story:
        ends[number] = writing.tell(number, ends[number], [entry])
    await write_story(tx, writing)
    for one in carried:
        if one.id in changed:
            metrics.DELIVERIES.labels(one.channel, "bounced").inc()
    return await next_rung(ctx, tx, lost, now) if lost else []


def _told(ctx: Context, one: Carried, error: str, now: datetime) -> Entry:
    person = ctx.directory.users.get(one.user_id)
    text = f"{person.label if person else one.user_id} by {one.channel} ({one.method}): {error}"
    data = {
        "notification": one.id, "user": one.user_id, "method": one.method, "channel": one.channel, "page": one.page_id,
    }  # fmt: skip
    return Entry(at=now, kind="notification_failed", actor=ACTOR, details=text, data=data)
