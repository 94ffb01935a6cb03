"""Updates in the browser: written from the facts, looked at, published with one tap; who is told, and whether promises are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.audience import AUDIENCES, CHANNEL_AUDIENCES, SAID
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.incident import parse_id, public_id
from tocsin.core.lifecycle import MOVES
from tocsin.core.status_page import STATE_WORDS
from tocsin.core.update import CAUSES
from tocsin.flow.context import Context
from tocsin.manage import communications, incidents, subscriptions, update_templates, updates, wording
from tocsin.manage.updates import Wanted
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, number_in, viewer_of
from tocsin.web.pages import go, show
from tocsin.web.refusals import refuse

DESK = "updates/desk.html"
NEXT = {"15m": "15 min", "30m": "30 min", "60m": "60 min"}
"""The next time, with one tap."""
RULE_WORDS = {
    "any": "Any finding", "jargon": "Jargon, names of ours", "blame": "Blame", "speculation": "A guess about the cause",
    "over_promise": "A promise that cannot be kept", "missing_impact": "Not what is noticed", "missing_next": "Not when they hear again",
    "missing_apology": "No apology", "missing_start": "Not since when", "rote": "Set phrases", "long_sentence": "Long sentences",
    "wordy": "Wordy turns",
}  # fmt: skip


def _place(number: int) -> str:
    return f"/incidents/{public_id(number)}/updates"


@get("/incidents/{id:str}/updates", guards=may("see_incidents"), name="updates", include_in_schema=False)
async def desk(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Write an update, and what was told so far. The query names audience, next time and kind of cause."""
    number = parse_id(id)
    if id != public_id(number):
        return go(_place(number))
    return await _desk(request, number, {name: asked(request, name) for name in ("audience", "next", "cause", "draft")})


async def _desk(request: AnyRequest, number: int, given: Mapping[str, str], problem: str = "") -> Response[bytes]:
    """The page; what somebody wrote stays when it could not be published."""
    data = await _desk_data(request, number, given, problem)
    return await show(request, viewer_of(request), DESK, 422 if problem else 200, **data)


async def _desk_data(request: AnyRequest, number: int, given: Mapping[str, str], problem: str = "") -> dict[str, Any]:
    ctx, viewer = context(request), viewer_of(request)
    incident = await incidents.get(ctx, number)
    listed = await updates.list_updates(ctx, viewer.someone, number)
    return {
        "incident": incident, "listed": listed, "said": SAID, "problem": problem, "next_choices": NEXT, "causes": CAUSES,
        "sheet": await _sheet(ctx, request, number, given, listed, incident) if viewer.may("publish") else None,
        "states": STATE_WORDS, "place": _place(number),
        "moves": [incident["status"], *(move for move in MOVES[incident["status"]] if move not in ("closed", "acknowledged"))],
        "components": [one for page in ctx.directory.status_pages.values() for one in page.components],
        "told": await communications.list_communications(ctx, viewer.someone, number),
        "channels": sorted(ctx.directory.channels.values(), key=lambda one: one.label.lower()),
        "may_speak": updates.speaks(viewer.someone, incident["roles"]),
    }  # fmt: skip


async def _sheet(
    ctx: Context,
    request: AnyRequest,
    number: int,
    given: Mapping[str, str],
    listed: dict[str, Any],
    incident: dict[str, Any],
) -> dict[str, Any]:
    """What is in the form: what was sent, else the draft, else a text from the facts."""
    audience = given.get("audience") if given.get("audience") in AUDIENCES else _first(listed)
    principal = viewer_of(request).someone
    cause = given.get("cause") if given.get("cause") in CAUSES and incident["identified_at"] else None
    after = given.get("next") if given.get("next") in NEXT else None
    composed = await updates.compose(
        ctx, principal, number, audience or "stakeholders", next_update_in=after, cause=cause
    )
    draft = next((one for one in listed["items"] if one["state"] == "draft" and one["audience"] == audience), None)
    touched = draft is not None and (draft["actor"] != "tocsin" or given.get("draft") == "kept")
    message = given.get("message") or (draft["message"] if draft and touched else composed["message"])
    fresh, status = message == composed["message"], incident["status"]
    checked = (
        updates.findings(ctx, message, composed["audience"], status, has_next=True)
        if not fresh
        else composed["findings"]
    )
    chosen = {name.removeprefix("component."): value for name, value in given.items() if name.startswith("component.")}
    return {
        "audience": audience, "message": message, "next": given.get("next", ""), "cause": cause or "", "draft": draft,
        "composed": composed, "findings": checked, "components": {**(draft["components"] if draft else {}), **chosen},
        "status": given.get("status") or incident["status"], "touched": touched,
        "overrule": given.get("overrule", ""), "strict": updates.is_strict(ctx, composed["audience"]),
        "written_for": given.get("written_for") or (draft["next_update_at"] if draft and touched else composed["next_update_at"]),
    }  # fmt: skip


def _first(listed: dict[str, Any]) -> str:
    """The audience that needs words most: overdue, else with a draft, else one that the severity asks for."""
    for wish in ("overdue", "draft", "required"):
        for one in listed["audiences"]:
            if one[wish]:
                return str(one["audience"])
    return "stakeholders"


@post("/incidents/{id:str}/updates", guards=may("publish"), status_code=200, include_in_schema=False)
async def publish(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Publish, or keep as a draft."""
    ctx, viewer, number, given = context(request), viewer_of(request), parse_id(id), await fields(request)
    incident = await incidents.get(ctx, number)
    components = {
        name.removeprefix("component."): value
        for name, value in given.items()
        if name.startswith("component.") and value
    }
    wanted = Wanted(
        audience=given.get("audience", ""), message=given.get("message", "").replace("\r\n", "\n"),
        status=given["status"] if given.get("status") not in (None, "", incident["status"]) else None,
        next_update_in=given.get("next") or None, written_for=given.get("written_for") or None, components=components or None,
        cause=given.get("cause") or None, overrule=given.get("overrule") or None,
    )  # fmt: skip
    try:
        if given.get("act") == "keep":
            await updates.keep(ctx, viewer.someone, number, wanted)
            return go(f"{_place(number)}?audience={wanted.audience}&draft=kept", "Kept as a draft: nobody was told.")
        made = await updates.publish(ctx, viewer.someone, number, wanted)
    except (Conflict, Invalid, Forbidden) as error:
        return await _desk(request, number, given, str(error))
    return go(_place(number), _published(made))


def _published(made: dict[str, Any]) -> str:
    to = len(made["receipts"])
    where = "on the status page" if made["on_page"] else f"to {to} address{'' if to == 1 else 'es'}"
    told = f"Published for {made['audience']}, {where}."
    if made["audience"] == "public" and not made["on_page"]:
        told = "Published for public; there is no status page yet that shows it."
    if made["audience"] in ("stakeholders", "executives") and not to and not made["digest"]:
        told = f"Published for {made['audience']}; nobody asked to be told, and no channel leads to them."
    return " ".join([told, *(f"{hint}." for hint in made["hints"])])


@post("/incidents/{id:str}/updates/check", guards=may("publish"), status_code=200, include_in_schema=False)
async def check(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """What the language check says of what is being written."""
    ctx, number, given = context(request), parse_id(id), await fields(request)
    status = (await incidents.get(ctx, number))["status"]
    audience = given.get("audience") if given.get("audience") in AUDIENCES else "public"
    found = updates.findings(
        ctx, given.get("message", "")[:20_000], str(audience), given.get("status") or status, has_next=True
    )
    return await show(
        request, viewer_of(request), "updates/findings.html", findings=found, mend_at=f"{_place(number)}/mend#compose-title",
        strict=updates.is_strict(ctx, str(audience)), overrule=given.get("overrule", ""),
    )  # fmt: skip


@post("/incidents/{id:str}/updates/mend", guards=may("publish"), status_code=200, include_in_schema=False)
async def mend(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """What is being written, with the words that one finding proposes. Nothing is kept."""
    ctx, number, given = context(request), parse_id(id), await fields(request)
    audience = given.get("audience") if given.get("audience") in AUDIENCES else "public"
    status = given.get("status") or (await incidents.get(ctx, number))["status"]
    message, place = given.get("message", "").replace("\r\n", "\n")[:20_000], number_in(given.get("mend", ""))
    if place is not None:
        message = updates.mend(ctx, message, str(audience), status, place)
    return await _desk(request, number, {**given, "message": message})


@post(
    "/incidents/{id:str}/updates/{update:int}/discard", guards=may("publish"), status_code=200, include_in_schema=False
)
async def discard(request: AnyRequest, id: FromPath[str], update: FromPath[int]) -> Response[Any]:
    number = parse_id(id)
    return await _done(
        request,
        number,
        updates.discard(context(request), viewer_of(request).someone, number, update),
        "The draft is gone.",
    )


@post("/incidents/{id:str}/updates/tell", guards=may("publish"), status_code=200, include_in_schema=False)
async def tell(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """The end, to all who were told anything."""
    number = parse_id(id)
    made = await updates.tell_everyone(context(request), viewer_of(request).someone, number)
    told = ", ".join(one["audience"] for one in made)
    return go(_place(number), f"Told: {told}." if told else "There is nobody left to tell.")


@post("/incidents/{id:str}/communications", guards=may("publish"), status_code=200, include_in_schema=False)
async def communicate(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx, number, given = context(request), parse_id(id), await fields(request)
    act = communications.communicate_to(
        ctx, viewer_of(request).someone, number, given.get("message", ""), given.get("channel", "")
    )
    return await _done(request, number, act, "Told, and shown in the room.", given)


@post(
    "/incidents/{id:str}/communications/{communication:int}",
    guards=may("publish"),
    status_code=200,
    include_in_schema=False,
)
async def settle(request: AnyRequest, id: FromPath[str], communication: FromPath[int]) -> Response[Any]:
    """Approve a draft for a channel, or throw it away."""
    ctx, who, number, given = context(request), viewer_of(request).someone, parse_id(id), await fields(request)
    if given.get("act") == "discard":
        return await _done(
            request, number, communications.discard(ctx, who, number, communication), "The draft is gone."
        )
    act = communications.approve(ctx, who, number, communication, given.get("message") or None)
    return await _done(request, number, act, "Approved, and on its way.", given)


async def _done(
    request: AnyRequest, number: int, act: Any, sentence: str, given: Mapping[str, str] | None = None
) -> Response[Any]:
    """`given`: what was written, which comes back when it is refused."""
    try:
        await act
    except (Conflict, Invalid, Forbidden) as error:
        if given is not None:
            return await refuse(request, DESK, await _desk_data(request, number, {}), given, error)
        return go(_place(number), str(error), "problem")
    return go(_place(number), sentence)


# --- outside of one incident ------------------------------------------------------------------------------------------


@get("/updates", guards=may("see_incidents"), name="promises", include_in_schema=False)
async def promises(request: AnyRequest) -> Response[bytes]:
    """Whether promises were kept; one's own subscriptions; channels and templates for those who see the configuration."""
    ctx, viewer = context(request), viewer_of(request)
    days = asked(request, "days") if asked(request, "days") in ("7", "30", "90") else "30"
    start = (ctx.clock.now() - _days(int(days))).isoformat()
    mine = await subscriptions.list_subscriptions(ctx, viewer.someone) if viewer.user in ctx.directory.users else None
    seen = viewer.may("see_configuration")
    return await show(
        request, viewer, "updates/promises.html", found=await updates.promises_kept(ctx, start), days=days, mine=mine,
        services=sorted(ctx.directory.services.values(), key=lambda one: one.label.lower()),
        channels=sorted(ctx.directory.channels.values(), key=lambda one: (CHANNEL_AUDIENCES.index(one.audience), one.id)) if seen else None,
        catalogue=update_templates.catalogue(ctx) if seen else None, policy=wording.policy(ctx) if seen else None, said=SAID,
        rule_words=RULE_WORDS,
    )  # fmt: skip


@post("/updates/wording", guards=may("configure"), status_code=200, include_in_schema=False)
async def change_policy(request: AnyRequest) -> Response[Any]:
    """Which rules of the language check stop an update to whom."""
    ctx, given = context(request), await fields(request)
    wanted = {
        audience: wording.Policy(
            [rule for rule in wording.policy(ctx)["rules"] if given.get(f"{audience}.{rule}")],
            bool(given.get(f"{audience}.strict")),
        )
        for audience in AUDIENCES
    }
    try:
        await wording.change(ctx, viewer_of(request).someone, wanted)
    except (Invalid, Conflict) as error:
        return go("/updates#policy", str(error), "problem")
    return go("/updates#policy", "Kept: it holds for the next update.")


def _days(count: int) -> Any:
    return updates.MONTH * count / 30


@post("/subscriptions", guards=may("reach_self"), status_code=200, include_in_schema=False)
async def subscribe(request: AnyRequest) -> Response[Any]:
    """Subscribe, or end a subscription."""
    ctx, who, given = context(request), viewer_of(request).someone, await fields(request)
    try:
        if (ended := number_in(given.get("end", ""))) is not None:
            await subscriptions.unsubscribe(ctx, who, ended)
            return go("/updates#mine", "You are not told of these any more.")
        made = await subscriptions.subscribe(
            ctx,
            who,
            service=given.get("service") or None,
            severity=given.get("severity", ""),
            audience=given.get("audience", ""),
        )
    except (Invalid, NotFound) as error:
        return go("/updates#mine", str(error), "problem")
    return go("/updates#mine", f"You are told of {made['service'] or 'every service'} from now on.")


# --- templates --------------------------------------------------------------------------------------------------------


@get(
    "/update-templates/{moment:str}/{audience:str}",
    guards=may("see_configuration"),
    name="update_template",
    include_in_schema=False,
)
async def template(request: AnyRequest, moment: FromPath[str], audience: FromPath[str]) -> Response[bytes]:
    return await _template(request, moment, audience)


async def _template(
    request: AnyRequest, moment: str, audience: str, body: str | None = None, problem: str = "", shown: dict[str, Any] | None = None
) -> Response[bytes]:  # fmt: skip
    ctx, viewer = context(request), viewer_of(request)
    listed = update_templates.catalogue(ctx)
    one = next((each for each in listed["items"] if (each["moment"], each["audience"]) == (moment, audience)), None)
    if one is None:
        raise NotFound("There is no such template")
    id = f"{moment}-{audience}"
    kept = ctx.directory.update_templates.get(id)
    origin = ctx.directory.origins.get(("update_templates", id))
    text = body if body is not None else kept.body if kept else one["body"]
    if shown is None and not problem and viewer.may("configure"):
        shown = await update_templates.preview(ctx, viewer.someone, text, audience, moment)
    return await show(
        request, viewer, "updates/template.html", 422 if problem else 200, one=one, id=id, kept=kept, text=text, problem=problem,
        shown=shown, names=listed["names"], said=SAID, origin=origin if origin and origin.file else None,
        examples=(await incidents.list_incidents(ctx, limit=10))["items"],
    )  # fmt: skip


@post(
    "/update-templates/{moment:str}/{audience:str}", guards=may("configure"), status_code=200, include_in_schema=False
)
async def change_template(request: AnyRequest, moment: FromPath[str], audience: FromPath[str]) -> Response[Any]:
    """Show what it would say, keep it, or go back to the built-in text."""
    ctx, who, given = context(request), viewer_of(request).someone, await fields(request)
    body, id = given.get("body", "").replace("\r\n", "\n"), f"{moment}-{audience}"
    try:
        if given.get("act") == "reset":
            await update_templates.remove(ctx, who, id)
            return go(f"/update-templates/{moment}/{audience}", "The built-in text counts again.")
        if given.get("act") == "save":
            await update_templates.save(ctx, who, id, body, audience, moment)
            return go(f"/update-templates/{moment}/{audience}", "Kept: the next update is written with it.")
        number = parse_id(given["incident"]) if given.get("incident") else None
        return await _template(
            request,
            moment,
            audience,
            body,
            shown=await update_templates.preview(ctx, who, body, audience, moment, number),
        )
    except Invalid as error:
        said = "; ".join(problem.message for problem in error.problems)
        return await _template(request, moment, audience, body, problem=said)
    except Conflict as error:
        return await _template(request, moment, audience, body, problem=str(error))


ROUTES = [
    desk, publish, check, mend, discard, tell, communicate, settle, promises, change_policy, subscribe, template, change_template,
]  # fmt: skip
