"""The report of an incident as Markdown, as a page to read and print, and as data."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from tocsin.core import report
from tocsin.core.calendar import zone
from tocsin.core.configuration import Role
from tocsin.core.permission import Principal
from tocsin.core.record import Record
from tocsin.flow.context import Context
from tocsin.manage import rendering
from tocsin.manage.lists import time_text
from tocsin.manage.records import record_of

UTC_ZONE = ZoneInfo("UTC")
Form = Literal["md", "html", "json"]
MEDIA: dict[Form, str] = {
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}


async def report_of(
    ctx: Context, number: int, role: Role, form: Form, *, whole: bool = False, place: ZoneInfo = UTC_ZONE
) -> bytes:
    """The report from what is known now, as far as this role may see it. `whole`: a long timeline line by line; `place`: the zone of the
    times where it is HTML (elsewhere they are UTC).

    Raises NotFound.
    """
    async with ctx.db.reading() as tx:
        record = await record_of(ctx, tx, number, role)
    return await asyncio.to_thread(_rendered, record, ctx.clock.now(), form, whole, place)


def _rendered(record: Record, now: datetime, form: Form, whole: bool, place: ZoneInfo) -> bytes:
    if form == "json":
        return as_json(report.document(record, now))
    text = report.markdown(record, now, whole=whole, dated=form == "html")
    return (rendering.page(f"Incident Report: {record.title}", text, place) if form == "html" else text).encode()


async def shown(ctx: Context, number: int, role: Role, whole: bool, place: ZoneInfo) -> str:
    """The same as HTML that stands within a page, with times in the zone `place`. Raises NotFound."""
    async with ctx.db.reading() as tx:
        record = await record_of(ctx, tx, number, role)
    now = ctx.clock.now()
    return await asyncio.to_thread(
        lambda: rendering.in_zone(rendering.html_of(report.markdown(record, now, whole=whole, dated=True)), place)
    )


def zone_of(ctx: Context, principal: Principal) -> ZoneInfo:
    """The zone of somebody's profile; UTC for tokens of nobody."""
    user = ctx.directory.users.get(principal.user or "")
    return zone(user.time_zone) if user else UTC_ZONE


def as_json(document: Any) -> bytes:
    """Times as everywhere in the API."""
    return msgspec.json.encode(msgspec.to_builtins(plain(document)))


def plain(value: Any) -> Any:
    """Times as text, in whatever is nested."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
