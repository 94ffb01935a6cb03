"""The probes of a service."""

from __future__ import annotations

from typing import Any

from litestar import Response, delete, get, post, put
from litestar.params import FromPath

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.manage import probes


@get("/services/{id:str}/probes", guards=may("see_services"), summary="What shows that a service does its work")
async def list_probes(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(probes.list_probes(context(request), principal_of(request), id))


@put(
    "/services/{id:str}/probes/{probe:str}", guards=may("configure"),
    summary="Add a probe to a service, or replace one; addresses in private networks stand in files only",
)  # fmt: skip
async def write_probe(request: AnyRequest, id: FromPath[str], probe: FromPath[str], data: Any) -> Response[bytes]:
    async def act() -> Json:
        return await probes.write(context(request), principal_of(request), id, probe, data)

    return await write(request, act)


@delete(
    "/services/{id:str}/probes/{probe:str}", guards=may("configure"), status_code=200,
    summary="Remove a probe of a service; what it was",
)  # fmt: skip
async def remove_probe(request: AnyRequest, id: FromPath[str], probe: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return await probes.remove(context(request), principal_of(request), id, probe)

    return await write(request, act)


@post(
    "/services/{id:str}/probes/{probe:str}/try", guards=may("respond"), status_code=200,
    summary="Take one sample now; with a body, of the probe as it would be written",
)  # fmt: skip
async def try_probe(request: AnyRequest, id: FromPath[str], probe: FromPath[str], data: Any = None) -> Response[bytes]:
    async def act() -> Json:
        return await probes.attempt(context(request), principal_of(request), id, probe, data)

    return await write(request, act)


ROUTES = [list_probes, write_probe, remove_probe, try_probe]
