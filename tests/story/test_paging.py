"""An alert comes in, the right human is woken, and somebody answers."""

from __future__ import annotations

import asyncio

import pytest

from tocsin.core.alert import Reason
from tocsin.core.errors import Conflict
from tocsin.flow import closing, respond
from tocsin.plugins.channels.base import DeliveryError

from .world import World


async def test_an_alert_rings_who_is_on_call_and_climbs_until_someone_answers(world: World) -> None:
    outcome = await world.fire()
    assert outcome.reason is Reason.OPENED
    assert world.phone("alice").rang()
    assert world.phone("alice").last.reason == "You are on call (primary)."
    assert not world.phone("bob").rang()
    await world.wait(minutes=9, seconds=59)
    assert not world.phone("bob").rang()
    await world.wait(seconds=1)
    assert world.phone("bob").rang()
    await world.wait(minutes=5)
    assert world.phone("carol").rang()
    assert world.phone("alice").times == 1
    incident = await world.incident()
    assert (incident["assignee"], incident["status"]) == ("alice", "detected")


async def test_acknowledging_stops_the_climb(world: World) -> None:
    outcome = await world.fire()
    await world.wait(minutes=3)
    result = await world.acknowledge(outcome.incident, "alice")
    assert result.changed
    await world.wait(hours=2)
    assert not world.phone("bob").rang()
    told = await world.kinds(outcome.incident)
    assert told[:5] == ["incident_created", "response_triggered", "paged", "notified", "acknowledged"]
    others = {"manager_informed", "update_drafted", "update_due", "target_missed", "no_commander"}
    assert set(told[5:]) == others, "the severity's other clocks go on"
    page = await world.row("SELECT * FROM pages")
    assert page["state"] == "acknowledged"
    assert await world.rows("SELECT FROM timers WHERE kind <> 'clock'") == []


async def test_two_people_acknowledge_at_once_and_one_wins(world: World) -> None:
    outcome = await world.fire()
    results = await asyncio.gather(
        *(respond.acknowledge(world.ctx, outcome.incident, f"user:{who}") for who in ("alice", "bob", "carol"))
    )
    assert sorted(r.changed for r in results) == [False, False, True]
    winner = (await world.incident())["acknowledged_by"].removeprefix("user:").title()
    assert all(winner in r.sentence for r in results if not r.changed)


async def test_a_repeat_is_counted_and_pages_nobody(world: World) -> None:
    await world.fire()
    again = await world.fire()
    assert again.reason is Reason.REPEATED
    assert world.phone("alice").times == 1
    assert (await world.row("SELECT count FROM alerts"))[0] == 2
    assert (await world.kinds(again.incident))[-1] == "notified"


async def test_the_source_resolves_and_a_trigger_after_that_is_a_new_incident(world: World) -> None:
    first = await world.fire()
    ended = await world.ends()
    assert ended.reason is Reason.RESOLVED
    assert (await world.incident(first.incident))["status"] == "resolved"
    await world.wait(hours=1)
    assert not world.phone("bob").rang()
    second = await world.fire()
    assert second.incident != first.incident
    assert world.phone("alice").times == 2


async def test_the_last_alert_of_several_resolves_the_incident(world: World) -> None:
    await world.send(*(world.event(key=k, labels={"cluster": "eu"}) for k in "abc"), service="grouped")
    incident = await world.incident()
    assert (incident["alerts_count"], incident["group_key"]) == (3, "eu")
    assert world.phone("alice").times == 1
    await world.ends("a", "grouped")
    await world.ends("b", "grouped")
    assert (await world.incident())["status"] == "detected"
    await world.ends("c", "grouped")
    assert (await world.incident())["status"] == "resolved"


async def test_an_exhausted_policy_raises_the_alarm_and_pages_the_manager_once(world: World) -> None:
    outcome = await world.fire()
    await world.wait(minutes=19, seconds=59)
    assert (await world.incident())["alarm"] is None
    await world.wait(seconds=1)
    assert (await world.incident())["alarm"] == "exhausted"
    assert world.phone("erin").rang()
    await world.wait(hours=5)
    assert world.phone("erin").times == 1
    assert (await world.kinds(outcome.incident)).count("exhausted") == 1
    told = await world.rows("SELECT details FROM timeline WHERE kind = 'paged' ORDER BY id DESC LIMIT 1")
    assert told[0][0] == "Erin (the team's manager)", "nobody named this very person"
    await world.acknowledge(outcome.incident, "erin")
    assert (await world.incident())["alarm"] is None


async def test_a_permanent_failure_makes_the_next_rung_come_forward_and_later_ones_keep_their_times(
    world: World,
) -> None:
    world.breaks("alice", DeliveryError("no such number", permanent=True))
    outcome = await world.fire()
    assert world.phone("bob").rang()
    assert not world.phone("carol").rang()
    incident = await world.incident()
    assert incident["alarm"] == "undelivered"
    kinds = await world.kinds(outcome.incident)
    assert kinds.index("page_undelivered") < kinds.index("paged", kinds.index("page_undelivered"))
    await world.wait(minutes=14, seconds=59)
    assert not world.phone("carol").rang()
    await world.wait(seconds=1)
    assert world.phone("carol").rang()
    assert world.phone("bob").times == 1


async def test_a_passing_failure_is_tried_again_with_the_same_key(world: World) -> None:
    busy = DeliveryError("HTTP 503", permanent=False)
    world.breaks("alice", busy, busy, None)
    outcome = await world.fire()
    assert not world.phone("alice").rang()
    await world.wait(seconds=4)
    assert world.phone("alice").rang()
    assert len(world.provider.keys) == 3
    assert len(set(world.provider.keys)) == 1
    assert not world.phone("bob").rang()
    assert (await world.kinds(outcome.incident))[-2:] == ["notification_failed", "notified"]


async def test_retries_end_when_the_next_rung_is_due(world: World) -> None:
    world.breaks("alice", DeliveryError("HTTP 503", permanent=False))
    await world.fire()
    await world.wait(minutes=9, seconds=50)
    tried = len(world.provider.keys)
    assert 15 <= tried <= 30
    await world.wait(minutes=4)
    assert world.phone("bob").times == 1
    page = await world.row("SELECT state FROM pages WHERE user_id = 'alice'")
    assert page["state"] == "undelivered"
    assert world.provider.keys.count(world.provider.keys[0]) <= tried + 1


async def test_severity_decides_how_loud(world: World) -> None:
    quiet = await world.fire("info", "info")
    assert not world.phone("alice").rang()
    assert (await world.incident(quiet.incident))["no_page_reason"] == "severity_does_not_page"
    await world.sleep(hours=10)  # 20:00, out of business hours
    low = await world.fire("warning", "warning")
    assert world.phone("alice").rang()
    await world.wait(hours=3)
    assert not world.phone("bob").rang()
    assert (await world.incident(low.incident))["urgency"] == "low"


async def test_a_joining_alert_may_raise_the_severity_and_pages_again_but_never_lowers_it(world: World) -> None:
    first = await world.fire("a", "warning", "grouped")
    assert world.phone("alice").rang()
    await world.acknowledge(first.incident)
    worse = await world.fire("b", "critical", "grouped")
    assert worse.incident == first.incident
    assert world.phone("alice").rang()
    assert (await world.incident())["severity"] == 1
    await world.fire("c", "info", "grouped")
    assert (await world.incident())["severity"] == 1
    assert not world.phone("alice").rang()
    await world.wait(minutes=10)
    assert world.phone("bob").rang()
    result = await world.acknowledge(first.incident, "bob")
    assert result.changed
    assert (await world.incident())["acknowledged_by"] == "user:alice"


async def test_an_alert_that_ended_and_came_back_counts_once(world: World) -> None:
    first = await world.fire("a", service="grouped", labels={"cluster": "eu"})
    await world.fire("b", service="grouped", labels={"cluster": "eu"})
    for key in "bcb":  # b ends and comes back, c comes and ends
        await world.fire(key, service="grouped", labels={"cluster": "eu"})
        await world.ends(key, service="grouped")
    await world.fire("b", service="grouped", labels={"cluster": "eu"})
    await world.wait(seconds=3)
    assert (await world.incident(first.incident))["alerts_count"] == 3


async def test_groups_end_with_their_window(world: World) -> None:
    first = await world.fire("a", service="grouped", labels={"cluster": "eu"})
    await world.wait(minutes=4, seconds=59)
    assert (await world.fire("b", service="grouped", labels={"cluster": "eu"})).incident == first.incident
    assert (await world.fire("c", service="grouped", labels={"cluster": "us"})).incident != first.incident
    await world.wait(seconds=2)
    assert (await world.fire("d", service="grouped", labels={"cluster": "eu"})).incident != first.incident
    await world.wait(seconds=3)
    assert (await world.incident(first.incident))["alerts_count"] == 2


async def test_acknowledging_what_is_resolved_is_refused(world: World) -> None:
    outcome = await world.fire()
    await closing.resolve(world.ctx, outcome.incident, "user:bob")
    with pytest.raises(Conflict):
        await world.acknowledge(outcome.incident)
    assert not (await closing.resolve(world.ctx, outcome.incident, "user:bob")).changed
