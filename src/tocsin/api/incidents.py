"""Incidents: look, declare, respond."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.parameters import From, To
from tocsin.core import severity as severities
from tocsin.core.errors import Invalid
from tocsin.core.incident import parse_id
from tocsin.core.permission import hidden_kinds
from tocsin.flow import respond
from tocsin.flow.acts import Result
from tocsin.flow.regrade import regrade
from tocsin.manage import declaring, edits, explain, incidents, ladders
from tocsin.manage.declaring import Declaration
from tocsin.manage.edits import Edits
from tocsin.manage.lists import DEFAULT, read_time


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Correction(_Body, frozen=True):
    """What is left out stays as it is."""

    title: str | None = None
    description: str | None = None
    public_title: str | None = None
    impact: dict[str, Any] | None = None
    affected_services: list[str] | None = None

    @property
    def edits(self) -> Edits:
        return Edits(
            title=self.title, description=self.description, public_title=self.public_title, impact=self.impact,
            affected_services=self.affected_services,
        )  # fmt: skip


class Notes(_Body, frozen=True):
    notes: str | None = None


class Escalation(_Body, frozen=True):
    """`tier`: pass over the steps below it."""

    reason: str
    tier: str | None = None


class Regrade(_Body, frozen=True, kw_only=True):
    """`severity` in any spelling. `confirm`: lower it although somebody else leads the incident (else 409, saying what it means)."""

    severity: str | int
    reason: str | None = None
    confirm: bool = False


class Assignment(_Body, frozen=True):
    user: str
    page: bool = False


class Note(_Body, frozen=True):
    text: str


def number_of(name: str) -> int:
    """The incident's number for any of its names. Raises NotFound."""
    return parse_id(name)


@get("/incidents", guards=may("see_incidents"), summary="List incidents, newest first")
async def list_incidents(
    request: AnyRequest,
    status: FromQuery[str | None] = None,
    severity: FromQuery[str | None] = None,
    service: FromQuery[str | None] = None,
    from_: From = None,
    to: To = None,
    q: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`status` is a state, several joined by commas, or `open`."""
    return reply(
        await incidents.list_incidents(
            context(request), status=status, severity=severity, service=service, from_=read_time(from_, "from"),
            to=read_time(to, "to"), q=q, cursor=cursor, limit=limit,
        )
    )  # fmt: skip


@post("/incidents", guards=may("declare"), summary="Declare an incident; it pages like any other")
async def declare(request: AnyRequest, data: JSONBody[Declaration]) -> Response[bytes]:
    ctx, principal = context(request), principal_of(request)

    async def act() -> Json:
        return await incidents.get(ctx, await declaring.declare(ctx, principal.id, data))

    return await write(request, act, 201)


@get("/incidents/{id:str}", guards=may("see_incidents"), summary="One incident, by any of its names")
async def get_incident(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await incidents.get(context(request), number_of(id)))


async def acted(request: AnyRequest, number: int, act: Any) -> Response[bytes]:
    """Do an action and answer with the whole incident; `result` says whether anything changed."""

    async def done() -> Json:
        result: Result = await act()
        shown = await incidents.get(context(request), number)
        return {**shown, "result": {"changed": result.changed, "sentence": result.sentence}}

    return await write(request, done)


@patch("/incidents/{id:str}", guards=may("respond"), summary="Correct what it says of itself, or its impact")
async def correct(request: AnyRequest, id: FromPath[str], data: JSONBody[Correction]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: edits.edit(ctx, number, actor, data.edits))


@post(
    "/incidents/{id:str}/acknowledge", guards=may("respond"), summary="Acknowledge: the paging stops", status_code=200
)
async def acknowledge(request: AnyRequest, id: FromPath[str], data: JSONBody[Notes | None] = None) -> Response[bytes]:
    ctx, actor, number, notes = context(request), principal_of(request).id, number_of(id), notes_of(data)
    return await acted(request, number, lambda: respond.acknowledge(ctx, number, actor, notes))


def notes_of(data: Notes | None) -> str:
    """What a person says with an act."""
    return (data.notes or "") if data else ""


@post("/incidents/{id:str}/escalate", guards=may("respond"), summary="Page the next step now", status_code=200)
async def escalate(request: AnyRequest, id: FromPath[str], data: JSONBody[Escalation]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: respond.escalate(ctx, number, actor, data.reason, data.tier))


@post(
    "/incidents/{id:str}/severity", guards=may("respond"), status_code=200,
    summary="Change the severity; while nobody has answered, a worse one pages anew",
)  # fmt: skip
async def change_severity(request: AnyRequest, id: FromPath[str], data: JSONBody[Regrade]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Result:
        return await regrade(ctx, number, actor, severities.parse(data.severity), data.reason or "", data.confirm)

    return await acted(request, number, act)


@post("/incidents/{id:str}/assign", guards=may("respond"), summary="Make someone the assignee", status_code=200)
async def assign(request: AnyRequest, id: FromPath[str], data: JSONBody[Assignment]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await acted(request, number, lambda: respond.assign(ctx, number, actor, data.user, page=data.page))


@post("/incidents/{id:str}/notes", guards=may("respond"), summary="Add a note to the timeline")
async def note(request: AnyRequest, id: FromPath[str], data: JSONBody[Note]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        await respond.note(ctx, number, actor, data.text)
        return await incidents.last_entry(ctx, number, "note_added", actor)

    return await write(request, act, 201)


@get("/incidents/{id:str}/timeline", guards=may("see_incidents"), summary="What happened, oldest first")
async def timeline(
    request: AnyRequest,
    id: FromPath[str],
    after: FromQuery[int | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`after`: the id of the last entry already known."""
    start = incidents.read_timeline_cursor(cursor) if cursor else _row_id(after)
    hidden = hidden_kinds(principal_of(request).role)
    return reply(await incidents.timeline(context(request), number_of(id), start, limit, hidden))


def _row_id(given: int | None) -> int:
    if given is None:
        return 0
    if not 0 <= given < 2**63:
        raise Invalid("this is not the id of an entry", "/after")
    return given


@get("/incidents/{id:str}/pages", guards=may("see_pages"), summary="Who was paged, by what, and what became of it")
async def pages(
    request: AnyRequest, id: FromPath[str], cursor: FromQuery[str | None] = None, limit: FromQuery[int] = DEFAULT
) -> Response[bytes]:
    return reply(await incidents.pages(context(request), number_of(id), cursor, limit))


@get("/incidents/{id:str}/explain", guards=may("see_pages"), summary="Why each page did or did not happen")
async def explain_pages(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await explain.explain(context(request), number_of(id)))


@get("/incidents/{id:str}/ladder", guards=may("see_pages"), summary="The escalation, rung by rung")
async def ladder(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await ladders.ladder(context(request), number_of(id)))


@get("/incidents/{id:str}/verify", guards=may("see_incidents"), summary="Whether the timeline is as it was written")
async def verify(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await incidents.verify(context(request), number_of(id)))


ROUTES = [
    list_incidents, declare, get_incident, correct, acknowledge, escalate, change_severity, assign,
    note, timeline, pages,
    explain_pages, ladder, verify,
]  # fmt: skip
