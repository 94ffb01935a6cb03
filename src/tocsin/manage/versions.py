"""A schedule's versions: every change with who and when, what it meant for who is on call, a look ahead, and the way back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.core import rota
from tocsin.core.calendar import zone
from tocsin.core.configuration import Schedule
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.finding import ends, said
from tocsin.core.limits import breaches
from tocsin.core.permission import Principal, require
from tocsin.core.schedule import FURTHEST, gaps
from tocsin.core.shape import known_part, short
from tocsin.core.spelling import decode, plain
from tocsin.flow.context import Context
from tocsin.manage.configuration import change
from tocsin.manage.fairness import breach_view, grouped
from tocsin.manage.lists import RowId, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.manage.objects import merged, refuse_of_file, with_object
from tocsin.manage.oncall import LONGEST, final_shifts
from tocsin.manage.plans import compare
from tocsin.store import versions as store
from tocsin.store.versions import Version

WEEKS = timedelta(weeks=4)
"""How far a comparison looks when nothing else is asked for."""
MOST_TOLD = 8
"""Changes of shifts that a question before a change spells out."""


async def list_versions(ctx: Context, id: str, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    """`{"items": [{revision, at, actor, action, fields, current}], "next"}`, the newest first.

    `action` is created, changed or removed; `fields` what differs from the version before: `{field, old, new}`. Also of schedules that
    were removed. Raises NotFound, Invalid.
    """
    check_limit(limit)
    (below,) = read_cursor(cursor, tuple[RowId]) or (None,)
    async with ctx.db.reading() as tx:
        found = await store.newest_first(tx, "schedules", id, below, limit + 2)
    if not found:
        raise NotFound(f"There never was a schedule {short(id)}.")
    older: dict[int, Version | None] = {v.revision: b for v, b in zip(found, [*found[1:], None], strict=True)}

    def view(version: Version) -> dict[str, Any]:
        return _view(version, older[version.revision], version is found[0] and below is None)

    return listing(found[: limit + 1], limit, view, lambda version: write_cursor(version.revision))


def _view(version: Version, before: Version | None, current: bool) -> dict[str, Any]:
    old, new = schedule_of(before), schedule_of(version)
    action = "removed" if new is None else "created" if old is None else "changed"
    return {
        "revision": version.revision, "at": time_text(version.at), "actor": version.actor, "action": action,
        "fields": fields(old, new), "current": current,
    }  # fmt: skip


def schedule_of(version: Version | None) -> Schedule | None:
    """The schedule as a version says it; None when it was not there."""
    if version is None or version.body is None:
        return None
    try:
        return decode(version.body, Schedule)
    except msgspec.ValidationError:
        return decode(known_part(version.body, Schedule), Schedule)


def fields(old: Schedule | None, new: Schedule | None) -> list[dict[str, Any]]:
    """What is written differently, field by field; nothing for what was made or removed as a whole."""
    if old is None or new is None:
        return []
    found = compare(Directory.of({"schedules": [old]}), Directory.of({"schedules": [new]}), {}).items
    return [msgspec.to_builtins(each) for item in found for each in item.fields]


# --- what a change means --------------------------------------------------------------------------------------------------


async def diff(
    ctx: Context,
    id: str,
    revision: int | None = None,
    against: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> dict[str, Any]:
    """Who is on call when by version `revision` (default: the newest) instead of by `against` (default: the one before it).

    From the time of the change on, for four weeks. Raises NotFound, Invalid.
    """
    async with ctx.db.reading() as tx:
        new = await _version(tx, id, revision)
        old = await _version(tx, id, against) if against is not None else None
        if against is None:
            earlier = await store.newest_first(tx, "schedules", id, new.revision, 1)
            old = earlier[0] if earlier else None
    told = await compared(ctx, id, schedule_of(old), schedule_of(new), start or new.at, end)
    return {"revision": new.revision, "against": old.revision if old else None, **told}


async def _version(tx: Any, id: str, revision: int | None) -> Version:
    found = await store.as_of(tx, "schedules", id, revision if revision is not None else 2**62)
    if found is None:
        said = f" at revision {revision}" if revision is not None else ""
        raise NotFound(f"There was no schedule {short(id)}{said}.")
    return found


async def compared(
    ctx: Context, id: str, old: Schedule | None, new: Schedule | None, start: datetime, end: datetime | None
) -> dict[str, Any]:
    """`{schedule, from, to, items: [{from, to, before, after}], people: [{user, gains_seconds, loses_seconds}], gaps: [{from, to}],
    fields}` in [start, end). Gaps are those of the new version. Raises Invalid."""
    until = end or start + WEEKS
    check_span(start, until)
    changes = await asyncio.to_thread(rota.changes, old, new, start, until)
    open_spans = await asyncio.to_thread(gaps, new, start, until) if new else ()
    people: dict[str, list[float]] = {}
    for one in changes:
        length = (one.end - one.start).total_seconds()
        for place, person in enumerate((one.after, one.before)):
            if person:
                people.setdefault(person, [0.0, 0.0])[place] += length
    return {
        "schedule": id, "from": time_text(start), "to": time_text(until),
        "items": [{"from": time_text(c.start), "to": time_text(c.end), "before": c.before, "after": c.after} for c in changes],
        "people": [
            {"user": user, "gains_seconds": int(gains), "loses_seconds": int(loses)}
            for user, (gains, loses) in sorted(people.items())
        ],
        "gaps": [{"from": time_text(a), "to": time_text(b)} for a, b in open_spans],
        "fields": fields(old, new),
    }  # fmt: skip


def check_span(start: datetime, end: datetime) -> None:
    """Raise Invalid when a span is empty or longer than a year."""
    if end <= start:
        raise Invalid("The range is empty: `to` must come after `from`", "/to")
    if end - start > LONGEST:
        raise Invalid("The range is longer than a year: ask for less at a time", "/to")


async def preview(
    ctx: Context, id: str, body: Any, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """What saving these fields would mean; nothing is changed.

    As `compared`, from now on, with `shifts` (the final schedule), `layers` (who has each layer, whether it shows or not) and
    `interrupts` (`{user, until, endless, taken_by}`: who loses the shift that is running, or null), and `strains`: where it would then go
    against its limits, as manage/fairness.py tells it. Raises Invalid with pointers.
    """
    old = ctx.directory
    new = await asyncio.to_thread(lambda: _checked(ctx, old, id, body))
    return await look_ahead(ctx, id, old.schedules.get(id), new, start, end)


def _checked(ctx: Context, old: Directory, id: str, body: Any) -> Schedule:
    one: Schedule = merged(old, "schedules", id, body)
    with_object(ctx, old, "schedules", id, one)
    return one


async def look_ahead(
    ctx: Context, id: str, old: Schedule | None, new: Schedule | None, start: datetime | None, end: datetime | None
) -> dict[str, Any]:
    """What replacing `old` by `new` now would mean, as `preview` tells it."""
    now = ctx.clock.now()
    begin = start or now
    told = await compared(ctx, id, old, new, begin, end)
    until = end or begin + WEEKS
    lost = await asyncio.to_thread(rota.interruption, old, new, now)
    interrupts = None
    if lost:
        endless = lost.until - now >= FURTHEST
        interrupts = {"user": lost.user, "until": time_text(lost.until), "endless": endless, "taken_by": lost.taken_by}
    shifts = await asyncio.to_thread(final_shifts, new, begin, until) if new else []
    strains = await asyncio.to_thread(_strains, ctx.directory, id, new, begin, until) if new else []
    return {**told, "shifts": shifts, "interrupts": interrupts, "strains": strains}


def _strains(directory: Directory, id: str, new: Schedule, start: datetime, end: datetime) -> list[dict[str, Any]]:
    ahead = replace(directory, schedules={**directory.schedules, id: new})
    return grouped(breach_view(ahead, one) for one in breaches(ahead, id, start, end))


# --- the way back ---------------------------------------------------------------------------------------------------------


async def look_back(ctx: Context, id: str, revision: int) -> tuple[Schedule | None, dict[str, Any]]:
    """The schedule as `revision` left it, and what going back to it would mean. Raises NotFound."""
    async with ctx.db.reading() as tx:
        version = await _version(tx, id, revision)
    wanted = schedule_of(version)
    return wanted, await look_ahead(ctx, id, ctx.directory.schedules.get(id), wanted, None, None)


async def revert(
    ctx: Context, principal: Principal, id: str, revision: int, *, confirm: bool = False
) -> dict[str, Any]:
    """Make the schedule what it was at `revision`; a version of its own. What that meant, as `preview` tells it.

    Raises NotFound, Conflict (it belongs to a file; someone would lose the shift that is running, and `confirm` is false; nothing
    differs), Invalid (what it names is gone), Forbidden.
    """
    wanted, told = await look_back(ctx, id, revision)
    now = ctx.clock.now()

    def decide(old: Directory) -> Directory:
        present = old.schedules.get(id)
        if present == wanted:
            raise Conflict(f"The schedule {short(id)} is already as it was at revision {revision}.")
        if not confirm:
            refuse_interruption(ctx, present, wanted, now)
        if present is None or not _differ_by_hand_only(present, wanted):
            require(principal, "configure")
            if present is not None:
                refuse_of_file(old, "schedules", id)
        made = with_object(ctx, old, "schedules", id, wanted)
        origin = old.origins.get(("schedules", id))
        return replace(made, origins={**made.origins, ("schedules", id): origin}) if origin and wanted else made

    await change(ctx, principal, decide, needs="cover")
    return told


def ask_first(ctx: Context, id: str, body: Any, *, whole: bool) -> None:
    """Raise Conflict, saying who would win and lose, when writing `body` would end the running shift of somebody.

    `whole`: it replaces the schedule, else only its top-level fields. What cannot be written is refused where it is written: nobody is
    asked to confirm nonsense.
    """
    old, now = ctx.directory.schedules.get(id), ctx.clock.now()
    if old is None or not isinstance(body, dict):
        return
    try:
        directory = replace(ctx.directory, schedules={}) if whole else ctx.directory
        new: Schedule = merged(directory, "schedules", id, body)
        refuse_of_file(ctx.directory, "schedules", id)
        with_object(ctx, ctx.directory, "schedules", id, new)
    except (Invalid, Conflict):
        return
    try:
        refuse_interruption(ctx, old, new, now)
    except Conflict as error:
        told, place = rota.changes(old, new, now, now + WEEKS), zone(old.time_zone)
        shown = "; ".join(
            f"{said(one.start, place)} to {said(one.end, place)}: {_name(ctx, one.before)} -> {_name(ctx, one.after)}"
            for one in told[:MOST_TOLD]
        )
        more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        raise Conflict(
            f"{error} Send it again with ?confirm=true (on a terminal: --yes). In the next four weeks: {shown}{more}."
        ) from None


def refuse_interruption(ctx: Context, old: Schedule | None, new: Schedule | None, now: datetime) -> None:
    """Raise Conflict when the one who is on call now would lose the running shift."""
    lost = rota.interruption(old, new, now)
    if lost is None or old is None:
        return
    place = zone(old.time_zone)
    raise Conflict(
        f"{_name(ctx, lost.user)} is on call now, {ends(lost.until, now, place)}, and would lose this shift to"
        f" {_name(ctx, lost.taken_by)} at once: confirm that this is meant."
    )


def _name(ctx: Context, user: str | None) -> str:
    known = ctx.directory.users.get(user) if user else None
    return known.label if known else user or "nobody"


def _differ_by_hand_only(old: Schedule, new: Schedule | None) -> bool:
    """Whether the two differ in nothing but overrides and shadows that people made by hand."""
    if new is None:
        return False

    def written(schedule: Schedule) -> Any:
        kept = {field: tuple(e for e in getattr(schedule, field) if not e.by) for field in ("overrides", "shadows")}
        return plain(msgspec.structs.replace(schedule, **kept))

    return bool(written(old) == written(new))
