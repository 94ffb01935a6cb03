"""Storms of incidents: what is told of them neither holds up a page nor floods anybody."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from tests.story.test_declaring import declare, organisation, steps_done, subscribe
from tests.story.test_rooms import ROOMS, Chat
from tests.story.world import World, directory

from tocsin.flow import closing, drafting, respond, responding, silence_alarm, updates
from tocsin.flow.silence_alarm import explain, keep_watch
from tocsin.store import incidents
from tocsin.store import rooms as room_store
from tocsin.store.database import Database


async def test_composing_first_words_holds_up_no_escalation(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(db, organisation()) as world:
        real, go_on = responding.compose, asyncio.Event()

        async def slow(*given: Any, **more: Any) -> Any:
            await go_on.wait()
            return await real(*given, **more)

        monkeypatch.setattr(responding, "compose", slow)
        ref = world.ctx.directory.integrations["k" * 32]
        events = [world.event(key=f"k{n}") for n in range(60)]
        await world.intake.accept(ref, events, world.clock.now())
        world.clock.advance(timedelta(minutes=10))
        async with asyncio.timeout(10):
            while await world.engine.turn():
                pass
        paged = await world.row("SELECT count(*) FROM pages WHERE user_id = 'bob'")
        assert paged[0] == 60, "the second rung was climbed while the first words were still being composed"
        go_on.set()
        await world.wait(minutes=1)
        assert await world.rows("SELECT FROM response_steps WHERE due_at IS NOT NULL") == []


async def test_a_storm_of_alerts_tells_stakeholders_of_the_first_only(db: Database) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        await world.send(*(world.event(key=f"k{n}") for n in range(60)))
        await world.wait(minutes=2)
        rows = await world.rows("SELECT step, state, count(*), min(detail) FROM response_steps GROUP BY 1, 2")
        found = {(row[0], row[1]): row[2] for row in rows}
        assert responding.MOST <= found["stakeholders", "sent"] <= responding.MOST + 2
        assert found["stakeholders", "sent"] + found["stakeholders", "skipped"] == 60
        assert any("tell of all of them in one update" in row[3] for row in rows)
        assert world.phone("carol").times <= responding.MOST + 2
        told = await world.row("SELECT count(*) FROM timeline WHERE kind = 'response_step'")
        assert told[0] == 180, "each says what became of its steps"
        number = await declare(world, severity="SEV1")
        assert (await steps_done(world, number))["stakeholders"] == "sent", "what a person declares is told"


async def test_much_news_for_one_person_is_one_message(db: Database) -> None:
    async with World(db, organisation()) as world:
        await keep_watch(world.ctx)
        await world.send(*(world.event(key=f"k{n}") for n in range(30)))
        numbers = [row[0] for row in await world.rows("SELECT id FROM incidents ORDER BY id")]
        for number in numbers:
            await respond.acknowledge(world.ctx, number, "user:alice")
        await world.settle()
        for phone in world.provider.phones.values():
            phone.messages.clear()
        await world.wait(minutes=16, seconds=5)
        for kind in ("no_commander", "manager_informed", "update_due", "silence_alarm"):
            told = await world.row("SELECT count(*) FROM timeline WHERE kind = $1", kind)
            assert told[0] == 30, f"each incident tells of {kind}"
        rang = [
            message.news.heading
            for message in world.phone("alice").messages
            if message.type == "update" and message.news
        ]
        assert "Nobody has taken command of 30 incidents: take it, or give it to somebody." in rang
        assert "Updates are due, or late, of 30 incidents." in rang
        assert any("The status page is green although 30" in said for said in rang)
        crowd = next(m.news for m in world.phone("alice").messages if m.news and "are due, or late" in m.news.heading)
        assert re.match(r"INC-2026-\d{3}, INC-2026-\d{3}, INC-2026-\d{3} and 27 others\.", crowd.text)
        assert world.phone("alice").times < 10
        assert world.phone("erin").times < 10
        assert await world.rows("SELECT FROM timeline WHERE kind = 'update_drafted'") == [], "nobody was promised any"


async def test_a_reason_that_came_first_is_not_overwritten_by_the_alarm(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(db, organisation()) as world:
        await keep_watch(world.ctx)
        number = (await world.fire()).incident or 0
        await world.acknowledge(number)
        real = incidents.lock

        async def late(tx: Any, ids: Any) -> Any:
            monkeypatch.setattr(incidents, "lock", real)
            await explain(world.ctx, number, "user:alice", "Only our own CI is down")
            return await real(tx, ids)

        await world.wait(minutes=14, seconds=59)
        monkeypatch.setattr(silence_alarm.incidents, "lock", late)
        world.clock.advance(timedelta(seconds=31))
        async with db.transaction() as tx:
            page = world.ctx.directory.status_page
            assert page is not None
            assert not await silence_alarm._ring(world.ctx, tx, page, [number], world.clock.now())
        assert (await world.incident(number))["silence"]["reason"] == "Only our own CI is down"


async def test_who_was_told_while_the_first_words_were_composed_is_told_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        real = responding.compose

        async def overtaken(ctx: Any, brief: Any, audience: Any, **more: Any) -> Any:
            made = await real(ctx, brief, audience, **more)
            if audience == "stakeholders":
                await updates.publish(world.ctx, brief.incident.id, "user:bob", "stakeholders", "We know of it.")
            return made

        monkeypatch.setattr(responding, "compose", overtaken)
        number = (await world.fire()).incident or 0
        assert (await steps_done(world, number))["stakeholders"] == "skipped"
        assert world.phone("carol").times == 1


async def test_two_who_tell_everybody_at_once_tell_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        number = (await world.fire()).incident or 0
        await closing.resolve(world.ctx, number, "user:alice")
        await world.settle()
        world.phone("carol").messages.clear()
        real, both = drafting.brief, asyncio.Barrier(2)

        async def together(*given: Any) -> Any:
            found = await real(*given)
            await both.wait()
            return found

        monkeypatch.setattr(drafting, "brief", together)
        who: list[Any] = ["stakeholders"]
        told = await asyncio.gather(*(drafting.announce(world.ctx, number, f"user:{u}", who) for u in ("alice", "bob")))
        assert sorted(len(one) for one in told) == [0, 1]
        await world.settle()
        assert world.phone("carol").times == 1


async def test_the_rooms_of_a_storm_are_begun_together(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(db, directory({"rooms": ROOMS})) as world:
        world.ctx.rooms = {"webhook": Chat()}
        real, calls = room_store.begin, []

        async def counted(*given: Any) -> None:
            calls.append(1)
            await real(*given)

        monkeypatch.setattr(room_store, "begin", counted)
        ref = world.ctx.directory.integrations["k" * 32]
        await world.intake.accept(ref, [world.event(key=f"k{n}") for n in range(40)], world.clock.now())
        await world.engine.turn()
        assert (await world.row("SELECT count(*) FROM incident_rooms"))[0] == 40 * len(ROOMS)
        assert len(calls) == 1
