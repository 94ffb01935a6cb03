"""Nothing that goes wrong once ends a loop for good."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tocsin.flow import respond
from tocsin.flow.tick import Engine
from tocsin.store.database import Database

from .world import World, directory


async def until(true) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.02)


async def test_an_engine_listens_again_after_any_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = world.db.connect, 0

    async def connect(*args, **named):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("the password was being changed")
        return await real(*args, **named)

    monkeypatch.setattr(world.db, "connect", connect)
    engine = Engine(replace(world.ctx))
    await engine.start()
    try:
        await until(lambda: calls > 1)
        await until(lambda: engine.running)
    finally:
        await engine.stop()


async def test_an_engine_takes_the_configuration_after_any_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(replace(world.ctx))
    await engine.start()
    try:
        real, calls = engine.refresh, 0

        async def refresh() -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise RuntimeError("a bug")
            await real()

        monkeypatch.setattr(engine, "refresh", refresh)
        for expected in (1, 2):
            engine._ctx.wake.set("configuration")
            await until(lambda expected=expected: calls >= expected)
            await asyncio.sleep(0.05)
        assert engine.running
    finally:
        await engine.stop()


async def test_a_channel_that_cannot_name_its_provider_harms_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lane(settings: dict[str, str]) -> str:
        if settings["number"] == "alice":
            raise KeyError("a bug in a plug-in")
        return settings["number"]

    monkeypatch.setattr(world.provider, "lane", lane)
    policy = {"id": "payments", "steps": [{"targets": [{"user": "alice"}, {"user": "bob"}]}]}
    world.ctx.directory = directory({"escalation_policies": [policy]})
    await world.fire()
    assert world.phone("bob").rang()
    assert world.phone("alice").rang(), "only its place is unknown"


async def test_a_node_whose_deliveries_ended_is_not_ready(db: Database) -> None:
    async with World(db) as world:
        engine = Engine(replace(world.ctx))
        await engine.start()
        await until(lambda: engine.running)
        engine.deliveries._tasks[1].cancel()
        await asyncio.sleep(0.05)
        assert not engine.running
        await engine.stop()


async def test_slow_readers_keep_no_page_waiting(world: World) -> None:
    outcome = await world.fire()

    async def looks() -> None:
        async with world.db.reading() as tx:
            await tx.fetchval("SELECT 1 FROM pg_sleep(3)")

    readers = [asyncio.create_task(looks()) for _ in range(30)]
    await asyncio.sleep(0.2)
    world.clock.advance(timedelta(minutes=10))
    async with asyncio.timeout(2):
        while not world.phone("bob").times:
            await world.engine.turn()
            await asyncio.sleep(0.02)
        await respond.acknowledge(world.ctx, outcome.incident, "user:bob")
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
