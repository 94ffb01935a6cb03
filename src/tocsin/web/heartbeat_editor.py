"""Heartbeats made, changed and removed in the browser. Those that a file holds are shown with their place and stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.checking import zones
from tocsin.core.errors import Conflict, Invalid
from tocsin.core.spelling import plain
from tocsin.manage import heartbeats, objects
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show

FIELDS = ("name", "service", "period", "cron", "time_zone", "grace", "severity", "description", "key")


@get("/new/heartbeat", guards=may("configure"), name="new_heartbeat", include_in_schema=False)
async def new(request: AnyRequest) -> Response[bytes]:
    """An empty form; its key is a fresh one."""
    asked = request.query_params.get("service", "")
    given = {"rhythm": "period", "period": "1d", "grace": "1h", "key": str(uuid4()), "service": asked}
    return await _form(request, None, given, {})


@post("/new/heartbeat", guards=may("configure"), status_code=200, include_in_schema=False)
async def make(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    try:
        body = {"id": given.get("id", "").strip(), **_body(given)}
        made = await objects.create(context(request), viewer_of(request).someone, "heartbeats", body)
    except (Conflict, Invalid) as error:
        return await _form(request, None, given, _wrong(error), 422)
    return go(
        f"/heartbeats/{quote(made.object.id)}", "Made. It waits for its first ping; until then nothing is missed."
    )


@get("/heartbeats/{id:str}/edit", guards=may("configure"), name="edit_heartbeat", include_in_schema=False)
async def edit(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    beat = objects.find(context(request), "heartbeats", id).object
    given = {name: str(value) for name, value in plain(beat).items() if value is not None}
    return await _form(request, id, {**given, "rhythm": "cron" if beat.cron else "period"}, {})


@post("/heartbeats/{id:str}/edit", guards=may("configure"), status_code=200, include_in_schema=False)
async def change(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    given = await fields(request)
    try:
        body = {**dict.fromkeys(FIELDS), **_body(given)}
        await objects.update(context(request), viewer_of(request).someone, "heartbeats", id, body)
    except (Conflict, Invalid) as error:
        return await _form(request, id, given, _wrong(error), 409 if isinstance(error, Conflict) else 422)
    return go(f"/heartbeats/{quote(id)}", "Saved.")


@post("/heartbeats/{id:str}/delete", guards=may("configure"), status_code=200, include_in_schema=False)
async def remove(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    try:
        gone = await objects.remove(context(request), viewer_of(request).someone, "heartbeats", id)
    except Conflict as error:
        return go(f"/heartbeats/{quote(id)}", str(error), kind="problem")
    return go("/heartbeats", f"Removed: {gone.object.label}. Its pings are answered with 404 from now on.")


def _body(given: Mapping[str, str]) -> dict[str, str]:
    """What the form says; an empty field is left out, and of period and cron the one that was not chosen."""
    other = "period" if given.get("rhythm") == "cron" else "cron"
    return {name: text for name in FIELDS if name != other and (text := given.get(name, "").strip())}


def _wrong(error: Exception) -> dict[str, str]:
    """Each problem at the field that it is about; what is about none stands on top."""
    if not isinstance(error, Invalid):
        return {"": str(error)}
    found: dict[str, str] = {}
    for problem in error.problems:
        name = problem.pointer.strip("/").partition("/")[0]
        found.setdefault(name if name in (*FIELDS, "id") else "", problem.message)
    return found


async def _form(
    request: AnyRequest, id: str | None, given: Mapping[str, str], wrong: Mapping[str, str], status: int = 200
) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found = None if id is None else await heartbeats.get(ctx, viewer.someone, id)
    return await show(
        request, viewer, "heartbeats/edit.html", status, beat=found, given=given, wrong=wrong, zones=sorted(zones()),
        services=sorted(ctx.directory.services.values(), key=lambda one: one.label.lower()),
    )  # fmt: skip


ROUTES: Sequence[Any] = (new, make, edit, change, remove)
