"""Times of day inside sentences that Tocsin wrote, which are kept in UTC, as the reader's clock shows them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.web.words import moment, offset

_OF_DAY = re.compile(r"\b([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))? UTC\b(?! \()")
"""Not where a weekday follows in brackets: it might be another day there."""


def in_zone(text: str, near: str | datetime | None, zone: ZoneInfo) -> str:
    """`due by 07:30 UTC` -> `due by 08:30 +01:00`: of the moments with that time of day, the one nearest to `near`."""
    around = moment(near)
    if around is None:
        return text

    def local(found: re.Match[str]) -> str:
        hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
        at = around.astimezone(UTC).replace(hour=hour, minute=minute, second=second, microsecond=0)
        at = min((at + timedelta(days=days) for days in (-1, 0, 1)), key=lambda one: abs(one - around)).astimezone(zone)
        return f"{at:%H:%M:%S} {offset(at)}" if found[3] else f"{at:%H:%M} {offset(at)}"

    return _OF_DAY.sub(local, text)
