"""An incident: its names, its lifecycle as one table, and what each move sets."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from tocsin.core.errors import Conflict, NotFound

Status = Literal["detected", "acknowledged", "investigating", "identified", "monitoring", "resolved", "closed"]
STATUSES: tuple[Status, ...] = (
    "detected", "acknowledged", "investigating", "identified", "monitoring", "resolved", "closed",
)  # fmt: skip
OPEN: tuple[Status, ...] = STATUSES[:5]

MOVES: dict[Status, tuple[Status, ...]] = {
    "detected": ("acknowledged", "investigating", "identified", "monitoring", "resolved"),
    "acknowledged": ("investigating", "identified", "monitoring", "resolved"),
    "investigating": ("identified", "monitoring", "resolved"),
    "identified": ("investigating", "monitoring", "resolved"),
    "monitoring": ("investigating", "identified", "resolved"),
    "resolved": ("investigating", "closed"),
    "closed": ("investigating",),
}
"""The lifecycle: from each status, where it may go. Forward moves may skip; a step back and a reopening lead to `investigating`."""


def check_move(old: Status, new: Status) -> None:
    """Raise Conflict when the lifecycle has no such move."""
    if new not in MOVES[old]:
        allowed = ", ".join(MOVES[old])
        raise Conflict(f"An incident that is {old} cannot become {new}; from here it may become {allowed}.")


def mttr_minutes(created_at: datetime, resolved_at: datetime | None) -> float | None:
    """Minutes from creation to resolution, to two decimals; None while there is no end."""
    return None if resolved_at is None else round((resolved_at - created_at).total_seconds() / 60, 2)


# The public id is a permutation of the number (a four-round Feistel network over 32 bits), so it looks random, is unique by
# construction and needs no column and no index.
_ROUNDS = (0x9E37, 0x85EB, 0xC2B2, 0x27D4)


def _mix(half: int, key: int) -> int:
    value = (half * 0x6A09 + key) & 0xFFFFFFFF
    value ^= value >> 15
    value = value * 0x2C1B3C6D & 0xFFFFFFFF
    return (value ^ value >> 12) & 0xFFFF


def public_id(number: int) -> str:
    """`INC-1A2B3C4D` for an incident's number (1 .. 2**32-1)."""
    left, right = number >> 16 & 0xFFFF, number & 0xFFFF
    for key in _ROUNDS:
        left, right = right, left ^ _mix(right, key)
    return f"INC-{left << 16 | right:08X}"


def _number_of(public: int) -> int:
    left, right = public >> 16, public & 0xFFFF
    for key in reversed(_ROUNDS):
        left, right = right ^ _mix(left, key), left
    return left << 16 | right


def display_name(number: int, created_at: datetime) -> str:
    """`INC-2026-041`."""
    return f"INC-{created_at.year}-{number:03d}"


def parse_id(text: str) -> int:
    """The number for any of its names: `INC-1A2B3C4D`, `41`, `INC-2026-041`. Raises NotFound for anything else.

    A name of eight hexadecimal digits is always the public id.
    """
    name = text.strip()
    if name.isascii() and name.isdigit() and len(name) <= 10:
        return int(name)
    if match := re.fullmatch(r"(?i:INC-)?([0-9A-Fa-f]{8})", name):
        return _number_of(int(match[1], 16))
    if match := re.fullmatch(r"(?i:INC)-\d{4}-(\d{1,10})", name):
        return int(match[1])
    raise NotFound(f"{text!r} is not an incident: write INC-1A2B3C4D, its number, or its name like INC-2026-041")
