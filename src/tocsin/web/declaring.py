"""Declaring an incident: the impact first, the questions of the guide, and the severity that follows, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core import role
from tocsin.core.criteria import CRITERIA
from tocsin.core.errors import Invalid
from tocsin.core.incident import parse_id, public_id
from tocsin.core.severity import Severity, parse
from tocsin.flow.regrade import regrade
from tocsin.manage import declaring, edits, incidents, similar
from tocsin.manage.declaring import Asked, Declaration
from tocsin.manage.edits import Edits
from tocsin.web.authentication import AnyRequest, asked, clean, context, may, viewer_of
from tocsin.web.pages import go, show
from tocsin.web.rooms import act

QUESTIONS = [(severity.key, [one for one in CRITERIA if one.severity == severity]) for severity in Severity]
ROLES = ("incident_commander", "technical_lead", "comms_lead")
TEXTS = ("what", "who", "workaround")
ANSWERS = {"yes": "criteria", "unsure": "unsure"}


@get("/incidents/new", guards=may("declare"), name="declare", include_in_schema=False)
async def new(request: AnyRequest) -> Response[bytes]:
    return await _form(request, {"service": asked(request, "service")}, [], {})


@post("/incidents/new", guards=may("declare"), name="declare_form", status_code=200, include_in_schema=False)
async def declare(request: AnyRequest) -> Response[Any]:
    """Declares; or shows what the answers mean, when that was not seen yet (`seen`), or asked for (`check`, or by htmx)."""
    ctx, viewer = context(request), viewer_of(request)
    every = [(name, clean(value)) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    given, also = dict(every), [value for name, value in every if name == "also"]
    try:
        declaration = _declaration(given, also, viewer.zone)
        computed = declaring.assessment(ctx.directory, declaring.impact_of(declaration), declaration.services)
        looked = given.get("severity") or computed is None or given.get("seen") == computed.severity.key
        if viewer.live or given.get("step") == "check" or not looked:
            return await _form(request, given, also, {}, asking=not viewer.live and given.get("step") != "check")
        number = await declaring.declare(ctx, viewer.someone.id, declaration)
    except Invalid as error:
        return await _form(request, given, also, {_field(error): str(error)}, 200 if viewer.live else 422)
    return go(f"/incidents/{public_id(number)}", "Declared: people are being paged as its service says.")


def _field(error: Invalid) -> str:
    """The field of the form that a problem is about."""
    steps = error.pointer.strip("/").split("/")
    if steps[0] in ("impact", "roles") and len(steps) > 1:
        return steps[1]
    return {"affected_services": "service", "criteria": "severity"}.get(steps[0], steps[0])


def _declaration(given: Mapping[str, str], also: Sequence[str], zone: ZoneInfo) -> Declaration:
    kind, _, name = given.get("page", "").partition(":")
    services = [one for one in (given.get("service", ""), *also) if one]
    return Declaration(
        title=given.get("title", ""), severity=given.get("severity") or None, description=given.get("description", ""),
        severity_reason=given.get("severity_reason"), affected_services=list(dict.fromkeys(services)), impact=impact_of(given),
        roles={one: given[one] for one in ROLES if given.get(one)}, private="private" in given,
        public_title=given.get("public_title"), impact_started_at=_started(given.get("impact_started_at", ""), zone),
        page=Asked(user=name if kind == "user" else None, team=name if kind == "team" else None, reason=given.get("description"))
        if kind else None,
    )  # fmt: skip


def _started(text: str, zone: ZoneInfo) -> str | None:
    """A local time of the viewer, with its offset."""
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=zone).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise Invalid(f"{text!r} is not a time: write it like 2026-03-02T14:30", "/impact_started_at") from None


def impact_of(given: Mapping[str, str]) -> dict[str, Any]:
    """The impact of a form, as the API spells it."""
    impact: dict[str, Any] = {name: given[name] for name in TEXTS if given.get(name, "").strip()}
    for name, kind in (("percent", float), ("users", int)):
        text = given.get(name, "").strip().rstrip("%").replace(",", ".").replace(" ", "")
        try:
            impact |= {name: kind(text)} if text else {}
        except ValueError:
            raise Invalid(f"{given[name]!r} is not a number: write it like 12", f"/impact/{name}") from None
    regions = [one.strip() for one in given.get("regions", "").split(",") if one.strip()]
    answers: dict[str, list[str]] = {}
    for one in CRITERIA:
        if kept := ANSWERS.get(given.get(f"q-{one.id}", "")):
            answers.setdefault(kept, []).append(one.id)
    return (
        impact | answers | ({"regions": regions} if regions else {}) | ({"unknown": True} if "unknown" in given else {})
    )


async def _form(
    request: AnyRequest, given: Mapping[str, str], also: Sequence[str], wrong: dict[str, str], status: int = 200, asking: bool = False
) -> Response[bytes]:  # fmt: skip
    ctx, directory = context(request), context(request).directory
    services = [one for one in (given.get("service", ""), *also) if one in directory.services]
    try:
        verdict = declaring.preview(ctx, impact_of(given), services)
    except Invalid as error:
        verdict, wrong = declaring.preview(ctx, {}, services), {**wrong, _field(error): str(error)}
    text = f"{given.get('title', '')} {given.get('what', '')}".strip()
    before = (await similar.like(ctx, text, services))["items"] if text else []
    return await show(
        request, viewer_of(request), "incidents/new.html", status, given=given, also=set(also), wrong=wrong, verdict=verdict,
        asking=asking, before=before, questions=QUESTIONS, roles=[(one, role.ABOUT[one]) for one in role.ROLES if one in ROLES],
        services=sorted(directory.services.values(), key=lambda s: s.label.lower()),
        people=sorted(directory.users.values(), key=lambda user: user.label.lower()),
        teams=sorted(directory.teams.values(), key=lambda team: (team.name or team.id).lower()),
    )  # fmt: skip


# --- in the room ------------------------------------------------------------------------------------------------------


@post("/incidents/{id:str}/impact", guards=may("respond"), status_code=200, include_in_schema=False)
async def learn(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """What is known of the impact now, whole: what the form leaves empty is not known."""
    ctx = context(request)

    async def change(number: int, actor: str, given: dict[str, str]) -> Any:
        empty = dict.fromkeys(("what", "who", "workaround", "percent", "users", "regions", "unknown"))
        known = impact_of(given)
        answers = {name: known.get(name, []) for name in ("criteria", "unsure")} if "answers" in given else {}
        return await edits.edit(ctx, number, actor, Edits(impact={**empty, **known, **answers}))

    return await act(request, id, change)


@post("/incidents/{id:str}/suggested", guards=may("respond"), status_code=200, include_in_schema=False)
async def follow(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Take the severity that the impact speaks for."""
    ctx = context(request)

    async def change(number: int, actor: str, given: dict[str, str]) -> Any:
        confirm = bool(given.get("confirm"))
        return await regrade(ctx, number, actor, parse(given.get("severity", "")), given.get("reason", ""), confirm)

    return await act(request, id, change)


@post("/incidents/{id:str}/tags", guards=may("respond"), status_code=200, include_in_schema=False)
async def tag(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)

    async def change(number: int, actor: str, given: dict[str, str]) -> Any:
        add = [one for one in given.get("add", "").split(",") if one.strip()]
        return await edits.tag(ctx, number, actor, add, [given["remove"]] if given.get("remove") else [])

    return await act(request, id, change)


@get("/incidents/{id:str}/similar", guards=may("see_incidents"), name="room_similar", include_in_schema=False)
async def similar_to(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """Similar incidents: a part for htmx, a page of its own without it."""
    ctx, viewer, number = context(request), viewer_of(request), parse_id(id)
    incident, found = await incidents.get(ctx, number), await similar.to(ctx, number)
    template = "incidents/similar.html" if viewer.live else "incidents/similar_page.html"
    return await show(request, viewer, template, incident=incident, before=found["items"])


ROUTES = [new, declare, learn, follow, tag, similar_to]
