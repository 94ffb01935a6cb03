"""Many people, many incidents at once: whatever a batch needs, it gets, and nobody waits behind somebody else's provider."""

from __future__ import annotations

import asyncio

from tocsin.core.severity import Severity
from tocsin.flow import respond

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
        await respond.declare(world.ctx, "user:p0", "Everything is down", "", Severity.SEV1, ["api"])
    assert (await world.row("SELECT count(*) FROM pages"))[0] == 1100
