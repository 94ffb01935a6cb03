"""What each severity means: drawn, told field by field, and changed by those who may, with the difference shown first."""

from __future__ import annotations

from typing import Any, get_args

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core import severity as named
from tocsin.core.audience import AUDIENCES, SAID
from tocsin.core.errors import Conflict, Invalid
from tocsin.core.severity import Severity
from tocsin.core.severity_policy import AtDeclare, AtResolve, Paging, Progress, Review
from tocsin.core.tier import Tier
from tocsin.manage import severities
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show
from tocsin.web.ruler import NARROW, WIDE, ruler
from tocsin.web.words import TIERS

LABELS = {
    "description": "What it means",
    "page": "Pages",
    "response_time": "Acknowledge within",
    "escalation_time": "Escalate after",
    "communication_frequency": "Update every",
    "resolution_target": "Restore within",
    "inform_manager": "Tell the manager after",
    "progress": "Progress clock",
    "top": "Up to tier",
    "acknowledge_timeout": "Page again after",
    "review": "Review",
    "audiences": "Audiences told",
    "at_declare": "First words",
    "at_resolve": "When it is resolved",
    "users_from": "From what share of users",
    "users_from_tier_1": "The same, tier 1 services",
    "who": "Who responds",
    "how": "How it is told",
}
"""What people read instead of the names of fields, in the order in which they read them."""

HINTS = {
    "response_time": "Such as 5m or 1h. Late is told on the timeline and shown.",
    "escalation_time": "Acknowledged but not restored after this: the progress clock goes on.",
    "communication_frequency": "Whoever leads is reminded when the next update is due, and again after one, two, four ... times as long.",
    "resolution_target": "Not restored by then is told on the timeline and shown.",
    "inform_manager": "An update to the manager of the team, not a page. off: never.",
    "audiences": "For these an update is drafted when one is due.",
    "at_declare": "At the beginning, stakeholders and executives who asked for it are told; and something is drafted for the status page.",
    "at_resolve": "What becomes of the last words to those that were told of the incident.",
    "users_from": "So many users cannot work, or not well: the guide says this severity, unless an answer says a worse one. Such as 10%.",
    "users_from_tier_1": "The same where a service of tier 1 is affected.",
    "acknowledge_timeout": "Acknowledged, and nothing happened for so long: whoever did is paged again, then the next step. off: never.",
}
CHOICES: dict[str, dict[str, str]] = {
    "page": dict(zip(get_args(Paging), ("At once", "In business hours", "Nobody"), strict=True)),
    "progress": dict(
        zip(get_args(Progress), ("Pages the next tier by itself", "Asks whoever leads", "Off"), strict=True)
    ),
    "top": {tier: TIERS[tier] for tier in get_args(Tier)},
    "at_declare": dict(
        zip(
            get_args(AtDeclare),
            ("Nobody is told by rule", "Told inside, drafted for the public", "Told inside and in public"),
            strict=True,
        )
    ),
    "at_resolve": dict(
        zip(get_args(AtResolve), ("Drafts for all who were told", "All who were told hear it at once"), strict=True)
    ),
    "review": dict(zip(get_args(Review), ("Required", "Short", "Optional"), strict=True)),
}


SAID_TO = {name: SAID[name] for name in AUDIENCES}


def said(field: str, value: str) -> str:
    """A value as people read it."""
    return CHOICES.get(field, {}).get(value, "Off" if value == "off" else value)


def _place(service: str | None) -> str:
    return f"/services/{service}/severities" if service else "/severities"


async def _matrix(request: AnyRequest, service: str | None) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    shown = severities.view(ctx, service)
    return await show(
        request, viewer, "severities/matrix.html", matrix=shown, trail=await severities.trail(ctx, service),
        rulers=[(width, ruler(shown["severities"], width)) for width in (WIDE, NARROW)], labels=LABELS, said=said,
        place=_place(service), editable=viewer.may("configure") and not shown["origin"],
        otherwise=[s for s in ctx.directory.services.values() if s.severities] if service is None else [],
    )  # fmt: skip


@get("/severities", guards=may("see_configuration"), name="severities", include_in_schema=False)
async def matrix(request: AnyRequest) -> Response[bytes]:
    return await _matrix(request, None)


@get(
    "/services/{id:str}/severities", guards=may("see_configuration"), name="service_severities", include_in_schema=False
)
async def matrix_of_service(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return await _matrix(request, id)


# --- changing a row ---------------------------------------------------------------------------------------------------


async def _form(
    request: AnyRequest, severity: Severity, service: str | None, given: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None, changes: list[dict[str, Any]] | None = None, problem: str = "",
) -> Response[bytes]:  # fmt: skip
    """The form of one row; `changes` shows what saving would do."""
    shown = severities.view(context(request), service)
    status = 422 if wrong or problem else 200
    return await show(
        request, viewer_of(request), "severities/edit.html", status, matrix=shown, key=severity.key,
        values=given or shown["severities"][severity.key], inherited=shown["inherited"][severity.key], wrong=wrong or {},
        changes=changes, problem=problem, labels=LABELS, hints=HINTS, choices=CHOICES, said=said, place=_place(service),
        audiences=SAID_TO,
    )  # fmt: skip


async def _change(request: AnyRequest, severity: Severity, service: str | None) -> Response[Any]:
    """Show the difference, or save it."""
    ctx, viewer, sent = context(request), viewer_of(request), await fields(request)
    given = {name: sent.get(name, "").strip() for name in LABELS}
    if "audiences.chosen" in sent:
        given["audiences"] = ", ".join(one for one in AUDIENCES if sent.get(f"audiences.{one}")) or "nobody"
    inherited = severities.view(ctx, service)["inherited"][severity.key]
    wanted = {name: value if value not in ("", inherited[name]) else None for name, value in given.items()}
    filled = {name: value or inherited[name] for name, value in given.items()}
    save = sent.get("act") == "save"
    try:
        made = await severities.merge(ctx, viewer.someone, severity, wanted, service, dry_run=not save)
    except Conflict as error:
        return await _form(request, severity, service, filled, problem=str(error))
    except Invalid as error:
        wrong = {problem.pointer.rpartition("/")[2]: problem.message for problem in error.problems}
        return await _form(request, severity, service, filled, wrong=wrong)
    if save and made["changes"]:
        count = len(made["changes"])
        return go(_place(service), f"{severity.name} changed: {count} field{'' if count == 1 else 's'}")
    return await _form(request, severity, service, filled, changes=made["changes"])


@get("/severities/{name:str}", guards=may("configure"), name="severity", include_in_schema=False)
async def row(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    return await _form(request, named.parse(name), None)


@post("/severities/{name:str}", guards=may("configure"), status_code=200, include_in_schema=False)
async def change_row(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    return await _change(request, named.parse(name), None)


@get(
    "/services/{id:str}/severities/{name:str}",
    guards=may("configure"),
    name="service_severity",
    include_in_schema=False,
)
async def row_of_service(request: AnyRequest, id: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    return await _form(request, named.parse(name), id)


@post("/services/{id:str}/severities/{name:str}", guards=may("configure"), status_code=200, include_in_schema=False)
async def change_row_of_service(request: AnyRequest, id: FromPath[str], name: FromPath[str]) -> Response[Any]:
    return await _change(request, named.parse(name), id)
