"""API tokens: shown once, stored hashed."""

from __future__ import annotations

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import access
from tocsin.manage.lists import DEFAULT, RowId, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.store.access import Token


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """With `user` it acts as that person, with no more than their role."""

    name: str
    role: str = "responder"
    user: str | None = None


def _view(token: Token) -> Json:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "user": token.user_id,
        "created_by": token.created_by,
        "created_at": time_text(token.created_at),
        "last_used_at": time_text(token.last_used_at),
        "revoked_at": time_text(token.revoked_at),
    }


@get("/tokens", guards=may("manage_access"), summary="List API tokens, newest first")
async def list_tokens(
    request: AnyRequest, cursor: FromQuery[str | None] = None, limit: FromQuery[int] = DEFAULT
) -> Response[bytes]:
    check_limit(limit)
    before = read_cursor(cursor, tuple[RowId])
    tokens = await access.list_tokens(context(request), principal_of(request))
    left = [token for token in tokens if before is None or token.id < before[0]]
    return reply(listing(left[: limit + 1], limit, _view, lambda token: write_cursor(token.id)))


@post(
    "/tokens", guards=may("manage_access"), summary="Create an API token; its secret is in this answer and nowhere else"
)
async def create_token(request: AnyRequest, data: JSONBody[NewToken]) -> Response[bytes]:
    """Takes no Idempotency-Key: keeping the answer would mean keeping the secret."""
    token, secret = await access.create_token(context(request), principal_of(request), data.name, data.role, data.user)
    return reply({**_view(token), "token": secret}, 201)


@delete("/tokens/{name:str}", guards=may("manage_access"), summary="Revoke an API token", status_code=200)
async def revoke_token(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return _view(await access.revoke_token(context(request), principal_of(request), name))

    return await write(request, act)


ROUTES = [list_tokens, create_token, revoke_token]
