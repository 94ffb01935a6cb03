"""Every change of clocks of every zone in five years: no instant without its owner, no overlap, both ways agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from tests.oracles.schedule import Oracle, clock, resolve
from tests.oracles.strategies import schedules

from tocsin.core.calendar import instant, stretches, zone
from tocsin.core.configuration import Layer, Override, Restriction, Rotation, Schedule
from tocsin.core.schedule import Shift, gaps, shifts, who
from tocsin.core.spelling import WallTime, decode

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
MINUTE, QUARTER, HOUR, DAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
ZONES = sorted(available_timezones() - {"localtime", "posixrules", "Factory"})


def quarters(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += QUARTER


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """Every instant at which the zone's offset changes, found by looking at each quarter of an hour."""
    place = zone(name)
    found, before = [], None
    for at in quarters(FIRST, LAST):
        offset = at.astimezone(place).utcoffset()
        if before is not None and offset != before:
            found.append(at)
        before = offset
    return tuple(found)


def eventful(name: str, around: datetime) -> Schedule:
    """Handovers, windows and overrides right at, before and behind the change."""
    wall = clock(around - MINUTE, name) + MINUTE
    days = [(wall + timedelta(minutes=m)) for m in (-45, -30, 0, 30, 45, 60, 90)]
    layers = [
        Layer(id="base", users=("ann", "ben"), starts=WallTime(days[0] - 3 * DAY), rotation=Rotation(unit="day")),
        Layer(
            id="night",
            users=("cho", "dia", "eve"),
            starts=WallTime(days[3] - 2 * DAY),
            rotation=Rotation(unit="day"),
            restrictions=(decode({"from": f"{days[1]:%H:%M}", "to": f"{days[5]:%H:%M}"}, Restriction),),
        ),
        Layer(
            id="hours",
            users=("fay", "gus"),
            starts=WallTime(days[0] - DAY),
            rotation=Rotation(every=1, unit="hour"),
            restrictions=(decode({"from": f"{days[2]:%H:%M}", "to": f"{days[3]:%H:%M}"}, Restriction),),
        ),
    ]
    overrides = (
        Override(user="hal", start=WallTime(days[4]), end=WallTime(days[5])),
        Override(user="ida", start=WallTime(days[3]), end=WallTime(days[6])),
    )
    return Schedule(id="s", time_zone=name, layers=tuple(layers), overrides=overrides)


def check_minutes(schedule: Schedule, start: datetime, end: datetime) -> None:
    """Minute by minute: `shifts`, `who` and the oracle say the same."""
    oracle = Oracle(schedule, end)
    found = shifts(schedule, start, end)
    check_order(found)
    coming = iter([*found, None])
    shift, at = next(coming), start
    while at < end:
        while shift is not None and shift.end <= at:
            shift = next(coming)
        swept = (shift.user, shift.layer) if shift is not None and shift.start <= at else None
        assert swept == who(schedule, at) == oracle.person(at), (schedule, at)
        at += MINUTE


def check_order(found: tuple[Shift, ...]) -> None:
    assert all(shift.start < shift.end for shift in found)
    for one, other in pairwise(found):
        assert one.end <= other.start
        assert one.end < other.start or (one.user, one.layer) != (other.user, other.layer)


@pytest.mark.parametrize("name", ZONES)
def test_every_change_of_clocks(name: str) -> None:
    found = changes(name)
    assert [b for _, b, _ in stretches(zone(name), FIRST, LAST)][:-1] == list(found)
    for around in found:
        schedule = eventful(name, around)
        check_minutes(schedule, around - 3 * HOUR, around + 3 * HOUR)
        assert gaps(schedule, around - DAY, around + DAY) == ()
        for minutes in range(-180, 180, 5):
            wall = clock(around, name) + minutes * MINUTE
            assert instant(wall, zone(name)) == resolve(wall, name)


@pytest.mark.parametrize("name", ZONES)
def test_five_years_without_a_gap(name: str) -> None:
    """A rotation through every hour of five years, one per unit, has exactly one owner at each instant."""
    for unit in ("hour", "day", "week", "month"):
        layer = decode(
            {"id": "base", "users": ["ann", "ben", "cho"], "starts": "2023-12-31T02:30", "rotation": {"unit": unit}},
            Layer,
        )
        schedule = Schedule(id="s", time_zone=name, layers=(layer,))
        found = shifts(schedule, FIRST, LAST)
        assert (found[0].start, found[-1].end) == (FIRST, LAST)
        assert all(one.end == other.start and one.user != other.user for one, other in pairwise(found))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(schedules())
def test_random_schedules_minute_by_minute(made: tuple[Schedule, datetime]) -> None:
    schedule, around = made
    check_minutes(schedule, around - 40 * HOUR, around + 40 * HOUR)
