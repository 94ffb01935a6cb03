"""What is planned and worth watching: migrations, campaigns, sales. Handoffs tell the incoming of those that fall into their shift."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.errors import Invalid, NotFound
from tocsin.flow.context import Context
from tocsin.manage.lists import read_time, time_text
from tocsin.store import handoffs
from tocsin.store.handoffs import Planned

LONGEST_TITLE = 300
LONGEST_LOAD = 100
LONGEST = timedelta(days=366)


class PlannedEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`from` and `to` are RFC 3339 (without `to`: one hour); `expected_load` is free text (`2x`, `+40 % orders`).

    `schedule` names the one schedule that it concerns; without it all are told.
    """

    title: str
    start: str = msgspec.field(name="from")
    end: str | None = msgspec.field(name="to", default=None)
    expected_load: str = ""
    schedule: str | None = None


class PlannedChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    title: str | None = None
    start: str | None = msgspec.field(name="from", default=None)
    end: str | None = msgspec.field(name="to", default=None)
    expected_load: str | None = None
    schedule: str | msgspec.UnsetType | None = msgspec.UNSET


def view(event: Planned) -> dict[str, Any]:
    return {
        "id": event.id,
        "title": event.title,
        "from": time_text(event.starts_at),
        "to": time_text(event.ends_at),
        "expected_load": event.expected_load,
        "schedule": event.schedule,
        "created_by": event.created_by,
    }


async def list_events(
    ctx: Context, start: datetime | None = None, end: datetime | None = None, schedule: str | None = None
) -> dict[str, Any]:
    """`{"items", "next"}` in order of time: those that touch [start, end), by default all that have not ended."""
    async with ctx.db.reading() as tx:
        found = await handoffs.planned(tx, start or ctx.clock.now(), end, schedule or None)
    return {"items": [view(event) for event in found], "next": None}


async def add(ctx: Context, wanted: PlannedEvent, actor: str) -> dict[str, Any]:
    """Plan one. Raises Invalid."""
    now = ctx.clock.now()
    start = _time(wanted.start, "from")
    end = _time(wanted.end, "to") if wanted.end else start + timedelta(hours=1)
    made = Planned(
        id=0, title=_text(wanted.title), starts_at=start, ends_at=end, expected_load=wanted.expected_load,
        schedule=wanted.schedule or None, created_by=actor, created_at=now,
    )  # fmt: skip
    made = _checked(ctx, made)
    async with ctx.db.transaction() as tx:
        made.id = await handoffs.add_planned(
            tx, made.title, made.starts_at, made.ends_at, made.expected_load, made.schedule, actor, now
        )
    return view(made)


async def change(ctx: Context, id: int, wanted: PlannedChange) -> dict[str, Any]:
    """Change one. Raises NotFound, Invalid."""
    async with ctx.db.transaction() as tx:
        found = await handoffs.find_planned(tx, id) if 0 < id < 2**63 else None
        if found is None:
            raise NotFound(f"There is no planned event {id}")
        if wanted.title is not None:
            found.title = _text(wanted.title)
        if wanted.start is not None:
            found.starts_at = _time(wanted.start, "from")
        if wanted.end is not None:
            found.ends_at = _time(wanted.end, "to")
        if wanted.expected_load is not None:
            found.expected_load = wanted.expected_load
        if wanted.schedule is not msgspec.UNSET:
            found.schedule = wanted.schedule or None
        await handoffs.change_planned(tx, _checked(ctx, found))
    return view(found)


async def remove(ctx: Context, id: int) -> dict[str, Any]:
    """Forget one; what it was. Raises NotFound."""
    async with ctx.db.transaction() as tx:
        found = await handoffs.find_planned(tx, id) if 0 < id < 2**63 else None
        if found is None or not await handoffs.remove_planned(tx, id):
            raise NotFound(f"There is no planned event {id}")
    return view(found)


def _text(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()


def _time(text: str, name: str) -> datetime:
    at = read_time(text, name)
    if at is None:
        raise Invalid("Say when: write it like 2026-01-05T09:00:00Z", f"/{name}")
    return at


def _checked(ctx: Context, event: Planned) -> Planned:
    if not event.title or len(event.title) > LONGEST_TITLE:
        raise Invalid(f"Say what is planned, in at most {LONGEST_TITLE} characters", "/title")
    if event.ends_at <= event.starts_at:
        raise Invalid("It must end after it begins", "/to")
    if event.ends_at - event.starts_at > LONGEST:
        raise Invalid("A planned event lasts a year at most", "/to")
    event.expected_load = _text(event.expected_load)
    if len(event.expected_load) > LONGEST_LOAD:
        raise Invalid(f"Shorten this to {LONGEST_LOAD} characters", "/expected_load")
    if event.schedule is not None and event.schedule not in ctx.directory.schedules:
        raise Invalid(f"there is no schedule {event.schedule!r}", "/schedule")
    return event
