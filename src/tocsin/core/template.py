"""Patterns that schedules are made from: a weekly turn, primary and secondary, follow the sun, by day, office hours and nights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.core.configuration import Layer, Restriction, Rotation, Schedule
from tocsin.core.errors import Invalid
from tocsin.core.spelling import WEEKDAYS, ClockTime, WallTime, Weekday


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the world that has the watch from `start` to `end`, local times of the schedule."""

    id: str
    users: tuple[str, ...]
    start: ClockTime
    end: ClockTime


_NINE, _FIVE = ClockTime(9 * 60), ClockTime(17 * 60)


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What a pattern is filled with. Which fields count, `Template.fields` says."""

    id: str
    time_zone: str
    starts: WallTime
    name: str = ""
    team: str | None = None
    users: tuple[str, ...] = ()
    nights: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    days: Mapping[Weekday, str] | None = None
    start: ClockTime = _NINE
    end: ClockTime = _FIVE


@dataclass(frozen=True)
class Template:
    """A pattern: `fields` are those of `Filling` that it needs besides id, time_zone and starts."""

    id: str
    name: str
    says: str
    fields: tuple[str, ...]
    make: Callable[[Filling], list[Schedule]]


def _weekly(given: Filling) -> list[Schedule]:
    return [_schedule(given, given.id, given.name, [_layer("weekly", _people(given.users, "users"), given)])]


def _primary_secondary(given: Filling) -> list[Schedule]:
    """The secondary of a week is the primary of the next: the same turn, one place further."""
    users = _people(given.users, "users", least=2)
    name = given.name or given.id
    return [
        _schedule(given, f"{given.id}-primary", f"{name} primary", [_layer("weekly", users, given)]),
        _schedule(
            given, f"{given.id}-secondary", f"{name} secondary", [_layer("weekly", (*users[1:], users[0]), given)]
        ),
    ]


def _follow_the_sun(given: Filling) -> list[Schedule]:
    if not given.regions:
        raise Invalid("Name the regions, each with its people and hours", "/regions")
    layers = [
        _layer(
            region.id,
            _people(region.users, f"regions/{place}/users"),
            given,
            (Restriction(start=region.start, end=region.end),),
        )
        for place, region in enumerate(given.regions)
    ]
    return [_schedule(given, given.id, given.name, layers)]


def _by_day(given: Filling) -> list[Schedule]:
    """A layer for each person, open on that person's days for 24 hours from the hour of `starts`."""
    days = given.days or {}
    if not days:
        raise Invalid("Say who has which day, like mon: alice", "/days")
    hour = ClockTime(given.starts.naive.hour * 60 + given.starts.naive.minute)
    layers = []
    for user in dict.fromkeys(days[day] for day in WEEKDAYS if day in days):
        own = tuple(day for day in WEEKDAYS if days.get(day) == user)
        layers.append(_layer(user, (user,), given, (Restriction(days=own, start=hour, end=hour),)))
    return [_schedule(given, given.id, given.name, layers)]


def _days_and_nights(given: Filling) -> list[Schedule]:
    """Office hours lie on top of a turn that has all the rest."""
    office = (Restriction(days=WEEKDAYS[:5], start=given.start, end=given.end),)
    layers = [
        _layer("nights", _people(given.nights, "nights"), given),
        _layer("office", _people(given.users, "users"), given, office),
    ]
    return [_schedule(given, given.id, given.name, layers)]


def _people(users: Sequence[str], field: str, least: int = 1) -> tuple[str, ...]:
    if len(users) < least:
        needed = "somebody" if least == 1 else f"at least {least} people"
        raise Invalid(f"This needs {needed}", f"/{field}")
    return tuple(users)


def _layer(id: str, users: Sequence[str], given: Filling, restrictions: tuple[Restriction, ...] = ()) -> Layer:
    return Layer(id=id, users=tuple(users), starts=given.starts, rotation=Rotation(), restrictions=restrictions)


def _schedule(given: Filling, id: str, name: str, layers: Sequence[Layer]) -> Schedule:
    return Schedule(id=id, name=name, time_zone=given.time_zone, team=given.team, layers=tuple(layers))


TEMPLATES: dict[str, Template] = {
    template.id: template
    for template in (
        Template("weekly", "A week each", "Everyone takes a whole week in turn.", ("users",), _weekly),
        Template(
            "primary_secondary", "Primary and secondary",
            "Two schedules: the secondary of a week is the primary of the next, and so already warm.", ("users",), _primary_secondary,
        ),
        Template(
            "follow_the_sun", "Follow the sun",
            "Each region has the watch in its own daylight; nobody is woken.", ("regions",), _follow_the_sun,
        ),
        Template("by_day", "By day", "The same person has the same day every week.", ("days",), _by_day),
        Template(
            "days_and_nights", "Office hours and nights",
            "One turn in office hours, Monday to Friday; another has nights and weekends.", ("users", "nights", "start", "end"),
            _days_and_nights,
        ),
    )
}  # fmt: skip
"""Every pattern by its id."""
