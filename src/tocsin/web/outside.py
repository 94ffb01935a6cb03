"""Rooms outside: which follow incidents, whether what they are told arrives, and what did not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Conflict, NotFound
from tocsin.core.incident import parse_id, public_id
from tocsin.manage import rooms
from tocsin.web.authentication import AnyRequest, context, may, viewer_of
from tocsin.web.pages import go, show
from tocsin.web.viewer import Viewer

STATES = {
    "idle": ("calm", "gap", "Nothing to follow"),
    "well": ("good", "check", "Well"),
    "troubled": ("alarm", "cross", "Nothing arrives"),
    "opening": ("busy", "clock", "Opening"),
    "open": ("good", "check", "Open"),
    "closed": ("calm", "box", "Closed"),
}
KINDS = {
    "open": "opening",
    "topic": "topics",
    "invite": "invitations",
    "pin": "summaries",
    "message": "messages",
    "close": "closing",
}


@get("/rooms", guards=may("see_configuration"), name="rooms", include_in_schema=False)
async def list_rooms(request: AnyRequest) -> Response[bytes]:
    """Those in trouble first, and below what was given up."""
    ctx, viewer = context(request), viewer_of(request)
    found = (await rooms.list_rooms(ctx, viewer.someone, limit=200))["items"]
    found.sort(key=lambda one: (("troubled", "well", "idle").index(one["state"]), one["id"]))
    failed = _together(await rooms.failures(ctx)) if viewer.may("see_pages") else []
    return await show(request, viewer, "rooms/list.html", items=found, failed=failed, states=STATES)


def _together(failures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each room of an incident: how much failed there, of which kinds, and what was said last."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in failures:
        line = found.setdefault((one["incident"], one["room"]), {**one, "count": 0, "kinds": []})
        line["count"] += 1
        if KINDS[one["kind"]] not in line["kinds"]:
            line["kinds"].append(KINDS[one["kind"]])
    return list(found.values())


@post(
    "/incidents/{id:str}/rooms/{room:str}/retry", guards=may("respond"), name="retry_room", status_code=200,
    include_in_schema=False,
)  # fmt: skip
async def retry(request: AnyRequest, id: FromPath[str], room: FromPath[str]) -> Response[Any]:
    """Tell a room again what failed; back to the page that asked."""
    number = parse_id(id)
    back = "/rooms" if "back" in request.query_params else f"/incidents/{public_id(number)}"
    try:
        done = await rooms.retry(context(request), number, room)
    except (Conflict, NotFound) as error:
        return go(back, str(error))
    return go(back, f"{done.sentence}.")


async def outside_part(ctx: Any, viewer: Viewer, number: int) -> dict[str, Any] | None:
    """The rooms of an incident besides its page; None where there are none, or the viewer may not see them."""
    if not ctx.directory.rooms or not viewer.may("see_pages"):
        return None
    found = (await rooms.of_incident(ctx, number))["items"][1:]
    return {"items": found, "states": STATES} if found else None


ROUTES: Sequence[Any] = (list_rooms, retry)
