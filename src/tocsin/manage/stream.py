"""The timeline as it grows: one reader per node, which fans out to everybody who listens there.

Nothing is skipped (store/stream.py says how), and who lost the connection goes on where they were by the id of the last event
they got. A listener that is too slow is cut off rather than waited for; it comes back the same way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Literal

import asyncpg
import msgspec
import structlog

from tocsin import metrics
from tocsin.core.errors import Unavailable
from tocsin.core.incident import public_id
from tocsin.core.permission import Principal
from tocsin.flow.context import Context
from tocsin.manage import privacy
from tocsin.manage.incidents import entry_view
from tocsin.store import stream as store
from tocsin.store.database import Tx
from tocsin.store.privacy import private_among
from tocsin.store.stream import Row

log = structlog.get_logger(__name__)

HEARTBEAT = 15.0
"""Seconds of silence after which a sign of life is sent."""
POLL = 1.0
"""Seconds after which the reader looks even when nobody woke it."""
LIFE = 900.0
"""Seconds after which a connection is ended, so that a revoked token or session does not listen forever."""
WAITING = 100
"""Batches that may wait for one listener before it is cut off."""
MOST = 5000
"""Entries that are caught up; who missed more is told to load everything anew."""

_SNAPSHOT = r"[0-9]{1,20}:[0-9]{1,20}:[0-9,]*"
_ENTRY = re.compile(r"[0-9]{1,18}")
_RESUME = re.compile(rf"(?P<seen>{_SNAPSHOT})(?:/(?P<batch>{_SNAPSHOT})/(?P<id>[0-9]{{1,18}}))?")


class Signal(msgspec.Struct, frozen=True):
    """What a listener gets. `id` is what to resume with; `data` is JSON.

    `entry`: one entry of a timeline. `alive`: nothing new. `reload`: too much was missed, or the id is not ours: load anew.
    """

    kind: Literal["entry", "alive", "reload"]
    id: str
    data: bytes = b""


class _Batch(msgspec.Struct, frozen=True):
    """What became visible between two looks; `before` is empty when the first look is not known."""

    before: str
    after: str
    entries: list[tuple[Row, bytes]]
    private: frozenset[int] = frozenset()
    """Incidents among these, and named by them, that not everybody may see."""


class Resume(msgspec.Struct, frozen=True):
    """A place in the stream: behind the snapshot `seen`, and of the batch that ended at `batch` behind the entry `id`."""

    seen: str
    batch: str | None = None
    id: int = 0


def parse_resume(text: str) -> Resume | None:
    """The place that an event's id names, or None when it is not one."""
    match = _RESUME.fullmatch(text.strip())
    return Resume(match["seen"], match["batch"], int(match["id"] or 0)) if match else None


def stream_view(row: Row) -> dict[str, Any]:
    """A timeline entry with the incident that it belongs to."""
    return {**entry_view(row), "incident": public_id(row["incident_id"]), "number": row["incident_id"]}


async def _batch(tx: Tx, before: str, after: str, rows: Sequence[Row]) -> _Batch:
    about = {number for row in rows for number in (row["incident_id"], *privacy.mentioned(row))}
    private = await private_among(tx, sorted(about)) if rows else set()
    entries = [(row, msgspec.json.encode(stream_view(row))) for row in rows]
    return _Batch(before, after, entries, frozenset(private))


class Stream:
    """The reader of one node. It works only while somebody listens."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._listeners: set[asyncio.Queue[_Batch | None]] = set()
        self._seen = ""
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._stopping = False
        self._news = ctx.wake.event("timeline")
        ctx.wake.on("stopping", self.stop)

    @property
    def listening(self) -> int:
        """How many listen here."""
        return len(self._listeners)

    def stop(self) -> None:
        """End every connection (they come back to another node, or to this one after its restart)."""
        self._stopping = True
        for queue in tuple(self._listeners):
            self._cut(queue)

    async def listen(
        self, resume: str | None = None, incident: int | None = None, without: Collection[str] = (),
        who: Principal | None = None,
    ) -> AsyncIterator[Signal]:  # fmt: skip
        """Entries from the place `resume` on (an event's id, or the id of the last entry shown); without it from now on.

        `incident`: only of this one. `without`: kinds to leave out. `who` listens: nothing of private incidents that they may not
        see. Ends when the listener is too slow, after LIFE, and when
        the node stops. Raises Unavailable.
        """
        queue: asyncio.Queue[_Batch | None] = asyncio.Queue(WAITING)
        place = await self._join(queue)
        metrics.STREAM_READERS.inc()
        try:
            missed = await self._missed(resume, place, incident)
            if missed is None:
                yield Signal("reload", place)
            else:
                for signal in await self._signals(missed, incident, without, who):
                    yield signal
            yield Signal("alive", place)
            async for signal in self._live(queue, place, incident, without, who):
                yield signal
        finally:
            metrics.STREAM_READERS.dec()
            self._listeners.discard(queue)

    async def _join(self, queue: asyncio.Queue[_Batch | None]) -> str:
        """Hear everything that comes after the returned snapshot."""
        if self._stopping:
            raise Unavailable("This node is stopping: connect again")
        async with self._starting:
            if self._reader is None or self._reader.done():
                async with self._ctx.db.reading() as tx:
                    self._seen = await store.snapshot(tx)
                self._listeners.add(queue)
                self._reader = asyncio.create_task(self._read(), name="stream")
            self._listeners.add(queue)
        return self._seen

    async def _live(
        self, queue: asyncio.Queue[_Batch | None], place: str, incident: int | None, without: Collection[str],
        who: Principal | None,
    ) -> AsyncIterator[Signal]:  # fmt: skip
        ends = asyncio.get_running_loop().time() + LIFE
        while asyncio.get_running_loop().time() < ends:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    batch = await queue.get()
            except TimeoutError:
                yield Signal("alive", place)
                continue
            if batch is None:
                return
            place = batch.after
            for signal in await self._signals(batch, incident, without, who):
                yield signal

    async def _signals(
        self, batch: _Batch, incident: int | None, without: Collection[str], who: Principal | None
    ) -> list[Signal]:
        """The entries of a batch that this listener wants and may see."""
        hidden: set[int] = set()
        if who is not None and batch.private:
            hidden = await privacy.hidden_from(self._ctx, who, batch.private)
        return _signals(batch, incident, without, hidden)

    async def _missed(self, resume: str | None, place: str, incident: int | None) -> _Batch | None:
        """What was committed between `resume` and `place`; None when that cannot be said, or is too much."""
        if not resume:
            return _Batch(place, place, [])
        async with self._ctx.db.reading() as tx:
            if _ENTRY.fullmatch(resume):
                rows = await store.after_id(tx, int(resume), place, incident, MOST + 1)
                before = ""
            else:
                at = parse_resume(resume)
                if at is None or not await _is_past(tx, at):
                    return None
                rows = await store.between(tx, at.seen, place, at.batch, at.id, incident, MOST + 1)
                before = at.seen
            return await _batch(tx, before, place, rows) if len(rows) <= MOST else None

    async def _read(self) -> None:
        while self._listeners:
            try:
                async with asyncio.timeout(POLL):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            try:
                await self._look()
            except Unavailable as error:
                log.warning("the stream waits for the database", error=str(error))
                await asyncio.sleep(POLL)

    async def _look(self) -> None:
        """Hand on what is new."""
        async with self._ctx.db.reading() as tx:
            news = await store.since(tx, self._seen, MOST)
            batch = await _batch(tx, self._seen, news.snapshot, news.rows) if news.complete and news.rows else None
        self._seen = news.snapshot
        if not news.complete:
            # Everybody catches up for himself, or loads anew.
            for queue in tuple(self._listeners):
                self._cut(queue)
        elif batch is not None:
            for queue in tuple(self._listeners):
                self._hand(queue, batch)

    def _hand(self, queue: asyncio.Queue[_Batch | None], batch: _Batch) -> None:
        try:
            queue.put_nowait(batch)
        except asyncio.QueueFull:
            self._cut(queue)

    def _cut(self, queue: asyncio.Queue[_Batch | None]) -> None:
        """End a listener's connection after what it has already been handed, as far as there is room to say so."""
        self._listeners.discard(queue)
        if queue.full():
            queue.get_nowait()
            while not queue.empty():
                queue.get_nowait()
        queue.put_nowait(None)


async def _is_past(tx: Any, at: Resume) -> bool:
    try:
        return await store.is_past(tx, at.seen) and (at.batch is None or await store.is_past(tx, at.batch))
    except asyncpg.DataError:
        return False


def _signals(batch: _Batch, incident: int | None, without: Collection[str], hidden: set[int]) -> list[Signal]:
    """The entries of a batch that a listener wants. All but the last name their place within the batch."""
    wanted = [
        (row, msgspec.json.encode(stream_view(privacy.veil(row, hidden))) if privacy.mentioned(row) & hidden else data)
        for row, data in batch.entries
        if (incident is None or row["incident_id"] == incident) and row["kind"] not in without and row["incident_id"] not in hidden
    ]  # fmt: skip
    last = len(wanted) - 1
    within = f"{batch.before}/{batch.after}/" if batch.before else ""
    return [
        Signal("entry", batch.after if n == last else f"{within}{row['id']}", data)
        for n, (row, data) in enumerate(wanted)
    ]
