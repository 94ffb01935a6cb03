"""Pages that are written together with their incident: what they say is known, and made ready while the database still works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

import structlog

from tocsin.core.severity import Urgency
from tocsin.core.tier import Tier
from tocsin.flow.context import Context
from tocsin.flow.message import compose
from tocsin.plugins.channels.base import Message
from tocsin.store.notifications import Held, Letter
from tocsin.store.writing import NewIncident, NewPage, Writing

log = structlog.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")

FEW = 16
"""Pages for whose sake everything else waits a moment. In a storm most wait for a place anyway, and what counts is how many go."""


async def meanwhile(work: Coroutine[Any, Any, T], prepare: Callable[[], R]) -> tuple[T, R]:
    """What `work` gives, and what `prepare` makes while it waits for its first answer. Raises what either raises."""
    task = asyncio.create_task(work)
    try:
        await asyncio.sleep(0)  # it runs until it has something to send,
        await asyncio.sleep(0)  # which goes out at the end of the loop's turn
        made = prepare()
        return await task, made
    finally:
        if not task.done():
            task.cancel()


def newborn(ctx: Context, writing: Writing, held: Sequence[Held]) -> list[Held]:
    """With what they say: nobody can have answered yet what was committed this moment together with its incident."""
    incident_of = {incident.id: incident for incident in writing.incidents}
    page_of = {page.id: page for page in writing.pages}
    written = {notification.id: notification for notification in writing.notifications}
    found = []
    for one in held:
        page = page_of[written[one.id].page_id]
        letter = _letter(one, page, incident_of[page.incident_id])
        message = _composed(ctx, letter) if len(held) <= FEW else None
        found.append(Held(one.id, one.user_id, one.method, one.channel, one.scheduled_at, letter, message))
    return found


def _letter(one: Held, page: NewPage, incident: NewIncident) -> Letter:
    return Letter(
        id=one.id, page_id=page.id, incident_id=incident.id, user_id=one.user_id, method=one.method, channel=one.channel,
        attempts=0, scheduled_at=one.scheduled_at, deadline_at=page.deadline_at, via=page.via, reason=page.reason,
        step=page.step, round=page.round, cycle=page.cycle, title=incident.title, description=incident.description,
        severity=incident.severity, status="detected", service=incident.service, created_at=incident.created_at,
        alerts_count=incident.alerts_count, tier=cast(Tier, page.tier), note=page.note,
        urgency=cast(Urgency, incident.urgency),
    )  # fmt: skip


def _composed(ctx: Context, letter: Letter) -> Message | None:
    try:
        return compose(ctx, [letter], ctx.clock.now())
    except Exception:  # it is composed again when it is sent, and fails there on its own: no event is lost by it
        log.exception("a message could not be composed ahead", notification=letter.id)
        return None
