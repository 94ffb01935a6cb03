"""Handoffs: the outgoing writes, the incoming signs. And the planned events that both should watch."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.calendar import instant
from tocsin.core.errors import Conflict, Forbidden, Invalid
from tocsin.core.handoff import SECTIONS, Section
from tocsin.manage import handoffs, planned_events
from tocsin.manage.handoffs import Change, Line
from tocsin.manage.planned_events import PlannedEvent
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.pages import HEADERS, go, show

PER_PAGE = 10
WAITING = "draft,unsigned"
"""States in which somebody is still to do something."""
OVER = "signed,lapsed"


@get("/handoffs", guards=may("see_on_call"), name="handoffs", include_in_schema=False)
async def list_handoffs(request: AnyRequest) -> Response[bytes]:
    """Those that wait, then those that were; and what is planned."""
    return await _list(request)


async def _list(request: AnyRequest, status: int = 200, **form: Any) -> Response[bytes]:
    ctx, schedule, cursor = context(request), asked(request, "schedule") or None, asked(request, "cursor") or None
    over = await handoffs.list_handoffs(ctx, schedule=schedule, state=OVER, cursor=cursor, limit=PER_PAGE)
    waiting = await handoffs.list_handoffs(ctx, schedule=schedule, state=WAITING) if cursor is None else {"items": []}
    planned = await planned_events.list_events(ctx)
    query = {"cursor": over["next"], **({"schedule": schedule} if schedule else {})}
    return await show(
        request, viewer_of(request), "handoffs/list.html", status, waiting=waiting["items"], items=over["items"],
        planned=planned["items"], first=cursor is None,
        schedules=sorted(ctx.directory.schedules.values(), key=lambda one: (one.name or one.id).lower()),
        older=f"/handoffs?{urlencode(query)}" if over["next"] else None, given=form.get("given", {}),
        wrong=form.get("wrong", {}),
    )  # fmt: skip


@get("/handoffs/{id:int}", guards=may("see_on_call"), name="handoff", include_in_schema=False)
async def handoff(request: AnyRequest, id: FromPath[int]) -> Response[bytes]:
    return await _page(request, id)


async def _page(request: AnyRequest, id: int, status: int = 200, problem: str = "") -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found = await handoffs.get(ctx, min(id, 2**63 - 1))
    acts = viewer.may("respond")
    return await show(
        request, viewer, "handoffs/handoff.html", status, handoff=found, headings=SECTIONS, problem=problem,
        writes=acts and handoffs.may_write(viewer.someone, found), signs=acts and handoffs.may_sign(viewer.someone, found),
    )  # fmt: skip


@get("/handoffs/{id:int}/handoff.md", guards=may("see_on_call"), name="handoff_markdown", include_in_schema=False)
async def markdown(request: AnyRequest, id: FromPath[int]) -> Response[bytes]:
    text = await handoffs.as_markdown(context(request), min(id, 2**63 - 1))
    extra = {
        **HEADERS,
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="handoff-{id}.md"',
    }
    return Response(text.encode(), media_type="text/markdown; charset=utf-8", headers=extra)


@post("/handoffs/{id:int}/edit", guards=may("respond"), status_code=200, include_in_schema=False)
async def edit(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    """One form for the whole handoff: a ticket and a remark beside each line, lines of one's own, notes."""
    try:
        change = _change(await fields(request))
        await handoffs.edit(context(request), min(id, 2**63 - 1), change, viewer_of(request).someone)
    except (Conflict, Forbidden, Invalid) as error:
        return await _page(request, id, 422, str(error))
    return go(f"/handoffs/{id}", "Saved: the incoming reads it like this.")


def _change(given: dict[str, str]) -> Change:
    def about(kind: str) -> dict[str, str]:
        return {name.removeprefix(kind): text for name, text in given.items() if name.startswith(kind)}

    sections: tuple[Section, ...] = get_args(Section)
    return Change(
        notes=given.get("notes"),
        tickets=about("ticket."),
        remarks=about("remark."),
        add=tuple(Line(section=name, text=text) for name in sections if (text := given.get(f"add.{name}", "").strip())),
        drop=tuple(about("drop.")),
        restore=tuple(about("restore.")),
    )


@post("/handoffs/{id:int}/sign", guards=may("respond"), status_code=200, include_in_schema=False)
async def sign(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    try:
        signed = await handoffs.sign(context(request), min(id, 2**63 - 1), viewer_of(request).someone)
    except (Conflict, Forbidden) as error:
        return await _page(request, id, 422, str(error))
    own = viewer_of(request).user == signed["incoming"]
    return go(
        f"/handoffs/{id}", "Signed: the shift is yours." if own else "Signed in their name: it is in the records."
    )


@post("/planned-events", guards=may("respond"), status_code=200, include_in_schema=False)
async def plan(request: AnyRequest) -> Response[Any]:
    ctx, viewer, given = context(request), viewer_of(request), await fields(request)
    try:
        wanted = PlannedEvent(
            title=given.get("title", ""),
            start=_local(given.get("from", ""), viewer.zone, "from"),
            end=_local(given["to"], viewer.zone, "to") if given.get("to") else None,
            expected_load=given.get("expected_load", ""),
            schedule=given.get("schedule") or None,
        )
        await planned_events.add(ctx, wanted, viewer.someone.id)
    except Invalid as error:
        return await _list(request, 422, given=given, wrong={error.pointer.strip("/"): str(error)})
    return go("/handoffs#planned", "Planned: handoffs of that time tell of it.")


def _local(text: str, zone: ZoneInfo, name: str) -> str:
    """What a `datetime-local` field says, in the viewer's zone, as RFC 3339."""
    try:
        return instant(datetime.fromisoformat(text).replace(tzinfo=None), zone).isoformat()
    except ValueError:
        raise Invalid(f"{text!r} is not a time: write it like 2026-01-05T09:00", f"/{name}") from None


@post("/planned-events/{id:int}/remove", guards=may("respond"), status_code=200, include_in_schema=False)
async def remove_plan(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    gone = await planned_events.remove(context(request), min(id, 2**63 - 1))
    return go("/handoffs#planned", f"Removed: {gone['title']}")
