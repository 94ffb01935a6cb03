"""Server-sent events: the timeline as it is committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from litestar import get
from litestar.params import FromQuery, HeaderParameter
from litestar.response import Stream as StreamResponse

from tocsin.api.answers import AnyRequest
from tocsin.api.authentication import context, may, principal_of
from tocsin.core.incident import parse_id
from tocsin.core.permission import hidden_kinds
from tocsin.manage import incidents
from tocsin.manage.stream import Signal, Stream

RETRY = b"retry: 1000\n\n"

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def stream_of(request: AnyRequest) -> Stream:
    """This node's reader, made when the first listener comes."""
    state = request.app.state
    if "stream" not in state:
        state.stream = Stream(context(request))
    found: Stream = state.stream
    return found


def encode(signal: Signal) -> bytes:
    """One event on the wire. A sign of life carries an id too, so that whoever comes back need not go far back."""
    head = f"id: {signal.id}\n".encode()
    match signal.kind:
        case "entry":
            return head + b"data: " + signal.data + b"\n\n"
        case "reload":
            return head + b"event: reload\ndata: {}\n\n"
        case _:
            return b": alive\n" + head + b"\n"


async def _events(signals: AsyncIterator[Signal]) -> AsyncIterator[bytes]:
    yield RETRY
    async for signal in signals:
        yield encode(signal)


@get("/stream", guards=may("see_incidents"), summary="Timeline entries as they are committed (server-sent events)")
async def stream(
    request: AnyRequest,
    incident: FromQuery[str | None] = None,
    after: FromQuery[str | None] = None,
    last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
) -> StreamResponse:
    """`data` is a timeline entry with its `incident`. `incident` limits it to one; `after` is the id of the last event, or of
    the last entry already shown, for those who cannot send `Last-Event-ID`. An event `reload` says: too much was missed.
    """
    number = parse_id(incident) if incident else None
    if number is not None:
        await incidents.get(context(request), number)
    who = principal_of(request)
    signals = stream_of(request).listen(last_event_id or after, number, hidden_kinds(who.role), who)
    return StreamResponse(_events(signals), media_type="text/event-stream", headers=_HEADERS)


ROUTES = [stream]
