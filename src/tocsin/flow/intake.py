"""The door to the database: concurrent requests share one transaction, and each hears yes only after the commit."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from tocsin import metrics
from tocsin.core.alert import Reason
from tocsin.core.directory import IntegrationRef
from tocsin.core.errors import Unavailable
from tocsin.core.event import Event
from tocsin.flow.batch import Item, Outcome
from tocsin.flow.context import Context
from tocsin.flow.newborn import FEW
from tocsin.flow.triage import triage
from tocsin.store.database import POINTWISE, bounded, translated

log = structlog.get_logger(__name__)

MOST_WAITING = 20_000
"""Events that may wait for the writer; more are refused with 503."""
BATCH = 2_000
"""Events that are written together."""
SMALLEST = 50
"""Events that are still written together when the database did not finish larger batches in time."""
PATIENCE = 10.0
"""Seconds until a batch that the database does not finish is given up, and its senders are asked to come again."""


_TOLD = frozenset((Reason.OPENED, Reason.RELAPSED, Reason.RESOLVED, Reason.ACKNOWLEDGED))
"""Outcomes that stand in a timeline at once (joining alerts are told by their tally)."""


class _Request:
    __slots__ = ("done", "items")

    def __init__(self, items: list[Item], done: asyncio.Future[None]) -> None:
        self.items = items
        self.done = done


class Intake:
    """One writer per node, no added delay: it takes whatever queued while the last commit ran."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: deque[_Request] = deque()
        self._events = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None
        self._closing = False
        self._most = BATCH
        """Events that the database may be expected to write in time: fewer after it did not, growing again when it does."""

    @property
    def waiting(self) -> int:
        """Events that wait for the writer."""
        return self._events

    async def start(self) -> None:
        self._task = asyncio.create_task(self._write(), name="intake")

    async def stop(self) -> None:
        """Refuse what comes, finish what is waiting (10 s), close the connection."""
        self._closing = True
        self._arrived.set()
        task, self._task = self._task, None
        if task is not None:
            try:
                await asyncio.wait_for(task, PATIENCE)
            except TimeoutError:
                log.warning("intake did not finish in time", waiting=self._events)
        await self._disconnect()

    async def accept(self, ref: IntegrationRef, events: Sequence[Event], now: datetime) -> list[Outcome]:
        """What became of each event, once it is committed.

        Raises Unavailable when too many wait or the database is away: nothing of the request is promised then.
        """
        request = self._queue(ref, events, now)
        await request.done
        return [item.outcome for item in request.items if item.outcome is not None]

    def submit(self, ref: IntegrationRef, events: Sequence[Event], now: datetime) -> asyncio.Future[None]:
        """The same for callbacks: done after the commit, or with the exception that `accept` would raise."""
        return self._queue(ref, events, now).done

    def _queue(self, ref: IntegrationRef, events: Sequence[Event], now: datetime) -> _Request:
        if self._closing:
            raise Unavailable("The server is stopping")
        if self._events + len(events) > MOST_WAITING and self._events:
            metrics.EVENTS.labels(ref.integration.type, "refused").inc(len(events))
            raise Unavailable("Too many events are waiting")
        request = _Request([Item(ref, event, now) for event in events], asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._events += len(request.items)
        self._arrived.set()
        return request

    async def _write(self) -> None:
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            requests = self._take()
            try:
                await self._commit(requests)
            except Unavailable as error:
                self._most = max(self._most // 4, SMALLEST)
                # Who came meanwhile has waited long enough to be told the same.
                self._fail([*requests, *self._waiting], error)
                self._waiting.clear()
                self._events = 0
            except asyncio.CancelledError:
                self._fail([*requests, *self._waiting], Unavailable("The server is stopping"))
                raise

    def _take(self) -> list[_Request]:
        taken: list[_Request] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0].items) <= self._most):
            request = self._waiting.popleft()
            size += len(request.items)
            taken.append(request)
        self._events -= size
        return taken

    async def _commit(self, requests: list[_Request]) -> None:
        """Commit these requests; when one of them cannot be written, the others still are."""
        try:
            items = [item for request in requests for item in request.items if item.outcome is None]
            for start in range(0, len(items), self._most):
                await self._triage(items[start : start + self._most])
            self._most = min(2 * self._most, BATCH)
        except Unavailable:
            raise
        except Exception as error:  # isolates one bad request from its neighbours; the cause is logged below
            await self._disconnect()
            if len(requests) > 1:
                for request in requests:
                    await self._commit([request])
                return
            log.exception("a request could not be written", events=len(requests[0].items))
            self._fail(requests, error)
            return
        for request in requests:
            if not request.done.done():
                request.done.set_result(None)

    async def _triage(self, items: list[Item]) -> None:
        ctx = self._ctx
        now = ctx.clock.now()
        try:
            with translated():
                if self._connection is None or self._connection.is_closed():
                    self._connection = await ctx.db.connect(POINTWISE)
                with bounded(self._connection, PATIENCE), metrics.INTAKE_SECONDS.time():
                    paged = await triage(ctx, self._connection, items, lambda: ctx.wake.set("configuration"), now)
            if 0 < paged <= FEW:  # the pages go out before anything else is done
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        except Unavailable:
            await self._disconnect()
            raise
        if any(item.outcome is not None and item.outcome.reason in _TOLD for item in items):
            ctx.wake.set("timeline")
        counted = Counter((i.ref.integration.type, i.outcome.reason.value) for i in items if i.outcome is not None)
        for (source, outcome), count in counted.items():
            metrics.EVENTS.labels(source, outcome).inc(count)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    @staticmethod
    def _fail(requests: list[_Request], error: Exception) -> None:
        """Whoever is not written hears so; whoever is committed already, before this happened, need not send it a second time."""
        for request in requests:
            if request.done.done():
                continue
            if all(item.outcome is not None for item in request.items):
                request.done.set_result(None)
            else:
                request.done.set_exception(error)
