"""The status of an incident changed: those who were told of it are to hear, so drafts are composed at once; what was promised is over
with its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.core.incident import Status
from tocsin.store import updates
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident

NEWS = ("identified", "monitoring", "resolved")
"""Whoever was told of it wants to hear that it came this far."""


async def follow(tx: Tx, moves: Sequence[tuple[Incident, Status, Status]], now: datetime) -> None:
    """Only those incidents of which an audience was promised to hear more: for all others nothing is asked of the database."""
    told = [(incident, new) for incident, _, new in moves if incident.promised and not incident.drill]
    news = [incident.id for incident, new in told if new in NEWS]
    if news:
        await updates.ask_for_drafts(tx, news, now)
    over = [incident for incident, _ in told if not incident.open]
    if over:
        await updates.forget_promises(tx, [incident.id for incident in over])
        for incident in over:
            incident.promised, incident.next_update_at = {}, None
