"""Business hours as a week, one line a day: how a form and a terminal show them, and how a file spells what was typed there. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.core.business import Hours, clock
from tocsin.core.spelling import WEEKDAYS, Weekday

Span = tuple[str, str]
"""From and to, as text that may still be wrong: `("09:00", "17:00")`."""
Week = Mapping[Weekday, Span | None]
"""None: no working day."""


def week_of(hours: Hours) -> dict[Weekday, Span | None]:
    """Monday first."""
    found: dict[Weekday, Span | None] = {}
    for number, day in enumerate(WEEKDAYS):
        start, end = hours.on(number)
        found[day] = (clock(start), clock(end)) if number in hours.days else None
    return found


def spelled(week: Week, time_zone: str = "", holidays: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """`business_hours` as a file spells them. Most days have the common hours, the others are its exceptions.

    `time_zone`: "" for that of the team's first schedule. `holidays`: (day, name), the name may be "".
    """
    alike: dict[Span, list[Weekday]] = {}
    for day in WEEKDAYS:
        if (span := week.get(day)) is not None:
            alike.setdefault(span, []).append(day)
    common = max(alike, key=lambda span: len(alike[span]), default=None)
    others = [
        {"days": days, "from": start, "to": end} for (start, end), days in alike.items() if (start, end) != common
    ]
    ordered = sorted(holidays)
    names = [{"day": day, "name": name} for day, name in ordered if name]
    return {
        "days": [day for day in WEEKDAYS if week.get(day) is not None],
        **({"from": common[0], "to": common[1]} if common else {}),
        **({"exceptions": others} if others else {}),
        **({"time_zone": time_zone} if time_zone else {}),
        **({"holidays": [day for day, _ in ordered]} if ordered else {}),
        **({"holiday_names": names} if names else {}),
    }
