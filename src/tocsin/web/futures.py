"""A rehearsal as a drawing: one axis of time, a lane for each person, a mark for each notification, in percent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

QUIET = timedelta(hours=1)
"""A longer time in which nothing happens is cut out of the axis; all else is drawn to scale."""
SHORTEST = timedelta(minutes=4)
"""What lies between two cuts is drawn as if it lasted at least so long."""
CUT = 7.0
"""How wide a cut is, in percent."""
FIRST, LAST = 4.0, 95.0
"""Where the axis begins and ends, in percent: marks have a size."""
NEAR = 3.0
"""Marks and ticks closer than this (in percent) would lie on top of each other."""
DODGE = 9.0
"""Labels of ticks closer than this are left out."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One notification. `first`: it is the first of its page, and carries the number of the step."""

    x: str
    step: int
    first: bool
    method: str
    at: str
    tone: str = ""


@dataclass(slots=True)
class Lane:
    user: str
    name: str
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A time at which something happens. `label` is empty where there is no room for it."""

    x: str
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    cuts: tuple[str, ...]
    """Where time is left out, in percent."""


class Axis:
    """From a moment on, as far as the last thing that happens, without the long times between in which nothing does."""

    def __init__(self, start: datetime, times: Sequence[datetime]) -> None:
        self.start = start
        self._spans: list[list[datetime]] = []
        for at in sorted({start, *times}):
            if self._spans and at - self._spans[-1][1] <= QUIET:
                self._spans[-1][1] = at
            else:
                self._spans.append([at, at])
        lengths = [max(end - begin, SHORTEST) for begin, end in self._spans]
        self._room = (LAST - FIRST - CUT * (len(lengths) - 1)) / (sum(lengths, timedelta()) / timedelta(minutes=1))
        self._begins: list[float] = []
        place = FIRST
        for length in lengths:
            self._begins.append(place)
            place += length / timedelta(minutes=1) * self._room + CUT

    @property
    def cuts(self) -> tuple[str, ...]:
        """Where time is left out."""
        return tuple(f"{begins - CUT / 2:.2f}%" for begins in self._begins[1:])

    def percent(self, at: datetime) -> float:
        number = max((n for n, (begin, _) in enumerate(self._spans) if begin <= at), default=0)
        minutes = (at - self._spans[number][0]) / timedelta(minutes=1)
        return min(max(self._begins[number] + minutes * self._room, FIRST), LAST)

    def x(self, at: datetime) -> str:
        return f"{self.percent(at):.2f}%"

    def ticks(self, times: Sequence[datetime]) -> tuple[Tick, ...]:
        """Behind a cut times count from its end, which says how long after the beginning it is."""
        found: list[Tick] = []
        labelled = -100.0
        for at in sorted(set(times)):
            place = self.percent(at)
            begin = max(begin for begin, _ in self._spans if begin <= at)
            room = place - labelled >= DODGE
            labelled = place if room else labelled
            found.append(Tick(f"{place:.2f}%", after(at - (self.start if at == begin else begin)) if room else ""))
        return tuple(found)


def after(length: timedelta) -> str:
    """`0`, `+10 min`, `+2 h`, `+3 d`."""
    minutes = round(length.total_seconds() / 60)
    if minutes <= 0:
        return "0"
    if minutes < 120:
        return f"+{minutes}′"
    return f"+{minutes / 60:.3g} h" if minutes < 2880 else f"+{minutes / 1440:.2g} d"


def drawing(found: Mapping[str, Any], names: Mapping[str, str]) -> Drawing:
    """A rehearsal (`{at, items, cases}`), people in the order in which they are reached. The first notification of each page carries
    the number of its step."""
    items, start = found["items"], _moment(found["at"])
    times = [_moment(item["at"]) for item in items]
    axis = Axis(start, times)
    lanes: dict[str, Lane] = {}
    pages = _pages(found["cases"])
    for item, at in zip(items, times, strict=True):
        lane = lanes.setdefault(item["user"], Lane(item["user"], names.get(item["user"], item["user"])))
        begun = pages.get((item["user"], item["step"]), [])
        first = bool(begun) and begun[0] <= at
        if first:
            begun.pop(0)
        mark = Mark(axis.x(at), item["step"], first, item["method"], item["at"], "" if item["method"] else "lost")
        if first or all(abs(_number(mark.x) - _number(other.x)) >= NEAR for other in lane.marks):
            lane.marks.append(mark)
    return Drawing(tuple(lanes.values()), axis.ticks([start, *times]), axis.cuts)


def _pages(cases: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], list[datetime]]:
    """(user, step) -> when pages of that step to that person begin, in order."""
    found: dict[tuple[str, int], list[datetime]] = {}
    for case in cases:
        for rung in case["rungs"]:
            for person in rung["people"]:
                found.setdefault((person["user"], rung["step"]), []).append(_moment(rung["at"]))
    return {key: sorted(times) for key, times in found.items()}


def comparison(items: Sequence[Mapping[str, Any]], start: datetime) -> Drawing:
    """A replay (`{user, name, step, method, then, now}`): what happened above the line (tone then), what would happen below (now)."""
    pairs = [(item, tone, _moment(item[tone])) for item in items for tone in ("then", "now") if item[tone]]
    axis = Axis(start, [at for _, _, at in pairs])
    lanes: dict[str, Lane] = {}
    for item, tone, at in pairs:
        lane = lanes.setdefault(item["user"], Lane(item["user"], item["name"]))
        lane.marks.append(Mark(axis.x(at), item["step"], True, item["method"], item[tone], tone))
    return Drawing(tuple(lanes.values()), axis.ticks([start, *(at for _, _, at in pairs)]), axis.cuts)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _number(x: str) -> float:
    return float(x.rstrip("%"))


# --- findings over the days -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Band:
    """A span of a finding within the days that are checked."""

    x: str
    width: str


def bands(spans: Sequence[Mapping[str, str]], start: datetime, end: datetime) -> list[Band]:
    """Where the spans lie, in percent of the days; short ones are widened so that they can be seen, close ones joined."""
    whole = (end - start).total_seconds()
    found: list[tuple[float, float]] = []
    for span in spans:
        left = max(0.0, (_moment(span["from"]) - start).total_seconds() / whole * 100)
        right = min(100.0, (_moment(span["to"]) - start).total_seconds() / whole * 100)
        if right < 0 or left > 100:
            continue
        right = min(100.0, max(right, left + 0.35))
        if found and left - found[-1][1] < 0.15:
            found[-1] = (found[-1][0], max(found[-1][1], right))
        else:
            found.append((left, right))
    return [Band(f"{left:.2f}%", f"{right - left:.2f}%") for left, right in found]


def weeks(start: datetime, end: datetime) -> list[Tick]:
    """A tick at each Monday, labelled where there is room."""
    whole = (end - start).total_seconds()
    found: list[Tick] = []
    day = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=(7 - start.weekday()) % 7 or 7)
    every = max(1, round((end - start).days / 7 / 6))
    while day < end:
        share = (day - start).total_seconds() / whole * 100
        label = f"{day.day} {day:%b}" if len(found) % every == 0 and share < 93 else ""
        found.append(Tick(f"{share:.2f}%", label))
        day += timedelta(days=7)
    return found
