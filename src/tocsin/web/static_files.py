"""`/static/{hash}/{name}`, `/favicon.ico` and `/robots.txt`."""

from __future__ import annotations

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Redirect

from tocsin.core.errors import NotFound
from tocsin.web.assets import Asset, assets
from tocsin.web.authentication import AnyRequest

FOREVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=300"


def _answer(request: AnyRequest, asset: Asset, keep: str) -> Response[bytes]:
    etag = f'"{asset.digest}"'
    headers = {"ETag": etag, "Cache-Control": keep, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if "gzip" in request.headers.get("accept-encoding", "") and len(asset.packed) < len(asset.body):
        return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.body, headers=headers, media_type=asset.media_type)


@get("/static/{digest:str}/{name:path}", name="static", include_in_schema=False)
async def static(request: AnyRequest, digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A file under its hash is kept for ever; under another hash (a page of another release) for five minutes."""
    asset = assets().find(name.lstrip("/"))
    if asset is None:
        raise NotFound("There is no such file.")
    return _answer(request, asset, FOREVER if digest == asset.digest else SHORTLY)


@get("/favicon.ico", name="favicon", include_in_schema=False)
async def favicon() -> Redirect:
    return Redirect(assets().url("bell.svg"))


@get("/robots.txt", name="robots", media_type="text/plain", include_in_schema=False)
async def robots() -> str:
    return "User-agent: *\nAllow: /status\nDisallow: /\n"
