"""Two clocks: what happens after somebody acknowledged, and nothing gets better."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.severity_policy import Severities
from tocsin.flow import closing, respond
from tocsin.manage import replays
from tocsin.plugins.channels.base import DeliveryError

from .world import World, directory

LADDER = {
    "users": [
        {
            "id": name, "name": name.title(), "email": f"{name}@example.com",
            "contact_methods": [{"id": "phone", "type": "phone", "number": name}],
        }
        for name in ("alice", "bob", "carol", "dave", "erin")
    ],
    "escalation_policies": [
        {
            "id": "payments",
            "steps": [
                {"after": "0s", "targets": [{"schedule": "primary"}]},
                {"after": "10m", "targets": [{"user": "bob"}]},
                {"after": "15m", "tier": "senior", "targets": [{"user": "carol"}]},
                {"after": "30m", "tier": "architect", "targets": [{"user": "dave"}]},
                {"after": "45m", "tier": "executive", "targets": [{"user": "erin"}]},
            ],
        }
    ],
}  # fmt: skip


def use(world: World, severities: dict[str, Any] | None = None, **changes: Any) -> None:
    made = directory({**LADDER, **changes})
    world.ctx.directory = made if severities is None else _with(made, severities)


def _with(made: Any, severities: dict[str, Any]) -> Any:
    return type(made).of(
        {kind: made.kind(kind).values() for kind in ("users", "teams", "schedules", "escalation_policies", "services")},
        made.default_escalation_policy, severities=Severities.read(severities),
    )  # fmt: skip


# --- SEV1: by itself ---


async def test_a_sev1_that_is_acknowledged_and_not_restored_climbs_above_on_call(world: World) -> None:
    use(world)
    outcome = await world.fire()
    await world.wait(minutes=2)
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=12, seconds=59)
    assert not world.phone("bob").rang(), "on call is not paged again"
    assert not world.phone("carol").rang()
    await world.wait(seconds=1)
    assert world.phone("carol").last.reason.startswith("The incident was acknowledged, but it is not restored yet.")
    assert (await world.incident())["status"] == "acknowledged"
    await world.wait(minutes=15)
    assert world.phone("dave").times == 1
    await world.wait(minutes=15)
    assert world.phone("erin").times == 1
    await world.wait(hours=3)
    assert [world.phone(p).times for p in ("alice", "bob", "carol", "dave", "erin")] == [1, 0, 1, 1, 1]
    assert (await world.incident())["escalations_count"] == 3
    told = await world.rows("SELECT details, data FROM timeline WHERE kind = 'escalated' ORDER BY seq")
    assert told[0]["details"].startswith("Escalated from on call to senior (Carol). Acknowledged, and not restored")
    assert told[0]["data"]["cause"] == "progress"
    assert told[2]["details"].startswith("Escalated from architect to executive (Erin)")


async def test_a_replay_goes_on_after_the_answer_until_it_is_restored(world: World) -> None:
    use(world)
    number = (await world.fire()).incident
    assert number is not None
    await world.wait(minutes=2)
    await world.acknowledge(number, "alice")
    await world.wait(minutes=18)
    found = await replays.replay(world.ctx, number)
    assert [(item["user"], item["change"]) for item in found["items"]] == [("alice", "same"), ("carol", "same")]
    assert found["sentence"] == "Today the same people would be paged, by the same means, at the same times."


async def test_restoring_and_resolving_stop_the_second_clock(world: World) -> None:
    use(world)
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await closing.resolve(world.ctx, outcome.incident, "user:alice")
    other = await world.fire("other")
    await world.acknowledge(other.incident)
    await world.ends("other")
    await world.wait(hours=2)
    assert not world.phone("carol").rang()
    assert await world.rows("SELECT * FROM timers WHERE kind = 'progress'") == []


async def test_a_rung_that_fired_before_the_answer_is_not_paged_again(world: World) -> None:
    use(world)
    outcome = await world.fire()
    await world.wait(minutes=20)
    await world.acknowledge(outcome.incident, "bob")
    assert world.phone("carol").times == 1
    await world.wait(hours=2)
    assert [world.phone(p).times for p in ("carol", "dave", "erin")] == [1, 1, 1]


async def test_nobody_climbs_before_the_escalation_time(world: World) -> None:
    use(world, {"sev1_critical": {"escalation_time": "40m"}})
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=39)
    assert not world.phone("carol").rang()
    await world.wait(minutes=1)
    assert world.phone("carol").rang()
    assert world.phone("dave").rang(), "its own time passed, too"
    await world.wait(minutes=5)
    assert world.phone("erin").rang()


async def test_a_tier_that_cannot_be_reached_brings_the_next_one_forward(world: World) -> None:
    use(world)
    world.breaks("carol", DeliveryError("no such number", permanent=True))
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=15)
    assert world.phone("dave").times == 1, "architect comes at once"
    await world.wait(minutes=29)
    assert not world.phone("erin").rang()
    await world.wait(minutes=1)
    assert world.phone("erin").rang()


async def test_who_has_it_in_hand_is_not_paged_as_the_next_tier(world: World) -> None:
    steps = [*LADDER["escalation_policies"][0]["steps"]]  # type: ignore[index]
    steps[2] = {"after": "15m", "tier": "senior", "targets": [{"user": "alice"}]}
    use(world, escalation_policies=[{"id": "payments", "steps": steps}])
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=15)
    assert world.phone("alice").times == 1
    assert world.phone("dave").times == 1


async def test_a_person_above_who_answers_joins_and_the_clock_goes_on(world: World) -> None:
    use(world)
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=15)
    result = await world.acknowledge(outcome.incident, "carol")
    assert result.sentence == "Answered: you are a responder now"
    incident = await world.incident()
    assert (incident["responders"], incident["assignee"], incident["acknowledged_by"]) == (
        ["carol"],
        "alice",
        "user:alice",
    )
    await world.wait(minutes=15)
    assert world.phone("dave").rang()


async def test_a_person_who_escalates_goes_above_the_second_clock(world: World) -> None:
    use(world)
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=16)
    assert world.phone("carol").rang()
    result = await respond.escalate(world.ctx, outcome.incident, "user:alice", "I am stuck")
    await world.settle()
    assert result.sentence == "Escalated to Dave"
    entry = (await world.rows("SELECT details, data FROM timeline WHERE kind = 'escalated' ORDER BY seq DESC LIMIT 1"))[
        0
    ]
    assert entry["details"] == "Escalated (senior to architect) from alice to dave. I am stuck"
    assert (entry["data"]["from_tier"], entry["data"]["to_tier"]) == ("senior", "architect")
    await world.acknowledge(outcome.incident, "dave")
    await world.wait(minutes=60)
    assert world.phone("erin").times == 1


async def test_escalating_beyond_the_top_says_which_ladder_ended(world: World) -> None:
    use(world)
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await world.wait(hours=1)
    with pytest.raises(Conflict, match=r"exhausted: payments after step 5 \(executive\)"):
        await respond.escalate(world.ctx, outcome.incident, "user:alice", "help")


# --- SEV2: asked ---


async def test_on_a_sev2_whoever_leads_it_is_asked_and_nobody_is_paged(world: World) -> None:
    users = [{**LADDER["users"][0], "updates": ["phone"]}, *LADDER["users"][1:]]
    use(world, users=users)
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=29)
    assert (await world.incident())["prompted_at"] is None
    await world.wait(minutes=1)
    assert (await world.incident())["prompted_at"] is not None
    [asked] = [m for m in world.phone("alice").messages if m.reason == "Not restored after 30m. Escalate to senior?"]
    assert asked.type == "update"
    assert asked.news is not None
    assert asked.news.url.startswith("http://tocsin.test/e/1.1.alice."), "a link of one's own, signed"
    await world.wait(hours=3)
    assert [world.phone(p).times for p in ("bob", "carol", "dave", "erin")] == [0, 0, 0, 0]
    assert (await world.kinds(outcome.incident)).count("escalation_suggested") == 1
    with pytest.raises(Invalid, match="not a tier"):
        await respond.escalate(world.ctx, outcome.incident, "user:alice", "yes", "boss")
    await respond.escalate(world.ctx, outcome.incident, "user:alice", "yes", "senior")
    await world.settle()
    assert [world.phone(p).times for p in ("bob", "carol")] == [0, 1]
    assert (await world.incident())["prompted_at"] is None


async def test_a_sev3_has_no_second_clock(world: World) -> None:
    use(world)
    outcome = await world.fire(severity="warning")
    await world.acknowledge(outcome.incident)
    await world.wait(hours=20)
    assert [world.phone(p).times for p in ("bob", "carol", "dave", "erin")] == [0, 0, 0, 0]
    assert "escalation_suggested" not in await world.kinds(outcome.incident)


# --- acknowledged, and nothing since ---


async def test_an_acknowledgement_after_which_nothing_happens_pages_again(world: World) -> None:
    use(world, {"sev2_high": {"acknowledge_timeout": "20m"}})
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await world.wait(minutes=10)
    await respond.note(world.ctx, outcome.incident, "user:alice", "looking")
    await world.wait(minutes=19)
    assert world.phone("alice").times == 1
    await world.wait(minutes=1)
    assert world.phone("alice").times == 2
    assert world.phone("alice").last.reason.startswith(
        "You acknowledged this incident, and nothing has happened since."
    )
    assert not world.phone("bob").rang()
    await world.wait(minutes=10)
    assert world.phone("bob").rang(), "silent again: the ladder goes on"
    await world.acknowledge(outcome.incident, "bob")
    await world.wait(minutes=20)
    assert world.phone("bob").times == 2, (
        "whoever acknowledged last has it in hand, though the first one's name is kept"
    )
    assert world.phone("alice").times == 2


async def test_without_a_timeout_an_acknowledgement_holds(world: World) -> None:
    use(world)
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident)
    await world.wait(hours=12)
    assert world.phone("alice").times == 1
