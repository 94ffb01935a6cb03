"""What the viewer was told without having to answer, and what became of each message."""

from __future__ import annotations

from litestar import Response, get

from tocsin.manage import news
from tocsin.web.authentication import AnyRequest, asked, context, may, viewer_of
from tocsin.web.pages import show

SHOWN = 50


@get("/me/news", guards=may("reach_self"), name="me_news", include_in_schema=False)
async def told(request: AnyRequest) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found = await news.told(ctx, viewer.someone, cursor=asked(request, "cursor") or None, limit=SHOWN)
    return await show(request, viewer, "people/news.html", items=found["items"], next=found["next"])
