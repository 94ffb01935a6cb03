"""Escalation policies in the browser: the ladder of each severity, and a form whose ladder is drawn before it is saved. Works without
a script. Those that a file holds are shown with their place and stay as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid, NotFound, Problem
from tocsin.core.preset import steps_of
from tocsin.core.spelling import plain
from tocsin.core.tier import ABOUT
from tocsin.flow.context import Context
from tocsin.manage import objects, policies
from tocsin.web import policy_forms as forms
from tocsin.web.authentication import AnyRequest, context, fields, may, viewer_of
from tocsin.web.pages import go, show

KIND = "escalation_policies"


@get("/policies", guards=may("see_on_call"), name="policies", include_in_schema=False)
async def list_policies(request: AnyRequest) -> Response[bytes]:
    return await show(request, viewer_of(request), "policies/list.html", items=policies.every(context(request)))


@get("/policies/{id:str}", guards=may("see_on_call"), name="policy", include_in_schema=False)
async def policy(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    ctx = context(request)
    found = policies.ladder(ctx, id)
    return await show(
        request, viewer_of(request), "policies/policy.html", ladder=found, origin=ctx.directory.origins.get((KIND, id)),
        others=_others(ctx, id),
    )  # fmt: skip


def _others(ctx: Context, id: str) -> list[tuple[str, str]]:
    """The services made by hand that do not name this policy: (id, what people call it)."""
    every, origins = ctx.directory.services.values(), ctx.directory.origins
    free = (one for one in every if one.escalation_policy != id and ("services", one.id) not in origins)
    return sorted(((one.id, one.label) for one in free), key=lambda one: one[1].lower())


@get("/policies/{id:str}/edit", guards=may("configure"), name="edit_policy", include_in_schema=False)
async def edit(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    found = objects.find(ctx, KIND, id).object
    if (origin := ctx.directory.origins.get((KIND, id))) is not None:
        said = f"This policy is written in {origin.file}:{origin.line}: change it there and apply the file again."
        return go(f"/policies/{quote(id)}", said, kind="problem")
    return await _form(request, found, forms.of(plain(found)), digest(found))


@post("/policies/{id:str}/edit", guards=may("configure"), status_code=200, include_in_schema=False)
async def change(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """A button of the form: change the draft, look ahead, save or remove."""
    ctx, viewer, given = context(request), viewer_of(request), await fields(request)
    found = objects.find(ctx, KIND, id).object
    draft, do, base = {**forms.read(given), "id": id}, given.get("do", "preview"), given.get("base", "")
    if do not in ("save", "delete"):
        return await _form(request, found, forms.act(draft, do, _written(draft)), base)
    try:
        if digest(found) != base:
            raise Conflict(
                "Somebody changed this policy while you were editing. Look at yours again, and save it again."
            )
        if do == "delete":
            await objects.remove(ctx, viewer.someone, KIND, id)
            return go("/policies", f"Removed: {found.name or id}.")
        await objects.update(ctx, viewer.someone, KIND, id, forms.body(draft))
    except (Conflict, Invalid) as error:
        status = 409 if isinstance(error, Conflict) else 422
        return await _form(request, found, draft, digest(found), error, status)
    return go(f"/policies/{quote(id)}", "Saved. Incidents that are climbing go on by it.")


@post("/policies/{id:str}/use", guards=may("configure"), status_code=200, include_in_schema=False)
async def use(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """Let a service climb this policy."""
    ctx, service = context(request), (await fields(request)).get("service", "")
    objects.find(ctx, KIND, id)
    try:
        await objects.update(ctx, viewer_of(request).someone, "services", service, {"escalation_policy": id})
    except (Conflict, Invalid, NotFound) as error:
        return go(f"/policies/{quote(id)}", "; ".join(_problems(error)), kind="problem")
    return go(f"/policies/{quote(id)}", f"{ctx.directory.services[service].label} climbs it from now on.")


@get("/new/policy", guards=may("configure"), name="new_policy", include_in_schema=False)
async def new(request: AnyRequest) -> Response[bytes]:
    return await _form(request, None, forms.read({}), "")


@post("/new/policy", guards=may("configure"), status_code=200, include_in_schema=False)
async def make(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    draft, do = forms.read(given), given.get("do", "preview")
    if do != "save":
        return await _form(request, None, forms.act(draft, do, _written(draft)), "")
    try:
        made = {name: value for name, value in forms.body(draft).items() if value is not None}
        one = await objects.create(context(request), viewer_of(request).someone, KIND, {"id": draft["id"], **made})
    except (Conflict, Invalid) as error:
        return await _form(request, None, draft, "", error, 409 if isinstance(error, Conflict) else 422)
    return go(f"/policies/{quote(one.object.id)}", "Made. Services climb it once they name it.")


def digest(policy: EscalationPolicy) -> str:
    """What the form was made from: who saves over somebody else's change is told."""
    return hashlib.sha256(msgspec.json.encode(plain(policy), order="deterministic")).hexdigest()[:16]


def _written(draft: forms.Draft) -> list[Mapping[str, Any]]:
    """The steps that the preset of a draft stands for; none while it cannot be read."""
    try:
        return [plain(step) for step in steps_of(objects.parsed(KIND, {"id": "draft", **_given(draft)}))]
    except Invalid:
        return []


def _given(draft: forms.Draft) -> dict[str, Any]:
    return {name: value for name, value in forms.body(draft).items() if value is not None}


async def _form(
    request: AnyRequest, found: EscalationPolicy | None, draft: forms.Draft, base: str, said: Exception | None = None, status: int = 200
) -> Response[bytes]:  # fmt: skip
    """The form with the ladder that it makes: drawn when it can be read, else what is wrong with it."""
    ctx, viewer = context(request), viewer_of(request)
    told: dict[str, Any] | None = None
    problems: list[str] = []
    try:
        told = policies.preview(ctx, draft["id"] or "new", forms.body(draft))
    except (Conflict, Invalid) as error:
        problems = _problems(error)
    if said is not None:
        problems = list(dict.fromkeys([*_problems(said), *problems]))
    return await show(
        request, viewer, "policies/edit.html", status, policy=found, draft=draft, base=base, told=told, problems=problems,
        kinds=forms.KINDS, about=ABOUT, targets=_targets(ctx), empty=_empty(draft),
    )  # fmt: skip


def _empty(draft: forms.Draft) -> bool:
    """Nobody chose anything yet: what is missing then is no mistake."""
    chosen = [*draft["tiers"].values(), *(step["targets"] for step in draft["steps"])]
    return not any(target for targets in chosen for target in targets)


def _problems(error: Exception) -> list[str]:
    """Every problem as a sentence that names its place."""
    if not isinstance(error, Invalid):
        return [str(error)]
    return [_placed(problem) for problem in error.problems]


def _placed(problem: Problem) -> str:
    parts = problem.pointer.strip("/").split("/")
    if parts[0] == "steps" and len(parts) > 1 and parts[1].isdigit():
        return f"Step {int(parts[1]) + 1}: {problem.message}"
    if parts[0] == "tiers" and len(parts) > 1:
        return f"{parts[1].replace('_', ' ').capitalize()}: {problem.message}"
    return f"{parts[0]}: {problem.message}" if parts[0] else problem.message


def _targets(ctx: Context) -> dict[str, list[tuple[str, str]]]:
    """Whom a step may page, by kind: (`schedule:night`, what people call it)."""
    directory: Directory = ctx.directory
    return {
        "Schedules": _named("schedule", directory.schedules),
        "Teams, every member": _named("team", directory.teams),
        "People": sorted(((f"user:{one.id}", one.label) for one in directory.users.values()), key=lambda one: one[1].lower()),
    }  # fmt: skip


def _named(kind: str, several: Mapping[str, Any]) -> list[tuple[str, str]]:
    return sorted(
        ((f"{kind}:{one.id}", one.name or one.id) for one in several.values()), key=lambda one: one[1].lower()
    )


ROUTES = [list_policies, policy, edit, change, use, new, make]
