"""Keeping the status page: what it says and why, its components, its subscribers."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Invalid, NotFound, Problem
from tocsin.flow.silence_alarm import explain
from tocsin.manage import status_editor, status_pages
from tocsin.manage import status_subscribers as subscribers
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, number_in, viewer_of
from tocsin.web.pages import go, show
from tocsin.web.rooms import act

HERE = "/status-page"
BADGES = {
    "operational": ("good", "check", "Operational"),
    "under_maintenance": ("busy", "box", "Under maintenance"),
    "degraded_performance": ("sev3", "sev3", "Degraded performance"),
    "partial_outage": ("sev2", "sev2", "Partial outage"),
    "major_outage": ("alarm", "cross", "Major outage"),
}
"""How the states of components are drawn in the application."""
STATES = {
    "active": ("good", "check", "Active"),
    "asked": ("calm", "clock", "Asked, not confirmed"),
    "suspended": ("sev2", "cross", "Suspended"),
}
ROOM_FOR = 3
"""Empty lines for further components in the form."""
MOST_LINES = 999


@get(HERE, guards=may("see_configuration"), name="status_page", include_in_schema=False)
async def overview(request: AnyRequest) -> Response[bytes]:
    """What the page says now, and what stands behind it."""
    ctx, viewer = context(request), viewer_of(request)
    try:
        found = await status_pages.overview(ctx)
    except NotFound:
        return await show(request, viewer, "status_page/none.html")
    news = await subscribers.receipts(ctx)
    return await show(request, viewer, "status_page/overview.html", shown=found, news=news, badges=BADGES)


@get(f"{HERE}/edit", guards=may("configure"), name="status_page_form", include_in_schema=False)
async def edit(request: AnyRequest) -> Response[bytes]:
    return await _form(request, status_editor.form(context(request)), "")


@post(f"{HERE}/edit", guards=may("configure"), name="status_page_edit", status_code=200, include_in_schema=False)
async def change(request: AnyRequest) -> Response[Any]:
    ctx, viewer = context(request), viewer_of(request)
    given = await _given(request)
    try:
        await status_editor.save(ctx, viewer.someone, given)
    except Invalid as error:
        told = "; ".join(_placed(problem) for problem in error.problems[:5])
        return await _form(request, given, told, 422)
    return go(HERE, "The status page is as you wrote it.")


FIELDS = {"name": "Name of the page", "time_zone": "Time zone", "silence_alarm": "Silence alarm"}


def _placed(problem: Problem) -> str:
    """`/components/1/services/0`: `Component 2: ...`, as the form counts them."""
    head, *rest = problem.pointer.strip("/").split("/")
    numbered = head == "components" and rest and rest[0].isdecimal()
    place = f"Component {int(rest[0]) + 1}" if numbered else FIELDS.get(head, "")
    return f"{place}: {problem.message}" if place else problem.message


async def _given(request: AnyRequest) -> dict[str, Any]:
    """The form as JSON: each line of components by its number, services as a list."""
    form = await request.form()
    given: dict[str, Any] = dict(await fields(request))
    lines: list[dict[str, Any]] = []
    for number in range(min(number_in(given.get("lines", "")) or 0, MOST_LINES)):
        line = {
            name: given.get(f"{name}-{number}", "").strip() for name in ("id", "name", "group", "description", "place")
        }
        services = [str(value) for name, value in form.multi_items() if name == f"services-{number}"]
        lines.append({**line, "services": services})
    kept = {name: given.get(name, "").strip() for name in ("name", "description", "time_zone", "silence_alarm")}
    return {**kept, "public": given.get("public") == "yes", "components": lines}


async def _form(request: AnyRequest, given: dict[str, Any], wrong: str, status: int = 200) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    lines = [
        *given["components"],
        *({"id": "", "name": "", "group": "", "description": "", "services": []} for _ in range(ROOM_FOR)),
    ]
    return await show(
        request, viewer, "status_page/edit.html", status, given=given, lines=lines, wrong=wrong,
        services=sorted(ctx.directory.services.values(), key=lambda one: one.label), origin=status_editor.origin(ctx),
    )  # fmt: skip


@get(f"{HERE}/subscribers", guards=may("configure"), name="subscribers", include_in_schema=False)
async def list_subscribers(request: AnyRequest) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    state, q = asked(request, "state"), asked(request, "q")
    found = await subscribers.list_subscribers(
        ctx, viewer.someone, state=state or None, q=q, cursor=asked(request, "cursor") or None
    )
    page = status_pages.page_of(ctx.directory)
    return await show(
        request, viewer, "status_page/subscribers.html", items=found["items"], next=found["next"], state=state, q=q,
        names={one.id: one.label for one in page.components}, mails=status_pages.takes_mail(ctx),
        counts=await subscribers.counts(ctx), states=STATES,
    )  # fmt: skip


@get(f"{HERE}/subscribers.csv", guards=may("configure"), name="subscribers_csv", include_in_schema=False)
async def as_csv(request: AnyRequest) -> Response[bytes]:
    text = await subscribers.as_csv(context(request), viewer_of(request).someone)
    headers = {"Content-Disposition": 'attachment; filename="subscribers.csv"', "Cache-Control": "no-store"}
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=headers)


@post(f"{HERE}/subscribers", guards=may("configure"), name="add_subscriber", status_code=200, include_in_schema=False)
async def add(request: AnyRequest) -> Response[Any]:
    form = await request.form()
    chosen = [str(value) for name, value in form.multi_items() if name == "component"]
    given = await fields(request)
    made = await subscribers.add(context(request), viewer_of(request).someone, given.get("address", ""), chosen)
    return go(f"{HERE}/subscribers", f"{made['address']} is told from now on.")


@post(
    f"{HERE}/subscribers/{{id:int}}/remove", guards=may("configure"), name="remove_subscriber", status_code=200,
    include_in_schema=False,
)  # fmt: skip
async def remove(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    was = await subscribers.remove(context(request), viewer_of(request).someone, id)
    return go(f"{HERE}/subscribers", f"{was['address']} is forgotten.")


@post(
    f"{HERE}/subscribers/{{id:int}}/resume", guards=may("configure"), name="resume_subscriber", status_code=200,
    include_in_schema=False,
)  # fmt: skip
async def resume(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    was = await subscribers.resume(context(request), viewer_of(request).someone, id)
    return go(f"{HERE}/subscribers", f"{was['address']} is told again.")


@post("/incidents/{id:str}/silence", guards=may("respond"), status_code=200, include_in_schema=False)
async def say_why(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Why the public is told nothing of this incident: the silence alarm ends."""
    ctx = context(request)
    return await act(request, id, lambda number, actor, given: explain(ctx, number, actor, given.get("reason", "")))


ROUTES = [overview, edit, change, list_subscribers, as_csv, add, remove, resume, say_why]
