"""The probes of a service, made, changed, tried and removed in the browser. Those that a file holds are tried only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.spelling import plain
from tocsin.manage import objects, probes
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show

COMMON = ("samples", "interval")


def _back(service: str) -> str:
    return f"/services/{quote(service, safe='')}"


@get("/services/{id:str}/new-probe", guards=may("configure"), name="new_probe", include_in_schema=False)
async def new(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """An empty form for the kind that was chosen (`?type=`)."""
    wanted = request.query_params.get("type", "http")
    kind = wanted if wanted in context(request).probes else "http"
    return await _form(request, id, None, {"type": kind, "samples": "3", "interval": "1s"})


@post("/services/{id:str}/new-probe", guards=may("configure"), status_code=200, include_in_schema=False)
async def make(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    given = await fields(request)
    return await _written(request, id, given.get("id", "").strip(), given, None)


@get("/services/{id:str}/probes/{probe:str}", guards=may("configure"), name="edit_probe", include_in_schema=False)
async def edit(request: AnyRequest, id: FromPath[str], probe: FromPath[str]) -> Response[bytes]:
    found = objects.find(context(request), "services", id).object
    for one in found.probes:
        if one.id == probe:
            stands = {name: str(value) for name, value in plain(one).items()}
            return await _form(request, id, probe, {"samples": "3", "interval": "1s", **stands})
    return go(_back(id), f"It has no probe {probe} any more.", kind="problem")


@post("/services/{id:str}/probes/{probe:str}", guards=may("configure"), status_code=200, include_in_schema=False)
async def change(request: AnyRequest, id: FromPath[str], probe: FromPath[str]) -> Response[Any]:
    return await _written(request, id, probe, await fields(request), probe)


@post("/services/{id:str}/probes/{probe:str}/delete", guards=may("configure"), status_code=200, include_in_schema=False)
async def remove(request: AnyRequest, id: FromPath[str], probe: FromPath[str]) -> Response[Any]:
    try:
        await probes.remove(context(request), viewer_of(request).someone, id, probe)
    except Conflict as error:
        return go(_back(id), str(error), kind="problem")
    return go(_back(id), f"Removed the probe {probe}.")


@post("/services/{id:str}/probes/{probe:str}/try", guards=may("respond"), status_code=200, include_in_schema=False)
async def try_it(request: AnyRequest, id: FromPath[str], probe: FromPath[str]) -> Response[Any]:
    found = await probes.attempt(context(request), viewer_of(request).someone, id, probe)
    return go(f"{_back(id)}#probes", f"{probe}: {sentence(found)}", kind="done" if found["good"] else "problem")


def sentence(found: Mapping[str, Any]) -> str:
    """What one sample showed."""
    return f"{'good' if found['good'] else 'bad'} ({found['text']}, {found['milliseconds']:.0f} ms)."


async def _written(
    request: AnyRequest, service: str, name: str, given: Mapping[str, str], old: str | None
) -> Response[Any]:
    """Save what the form says, or only try it (`act` is `try`): the form again, with what was seen or what is wrong."""
    ctx, someone = context(request), viewer_of(request).someone
    kind = ctx.probes.get(given.get("type", ""))
    known = (*COMMON, *(field.name for field in kind.fields)) if kind else COMMON
    body = {"type": given.get("type", ""), **{field: text for field in known if (text := given.get(field, "").strip())}}
    try:
        if not name:
            raise Invalid("Give it an id: web", "/id")
        if given.get("act") == "try":
            return await _form(
                request, service, old, given, tried=await probes.attempt(ctx, someone, service, name, body)
            )
        if old is None and any(one["id"] == name for one in probes.list_probes(ctx, someone, service)["items"]):
            raise Invalid(f"There already is a probe {name}: change it, or choose another id.", "/id")
        made = await probes.write(ctx, someone, service, name, body)
    except (Conflict, Invalid) as error:
        status = 409 if isinstance(error, Conflict) else 422
        return await _form(request, service, old, given, _wrong(error, known), status)
    return go(f"{_back(service)}#probes", f"Saved: {name} looks at {made['place']}.")


def _wrong(error: Exception, known: Sequence[str]) -> dict[str, str]:
    """Each problem at the field that it is about; what is about none stands on top."""
    if not isinstance(error, Invalid):
        return {"": str(error)}
    found: dict[str, str] = {}
    for problem in error.problems:
        name = problem.pointer.strip("/").partition("/")[0]
        found.setdefault(name if name in (*known, "id") else "", problem.message)
    return found


async def _form(
    request: AnyRequest, service: str, name: str | None, given: Mapping[str, str], wrong: Mapping[str, str] | None = None,
    status: int = 200, tried: Mapping[str, Any] | None = None,
) -> Response[bytes]:  # fmt: skip
    ctx, viewer = context(request), viewer_of(request)
    stored = objects.find(ctx, "services", service)
    kind = ctx.probes.get(given.get("type", "")) or next(iter(ctx.probes.values()), None)
    if kind is None:
        raise NotFound("There is no kind of probe here.")
    return await show(
        request, viewer, "services/probe.html", status, service=stored.object, origin=stored.origin, name=name, given=given,
        wrong=wrong or {}, kind=kind, kinds=list(ctx.probes.values()), tried=tried,
        seen=sentence(tried) if tried else "",
    )  # fmt: skip


ROUTES: Sequence[Any] = (new, make, edit, change, remove, try_it)
