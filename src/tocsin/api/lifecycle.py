"""The life of an incident: its status, its end, its times, what it was merged into or is linked with, who may see it."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody

from tocsin.api.answers import AnyRequest, reply
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import Notes, acted, notes_of, number_of
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.incident import parse_id
from tocsin.core.moment import Change, read_change
from tocsin.flow import closing, merge, restore, step, times
from tocsin.flow.acts import Result
from tocsin.manage import lifecycle, privacy, updates
from tocsin.manage.lists import read_time


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Move(_Body, frozen=True, kw_only=True):
    """`force`: why it counts as restored although a probe fails."""

    status: str
    notes: str | None = None
    force: str | None = None


class Resolution(_Body, frozen=True):
    """`tell`: all audiences that were told anything of it hear the end at once."""

    notes: str | None = None
    tell: bool = False


class Restoration(_Body, frozen=True):
    """`notes`: what was checked. `force`: why it counts as restored although a probe fails."""

    notes: str | None = None
    force: str | None = None


class Merge(_Body, frozen=True):
    into: str | int
    notes: str | None = None


class Relation(_Body, frozen=True):
    incident: str | int
    notes: str | None = None


class Time(_Body, frozen=True):
    """`at` null: nobody knows. `certainty`: exact (when left out), estimated or unknown."""

    at: str | None = None
    certainty: str | None = None


class Times(_Body, frozen=True):
    """What is left out stays as it is."""

    impact_started: Time | None = None
    detected: Time | None = None
    declared: Time | None = None
    acknowledged: Time | None = None
    engaged: Time | None = None
    identified: Time | None = None
    restored: Time | None = None
    resolved: Time | None = None
    closed: Time | None = None
    notes: str | None = None


class Privacy(_Body, frozen=True):
    private: bool
    notes: str | None = None


class Reader(_Body, frozen=True):
    user: str


async def other_of(request: AnyRequest, name: str | int, pointer: str) -> int:
    """The incident that a body names, when whoever asks may see it. Raises Invalid."""
    try:
        number = parse_id(str(name))
    except NotFound as error:
        raise Invalid(str(error), pointer) from None
    await privacy.require(context(request), number, pointer)
    return number


@post(
    "/incidents/{id:str}/status", guards=may("respond"), status_code=200,
    summary="Move it along its lifecycle: forward, a step back, or back from its end",
)  # fmt: skip
async def change_status(request: AnyRequest, id: FromPath[str], data: JSONBody[Move]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(
        request, number, lambda: step.change(ctx, number, actor, data.status, data.notes or "", data.force or "")
    )


@post(
    "/incidents/{id:str}/restore", guards=may("respond"), status_code=200,
    summary="It works again: its probes are sampled, then it is watched for 30 minutes",
)  # fmt: skip
async def restore_it(
    request: AnyRequest, id: FromPath[str], data: JSONBody[Restoration | None] = None
) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    said = data or Restoration()
    return await acted(request, number, lambda: restore.restore(ctx, number, actor, said.notes or "", said.force or ""))


@post("/incidents/{id:str}/resolve", guards=may("respond"), summary="Resolve; its open alerts end too", status_code=200)
async def resolve(request: AnyRequest, id: FromPath[str], data: JSONBody[Resolution | None] = None) -> Response[bytes]:
    """`tell`: all audiences that were told anything of it hear the end at once."""
    ctx, principal, number, said = context(request), principal_of(request), number_of(id), data or Resolution()
    return await acted(
        request, number, lambda: updates.resolve(ctx, principal, number, said.notes or "", tell=said.tell)
    )


@post(
    "/incidents/{id:str}/close", guards=may("respond"), status_code=200,
    summary="Nothing is left to do; a SEV1 or SEV2 needs its review published or waived",
)  # fmt: skip
async def close(request: AnyRequest, id: FromPath[str], data: JSONBody[Notes | None] = None) -> Response[bytes]:
    ctx, actor, number, notes = context(request), principal_of(request).id, number_of(id), notes_of(data)
    return await acted(request, number, lambda: closing.close(ctx, number, actor, notes))


@post(
    "/incidents/{id:str}/reopen", guards=may("respond"), summary="Back to investigating; pages nobody", status_code=200
)
async def reopen(request: AnyRequest, id: FromPath[str], data: JSONBody[Notes | None] = None) -> Response[bytes]:
    ctx, actor, number, notes = context(request), principal_of(request).id, number_of(id), notes_of(data)
    return await acted(request, number, lambda: closing.reopen(ctx, number, actor, notes))


@post(
    "/incidents/{id:str}/merge", guards=may("respond"), status_code=200,
    summary="It is the same as another one: close it, and move its alerts there",
)  # fmt: skip
async def merge_it(request: AnyRequest, id: FromPath[str], data: JSONBody[Merge]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    into = await other_of(request, data.into, "/into")
    return await acted(request, number, lambda: merge.merge(ctx, number, actor, into, data.notes or ""))


@post("/incidents/{id:str}/related", guards=may("respond"), summary="Link it with another one", status_code=200)
async def relate(request: AnyRequest, id: FromPath[str], data: JSONBody[Relation]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    other = await other_of(request, data.incident, "/incident")
    return await acted(request, number, lambda: merge.relate(ctx, number, actor, other, data.notes or ""))


@delete("/incidents/{id:str}/related/{other:str}", guards=may("respond"), summary="Take a link away", status_code=200)
async def unrelate(request: AnyRequest, id: FromPath[str], other: FromPath[str]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    linked = await other_of(request, other, "/other")
    return await acted(request, number, lambda: merge.unrelate(ctx, number, actor, linked))


@get(
    "/incidents/{id:str}/times", guards=may("see_incidents"),
    summary="Its nine times, each with source and certainty, and what lies between them",
)  # fmt: skip
async def nine_times(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await lifecycle.times(context(request), number_of(id)))


@post(
    "/incidents/{id:str}/times", guards=may("respond"), summary="Correct times; the timeline tells it", status_code=200
)
async def correct_times(request: AnyRequest, id: FromPath[str], data: JSONBody[Times]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: times.correct(ctx, number, actor, _changes(data), data.notes or ""))


def _changes(data: Times) -> list[Change]:
    given: dict[str, Any] = {name: getattr(data, name) for name in data.__struct_fields__ if name != "notes"}
    return [
        read_change(name, read_time(time.at, f"{name}/at"), time.certainty)
        for name, time in given.items()
        if time is not None
    ]


@post(
    "/incidents/{id:str}/private", guards=may("respond"), status_code=200,
    summary="Hide it from everybody who is not on it, or show it again",
)  # fmt: skip
async def make_private(request: AnyRequest, id: FromPath[str], data: JSONBody[Privacy]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Result:
        return await privacy.make_private(ctx, number, actor, data.private, data.notes or "")

    return await acted(request, number, act)


@post("/incidents/{id:str}/readers", guards=may("respond"), summary="Let somebody see it", status_code=200)
async def let_in(request: AnyRequest, id: FromPath[str], data: JSONBody[Reader]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: privacy.let_in(ctx, number, actor, data.user))


ROUTES = [
    change_status, restore_it, resolve, close, reopen, merge_it, relate, unrelate, nine_times, correct_times,
    make_private, let_in,
]  # fmt: skip
