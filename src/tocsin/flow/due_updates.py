"""The status of an incident changed: those who were told of it are to hear, so drafts are composed at once; what was promised is over
with its end, and so are drafts for audiences that never heard of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.core.incident import OPEN, Status
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.store import updates
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident

NEWS = ("identified", "monitoring", "resolved")
"""Whoever was told of it wants to hear that it came this far."""


async def follow(ctx: Context, tx: Tx, moves: Sequence[tuple[Incident, Status, Status]], now: datetime) -> None:
    """Only those incidents of which an audience was promised to hear more, or that came back after their end: for all others nothing
    is asked of the database. Where there is a status page, drafts for it may wait of any."""
    real = [(incident, old, new) for incident, old, new in moves if not incident.drill]
    news = [incident.id for incident, old, new in real if _is_news(incident, old, new)]
    if news:
        await updates.ask_for_drafts(tx, news, now)
    told = [(incident, new) for incident, _, new in real if incident.promised]
    paged = ctx.directory.status_page is not None
    ended = [incident.id for incident, _, _ in real if not incident.open and (incident.promised or paged)]
    if ended:
        await updates.withdraw_unheard(tx, ended, ACTOR)
    over = [incident for incident, _ in told if not incident.open]
    if over:
        await updates.forget_promises(tx, [incident.id for incident in over])
        for incident in over:
            incident.promised, incident.next_update_at = {}, None


def _is_news(incident: Incident, old: Status, new: Status) -> bool:
    """It came this far, or it came back: also those who were told that it is over want to hear that."""
    if new in NEWS:
        return bool(incident.promised)
    return new in OPEN and (old not in OPEN or (old == "monitoring" and bool(incident.promised)))
