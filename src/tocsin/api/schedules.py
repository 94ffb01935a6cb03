"""Schedules: versions, what a change means, the way back; overrides and shadow shifts; templates; calendar links."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.parameters import From, To
from tocsin.manage import calendars, leaving, overrides, templates, versions
from tocsin.manage.lists import read_time
from tocsin.manage.overrides import Wanted

Revision = Annotated[int | None, QueryParameter(name="revision", description="Which version; default the newest", ge=0)]
Against = Annotated[int | None, QueryParameter(name="against", description="Default the version before it", ge=0)]


class Back(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`confirm`: also when somebody loses the shift that is running."""

    revision: int
    confirm: bool = False


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose calendar: exactly one of the three."""

    user: str | None = None
    team: str | None = None
    schedule: str | None = None


# --- versions -------------------------------------------------------------------------------------------------------------


@get(
    "/schedules/{id:str}/versions",
    guards=may("see_configuration"),
    summary="Every change of a schedule: when, by whom, what",
)
async def list_versions(
    request: AnyRequest, id: FromPath[str], limit: FromQuery[int] = 20, cursor: FromQuery[str | None] = None
) -> Response[bytes]:
    """The newest first; also of a schedule that was removed."""
    return reply(await versions.list_versions(context(request), id, limit, cursor))


@get(
    "/schedules/{id:str}/diff",
    guards=may("see_configuration"),
    summary="Who is on call when by one version instead of another",
)
async def diff(
    request: AnyRequest,
    id: FromPath[str],
    revision: Revision = None,
    against: Against = None,
    from_: From = None,
    to: To = None,
) -> Response[bytes]:
    """From the time of the change on, for four weeks."""
    start, end = read_time(from_, "from"), read_time(to, "to")
    return reply(await versions.diff(context(request), id, revision, against, start, end))


@post(
    "/schedules/{id:str}/preview", guards=may("see_configuration"), status_code=200,
    summary="What saving these fields would mean: the final shifts, who gains, who loses; changes nothing",
)  # fmt: skip
async def preview(
    request: AnyRequest, id: FromPath[str], data: Any, from_: From = None, to: To = None
) -> Response[bytes]:
    """`interrupts` names who would lose the shift that is running."""
    start, end = read_time(from_, "from"), read_time(to, "to")
    return reply(await versions.preview(context(request), id, data, start, end))


@post(
    "/schedules/{id:str}/revert", guards=may("cover"), status_code=200,
    summary="Make a schedule what it was at a revision; what that meant",
)  # fmt: skip
async def revert(request: AnyRequest, id: FromPath[str], data: Back) -> Response[bytes]:
    """Whoever may only hand shifts over takes back overrides and shadow shifts. Somebody on call now: 409 without `confirm`."""

    async def act() -> Json:
        return await versions.revert(context(request), principal_of(request), id, data.revision, confirm=data.confirm)

    return await write(request, act)


# --- overrides and shadow shifts --------------------------------------------------------------------------------------


def _several(field: overrides.Field) -> list[HTTPRouteHandler]:
    said = overrides.SAID[field]

    @get(
        f"/schedules/{{id:str}}/{field}",
        guards=may("see_on_call"),
        summary=f"Every {said} of a schedule",
        operation_id=f"list_{field}",
    )
    async def many(request: AnyRequest, id: str) -> Response[bytes]:
        return reply(overrides.list_of(context(request), id, field))

    @post(
        f"/schedules/{{id:str}}/{field}",
        guards=may("cover"),
        summary=f"Make one {said}",
        operation_id=f"create_{field}",
    )
    async def create(request: AnyRequest, id: str, data: Wanted) -> Response[bytes]:
        async def act() -> Json:
            return await overrides.add(context(request), principal_of(request), id, field, data)

        return await write(request, act, 201)

    @delete(
        f"/schedules/{{id:str}}/{field}/{{one:str}}", guards=may("cover"), status_code=200, operation_id=f"remove_{field}",
        summary=f"End one {said}: a planned one goes away, a running one ends now",
    )  # fmt: skip
    async def remove(request: AnyRequest, id: str, one: str) -> Response[bytes]:
        async def act() -> Json:
            return await overrides.remove(context(request), principal_of(request), id, field, one)

        return await write(request, act)

    return [many, create, remove]


# --- somebody leaves --------------------------------------------------------------------------------------------------


class Successor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`remove`: the user goes away once all is handed over."""

    to: str
    remove: bool = False


@get(
    "/users/{id:str}/hand_over",
    guards=may("see_on_call"),
    summary="What depends on one user, and where they are on call now",
)
async def depends(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    """What handing over would change; `origin` names the file and line of what has to be changed there."""
    return reply(leaving.depends(context(request), id))


@post(
    "/users/{id:str}/hand_over", guards=may("configure"), status_code=200,
    summary="Give all turns, coming overrides, teams and steps of one user to another",
)  # fmt: skip
async def hand_over(request: AnyRequest, id: FromPath[str], data: Successor) -> Response[bytes]:
    """In one transaction; 409 naming files and lines when some of it is written there."""

    async def act() -> Json:
        return await leaving.hand_over(context(request), principal_of(request), id, data.to, remove=data.remove)

    return await write(request, act)


# --- templates --------------------------------------------------------------------------------------------------------


@get("/schedule_templates", guards=may("see_configuration"), summary="The patterns that schedules can be made from")
async def list_templates(request: AnyRequest) -> Response[bytes]:
    return reply(templates.list_templates())


@post("/schedule_templates/{name:str}", guards=may("configure"), summary="Make the schedules of a pattern")
async def use_template(
    request: AnyRequest, name: FromPath[str], data: templates.Filled, dry_run: FromQuery[bool] = False
) -> Response[bytes]:
    """`dry_run` only shows them, and as YAML for a file."""

    async def act() -> Json:
        return await templates.use(context(request), principal_of(request), name, data, dry_run=dry_run)

    return await write(request, act, 200 if dry_run else 201)


# --- calendars --------------------------------------------------------------------------------------------------------


@get("/calendar_links", guards=may("see_on_call"), summary="Your secret links to calendars")
async def list_links(request: AnyRequest) -> Response[bytes]:
    return reply(await calendars.list_links(context(request), principal_of(request)))


@post("/calendar_links", guards=may("see_on_call"), summary="A secret link to the calendar of a user, team or schedule")
async def create_link(request: AnyRequest, data: Link) -> Response[bytes]:
    """The one you have already, when there is one."""
    named = [(kind, name) for kind in calendars.KINDS if (name := getattr(data, kind)) is not None]

    async def act() -> Json:
        return await calendars.create_link(context(request), principal_of(request), named)

    return await write(request, act, 201)


@delete(
    "/calendar_links/{id:str}", guards=may("see_on_call"), status_code=200,
    summary="Revoke a link: calendars that use it see nothing more",
)  # fmt: skip
async def revoke_link(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return await calendars.revoke_link(context(request), principal_of(request), calendars.number_of(id))

    return await write(request, act)


ROUTES: list[HTTPRouteHandler] = [
    list_versions, diff, preview, revert,
    *_several("overrides"), *_several("shadows"),
    depends, hand_over,
    list_templates, use_template,
    list_links, create_link, revoke_link,
]  # fmt: skip
