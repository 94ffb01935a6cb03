"""Reviews and reports in the browser: the draft is read, written into, published or waived; and a place to try out a text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.incident import STATUSES, parse_id, public_id
from tocsin.core.language import LONGEST
from tocsin.flow.acts import Result
from tocsin.flow.context import Context
from tocsin.manage import incidents, language, reports, review_page, review_parts, reviews
from tocsin.manage.review_parts import ActionChange
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, number_in, viewer_of
from tocsin.web.pages import go, show

PER_PAGE = 50


@get("/incidents/{id:str}/report", guards=may("see_incidents"), name="report", include_in_schema=False)
async def report(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    ctx, viewer, number = context(request), viewer_of(request), parse_id(id)
    made = await reports.shown(ctx, number, viewer.someone.role, bool(asked(request, "whole")), viewer.zone)
    incident = await incidents.get(ctx, number)
    return await show(request, viewer, "reviews/report.html", incident=incident, document=made)


@get("/reviews", guards=may("see_reviews"), name="reviews", include_in_schema=False)
async def list_reviews(request: AnyRequest) -> Response[bytes]:
    """Those that wait, then all."""
    state = asked(request, "state") or "open"
    data = await reviews.list_reviews(
        context(request),
        state=None if state == "all" else state,
        cursor=request.query_params.get("cursor"),
        limit=PER_PAGE,
    )
    older = f"/reviews?state={state}&cursor={data['next']}" if data["next"] else None
    return await show(request, viewer_of(request), "reviews/list.html", items=data["items"], chosen=state, older=older)


@get("/incidents/{id:str}/review", guards=may("see_reviews"), name="review", include_in_schema=False)
async def review(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    number = parse_id(id)
    if id != public_id(number):
        return go(f"/incidents/{public_id(number)}/review")
    return await _page(request, number)


async def _page(request: AnyRequest, number: int, status: int = 200, **more: Any) -> Response[bytes]:
    """The page; `problem` says what was refused, `given` holds what was written there, so that nobody's words are lost."""
    ctx, viewer = context(request), viewer_of(request)
    try:
        found = await review_page.page_of(ctx, number, viewer.someone.role, viewer.zone)
    except Conflict as error:
        incident = await incidents.get(ctx, number)
        return await show(request, viewer, "reviews/early.html", 409, incident=incident, problem=str(error))
    people = sorted(ctx.directory.users.values(), key=lambda user: user.label.lower())
    given = {"problem": "", "given": {}, **more}
    return await show(request, viewer, "reviews/review.html", status, found=found, people=people, **given)


Act = Callable[[Context, int, str, dict[str, str]], Awaitable[Any]]


async def _acted(request: AnyRequest, id: str, act: Act, said: str, place: str = "") -> Response[Any]:
    number, given = parse_id(id), await fields(request)
    try:
        result = await act(context(request), number, viewer_of(request).someone.id, given)
    except (Conflict, Invalid) as error:
        return await _page(request, number, 422, problem=str(error), given=given)
    told = f"{result.sentence}." if isinstance(result, Result) and not said else said
    return go(f"/incidents/{public_id(number)}/review{place}", told)


@post("/incidents/{id:str}/review/section", guards=may("respond"), status_code=200, include_in_schema=False)
async def write(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    async def act(ctx: Context, number: int, actor: str, given: dict[str, str]) -> Any:
        version = number_in(given.get("version", ""))
        return await review_parts.write_section(
            ctx, number, given.get("section", ""), actor, given.get("text", ""), version
        )

    given = await fields(request)
    return await _acted(
        request, id, act, "Saved.", f"#{given.get('section', '')}" if given.get("section", "").isidentifier() else ""
    )


@post("/incidents/{id:str}/review/factor", guards=may("respond"), status_code=200, include_in_schema=False)
async def factor(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Add one; or remove the one whose number is given."""

    async def act(ctx: Context, number: int, actor: str, given: dict[str, str]) -> Any:
        if (factor := number_in(given.get("remove", ""))) is not None:
            return await review_parts.remove_factor(ctx, number, factor)
        return await review_parts.add_factor(
            ctx, number, actor, given.get("kind", ""), given.get("text", ""), given.get("evidence", "")
        )

    return await _acted(request, id, act, "Saved.", "#contributing_factors")


@post("/incidents/{id:str}/review/action", guards=may("respond"), status_code=200, include_in_schema=False)
async def action(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Add one; or end, drop or take up the one whose number is given."""

    async def act(ctx: Context, number: int, actor: str, given: dict[str, str]) -> Any:
        if (item := number_in(given.get("id", ""))) is not None:
            change = ActionChange(state=given.get("state", ""))
            return await review_parts.change_action(ctx, number, item, actor, change)
        change = ActionChange(
            action=given.get("action", ""), owner=given.get("owner") or None, due_on=given.get("due_on") or None
        )
        return await review_parts.add_action(ctx, number, actor, change)

    return await _acted(request, id, act, "Saved.", "#action_items")


@post("/incidents/{id:str}/review/follow-up", guards=may("respond"), status_code=200, include_in_schema=False)
async def follow_up(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    async def act(ctx: Context, number: int, actor: str, given: dict[str, str]) -> Any:
        return await review_parts.mark(ctx, number, given.get("task", ""), actor, given.get("done") == "1")

    return await _acted(request, id, act, "", "#follow_up")


@post("/incidents/{id:str}/review/plan", guards=may("respond"), status_code=200, include_in_schema=False)
async def plan(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    zone = viewer_of(request).zone

    async def act(ctx: Context, number: int, actor: str, given: dict[str, str]) -> Any:
        at = None
        if given.get("meeting_at"):
            try:
                at = datetime.fromisoformat(given["meeting_at"]).replace(tzinfo=zone)
            except ValueError:
                raise Invalid(
                    f"{given['meeting_at']!r} is not a time: write it like 2026-01-05T09:00", "/meeting_at"
                ) from None
        return await reviews.plan(
            ctx, number, actor, owner=given.get("owner") or None, meeting_at=at, state=given.get("state") or None
        )

    return await _acted(request, id, act, "")


@post("/incidents/{id:str}/review/settle", guards=may("respond"), status_code=200, include_in_schema=False)
async def settle(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Publish it, waive it, or take it up again."""

    async def act(ctx: Context, number: int, actor: str, given: dict[str, str]) -> Any:
        if given.get("act") == "waive":
            return await reviews.waive(ctx, number, actor, given.get("reason", ""))
        if given.get("act") == "take_up":
            return await reviews.take_up(ctx, number, actor)
        return await reviews.publish(ctx, number, actor, given.get("reason", ""))

    return await _acted(request, id, act, "")


@get("/language", guards=may("see_incidents"), name="language", include_in_schema=False)
async def try_language(request: AnyRequest) -> Response[bytes]:
    return await _language(request, {})


@post("/language", guards=may("see_incidents"), status_code=200, include_in_schema=False)
async def check_language(request: AnyRequest) -> Response[bytes]:
    """Nothing is kept of it."""
    given = await fields(request)
    try:
        found = await language.lint(
            context(request).directory, given.get("text", "")[: LONGEST + 1], given.get("kind", "update"),
            status=given.get("status") or None, audience=given.get("audience") or "public",
        )  # fmt: skip
    except Invalid as error:
        return await _language(request, given, 422, problem=str(error))
    return await _language(request, given, found=found)


async def _language(request: AnyRequest, given: dict[str, str], status: int = 200, **more: Any) -> Response[bytes]:
    data = {"found": None, "problem": "", **more}
    return await show(
        request, viewer_of(request), "reviews/language.html", status, given=given, statuses=STATUSES, **data
    )


ROUTES = [
    report, list_reviews, review, write, factor, action, follow_up, plan, settle, try_language, check_language,
]  # fmt: skip
