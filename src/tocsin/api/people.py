"""How one person is reached: one's own page as `/me`, anybody's as `/users/{id}/...` for who may configure."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import contacts, news, people
from tocsin.manage.lists import DEFAULT

GUARDS = may("reach_self")


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What arrived over the contact method."""

    code: str


def user_of(request: AnyRequest) -> str | None:
    """Whom the path names; None: who asks."""
    found: str | None = request.path_params.get("id")
    return found


def _person(base: str, name: str, whose: str) -> list[HTTPRouteHandler]:
    """How a person is reached, as a whole. The same for oneself (`base` holds no id) and for somebody else."""

    @get(base, guards=GUARDS, summary=f"How {whose} reached", operation_id=f"{name}_show")
    async def show(request: AnyRequest) -> Response[bytes]:
        return reply(await people.show(context(request), principal_of(request), user_of(request)))

    @patch(
        base, guards=GUARDS, operation_id=f"{name}_change",
        summary=f"Change how {whose} reached: rules, quiet hours, bundling, limits, updates, time zone; null sets back",
    )  # fmt: skip
    async def change(request: AnyRequest, data: Any) -> Response[bytes]:
        async def act() -> Json:
            return await people.change(context(request), principal_of(request), data, user_of(request))

        return await write(request, act)

    @get(
        f"{base}/notifications", guards=GUARDS, operation_id=f"{name}_notifications",
        summary="What rang, why, and what became of it; newest first",
    )  # fmt: skip
    async def history(
        request: AnyRequest, cursor: FromQuery[str | None] = None, limit: FromQuery[int] = DEFAULT
    ) -> Response[bytes]:
        ctx, principal = context(request), principal_of(request)
        return reply(await people.history(ctx, principal, user_of(request), cursor, limit))

    @get(
        f"{base}/news", guards=GUARDS, operation_id=f"{name}_news",
        summary="What was told without an answer being asked for, and what became of it; newest first",
    )  # fmt: skip
    async def told(
        request: AnyRequest, cursor: FromQuery[str | None] = None, limit: FromQuery[int] = DEFAULT
    ) -> Response[bytes]:
        return reply(await news.told(context(request), principal_of(request), user_of(request), cursor, limit))

    return [show, change, history, told]


def _methods(base: str, name: str) -> list[HTTPRouteHandler]:
    """Contact methods: add, change, remove."""

    @post(
        f"{base}/methods",
        guards=GUARDS,
        operation_id=f"{name}_add_method",
        summary="Add a contact method; it is used once verified",
    )
    async def add(request: AnyRequest, data: Any) -> Response[bytes]:
        async def act() -> Json:
            return await people.add_method(context(request), principal_of(request), data, user_of(request))

        return await write(request, act, 201)

    @patch(
        f"{base}/methods/{{method:str}}", guards=GUARDS, operation_id=f"{name}_change_method",
        summary="Change a contact method; another address has to be verified again",
    )  # fmt: skip
    async def change_method(request: AnyRequest, method: FromPath[str], data: Any) -> Response[bytes]:
        async def act() -> Json:
            return await people.change_method(context(request), principal_of(request), method, data, user_of(request))

        return await write(request, act)

    @delete(
        f"{base}/methods/{{method:str}}", guards=GUARDS, status_code=200, operation_id=f"{name}_remove_method",
        summary="Remove a contact method, with the rules that name it",
    )  # fmt: skip
    async def remove_method(request: AnyRequest, method: FromPath[str]) -> Response[bytes]:
        async def act() -> Json:
            return await people.remove_method(context(request), principal_of(request), method, user_of(request))

        return await write(request, act)

    return [add, change_method, remove_method]


def _sendings(base: str, name: str) -> list[HTTPRouteHandler]:
    """What goes over a contact method for the asking: codes, which are entered back, and tests."""

    @post(
        f"{base}/methods/{{method:str}}/code", guards=GUARDS, status_code=200, operation_id=f"{name}_send_code",
        summary="Send a code over a contact method, to verify it",
    )  # fmt: skip
    async def send_code(request: AnyRequest, method: FromPath[str]) -> Response[bytes]:
        async def act() -> Json:
            return await contacts.send_code(context(request), principal_of(request), method, user_of(request))

        return await write(request, act)

    @post(
        f"{base}/methods/{{method:str}}/verify", guards=GUARDS, status_code=200, operation_id=f"{name}_verify",
        summary="Enter the code that arrived: from then on pages use the method",
    )  # fmt: skip
    async def verify(request: AnyRequest, method: FromPath[str], data: JSONBody[Code]) -> Response[bytes]:
        async def act() -> Json:
            ctx, principal = context(request), principal_of(request)
            return await contacts.verify(ctx, principal, method, data.code, user_of(request))

        return await write(request, act)

    @post(
        f"{base}/methods/{{method:str}}/test", guards=GUARDS, status_code=200, operation_id=f"{name}_test",
        summary="Send a test message over a verified contact method",
    )  # fmt: skip
    async def test(request: AnyRequest, method: FromPath[str]) -> Response[bytes]:
        async def act() -> Json:
            return await contacts.send_test(context(request), principal_of(request), method, user_of(request))

        return await write(request, act)

    return [send_code, verify, test]


ROUTES: list[HTTPRouteHandler] = [
    *_person("/me", "me", "one is"),
    *_methods("/me", "me"),
    *_sendings("/me", "me"),
    *_person("/users/{id:str}/reach", "reach", "a person is"),
    *_methods("/users/{id:str}/reach", "reach"),
    *_sendings("/users/{id:str}/reach", "reach"),
]
