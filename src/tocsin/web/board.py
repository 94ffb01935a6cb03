"""What people put on the board of a room: messages, findings, decisions, tasks, ticks, corrections; and one entry by itself."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.incident import parse_id
from tocsin.core.permission import hidden_kinds
from tocsin.flow import chat, findings, respond, tasks
from tocsin.flow.acts import Result
from tocsin.flow.tasks import Change
from tocsin.manage import checklists, desk, incidents
from tocsin.web.authentication import AnyRequest, context, may, viewer_of
from tocsin.web.pages import show
from tocsin.web.refusals import refuse
from tocsin.web.rooms import act


def _id(given: dict[str, str], name: str) -> int:
    """The id that a button of ours carries. Raises Invalid."""
    text = given.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid("this is not one of ours: reload the page", f"/{name}")
    return int(text)


@post("/incidents/{id:str}/message", guards=may("respond"), status_code=200, include_in_schema=False)
async def message(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """`as`: `note` keeps it as a note, `can` is a report of conditions, actions and needs, else it is a message."""
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        if given.get("as") == "can":
            said = (given.get("conditions", ""), given.get("actions", ""), given.get("needs", ""))
            return await chat.report(ctx, number, actor, *said)
        say = respond.note if given.get("as") == "note" else chat.post
        return await say(ctx, number, actor, given.get("text", ""))

    return await act(request, id, done)


@get("/incidents/{id:str}/entries/{entry:int}", guards=may("see_incidents"), name="room_entry", include_in_schema=False)
async def entry(request: AnyRequest, id: FromPath[str], entry: FromPath[int]) -> Response[bytes]:
    """One entry of the timeline by itself: what was said of it later, pin it, correct it."""
    ctx, viewer, number = context(request), viewer_of(request), parse_id(id)
    found = await desk.one_entry(ctx, number, min(entry, 2**63 - 1))
    if found["kind"] in hidden_kinds(viewer.someone.role):
        raise NotFound("There is no such entry.")
    return await show(
        request, viewer, "incidents/entry_page.html", incident=await incidents.get(ctx, number), entry=found
    )


async def _entry_again(
    request: AnyRequest, number: int, given: dict[str, str], error: Conflict | Invalid | Forbidden
) -> Response[bytes]:
    """The page of the entry that was to be pinned or corrected."""
    ctx = context(request)
    found = await desk.one_entry(ctx, number, _id(given, "entry"))
    if found["kind"] in hidden_kinds(viewer_of(request).someone.role):
        raise NotFound("There is no such entry.")
    data = {"incident": await incidents.get(ctx, number), "entry": found}
    return await refuse(request, "incidents/entry_page.html", data, given, error)


@post("/incidents/{id:str}/pin", guards=may("respond"), status_code=200, include_in_schema=False)
async def pin(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        certainty = given.get("certainty") or "fact"
        made = await findings.pin(ctx, number, actor, _id(given, "entry"), certainty, given.get("text", ""))
        return Result(number, True, f"Pinned as a {made.certainty}")

    return await act(request, id, done, None if viewer_of(request).live else _entry_again)


@post("/incidents/{id:str}/correct", guards=may("respond"), status_code=200, include_in_schema=False)
async def correct(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    return await act(
        request, id,
        lambda number, actor, given: chat.correct(ctx, number, actor, _id(given, "entry"), given.get("text", "")),
        None if viewer_of(request).live else _entry_again,
    )  # fmt: skip


@post("/incidents/{id:str}/finding", guards=may("respond"), status_code=200, include_in_schema=False)
async def finding(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        certainty = given.get("certainty") or "hypothesis"
        made = await findings.add(ctx, number, actor, given.get("text", ""), certainty)
        return Result(number, True, f"Written down as a {made.certainty}")

    return await act(request, id, done)


@post("/incidents/{id:str}/settle", guards=may("respond"), status_code=200, include_in_schema=False)
async def settle(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        certainty, why = given.get("certainty", ""), given.get("why", "")
        found = await findings.settle(ctx, number, actor, _id(given, "finding"), certainty, why)
        return Result(number, True, "It does not hold" if found.certainty == "refuted" else f"A {found.certainty} now")

    return await act(request, id, done)


@post("/incidents/{id:str}/decision", guards=may("respond"), status_code=200, include_in_schema=False)
async def decision(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        text, why, others = given.get("text", ""), given.get("why", ""), given.get("alternatives", "")
        await findings.decide(ctx, number, actor, text, why, others)
        return Result(number, True, "Decided, with what is known now")

    return await act(request, id, done)


@post("/incidents/{id:str}/task", guards=may("respond"), status_code=200, include_in_schema=False)
async def task(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        await tasks.add(
            ctx, number, actor, given.get("text", ""), owner=given.get("owner") or None,
            workstream=given.get("workstream", ""), check_in=given.get("check_in") or None,
        )  # fmt: skip
        return Result(number, True, "The task is on the board")

    return await act(request, id, done)


@post("/incidents/{id:str}/task/change", guards=may("respond"), status_code=200, include_in_schema=False)
async def change_task(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """`check_in`: when it is heard of next; `keep` or nothing leaves that as it is."""
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        again = given.get("check_in", "")
        wanted = Change(
            state=given.get("state") or None, note=given.get("note", ""), owner=given.get("owner"),
            check_in=again if again and again != "keep" and not given.get("state") else None,
        )  # fmt: skip
        made = await tasks.change(ctx, number, actor, _id(given, "task"), wanted)
        return Result(number, True, {"open": "Told", "done": "Done", "dropped": "Dropped"}[made.state])

    return await act(request, id, done)


@post("/incidents/{id:str}/tick", guards=may("respond"), status_code=200, include_in_schema=False)
async def tick(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """`step` is ticked, or `untick` is not any more."""
    ctx = context(request)

    async def done(number: int, actor: str, given: dict[str, str]) -> Result:
        taken_back = given.get("untick")
        return await checklists.tick(ctx, number, actor, taken_back or given.get("step", ""), not taken_back)

    return await act(request, id, done)


ROUTES = [message, entry, pin, correct, finding, settle, decision, task, change_task, tick]
