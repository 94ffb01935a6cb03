"""The queue of a team: what waits for its people without ringing anybody (C-6). Pure.

A SEV4 pages nobody, and a SEV3 outside business hours waits for them. Nobody may forget either: each team hears of its queue once
on every working day, and whoever owns it when something waits for too long (core/promise.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from tocsin.core.business import hours_of_team, next_day
from tocsin.core.calendar import LATEST, zone
from tocsin.core.directory import Directory

NO_TEAM = ""
"""The queue of what belongs to no team: the administrators look after it."""
SPELT_OUT = 20
"""Incidents that one digest names."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in a queue. `respond_by`: until when somebody should have acknowledged; `by`: who did."""

    name: str
    title: str
    severity: str
    service: str
    status: str
    respond_by: datetime
    by: str | None


def queue_of(directory: Directory, service: str | None) -> str:
    """The team in whose queue the incidents of a service wait."""
    team = directory.team_of(service)
    return team.id if team else NO_TEAM


def name_of(directory: Directory, team: str) -> str:
    known = directory.teams.get(team)
    return (known.name or team) if known else "What belongs to no team"


def owner_of(directory: Directory, team: str) -> str | None:
    """Who owns the queue: the team's manager."""
    known = directory.teams.get(team)
    return known.manager if known and known.manager in directory.users else None


def keepers(directory: Directory, team: str) -> list[str]:
    """Who hears of the queue: manager and members of the team; of what belongs to none, the administrators."""
    known = directory.teams.get(team)
    if known is None:
        return [user.id for user in directory.users.values() if user.role == "admin"]
    people = [*((known.manager,) if known.manager else ()), *known.members]
    return [user for user in dict.fromkeys(people) if user in directory.users]


def digests_due(directory: Directory, since: datetime, now: datetime) -> list[str]:
    """The teams whose working day began from `since` to `now`, both included."""
    before = since - timedelta(microseconds=1)
    return [team for team in _teams(directory) if next_day(hours_of_team(directory, team), before) <= now]


def next_digest(directory: Directory, now: datetime) -> datetime | None:
    """When the next working day of any team begins; None when none ever does."""
    first = min(next_day(hours_of_team(directory, team), now) for team in _teams(directory))
    return first if first < LATEST else None


def _teams(directory: Directory) -> list[str]:
    return [*directory.teams, NO_TEAM]


def heading(name: str, waiting: int, late: int) -> str:
    """`Payments: 3 wait in the queue, 1 of them for too long`."""
    said = f"{name}: {waiting} {'waits' if waiting == 1 else 'wait'} in the queue"
    if not late:
        return said
    return f"{said}, {'for too long' if waiting == late == 1 else f'{late} of them for too long'}"


def told(directory: Directory, team: str, waiting: Sequence[Waiting], count: int, now: datetime) -> str:
    """The digest of a queue, times in the team's zone. `count`: how many wait in all."""
    place = zone(hours_of_team(directory, team).time_zone)
    lines = [_line(one, now, place) for one in waiting[:SPELT_OUT]]
    if count > len(lines):
        lines.append(f"... and {count - len(lines)} more.")
    return "\n".join(lines)


def late(one: Waiting, now: datetime) -> bool:
    """Nobody has acknowledged it, and somebody should have."""
    return one.by is None and one.respond_by < now


def _line(one: Waiting, now: datetime, place: ZoneInfo) -> str:
    at = one.respond_by.astimezone(place)
    by = f"{at:%a} {at.day} {at:%b %H:%M %Z}"
    if one.by is not None:
        state = f"{one.by} has it ({one.status})"
    elif late(one, now):
        state = f"nobody has it; somebody should have acknowledged by {by}"
    else:
        state = f"nobody has it yet; acknowledge by {by}"
    return f"{one.severity} {one.title} ({one.service}, {one.name}): {state}"
