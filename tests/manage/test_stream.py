"""The stream tells every entry once, in the face of slow transactions, lost connections and slow listeners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tocsin.core.errors import Unavailable
from tocsin.flow import closing, respond
from tocsin.manage import stream as module
from tocsin.manage.stream import Signal, Stream, parse_resume
from tocsin.store.database import Database

from ..story.world import World


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with World(db) as made:
        yield made


@pytest.fixture
async def stream(world: World) -> AsyncIterator[Stream]:
    made = Stream(world.ctx)
    yield made
    made.stop()


async def declared(world: World) -> int:
    """An incident with one entry or more, which pages nobody."""
    return int((await world.fire(f"key-{uuid4()}", "info")).incident or 0)


class Ear:
    """Listens until it is closed, and remembers."""

    def __init__(self, stream: Stream, resume: str | None = None, **more: Any) -> None:
        self.signals: list[Signal] = []
        self._alive = asyncio.Event()
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen(stream, resume, more))

    async def _listen(self, stream: Stream, resume: str | None, more: dict[str, Any]) -> None:
        async with aclosing(stream.listen(resume, **more)) as signals:
            async for signal in signals:
                self.signals.append(signal)
                self._news.set()
                if signal.kind == "alive":
                    self._alive.set()

    async def connected(self) -> Ear:
        async with asyncio.timeout(5):
            await self._alive.wait()
        return self

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(s.data) for s in self.signals if s.kind == "entry"]

    @property
    def ids(self) -> list[int]:
        return [entry["id"] for entry in self.entries]

    @property
    def last(self) -> str:
        return self.signals[-1].id

    async def heard(self, count: int) -> list[dict[str, Any]]:
        await self.until(lambda: len(self.entries) >= count)
        return self.entries

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not happened():
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def ended(self) -> None:
        async with asyncio.timeout(5):
            await self._task


async def entry_ids(world: World) -> list[int]:
    return [row["id"] for row in await world.rows("SELECT id FROM timeline ORDER BY id")]


async def test_a_listener_hears_what_is_committed_from_now_on(world: World, stream: Stream) -> None:
    number = await declared(world)
    ear = await Ear(stream).connected()
    await respond.note(world.ctx, number, "user:alice", "first")
    await respond.note(world.ctx, number, "user:bob", "second")
    told = await ear.heard(2)
    assert [(e["kind"], e["actor"], e["details"]) for e in told] == [
        ("note_added", "user:alice", "first"), ("note_added", "user:bob", "second"),
    ]  # fmt: skip
    assert set(told[0]) == {"id", "at", "kind", "actor", "details", "data", "incident", "number"}
    assert told[0]["number"] == number
    await ear.close()


async def test_it_is_told_at_once_when_woken(world: World, stream: Stream) -> None:
    number = await declared(world)
    ear = await Ear(stream).connected()
    await asyncio.sleep(0.05)  # the reader waits by now
    started = asyncio.get_running_loop().time()
    await respond.note(world.ctx, number, "user:alice", "x")
    await ear.heard(1)
    assert asyncio.get_running_loop().time() - started < module.POLL / 2
    await ear.close()


async def test_a_slow_transaction_with_a_lower_id_is_not_skipped(world: World, stream: Stream) -> None:
    one, two = await declared(world), await declared(world)
    ear = await Ear(stream).connected()
    slow = await world.db.connect()
    running = slow.transaction()
    await running.start()
    await slow.execute(
        "INSERT INTO timeline (incident_id, seq, at, kind, actor, details, hash) VALUES ($1, 99, now(), 'note_added', 'x', 'slow', '')",
        one,
    )
    await respond.note(world.ctx, two, "user:alice", "fast")
    assert [e["details"] for e in await ear.heard(1)] == ["fast"]  # nobody waits for the slow one
    between = ear.last
    await running.commit()
    await slow.close()
    world.ctx.wake.set("timeline")
    assert [e["details"] for e in await ear.heard(2)] == ["fast", "slow"]
    assert ear.ids[1] < ear.ids[0]
    later = await Ear(stream, between).connected()
    assert [e["details"] for e in await later.heard(1)] == ["slow"]
    await ear.close()
    await later.close()


async def test_who_comes_back_gets_exactly_what_was_missed(world: World, stream: Stream) -> None:
    number = await declared(world)
    ear = await Ear(stream).connected()
    await respond.note(world.ctx, number, "user:alice", "seen")
    await ear.heard(1)
    await ear.close()
    missed = [f"missed {n}" for n in range(5)]
    for text in missed:
        await respond.note(world.ctx, number, "user:alice", text)
    back = await Ear(stream, ear.last).connected()
    assert [e["details"] for e in await back.heard(5)] == missed
    await back.close()


async def test_every_id_within_a_batch_is_a_place_to_go_on_from(world: World, stream: Stream) -> None:
    number = await declared(world)
    start = (await Ear(stream).connected()).last
    for n in range(6):
        await respond.note(world.ctx, number, "user:alice", str(n))
    whole = await Ear(stream, start).connected()
    assert [e["details"] for e in await whole.heard(6)] == list("012345")
    for n, signal in enumerate(s for s in whole.signals if s.kind == "entry"):
        rest = await Ear(stream, signal.id).connected()
        assert [e["details"] for e in await rest.heard(5 - n)] == list("012345")[n + 1 :]
        await rest.close()
    await whole.close()


async def test_a_room_goes_on_from_the_last_entry_that_it_shows(world: World, stream: Stream) -> None:
    one, two = await declared(world), await declared(world)
    shown = (await entry_ids(world))[-1]
    await respond.note(world.ctx, one, "user:alice", "for one")
    await respond.note(world.ctx, two, "user:alice", "for two")
    await respond.note(world.ctx, two, "user:alice", "again for two")
    ear = await Ear(stream, str(shown), incident=two).connected()
    assert [e["details"] for e in await ear.heard(2)] == ["for two", "again for two"]
    first = next(s for s in ear.signals if s.kind == "entry")
    rest = await Ear(stream, first.id, incident=two).connected()
    assert [e["details"] for e in await rest.heard(1)] == ["again for two"]
    await respond.note(world.ctx, one, "user:alice", "for one")
    await respond.note(world.ctx, two, "user:alice", "live")
    assert [e["details"] for e in await ear.heard(3)] == ["for two", "again for two", "live"]
    await ear.close()
    await rest.close()


async def test_kinds_can_be_left_out(world: World, stream: Stream) -> None:
    ear = await Ear(stream, without={"note_added"}).connected()
    number = await declared(world)
    await respond.note(world.ctx, number, "user:alice", "secret")
    await closing.resolve(world.ctx, number, "user:alice")
    await ear.until(lambda: "resolved" in [e["kind"] for e in ear.entries])
    assert "note_added" not in [e["kind"] for e in ear.entries]
    await ear.close()


@pytest.mark.parametrize(
    "resume", ["nonsense", "1:2", "99999999999:99999999999:", "5:3:", "-1", "1" * 40, "3:9:3,3,3/", "𝟙"]
)
async def test_a_place_that_is_not_ours_means_load_anew(world: World, stream: Stream, resume: str) -> None:
    await declared(world)
    ear = await Ear(stream, resume).connected()
    assert ear.signals[0].kind == "reload"
    assert ear.entries == []
    assert parse_resume(ear.signals[0].id) is not None
    await ear.close()


async def test_who_missed_too_much_loads_anew(world: World, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await declared(world)
    place = (await Ear(stream).connected()).last
    monkeypatch.setattr(module, "MOST", 3)
    for n in range(4):
        await respond.note(world.ctx, number, "user:alice", str(n))
        await asyncio.sleep(0.02)
    ear = await Ear(stream, place).connected()
    assert [s.kind for s in ear.signals] == ["reload", "alive"]
    await ear.close()


async def test_a_listener_that_is_too_slow_is_cut_off_and_loses_nothing(
    world: World, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 2)
    number = await declared(world)
    quick = await Ear(stream).connected()
    slow = aiter(stream.listen())
    assert (place := await anext(slow)).kind == "alive"
    for n in range(6):
        await respond.note(world.ctx, number, "user:alice", str(n))
        await quick.heard(n + 1)  # one batch each
    got: list[Signal] = []
    async for signal in slow:
        got.append(signal)
        place = signal
    assert len(got) < 6
    back = await Ear(stream, place.id).connected()
    await back.heard(6 - len(got))
    assert [e["details"] for e in [*map(msgspec.json.decode, (s.data for s in got)), *back.entries]] == list("012345")
    assert [e["details"] for e in quick.entries] == list("012345")
    await quick.close()
    await back.close()


async def test_silence_is_broken_by_signs_of_life(
    world: World, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.02)
    ear = await Ear(stream).connected()
    await ear.until(lambda: len(ear.signals) >= 4)
    assert {s.kind for s in ear.signals} == {"alive"}
    await ear.close()


async def test_a_connection_ends_so_that_rights_are_asked_again(
    world: World, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIFE", 0.05)
    monkeypatch.setattr(module, "HEARTBEAT", 0.02)
    ear = await Ear(stream).connected()
    await ear.ended()


async def test_stopping_ends_every_connection(world: World) -> None:
    stream = Stream(world.ctx)
    ears = [await Ear(stream).connected() for _ in range(3)]
    world.ctx.wake.set("stopping")
    for ear in ears:
        await ear.ended()
    with pytest.raises(Unavailable):
        await anext(aiter(stream.listen()))


async def test_the_reader_works_only_while_somebody_listens(world: World, stream: Stream) -> None:
    ear = await Ear(stream).connected()
    reader = stream._reader
    assert reader is not None
    await ear.close()
    world.ctx.wake.set("timeline")
    async with asyncio.timeout(5):
        await reader
    number = await declared(world)
    again = await Ear(stream).connected()
    await respond.note(world.ctx, number, "user:alice", "x")
    assert [e["details"] for e in await again.heard(1)] == ["x"]
    await again.close()


async def test_many_writers_at_once_are_all_heard_by_everyone(world: World, stream: Stream) -> None:
    numbers = [await declared(world) for _ in range(4)]
    start = (await Ear(stream).connected()).last
    ears = [await Ear(stream).connected() for _ in range(3)]
    before = await entry_ids(world)
    await asyncio.gather(*(respond.note(world.ctx, numbers[n % 4], "user:alice", str(n)) for n in range(60)))
    wanted = sorted(set(await entry_ids(world)) - set(before))
    assert len(wanted) == 60
    for ear in ears:
        await ear.heard(60)
        assert sorted(ear.ids) == wanted
        for number in numbers:
            mine = [e["id"] for e in ear.entries if e["number"] == number]
            assert len(mine) == 15
        await ear.close()
    whole = await Ear(stream, start).connected()
    await whole.heard(60)
    assert sorted(whole.ids) == wanted
    await whole.close()
