"""*Now*: what is open, worst first, and who is on call."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from tocsin.manage import desk, handoffs, oncall, public_side
from tocsin.web.authentication import AnyRequest, context, may, viewer_of
from tocsin.web.pages import show


async def now_data(request: AnyRequest) -> dict[str, Any]:
    """What the page shows; `on_call` is None for those who may not see it."""
    ctx, viewer = context(request), viewer_of(request)
    seen = await desk.overview(ctx, viewer.someone.role)
    on_call = (await oncall.now(ctx))["items"] if viewer.may("see_on_call") else None
    unsigned = await handoffs.unsigned(ctx) if viewer.may("see_on_call") else []
    silent = await public_side.silent(ctx)
    return {**seen, "silent": silent, "on_call": on_call, "unsigned": unsigned, "services": len(ctx.directory.services)}


@get("/", guards=may("see_incidents"), name="now", include_in_schema=False)
async def now(request: AnyRequest) -> Response[bytes]:
    viewer = viewer_of(request)
    template = "now/open.html" if viewer.live else "now/now.html"
    return await show(request, viewer, template, **await now_data(request))
