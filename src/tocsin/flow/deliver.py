"""Carry each notification: take a place in its provider's lane, re-read, send outside any transaction, record what became of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from tocsin import metrics
from tocsin.core.errors import Unavailable
from tocsin.core.escalation import LATE_PATIENCE
from tocsin.core.notification import retry_at
from tocsin.flow.context import Context
from tocsin.flow.devices import forget
from tocsin.flow.gather import Gathered, gather, is_gathered
from tocsin.flow.lanes import Lane, Lanes
from tocsin.flow.message import compose
from tocsin.flow.receipts import Delivery, record
from tocsin.plugins.channels.base import DeliveryError, Message
from tocsin.store import notifications
from tocsin.store.notifications import Held, Letter
from tocsin.store.rows import storable

log = structlog.get_logger(__name__)

OLD = timedelta(minutes=10)
"""A notification due longer ago than this is caught up after downtime: where the channel bundles, one message carries them all."""

NEWBORN = timedelta(seconds=2)
"""How long after it was decided a page may go without being read again: what a slow commit held up may have been answered."""

RECORD_TOGETHER = 0.02
"""Seconds between two records while many are delivered: each takes some trips to the database, whose time the next page needs."""

RECORD_AGAIN = 10.0
"""Seconds until an outcome that could not be recorded is recorded again. It stays ours so long: what was delivered rings once."""


def _until(letter: Letter, started: datetime) -> datetime:
    """Until when it is tried. What is late to be tried at all (after quiet hours, after downtime) has a moment, like a late rung."""
    late = not letter.attempts and started >= letter.deadline_at
    return started + LATE_PATIENCE if late else letter.deadline_at


class Deliveries:
    """The sending half of a node. Everything handed over is leased to this node; leases are prolonged until it is recorded."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lanes: dict[str, Lanes] = {}
        self._mine: set[int] = set()
        self._granted: list[tuple[Held, Lane]] = []
        self._gathering: list[tuple[Held, Lane]] = []
        self._gather = asyncio.Event()
        self._done: list[Delivery] = []
        self._begin = asyncio.Event()
        self._record = asyncio.Event()
        self._sends: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        ctx.hand_over = self.hand_over

    @property
    def running(self) -> bool:
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    @property
    def waiting(self) -> int:
        """Notifications leased to this node and not yet recorded."""
        return len(self._mine)

    @property
    def waiting_in_crowds(self) -> int:
        """Those of them that wait behind so many others for one provider that they say nothing about how busy we are."""
        return sum(lanes.waiting_in_crowds() for lanes in self._lanes.values())

    async def start(self) -> None:
        loops = (self._begin_loop, self._gather_loop, self._record_loop, self._renew_loop)
        self._tasks = [asyncio.create_task(loop(), name=loop.__name__) for loop in loops]

    async def stop(self) -> None:
        """Let sends that began finish (10 s) and record them; what waits is left to its lease, which the engine releases."""
        self._stopping = True
        for lanes in self._lanes.values():
            lanes.clear()
        if self._sends:
            await asyncio.wait(self._sends, timeout=10)
        for _ in range(50):
            if not self._done:
                break
            self._record.set()
            await asyncio.sleep(0.1)
        for task in [*self._tasks, *self._sends]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._sends, return_exceptions=True)

    def hand_over(self, held: Sequence[Held]) -> None:
        """Take committed notifications that are leased to this node.

        Those that say themselves what they say go at once, if there is a place: whoever answers an incident must first have read
        it, and that takes longer (but see NEWBORN). All others are read again before they go.
        """
        if self._stopping:
            return
        touched: dict[str, Lanes] = {}
        for one in held:
            if one.id in self._mine:
                continue
            self._mine.add(one.id)
            lane = self._lane(one)
            if lane is None:
                self._give_up(one, f"The contact method {one.method} of {one.user_id} does not exist any more")
                continue
            lane.lanes.put(lane, one)
            touched[one.channel] = lane.lanes
        since = self._ctx.clock.now() - NEWBORN
        newborn = {one.id for one in held if one.letter is not None and one.scheduled_at > since}
        for lanes in touched.values():
            self._grant(lanes, newborn)

    def crowded(self) -> list[tuple[str, str]]:
        """(user, method) for which so many wait already that more are not taken from the database for now."""
        return [person for lanes in self._lanes.values() for person in lanes.crowded()]

    def _lane(self, held: Held) -> Lane | None:
        channel = self._ctx.channels.get(held.channel)
        method = self._ctx.directory.method(held.user_id, held.method)
        if channel is None or method is None or method.type != held.channel:
            return None
        lanes = self._lanes.get(held.channel)
        if lanes is None:
            lanes = self._lanes[held.channel] = Lanes(channel)
        try:
            return lanes.lane(channel.lane(method.settings))
        except Exception:  # a channel's bug must not end the engine; all it breaks share one lane
            log.exception("a channel broke", channel=channel.type)
            return lanes.lane("")

    def _grant(self, lanes: Lanes, newborn: Collection[int] = ()) -> None:
        for held, lane in lanes.grant():
            at_once = held.id in newborn and not is_gathered(self._ctx, lanes.channel, held, OLD)
            if at_once and held.letter is not None:
                self._send_later([held.letter], lane, held.message)
            else:
                self._granted.append((held, lane))
                self._begin.set()

    def _leave(self, lane: Lane) -> None:
        """A place is free: for whoever waits in this channel."""
        lane.lanes.leave(lane)
        if not self._stopping:
            self._grant(lane.lanes)

    def _give_up(self, held: Held, error: str) -> None:
        now = self._ctx.clock.now()
        self._done.append(Delivery(held.id, held.channel, error=error, started_at=now, ended_at=now))
        self._record.set()

    async def _begin_loop(self) -> None:
        """Re-read in batches those that got a place, and send what may still go."""
        while True:
            await self._begin.wait()
            self._begin.clear()
            granted, self._granted = self._granted, []
            alone: list[tuple[Held, Lane]] = []
            for pair in granted:
                (self._gathering if is_gathered(self._ctx, pair[1].lanes.channel, pair[0], OLD) else alone).append(pair)
            if self._gathering:
                self._gather.set()
            if alone:
                await self._start(alone)

    async def _gather_loop(self) -> None:
        """Those that may wait for others, or travel with them, apart from those that go on their own."""
        while True:
            await self._gather.wait()
            self._gather.clear()
            granted, self._gathering = self._gathering, []
            if granted:
                try:
                    await self._start_together(granted)
                except Exception:  # a bug here must not end the phones of everybody; the leases run out
                    log.exception("messages could not be started", count=len(granted))

    async def _start(self, granted: list[tuple[Held, Lane]]) -> None:
        ctx, now = self._ctx, self._ctx.clock.now()
        try:
            async with ctx.db.reading(reserved=True) as tx:
                letters = await notifications.begin(tx, [held.id for held, _ in granted], ctx.node, now)
        except Unavailable:
            letters = {}
        except Exception:  # nothing is lost: the leases run out and the rows are taken up again
            log.exception("notifications could not be read", count=len(granted))
            letters = {}
        for held, lane in granted:
            letter = letters.get(held.id)
            if letter is None:
                self._mine.discard(held.id)
                self._leave(lane)
            else:
                self._send_later([letter], lane)

    async def _start_together(self, granted: list[tuple[Held, Lane]]) -> None:
        """One message in one place for each group; what waits leaves its place and is not ours any more."""
        lanes = {(held.user_id, held.method): lane for held, lane in granted}
        free = Counter(lane for _, lane in granted)
        behind = [held for channel in {lane.lanes for _, lane in granted} for held in channel.pull(lanes)]
        every = [*(held for held, _ in granted), *behind]
        try:
            found = await gather(self._ctx, every)
        except Unavailable:
            found = Gathered()
        except Exception:  # nothing is lost: the leases run out and the rows are taken up again
            log.exception("notifications could not be gathered", count=len(every))
            found = Gathered()
        self._mine.difference_update(held.id for held in every)
        self._mine |= {letter.id for letters in found.messages for letter in letters} | {one.id for one in found.told}
        for letters in found.messages:
            lane = lanes[letters[0].user_id, letters[0].method]
            if free[lane]:
                free[lane] -= 1
                self._send_later(letters, lane)
            else:  # tried again together with something new: it waits for a place of its own
                for one in letters:
                    lane.lanes.put(lane, Held(one.id, one.user_id, one.method, one.channel, one.scheduled_at))
        for lane in free.elements():
            self._leave(lane)
        self._tell(found.told)

    def _tell(self, letters: list[Letter]) -> None:
        """Their reader knows already, by a message just sent."""
        now = self._ctx.clock.now()
        for one in letters:
            receipt = f"named in the message of {one.told_at:%H:%M:%S} UTC"
            self._done.append(Delivery(one.id, one.channel, one, receipt, started_at=one.told_at, ended_at=now))
        if letters:
            self._record.set()

    def _send_later(self, letters: list[Letter], lane: Lane, message: Message | None = None) -> None:
        task = asyncio.create_task(self._send(letters, lane, message))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _send(self, letters: list[Letter], lane: Lane, message: Message | None) -> None:
        """One message (composed here, unless it is already) to one provider; the outcome is the same for all letters in it."""
        ctx, channel = self._ctx, lane.lanes.channel
        started = ctx.clock.now()
        receipt, error, permanent, retry_after, gone = "", "", False, None, False
        method = None
        try:
            method = ctx.directory.method(letters[0].user_id, letters[0].method)
            if method is None or method.type != channel.type:
                raise DeliveryError("The contact method does not exist any more", permanent=True)
            if not method.verified:
                raise DeliveryError("The contact method is not verified", permanent=True)
            with metrics.DELIVERY_SECONDS.labels(channel.type).time():
                async with asyncio.timeout(channel.timeout + 1):  # the channel's own limit comes first and says more
                    message = message or compose(ctx, letters, started)
                    receipt = (await channel.send(method.settings, message)).text
        except DeliveryError as failure:
            error = str(failure) or "The provider did not take it"
            permanent, retry_after = failure.permanent, failure.retry_after
            gone = failure.gone
        except TimeoutError:
            error = f"No answer within {channel.timeout:g} s"
        except Exception as failure:  # a channel's bug must not end the engine; it counts as a failed attempt
            log.exception("a channel broke", channel=channel.type)
            error = f"The channel failed: {type(failure).__name__}"
        finally:
            self._leave(lane)
        receipt, error, ended = storable(receipt), storable(error), ctx.clock.now()
        for letter in letters:
            again = None
            if error and not permanent:
                again = retry_at(letter.attempts + 1, ended, _until(letter, started), retry_after)
            self._done.append(Delivery(letter.id, channel.type, letter, receipt, error, again, started, ended))
        self._record.set()
        if gone and method is not None:
            await forget(ctx, letters[0].user_id, method)

    async def _record_loop(self) -> None:
        """Record outcomes in batches. While the database is away they are kept: what was delivered is not forgotten.

        The first one is recorded at once; while more come, those of a moment together.
        """
        loop = asyncio.get_running_loop()
        last = 0.0
        while True:
            await self._record.wait()
            if (early := last + RECORD_TOGETHER - loop.time()) > 0:
                await asyncio.sleep(early)
            last = loop.time()
            self._record.clear()
            done, self._done = self._done[:500], self._done[500:]
            if not done:
                continue
            try:
                held = await record(self._ctx, done)
            except Unavailable:
                self._done = done + self._done
                await asyncio.sleep(0.5)
            except Exception:  # one bad outcome must not hold up its neighbours
                log.exception("outcomes could not be recorded together", count=len(done))
                await self._record_singly(done)
            else:
                self._recorded(done, held)
            if self._done:
                self._record.set()

    async def _record_singly(self, done: list[Delivery]) -> None:
        for position, delivery in enumerate(done):
            try:
                held = await record(self._ctx, [delivery])
            except Unavailable:
                self._done = done[position:] + self._done
                return
            except Exception:  # tried again later, while its neighbours go on
                log.exception("an outcome could not be recorded", notification=delivery.id)
                asyncio.get_running_loop().call_later(RECORD_AGAIN, self._record_later, delivery)
            else:
                self._recorded([delivery], held)

    def _record_later(self, delivery: Delivery) -> None:
        self._done.append(delivery)
        self._record.set()

    def _recorded(self, done: list[Delivery], held: list[Held]) -> None:
        for delivery in done:
            self._mine.discard(delivery.id)
        self._ctx.wake.set("timeline")
        if any(delivery.outcome == "failed" for delivery in done):
            self._ctx.wake.set("timers")  # the person's next rule is due now
        self.hand_over(held)

    async def _renew_loop(self) -> None:
        """Prolong the leases of what is waiting, on its way or being recorded; drop what is no longer ours."""
        while True:
            await asyncio.sleep(self._ctx.lease / 3)
            ids = list(self._mine)
            if not ids:
                continue
            until = self._ctx.clock.now() + timedelta(seconds=self._ctx.lease)
            try:
                async with self._ctx.db.transaction() as tx:
                    ours = await notifications.renew(tx, ids, self._ctx.node, until)
            except Unavailable:
                continue
            except Exception:  # leases may run out; begin() re-reads them before anything is sent
                log.exception("leases could not be renewed", count=len(ids))
                continue
            lost = set(ids) - ours
            if lost:
                for lanes in self._lanes.values():
                    self._mine.difference_update(lanes.drop(lost))
