"""A message to one channel: kept, really delivered there, and told in the room once (S0-49, S0-50).

The room is where it is told, never where it comes from: what is written in the room goes to no channel, so nothing goes round in circles.
"""

from __future__ import annotations

from datetime import datetime

from tocsin.core.audience import APPROVED, CHANNEL_AUDIENCES, SAID, Channel
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.incident import room_name
from tocsin.core.notification import for_news
from tocsin.flow.acts import checked, locked, tell
from tocsin.flow.context import Context
from tocsin.flow.telling import channels_of, heading, person_notice, subscribers_of, to_channel
from tocsin.store import communications, notices, updates
from tocsin.store.communications import Communication
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notices import NewNotice
from tocsin.store.writing import notify

ROOM = ("incident_channel", "room", "incident")
"""What people call the room of the incident itself."""
LONGEST_NAME = 100


async def communicate(ctx: Context, number: int, actor: str, message: str, channel: str) -> Communication:
    """Tell a channel: a configured one by its id or name (also with `#`), all of an audience, or the room itself.

    A channel that nobody configured is told nothing by us: what was said there is kept as a record. Where a person must approve it
    becomes a draft. Raises NotFound; Invalid; Conflict for a channel that is to hear of a private incident.
    """
    message, name = checked(message, "/message"), checked(channel, "/channel")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"shorten this to {LONGEST_NAME} characters", "/channel")
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        made = await _communicated(ctx, tx, incident, actor, message, name, now)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return made


async def _communicated(
    ctx: Context, tx: Tx, incident: Incident, actor: str, message: str, name: str, now: datetime
) -> Communication:
    places = found(ctx, incident, name)
    audience = _audience(name, places)
    shown = places[0].id if len(places) == 1 and name not in CHANNEL_AUDIENCES else name
    waits, room = audience in APPROVED and bool(places), _is_room(incident, name)
    reaches = bool(places) or room or audience in ("stakeholders", "executives")
    state = "draft" if waits else "sent" if reaches else "recorded"
    made = await communications.add(
        tx, incident=incident.id, channel=shown, audience=audience, message=message, actor=actor, state=state,
        update_id=None, created_at=now, sent_at=now if state == "sent" else None, sent_by=actor if state == "sent" else None,
    )  # fmt: skip
    if state != "draft":
        await _tell(tx, incident, made, actor, now)
    if state == "sent":
        await _send(ctx, tx, incident, made, places, whole=name == audience, now=now)
    return made


def found(ctx: Context, incident: Incident, name: str) -> list[Channel]:
    """The configured channels that a name means: one by id or name, or all of an audience that hear of the incident.

    Raises Conflict for one that is named though the incident is private: whoever listens there may not see it.
    """
    word = name.removeprefix("#").strip().lower()
    by_name = [one for one in ctx.directory.channels.values() if word in (one.id, one.name.removeprefix("#").lower())]
    if by_name and incident.private:
        raise Conflict("The incident is private, so no channel is told of it: make it visible to all first.")
    return by_name[:1] or (channels_of(ctx, incident, word) if word in CHANNEL_AUDIENCES else [])


def _audience(name: str, places: list[Channel]) -> str:
    word = name.strip().lower()
    return places[0].audience if places else word if word in CHANNEL_AUDIENCES else ""


def _is_room(incident: Incident, name: str) -> bool:
    own = room_name(incident.id, incident.created_at, incident.service)
    return name.removeprefix("#").strip().lower() in (*ROOM, own)


async def _tell(tx: Tx, incident: Incident, made: Communication, actor: str, now: datetime) -> None:
    """In the room, with its audience shown: the one place where it is cross-posted."""
    tag = f" ({SAID[made.audience]})" if made.audience else ""
    how = "" if made.state == "sent" else ", kept as a record"
    await tell(
        tx, incident, now, "communication_added", actor, made.message, communication=made.id, channel=made.channel,
        audience=made.audience, to=f"{made.channel}{tag}{how}",
    )  # fmt: skip


async def _send(
    ctx: Context, tx: Tx, incident: Incident, made: Communication, places: list[Channel], *, whole: bool, now: datetime
) -> None:
    title, key = heading(incident, incident.status), f"communication:{made.id}"
    carried: list[NewNotice] = [to_channel(key, place, incident, title, made.message, now) for place in places]
    if whole and made.audience in ("stakeholders", "executives"):
        for person in await subscribers_of(ctx, tx, incident, made.audience):
            methods = for_news(ctx.directory.users[person])
            carried += [person_notice(key, person, one, incident, title, made.message, now) for one in methods]
    await notices.add(tx, carried)
    await updates.expect(tx, [notice.key for notice in carried], communication=made.id)


# --- drafts for channels where a person approves ----------------------------------------------------------------------


async def approve(ctx: Context, number: int, id: int, actor: str, message: str | None = None) -> Communication:
    """Send a draft, as it is or as it was mended. Raises NotFound; Invalid; Conflict when it waits no more, or its channel is gone."""
    text = checked(message, "/message") if message is not None else None
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        draft = await _waiting(tx, number, id)
        now = ctx.clock.now()
        places = found(ctx, incident, draft.channel)
        if not places:
            raise Conflict(f"There is no channel {draft.channel} any more: discard this draft")
        made = await communications.settle(tx, id, "sent", message=text, by=actor, at=now)
        await _tell(tx, incident, made, actor, now)
        await _send(ctx, tx, incident, made, places, whole=False, now=now)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return made


async def discard(ctx: Context, number: int, id: int, actor: str) -> Communication:
    """Throw a draft away. Raises NotFound; Conflict when it waits no more."""
    async with ctx.db.transaction() as tx:
        await locked(tx, number)
        await _waiting(tx, number, id)
        return await communications.settle(tx, id, "discarded", by=actor)


async def _waiting(tx: Tx, number: int, id: int) -> Communication:
    draft = await communications.locked(tx, id)
    if draft is None or draft.incident != number:
        raise NotFound(f"There is no communication {id} of this incident")
    if draft.state != "draft":
        raise Conflict(f"It was {draft.state} already")
    return draft
