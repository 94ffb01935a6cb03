"""Heartbeats: which jobs live, drawn by their pings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.manage import heartbeats
from tocsin.web import strips
from tocsin.web.authentication import AnyRequest, context, may, viewer_of
from tocsin.web.pages import go, show

ORDER = ("down", "late", "started", "up", "new", "paused")


@get("/heartbeats", guards=may("see_services"), name="heartbeats", include_in_schema=False)
async def list_heartbeats(request: AnyRequest) -> Response[bytes]:
    """Those that are down first."""
    ctx, viewer = context(request), viewer_of(request)
    found = (await heartbeats.list_heartbeats(ctx, viewer.someone, limit=200))["items"]
    found.sort(key=lambda beat: (ORDER.index(beat["status"]), beat["id"]))
    drawn = {beat["id"]: strips.pulse(beat, viewer.now) for beat in found}
    return await show(request, viewer, "heartbeats/list.html", items=found, drawn=drawn, width=strips.WIDTH)


@get("/heartbeats/{id:str}", guards=may("see_services"), name="heartbeat", include_in_schema=False)
async def heartbeat(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found = await heartbeats.get(ctx, viewer.someone, id)
    return await show(
        request,
        viewer,
        "heartbeats/heartbeat.html",
        beat=found,
        drawn=strips.pulse(found, viewer.now),
        width=strips.WIDTH,
    )


@post(
    "/heartbeats/{id:str}/pause", guards=may("mute"), name="pause_heartbeat", status_code=200, include_in_schema=False
)
async def pause(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    await heartbeats.pause(context(request), viewer_of(request).someone, id, True)
    return go(f"/heartbeats/{id}", "Paused until it pings or you resume it.")


@post(
    "/heartbeats/{id:str}/resume", guards=may("mute"), name="resume_heartbeat", status_code=200, include_in_schema=False
)
async def resume(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    await heartbeats.pause(context(request), viewer_of(request).someone, id, False)
    return go(f"/heartbeats/{id}", "Watched again, as if it had pinged now.")


ROUTES: Sequence[Any] = (list_heartbeats, heartbeat, pause, resume)
