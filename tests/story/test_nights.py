"""What time does: alerts end, silences end, nodes sleep and wake, several nodes share the work."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from tocsin.core.alert import Reason
from tocsin.core.mute import Matcher, Mute
from tocsin.flow import closing, tick
from tocsin.store import mutes, timers
from tocsin.store.database import Database

from .world import World, directory


async def silence(world: World, service: str | None = "api", **length: float) -> int:
    now = world.clock.now()
    async with world.db.transaction() as tx:
        return await mutes.add(
            tx,
            Mute(
                public_id=str(uuid4()), service=service, matchers=(Matcher("cluster", "eu"),), starts_at=now,
                ends_at=now + timedelta(**length), created_by="bob", comment="maintenance", created_at=now, updated_at=now,
            ),
        )  # fmt: skip


async def test_an_alert_that_is_not_sent_again_ends_by_itself(world: World) -> None:
    end = world.clock.now() + timedelta(minutes=4)
    outcome = await world.fire(ends_at=end)
    await world.wait(minutes=2)
    await world.fire(ends_at=world.clock.now() + timedelta(minutes=4))
    await world.wait(minutes=3, seconds=59)
    assert (await world.incident(outcome.incident))["status"] == "detected"
    await world.wait(seconds=2)
    assert (await world.incident(outcome.incident))["status"] == "resolved"
    assert (await world.row("SELECT resolved_by FROM alerts"))[0] == "expiry"


async def test_a_silence_mutes_and_says_so_and_lets_go_when_it_ends(world: World) -> None:
    await silence(world, hours=1)
    outcome = await world.fire(labels={"cluster": "eu"})
    assert (outcome.reason, outcome.incident) == (Reason.MUTED, None)
    assert (await world.fire("other", labels={"cluster": "us"})).reason is Reason.OPENED
    assert world.phone("alice").times == 1
    await world.wait(minutes=59)
    assert (await world.fire(labels={"cluster": "eu"})).reason is Reason.REPEATED
    assert world.phone("alice").times == 1
    await world.wait(minutes=1)
    assert world.phone("alice").times == 2, "still firing when the silence ended"
    alert = await world.row("SELECT reason, incident_id FROM alerts WHERE dedup_key = 'disk'")
    assert alert["reason"] == "unmuted"
    assert (await world.incident(alert["incident_id"]))["alerts_count"] == 1


async def test_a_muted_alert_that_resolved_never_pages(world: World) -> None:
    await silence(world, minutes=10)
    await world.fire(labels={"cluster": "eu"})
    assert (await world.ends()).reason is Reason.RESOLVED
    await world.wait(hours=1)
    assert not world.phone("alice").rang()


async def test_a_silence_of_one_service_does_not_mute_another(world: World) -> None:
    await silence(world, hours=1)
    assert (await world.fire(service="grouped", labels={"cluster": "eu"})).reason is Reason.OPENED


async def test_a_long_sleep_is_caught_up_in_order(world: World) -> None:
    outcome = await world.fire()
    await world.sleep(minutes=12)
    await world.settle()
    assert world.phone("bob").rang()
    assert not world.phone("carol").rang(), "that rung was not due yet"
    await world.sleep(hours=3)
    await world.settle()
    assert world.phone("carol").rang()
    assert (await world.incident())["alarm"] == "exhausted"
    paged = [r[0] for r in await world.rows("SELECT user_id FROM pages ORDER BY created_at, round, step")]
    assert paged == ["alice", "bob", "carol", "erin"]
    assert outcome.incident


async def test_old_notifications_travel_together_where_the_channel_can(db: Database) -> None:
    users = [{"id": "alice", "contact_methods": [{"id": "p", "type": "pager", "number": "alice"},
                                                  {"id": "hook", "type": "phone", "number": "alice"}],
              "notification_rules": {"high": [{"after": "1m", "method": "p"}, {"after": "1m", "method": "hook"}]}}]  # fmt: skip
    teams: list[object] = []
    policies = [{"id": "payments", "steps": [{"targets": [{"user": "alice"}]}]}]
    async with World(db, directory({"users": users, "teams": teams, "escalation_policies": policies})) as world:
        for key in "abcde":
            await world.fire(key)
        await world.sleep(minutes=11, seconds=30)
        await world.settle()
        assert world.pager("alice").times == 1
        assert len(world.pager("alice").last.bundled) == 4
        assert world.phone("alice").times == 5, "a webhook-like channel gets each on its own"
        states = {r[0] for r in await world.rows("SELECT state FROM notifications")}
        assert states == {"delivered"}


async def test_what_a_dead_node_held_is_taken_over_after_its_lease(db: Database) -> None:
    async with World(db) as dead:
        dead.provider.slow["alice"], dead.provider.timeout = 600, 600
        ref = dead.ctx.directory.integrations["k" * 32]
        await dead.intake.accept(ref, [dead.event()], dead.clock.now())
        while not dead.provider.keys:
            await asyncio.sleep(0.01)
        async with World(db) as living:
            await living.settle()
            assert not living.phone("alice").rang(), "the lease has not run out"
            living.clock.advance(timedelta(seconds=11))
            await living.settle()
            assert living.phone("alice").rang()
            assert living.provider.keys == dead.provider.keys, "repeated with the same key"
        for task in dead.engine.deliveries._sends:
            task.cancel()


async def test_two_nodes_never_take_the_same_step_twice(db: Database) -> None:
    async with World(db) as one, World(db) as two:
        for key in range(40):
            await one.fire(f"k{key}")
        for world in (one, two):
            world.clock.advance(timedelta(minutes=10))
        while (await asyncio.gather(one.engine.turn(), two.engine.turn())) != [0, 0]:
            await asyncio.gather(one._delivered(), two._delivered())
        assert one.phone("bob").times + two.phone("bob").times == 40
        pages = await one.row("SELECT count(*), count(DISTINCT incident_id) FROM pages WHERE user_id = 'bob'")
        assert tuple(pages) == (40, 40)


async def test_two_nodes_open_one_incident_for_one_group(db: Database) -> None:
    async with World(db) as one, World(db) as two:
        ref = one.ctx.directory.integrations["g" * 32]
        both = [
            world.intake.accept(ref, [world.event(key=f"{name}{n}")], world.clock.now())
            for n in range(50)
            for name, world in (("one", one), ("two", two))
        ]
        await asyncio.gather(*both)
        assert (await one.row("SELECT count(*) FROM incidents"))[0] == 1
        assert (await one.row("SELECT count(*), count(DISTINCT incident_id) FROM alerts")) == (100, 1)
        await one.wait(seconds=3)
        assert (await one.incident())["alerts_count"] == 100


async def test_two_nodes_open_one_alert_for_one_key(db: Database) -> None:
    async with World(db) as one, World(db) as two:
        ref = one.ctx.directory.integrations["k" * 32]
        await asyncio.gather(
            *(w.intake.accept(ref, [w.event(key=f"k{n}")], w.clock.now()) for n in range(30) for w in (one, two))
        )
        row = await one.row("SELECT count(*), sum(count) FROM alerts")
        assert (row[0], int(row[1])) == (30, 60)
        assert (await one.row("SELECT count(*) FROM incidents"))[0] == 30


async def test_a_relapse_during_the_watch_is_the_same_incident_paged_again(world: World) -> None:
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await closing.resolve(world.ctx, outcome.incident, "user:alice")
    await closing.reopen(world.ctx, outcome.incident, "user:alice")
    assert (await world.fire("other", service="grouped")).incident != outcome.incident
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE incidents SET moved_by_person = true WHERE service = 'grouped'")
    led = (await world.row("SELECT id FROM incidents WHERE service = 'grouped'"))[0]
    await world.acknowledge(led)
    await world.ends("other", "grouped")
    assert (await world.incident(led))["status"] == "monitoring"
    before = world.phone("alice").times
    back = await world.fire("other", service="grouped")
    assert (back.reason, back.incident) == (Reason.RELAPSED, led)
    assert world.phone("alice").times == before + 1
    assert (await world.incident(led))["status"] == "investigating"
    await world.ends("other", "grouped")
    await world.wait(minutes=30)
    assert (await world.incident(led))["status"] == "resolved"


async def test_one_broken_timer_does_not_hold_up_its_neighbours(world: World, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    real = tick.HANDLERS["escalate"]
    first = await world.fire("one")
    await world.fire("two")

    async def breaks(ctx, due):  # type: ignore[no-untyped-def]
        if any(t.incident_id == first.incident for t in due):
            raise RuntimeError("a bug")
        return await real(ctx, due)

    monkeypatch.setitem(tick.HANDLERS, "escalate", breaks)
    await world.wait(minutes=10)
    assert world.phone("bob").times == 1
    monkeypatch.setitem(tick.HANDLERS, "escalate", real)
    await world.wait(minutes=2)
    assert world.phone("bob").times == 2


async def test_a_stopped_node_gives_back_what_it_held(db: Database) -> None:
    async with World(db) as world:
        async with db.transaction() as tx:
            await timers.set_timer(tx, "tally", 1, 1, world.clock.now())
            held = await timers.claim(tx, world.ctx.node, world.clock.now(), timedelta(seconds=10), 10)
        assert len(held) == 1
    async with db.reading() as tx:
        assert await timers.next_due(tx) == world.clock.now()
