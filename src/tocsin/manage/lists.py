"""What every list and every answer share: cursors, limits and times as text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec

from tocsin.core.errors import Invalid

MAXIMUM = 200
DEFAULT = 100

RowId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

T = TypeVar("T")


def time_text(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with Z; microseconds only when there are any."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_time(text: str | None, name: str) -> datetime | None:
    """An RFC 3339 time, or a date (its midnight in UTC). Without offset it is UTC. Raises Invalid naming `name`."""
    if not text:
        return None
    try:
        # A `+` of an offset that was not percent-encoded arrives as a space.
        at = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text!r} is not a time: write it like 2026-01-05T09:00:00Z", f"/{name}") from None


def words(text: str | None) -> list[str]:
    """The words of a parameter that takes several, joined by commas."""
    return [word.strip() for word in text.split(",") if word.strip()] if text else []


def check_limit(limit: int) -> int:
    """`limit` when it is between 1 and 200. Raises Invalid."""
    if not 1 <= limit <= MAXIMUM:
        raise Invalid(f"A list gives between 1 and {MAXIMUM} items at a time; {limit} were asked for", "/limit")
    return limit


def write_cursor(*parts: Any) -> str:
    """An opaque text that says where the next page of a list begins."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()


def read_cursor(cursor: str | None, kind: type[T]) -> T | None:
    """The parts of a cursor as `kind` (a tuple type). Raises Invalid when it is not one of ours."""
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Invalid("This cursor is not one that a list gave out", "/cursor") from None


def listing(
    rows: Sequence[T], limit: int, view: Callable[[T], dict[str, Any]], cursor: Callable[[T], str]
) -> dict[str, Any]:
    """`{"items", "next"}` from `limit + 1` fetched rows: the extra one only says that there is more."""
    shown = rows[:limit]
    return {"items": [view(row) for row in shown], "next": cursor(shown[-1]) if len(rows) > limit else None}
