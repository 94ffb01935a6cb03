"""Somebody leaves: what depends on them, and the same with somebody else in their place. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.calendar import instant, zone
from tocsin.core.configuration import EscalationPolicy, Override, Schedule, Target, Team
from tocsin.core.directory import Directory
from tocsin.core.schedule import on_call
from tocsin.core.tier import TIERS


def on_call_now(directory: Directory, user: str, now: datetime) -> Iterator[tuple[Schedule, datetime]]:
    """The schedules in which `user` is on call at this moment, each with the end of that shift."""
    for schedule in directory.schedules.values():
        present = on_call(schedule, now) if _names(schedule, user) else None
        if present is not None and present.user == user:
            yield schedule, present.end


def _names(schedule: Schedule, user: str) -> bool:
    return any(user in layer.users for layer in schedule.layers) or any(o.user == user for o in schedule.overrides)


def replaced(directory: Directory, user: str, to: str, now: datetime) -> Mapping[tuple[str, str], Any]:
    """Every object that names `user`, by kind and id, with `to` in their place.

    Turns, steps and teams pass on; overrides and shadow shifts as far as they are not over (those stay, as history).
    """
    changed: dict[tuple[str, str], Any] = {}
    for schedule in directory.schedules.values():
        changed["schedules", schedule.id] = _schedule(schedule, user, to, now)
    for team in directory.teams.values():
        changed["teams", team.id] = _team(team, user, to)
    for policy in directory.escalation_policies.values():
        changed["escalation_policies", policy.id] = _policy(policy, user, to)
    return {at: one for at, one in changed.items() if one != directory.kind(at[0])[at[1]]}


def _schedule(schedule: Schedule, user: str, to: str, now: datetime) -> Schedule:
    layers = tuple(
        msgspec.structs.replace(layer, users=tuple(to if each == user else each for each in layer.users))
        if user in layer.users
        else layer
        for layer in schedule.layers
    )
    place = zone(schedule.time_zone)

    def passed_on(one: Override) -> Override:
        ahead = one.user == user and instant(one.end.naive, place) > now
        return msgspec.structs.replace(one, user=to) if ahead else one

    overrides, shadows = (tuple(map(passed_on, several)) for several in (schedule.overrides, schedule.shadows))
    return msgspec.structs.replace(schedule, layers=layers, overrides=overrides, shadows=shadows)


def _team(team: Team, user: str, to: str) -> Team:
    members = tuple(dict.fromkeys(to if each == user else each for each in team.members))
    return msgspec.structs.replace(team, members=members, manager=to if team.manager == user else team.manager)


def _policy(policy: EscalationPolicy, user: str, to: str) -> EscalationPolicy:
    steps = tuple(msgspec.structs.replace(step, targets=_targets(step.targets, user, to)) for step in policy.steps)
    tiers = policy.tiers and msgspec.structs.replace(
        policy.tiers, **{tier: _targets(getattr(policy.tiers, tier), user, to) for tier in TIERS}
    )
    return msgspec.structs.replace(policy, steps=steps, tiers=tiers)


def _targets(targets: tuple[Target, ...], user: str, to: str) -> tuple[Target, ...]:
    return tuple(msgspec.structs.replace(one, user=to) if one.user == user else one for one in targets)


def past(schedule: Schedule, user: str) -> Schedule:
    """The schedule without what still names `user` (overrides and shadow shifts that are over)."""
    kept = {
        field: tuple(one for one in getattr(schedule, field) if one.user != user) for field in ("overrides", "shadows")
    }
    return msgspec.structs.replace(schedule, **kept)
