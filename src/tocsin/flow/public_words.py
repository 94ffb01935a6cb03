"""The public was told something of an incident: its subscribers are written to, and the silence alarm looks again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.core.public_word import RESOLVED, PublicStatus, Said, Told, public_status
from tocsin.core.status_page import STATE_WORDS, ComponentState, StatusPage
from tocsin.core.status_view import coder
from tocsin.flow.context import Context
from tocsin.flow.silence_alarm import hush
from tocsin.store import status, subscribers, timers
from tocsin.store.notifications import Held
from tocsin.store.status import Parted
from tocsin.store.subscribers import NewMailing
from tocsin.store.timers import Timer

PATIENCE = timedelta(hours=4)
"""How long news of an incident is tried: later nobody wants it."""
STATUS_WORDS: dict[PublicStatus, str] = {
    "investigating": "Investigating",
    "identified": "Identified",
    "monitoring": "Monitoring",
    "resolved": "Resolved",
}


async def word_given(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """These public updates were published: a letter to every subscriber whom they concern, and no alarm where a word was missing."""
    async with ctx.db.transaction() as tx:
        ours = await timers.finish(tx, ctx.node, batch)
        now, page = ctx.clock.now(), ctx.directory.status_page
        mine = [timer for timer in batch if timer.id in ours]
        numbers = sorted({timer.incident_id for timer in mine if timer.incident_id is not None})
        words = {said.id: (one, said) for one in await status.told_of(tx, numbers) for said in one.said}
        for timer in mine:
            incident, said = words.get(timer.subject, (None, None))
            if page is not None and incident is not None and said is not None and now - said.at < PATIENCE:
                await subscribers.tell(tx, _news(ctx, page, incident, said, now))
        await hush(ctx, tx, numbers, now)
    ctx.wake.set("timers", "timeline")
    return []


async def ended(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """These incidents ended a minute ago. Whoever was not told so by a public update is told now; of those that went into another one,
    where to look from now on."""
    async with ctx.db.transaction() as tx:
        ours = await timers.finish(tx, ctx.node, batch)
        now, page = ctx.clock.now(), ctx.directory.status_page
        numbers = [timer.subject for timer in batch if timer.id in ours]
        parted = await status.merged(tx, numbers)
        gone = {one.number for one in parted}
        known = {one.number: one for one in await status.told_of(tx, numbers)}
        for incident in (known[number] for number in numbers if number in known and number not in gone):
            last = incident.said[-1]
            over = incident.ended_at
            if page is None or over is None or now - over >= PATIENCE or public_status(last.status) == "resolved":
                continue
            end = Said(id=0, at=over, status="resolved", message=RESOLVED)
            await subscribers.tell(tx, _news(ctx, page, incident, end, now))
        for one in parted:
            if page is not None and now - one.at < PATIENCE:
                await subscribers.tell(tx, _joined(ctx, page, one, known.get(one.into), now))
    ctx.wake.set("timers")
    return []


def _joined(ctx: Context, page: StatusPage, one: Parted, into: Told | None, now: datetime) -> NewMailing:
    """What its subscribers read of an incident that went into another one; `into` is None when the public may not know of that."""
    code = coder(ctx.secret)
    if into is None:
        text, path = "We do not tell more of this incident here.", "/status"
    else:
        name = "" if into.title == one.title else f": {into.title}"
        text = f"This is part of a larger incident now{name}. What happens next is told there, and by e-mail as before."
        path = f"/status/incidents/{code(f'incident:{into.number}')}"
    return NewMailing(
        key=f"merged:{one.number}", kind="incident", heading=f"[{page.label}] {one.title}", text=f"Joined - {one.title}\n\n{text}",
        path=path, thread=code(f"incident:{one.number}"), components=one.components, created_at=now, deadline_at=now + PATIENCE,
    )  # fmt: skip


def _news(ctx: Context, page: StatusPage, incident: Told, said: Said, now: datetime) -> NewMailing:
    """What subscribers read. It concerns whoever follows a component of which this incident ever spoke."""
    status_now = STATUS_WORDS[public_status(said.status)]
    parts = [f"{status_now} - {incident.title}", said.message.strip()]
    if said.components:
        parts.append(f"Components: {components_told(page, said.components)}")
    code = coder(ctx.secret)(f"incident:{incident.number}")
    end = f"end:{incident.number}:{said.at.isoformat()}"
    return NewMailing(
        key=f"update:{said.id}" if said.id else end, kind="incident", heading=f"[{page.label}] {incident.title}",
        text="\n\n".join(parts), path=f"/status/incidents/{code}", thread=code, components=incident.named, created_at=now,
        deadline_at=now + PATIENCE,
    )  # fmt: skip


def components_told(page: StatusPage, states: dict[str, ComponentState]) -> str:
    """`Card payments: major outage, Shop: operational`."""
    known = [(page.component(name), state) for name, state in states.items()]
    return ", ".join(f"{one.label}: {STATE_WORDS[state].lower()}" for one, state in known if one is not None)
