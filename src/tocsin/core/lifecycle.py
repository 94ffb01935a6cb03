"""The lifecycle of an incident as one table, and what a move means for its times."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.incident import STATUSES, Status

MOVES: dict[Status, tuple[Status, ...]] = {
    "detected": ("acknowledged", "investigating", "identified", "monitoring", "resolved"),
    "acknowledged": ("investigating", "identified", "monitoring", "resolved"),
    "investigating": ("identified", "monitoring", "resolved"),
    "identified": ("investigating", "monitoring", "resolved"),
    "monitoring": ("investigating", "identified", "resolved"),
    "resolved": ("investigating", "closed"),
    "closed": ("investigating",),
}
"""From each status, where it may go. Forward moves may skip; a step back and a reopening lead to `investigating`.

Merging is no move of its own: from wherever it is, the incident is closed, and says which one it went into.
"""

WATCH = timedelta(minutes=30)
"""How long a restored incident is watched before it counts as resolved."""

Way = Literal["forward", "back", "reopen", "close"]


def legal(old: Status, new: Status) -> bool:
    return new in MOVES[old]


def check_move(old: Status, new: Status) -> None:
    """Raise Conflict when the lifecycle has no such move."""
    if not legal(old, new):
        allowed = ", ".join(MOVES[old])
        raise Conflict(f"An incident that is {old} cannot become {new}; from here it may become {allowed}.")


def parse_status(text: str, pointer: str = "/status") -> Status:
    """The status that people mean. Raises Invalid."""
    name = text.strip().lower()
    found = next((status for status in STATUSES if status == _ALSO.get(name, name)), None)
    if found is None:
        raise Invalid(f"{text[:60]!r} is not a status: use {', '.join(STATUSES)}", pointer)
    return found


_ALSO = {"open": "detected", "mitigated": "monitoring"}
"""What other systems call them."""


def way(old: Status, new: Status) -> Way:
    """What kind of move it is."""
    if new == "closed":
        return "close"
    if old in ("resolved", "closed"):
        return "reopen"
    return "forward" if STATUSES.index(new) > STATUSES.index(old) else "back"


def mttr_minutes(created_at: datetime, resolved_at: datetime | None) -> float | None:
    """Minutes from creation to resolution, to two decimals; None while there is no end."""
    return None if resolved_at is None else round((resolved_at - created_at).total_seconds() / 60, 2)
