"""The report of an incident as Markdown, as a page to read and print, and as data."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.core import report
from tocsin.core.configuration import Role
from tocsin.core.record import Record
from tocsin.flow.context import Context
from tocsin.manage import rendering
from tocsin.manage.lists import time_text
from tocsin.manage.records import record_of

Form = Literal["md", "html", "json"]
MEDIA: dict[Form, str] = {
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}


async def report_of(ctx: Context, number: int, role: Role, form: Form, *, whole: bool = False) -> bytes:
    """The report from what is known now, as far as this role may see it. `whole`: a long timeline line by line.

    Raises NotFound.
    """
    async with ctx.db.reading() as tx:
        record = await record_of(ctx, tx, number, role)
    return await asyncio.to_thread(_rendered, record, ctx.clock.now(), form, whole)


def _rendered(record: Record, now: datetime, form: Form, whole: bool) -> bytes:
    if form == "json":
        return as_json(report.document(record, now))
    text = report.markdown(record, now, whole=whole)
    return (rendering.page(f"Incident Report: {record.title}", text) if form == "html" else text).encode()


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
