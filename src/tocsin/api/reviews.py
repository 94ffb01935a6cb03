"""Writing reviews: sections, factors, action items, follow-ups; publishing and waiving."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import number_of
from tocsin.flow.acts import Result
from tocsin.manage import review_parts, reviews
from tocsin.manage.lists import DEFAULT, read_time
from tocsin.manage.review_parts import ActionChange

InState = Annotated[str | None, QueryParameter(name="state", description="draft, in_review, published, waived, open")]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Plan(_Body, frozen=True):
    """What is left out stays. `state`: `in_review` when others read it, or `draft`."""

    owner: str | None = None
    meeting_at: str | None = None
    state: str | None = None


class Text(_Body, frozen=True):
    """`version`: the one that was read; refused when somebody else wrote since."""

    text: str
    version: int | None = None


class FactorBody(_Body, frozen=True):
    """`kind`: technical, process, knowledge or external."""

    kind: str
    text: str
    evidence: str | None = None


class ActionBody(_Body, frozen=True):
    action: str
    owner: str | None = None
    due_on: str | None = None


class ActionChanges(_Body, frozen=True):
    """What is left out stays; an empty owner or day takes it away. `state`: open, done or dropped."""

    action: str | None = None
    owner: str | None = None
    due_on: str | None = None
    state: str | None = None


class Done(_Body, frozen=True):
    done: bool = True


class Publication(_Body, frozen=True):
    """`incomplete`: why it is published without a root cause, action items or lessons learned."""

    incomplete: str | None = None


class Waiver(_Body, frozen=True):
    reason: str


@get("/reviews", guards=may("see_reviews"), summary="List reviews, the one drafted last first")
async def list_reviews(
    request: AnyRequest,
    state_: InState = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = DEFAULT,
) -> Response[bytes]:
    """`state`: draft, in_review, published, waived, several joined by commas, or `open` for those that wait."""
    return reply(await reviews.list_reviews(context(request), state=state_, cursor=cursor, limit=limit))


async def _answered(request: AnyRequest, number: int, act: Any) -> Response[bytes]:
    """Do it and answer with the whole review; `result` says whether anything changed."""

    async def done() -> Json:
        result: Result = await act()
        shown = await reviews.get(context(request), number, principal_of(request).role)
        return {**shown, "result": {"changed": result.changed, "sentence": result.sentence}}

    return await write(request, done)


@patch("/incidents/{id:str}/review", guards=may("respond"), summary="Who writes the review, when its meeting is")
async def plan(request: AnyRequest, id: FromPath[str], data: JSONBody[Plan]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    at = read_time(data.meeting_at, "meeting_at")
    return await _answered(
        request, number, lambda: reviews.plan(ctx, number, actor, owner=data.owner, meeting_at=at, state=data.state)
    )


@get(
    "/incidents/{id:str}/review/sections/{section:str}", guards=may("see_reviews"), summary="Every version of a section"
)
async def versions(request: AnyRequest, id: FromPath[str], section: FromPath[str]) -> Response[bytes]:
    return reply(await reviews.section_versions(context(request), number_of(id), section))


@put("/incidents/{id:str}/review/sections/{section:str}", guards=may("respond"), summary="Write a section")
async def write_section(
    request: AnyRequest, id: FromPath[str], section: FromPath[str], data: JSONBody[Text]
) -> Response[bytes]:
    """Answers with what the language check says of it; nothing is refused because of that."""
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await write(
        request, lambda: review_parts.write_section(ctx, number, section, actor, data.text, data.version)
    )


@post("/incidents/{id:str}/review/factors", guards=may("respond"), summary="Add a contributing factor")
async def add_factor(request: AnyRequest, id: FromPath[str], data: JSONBody[FactorBody]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await write(
        request, lambda: review_parts.add_factor(ctx, number, actor, data.kind, data.text, data.evidence or ""), 201
    )


@delete(
    "/incidents/{id:str}/review/factors/{factor:int}", guards=may("respond"), status_code=200, summary="Remove a factor"
)
async def remove_factor(request: AnyRequest, id: FromPath[str], factor: FromPath[int]) -> Response[bytes]:
    ctx, number = context(request), number_of(id)
    return await _answered(request, number, lambda: review_parts.remove_factor(ctx, number, _row(factor)))


@post("/incidents/{id:str}/review/actions", guards=may("respond"), summary="Add an action item")
async def add_action(request: AnyRequest, id: FromPath[str], data: JSONBody[ActionBody]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    change = ActionChange(action=data.action, owner=data.owner, due_on=data.due_on)
    return await write(request, lambda: review_parts.add_action(ctx, number, actor, change), 201)


@patch(
    "/incidents/{id:str}/review/actions/{action:int}", guards=may("respond"), summary="Change an action item, or end it"
)
async def change_action(
    request: AnyRequest, id: FromPath[str], action: FromPath[int], data: JSONBody[ActionChanges]
) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    change = ActionChange(action=data.action, owner=data.owner, due_on=data.due_on, state=data.state)
    return await write(request, lambda: review_parts.change_action(ctx, number, _row(action), actor, change))


@post(
    "/incidents/{id:str}/review/follow-ups/{task:str}",
    guards=may("respond"),
    status_code=200,
    summary="A follow-up is done",
)
async def mark(
    request: AnyRequest, id: FromPath[str], task: FromPath[str], data: JSONBody[Done | None] = None
) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    done = data.done if data else True
    return await _answered(request, number, lambda: review_parts.mark(ctx, number, task, actor, done))


@post("/incidents/{id:str}/review/publish", guards=may("respond"), status_code=200, summary="Publish the review")
async def publish(request: AnyRequest, id: FromPath[str], data: JSONBody[Publication | None] = None) -> Response[bytes]:
    """409 when a root cause, action items or lessons learned are missing and `incomplete` does not say why."""
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    reason = (data.incomplete or "") if data else ""
    return await _answered(request, number, lambda: reviews.publish(ctx, number, actor, reason))


@post(
    "/incidents/{id:str}/review/waive",
    guards=may("respond"),
    status_code=200,
    summary="Waive the review, with a reason",
)
async def waive(request: AnyRequest, id: FromPath[str], data: JSONBody[Waiver]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await _answered(request, number, lambda: reviews.waive(ctx, number, actor, data.reason))


@post(
    "/incidents/{id:str}/review/take-up",
    guards=may("respond"),
    status_code=200,
    summary="A settled review is a draft again",
)
async def take_up(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    ctx, actor, number = context(request), principal_of(request).id, number_of(id)
    return await _answered(request, number, lambda: reviews.take_up(ctx, number, actor))


def _row(id: int) -> int:
    """An id as the database can hold it; one beyond is nobody's."""
    return id if 0 <= id < 2**63 else 0


ROUTES = [
    list_reviews, plan, versions, write_section, add_factor, remove_factor, add_action, change_action, mark, publish, waive, take_up,
]  # fmt: skip
