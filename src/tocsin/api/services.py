"""Services, and test alerts to them."""

from __future__ import annotations

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.core.permission import allowed
from tocsin.manage import services
from tocsin.manage.lists import DEFAULT


class TestAlert(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`integration` defaults to the service's first, `severity` to SEV2."""

    integration: str | None = None
    severity: str = "sev2_high"


def _keys(request: AnyRequest) -> bool:
    return allowed(principal_of(request).role, "see_keys")


@get("/services", guards=may("see_services"), summary="List services")
async def list_services(
    request: AnyRequest, cursor: FromQuery[str | None] = None, limit: FromQuery[int] = DEFAULT
) -> Response[bytes]:
    return reply(await services.list_services(context(request), keys=_keys(request), limit=limit, cursor=cursor))


@get("/services/{id:str}", guards=may("see_services"), summary="One service, its integrations, and who knocks")
async def get_service(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await services.get_service(context(request), id, keys=_keys(request)))


@post(
    "/services/{id:str}/test-alert", guards=may("send_test_alert"),
    summary="Send a test alert through the real intake; it pages like any other",
)  # fmt: skip
async def send_test_alert(
    request: AnyRequest, id: FromPath[str], data: JSONBody[TestAlert | None] = None
) -> Response[bytes]:
    wanted = data or TestAlert()
    intake: services.Accepts = request.app.state.intake

    async def act() -> Json:
        return await services.send_test_alert(
            context(request), intake, id, wanted.integration, principal_of(request).id, wanted.severity
        )

    return await write(request, act, 201)


ROUTES = [list_services, get_service, send_test_alert]
