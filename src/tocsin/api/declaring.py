"""Declaring: the guide's questions, what answers mean, similar incidents, tags, the first clocks, and incidents of the past."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from tocsin.api.answers import AnyRequest, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import acted, number_of
from tocsin.manage import declaring, edits, firsts, imports, incidents, similar

LARGEST = 32 * 1024 * 1024


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Answers(_Body, frozen=True):
    """What is known so far of an incident that nobody has declared yet."""

    impact: dict[str, Any] | None = None
    affected_services: list[str] | None = None


class Description(_Body, frozen=True):
    text: str
    affected_services: list[str] | None = None


class Tags(_Body, frozen=True):
    add: list[str] | None = None
    remove: list[str] | None = None


@get("/severity-guide", guards=may("see_incidents"), summary="The questions that compute a severity")
async def guide(request: AnyRequest) -> Response[bytes]:
    return reply(declaring.guide(context(request)))


@post(
    "/severity-guide", guards=may("see_incidents"), status_code=200,
    summary="What severity these answers mean, why, and which answer would change it",
)  # fmt: skip
async def answers(request: AnyRequest, data: JSONBody[Answers]) -> Response[bytes]:
    """Writes nothing."""
    return reply(declaring.preview(context(request), data.impact, data.affected_services or []))


@post("/incidents/{id:str}/tags", guards=may("respond"), summary="Give and take tags", status_code=200)
async def tags(request: AnyRequest, id: FromPath[str], data: JSONBody[Tags]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: edits.tag(ctx, number, actor, data.add or (), data.remove or ()))


@get(
    "/incidents/{id:str}/firsts",
    guards=may("see_pages"),
    summary="The clocks of the first minutes, and the first steps",
)
async def first_minutes(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """`items`: each clock with what proves it; `steps`: what was done besides paging, and what it came to."""
    ctx = context(request)
    return reply(await firsts.of_incident(ctx, await incidents.get(ctx, number_of(id))))


@get("/incidents/{id:str}/similar", guards=may("see_incidents"), summary="Similar incidents, and what helped then")
async def similar_to(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await similar.to(context(request), number_of(id)))


@post("/incidents/similar", guards=may("see_incidents"), summary="Incidents like a description", status_code=200)
async def similar_like(request: AnyRequest, data: JSONBody[Description]) -> Response[bytes]:
    """Writes nothing."""
    return reply(await similar.like(context(request), data.text, data.affected_services or []))


class Import(_Body, frozen=True):
    """`items`: incidents of the past, as `core/past.PastItem` describes one. `source`: where they come from, in a word."""

    items: list[dict[str, Any]]
    source: str | None = None


@post(
    "/incidents/import", guards=may("import_incidents"), request_max_body_size=LARGEST,
    summary="Import incidents of the past: all or nothing, each once, nobody is paged",
)  # fmt: skip
async def take(request: AnyRequest, data: JSONBody[Import]) -> Response[bytes]:
    ctx, actor = context(request), principal_of(request).id
    return await write(request, lambda: imports.take(ctx, actor, data.items, (data.source or "").strip()[:100]), 201)


ROUTES = [take, guide, answers, tags, similar_to, similar_like, first_minutes]
