"""The probes of a service: listed, written, removed, and tried at once. What a file holds is tried here and changed there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yarl import URL

from tocsin.core.configuration import Service
from tocsin.core.errors import Invalid, NotFound, Problem
from tocsin.core.permission import Principal, allowed, require
from tocsin.core.probe import Probe
from tocsin.core.shape import short
from tocsin.core.spelling import plain
from tocsin.flow.context import Context
from tocsin.flow.probing import look
from tocsin.manage import objects
from tocsin.manage.lists import time_text


def list_probes(ctx: Context, principal: Principal, service: str) -> dict[str, Any]:
    """`{"items", "next", "origin"}`: the probes in their order, and the file that holds the service (null: made by hand).

    Of addresses only the host is shown to those who may not see keys. Raises NotFound.
    """
    stored = objects.find(ctx, "services", service)
    origin = {"file": stored.origin.file, "line": stored.origin.line} if stored.origin.file else None
    return {"items": [_view(principal, probe) for probe in stored.object.probes], "next": None, "origin": origin}


def _view(principal: Principal, probe: Probe) -> dict[str, Any]:
    shown: dict[str, Any] = {
        **plain(probe), "samples": probe.samples, "interval": str(probe.interval), "place": place(probe.settings),
    }  # fmt: skip
    if "url" in shown and not allowed(principal.role, "see_keys"):
        shown["url"] = shown["place"]
    return shown


def place(settings: Mapping[str, str]) -> str:
    """Where a probe looks, without what may be secret of it: `https://shop.example.com`, `db.example.com:5432`."""
    if "url" not in settings:
        return ":".join(settings[name] for name in ("host", "port") if name in settings)
    try:
        return str(URL(settings["url"]).origin())
    except ValueError:
        return ""


async def write(ctx: Context, principal: Principal, service: str, name: str, body: Any) -> dict[str, Any]:
    """Add the probe `name`, or put `body` in its place. Raises NotFound, Invalid by field, Conflict when a file holds the service."""
    given = _body(name, body)
    await _check_place(ctx, service, given)

    def decide(old: dict[str, Any]) -> dict[str, Any]:
        probes = list(old.get("probes", ()))
        at = next((i for i, one in enumerate(probes) if one["id"] == name), len(probes))
        return {**old, "probes": [*probes[:at], given, *probes[at + 1 :]]}

    try:
        stored = await objects.amend(ctx, principal, "services", service, decide)
    except Invalid as error:
        raise _own(error) from None
    return _view(principal, _find(stored.object, name))


async def remove(ctx: Context, principal: Principal, service: str, name: str) -> dict[str, Any]:
    """The probe that was removed. Raises NotFound; Conflict when a file holds the service."""
    gone = _find(objects.find(ctx, "services", service).object, name)

    def decide(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "probes": [one for one in old.get("probes", ()) if one["id"] != name]}

    await objects.amend(ctx, principal, "services", service, decide)
    return _view(principal, gone)


async def attempt(ctx: Context, principal: Principal, service: str, name: str, body: Any = None) -> dict[str, Any]:
    """One sample, now: `{"service", "probe", "good", "text", "milliseconds", "at"}`. Nothing follows from it.

    With `body` the probe as it would be written (for those who may write it). Raises NotFound, Invalid, Forbidden.
    """
    stored = objects.find(ctx, "services", service).object
    if not body:
        probe = _find(stored, name)
        if probe.type not in ctx.probes:
            raise Invalid(f"this release has no probe of type {probe.type}", "/type")
        sample = await look(ctx, service, probe)
    else:
        require(principal, "configure")
        given = _body(name, body)
        await _check_place(ctx, service, given)
        probe = _read(ctx, given)
        sample = await ctx.probes[probe.type].sample(probe.settings, public_only=True)
    return {
        "service": service, "probe": name, "good": sample.good, "text": sample.text, "milliseconds": sample.milliseconds,
        "at": time_text(ctx.clock.now()),
    }  # fmt: skip


def _find(service: Service, name: str) -> Probe:
    for probe in service.probes:
        if probe.id == name:
            return probe
    raise NotFound(f"The service {short(service.id)} has no probe {short(name)}.")


def _body(name: str, body: Any) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        raise Invalid("Write the fields of the probe as a JSON object")
    if body.get("id", name) != name:
        raise Invalid(f"The id in the body differs from {short(name)} in the path: ids cannot be changed", "/id")
    return {"id": name, **{field: value for field, value in body.items() if value is not None and field != "place"}}


def _read(ctx: Context, given: dict[str, Any]) -> Probe:
    """Checked as if it were the only one of a service. Raises Invalid."""
    try:
        alone: Service = objects.read("services", {"id": "try-a-probe", "probes": [given]}, ctx)
    except Invalid as error:
        raise _own(error) from None
    return alone.probes[0]


async def _check_place(ctx: Context, service: str, given: dict[str, Any]) -> None:
    """What people type leads to public places only. Raises NotFound, Conflict (a file holds it), Invalid."""
    objects.refuse_of_file(ctx.directory, "services", service)
    try:
        await objects.refuse_private(ctx, "services", Service(id=service, probes=(_read(ctx, given),)))
    except Invalid as error:
        raise _own(error) from None


def _own(error: Invalid) -> Invalid:
    """Pointers of the service become those of the probe."""
    own = []
    for one in error.problems:
        pointer = re.sub(r"^/probes/\d+", "", one.pointer)
        own.append(Problem(one.message.removeprefix(f"{pointer[1:]}: "), pointer))
    return Invalid(str(error), own[0].pointer, tuple(own))
