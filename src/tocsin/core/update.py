"""Updates: when the next one is promised, whether promises were kept, and what may be said of a cause. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from tocsin.core.business import Hours
from tocsin.core.errors import Invalid
from tocsin.core.matrix import Row, working
from tocsin.core.spelling import Duration

LONG_AFTER = timedelta(hours=2)
"""A longer cadence is allowed once an incident lasts this long, and is announced (C-17)."""
FURTHEST = timedelta(days=31)
"""Further ahead nobody promises."""

CAUSES: dict[str, str] = {
    "capacity": "a lack of capacity",
    "change": "a change that we made",
    "defect": "a defect in our software",
    "hardware": "a hardware failure",
    "network": "a network problem",
    "dependency": "a failure at a supplier",
    "data": "faulty data",
    "security": "a security incident",
    "process": "a gap in how we work",
}
"""The kinds of cause that the public may be told of, each in words (C-22: the class only, and only once it is confirmed)."""


def read_cause(text: str, identified: bool) -> str:
    """A confirmed kind of cause. Raises Invalid for an unknown one, or while nothing is identified."""
    if text not in CAUSES:
        raise Invalid(f"there is no kind of cause {text[:60]!r}: use {', '.join(CAUSES)}", "/cause")
    if not identified:
        raise Invalid(
            "the cause is not identified yet: move the incident to identified first, or leave this out", "/cause"
        )
    return text


# --- the next time ----------------------------------------------------------------------------------------------------


def read_next(given_in: str | None, given_at: str | None, now: datetime) -> datetime | None:
    """The next time that an update promises, from `next_update_in` (a duration) or `next_update_at` (RFC 3339).

    Raises Invalid naming the field and the fix: both given, no time, in the past, or too far ahead.
    """
    if given_in is not None and given_at is not None:
        raise Invalid("give next_update_in or next_update_at, not both", "/next_update_at")
    if given_in is not None:
        return _after(given_in, now)
    return None if given_at is None else _at(given_at, now)


def _after(text: str, now: datetime) -> datetime:
    try:
        length = Duration.parse(text.strip())
    except ValueError as error:
        raise Invalid(str(error), "/next_update_in") from None
    if length <= 0:
        raise Invalid("the next update must come later than now: write for example 15m", "/next_update_in")
    if length.delta > FURTHEST:
        raise Invalid("nobody plans updates further ahead than 31 days: write a shorter time", "/next_update_in")
    return now + length.delta


def _at(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text[:60]!r} is not a time: write it like 2026-01-05T09:00:00Z", "/next_update_at") from None
    return ahead(at, now)


def ahead(at: datetime, now: datetime) -> datetime:
    """The same time. Raises Invalid unless it lies ahead, within 31 days."""
    if at <= now:
        raise Invalid(
            f"{at:%Y-%m-%d %H:%M} UTC is in the past (it is {now:%H:%M} UTC): promise a time that is still to come",
            "/next_update_at",
        )
    if at - now > FURTHEST:
        raise Invalid("nobody plans updates further ahead than 31 days: write an earlier time", "/next_update_at")
    return at


class Cadence(NamedTuple):
    """How often an audience is told: `every`, and whether that is longer than the severity asks for (`announced` by the last update)."""

    every: timedelta
    announced: bool


def cadence(row: Row, created_at: datetime, now: datetime, last: timedelta | None) -> Cadence:
    """What the severity asks for; after two hours a longer one, when the last update announced it (at most four times as long)."""
    asked = row.communication_frequency.delta
    if last is not None and last > asked and now - created_at >= LONG_AFTER:
        return Cadence(min(last, 4 * asked), True)
    return Cadence(asked, False)


def next_by(row: Row, hours: Hours, created_at: datetime, now: datetime, last: timedelta | None = None) -> datetime:
    """The next time when whoever publishes names none: SEV3 and SEV4 are told in business hours only."""
    return working(row, hours, now + cadence(row, created_at, now, last).every)


def too_long(row: Row, hours: Hours, created_at: datetime, now: datetime, at: datetime) -> str:
    """What to say of a next time that is later than the severity asks for; empty when it is not, or may be."""
    asked = working(row, hours, now + row.communication_frequency.delta)
    if at <= asked + timedelta(minutes=1) or now - created_at >= LONG_AFTER:
        return ""
    return f"The severity asks for an update every {row.communication_frequency}; longer is for incidents of two hours and more"


_NEXT_IN = re.compile(
    r"\bnext update (?:is |comes |follows )?(?:in|within) (?:about )?(\d{1,3}) ?(minutes?|min|m|hours?|h)\b",
    re.IGNORECASE,
)
SLACK = timedelta(minutes=2)
"""So far apart a text and its promise are still the same."""


def unlike(message: str, now: datetime, at: datetime) -> str:
    """What to say of a text that names another time for the next update than the one that is promised; empty when it does not."""
    found = _NEXT_IN.search(message)
    if found is None:
        return ""
    told = timedelta(minutes=int(found[1])) * (60 if found[2].lower().startswith("h") else 1)
    if abs(now + told - at) <= SLACK:
        return ""
    minutes = round((at - now).total_seconds() / 60)
    return f"The text says {found[1]} {found[2]} until the next update, and {minutes} min are promised: give the time that you mean"


# --- promises ---------------------------------------------------------------------------------------------------------


class Said(msgspec.Struct, frozen=True):
    """A published update, as far as promises go. `over_at`: when its incident was resolved."""

    incident: int
    audience: str
    published_at: datetime
    next_update_at: datetime | None
    over_at: datetime | None = None


class Promises(msgspec.Struct, frozen=True):
    """What became of promised times: kept, broken (late, or nothing came), still ahead, or void (it was resolved before)."""

    kept: int = 0
    broken: int = 0
    ahead: int = 0
    void: int = 0
    latest: float | None = None
    """Of the broken ones, by how many seconds the update came late in the middle (those that never came count until now)."""

    @property
    def share(self) -> float | None:
        """Kept of those that are decided; None when none is."""
        decided = self.kept + self.broken
        return self.kept / decided if decided else None


def promises(said: Iterable[Said], now: datetime) -> Promises:
    """What became of every promised time; each audience of each incident has its own."""
    lines: dict[tuple[int, str], list[Said]] = {}
    for one in sorted(said, key=lambda one: one.published_at):
        lines.setdefault((one.incident, one.audience), []).append(one)
    found = [
        _outcome(one, following, now)
        for line in lines.values()
        for one, following in zip(line, [*line[1:], None], strict=True)
        if one.next_update_at is not None
    ]
    counts = {name: sum(outcome == name for outcome, _ in found) for name in ("kept", "broken", "ahead", "void")}
    late = sorted(late for outcome, late in found if outcome == "broken")
    return Promises(**counts, latest=late[len(late) // 2] if late else None)


def _outcome(one: Said, following: Said | None, now: datetime) -> tuple[str, float]:
    due = one.next_update_at
    assert due is not None
    if following is not None and following.published_at <= due:
        return "kept", 0.0
    if one.over_at is not None and one.published_at <= one.over_at <= due:
        return "void", 0.0
    if following is None and now <= due:
        return "ahead", 0.0
    came = following.published_at if following is not None else min(now, one.over_at or now)
    return "broken", max(0.0, (came - due).total_seconds())
