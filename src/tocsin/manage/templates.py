"""Schedules made from a pattern, all of them or none."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.core.configuration import Schedule
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.permission import Principal
from tocsin.core.shape import short
from tocsin.core.spelling import WEEKDAYS, ClockTime, WallTime, plain
from tocsin.core.template import TEMPLATES, Filling, Region
from tocsin.flow.context import Context
from tocsin.manage import files
from tocsin.manage.configuration import change
from tocsin.manage.objects import with_object


class RegionFilled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    users: list[str]
    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")


class Filled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody filled in. Times are written as in a file: `starts: 2026-01-05T09:00`, `from: "09:00"`."""

    id: str
    time_zone: str
    starts: str
    name: str = ""
    team: str | None = None
    users: list[str] = []
    nights: list[str] = []
    regions: list[RegionFilled] = []
    days: dict[str, str] = {}
    start: str = msgspec.field(name="from", default="09:00")
    end: str = msgspec.field(name="to", default="17:00")


def list_templates() -> dict[str, Any]:
    """`{"items": [{id, name, says, fields}], "next": null}`."""
    items = [{"id": t.id, "name": t.name, "says": t.says, "fields": list(t.fields)} for t in TEMPLATES.values()]
    return {"items": items, "next": None}


def made(name: str, filled: Filled) -> list[Schedule]:
    """The schedules of a pattern, not yet checked against what is configured. Raises NotFound, Invalid."""
    template = TEMPLATES.get(name)
    if template is None:
        raise NotFound(f"There is no pattern {short(name)}: known are {', '.join(TEMPLATES)}.")
    wrong = next((day for day in filled.days if day not in WEEKDAYS), None)
    if wrong is not None:
        raise Invalid(f"{short(wrong)} is not a day: write {', '.join(WEEKDAYS)}", f"/days/{wrong}")
    filling = Filling(
        id=filled.id, time_zone=filled.time_zone, starts=_read(WallTime, filled.starts, "starts"), name=filled.name,
        team=filled.team or None, users=tuple(filled.users), nights=tuple(filled.nights),
        regions=tuple(_region(place, each) for place, each in enumerate(filled.regions)),
        days={day: filled.days[day] for day in WEEKDAYS if day in filled.days},
        start=_read(ClockTime, filled.start, "from"), end=_read(ClockTime, filled.end, "to"),
    )  # fmt: skip
    return template.make(filling)


def _region(place: int, filled: RegionFilled) -> Region:
    start, end = (
        _read(ClockTime, text, f"regions/{place}/{f}") for f, text in (("from", filled.start), ("to", filled.end))
    )
    return Region(id=filled.id, users=tuple(filled.users), start=start, end=end)


def _read(kind: Any, text: str, field: str) -> Any:
    try:
        return kind.parse(text)
    except ValueError as error:
        raise Invalid(str(error), f"/{field}") from None


async def use(
    ctx: Context, principal: Principal, name: str, filled: Filled, *, dry_run: bool = False
) -> dict[str, Any]:
    """`{"items": [schedules], "yaml"}`: made, or with `dry_run` only checked and shown. Raises NotFound, Invalid, Conflict, Forbidden."""
    wanted = made(name, filled)

    def decide(old: Directory) -> Directory:
        for one in wanted:
            if one.id in old.schedules:
                raise Conflict(f"There already is a schedule {short(one.id)}: choose another id.")
            old = with_object(ctx, old, "schedules", one.id, one)
        return old

    await change(ctx, principal, decide, dry_run=dry_run)
    return {"items": [plain(one) for one in wanted], "yaml": files.write(Directory.of({"schedules": wanted}))}
