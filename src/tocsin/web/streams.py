"""Live pages by SSE: entries of the timeline as HTML, and a sign of life when there is nothing to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.response import Stream as StreamResponse

from tocsin.core.errors import Unauthenticated
from tocsin.core.incident import parse_id
from tocsin.core.permission import hidden_kinds
from tocsin.manage import access, incidents
from tocsin.manage.stream import Signal, Stream
from tocsin.web.authentication import SESSION, AnyRequest, context, may, viewer_of
from tocsin.web.pages import render
from tocsin.web.viewer import Viewer

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def frame(event: str, data: str, id: str = "") -> bytes:
    """One event of an event stream."""
    lines = [f"id: {id}"] if id else []
    lines += [f"event: {event}", *(f"data: {line}" for line in data.split("\n"))]
    return ("\n".join(lines) + "\n\n").encode()


def _resume(request: AnyRequest) -> str | None:
    return request.headers.get("last-event-id") or request.query_params.get("after")


@get("/stream", guards=may("see_incidents"), name="stream", include_in_schema=False)
async def everything(request: AnyRequest) -> StreamResponse:
    """Tells *Now* and the lists that something happened; they draw themselves again."""
    return await _streamed(request, None)


@get("/incidents/{id:str}/stream", guards=may("see_incidents"), name="room_stream", include_in_schema=False)
async def of_incident(request: AnyRequest, id: FromPath[str]) -> StreamResponse:
    """Entries of one incident, each as the HTML that the room adds to its timeline."""
    number = parse_id(id)
    await incidents.get(context(request), number)
    return await _streamed(request, number)


async def _streamed(request: AnyRequest, number: int | None) -> StreamResponse:
    viewer = viewer_of(request)
    signals = stream_of(request).listen(_resume(request), number, hidden_kinds(viewer.someone.role), viewer.someone)
    return StreamResponse(
        _frames(request, viewer, signals, number is not None), media_type="text/event-stream", headers=HEADERS
    )


def stream_of(request: AnyRequest) -> Stream:
    """This node's reader of the timeline, shared with the API and made when the first listener comes."""
    state = request.app.state
    if "stream" not in state:
        state.stream = Stream(context(request))
    found: Stream = state.stream
    return found


FEW = 20
"""Watchers who may all draw a state anew at once."""
EACH = 40
"""Milliseconds that each one more adds to the time over which they take turns."""


def spread(request: AnyRequest) -> int:
    """Over how many milliseconds those who watch draw anew what changed."""
    many = stream_of(request).listening
    return EACH * many if many > FEW else 0


async def _frames(
    request: AnyRequest, viewer: Viewer, signals: AsyncIterator[Signal], drawn: bool
) -> AsyncIterator[bytes]:
    """Ends by itself when the session is over."""
    yield b"retry: 2000\n\n"
    async for signal in signals:
        match signal.kind:
            case "entry":
                yield frame("entry", await _entry(request, viewer, signal) if drawn else "1", signal.id)
            case "reload":
                yield frame("reload", "1", signal.id)
            case _:
                if not await _still_the_same(request, viewer):
                    return
                yield frame("alive", "1", signal.id)


REMEMBERED = 500
"""Drawn entries that a node keeps, so that each is drawn once for everybody who reads it alike."""
Drawn = dict[tuple[bytes, str, str | None], asyncio.Future[str]]


async def _entry(request: AnyRequest, viewer: Viewer, signal: Signal) -> str:
    """The entry as HTML: the same for all who live in one zone and have one role."""
    drawn: Drawn = request.app.state.setdefault("drawn", {})
    key = (signal.data, viewer.zone.key, viewer.role)
    if key not in drawn:
        data = {"entry": msgspec.json.decode(signal.data), "fresh": True}
        work = asyncio.to_thread(render, context(request), viewer, "incidents/entry.html", data)
        drawn[key] = asyncio.ensure_future(work)
        while len(drawn) > REMEMBERED:
            del drawn[next(iter(drawn))]
    return await asyncio.shield(drawn[key])


async def _still_the_same(request: AnyRequest, viewer: Viewer) -> bool:
    """False once the session is over or the role has changed: what may be told has then changed too."""
    try:
        principal = await access.principal_of_session(context(request), request.cookies.get(SESSION, ""))
    except Unauthenticated:
        return False
    return principal.role == viewer.role
