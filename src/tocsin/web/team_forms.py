"""The business hours of a team as a form: what a person typed so far, and what it means. Pure; nothing typed is lost on the way.

Fields are named by place: `mon.on`, `mon.from`, `mon.to`; `holiday.0.day`, `holiday.0.name`. A button sends `do`: `holiday` (one more),
`remove.3`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.core.errors import Problem
from tocsin.core.spelling import WEEKDAYS, ClockTime
from tocsin.core.week import Week, spelled

MOST = 200
"""Holidays that a form may have."""

Draft = dict[str, Any]
"""`{time_zone, days: {mon: {on, from, to}}, holidays: [{day, name}]}`, all texts as typed."""


def of(shown: Mapping[str, Any]) -> Draft:
    """The form of the business hours that hold (a view of manage.teams). Days off offer the common hours."""
    days = {
        day: {"on": one is not None, **_hours(one or {"from": shown["from"], "to": shown["to"]})}
        for day, one in shown["week"].items()
    }
    holidays = [{"day": day, "name": shown["holiday_names"].get(day, "")} for day in shown["holidays"]]
    return {"time_zone": (shown["written"] or {}).get("time_zone", ""), "days": days, "holidays": holidays}


def _hours(span: Mapping[str, str]) -> dict[str, str]:
    """A field for times knows no 24:00; work that ends at 00:00 ends at that midnight, too."""
    return {"from": span["from"], "to": "00:00" if span["to"] == "24:00" else span["to"]}


def read(form: Mapping[str, str]) -> Draft:
    """What the form says; holidays without any text are left out."""
    return {
        "time_zone": form.get("time_zone", "").strip(),
        "days": {
            day: {
                "on": bool(form.get(f"{day}.on")),
                "from": form.get(f"{day}.from", "").strip(),
                "to": form.get(f"{day}.to", "").strip(),
            }
            for day in WEEKDAYS
        },
        "holidays": [one for n in range(MOST) if any((one := _holiday(form, n)).values())],
    }


def _holiday(form: Mapping[str, str], number: int) -> dict[str, str]:
    return {field: form.get(f"holiday.{number}.{field}", "").strip() for field in ("day", "name")}


def body(draft: Draft) -> dict[str, Any]:
    """`business_hours` as a file spells them."""
    week: Week = {day: (one["from"], one["to"]) if one["on"] else None for day, one in draft["days"].items()}
    return spelled(week, draft["time_zone"], [(one["day"], one["name"]) for one in draft["holidays"]])


def wrong(draft: Draft, problems: Sequence[Problem]) -> dict[str, str]:
    """The problems of `body(draft)` by the field of the form that each is about: a day, `holiday.2`, `time_zone`, or `""`."""
    given, found = body(draft), dict[str, str]()
    for problem in problems:
        for field in _fields(draft, given, problem.pointer.strip("/").split("/")):
            found.setdefault(field, problem.message)
    return found


def _fields(draft: Draft, given: Mapping[str, Any], at: Sequence[str]) -> list[str]:
    match at:
        case ["from" | "to"]:
            other = {day for one in given.get("exceptions", ()) for day in one["days"]}
            return [day for day in given["days"] if day not in other]
        case ["exceptions", place, "from" | "to"]:
            return list(given["exceptions"][int(place)]["days"])
        case ["holidays", place]:
            return _rows(draft, given["holidays"][int(place)])
        case ["holiday_names", place, *_]:
            return _rows(draft, given["holiday_names"][int(place)]["day"])
        case ["time_zone"]:
            return ["time_zone"]
    return [""]


def _rows(draft: Draft, day: str) -> list[str]:
    """The last line with that day: of two that are the same the later one is too many."""
    return [f"holiday.{n}" for n, one in enumerate(draft["holidays"]) if one["day"] == day][-1:] or [""]


def bars(week: Mapping[str, Mapping[str, str] | None]) -> list[dict[str, Any]]:
    """For each day the stretches [from, to) in minutes. A window that crosses midnight shows on both days."""
    found: dict[str, list[tuple[int, int]]] = {day: [] for day in WEEKDAYS}
    for place, (day, one) in enumerate(week.items()):
        if one is None:
            continue
        start, end = ClockTime.parse(one["from"]).minutes, ClockTime.parse(one["to"]).minutes
        found[day].append((start, end if end > start else 1440))
        if end <= start and end:
            found[WEEKDAYS[(place + 1) % 7]].append((0, end))
    return [{"day": day, "bars": sorted(found[day])} for day in WEEKDAYS]
