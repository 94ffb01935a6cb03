"""Do the business hours of a team make sense? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.core.checking import repeated, zone_faults
from tocsin.core.configuration import BusinessHours
from tocsin.core.shape import Fault, Path

LONGEST_NAME = 80
"""Characters of a holiday's name."""
MOST_HOLIDAYS = 1000


def business_hours_faults(hours: BusinessHours, path: Path) -> Iterator[Fault]:
    if not hours.days:
        yield Fault((*path, "days"), "business hours need days: name some, or leave days out for Monday to Friday")
    if hours.start.minutes == 1440:
        yield _too_late(path)
    yield from _exceptions(hours, (*path, "exceptions"))
    if hours.time_zone is not None:
        yield from zone_faults(hours.time_zone, (*path, "time_zone"))
    yield from _holidays(hours, path)


def _too_late(path: Path) -> Fault:
    return Fault((*path, "from"), 'business hours cannot begin at 24:00: write from: "00:00" and the next day')


def _exceptions(hours: BusinessHours, path: Path) -> Iterator[Fault]:
    """Each day that has hours of its own is a working day, and has them once."""
    seen: set[str] = set()
    for place, one in enumerate(hours.exceptions):
        if one.start.minutes == 1440:
            yield _too_late((*path, place))
        if not one.days:
            yield Fault((*path, place, "days"), "name the days that have these hours, or remove them")
        for number, day in enumerate(one.days):
            if day not in hours.days:
                yield Fault(
                    (*path, place, "days", number), f"{day} is no working day: add it to days, or remove it here"
                )
            if day in seen:
                yield Fault((*path, place, "days", number), f"{day} has other hours twice: keep one")
            seen.add(day)


def _holidays(hours: BusinessHours, path: Path) -> Iterator[Fault]:
    if len(hours.holidays) > MOST_HOLIDAYS:
        yield Fault((*path, "holidays"), f"a team has at most {MOST_HOLIDAYS} holidays: remove those that are past")
    yield from repeated([str(day) for day in hours.holidays], "holiday", (*path, "holidays"), field=None)
    named, days = (*path, "holiday_names"), frozenset(hours.holidays)
    yield from repeated([str(one.day) for one in hours.holiday_names], "name of", named, field="day")
    for place, one in enumerate(hours.holiday_names):
        if one.day not in days:
            yield Fault((*named, place, "day"), f"{one.day} is no holiday here: add it to holidays")
        if not one.name.strip():
            yield Fault((*named, place, "name"), "write a name here, or remove the line")
        elif len(one.name) > LONGEST_NAME:
            yield Fault((*named, place, "name"), f"this has {len(one.name)} characters: shorten it to {LONGEST_NAME}")
