"""Is a schedule kind to its people, and who carries how much? Sweeps run in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.configuration import Schedule
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.hours import CLASSES
from tocsin.core.limits import Breach, breaches
from tocsin.core.load import Load, duty_of, limits_of, loads
from tocsin.core.past_duty import Past, duties_then
from tocsin.core.preset import steps_of
from tocsin.core.spelling import plain
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import health, history

BACK, AHEAD = timedelta(days=28), timedelta(days=56)
"""The span that is looked at unless another is asked for: four weeks back, eight ahead."""
LONGEST = timedelta(days=367)


def _find(ctx: Context, id: str) -> Schedule:
    found = ctx.directory.schedules.get(id)
    if found is None:
        raise NotFound(f"There is no schedule {id!r}")
    return found


def _span(ctx: Context, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    now = ctx.clock.now()
    begin = start or (end - BACK - AHEAD if end else now - BACK)
    until = end or begin + BACK + AHEAD
    if until <= begin:
        raise Invalid("The range is empty: `to` must come after `from`", "/to")
    if until - begin > LONGEST:
        raise Invalid("The range is longer than a year: ask for less at a time", "/to")
    return begin, until


def family(directory: Directory, schedule: str) -> list[str]:
    """The schedule and those that stand in one escalation policy with it: whose people carry the load together."""
    found = {schedule: None}
    for policy in directory.escalation_policies.values():
        named = [t.schedule for step in steps_of(policy) for t in step.targets if t.schedule in directory.schedules]
        if schedule in named:
            found |= dict.fromkeys(id for id in named if id is not None)
    return list(found)


async def limits(
    ctx: Context, schedule: str, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """`{"schedule", "duty", "limits", "from", "to", "items": [{rule, user, name, from, to, message, suggestion}], "next"}`.

    Pages at night are those of the last day. Raises NotFound, Invalid.
    """
    known = _find(ctx, schedule)
    begin, until = _span(ctx, start, end)
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        paged = await health.page_times(
            tx, list(ctx.directory.users), now - timedelta(days=1), now + timedelta(seconds=1)
        )
    found = await asyncio.to_thread(breaches, ctx.directory, schedule, begin, until, paged)
    rules = limits_of(known)
    return {
        "schedule": schedule,
        "duty": duty_of(ctx.directory, schedule),
        "limits": {name: plain(getattr(rules, name)) for name in rules.__struct_fields__},
        "from": time_text(begin),
        "to": time_text(until),
        "items": [breach_view(ctx.directory, breach) for breach in found],
        "next": None,
    }


def breach_view(directory: Directory, breach: Breach) -> dict[str, Any]:
    """One breach of a limit as JSON."""
    known = directory.users.get(breach.user)
    return {
        "rule": breach.rule,
        "user": breach.user,
        "name": known.label if known else breach.user,
        "from": time_text(breach.start),
        "to": time_text(breach.end),
        "message": breach.sentence,
        "suggestion": breach.fix,
    }


async def load(
    ctx: Context, schedule: str, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """Who carries how much of this schedule and those beside it in its policies:
    `{"schedules", "from", "to", "items": [{user, name, shifts, hours: {class: hours}, primary_hours, secondary_hours,
    weighted_hours, nights, weekends, holidays}], "next"}`, the heaviest first. Raises NotFound, Invalid.
    """
    _find(ctx, schedule)
    begin, until = _span(ctx, start, end)
    together = family(ctx.directory, schedule)
    async with ctx.db.reading() as tx:
        past = await history.past(tx, begin, until, ctx.directory)
    found = await asyncio.to_thread(_loads, past.peopled(ctx.directory), past, together, begin, until)
    return {
        "schedules": together,
        "from": time_text(begin),
        "to": time_text(until),
        "items": [_load_view(ctx.directory, one) for one in found],
        "next": None,
    }


def _loads(directory: Directory, past: Past, schedules: Sequence[str], start: datetime, end: datetime) -> list[Load]:
    return loads(directory, schedules, duties_then(past, schedules, start, end))


def _load_view(directory: Directory, load: Load) -> dict[str, Any]:
    known = directory.users.get(load.user)
    return {
        "user": load.user,
        "name": known.label if known else load.user,
        "shifts": load.shifts,
        "hours": {kind: hours(load.hours[kind]) for kind in CLASSES},
        "primary_hours": hours(load.primary),
        "secondary_hours": hours(load.secondary),
        "weighted_hours": hours(load.weighted),
        "nights": load.nights,
        "weekends": load.weekends,
        "holidays": load.holidays,
    }


def hours(length: timedelta) -> float:
    """Hours to two decimals."""
    return round(length.total_seconds() / 3600, 2)


async def beside(ctx: Context, schedule: str) -> dict[str, Any]:
    """What stands beside a schedule: `{"load", "limits", "strains", "most", "fair"}`. `strains` are the breaches of the limits, those
    of one rule and person as one with their number. `most` is the longest bar in hours, `fair` what each would carry if all carried
    the same (weighted).
    """
    carried, found = await load(ctx, schedule), await limits(ctx, schedule)
    items: Sequence[dict[str, Any]] = carried["items"]
    most = max((sum(one["hours"].values()) for one in items), default=0.0)
    fair = sum(one["weighted_hours"] for one in items) / len(items) if items else 0.0
    return {"load": carried, "limits": found, "strains": grouped(found["items"]), "most": most or 1.0, "fair": fair}


def grouped(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Breaches of one rule by one person as one: the first, with how often (`times`) and when it is the last time (`last`)."""
    strains: dict[tuple[str, str], dict[str, Any]] = {}
    for one in items:
        strain = strains.setdefault((one["rule"], one["user"]), {**one, "times": 0})
        strain["times"] += 1
        strain["last"] = one["from"]
    return list(strains.values())
