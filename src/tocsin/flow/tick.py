"""The engine of a node: claims what is due, hands it to the stage that owns it, and keeps the node in step with the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from tocsin import __version__, metrics
from tocsin.core.errors import Contended, Unavailable
from tocsin.flow import (
    alarms,
    bounces,
    clocks,
    digesting,
    drafting,
    drill,
    escalate,
    forewarn,
    handover,
    heartbeats,
    improve,
    mailings,
    maintenance,
    minding,
    notices,
    overrun,
    progress,
    public_words,
    release,
    relieve,
    responding,
    rooms,
    searching,
    silence_alarm,
    snooze,
    talking,
    tasks,
    watching,
)
from tocsin.flow.context import Context
from tocsin.flow.deliver import Deliveries
from tocsin.flow.notices import Notices
from tocsin.flow.talking import Rooms
from tocsin.store import devices, nodes, notifications, objects, responses, subscribers, timers, updates
from tocsin.store import rooms as room_store
from tocsin.store.database import translated
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import announce

log = structlog.get_logger(__name__)

HANDLERS: dict[str, Callable[[Context, Sequence[Timer]], Awaitable[list[Held]]]] = {
    "escalate": escalate.fire,
    "expire": alarms.expire,
    "tally": alarms.tally,
    "count": alarms.count,
    "progress": progress.fire,
    "snooze": snooze.wake,
    "handover": handover.lapse,
    "watch": alarms.watch,
    watching.TIMER: watching.sample,
    "clock": clocks.fire,
    updates.DRAFTS: drafting.fire,
    updates.DIGEST: digesting.fire,
    "unmute": release.unmute,
    overrun.TIMER: overrun.fire,
    "mute_ends": release.warn,
    "cause_alert": release.cause_alert,
    "cause_incident": release.cause_incident,
    "heartbeat": heartbeats.due,
    "pulse": heartbeats.pulse,
    "notice": notices.due,
    "drill": drill.look,
    forewarn.TIMER: forewarn.look,
    bounces.TIMER: bounces.settle,
    improve.TIMER: improve.review,
    "rotation": relieve.rotation,
    responses.TIMER: responding.fire,
    "handoff": relieve.relieve,
    room_store.OPENING: rooms.begin,
    room_store.TIMER: talking.due,
    tasks.CHECK_IN: tasks.fire,
    "public_word": public_words.word_given,
    "public_end": public_words.ended,
    maintenance.TIMER: maintenance.look,
    subscribers.TIMER: mailings.due,
    silence_alarm.TIMER: silence_alarm.look,
    minding.TIMER: minding.look,
}
"""Every kind of timer and the stage that owns it."""

BATCH = 500
"""Timers claimed at once."""
MOST_HELD = 2_000
"""Notifications claimed by this node and not yet recorded; more stay in the database for any node."""
LEFT = 0.05
"""Seconds until a look at what is due and was not taken."""
POLL = 1.0
"""Seconds after which a node looks for itself, should a wake-up be lost."""
UPKEEP = 5.0
"""Seconds between looks at the clock, the configuration and the other nodes."""
LARGEST_SLIP = 1.0
"""Seconds by which the estimate of the database's time may be off before it is an alarm."""


class Engine:
    """Timers, deliveries and upkeep of one node."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.deliveries = Deliveries(ctx)
        self.notices = Notices(ctx)
        self.rooms = Rooms(ctx)
        self._due = ctx.wake.event("timers")
        self._configured = ctx.wake.event("configuration")
        self._announced = ctx.wake.event("announced")
        self._tasks: list[asyncio.Task[None]] = []
        self._beat: datetime | None = None
        self._wall: datetime | None = None
        self._stopping = False
        self._watched = 0
        """The revision of the configuration for which the standing timers were set."""

    @property
    def running(self) -> bool:
        """The engine runs and looked at the timers within the last 15 s."""
        recently = self._beat is not None and self._ctx.clock.now() - self._beat < timedelta(seconds=15)
        return recently and self.deliveries.running and bool(self._tasks) and not any(t.done() for t in self._tasks)

    async def start(self) -> None:
        """Take the database's time and the configuration, then begin. Raises Unavailable when the database is away."""
        await self._synchronise()
        await self.refresh()
        await self.deliveries.start()
        self.rooms.start()
        loops = (self._timer_loop, self._upkeep_loop, self._configuration_loop, self._listen_loop, self._announce_loop)
        self._tasks = [asyncio.create_task(loop(), name=loop.__name__) for loop in loops]

    async def stop(self) -> None:
        """Finish what was begun, then give back everything this node still holds."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.deliveries.stop()
        await self.notices.stop()
        await self.rooms.stop()
        await self._ctx.give_up_chores()
        await self._ctx.renderer.stop()
        try:
            async with self._ctx.db.transaction() as tx:
                await timers.release(tx, self._ctx.node, self._ctx.clock.now())
                await nodes.leave(tx, self._ctx.node)
        except Unavailable:
            log.warning("leases could not be released; others take over when they run out")

    async def refresh(self) -> None:
        """Take the configuration anew if it changed. One that this release cannot read is left alone: the last good one holds."""
        ctx = self._ctx
        async with ctx.db.reading(reserved=True) as tx:
            if await objects.revision(tx) != ctx.directory.revision:
                try:
                    ctx.directory = await devices.load(tx)
                except msgspec.ValidationError as error:
                    log.error("the configuration cannot be read; the last good one holds", reason=str(error))
                    return
                log.info("configuration taken", revision=ctx.directory.revision)
        if ctx.directory.revision != self._watched:  # also when this node changed it itself
            for keep_watch in (
                relieve.keep_watch,
                improve.keep_watch,
                forewarn.keep_watch,
                silence_alarm.keep_watch,
                minding.keep_watch,
                digesting.keep_watch,
            ):
                await keep_watch(ctx)
            self._watched = ctx.directory.revision

    async def turn(self) -> int:
        """Claim and handle what is due now, once. Returns how much that was."""
        ctx, now = self._ctx, self._ctx.clock.now()
        lease = timedelta(seconds=ctx.lease)
        async with ctx.db.transaction() as tx:
            due = await timers.claim(tx, ctx.node, now, lease, BATCH)
        deliveries = self.deliveries
        room = MOST_HELD - (deliveries.waiting - deliveries.waiting_in_crowds)
        held: list[Held] = []
        if room > 0:
            async with ctx.db.transaction() as tx:
                held = await notifications.claim(tx, ctx.node, now, lease, min(room, BATCH), deliveries.crowded())
        ctx.hand_over(held)
        by_kind: dict[str, list[Timer]] = {}
        for timer in due:
            metrics.TIMER_LATENESS.labels(timer.kind).observe(max(0.0, (now - timer.set_for).total_seconds()))
            by_kind.setdefault(timer.kind, []).append(timer)
        for kind, batch in by_kind.items():
            await self._handle(kind, batch)
        self._beat = ctx.clock.now()
        return len(due) + len(held)

    async def _handle(self, kind: str, batch: Sequence[Timer]) -> None:
        """One kind together; when that fails each by itself, so that one item's failure never stops its neighbours."""
        ctx = self._ctx
        try:
            ctx.hand_over(await HANDLERS[kind](ctx, batch))
        except Exception as error:
            if isinstance(error, Unavailable) and not isinstance(error, Contended):
                raise
            if len(batch) > 1:
                for timer in batch:
                    await self._handle(kind, [timer])
                return
            log.exception("a timer failed", kind=kind, subject=batch[0].subject)
            wait = timedelta(seconds=min(2 ** min(batch[0].attempts, 6), 60))
            async with ctx.db.transaction() as tx:
                await timers.put_off(tx, ctx.node, batch[0], ctx.clock.now() + wait, f"{type(error).__name__}: {error}")

    async def _timer_loop(self) -> None:
        while True:
            try:
                self._due.clear()
                if not await self.turn():
                    await self._rest()
            except Unavailable:
                await asyncio.sleep(0.3)
            except Exception:  # the engine never ends: what failed is logged and still due
                log.exception("the engine stumbled")
                await asyncio.sleep(1)

    async def _rest(self) -> None:
        """Sleep until the next thing is due, a wake-up, or the poll."""
        async with self._ctx.db.reading(reserved=True) as tx:
            due = await timers.next_due(tx)
        wait = POLL if due is None else min(POLL, (due - self._ctx.clock.now()).total_seconds())
        if wait <= 0:  # it was left where it is: another node is at it, or its provider is crowded
            wait = LEFT
        try:
            await asyncio.wait_for(self._due.wait(), wait + 0.001)
        except TimeoutError:
            return

    async def _upkeep_loop(self) -> None:
        ctx = self._ctx
        while True:
            try:
                await self._synchronise()
                async with ctx.db.transaction() as tx:  # before anything that may fail: this node is alive all the same
                    await nodes.beat(tx, ctx.node, socket.gethostname(), __version__, ctx.clock.now())
                await self.refresh()
                await relieve.refresh_loop(ctx)
                await responding.refresh(ctx)
                await searching.catch_up(ctx)
            except Unavailable:
                metrics.DATABASE_UP.set(0)
            except Exception:  # upkeep is tried again in a moment
                log.exception("upkeep failed")
            await asyncio.sleep(UPKEEP)

    async def _synchronise(self) -> None:
        """Follow the database's clock; log when this node's own clock jumped."""
        clock = self._ctx.clock
        before = clock.offset
        now, asked, answered = await self._ctx.db.time()
        slip = clock.synchronise(now, asked, answered)
        metrics.DATABASE_UP.set(1)
        metrics.DATABASE_SECONDS.set(answered - asked)
        metrics.CLOCK_OFFSET.set(clock.offset.total_seconds())
        if self._wall is not None and abs((clock.offset - before).total_seconds()) > LARGEST_SLIP:
            log.warning("this node's clock jumped", seconds=round(-(clock.offset - before).total_seconds(), 3))
        if self._wall is not None and abs(slip.total_seconds()) > LARGEST_SLIP:
            log.error("the estimate of the database's time was off", seconds=round(slip.total_seconds(), 3))
        self._wall = clock.wall()

    async def _configuration_loop(self) -> None:
        while True:
            await self._configured.wait()
            self._configured.clear()
            try:
                await self.refresh()
                await responding.refresh(self._ctx)
            except Unavailable:
                await asyncio.sleep(0.5)
                self._configured.set()
            except Exception:  # the upkeep looks again in a moment
                log.exception("the configuration could not be taken")

    async def _announce_loop(self) -> None:
        """Tell the other nodes what was announced, at most every 50 ms."""
        while True:
            await self._announced.wait()
            await asyncio.sleep(0.05)
            self._announced.clear()
            topics = sorted(self._ctx.announced)
            self._ctx.announced.difference_update(topics)
            try:
                async with self._ctx.db.transaction() as tx:
                    await announce(tx, topics)
            except Unavailable:
                continue
            except Exception:  # the others look for themselves
                log.exception("the other nodes could not be told", topics=topics)

    async def _listen_loop(self) -> None:
        """Hear the other nodes. Without this the polls still find everything, only later."""
        while True:
            try:
                await self._listen()
            except Unavailable:
                log.warning("listening to the other nodes was interrupted")
            except Exception:  # tried again in a moment
                log.exception("the other nodes cannot be heard")
            await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        """Until the connection is lost."""
        connection = await self._ctx.db.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            with translated():
                await connection.add_listener("tocsin", lambda *heard: self._ctx.wake.set(heard[3]))
            self._ctx.wake.set("timers", "timeline", "configuration")
            await lost.wait()
        finally:
            connection.terminate()
