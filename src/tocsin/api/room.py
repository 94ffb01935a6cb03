"""What an incident's room holds: messages, findings, decisions, tasks, checklists, what happened around the onset."""

from __future__ import annotations

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import number_of
from tocsin.core.permission import allowed
from tocsin.flow import chat, findings, tasks
from tocsin.flow.tasks import Change
from tocsin.manage import checklists, incidents, onsets
from tocsin.manage import room as rooms

HIGHEST = 2**63 - 1


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Report(_Body, frozen=True, kw_only=True):
    """A CAN report: what one sees, what one does, what one needs."""

    conditions: str = ""
    actions: str = ""
    needs: str = ""


class Message(_Body, frozen=True):
    text: str


class NewFinding(_Body, frozen=True, kw_only=True):
    """`certainty`: fact or hypothesis."""

    text: str
    certainty: str = "hypothesis"


class Pin(_Body, frozen=True, kw_only=True):
    """`text`: in other words than the entry's own."""

    certainty: str = "fact"
    text: str | None = None


class Settlement(_Body, frozen=True, kw_only=True):
    """`certainty`: fact, hypothesis or refuted; `why`: on what grounds."""

    certainty: str
    why: str | None = None


class NewDecision(_Body, frozen=True, kw_only=True):
    """What was decided, why, and what else was weighed."""

    text: str
    why: str | None = None
    alternatives: str | None = None


class NewTask(_Body, frozen=True, kw_only=True):
    """`next_check_in`: when its owner is heard of next, a time or a length like `15m`."""

    text: str
    owner: str | None = None
    workstream: str | None = None
    next_check_in: str | None = None


class TaskChange(_Body, frozen=True, kw_only=True):
    """What is left out stays as it is. `note`: a word from its owner; `owner` and `next_check_in` may be empty for nobody and never."""

    text: str | None = None
    owner: str | None = None
    workstream: str | None = None
    state: str | None = None
    next_check_in: str | None = None
    note: str | None = None
    outcome: str | None = None


class Tick(_Body, frozen=True, kw_only=True):
    """`done` false takes a tick by hand back."""

    step: str
    done: bool = True


@get("/incidents/{id:str}/room", guards=may("see_incidents"), summary="All that its room holds besides the timeline")
async def room(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await _room(request, number_of(id)))


async def _room(request: AnyRequest, number: int) -> Json:
    return await rooms.room(context(request), number, allowed(principal_of(request).role, "see_alerts"))


# --- what people say --------------------------------------------------------------------------------------------------


@post("/incidents/{id:str}/messages", guards=may("respond"), summary="Say something to everyone in the room")
async def message(request: AnyRequest, id: FromPath[str], data: JSONBody[Message]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        await chat.post(ctx, number, actor, data.text)
        return await incidents.last_entry(ctx, number, "message_posted", actor)

    return await write(request, act, 201)


@post(
    "/incidents/{id:str}/can", guards=may("respond"), operation_id="can_report",
    summary="Report conditions, actions and needs to everyone in the room",
)  # fmt: skip
async def report(request: AnyRequest, id: FromPath[str], data: JSONBody[Report]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        await chat.report(ctx, number, actor, data.conditions, data.actions, data.needs)
        return await incidents.last_entry(ctx, number, "message_posted", actor)

    return await write(request, act, 201)


@post(
    "/incidents/{id:str}/timeline/{entry:int}/correct", guards=may("respond"), operation_id="correct_entry",
    summary="Say what an entry should have said: a new entry that refers to it",
)  # fmt: skip
async def correct(
    request: AnyRequest, id: FromPath[str], entry: FromPath[int], data: JSONBody[Message]
) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        await chat.correct(ctx, number, actor, _row(entry), data.text)
        return await incidents.last_entry(ctx, number, "corrected", actor)

    return await write(request, act, 201)


@post(
    "/incidents/{id:str}/timeline/{entry:int}/pin", guards=may("respond"), operation_id="pin_entry",
    summary="A message, or another entry, becomes a finding",
)  # fmt: skip
async def pin(
    request: AnyRequest, id: FromPath[str], entry: FromPath[int], data: JSONBody[Pin | None] = None
) -> Response[bytes]:
    ctx, actor, number, how = context(request), principal_of(request).id, number_of(id), data or Pin()

    async def act() -> Json:
        made = await findings.pin(ctx, number, actor, _row(entry), how.certainty, how.text or "")
        return rooms.finding_view(made)

    return await write(request, act, 201)


def _row(id: int) -> int:
    """An id as the database can hold it; what is larger is nobody's."""
    return id if 0 <= id <= HIGHEST else 0


# --- what we know, and what was decided -------------------------------------------------------------------------------


@get("/incidents/{id:str}/findings", guards=may("see_incidents"), summary="What we know: facts and hypotheses")
async def list_findings(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply({"items": (await _room(request, number_of(id)))["findings"], "next": None})


@post("/incidents/{id:str}/findings", guards=may("respond"), summary="Add what is known, or believed")
async def add_finding(request: AnyRequest, id: FromPath[str], data: JSONBody[NewFinding]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        return rooms.finding_view(await findings.add(ctx, number, actor, data.text, data.certainty))

    return await write(request, act, 201)


@patch(
    "/incidents/{id:str}/findings/{finding:int}", guards=may("respond"), operation_id="settle_finding",
    summary="A hypothesis becomes a fact, or is refuted",
)  # fmt: skip
async def settle(
    request: AnyRequest, id: FromPath[str], finding: FromPath[int], data: JSONBody[Settlement]
) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        found = await findings.settle(ctx, number, actor, _row(finding), data.certainty, data.why or "")
        return rooms.finding_view(found)

    return await write(request, act)


@get("/incidents/{id:str}/decisions", guards=may("see_incidents"), summary="What was decided, by whom, on what grounds")
async def list_decisions(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply({"items": (await _room(request, number_of(id)))["decisions"], "next": None})


@post("/incidents/{id:str}/decisions", guards=may("respond"), summary="Write down a decision")
async def decide(request: AnyRequest, id: FromPath[str], data: JSONBody[NewDecision]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        made = await findings.decide(ctx, number, actor, data.text, data.why or "", data.alternatives or "")
        return rooms.decision_view(made)

    return await write(request, act, 201)


# --- who does what ----------------------------------------------------------------------------------------------------


@get("/incidents/{id:str}/tasks", guards=may("see_incidents"), summary="Who does what, and is heard of when")
async def list_tasks(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply({"items": (await _room(request, number_of(id)))["tasks"], "next": None})


@post("/incidents/{id:str}/tasks", guards=may("respond"), summary="Give somebody something to do")
async def add_task(request: AnyRequest, id: FromPath[str], data: JSONBody[NewTask]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        made = await tasks.add(
            ctx, number, actor, data.text, owner=data.owner, workstream=data.workstream or "",
            check_in=tasks.read_moment(data.next_check_in),
        )  # fmt: skip
        return rooms.task_view(made)

    return await write(request, act, 201)


@patch(
    "/incidents/{id:str}/tasks/{task:int}", guards=may("respond"), operation_id="change_task",
    summary="Check in, hand on, finish or drop a task",
)  # fmt: skip
async def change_task(
    request: AnyRequest, id: FromPath[str], task: FromPath[int], data: JSONBody[TaskChange]
) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        wanted = Change(
            text=data.text, owner=data.owner, workstream=data.workstream, state=data.state, note=data.note or "",
            outcome=data.outcome or "", check_in=tasks.read_moment(data.next_check_in),
        )  # fmt: skip
        return rooms.task_view(await tasks.change(ctx, number, actor, _row(task), wanted))

    return await write(request, act)


# --- checklists, and the onset ----------------------------------------------------------------------------------------


@get("/incidents/{id:str}/checklist", guards=may("see_incidents"), summary="The phases, step by step")
async def checklist(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await checklists.checklist(context(request), number_of(id)))


@post(
    "/incidents/{id:str}/checklist", guards=may("respond"), status_code=200, operation_id="tick_step",
    summary="Tick a step by hand, or take the tick back",
)  # fmt: skip
async def tick(request: AnyRequest, id: FromPath[str], data: JSONBody[Tick]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)

    async def act() -> Json:
        await checklists.tick(ctx, number, actor, data.step, data.done)
        return await checklists.checklist(ctx, number)

    return await write(request, act)


@get(
    "/incidents/{id:str}/onset", guards=may("see_alerts"),
    summary="Alerts and changes around the onset, the likeliest changes first",
)  # fmt: skip
async def onset(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await onsets.onset(context(request), number_of(id)))


ROUTES = [
    room, message, report, correct, pin, list_findings, add_finding, settle, list_decisions, decide, list_tasks, add_task,
    change_task, checklist, tick, onset,
]  # fmt: skip
