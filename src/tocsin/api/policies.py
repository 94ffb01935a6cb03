"""Escalation policies as ladders: what each severity climbs, and a look ahead."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may
from tocsin.manage import policies


@get(
    "/escalation_policies/{id:str}/ladder",
    guards=may("see_on_call"),
    summary="What each severity climbs, and who uses it",
)
async def ladder(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """Presets written out by the organisation's matrix; `people` are those who would be paged now."""
    return reply(policies.ladder(context(request), id))


@post(
    "/escalation_policies/{id:str}/preview", guards=may("see_configuration"), status_code=200,
    summary="The ladder as it would be with these fields",
)  # fmt: skip
async def preview(request: AnyRequest, id: FromPath[str], data: Any) -> Response[bytes]:
    """Changes nothing; also of a policy that is not there yet."""
    return reply(policies.preview(context(request), id, data))


ROUTES = [ladder, preview]
