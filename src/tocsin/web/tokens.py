"""API tokens and sign-in links, for administrators."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.permission import MAY, ROLES
from tocsin.manage import access
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show

SECRET = {"Cache-Control": "no-store"}


@get("/tokens", guards=may("manage_access"), name="tokens", include_in_schema=False)
async def list_tokens(request: AnyRequest) -> Response[bytes]:
    return await _page(request, {}, {})


@post("/tokens", guards=may("manage_access"), name="create_token", status_code=200, include_in_schema=False)
async def create_token(request: AnyRequest) -> Response[Any]:
    """Shows the new token, once."""
    given = await fields(request)
    try:
        token, secret = await access.create_token(
            context(request), viewer_of(request).someone, given.get("name", ""), given.get("role", "")
        )
    except (Invalid, Conflict) as error:
        name = error.pointer.strip("/") if isinstance(error, Invalid) else "name"
        return await _page(request, given, {name: str(error)}, 422)
    viewer = viewer_of(request)
    return await show(request, viewer, "tokens/created.html", headers=SECRET, token=token, secret=secret,
                      url=context(request).settings.external_url)  # fmt: skip


@post("/tokens/revoke", guards=may("manage_access"), name="revoke_token", status_code=200, include_in_schema=False)
async def revoke_token(request: AnyRequest) -> Response[Any]:
    token = await access.revoke_token(
        context(request), viewer_of(request).someone, (await fields(request)).get("name", "")
    )
    return go("/tokens", f"The token {token.name} is revoked: it opens nothing any more.")


@post("/tokens/link", guards=may("manage_access"), name="create_link", status_code=200, include_in_schema=False)
async def create_link(request: AnyRequest) -> Response[Any]:
    """A sign-in link for someone, shown once, to be handed over by a way one trusts."""
    user = (await fields(request)).get("user", "")
    link = await access.create_link(context(request), viewer_of(request).someone, user)
    return await show(request, viewer_of(request), "tokens/link.html", headers=SECRET, link=link, user=user)


async def _page(
    request: AnyRequest, given: dict[str, str], wrong: dict[str, str], status: int = 200
) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    return await show(
        request, viewer, "tokens/list.html", status, headers=SECRET, given=given, wrong=wrong, roles=ROLES, may=MAY,
        tokens=await access.list_tokens(ctx, viewer.someone),
        people=sorted(ctx.directory.users.values(), key=lambda user: user.label.lower()),
        with_password=await access.users_with_password(ctx, viewer.someone),
    )  # fmt: skip
