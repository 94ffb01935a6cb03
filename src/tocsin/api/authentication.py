"""Who is asking, and whether they may: one guard per route, which names its permission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from tocsin.core.errors import Unauthenticated
from tocsin.core.permission import Permission, Principal, require
from tocsin.flow.context import Context
from tocsin.manage import access, privacy

SESSION = "tocsin_session"
"""The cookie of a signed-in browser; good for reading only, so that no other site can act with it."""

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


def context(connection: Connection) -> Context:
    ctx: Context = connection.app.state.ctx
    return ctx


async def authenticate(connection: Connection) -> Principal:
    """The owner of the bearer token, or of the session when only reading. Raises Unauthenticated."""
    header = connection.headers.get("authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("Send an API token: `Authorization: Bearer TOKEN`")
        return await access.principal_of_token(context(connection), token.strip())
    cookie = connection.cookies.get(SESSION)
    if cookie and connection.scope.get("method") in ("GET", "HEAD"):
        return await access.principal_of_session(context(connection), cookie)
    raise Unauthenticated("This needs an API token: send `Authorization: Bearer TOKEN`")


def may(permission: Permission) -> list[Guard]:
    """The guards of a route that needs `permission`. Raises Unauthenticated, Forbidden."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        principal = await authenticate(connection)
        require(principal, permission)
        await privacy.enter(
            context(connection), principal, privacy.named(connection.scope["path"], connection.path_params.get("id"))
        )
        connection.state.principal = principal

    guard.permission = permission  # type: ignore[attr-defined]
    return [guard]


def principal_of(connection: Connection) -> Principal:
    """Who passed the guard of this route."""
    principal: Principal = connection.state.principal
    return principal
