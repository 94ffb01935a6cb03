"""People ask for people: snooze, hand over, page directly, responders, all hands, turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.severity import Severity
from tocsin.flow import closing, declaring, handover, respond, snooze, summon
from tocsin.plugins.channels.base import DeliveryError

from .test_answers import chain_break
from .world import World, directory

HALF_AN_HOUR = snooze.read_length("30m")


# --- snooze ---


async def test_a_snoozed_incident_is_silent_and_then_pages_again(world: World) -> None:
    outcome = await world.fire()
    await world.wait(minutes=1)
    result = await snooze.snooze(world.ctx, outcome.incident, "user:alice", HALF_AN_HOUR, "deploy in progress")
    assert result.changed
    incident = await world.incident()
    assert (incident["status"], incident["snoozed_by"]) == ("acknowledged", "user:alice")
    assert incident["snoozed_until"] == world.clock.now() + timedelta(minutes=30)
    await world.wait(minutes=29, seconds=59)
    assert [world.phone(p).times for p in ("alice", "bob", "carol")] == [1, 0, 0]
    await world.wait(seconds=1)
    assert world.phone("alice").times == 2
    assert world.phone("alice").last.reason.startswith("The incident was snoozed; the snooze is over")
    assert (await world.incident())["snoozed_until"] is None
    await world.wait(minutes=10)
    assert world.phone("bob").rang(), "paging started again, from the first step"
    assert await chain_break(world, outcome.incident) is None


async def test_a_snooze_can_be_made_longer_and_ended(world: World) -> None:
    outcome = await world.fire()
    await snooze.snooze(world.ctx, outcome.incident, "user:alice", HALF_AN_HOUR)
    await world.wait(minutes=20)
    await snooze.snooze(world.ctx, outcome.incident, "user:bob", HALF_AN_HOUR)
    await world.wait(minutes=29)
    assert world.phone("alice").times == 1
    await snooze.cancel(world.ctx, outcome.incident, "user:bob")
    await world.wait(minutes=10)
    assert [world.phone(p).times for p in ("alice", "bob")] == [1, 0], "ending it pages nobody"
    assert (await world.incident())["snoozed_until"] is None
    with pytest.raises(Conflict, match="not snoozed"):
        await snooze.cancel(world.ctx, outcome.incident, "user:bob")
    assert (await world.kinds(outcome.incident)).count("snoozed") == 2


async def test_resolving_and_getting_worse_end_a_snooze(world: World) -> None:
    calm = await world.fire()
    await snooze.snooze(world.ctx, calm.incident, "user:alice", HALF_AN_HOUR)
    await closing.resolve(world.ctx, calm.incident, "user:alice")
    worse = await world.fire("cpu", severity="error", service="grouped", labels={"cluster": "eu"})
    await snooze.snooze(world.ctx, worse.incident, "user:alice", HALF_AN_HOUR)
    before = world.phone("alice").times
    await world.fire("disk", severity="critical", service="grouped", labels={"cluster": "eu"})
    assert world.phone("alice").times == before + 1, "it became a SEV1"
    assert (await world.incident(worse.incident))["snoozed_until"] is None
    await world.acknowledge(worse.incident)
    await world.wait(hours=1)
    assert await world.rows("SELECT * FROM timers WHERE kind = 'snooze'") == []
    assert (await world.incident(calm.incident))["snoozed_until"] is None
    with pytest.raises(Conflict):
        await snooze.snooze(world.ctx, calm.incident, "user:alice", HALF_AN_HOUR)


@pytest.mark.parametrize("text", ["", "soon", "30", "10s", "8d", "-5m"])
def test_what_is_no_length_of_a_snooze_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as error:
        snooze.read_length(text)
    assert error.value.pointer == "/for"


# --- page directly ---


async def test_a_person_is_paged_directly_and_somebody_elses_answer_does_not_stop_it(world: World) -> None:
    world.breaks("carol", DeliveryError("busy", permanent=False), None)
    outcome = await world.fire()
    result = await summon.page(world.ctx, outcome.incident, "user:alice", user="carol", reason="the replica is behind")
    assert result.sentence == "Paged Carol"
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=1)
    assert world.phone("carol").last.reason == "Someone asks for you. Alice: the replica is behind"
    assert world.phone("carol").last.step == 0
    again = await world.acknowledge(outcome.incident, "carol")
    assert again.sentence == "Answered: you are a responder now"
    assert (await world.incident())["responders"] == ["carol"]
    row = await world.row("SELECT state, clock FROM pages WHERE user_id = 'carol'")
    assert tuple(row) == ("acknowledged", "person")


async def test_a_team_is_paged_directly(world: World) -> None:
    outcome = await world.fire()
    await world.acknowledge(outcome.incident, "erin")
    await summon.page(world.ctx, outcome.incident, "user:erin", team="payments", reason="need hands")
    await world.settle()
    assert [world.phone(p).times for p in ("alice", "bob")] == [2, 1]


async def test_whoever_cannot_be_paged_is_named(world: World) -> None:
    outcome = await world.fire()
    for wrong in ({"user": "zoe"}, {"team": "zoe"}, {}, {"user": "bob", "team": "payments"}):
        with pytest.raises(Invalid):
            await summon.page(world.ctx, outcome.incident, "user:alice", reason="help", **wrong)
    with pytest.raises(Invalid):
        await summon.page(world.ctx, outcome.incident, "user:alice", user="bob", reason=" ")
    with pytest.raises(NotFound):
        await summon.page(world.ctx, 4711, "user:alice", user="bob", reason="help")
    await closing.resolve(world.ctx, outcome.incident, "user:alice")
    with pytest.raises(Conflict):
        await summon.page(world.ctx, outcome.incident, "user:alice", user="bob", reason="help")


# --- responders, assigning ---


async def test_responders_are_added_and_removed(world: World) -> None:
    outcome = await world.fire()
    assert (await summon.add_responder(world.ctx, outcome.incident, "user:alice", "bob")).changed
    assert not (await summon.add_responder(world.ctx, outcome.incident, "user:alice", "bob")).changed
    await world.settle()
    assert not world.phone("bob").rang()
    await summon.add_responder(
        world.ctx, outcome.incident, "user:alice", "carol", page=True, reason="you know the cache"
    )
    await world.settle()
    assert world.phone("carol").last.reason == "You were added as a responder. Alice: you know the cache"
    assert (await world.incident())["responders"] == ["bob", "carol"]
    await summon.remove_responder(world.ctx, outcome.incident, "user:alice", "bob")
    assert (await world.incident())["responders"] == ["carol"]
    with pytest.raises(Conflict, match="not a responder"):
        await summon.remove_responder(world.ctx, outcome.incident, "user:alice", "bob")


async def test_assigning_pages_only_when_asked_to(world: World) -> None:
    outcome = await world.fire()
    await respond.assign(world.ctx, outcome.incident, "user:alice", "bob")
    await world.settle()
    assert not world.phone("bob").rang()
    await respond.assign(world.ctx, outcome.incident, "user:alice", "carol", page=True)
    await world.settle()
    assert world.phone("carol").last.reason == "This incident was assigned to you."
    assert (await world.incident())["assignee"] == "carol"


# --- hand over ---


async def test_a_handover_stays_with_the_old_hand_until_it_is_accepted(world: World) -> None:
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await handover.offer(world.ctx, outcome.incident, "user:alice", "bob", "my shift ends")
    await world.settle()
    assert world.phone("bob").last.reason == (
        "You are asked to take over this incident: acknowledging accepts it. Alice: my shift ends"
    )
    assert (await world.incident())["assignee"] == "alice"
    result = await world.acknowledge(outcome.incident, "bob")
    assert result.sentence == "Bob has the incident now"
    incident = await world.incident()
    assert (incident["assignee"], incident["handover"], incident["acknowledged_by"]) == ("bob", None, "user:alice")
    await world.wait(hours=1)
    assert world.phone("alice").times == 1
    assert (await world.kinds(outcome.incident)).count("handed_over") == 1


async def test_a_handover_that_nobody_accepts_comes_back(world: World) -> None:
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await handover.offer(world.ctx, outcome.incident, "user:alice", "bob", "my shift ends")
    await world.wait(minutes=15)
    assert world.phone("alice").last.reason == (
        "Nobody accepted your handover: the incident is still yours. Bob did not accept within 15 minutes"
    )
    incident = await world.incident()
    assert (incident["assignee"], incident["handover"]) == ("alice", None)
    assert not (await world.acknowledge(outcome.incident, "bob")).changed
    assert (await world.incident())["assignee"] == "alice"


async def test_a_handover_that_comes_to_nothing_leaves_other_pages_alone(world: World) -> None:
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await summon.page(world.ctx, outcome.incident, "user:alice", user="bob", reason="the cache")
    await handover.offer(world.ctx, outcome.incident, "user:alice", "bob", "my shift ends")
    await world.settle()
    await handover.withdraw(world.ctx, outcome.incident, "user:alice")
    assert (await world.acknowledge(outcome.incident, "bob")).sentence == "Answered: you are a responder now"


async def test_a_handover_can_be_declined_withdrawn_and_replaced(world: World) -> None:
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await handover.offer(world.ctx, outcome.incident, "user:alice", "bob", "first")
    await handover.offer(world.ctx, outcome.incident, "user:alice", "carol", "second")
    assert (await world.incident())["handover"]["to"] == "carol"
    assert (await handover.withdraw(world.ctx, outcome.incident, "user:carol")).sentence.startswith("Carol declined")
    await world.settle()
    assert world.phone("alice").times == 2, "who has it learns that nobody took it"
    with pytest.raises(Conflict, match="No handover"):
        await handover.withdraw(world.ctx, outcome.incident, "user:alice")
    await handover.offer(world.ctx, outcome.incident, "user:alice", "bob", "third")
    await respond.assign(world.ctx, outcome.incident, "user:alice", "carol")
    await world.wait(hours=1)
    assert (await world.incident())["handover"] is None
    assert world.phone("alice").times == 2
    with pytest.raises(Conflict, match="already"):
        await handover.offer(world.ctx, outcome.incident, "user:alice", "carol", "fourth")


# --- all hands ---

TWO_SCHEDULES = [
    {
        "id": name, "team": "payments",
        "layers": [{"id": "weekly", "users": [user], "starts": "2026-01-05T00:00", "rotation": {"unit": "week"}}],
    }
    for name, user in (("primary", "alice"), ("secondary", "bob"), ("database", "carol"))
]  # fmt: skip


async def test_all_hands_pages_everyone_on_call_for_a_sev1(world: World) -> None:
    world.ctx.directory = directory({"schedules": TWO_SCHEDULES})
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    result = await summon.all_hands(world.ctx, outcome.incident, "user:alice", "everything is down")
    await world.settle()
    assert result.sentence == "All hands: paged Bob, Carol"
    assert world.phone("bob").last.reason.endswith("Alice: everything is down")
    assert [world.phone(p).times for p in ("alice", "bob", "carol", "erin")] == [1, 1, 1, 0]
    quiet = await world.fire("cpu", severity="error")
    with pytest.raises(Conflict, match="SEV1"):
        await summon.all_hands(world.ctx, quiet.incident, "user:alice")


# --- turns ---

ROBIN: dict[str, Any] = {
    "escalation_policies": [
        {
            "id": "payments",
            "steps": [
                {"after": "0s", "round_robin": True, "targets": [{"user": p} for p in ("alice", "bob", "carol")]},
                {"after": "10m", "targets": [{"user": "erin"}]},
            ],
        }
    ]
}


async def test_successive_incidents_go_to_successive_people(world: World) -> None:
    world.ctx.directory = directory(ROBIN)
    for number in range(7):
        await world.fire(f"alert-{number}")
    assigned = await world.rows("SELECT assignee FROM incidents ORDER BY id")
    assert [row[0] for row in assigned] == ["alice", "bob", "carol", "alice", "bob", "carol", "alice"]


async def test_a_batch_takes_a_turn_for_each_incident(world: World) -> None:
    world.ctx.directory = directory(ROBIN)
    await world.send(*(world.event("trigger", f"alert-{number}") for number in range(9)))
    assigned = await world.rows("SELECT assignee FROM incidents")
    assert Counter(row[0] for row in assigned) == {"alice": 3, "bob": 3, "carol": 3}


async def test_no_two_nodes_take_the_same_turn(world: World) -> None:
    world.ctx.directory = directory(ROBIN)
    for ctx in world.nodes:
        ctx.directory = world.ctx.directory
    declared = [
        declaring.declare(world.nodes[n % len(world.nodes)], "user:erin", f"Broken {n}", "", Severity.SEV1, ["api"])
        for n in range(12)
    ]
    await asyncio.gather(*declared)
    assigned = await world.rows("SELECT assignee FROM incidents")
    assert Counter(row[0] for row in assigned) == {"alice": 4, "bob": 4, "carol": 4}
