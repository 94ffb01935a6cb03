"""Two things at the very same moment. Each of these interleavings is forced, because it would take years to meet by chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.story.world import World

from tocsin.core.alert import Reason
from tocsin.core.mute import Matcher, Mute
from tocsin.flow import closing, release, respond, settling
from tocsin.flow import triage as triage_module
from tocsin.flow.opening import Opening
from tocsin.store import endings, mutes, stopping, timers
from tocsin.store.database import Database

Patch = Callable[[Any, str, Any], None]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with World(db) as made:
        yield made


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Patch:
    return monkeypatch.setattr


async def silence(world: World, **length: float) -> Mute:
    now = world.clock.now()
    mute = Mute(
        public_id=str(uuid4()), service="api", matchers=(Matcher("cluster", "eu"),), starts_at=now,
        ends_at=now + timedelta(**length), created_by="bob", comment="work", created_at=now, updated_at=now,
    )  # fmt: skip
    async with world.db.transaction() as tx:
        await mutes.add(tx, mute)
    return mute


def meeting(patch: Patch, one: tuple[Any, str, bool], other: tuple[Any, str, bool]) -> None:
    """Neither of two functions (module, name, whether it is held before or after its work) goes on until the other got there.

    When the other cannot come, because a lock makes it wait for us, we go on after a moment.
    """
    here = [asyncio.Event(), asyncio.Event()]

    def held(position: int, module: Any, name: str, after: bool) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(module, name)

        async def meet() -> None:
            here[position].set()
            try:
                await asyncio.wait_for(here[1 - position].wait(), 0.5)
            except TimeoutError:
                return

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            if not after:
                await meet()
            result = await real(*args, **kwargs)
            if after:
                await meet()
            return result

        patch(module, name, wrapper)

    held(0, *one)
    held(1, *other)


async def test_an_alert_that_comes_while_its_silence_ends_is_not_muted_for_ever(world: World, patch: Patch) -> None:
    mute = await silence(world, hours=1)
    world.clock.advance(timedelta(minutes=59, seconds=59))
    real = mutes.standing
    ended = False

    async def while_it_ends(tx: Any, now: Any) -> list[Mute]:
        nonlocal ended
        found: list[Mute] = await real(tx, now)
        if not ended:
            ended = True
            world.clock.advance(mute.ends_at - world.clock.now())
            await world.engine.turn()
        return found

    patch(mutes, "standing", while_it_ends)
    await world.fire(labels={"cluster": "eu"})
    await world.wait(minutes=1)
    assert world.phone("alice").times == 1


async def test_an_alert_that_is_committed_after_its_silence_ended_is_let_go(world: World, patch: Patch) -> None:
    """The end of the silence waits for alerts that are being muted by it."""
    mute = await silence(world, hours=1)
    world.clock.advance(timedelta(minutes=59, seconds=59))
    real = Opening.write
    turning: asyncio.Task[int] | None = None

    async def slowly(self: Any, tx: Any) -> None:
        nonlocal turning
        await real(self, tx)
        if turning is None:
            world.clock.advance(mute.ends_at - world.clock.now())
            turning = asyncio.create_task(world.engine.turn())
            await asyncio.sleep(0.3)

    patch(Opening, "write", slowly)
    await world.fire(labels={"cluster": "eu"})
    assert turning is not None
    await turning
    await world.wait(minutes=1)
    assert world.phone("alice").times == 1


async def test_a_clock_that_steps_back_between_claim_and_work_loses_no_end_of_a_silence(world: World) -> None:
    await silence(world, hours=1)
    await world.fire(labels={"cluster": "eu"})
    world.clock.advance(timedelta(hours=1))
    async with world.db.transaction() as tx:
        due = await timers.claim(tx, world.ctx.node, world.clock.now(), timedelta(seconds=10), 10)
    world.clock.advance(timedelta(milliseconds=-2))  # it followed the database's time just now
    await release.unmute(world.ctx, due)
    await world.wait(seconds=1)
    assert world.phone("alice").times == 1


async def test_a_person_and_the_source_resolve_at_the_same_moment(world: World, patch: Patch) -> None:
    numbers = [(await world.fire(f"k{n}")).incident for n in range(3)]
    meeting(patch, (endings, "end_alerts", True), (endings, "close_alerts_of", False))
    ends = [world.event("resolve", f"k{n}") for n in range(3)]
    outcomes, result = await asyncio.gather(
        world.send(*ends), closing.resolve(world.ctx, numbers[1] or 0, "user:alice")
    )
    assert result.number == numbers[1]
    assert {outcome.reason for outcome in outcomes} <= {Reason.RESOLVED, Reason.NOTHING_OPEN}
    assert {row[0] for row in await world.rows("SELECT status FROM incidents")} == {"resolved"}


async def test_a_person_resolves_while_the_alert_expires(world: World, patch: Patch) -> None:
    outcome = await world.fire(ends_at=world.clock.now() + timedelta(minutes=5))
    meeting(patch, (endings, "expire_alerts", True), (endings, "close_alerts_of", False))
    world.clock.advance(timedelta(minutes=5))
    await asyncio.gather(world.engine.turn(), closing.resolve(world.ctx, outcome.incident or 0, "user:alice"))
    await world.settle()
    assert (await world.incident())["status"] == "resolved"
    assert await world.rows("SELECT * FROM timers WHERE error <> ''") == []


async def test_a_person_and_the_source_acknowledge_at_the_same_moment(world: World, patch: Patch) -> None:
    outcome = await world.fire()
    meeting(patch, (endings, "acknowledge_alerts", True), (stopping, "stop_response", False))
    sent, result = await asyncio.gather(
        world.send(world.event("acknowledge")), respond.acknowledge(world.ctx, outcome.incident or 0, "user:alice")
    )
    assert sent[0].reason is Reason.ACKNOWLEDGED
    assert result.number == outcome.incident
    assert (await world.kinds(outcome.incident or 0)).count("acknowledged") == 1


async def test_sources_that_end_the_same_alerts_in_another_order_both_hear_yes(db: Database) -> None:
    async with World(db) as one, World(db) as two:
        keys = [f"k{n}" for n in range(200)]
        await one.send(*(one.event(key=key) for key in keys))
        ref = one.ctx.directory.integrations["k" * 32]
        for _ in range(3):
            forth = [one.event("resolve", key) for key in keys]
            back = [one.event("trigger", key) for key in reversed(keys)]
            again = [one.event("resolve", key) for key in reversed(keys)]
            now = one.clock.now()
            await asyncio.gather(
                one.intake.accept(ref, forth, now),
                two.intake.accept(ref, back, now),
                two.intake.accept(ref, again, now),
            )
        assert (await one.row("SELECT count(*) FROM alerts WHERE resolved_at IS NULL"))[0] == 0


async def test_a_new_alert_during_the_stability_watch_of_its_group_pages(world: World) -> None:
    """Not the alert that was restored, but another one of the same group: nobody was told of it yet."""
    first = await world.fire("one", service="grouped", labels={"cluster": "eu"})
    number = first.incident or 0
    await closing.resolve(world.ctx, number, "user:alice")
    await closing.reopen(world.ctx, number, "user:alice")
    await world.fire("two", service="grouped", labels={"cluster": "eu"})
    await world.ends("two", service="grouped")
    assert (await world.incident(number))["status"] == "monitoring"
    before = world.phone("alice").times
    outcome = await world.fire("three", service="grouped", labels={"cluster": "eu"})
    assert world.phone("alice").times == before + 1
    assert (outcome.reason, outcome.incident) == (Reason.RELAPSED, number)
    await world.wait(hours=1)
    assert (await world.incident(number))["status"] == "investigating", "it still fires"


async def test_an_alert_that_joins_while_its_incident_is_restored_brings_it_back(world: World, patch: Patch) -> None:
    """It looked open; when the alert is written its stability watch has begun."""
    number = (await world.fire("one", service="grouped", labels={"cluster": "eu"})).incident or 0
    await world.acknowledge(number)
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE incidents SET moved_by_person = true, status = 'investigating'")
    real = Opening.commit
    restored = False

    async def after_the_end(self: Any, tx: Any) -> bool:
        nonlocal restored
        if not restored:
            restored = True
            async with world.db.transaction() as other:
                ended = await endings.end_alerts(other, [("grouped", "one")], world.clock.now())
                await settling.alerts_ended(world.ctx, other, list(ended.values()), world.clock.now(), "ended")
            assert (await world.incident(number))["status"] == "monitoring"
        return await real(self, tx)

    patch(Opening, "commit", after_the_end)
    before = world.phone("alice").times
    outcome = await world.fire("two", service="grouped", labels={"cluster": "eu"})
    assert (outcome.reason, outcome.incident) == (Reason.RELAPSED, number)
    assert world.phone("alice").times == before + 1


async def test_what_one_wave_of_a_batch_committed_goes_out_although_a_later_one_fails(
    world: World, patch: Patch
) -> None:
    real = settling.resolve_by_source
    broken = True

    async def breaks(*args: Any) -> None:
        nonlocal broken
        if broken:
            broken = False
            raise RuntimeError("a bug")
        await real(*args)

    patch(triage_module, "resolve_by_source", breaks)
    ref = world.ctx.directory.integrations["k" * 32]
    events = [world.event(), world.event(key="other"), world.event("resolve", "other"), world.event(key="other")]
    requests = [world.intake.accept(ref, [event], world.clock.now()) for event in events]
    await asyncio.gather(*requests)
    await world._delivered()
    assert world.phone("alice").times == 3, "without waiting for a lease to run out"
    assert (await world.row("SELECT count(*), max(count) FROM alerts")) == (3, 1), "and nothing was done twice"


async def test_the_end_of_a_great_storm_takes_few_questions(world: World) -> None:
    """When everything recovers at once: each question costs a round trip, and a batch has ten seconds."""
    keys = [f"k{n}" for n in range(300)]
    await world.send(*(world.event(key=key) for key in keys))
    questions: list[str] = []
    world.intake._connection.add_query_logger(lambda asked: questions.append(asked.query))
    outcomes = await world.send(*(world.event("resolve", key) for key in keys))
    assert {outcome.reason for outcome in outcomes} == {Reason.RESOLVED}
    assert (await world.row("SELECT count(*) FROM incidents WHERE status <> 'resolved'"))[0] == 0
    assert (await world.row("SELECT count(*) FROM timers"))[0] == 0
    assert len(questions) < 30, questions
