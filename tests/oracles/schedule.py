"""Who is on call, the slow and obvious way: for one minute, from the words of the contract, sharing nothing with the product.

Times are whole minutes. `Oracle.person(t)` says (user, layer) at the UTC instant `t`, or None.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tocsin.core.configuration import Layer, Override, Schedule

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def clock(at: datetime, name: str) -> datetime:
    """What the clock on the wall shows."""
    return at.astimezone(ZoneInfo(name)).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=100_000)
def resolve(wall: datetime, name: str) -> datetime:
    """Look at every instant at which the clock could show `wall`; in a gap, find the change and use the offset before it."""
    near = wall.replace(tzinfo=UTC)
    offsets = {clock(near + h * HOUR, name) - (near + h * HOUR).replace(tzinfo=None) for h in range(-26, 27)}
    shown = [near - offset for offset in offsets if clock(near - offset, name) == wall]
    if shown:
        return min(shown)
    minute = near - 26 * HOUR
    while clock(minute + MINUTE, name) < wall:
        minute += MINUTE
    return near - (clock(minute, name) - minute.replace(tzinfo=None))


def nth_wall(starts: datetime, turn: int, every: int, unit: str) -> datetime:
    if unit == "day":
        return starts + timedelta(days=turn * every)
    if unit == "week":
        return starts + timedelta(days=turn * every * 7)
    year, month = starts.year, starts.month
    for _ in range(turn * every):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return starts.replace(year=year, month=month, day=min(starts.day, monthrange(year, month)[1]))


class Oracle:
    def __init__(self, schedule: Schedule, until: datetime) -> None:
        self.schedule = schedule
        self.zone = schedule.time_zone
        self.handovers = {layer.id: self._handovers(layer, until) for layer in schedule.layers}

    def _handovers(self, layer: Layer, until: datetime) -> list[datetime]:
        found = [resolve(layer.starts.naive, self.zone)]
        while found[-1] <= until:
            every, unit = layer.rotation.every, layer.rotation.unit
            if unit == "hour":
                found.append(found[-1] + every * HOUR)
            else:
                found.append(resolve(nth_wall(layer.starts.naive, len(found), every, unit), self.zone))
        return found

    def person(self, at: datetime) -> tuple[str, str] | None:
        for override in reversed(self.schedule.overrides):
            if self.holds(override, at):
                return override.user, "override"
        wall = clock(at, self.zone)
        for layer in reversed(self.schedule.layers):
            turns = sum(1 for handover in self.handovers[layer.id] if handover <= at)
            if turns and self.open(layer, wall):
                return layer.users[(turns - 1) % len(layer.users)], layer.id
        return None

    def holds(self, override: Override, at: datetime) -> bool:
        return resolve(override.start.naive, self.zone) <= at < resolve(override.end.naive, self.zone)

    def open(self, layer: Layer, wall: datetime) -> bool:
        if not layer.restrictions:
            return True
        for window in layer.restrictions:
            for ago in (0, 1, 2):
                midnight = wall.replace(hour=0, minute=0) - timedelta(days=ago)
                begins = midnight + window.start.minutes * MINUTE
                ends = midnight + window.end.minutes * MINUTE
                while ends <= begins:
                    ends += timedelta(days=1)
                if DAYS[midnight.weekday()] in window.days and begins <= wall < min(ends, begins + timedelta(days=1)):
                    return True
        return False
