"""Somebody else takes a shift, somebody watches one: overrides and shadows, made and ended by hand, also on schedules of a file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from tocsin.core.calendar import instant, zone
from tocsin.core.configuration import Override, Schedule
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.permission import Principal
from tocsin.core.rota import override, span, without
from tocsin.core.shape import short
from tocsin.core.spelling import WallTime, plain
from tocsin.flow.context import Context
from tocsin.manage.configuration import change
from tocsin.manage.lists import time_text
from tocsin.manage.objects import with_object

Field = Literal["overrides", "shadows"]
SAID: dict[Field, str] = {"overrides": "override", "shadows": "shadow shift"}
LONGEST = timedelta(days=366)


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes (or watches) what time. Times are RFC 3339, or local times of the schedule when they carry no offset."""

    user: str
    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")


def id_of(one: Override) -> str:
    """What the API calls an override: a digest of what it says."""
    return hashlib.sha256(msgspec.json.encode(plain(one), order="deterministic")).hexdigest()[:12]


def view(schedule: Schedule, one: Override, field: Field, now: datetime) -> dict[str, Any]:
    """`{id, user, from, to, by, state, covered_by}`: times as instants (UTC), `state` is planned, running or over, `covered_by` who takes
    all of it by a later override, or null."""
    start, end = span(schedule, one)
    state = "over" if end <= now else "running" if start <= now else "planned"
    return {
        "id": id_of(one), "kind": SAID[field], "user": one.user, "from": time_text(start), "to": time_text(end),
        "by": one.by or None, "state": state, "covered_by": _covered(schedule, one) if field == "overrides" else None,
    }  # fmt: skip


def _covered(schedule: Schedule, one: Override) -> str | None:
    start, end = span(schedule, one)
    place = schedule.overrides.index(one) if one in schedule.overrides else len(schedule.overrides)
    for later in reversed(schedule.overrides[place + 1 :]):
        begins, ends = span(schedule, later)
        if begins <= start and end <= ends:
            return later.user
    return None


def list_of(ctx: Context, id: str, field: Field) -> dict[str, Any]:
    """`{"items", "next": null}`, those that are not over first, by their beginning. Raises NotFound."""
    schedule, now = find(ctx.directory, id), ctx.clock.now()
    items = [view(schedule, one, field, now) for one in getattr(schedule, field)]
    items.sort(key=lambda item: (item["state"] == "over", item["from"]))
    return {"items": items, "next": None}


def find(directory: Directory, id: str) -> Schedule:
    """Raises NotFound."""
    found = directory.schedules.get(id)
    if found is None:
        raise NotFound(f"There is no schedule {short(id)}.")
    return found


async def add(ctx: Context, principal: Principal, id: str, field: Field, wanted: Wanted) -> dict[str, Any]:
    """Let somebody take (or shadow) a time, from now on at the earliest; the same again changes nothing. What was made.

    Raises NotFound, Invalid (unknown user, not a time, the past, an empty or endless span), Forbidden.
    """
    now = ctx.clock.now()
    made: list[Override] = []

    def decide(old: Directory) -> Directory:
        schedule = find(old, id)
        start, end = _times(schedule, wanted, now, SAID[field])
        one = override(schedule, wanted.user, start, end, principal.id)
        several: tuple[Override, ...] = getattr(schedule, field)
        same = [each for each in several[-1:] if (each.user, each.start, each.end) == (one.user, one.start, one.end)]
        made.append(same[0] if same else one)
        if same:
            return old
        return _written(ctx, old, schedule, msgspec.structs.replace(schedule, **{field: (*several, one)}), field)

    await change(ctx, principal, decide, needs="cover")
    return view(ctx.directory.schedules[id], made[0], field, now)


async def remove(ctx: Context, principal: Principal, id: str, field: Field, which: str) -> dict[str, Any]:
    """End one: what is planned goes away, what is running ends now, so that the past stays as it was. What it was.

    Raises NotFound, Conflict (it is over, or stands in a file), Forbidden.
    """
    now = ctx.clock.now()
    ended: list[dict[str, Any]] = []

    def decide(old: Directory) -> Directory:
        schedule = find(old, id)
        several: tuple[Override, ...] = getattr(schedule, field)
        place = next((n for n, one in reversed(list(enumerate(several))) if id_of(one) == which), None)
        if place is None:
            raise NotFound(f"There is no {SAID[field]} {short(which)} in {short(id)}.")
        one = several[place]
        _refuse_of_file(old, id, one, field)
        start, end = span(schedule, one)
        if end <= now:
            raise Conflict(f"This {SAID[field]} is over: who was on call then is history and stays as it was.")
        ended.append(view(schedule, one, field, now))
        cut = override(schedule, one.user, start, max(start, now), one.by)
        if cut.start < cut.end:
            rest = tuple(cut if n == place else each for n, each in enumerate(several))
            return _written(ctx, old, schedule, msgspec.structs.replace(schedule, **{field: rest}), field)
        return _written(ctx, old, schedule, without(schedule, field, place), field)

    await change(ctx, principal, decide, needs="cover")
    return ended[0]


def _times(schedule: Schedule, wanted: Wanted, now: datetime, said: str) -> tuple[datetime, datetime]:
    start, end = read_moment(schedule, wanted.start, "from"), read_moment(schedule, wanted.end, "to")
    if end <= start:
        raise Invalid("The end does not come after the beginning: end it later", "/to")
    if end <= now:
        raise Invalid(
            f"This {said} lies in the past: who was on call then is history. Choose an end in the future", "/to"
        )
    if end - start > LONGEST:
        raise Invalid(f"This {said} is longer than a year: change the layers for that", "/to")
    return max(start, now), end


def read_moment(schedule: Schedule, text: str, name: str) -> datetime:
    """An RFC 3339 time, or a local time of the schedule. Raises Invalid naming `name`."""
    try:
        at = datetime.fromisoformat(text.strip())
        return at if at.tzinfo else instant(WallTime.parse(text.strip()).naive, zone(schedule.time_zone))
    except (ValueError, OverflowError):
        hint = f"2026-01-05T09:00 (in {schedule.time_zone}) or 2026-01-05T08:00:00Z"
        raise Invalid(f"{short(text)} is not a time: write it like {hint}", f"/{name}") from None


def _refuse_of_file(old: Directory, id: str, one: Override, field: Field) -> None:
    origin = old.origins.get(("schedules", id))
    if origin is not None and not one.by:
        raise Conflict(
            f"This {SAID[field]} is written in {origin.file}:{origin.line}: change it there and apply the file again."
        )


def _written(ctx: Context, old: Directory, schedule: Schedule, new: Schedule, field: Field) -> Directory:
    """The directory with the schedule changed, still belonging to its file. Raises Invalid with pointers into the body given."""
    try:
        made = with_object(ctx, old, "schedules", schedule.id, new)
    except Invalid as error:
        place = f"/{field}/{len(getattr(new, field)) - 1}"
        for problem in error.problems:
            problem.pointer = problem.pointer.removeprefix(place)
        raise Invalid(error.problems[0].message, error.problems[0].pointer, error.problems) from None
    origin = old.origins.get(("schedules", schedule.id))
    return made if origin is None else replace(made, origins={**made.origins, ("schedules", schedule.id): origin})
