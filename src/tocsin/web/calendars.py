"""`/ical/{token}.ics`: shifts for a calendar program, which only has the link. Nothing here needs signing in."""

from __future__ import annotations

from litestar import HttpMethod, Response, route
from litestar.params import FromPath

from tocsin.core.errors import NotFound
from tocsin.manage import calendars
from tocsin.web.authentication import AnyRequest, context

FRESH = 300
"""Seconds for which a calendar need not ask again."""


@route(
    "/ical/{name:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], name="ical", opt={"open_door": True},
    include_in_schema=False,
)  # fmt: skip
async def ical(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """The calendar; 304 when it did not change, 410 when the link was revoked, 404 when it never was one of ours."""
    headers = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "Cache-Control": "no-store"}
    try:
        feed = await calendars.feed(context(request), name.removesuffix(".ics"))
    except NotFound as error:
        return Response(f"{error}\n".encode(), status_code=404, media_type="text/plain", headers=headers)
    if feed.gone:
        return Response(f"{feed.gone}\n".encode(), status_code=410, media_type="text/plain", headers=headers)
    headers |= {"Cache-Control": f"private, max-age={FRESH}", "ETag": feed.etag}
    if feed.etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(b"", status_code=304, headers=headers)
    headers["Content-Disposition"] = 'inline; filename="tocsin.ics"'
    return Response(feed.body, media_type="text/calendar", headers=headers)
