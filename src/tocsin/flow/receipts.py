"""What became of sends, recorded in batches: receipts, retries, and pages that turn out to reach nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin import metrics
from tocsin.core.escalation import LATE_PATIENCE
from tocsin.core.timeline import Entry, Kind
from tocsin.flow.context import Context
from tocsin.flow.escalate import come_forward
from tocsin.flow.pager import ACTOR
from tocsin.store import incidents, messages, notifications
from tocsin.store.database import Tx
from tocsin.store.notifications import Held, Letter
from tocsin.store.writing import Writing, write_story


class Delivery(msgspec.Struct, gc=False):
    """One attempt: delivered when `error` is empty; tried again at `again`; given up when that is None.

    `letter` is None when there was nothing to send it by.
    """

    id: int
    channel: str
    letter: Letter | None = None
    receipt: str = ""
    error: str = ""
    again: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def outcome(self) -> str:
        return "delivered" if not self.error else "retried" if self.again else "failed"


async def record(ctx: Context, done: Sequence[Delivery]) -> list[Held]:
    """Write the outcomes, tell the incidents, and let climbs come forward whose latest rung reached nobody. One transaction."""
    good = [d for d in done if d.outcome == "delivered"]
    later = [d for d in done if d.outcome == "retried"]
    bad = [d for d in done if d.outcome == "failed"]
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        of = {d.id: (d.letter.incident_id, d.letter.user_id, d.letter.method) for d in done if d.letter}
        if len(of) < len(done):
            of |= await notifications.owners(tx, [d.id for d in done if d.letter is None])
        ends = await incidents.lock_stories(tx, [incident for incident, _, _ in of.values()])
        now = ctx.clock.now()  # after the lock, so that the story is in order of time
        story: list[tuple[int, Entry]] = []
        if good:
            rows = [(d.id, d.receipt, d.started_at or now, d.ended_at or now) for d in good]
            recorded = await notifications.delivered(tx, ctx.node, rows)
            story += [_told(ctx, of, d, "notified", d.receipt, now) for d in good if d.id in recorded]
        if later:
            await notifications.retry(tx, ctx.node, [(d.id, d.error, d.again or now) for d in later])
            first = [d for d in later if d.letter and d.letter.attempts == 0]
            if late := [d.letter.page_id for d in first if d.letter and d.again and d.again >= d.letter.deadline_at]:
                await notifications.prolong(tx, late, now + LATE_PATIENCE)
            story += [_told(ctx, of, d, "notification_failed", f"{d.error}; trying again", now) for d in first]
        lost: list[int] = []
        if bad:
            lost = await notifications.failed(tx, ctx.node, [(d.id, d.error) for d in bad], now)
            if silent := {d.letter.message for d in bad if d.letter and d.letter.message}:
                await messages.forget(tx, silent)
            story += [_told(ctx, of, d, "notification_failed", d.error, now) for d in bad if d.id in of]
            story += await unreachable(ctx, tx, lost, now)
        writing = Writing()
        for number, entry in story:
            ends[number] = writing.tell(number, ends[number], [entry])
        await write_story(tx, writing)
        if lost:
            held = await next_rung(ctx, tx, lost, now)
        if story:
            ctx.announce("timeline")
    for delivery in done:
        metrics.DELIVERIES.labels(delivery.channel, delivery.outcome).inc()
    return held


def _told(
    ctx: Context, of: dict[int, tuple[int, str, str]], delivery: Delivery, kind: Kind, details: str, now: datetime
) -> tuple[int, Entry]:
    number, user, method = of[delivery.id]
    person = ctx.directory.users.get(user)
    text = f"{person.label if person else user} by {delivery.channel} ({method}): {details}"
    data = {"notification": delivery.id, "user": user, "method": method, "channel": delivery.channel}
    if delivery.letter is not None:
        data |= {"page": delivery.letter.page_id, "attempt": delivery.letter.attempts + 1}
    if delivery.ended_at is not None:
        data["ended_at"] = delivery.ended_at.isoformat()
    return number, Entry(at=now, kind=kind, actor=ACTOR, details=text, data=data)


async def unreachable(ctx: Context, tx: Tx, pages: Sequence[int], now: datetime) -> list[tuple[int, Entry]]:
    told = []
    for page, (number, user) in (await notifications.page_people(tx, pages)).items():
        person = ctx.directory.users.get(user)
        text = f"{person.label if person else user} could not be reached by any contact method"
        data = {"page": page, "user": user}
        told.append((number, Entry(at=now, kind="page_undelivered", actor=ACTOR, details=text, data=data)))
    return told


async def next_rung(ctx: Context, tx: Tx, lost: Sequence[int], now: datetime) -> list[Held]:
    """Known undelivered: show it on the incident, and let the next rung fire where the latest one reached nobody."""
    people = await notifications.page_people(tx, lost)
    locked = await incidents.lock(tx, [incident for incident, _ in people.values()])
    for incident in locked.values():
        if incident.open and not incident.answered and incident.alarm is None:
            await incidents.update(tx, incident, alarm="undelivered")
    climbs = await notifications.climbs_without_answer(tx, lost)
    return await come_forward(ctx, tx, climbs, locked, now) if climbs else []
