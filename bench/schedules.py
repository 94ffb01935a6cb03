"""What schedules cost: a year of final shifts, who is on call now. Measured in this process, without a server."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from bench.sitting import Measured, Row, Sitting
from tocsin.core.configuration import Schedule
from tocsin.core.directory import Directory
from tocsin.core.schedule import gaps, shifts, who
from tocsin.core.spelling import decode
from tocsin.manage import oncall

_AT = datetime(2026, 6, 3, 12, 30, tzinfo=UTC)
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "UTC")


def _schedule(number: int) -> Schedule:
    """Ten people in a week each, nights and office hours on top, fifty overrides in the year."""
    people = [f"person-{number}-{n}" for n in range(10)]
    night = {"from": "22:00", "to": "06:00"}
    office = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}
    starts = "2026-01-05T09:00"
    layers = [
        {"id": "weekly", "users": people, "starts": starts},
        {"id": "nights", "users": people[::-1], "starts": starts, "rotation": {"unit": "day"}, "restrictions": [night]},
        {"id": "office", "users": people[:3], "starts": starts, "restrictions": [office]},
    ]
    days = [f"2026-{1 + n % 12:02d}-{1 + n % 27:02d}" for n in range(50)]
    overrides = [{"user": people[n % 10], "from": f"{day}T08:00", "to": f"{day}T20:00"} for n, day in enumerate(days)]
    zone = _ZONES[number % len(_ZONES)]
    return decode({"id": f"schedule-{number}", "time_zone": zone, "layers": layers, "overrides": overrides}, Schedule)


def _median(sitting: Sitting, act: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(2 * sitting.runs + 1):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _year(sitting: Sitting) -> Measured:
    every = [_schedule(number) for number in range(100)]
    seconds = _median(sitting, lambda: [shifts(one, _AT, _AT + timedelta(days=365)) for one in every])
    found = [shifts(one, _AT, _AT + timedelta(days=365)) for one in every]
    broken = [f"{one.id} has a gap" for one in every[:5] if gaps(one, _AT, _AT + timedelta(days=365))]
    return Measured(seconds, "s", broken=broken, notes=[f"{sum(map(len, found)):,} final shifts"])


def _who(sitting: Sitting) -> Measured:
    every = [_schedule(number) for number in range(1000)]
    seconds = _median(sitting, lambda: [who(one, _AT) for one in every])
    return Measured(seconds * 1000, "ms", notes=[f"{seconds * 1000:.1f} us each"])


def _now(sitting: Sitting) -> Measured:
    """`GET /oncall`: with the ends of each shift and who follows, the second time it is asked."""
    every = [_schedule(number) for number in range(1000)]
    ctx: Any = SimpleNamespace(
        directory=Directory.of({"schedules": every}), clock=SimpleNamespace(now=lambda: _AT), finals={}
    )
    began = time.perf_counter()
    asyncio.run(oncall.now(ctx))
    first = time.perf_counter() - began
    seconds = _median(sitting, lambda: asyncio.run(oncall.now(ctx)))
    items = asyncio.run(oncall.now(ctx))["items"]
    broken = [
        item["schedule"]
        for item in items
        if item["user"] != (who(ctx.directory.schedules[item["schedule"]], _AT) or [None])[0]
    ]
    return Measured(
        seconds * 1000, "ms", broken=broken, notes=[f"the first time, after a change of all: {first * 1000:.0f} ms"]
    )


ROWS = (
    Row(
        name="schedule-year", what="a year of final shifts, 100 schedules of 10 people with overrides", floor=1, aim=0.5,
        less=True, measure=_year,
    ),
    Row(name="schedule-who", what="who is on call now, 1,000 schedules", floor=20, aim=10, less=True, measure=_who),
    Row(
        name="schedule-now", what="GET /oncall with ends and who follows, 1,000 schedules", aim=60, less=True, measure=_now
    ),
)  # fmt: skip
