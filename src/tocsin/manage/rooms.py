"""Rooms as people see them: which are configured and how each does, what an incident's rooms were told, and messages that come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from tocsin.core.incident import display_name, parse_id, public_id, room_name, unknown
from tocsin.core.permission import Principal, allowed
from tocsin.core.room import BUILTIN, Room
from tocsin.core.shape import short
from tocsin.core.wrong_kind import in_words
from tocsin.flow import chat
from tocsin.flow.acts import Result
from tocsin.flow.context import Context
from tocsin.flow.message import incident_url
from tocsin.flow.rooms import origin_of
from tocsin.manage import idempotency, objects, privacy
from tocsin.manage.idempotency import Answer, fingerprint
from tocsin.manage.lists import DEFAULT, RowId, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.plugins.rooms.signatures import verified
from tocsin.store import incidents, reading_incidents, rooms, timers

FAILURES = 50
"""Failed deliveries that are shown, newest first."""
LONGEST_AUTHOR = 100

Row = Mapping[str, Any]


# --- the configured rooms ---------------------------------------------------------------------------------------------


async def list_rooms(
    ctx: Context, principal: Principal, limit: int = DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """`{"items", "next"}` of configured rooms by id, each with its `state`. Raises Invalid."""
    found = objects.list_objects(ctx, principal, "rooms", limit, cursor)
    async with ctx.db.reading() as tx:
        hidden = await privacy.hidden(tx)
        known = await rooms.open_by_room(tx, hidden)
        failed = await rooms.troubled(tx, hidden, FAILURES)
    found["items"] = [{**item, **_state(known.get(item["id"]), item["id"], failed)} for item in found["items"]]
    return found


async def get(ctx: Context, principal: Principal, id: str) -> dict[str, Any]:
    """One configured room with its last failures. Raises NotFound."""
    shown = objects.view(ctx, principal, objects.find(ctx, "rooms", id))
    async with ctx.db.reading() as tx:
        hidden = await privacy.hidden(tx)
        known = await rooms.open_by_room(tx, hidden)
        failed = [row for row in await rooms.troubled(tx, hidden, FAILURES) if row["room"] == id]
    return {**shown, **_state(known.get(id), id, failed), "failures": [_failure(row) for row in failed]}


async def failures(ctx: Context) -> list[dict[str, Any]]:
    """What did not arrive anywhere and was given up, newest first."""
    async with ctx.db.reading() as tx:
        return [_failure(row) for row in await rooms.troubled(tx, await privacy.hidden(tx), FAILURES)]


def _state(row: Row | None, id: str, failed: list[Row]) -> dict[str, Any]:
    """`state`: idle (it follows no incident), well, or troubled (nothing arrives at some incident's)."""
    troubled = row["troubled_at"] if row else None
    return {
        "state": "idle" if row is None else "troubled" if troubled else "well",
        "follows": row["open"] if row else 0,
        "troubled_since": time_text(troubled),
        "error": row["error"] if row and troubled else "",
        "failed": sum(one["room"] == id for one in failed),
        "last_opened_at": time_text(row["last_opened_at"]) if row else None,
    }


def _failure(row: Row) -> dict[str, Any]:
    number = row["incident_id"]
    return {
        "id": row["id"],
        "room": row["room"],
        "name": row["name"],
        "incident": public_id(number),
        "incident_name": display_name(number, row["created_at"]),
        "order": row["position"],
        "kind": row["kind"],
        "attempts": row["attempts"],
        "at": time_text(row["ended_at"]),
        "error": row["error"],
    }


# --- the rooms of an incident -----------------------------------------------------------------------------------------


async def of_incident(ctx: Context, number: int) -> dict[str, Any]:
    """`{"items", "next"}`: the rooms of an incident, the built-in one first. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading_incidents.get(tx, number)
        if row is None:
            raise unknown(number)
        found = await rooms.of_incident(tx, number)
    here = {
        "room": BUILTIN,
        "type": BUILTIN,
        "name": room_name(number, row["created_at"], row["service"]),
        "url": incident_url(ctx, number),
        "state": "open",
        "opened_at": time_text(row["created_at"]),
        "closed_at": None,
        "troubled_since": None,
        "error": "",
        "events": {"delivered": row["timeline_seq"], "waiting": 0, "failed": 0},
    }
    return {"items": [here, *(_followed(ctx, one) for one in found)], "next": None}


def _followed(ctx: Context, row: Row) -> dict[str, Any]:
    config = ctx.directory.rooms.get(row["room"])
    return {
        "room": row["room"],
        "type": config.type if config else None,
        "name": row["name"],
        "url": row["url"],
        "state": row["state"],
        "opened_at": time_text(row["opened_at"]),
        "closed_at": time_text(row["closed_at"]),
        "troubled_since": time_text(row["troubled_at"]),
        "error": row["error"],
        "events": {name: row[name] for name in ("delivered", "waiting", "failed")},
    }


async def events(
    ctx: Context, number: int, room: str, cursor: str | None = None, limit: int = DEFAULT
) -> dict[str, Any]:
    """`{"items", "next"}`: what a room outside was told of an incident, in order, with what became of it. Raises NotFound, Invalid."""
    check_limit(limit)
    (after,) = read_cursor(cursor, tuple[RowId]) or (0,)
    async with ctx.db.reading() as tx:
        if "\0" in room or await rooms.find(tx, number, room) is None:
            raise _no_room(number, room)
        found = await rooms.events(tx, number, room, after, limit + 1)
    return listing(found, limit, _event, lambda row: write_cursor(row["position"]))


def _event(row: Row) -> dict[str, Any]:
    return {
        "order": row["position"],
        "kind": row["kind"],
        "data": row["body"],
        "state": row["state"],
        "attempts": row["attempts"],
        "created_at": time_text(row["created_at"]),
        "ended_at": time_text(row["ended_at"]),
        "receipt": row["receipt"],
        "error": row["error"],
    }


async def retry(ctx: Context, number: int, room: str) -> Result:
    """What failed is told once more, and what waits is told now. Raises NotFound, Conflict when the room is not configured any more."""
    if room not in ctx.directory.rooms:
        raise NotFound(f"There is no room {short(room)}.")
    async with ctx.db.transaction() as tx:
        id = await rooms.find(tx, number, room)
        followed = await rooms.lock(tx, id) if id is not None else None
        if followed is None:
            raise _no_room(number, room)
        failed, now = await rooms.again(tx, followed.id), ctx.clock.now()
        incident = await incidents.read(tx, number)
        if incident is not None and incident.private and not ctx.directory.rooms[room].private:
            raise Conflict("The incident is private: this room hears nothing of it.")
        if followed.state == "closed" and failed:
            await rooms.update(tx, followed, state="open" if followed.opened_at else "opening", closed_at=None)
        await timers.set_timer(tx, rooms.TIMER, followed.id, number, now)
    ctx.wake.set("timers")
    return Result(number, bool(failed), f"{failed} told again" if failed else "What waits is told now")


def _no_room(number: int, room: str) -> NotFound:
    return NotFound(f"{public_id(number)} has no room {short(room)}.")


# --- messages that come back ------------------------------------------------------------------------------------------


class Message(msgspec.Struct, forbid_unknown_fields=False, kw_only=True):
    """What somebody said in a room outside. `incident` is any name of it, also that of the room; who said it: a `user` id, an `email`, or a
    name (`author`)."""

    incident: str
    text: str
    user: str = ""
    email: str = ""
    author: str = ""


async def said(ctx: Context, room: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Take a signed message from a room, once by its webhook-id. Raises Unauthenticated, NotFound, Invalid."""
    config = ctx.directory.rooms.get(room)
    if config is None or not config.secret:
        raise Unauthenticated("There is no room here that takes messages: it needs a signing secret")
    key = verified(config.secret, headers, body, ctx.clock.now())
    try:
        message = msgspec.json.decode(body, type=Message)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        raise Invalid(in_words(text), "/" + place.strip("`.")) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("This is not JSON: send {incident, text, author}") from None

    async def act() -> Answer:
        number = await _incident(ctx, config, message.incident)
        actor, text = _author(ctx, config, message)
        await chat.post(ctx, number, actor, text, origin=origin_of(config.id))
        return Answer(201, msgspec.json.encode({"incident": public_id(number), "actor": actor, "text": text}))

    return await idempotency.once(ctx, origin_of(room), key[:255], fingerprint("POST", room, body), act)


async def _incident(ctx: Context, config: Room, name: str) -> int:
    """The incident that is meant, if this room follows it."""
    number = parse_id(name)
    async with ctx.db.reading() as tx:
        if not 0 < number < 2**32 or await rooms.find(tx, number, config.id) is None:
            raise NotFound(f"{short(name)} has no room here.")
        incident = await incidents.read(tx, number)
    if incident is not None and incident.private and not config.private:
        raise NotFound(f"{short(name)} has no room here.")
    return number


def _author(ctx: Context, config: Room, message: Message) -> tuple[str, str]:
    """Who said it and what: one of ours who may respond, or the room with the name before the text."""
    users = ctx.directory.users
    email = message.email.strip().lower()
    found = users.get(message.user) or next(
        (one for one in users.values() if email and one.email.lower() == email), None
    )
    if found is not None and allowed(found.role, "respond"):
        return f"user:{found.id}", message.text
    author = " ".join((message.author or message.email or message.user).split())[:LONGEST_AUTHOR]
    return origin_of(config.id), f"{author}: {message.text}" if author and message.text.strip() else message.text
