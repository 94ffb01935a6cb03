"""What is configured: every kind read and written object by object, files applied, the whole exported."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.core.configuration import KINDS, LABELS
from tocsin.core.permission import require
from tocsin.manage import configuration, objects, versions
from tocsin.manage.files import File

LARGEST = 16 * 1024 * 1024
"""Bytes of all files applied at once."""

READ_ELSEWHERE = ("services", "mutes", "heartbeats", "rooms")
"""Kinds whose reading routes show more than what is configured (api/services.py, api/mutes.py, api/heartbeats.py, api/rooms.py)."""
WRITTEN_ELSEWHERE = ("mutes",)
"""Kinds that more people may write than may configure (api/mutes.py)."""


class AppliedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A configuration file: the name that messages and origins use, and its YAML."""

    name: str
    text: str


class Applied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    files: list[AppliedFile]


@post(
    "/apply", guards=may("configure"), status_code=200, request_max_body_size=LARGEST,
    summary="Apply configuration files in one transaction; the plan of what changed",
)  # fmt: skip
async def apply(request: AnyRequest, data: Applied, dry_run: bool = False, prune: bool = False) -> Response[bytes]:
    """`dry_run` changes nothing; `prune` also removes what is in none of the files. Bad files: 422 with file and line."""
    files = [File(file.name, file.text) for file in data.files]

    async def act() -> Json:
        plan = await configuration.apply(context(request), principal_of(request), files, prune=prune, dry_run=dry_run)
        found: Json = msgspec.to_builtins(plan)
        return found

    return await write(request, act)


@get("/export", guards=may("configure"), summary="The whole configuration as one YAML file, secrets included")
async def export(request: AnyRequest) -> Response[bytes]:
    """YAML; `{"text": YAML}` for who accepts `application/json` first."""
    text = await configuration.export(context(request), principal_of(request))
    if request.headers.get("accept", "").startswith("application/json"):
        return reply({"text": text})
    return Response(text.encode(), media_type="application/yaml", headers={"Cache-Control": "no-store"})


def _reading(kind: str) -> list[HTTPRouteHandler]:
    label = LABELS[kind]

    @get(f"/{kind}", guards=may("see_configuration"), summary=f"List {_many(label)}", operation_id=f"list_{kind}")
    async def many(request: AnyRequest, limit: int = 100, cursor: str | None = None) -> Response[bytes]:
        return reply(objects.list_objects(context(request), principal_of(request), kind, limit, cursor))

    @get(f"/{kind}/{{id:str}}", guards=may("see_configuration"), summary=f"One {label}", operation_id=f"get_{kind}")
    async def one(request: AnyRequest, id: str) -> Response[bytes]:
        ctx = context(request)
        return reply(objects.view(ctx, principal_of(request), objects.find(ctx, kind, id)))

    return [many, one]


def _writing(kind: str) -> list[HTTPRouteHandler]:
    label = LABELS[kind]
    guards = may("configure")

    @post(f"/{kind}", guards=guards, summary=f"Create one {label}", operation_id=f"create_{kind}")
    async def create(request: AnyRequest, data: Any) -> Response[bytes]:
        async def act() -> Json:
            return _shown(request, await objects.create(context(request), principal_of(request), kind, data))

        return await write(request, act, 201)

    @put(f"/{kind}/{{id:str}}", guards=guards, summary=f"Replace one {label}", operation_id=f"replace_{kind}")
    async def replace(request: AnyRequest, id: str, data: Any, confirm: bool = False) -> Response[bytes]:
        async def act() -> Json:
            _ask_first(request, kind, id, data, confirm, whole=True)
            return _shown(request, await objects.replace(context(request), principal_of(request), kind, id, data))

        return await write(request, act)

    @patch(
        f"/{kind}/{{id:str}}", guards=guards, operation_id=f"update_{kind}",
        summary=f"Change some fields of one {label}; null sets a field back to its default",
    )  # fmt: skip
    async def update(request: AnyRequest, id: str, data: Any, confirm: bool = False) -> Response[bytes]:
        async def act() -> Json:
            _ask_first(request, kind, id, data, confirm, whole=False)
            return _shown(request, await objects.update(context(request), principal_of(request), kind, id, data))

        return await write(request, act)

    @delete(
        f"/{kind}/{{id:str}}", guards=guards, status_code=200, operation_id=f"remove_{kind}",
        summary=f"Remove one {label} that nothing needs; what it was",
    )  # fmt: skip
    async def remove(request: AnyRequest, id: str) -> Response[bytes]:
        async def act() -> Json:
            return _shown(request, await objects.remove(context(request), principal_of(request), kind, id))

        return await write(request, act)

    return [create, replace, update, remove]


def _ask_first(request: AnyRequest, kind: str, id: str, data: Any, confirm: bool, *, whole: bool) -> None:
    """A schedule whose running shift would change hands is written when that is meant: 409 until `confirm`."""
    if kind == "schedules" and not confirm and id in context(request).directory.schedules:
        require(principal_of(request), "configure")
        objects.refuse_of_file(context(request).directory, kind, id)
        versions.ask_first(context(request), id, data, whole=whole)


def _shown(request: AnyRequest, stored: objects.Stored) -> Json:
    return objects.view(context(request), principal_of(request), stored)


def _many(label: str) -> str:
    return label[:-1] + "ies" if label.endswith("y") else f"{label}s"


ROUTES: list[HTTPRouteHandler] = [
    apply,
    export,
    *(route for kind in KINDS if kind not in READ_ELSEWHERE for route in _reading(kind)),
    *(route for kind in KINDS if kind not in WRITTEN_ELSEWHERE for route in _writing(kind)),
]
