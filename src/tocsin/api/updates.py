"""Updates to audiences, messages to channels, who asked to be told, and whether promises were kept."""

from __future__ import annotations

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tocsin.api.answers import AnyRequest, Json, reply, write
from tocsin.api.authentication import context, may, principal_of
from tocsin.api.incidents import number_of
from tocsin.manage import communications, subscriptions, update_templates, updates
from tocsin.manage.updates import Wanted


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Composing(_Body, frozen=True, kw_only=True):
    """`moment`: initial, update or resolution; when left out, what the incident is at."""

    audience: str
    moment: str | None = None
    next_update_in: str | None = None
    next_update_at: str | None = None
    cause: str | None = None


class Publishing(_Body, frozen=True, kw_only=True):
    """What is left out is as the draft says; `next_update_in` and `next_update_at`: one of them, or neither."""

    message: str | None = None
    status: str | None = None
    next_update_in: str | None = None
    next_update_at: str | None = None
    components: dict[str, str] | None = None
    cause: str | None = None
    overrule: str | None = None


class Saying(_Body, frozen=True, kw_only=True):
    """`channel`: a configured one by id or name, an audience for all of its channels, `incident_channel` for the room."""

    message: str
    channel: str


class Mended(_Body, frozen=True, kw_only=True):
    message: str | None = None


class Subscribing(_Body, frozen=True, kw_only=True):
    """`severity`: the mildest to be told of. `service` left out: every service. `user` left out: whoever asks."""

    severity: str | int = "sev2_high"
    service: str | None = None
    audience: str = "stakeholders"
    user: str | None = None


class Trying(_Body, frozen=True, kw_only=True):
    """`incident` left out: one that never was."""

    body: str
    audience: str
    moment: str = "update"
    incident: str | None = None


@get(
    "/incidents/{id:str}/updates",
    guards=may("see_incidents"),
    summary="What was told to whom, newest first, and what is due",
)
async def list_updates(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await updates.list_updates(context(request), principal_of(request), number_of(id)))


@post(
    "/incidents/{id:str}/updates",
    guards=may("publish"),
    summary="Tell an audience; the time of the next update is promised",
)
async def publish(request: AnyRequest, id: FromPath[str], data: JSONBody[Wanted]) -> Response[bytes]:
    """`audience` public: needs the comms lead or commander of the incident, or the role manager. `status` moves it if that is legal.

    422 with `findings` when the policy of wording (`GET /wording`) stops the text; `overrule` says why it is published all the same,
    where the policy takes a reason.
    """

    async def act() -> Json:
        return await updates.publish(context(request), principal_of(request), number_of(id), data)

    return await write(request, act, 201)


@post(
    "/incidents/{id:str}/updates/compose", guards=may("publish"), status_code=200,
    summary="What an update would say now, from the facts, with what the language check says; nothing is kept",
)  # fmt: skip
async def compose(request: AnyRequest, id: FromPath[str], data: JSONBody[Composing]) -> Response[bytes]:
    found = await updates.compose(
        context(request), principal_of(request), number_of(id), data.audience, moment=data.moment,
        next_update_in=data.next_update_in, next_update_at=data.next_update_at, cause=data.cause,
    )  # fmt: skip
    return reply(found)


@post("/incidents/{id:str}/updates/drafts", guards=may("publish"), summary="Keep a draft for an audience")
async def keep(request: AnyRequest, id: FromPath[str], data: JSONBody[Wanted]) -> Response[bytes]:
    async def act() -> Json:
        return await updates.keep(context(request), principal_of(request), number_of(id), data)

    return await write(request, act, 201)


@post(
    "/incidents/{id:str}/updates/{update:int}/publish",
    guards=may("publish"),
    summary="Publish a draft, as it is or mended",
)
async def publish_draft(
    request: AnyRequest, id: FromPath[str], update: FromPath[int], data: JSONBody[Publishing | None] = None
) -> Response[bytes]:
    async def act() -> Json:
        ctx, principal, given = context(request), principal_of(request), data or Publishing()
        return await updates.publish_draft(
            ctx, principal, number_of(id), update, {name: getattr(given, name) for name in given.__struct_fields__}
        )

    return await write(request, act, 201)


@post(
    "/incidents/{id:str}/updates/{update:int}/discard", guards=may("publish"), status_code=200, operation_id="discard_update",
    summary="Throw a draft away",
)  # fmt: skip
async def discard(request: AnyRequest, id: FromPath[str], update: FromPath[int]) -> Response[bytes]:
    async def act() -> Json:
        return await updates.discard(context(request), principal_of(request), number_of(id), update)

    return await write(request, act)


@post(
    "/incidents/{id:str}/updates/tell", guards=may("publish"), summary="Tell the end to everybody who was told anything"
)
async def tell(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    async def act() -> Json:
        return {
            "items": await updates.tell_everyone(context(request), principal_of(request), number_of(id)),
            "next": None,
        }

    return await write(request, act, 201)


# --- communications ---------------------------------------------------------------------------------------------------


@get("/incidents/{id:str}/communications", guards=may("see_incidents"), summary="Messages to channels, oldest first")
async def list_communications(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    return reply(await communications.list_communications(context(request), principal_of(request), number_of(id)))


@post("/incidents/{id:str}/communications", guards=may("publish"), summary="Tell a channel; the room hears it once")
async def communicate(request: AnyRequest, id: FromPath[str], data: JSONBody[Saying]) -> Response[bytes]:
    async def act() -> Json:
        ctx, principal = context(request), principal_of(request)
        return await communications.communicate_to(ctx, principal, number_of(id), data.message, data.channel)

    return await write(request, act, 201)


@post(
    "/incidents/{id:str}/communications/{communication:int}/approve", guards=may("publish"), status_code=200,
    summary="Send a draft to where customers listen, as it is or mended",
)  # fmt: skip
async def approve(
    request: AnyRequest, id: FromPath[str], communication: FromPath[int], data: JSONBody[Mended | None] = None
) -> Response[bytes]:
    async def act() -> Json:
        text = data.message if data else None
        return await communications.approve(context(request), principal_of(request), number_of(id), communication, text)

    return await write(request, act)


@post(
    "/incidents/{id:str}/communications/{communication:int}/discard", guards=may("publish"), status_code=200,
    operation_id="discard_communication", summary="Throw a draft for a channel away",
)  # fmt: skip
async def discard_communication(
    request: AnyRequest, id: FromPath[str], communication: FromPath[int]
) -> Response[bytes]:
    async def act() -> Json:
        return await communications.discard(context(request), principal_of(request), number_of(id), communication)

    return await write(request, act)


# --- promises, subscriptions, templates -------------------------------------------------------------------------------


@get(
    "/metrics/promises",
    guards=may("see_incidents"),
    summary="Promised times that were kept, over a period and by incident",
)
async def promises_kept(request: AnyRequest, to: FromQuery[str | None] = None) -> Response[bytes]:
    """`from` and `to`: by when the updates were published; the last 30 days when left out."""
    return reply(await updates.promises_kept(context(request), request.query_params.get("from"), to))


@get("/subscriptions", guards=may("reach_self"), summary="Of which incidents somebody is told without being on call")
async def list_subscriptions(request: AnyRequest, user: FromQuery[str | None] = None) -> Response[bytes]:
    """`user` left out: whoever asks; `*`: of all."""
    return reply(await subscriptions.list_subscriptions(context(request), principal_of(request), user))


@post("/subscriptions", guards=may("reach_self"), summary="Be told of incidents of a service or of all")
async def subscribe(request: AnyRequest, data: JSONBody[Subscribing]) -> Response[bytes]:
    async def act() -> Json:
        return await subscriptions.subscribe(
            context(request), principal_of(request), user=data.user, service=data.service, severity=data.severity,
            audience=data.audience,
        )  # fmt: skip

    return await write(request, act, 201)


@delete("/subscriptions/{subscription:int}", guards=may("reach_self"), status_code=200, summary="End a subscription")
async def unsubscribe(request: AnyRequest, subscription: FromPath[int]) -> Response[bytes]:
    async def act() -> Json:
        await subscriptions.unsubscribe(context(request), principal_of(request), subscription)
        return {"id": subscription}

    return await write(request, act)


@get(
    "/update_wordings",
    guards=may("see_configuration"),
    summary="Which template counts when, the built-in texts, what they may use",
)
async def wordings(request: AnyRequest) -> Response[bytes]:
    return reply(update_templates.catalogue(context(request)))


@post(
    "/update_wordings/preview", guards=may("configure"), status_code=200, summary="What a template makes of an incident"
)
async def preview(request: AnyRequest, data: JSONBody[Trying]) -> Response[bytes]:
    """It is rendered apart, with little time and memory; what is wrong with it is a 422 at /body."""
    number = number_of(data.incident) if data.incident else None
    ctx, principal = context(request), principal_of(request)
    return reply(await update_templates.preview(ctx, principal, data.body, data.audience, data.moment, number))


ROUTES = [
    list_updates, publish, compose, keep, publish_draft, discard, tell, list_communications, communicate, approve,
    discard_communication, promises_kept, list_subscriptions, subscribe, unsubscribe, wordings, preview,
]  # fmt: skip
