"""Drills: a marked incident pages for real, says what came of it, and ends by itself."""

from __future__ import annotations

import pytest

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.manage import drills, incidents
from tocsin.plugins.channels.base import DeliveryError

from .world import World


async def test_a_drill_pages_for_real_and_ends_when_somebody_answers(world: World) -> None:
    started = await drills.start(world.ctx, "user:erin", "api", "SEV1")
    await world.settle()
    assert started["state"] == "running"
    assert world.phone("alice").rang()
    message = world.phone("alice").last
    assert message.incident.title.startswith("Drill:")
    assert "Nothing is broken" in message.incident.description
    await world.wait(seconds=40)
    assert (await drills.get(world.ctx, started["id"]))["sentence"] == (
        "Alice was reached first, after 0 s; nobody has answered yet."
    )
    number = (await world.incident())["id"]
    assert started["name"] == f"INC-2026-{number:03d}"
    await world.acknowledge(number)
    await world.wait(seconds=5)
    over = await drills.get(world.ctx, started["id"])
    assert (over["state"], over["ended_because"], over["seconds_to_answer"]) == ("over", "answered", 40.0)
    assert over["sentence"] == "Alice was reached first, after 0 s; Alice answered after 40 s."
    assert over["reached"] == ["alice"]
    incident = await world.incident()
    assert (incident["status"], incident["drill"]) == ("resolved", True)
    await world.wait(hours=1)
    assert world.phone("bob").times == 0


async def test_a_drill_that_nobody_answers_climbs_and_ends_with_its_time(world: World) -> None:
    world.breaks("alice", DeliveryError("no such number", permanent=True))
    started = await drills.start(world.ctx, "user:erin", "api", "SEV2", "12m")
    await world.settle()
    await world.wait(minutes=13)
    over = await drills.get(world.ctx, started["id"])
    assert (over["state"], over["ended_because"]) == ("over", "time_over")
    assert over["unreached"] == ["alice"]
    assert "Bob was reached first" in over["sentence"]
    assert "Alice could not be reached." in over["sentence"]
    assert (await world.incident())["status"] == "resolved"
    assert (await world.rows("SELECT FROM timers WHERE kind = 'drill'")) == []


async def test_one_drill_of_a_service_at_a_time_and_a_person_may_stop_it(world: World) -> None:
    started = await drills.start(world.ctx, "user:erin", "api")
    with pytest.raises(Conflict, match="still running"):
        await drills.start(world.ctx, "user:erin", "api")
    assert len(await world.rows("SELECT FROM incidents")) == 1, "the second left nothing behind"
    stopped = await drills.stop(world.ctx, started["id"], "user:erin")
    assert (stopped["state"], stopped["ended_because"]) == ("over", "stopped")
    again = await drills.start(world.ctx, "user:erin", "api")
    assert [one["id"] for one in (await drills.list_drills(world.ctx))["items"]] == [again["id"], started["id"]]


async def test_a_drill_resolved_by_hand_is_over(world: World) -> None:
    started = await drills.start(world.ctx, "user:erin", "api")
    await world.settle()
    await incidents.get(world.ctx, 1)
    await world.rows("SELECT 1")
    from_ack = await world.acknowledge(1, "bob")
    assert from_ack.changed
    await world.wait(seconds=5)
    assert (await drills.get(world.ctx, started["id"]))["answered_by"] == "user:bob"


async def test_drills_are_marked_everywhere_and_what_cannot_be_one_is_refused(world: World) -> None:
    await drills.start(world.ctx, "user:erin", "api")
    await world.fire()
    listed = (await incidents.list_incidents(world.ctx))["items"]
    assert [one["drill"] for one in listed] == [False, True]
    for service, severity, lasts, said in (
        ("api", "SEV4", "15m", "pages nobody"), ("api", "SEV1", "1s", "between a minute"), ("api", "SEV1", "soon", "not a duration"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=said):
            await drills.start(world.ctx, "user:erin", service, severity, lasts)
    with pytest.raises(NotFound):
        await drills.start(world.ctx, "user:erin", "nope")
    with pytest.raises(NotFound):
        await drills.get(world.ctx, "2")
