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
        known = {one.number: one for one in await status.told_of(tx, numbers)}
        for timer in mine:
            incident = known.get(timer.incident_id or 0)
            said = next((one for one in incident.said if one.id == timer.subject), None) if incident else None
            if page is not None and incident is not None and said is not None and now - said.at < PATIENCE:
                await subscribers.tell(tx, _news(ctx, page, incident, said, now))
        await hush(ctx, tx, numbers, now)
    ctx.wake.set("timers", "timeline")
    return []


async def ended(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """These incidents ended a minute ago. Whoever was not told so by a public update is told now."""
    async with ctx.db.transaction() as tx:
        ours = await timers.finish(tx, ctx.node, batch)
        now, page = ctx.clock.now(), ctx.directory.status_page
        numbers = [timer.subject for timer in batch if timer.id in ours]
        for incident in await status.told_of(tx, numbers):
            last = incident.said[-1]
            over = incident.ended_at
            if page is None or over is None or now - over >= PATIENCE or public_status(last.status) == "resolved":
                continue
            end = Said(id=0, at=over, status="resolved", message=RESOLVED)
            await subscribers.tell(tx, _news(ctx, page, incident, end, now))
    ctx.wake.set("timers")
    return []


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
