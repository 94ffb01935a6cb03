"""For load balancers and Prometheus; open to everyone, and telling nothing of what happens to whom."""

from __future__ import annotations

import msgspec
from litestar import HttpMethod, Response, get, route
from prometheus_client import CONTENT_TYPE_LATEST

from tocsin.api.answers import AnyRequest
from tocsin.api.authentication import context
from tocsin.manage import health

_FRESH = {"Cache-Control": "no-store"}
_LOOK = [HttpMethod.GET, HttpMethod.HEAD]
"""Load balancers ask with either."""


@route("/livez", http_method=_LOOK, summary="The process answers", opt={"open_door": True}, include_in_schema=False)
async def livez() -> Response[bytes]:
    return Response(b"ok\n", media_type="text/plain", headers=_FRESH)


@route(
    "/readyz",
    http_method=_LOOK,
    summary="Migrated, engine running, database writable",
    opt={"open_door": True},
    include_in_schema=False,
)
async def readyz(request: AnyRequest) -> Response[bytes]:
    """200 when ready, else 503; the body says of each part whether it is well."""
    found = await health.readiness(context(request), request.app.state.engine)
    body = msgspec.json.encode({"ready": found.ready, **msgspec.to_builtins(found)})
    headers = _FRESH if found.ready else {**_FRESH, "Retry-After": "2"}
    return Response(body, status_code=200 if found.ready else 503, media_type="application/json", headers=headers)


@get("/metrics", summary="Prometheus metrics", opt={"open_door": True}, include_in_schema=False)
async def metrics(request: AnyRequest) -> Response[bytes]:
    body = await health.exposition(context(request), request.app.state.intake)
    return Response(body, headers={**_FRESH, "Content-Type": CONTENT_TYPE_LATEST})


ROUTES = [livez, readyz, metrics]
