"""What happens whenever the status of an incident changes, by whatever path: one list.

Everything here runs in the transaction of the change, on locked incidents, after the change is written and told. Whatever has to
reach the outside sets a timer or writes a notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.core.incident import Status
from tocsin.core.severity import Severity
from tocsin.flow import due_updates, review
from tocsin.flow.context import Context
from tocsin.metrics import TIME_TO_RESTORE
from tocsin.store import rooms
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident


class Move(NamedTuple):
    """One incident changed its status; `incident` is as it is now."""

    incident: Incident
    old: Status
    new: Status


async def moved(ctx: Context, tx: Tx, incident: Incident, old: Status, new: Status, actor: str, now: datetime) -> None:
    """One incident changed its status."""
    if old != new:
        await all_moved(ctx, tx, [Move(incident, old, new)], actor, now)


async def all_moved(ctx: Context, tx: Tx, moves: Sequence[Move], actor: str, now: datetime) -> None:
    """Several incidents changed their status together: when everything recovers at once there are many, so what is done here is done
    for all of them by one statement, and nothing is asked of the database when there is nothing to do.
    """
    _measure(moves)
    await due_updates.follow(ctx, tx, moves, now)
    await review.follow(ctx, tx, moves, now)
    if ctx.directory.rooms and (back := [move.incident.id for move in moves if move.old == "closed"]):
        await rooms.reopen(tx, back)


def _measure(moves: Sequence[Move]) -> None:
    """How long it took until it worked again, once nobody doubts it."""
    for incident, _, new in moves:
        if new == "resolved" and incident.restored_at is not None and not incident.drill:
            seconds = (incident.restored_at - incident.detected_at).total_seconds()
            TIME_TO_RESTORE.labels(Severity(incident.severity).key).observe(max(0.0, seconds))
