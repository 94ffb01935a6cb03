"""Paths on which a page could be lost, or rung after nobody wants it any more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.core.severity import Severity
from tocsin.core.spelling import Duration
from tocsin.flow import closing, handover, respond, snooze, summon
from tocsin.flow.regrade import regrade
from tocsin.store.database import Database

from .test_clocks_two import LADDER, use
from .test_people import Night
from .test_severities import NIGHT, subscribed
from .world import World


@pytest.fixture
async def night(db: Database) -> AsyncIterator[Night]:
    async with Night(db) as made:
        yield made


async def test_who_is_asked_by_a_text_message_is_asked_also_after_somebody_else_answered(night: Night) -> None:
    """What people ask of others goes on after an acknowledgement, whatever the channel."""
    incident = (await night.fire("a", "critical")).incident
    await night.acknowledge(incident, "bob")
    await night.wait(seconds=70)
    before = len(night.texts)
    await summon.page(night.ctx, incident, "user:bob", user="alice", reason="the replica is behind")
    await night.wait(seconds=70)
    assert len(night.texts) == before + 1
    said = night.sms.to("+49301")[-1]
    assert "the replica is behind" in repr(said)
    page = await night.row("SELECT state FROM pages WHERE clock = 'person'")
    assert page["state"] == "delivered"


async def test_held_paging_stops_when_the_severity_falls_to_one_that_pages_nobody(db: Database) -> None:
    """Quiet paging is paging, too: what of a SEV3 at night is still to come does not come for a SEV4."""
    rules = {"low": [{"after": "0s", "method": "sms"}, {"after": "30m", "method": "sms"}]}
    async with Night(db, notification_rules=rules) as night:
        await night.sleep(hours=12)
        incident = (await night.fire("a", "warning")).incident
        await night.wait(minutes=2)
        assert len(night.texts) == 1
        await regrade(night.ctx, incident, "user:bob", Severity.SEV4)
        await night.wait(hours=2)
        assert len(night.texts) == 1
        row = await night.incident(incident)
        assert (row["urgency"], row["no_page_reason"]) == ("none", "severity_does_not_page")
        assert [r["state"] for r in await night.rows("SELECT state FROM escalations")] == ["stopped"]


async def test_what_began_without_pages_climbs_once_it_is_a_sev1(world: World) -> None:
    """Acknowledged as a SEV4, worse since, not restored: the second clock has a ladder to go up."""
    use(world)
    outcome = await world.fire(severity="info")
    await world.acknowledge(outcome.incident)
    await regrade(world.ctx, outcome.incident, "user:alice", Severity.SEV1)
    await world.wait(minutes=14, seconds=59)
    assert [world.phone(person).times for person in ("alice", "bob", "carol")] == [0, 0, 0]
    await world.wait(seconds=1)
    assert world.phone("carol").times == 1
    await world.wait(minutes=15)
    assert world.phone("dave").times == 1


async def test_after_a_ladder_ran_out_an_acknowledgement_that_lapses_begins_it_anew(world: World) -> None:
    """Whoever answered last may be asleep; then it is not their phone alone that rings."""
    use(world, {"sev2_high": {"acknowledge_timeout": "20m"}})
    outcome = await world.fire(severity="error")
    await world.wait(hours=2)
    assert (await world.incident())["alarm"] == "exhausted"
    await world.acknowledge(outcome.incident, "erin")
    before = world.phone("erin").times
    await world.wait(minutes=20)
    assert world.phone("erin").times == before + 1
    assert not world.phone("alice").times > 1
    await world.wait(minutes=5)
    assert world.phone("alice").times == 2


async def test_a_handover_is_over_when_an_acknowledgement_lapses(world: World) -> None:
    use(world, {"sev2_high": {"acknowledge_timeout": "10m"}})
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await handover.offer(world.ctx, outcome.incident, "user:alice", "bob", "my shift ends")
    await world.wait(minutes=10)
    row = await world.incident()
    assert row["cycle"] == 2
    assert row["handover"] is None, "nothing is offered whose time no timer knows"


async def test_ending_a_snooze_leaves_what_is_told_of_the_ladder(world: World) -> None:
    use(world)
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    before = await world.row("SELECT state, ended_at, ended_reason FROM escalations")
    await snooze.snooze(world.ctx, outcome.incident, "user:alice", Duration(3600))
    await world.wait(minutes=10)
    await snooze.cancel(world.ctx, outcome.incident, "user:alice")
    assert tuple(await world.row("SELECT state, ended_at, ended_reason FROM escalations")) == tuple(before)


async def test_a_reopened_incident_keeps_its_promises(db: Database) -> None:
    """It pages nobody, but whoever leads it is reminded of updates."""
    async with World(db, subscribed("alice")) as world:
        outcome = await world.fire(severity="critical")
        await world.acknowledge(outcome.incident)
        await closing.resolve(world.ctx, outcome.incident, "user:alice")
        await world.wait(minutes=3)
        await closing.reopen(world.ctx, outcome.incident, "user:alice")
        pages = len(await world.rows("SELECT id FROM pages"))
        await world.wait(hours=2)
        assert "update_due" in await world.kinds(outcome.incident)
        assert len(await world.rows("SELECT id FROM pages")) == pages


async def test_whoever_escalates_at_night_wants_it_loud(db: Database) -> None:
    """A SEV3 outside business hours is quiet by policy; a person who escalates it asks for more."""
    async with World(db, start=NIGHT) as world:
        outcome = await world.fire(severity="warning")
        await respond.escalate(world.ctx, outcome.incident, "user:erin", "customers call")
        await world.settle()
        page = await world.row("SELECT urgency FROM pages ORDER BY id DESC LIMIT 1")
        assert page["urgency"] == "high"
        await world.wait(minutes=16)
        assert world.phone("carol").rang(), "and it climbs on"


async def test_a_handover_from_nobody_that_lapses_pages_whoever_offered_it(world: World) -> None:
    """Whoever had it is gone: it does not fall silent."""
    use(world)
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await handover.offer(world.ctx, outcome.incident, "user:carol", "bob", "alice left")
    use(world, users=[one for one in LADDER["users"] if one["id"] != "alice"])
    await world.wait(minutes=15)
    assert world.phone("carol").rang()
