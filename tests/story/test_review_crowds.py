"""Many people, many incidents at once: whatever a batch needs, it gets, and nobody waits behind somebody else's provider."""

from __future__ import annotations

import asyncio

import pytest

from tocsin.core.errors import Unavailable
from tocsin.core.severity import Severity
from tocsin.flow import declaring, intake
from tocsin.flow.opening import Opening

from .world import World, directory


def crowd(size: int) -> dict[str, object]:
    """A policy that pages a whole team of `size` people at once."""
    names = [f"p{n}" for n in range(size)]
    users = [{"id": n, "contact_methods": [{"id": "phone", "type": "phone", "number": n}]} for n in names]
    return {
        "users": users,
        "teams": [{"id": "payments", "members": names}],
        "schedules": [],
        "escalation_policies": [
            {"id": "payments", "steps": [{"targets": [{"user": "p0"}]}, {"after": "10m", "targets": [{"team": "payments"}]}]},
            {"id": "all", "steps": [{"targets": [{"team": "payments"}]}]},
        ],
        "services": [
            {"id": "api", "escalation_policy": "all", "integrations": [{"id": "e", "type": "pagerduty", "key": "k" * 32}]},
            {"id": "calm", "escalation_policy": "payments", "integrations": [{"id": "e", "type": "pagerduty", "key": "c" * 32}]},
        ],
    }  # fmt: skip


async def test_a_batch_may_page_a_crowd_for_each_of_its_incidents(world: World) -> None:
    world.ctx.directory = directory(crowd(60))
    async with asyncio.timeout(60):
        await world.send(*(world.event(key=f"k{n}") for n in range(50)))
    assert (await world.row("SELECT count(*) FROM incidents"))[0] == 50
    assert (await world.row("SELECT count(*) FROM pages"))[0] == 3000


async def test_a_rung_may_page_more_people_than_anybody_thought_of(world: World) -> None:
    world.ctx.directory = directory(crowd(1100))
    async with asyncio.timeout(60):
        await world.fire(service="calm")
        await world.wait(minutes=10)
    assert (await world.row("SELECT count(*) FROM pages WHERE step = 2"))[0] == 1100


async def test_a_person_declares_an_incident_that_pages_more_people_than_anybody_thought_of(world: World) -> None:
    world.ctx.directory = directory(crowd(1100))
    async with asyncio.timeout(60):
        await declaring.declare(world.ctx, "user:p0", "Everything is down", "", Severity.SEV1, ["api"])
    assert (await world.row("SELECT count(*) FROM pages"))[0] == 1100


async def test_a_batch_too_large_for_the_database_gets_through_in_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sizes = intake.triage, []

    async def triage(ctx, tx, items, *rest):  # type: ignore[no-untyped-def]
        sizes.append(len(items))
        if len(items) > 150:
            raise Unavailable("not within its time")
        return await real(ctx, tx, items, *rest)

    monkeypatch.setattr(intake, "triage", triage)
    ref = world.ctx.directory.integrations["k" * 32]
    events = [world.event(key=f"k{n}") for n in range(500)]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await world.intake.accept(ref, events, world.clock.now())
    assert len(await world.intake.accept(ref, events, world.clock.now())) == 500, "asked again, it goes in parts"
    assert (await world.row("SELECT count(*), count(DISTINCT incident_id) FROM alerts")) == (500, 500)
    for _ in range(10):
        await world.intake.accept(ref, events[:1], world.clock.now())
    monkeypatch.setattr(intake, "triage", triage)
    sizes.clear()
    with pytest.raises(Unavailable):
        await world.intake.accept(ref, events, world.clock.now())
    assert sizes == [500], "what goes well again goes at once again"


async def test_a_bad_neighbour_in_the_batch_does_not_swallow_a_rise_of_severity(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.fire(severity="warning")
    real, calls = Opening.commit, 0

    async def commit(self: Opening, tx: object) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("something in this batch cannot be written")
        return await real(self, tx)

    monkeypatch.setattr(Opening, "commit", commit)
    ref = world.ctx.directory.integrations["k" * 32]
    now = world.clock.now()
    await asyncio.gather(
        world.intake.accept(ref, [world.event(severity="critical")], now),
        world.intake.accept(ref, [world.event(key="other")], now),
    )
    assert calls > 1
    assert (await world.incident(first.incident))["severity"] == 1
