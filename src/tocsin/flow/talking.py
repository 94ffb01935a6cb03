"""Tell rooms what happened: one event after the other, each recorded before the next, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import structlog

from tocsin import metrics
from tocsin.core.errors import Unavailable
from tocsin.core.room import Room
from tocsin.flow.acts import tell
from tocsin.flow.context import Context
from tocsin.flow.message import case_of
from tocsin.flow.rooms import NOT_CONFIGURED, listen, origin_of
from tocsin.plugins.channels.base import Brief, DeliveryError, Receipt
from tocsin.plugins.rooms.base import Line, Opened, Person, Place, Summary, Topic
from tocsin.plugins.rooms.base import Room as Member
from tocsin.store import incidents, notices, reading_incidents, rooms, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.rooms import TIMER, Due, Followed
from tocsin.store.rows import storable
from tocsin.store.timers import Timer

log = structlog.get_logger(__name__)

ACTOR = "tocsin"
LEASE = timedelta(seconds=10)
"""How long a room whose event is on its way belongs to this node: longer than any room's limit."""
BACK = timedelta(seconds=1)
"""After how long rooms are looked at again for which there was no place."""
LOOK = 2.0
"""Seconds between looks for rooms that have something to hear, should a wake-up be lost."""
CALM = 0.2
"""Seconds between two looks at most: in a storm the timeline moves all the time."""
LONGEST_WAIT = 60.0
"""Seconds: tries lie 1, 2, 4 ... apart, and never further than this."""
PATIENCE = timedelta(hours=24)
"""For how long one event is tried."""
TROUBLE = timedelta(minutes=5)
"""How long nothing arrives until the timeline says so."""


class Going(NamedTuple):
    """An event on its way."""

    room: Followed
    config: Room | None
    brief: Brief
    due: Due


async def due(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """These rooms have something to hear: those with a place in their lane begin, the others are due again in a moment."""
    async with ctx.db.transaction() as tx:
        names = await rooms.of_timers(tx, [timer.subject for timer in batch])
        lanes: dict[int, str] = {}
        waiting, over, taken = [], [], ctx.talking.copy()
        for timer in batch:
            name = names.get(timer.subject)
            if name is None:
                over.append(timer)
                continue
            lane, places = _lane(ctx, name)
            if taken[lane] < places:
                taken[lane] += 1
                lanes[timer.id] = lane
            else:
                waiting.append(timer)
        now = ctx.clock.now()
        await timers.finish(tx, ctx.node, over)
        await notices.put_back(tx, ctx.node, waiting, now + BACK)
        ours = await notices.lease(tx, ctx.node, [timer for timer in batch if timer.id in lanes], now + LEASE)
    for timer in ours:
        ctx.talk(lanes[timer.id], timer)
    return []


def _lane(ctx: Context, name: str) -> tuple[str, int]:
    """What a room may block, and how many at once."""
    config = ctx.directory.rooms.get(name)
    member = ctx.rooms.get(config.type) if config else None
    return (f"{member.type} {member.lane(config.settings)}", member.lane_limit) if config and member else (name, 8)


class Rooms:
    """The talking half of a node."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._news = ctx.wake.event("timeline")
        self._talks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        ctx.talk = self.talk

    @property
    def waiting(self) -> int:
        """How many rooms are being told something."""
        return len(self._talks)

    def start(self) -> None:
        self._loop = asyncio.create_task(self._listen(), name="rooms")

    async def stop(self) -> None:
        """Let what began finish (10 s); what does not is told again when its lease runs out."""
        if self._loop is not None:
            self._loop.cancel()
        if self._talks:
            await asyncio.wait(self._talks, timeout=10)
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, *([self._loop] if self._loop else []), return_exceptions=True)

    async def stir(self) -> int:
        """Wake the rooms whose incident went on; how many. Without rooms nothing is asked of the database."""
        ctx = self._ctx
        if not ctx.directory.rooms:
            return 0
        async with ctx.db.transaction() as tx:
            woken = await rooms.stir(tx, ctx.clock.now())
        if woken:
            ctx.wake.set("timers")
        return woken

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK)
            self._news.clear()
            try:
                await self.stir()
            except Unavailable:
                await asyncio.sleep(0.5)
            except Exception:  # looked for again in a moment
                log.exception("rooms could not be woken")
            await asyncio.sleep(CALM)

    def talk(self, lane: str, timer: Timer) -> None:
        """Tell the room whose timer is leased to this node all that it is to hear."""
        self._ctx.talking[lane] += 1
        task = asyncio.create_task(self._talk(lane, timer))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)

    async def _talk(self, lane: str, timer: Timer) -> None:
        try:
            while (going := await self._next(timer)) is not None:
                outcome = await _carry(self._ctx, going)
                if not await self._record(timer, going, outcome):
                    return
        except Unavailable:
            log.warning("a room waits for the database", room=timer.subject)
        except Exception:  # the lease runs out, and it is tried again
            log.exception("a room could not be told", room=timer.subject)
        finally:
            self._ctx.talking[lane] -= 1

    async def _next(self, timer: Timer) -> Going | None:
        """What is to go next; None when there is nothing (the timer is gone then), or the room is not ours any more."""
        ctx = self._ctx
        async with ctx.db.transaction() as tx:
            room, now = await rooms.lock(tx, timer.subject), ctx.clock.now()
            if not await _prolong(ctx, tx, timer):
                return None
            row = await reading_incidents.get(tx, room.incident_id) if room else None
            if room is None or row is None:
                await timers.finish(tx, ctx.node, [timer])
                return None
            await listen(ctx, tx, room, row, now)
            due = await rooms.head(tx, room.id)
            if due is None:
                await timers.finish(tx, ctx.node, [timer])
                return None
        brief = case_of(ctx, room.incident_id, SimpleNamespace(**dict(row)))
        return Going(room, ctx.directory.rooms.get(room.room), brief, due)

    async def _record(self, timer: Timer, going: Going, outcome: Opened | Receipt | DeliveryError) -> bool:
        """Write what became of it; whether to go on with the next event."""
        while True:
            try:
                return await self._written(timer, going, outcome)
            except Unavailable:
                await asyncio.sleep(0.5)

    async def _written(self, timer: Timer, going: Going, outcome: Opened | Receipt | DeliveryError) -> bool:
        ctx, due = self._ctx, going.due
        failure = outcome if isinstance(outcome, DeliveryError) else None
        async with ctx.db.transaction() as tx:
            incident = (await incidents.lock(tx, [going.room.incident_id])).get(going.room.incident_id)
            room = await rooms.lock(tx, going.room.id)
            if incident is None or room is None or not await _prolong(ctx, tx, timer):
                return False
            now = ctx.clock.now()
            if failure is not None:
                again = await _failed(ctx, tx, incident, room, due, failure, now)
                if again is not None:
                    await timers.finish(tx, ctx.node, [timer])
                    await timers.set_timer(tx, TIMER, room.id, incident.id, again)
            else:
                again = None
                await _arrived(ctx, tx, incident, room, due, outcome, now)
        ctx.wake.set("timeline")
        metrics.DELIVERIES.labels("room", "delivered" if failure is None else "retried" if again else "failed").inc()
        return again is None


async def _prolong(ctx: Context, tx: Tx, timer: Timer) -> bool:
    """Keep a leased timer for a while more; False when it is not ours any more."""
    kept = await notices.lease(tx, ctx.node, [timer], ctx.clock.now() + LEASE)
    for one in kept:
        timer.due_at = one.due_at
    return bool(kept)


async def _arrived(
    ctx: Context, tx: Tx, incident: Incident, room: Followed, due: Due, outcome: Any, now: datetime
) -> None:
    receipt = outcome.receipt if isinstance(outcome, Opened) else outcome
    await rooms.delivered(tx, due.id, storable(receipt.text), now)
    changes: dict[str, Any] = {"troubled_at": None, "complained": False, "error": ""}
    if isinstance(outcome, Opened):
        changes |= {"state": "open", "ref": outcome.ref, "url": outcome.url, "opened_at": now, "closed_at": None}
        where = f": {outcome.url}" if outcome.url else ""
        await tell(
            tx, incident, now, "room_opened", ACTOR, f"{room.name} in {room.room}{where}", room=room.room, name=room.name,
            url=outcome.url, origin=origin_of(room.room),
        )  # fmt: skip
        ctx.announce("timeline")
    if due.kind == "close":
        changes |= {"state": "closed", "closed_at": now}
    await rooms.update(tx, room, **changes)


async def _failed(
    ctx: Context, tx: Tx, incident: Incident, room: Followed, due: Due, failure: DeliveryError, now: datetime
) -> datetime | None:
    """Note a failure; when to try again (None: this event is given up, go on with the next).

    A room that cannot be opened gets nothing else: it is tried again, whatever the provider said.
    """
    error = storable(str(failure))
    opening, since = due.kind == "open", room.troubled_at or now
    late = now - due.created_at >= PATIENCE
    final = late or (failure.permanent and not opening)
    await rooms.failed(tx, due.id, error, now if final else None)
    if final and due.kind in ("open", "close"):
        await rooms.drop(tx, room.id, now, error, as_failed=True)
        await rooms.update(tx, room, state="closed", closed_at=now)
    complain = not room.complained and (failure.permanent or now - since >= TROUBLE)
    await rooms.update(tx, room, troubled_at=since, error=error, complained=room.complained or complain)
    if complain:
        text = f"{room.name} in {room.room} hears nothing since {since:%H:%M} UTC: {error}"
        await tell(
            tx, incident, now, "room_failed", ACTOR, text, room=room.room, error=error, origin=origin_of(room.room)
        )
        ctx.announce("timeline")
    if final:
        return None
    wait = LONGEST_WAIT if failure.permanent else min(2.0**due.attempts, LONGEST_WAIT)
    return now + timedelta(seconds=max(wait, failure.retry_after or 0.0))


async def _carry(ctx: Context, going: Going) -> Opened | Receipt | DeliveryError:
    """The outcome of one event. Outside any transaction."""
    config = going.config
    member = ctx.rooms.get(config.type) if config else None
    if config is None or member is None:
        return DeliveryError(NOT_CONFIGURED, permanent=True)
    try:
        async with asyncio.timeout(member.timeout + 1):
            return await _told(member, _place(ctx, going, config, member), going.due)
    except DeliveryError as failure:
        return failure
    except TimeoutError:
        return DeliveryError("No answer in time", permanent=False)
    except Exception as failure:  # a room's bug must not end the talk; it counts as a failed attempt
        log.exception("a room broke", room=config.id)
        return DeliveryError(f"The room failed: {type(failure).__name__}", permanent=False)


def _place(ctx: Context, going: Going, config: Room, member: Member) -> Place:
    room, due = going.room, going.due
    typed = not ctx.directory.origins.get(("rooms", config.id))
    return Place(
        room=config.id, settings=config.settings, incident=going.brief, name=room.name, ref=room.ref, url=room.url,
        key=f"{ctx.instance}-r{due.id}", order=due.position, sent_at=ctx.clock.now(), public_only=typed,
        reply_url=f"{ctx.settings.external_url.rstrip('/')}/talk/{config.id}" if member.listens and config.secret else "",
    )  # fmt: skip


async def _told(member: Member, place: Place, due: Due) -> Opened | Receipt:
    """Call the room. Raises DeliveryError."""
    body = due.body
    match due.kind:
        case "open":
            return await member.open(place, msgspec.convert(body, Topic))
        case "topic":
            return await member.set_topic(place, msgspec.convert(body, Topic))
        case "invite":
            return await member.invite(place, msgspec.convert(body["people"], list[Person]))
        case "pin":
            return await member.pin(place, Summary(text=body["text"]))
        case "message":
            return await member.post(place, msgspec.convert(body, Line))
        case "close":
            return await member.close(place, body["why"])
