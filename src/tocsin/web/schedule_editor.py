"""The editor of a schedule: layers changed in the browser, what it means shown before it is saved. Works without a script."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.checking import zones
from tocsin.core.configuration import Limits, Schedule
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from tocsin.core.spelling import WEEKDAYS, plain
from tocsin.core.template import TEMPLATES
from tocsin.flow.context import Context
from tocsin.manage import objects, overrides, templates, versions
from tocsin.web import schedule_forms as forms
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.drawings import Paper, tones
from tocsin.web.pages import go, show
from tocsin.web.schedules import compared, names
from tocsin.web.viewer import Viewer

LIMITS = (
    ("longest", "At most at a stretch"), ("rest", "Off at least as long as on, up to"), ("nights", "Nights in a row"),
    ("rest_after_night_page", "Rest after a page at night"), ("secondary_percent", "Secondary counts, in per cent"),
)  # fmt: skip
WORDS = dict(zip(WEEKDAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))


@get("/schedules/{id:str}/edit", guards=may("configure"), name="schedule_editor", include_in_schema=False)
async def edit(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ctx = context(request)
    found = overrides.find(ctx.directory, id)
    if (origin := ctx.directory.origins.get(("schedules", id))) is not None:
        said = f"This schedule is written in {origin.file}:{origin.line}: change its layers there. Overrides work here."
        return go(f"/schedules/{quote(id)}", said, kind="problem")
    return await _page(request, found, forms.of(plain(found)), digest(found))


@post("/schedules/{id:str}/edit", guards=may("configure"), status_code=200, include_in_schema=False)
async def change(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """A button of the form: change the draft, look ahead, save or remove."""
    ctx, given = context(request), await fields(request)
    found, do = overrides.find(ctx.directory, id), given.get("do", "preview")
    draft = {**forms.read(given), "id": id}
    base = given.get("base", "")
    if do == "delete":
        return await _delete(request, id)
    if do == "save":
        return await _save(request, found, draft, base, given.get("confirm") == "yes")
    return await _page(request, found, forms.act(draft, do, _starts(viewer_of(request))), base)


def digest(schedule: Schedule) -> str:
    """What the form was made from: who saves over somebody else's change is told."""
    return hashlib.sha256(msgspec.json.encode(plain(schedule), order="deterministic")).hexdigest()[:16]


def _starts(viewer: Viewer) -> str:
    """The next Monday at nine: when new layers begin unless somebody says otherwise."""
    today = viewer.now.astimezone(viewer.zone).date()
    return f"{today - timedelta(days=today.weekday())}T09:00"


async def _save(request: AnyRequest, found: Schedule, draft: forms.Draft, base: str, confirm: bool) -> Response[Any]:
    ctx, viewer = context(request), viewer_of(request)
    try:
        if digest(found) != base:
            raise Conflict(
                "Somebody changed this schedule while you were editing. Look at what your version would change, and save again."
            )
        if not confirm:
            wanted = objects.merged(ctx.directory, "schedules", found.id, forms.body(draft))
            # Nobody is asked to confirm what could not be.
            objects.with_object(ctx, ctx.directory, "schedules", found.id, wanted)
            versions.refuse_interruption(ctx, found, wanted, ctx.clock.now())
        await objects.update(ctx, viewer.someone, "schedules", found.id, forms.body(draft))
    except (Invalid, Conflict, NotFound, Forbidden) as error:
        return await _page(
            request, found, draft, digest(found), said=error, status=409 if isinstance(error, Conflict) else 422
        )
    return go(f"/schedules/{quote(found.id)}", "Saved. Those whose shifts changed are told. Versions can take it back.")


async def _delete(request: AnyRequest, id: str) -> Response[Any]:
    try:
        await objects.remove(context(request), viewer_of(request).someone, "schedules", id)
    except (Invalid, Conflict, NotFound) as error:
        return go(f"/schedules/{quote(id)}/edit", str(error), kind="problem")
    last = (await versions.list_versions(context(request), id, 2))["items"][-1]["revision"]
    said = "Removed. Those who lose shifts are told. It can be brought back here."
    return go(f"/schedules/{quote(id)}/versions?revision={last}", said)


async def _page(
    request: AnyRequest,
    found: Schedule,
    draft: forms.Draft,
    base: str,
    said: Exception | None = None,
    status: int = 200,
) -> Response[bytes]:
    """The form with what it means: drawn when it can be read, else what is wrong with it."""
    ctx, viewer = context(request), viewer_of(request)
    wanted: Schedule | None = None
    told: dict[str, Any] | None = None
    problems: list[str] = []
    try:
        wanted = objects.merged(ctx.directory, "schedules", found.id, forms.body(draft))
        told = await versions.preview(ctx, found.id, forms.body(draft))
    except (Invalid, Conflict) as error:
        problems = _problems(error, draft)
        wanted = None
    if isinstance(said, Conflict | Forbidden | NotFound) or (said and not problems):
        problems = [str(said), *problems]
    paper = Paper(viewer.zone, viewer.now, names(ctx.directory), tones([found, wanted]))
    drawn = await asyncio.to_thread(compared, paper, found, wanted, viewer.now) if wanted else []
    return await show(
        request, viewer, "schedules/edit.html", status=status, schedule=found, label=found.name or found.id, draft=draft, base=base,
        problems=problems, told=told, drawn=drawn, paper=paper, changed=wanted is not None and wanted != found, **choices(ctx),
    )  # fmt: skip


def choices(ctx: Context) -> dict[str, Any]:
    """What the fields of a form offer."""
    return {
        "people": sorted(names(ctx.directory).items(), key=lambda one: one[1].lower()),
        "places": {user.id: user.time_zone for user in ctx.directory.users.values()},
        "teams": sorted(team.id for team in ctx.directory.teams.values()),
        "zones": sorted(zones()), "weekdays": WORDS, "patterns": forms.PATTERNS,
        "limits": [(name, says, plain(getattr(Limits(), name))) for name, says in LIMITS],
    }  # fmt: skip


def _problems(error: Exception, draft: forms.Draft) -> list[str]:
    """Every problem as a sentence that names its layer."""
    if not isinstance(error, Invalid):
        return [str(error)]
    return [_placed(problem, draft) for problem in error.problems]


def _placed(problem: Problem, draft: forms.Draft) -> str:
    parts = problem.pointer.split("/")
    if len(parts) > 2 and parts[1] == "layers" and parts[2].isdigit() and int(parts[2]) < len(draft["layers"]):
        layer = draft["layers"][int(parts[2])]["id"] or f"number {int(parts[2]) + 1}"
        return f"Layer {layer}: {problem.message}"
    return f"{parts[1]}: {problem.message}" if len(parts) > 1 else problem.message


# --- a new one from a pattern -----------------------------------------------------------------------------------------


@get("/new/schedule", guards=may("configure"), name="new_schedule", include_in_schema=False)
async def new(request: AnyRequest) -> Response[bytes]:
    """The patterns; of the chosen one its form."""
    return await _new_page(request, asked(request, "pattern"), {})


@post("/new/schedule", guards=may("configure"), status_code=200, include_in_schema=False)
async def make(request: AnyRequest) -> Response[Any]:
    """`do` is preview or save."""
    ctx, given = context(request), await fields(request)
    pattern = given.get("pattern", "")
    try:
        filled = _filled(given)
        if given.get("do") == "save":
            made = await templates.use(ctx, viewer_of(request).someone, pattern, filled)
            return go(
                f"/schedules/{made['items'][0]['id']}", f"Made {' and '.join(one['id'] for one in made['items'])}."
            )
        await templates.use(ctx, viewer_of(request).someone, pattern, filled, dry_run=True)
        return await _new_page(request, pattern, given, made=templates.made(pattern, filled))
    except (Invalid, Conflict, NotFound) as error:
        problems = [p.message for p in error.problems] if isinstance(error, Invalid) else [str(error)]
        return await _new_page(request, pattern, given, problems=problems, status=422)


def _filled(given: dict[str, str]) -> templates.Filled:
    def people(prefix: str) -> list[str]:
        return [given[f"{prefix}.{n}"] for n in range(forms.MOST) if given.get(f"{prefix}.{n}")]

    regions = [
        templates.RegionFilled(
            id=given[f"{at}id"],
            users=people(f"{at}user"),
            start=given.get(f"{at}from", ""),
            end=given.get(f"{at}to", ""),
        )
        for at in ("region.0.", "region.1.", "region.2.")
        if given.get(f"{at}id")
    ]
    return templates.Filled(
        id=given.get("id", "").strip(), name=given.get("name", "").strip(), time_zone=given.get("time_zone", "UTC"),
        starts=given.get("starts", ""), team=given.get("team") or None, users=people("user"), nights=people("night"), regions=regions,
        days={day: given[f"day.{day}"] for day in WEEKDAYS if given.get(f"day.{day}")}, start=given.get("from", "09:00"),
        end=given.get("to", "17:00"),
    )  # fmt: skip


async def _new_page(
    request: AnyRequest, pattern: str, given: dict[str, str], made: list[Schedule] | None = None, problems: list[str] | None = None,
    status: int = 200,
) -> Response[bytes]:  # fmt: skip
    ctx, viewer = context(request), viewer_of(request)
    paper = Paper(viewer.zone, viewer.now, names(ctx.directory), tones(made or []))
    drawn = [(one, await asyncio.to_thread(compared, paper, None, one, viewer.now)) for one in made or []]
    defaults = {"time_zone": viewer.zone.key, "starts": _starts(viewer), "from": "09:00", "to": "17:00", **_regions()}
    return await show(
        request, viewer, "schedules/new.html", status=status, templates=list(TEMPLATES.values()), pattern=TEMPLATES.get(pattern),
        given={**defaults, **given}, drawn=drawn, paper=paper, problems=problems or [], **choices(ctx),
    )  # fmt: skip


def _regions() -> dict[str, str]:
    """Three regions that share a day, to begin with."""
    found: dict[str, str] = {}
    for n, (name, start, end) in enumerate(
        (("europe", "06:00", "14:00"), ("americas", "14:00", "22:00"), ("asia", "22:00", "06:00"))
    ):
        found |= {f"region.{n}.id": name, f"region.{n}.from": start, f"region.{n}.to": end}
    return found
