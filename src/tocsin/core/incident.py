"""An incident: the words for its status, and its names. Its lifecycle is in core/lifecycle.py."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal

from tocsin.core.errors import NotFound

Status = Literal["detected", "acknowledged", "investigating", "identified", "monitoring", "resolved", "closed"]
STATUSES: tuple[Status, ...] = (
    "detected", "acknowledged", "investigating", "identified", "monitoring", "resolved", "closed",
)  # fmt: skip
OPEN: tuple[Status, ...] = STATUSES[:5]


# The public id is a permutation of the number (a four-round Feistel network over 32 bits), so it looks random, is unique by
# construction and needs no column and no index.
_ROUNDS = (0x9E37, 0x85EB, 0xC2B2, 0x27D4)


def _mix(half: int, key: int) -> int:
    value = (half * 0x6A09 + key) & 0xFFFFFFFF
    value ^= value >> 15
    value = value * 0x2C1B3C6D & 0xFFFFFFFF
    return (value ^ value >> 12) & 0xFFFF


@lru_cache(maxsize=4096)
def public_id(number: int) -> str:
    """`INC-1A2B3C4D` for an incident's number (1 .. 2**32-1)."""
    left, right = number >> 16 & 0xFFFF, number & 0xFFFF
    for key in _ROUNDS:
        left, right = right, left ^ _mix(right, key)
    return f"INC-{left << 16 | right:08X}"


def unknown(number: int) -> NotFound:
    """The one answer about an incident that is not there or that the asker may not see: the two must not be told apart."""
    named = f"{public_id(number)} (number {number})" if 0 < number < 2**32 else str(number)
    return NotFound(f"There is no incident {named}")


def _number_of(public: int) -> int:
    left, right = public >> 16, public & 0xFFFF
    for key in reversed(_ROUNDS):
        left, right = right ^ _mix(left, key), left
    return left << 16 | right


def display_name(number: int, created_at: datetime) -> str:
    """`INC-2026-041`."""
    return f"INC-{created_at.year}-{number:03d}"


def room_name(number: int, created_at: datetime, service: str | None) -> str:
    """`inc-20261120-payments-041`: the name of an incident's rooms, everywhere (C-13). The day is in UTC; a long service is cut."""
    return f"{_rooms_of(created_at.astimezone(UTC).date(), service or '')}-{number:03d}"


@lru_cache(maxsize=4096)
def _rooms_of(day: date, service: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", service.lower())[:40].strip("-")
    return f"inc-{day:%Y%m%d}-{slug}".rstrip("-")


def parse_id(text: str) -> int:
    """The number for any of its names: `INC-1A2B3C4D`, `41`, `INC-2026-041`, `inc-20261120-payments-041` (also with a `#` before).

    Raises NotFound for anything else. A name of eight hexadecimal digits is always the public id.
    """
    name = text.strip().removeprefix("#")
    if name.isascii() and name.isdigit() and len(name) <= 10:
        return int(name)
    if match := re.fullmatch(r"(?i:(?:incident-)?INC-)?([0-9A-Fa-f]{8})", name):
        return _number_of(int(match[1], 16))
    if match := re.fullmatch(r"(?i:INC)-\d{4}-(\d{1,10})", name, re.ASCII):
        return int(match[1])
    if match := re.fullmatch(r"(?i:INC)-\d{8}-(?:[A-Za-z0-9-]{1,64}-)?(\d{3,10})", name, re.ASCII):
        return int(match[1])
    raise NotFound(f"{text!r} is not an incident: write INC-1A2B3C4D, its number, or its name like INC-2026-041")
