"""Policies that are replaced while they are climbed, and several at once."""

from __future__ import annotations

from tocsin.core.severity import Severity
from tocsin.flow import declaring, respond
from tocsin.plugins.channels.base import DeliveryError

from .world import World, directory

RENAMED = {
    "escalation_policies": [
        {"id": "night", "steps": [{"targets": [{"schedule": "primary"}]}, {"after": "10m", "targets": [{"user": "bob"}]}]}
    ],
    "services": [
        {"id": "api", "team": "payments", "escalation_policy": "night",
         "integrations": [{"id": "events", "type": "pagerduty", "key": "k" * 32}]}
    ],
}  # fmt: skip


async def test_a_page_that_fails_after_its_policy_was_replaced_still_escalates_at_once(world: World) -> None:
    world.breaks("alice", DeliveryError("HTTP 503", permanent=False))
    await world.fire()
    world.ctx.directory = directory(RENAMED, default=None)
    world.breaks("alice", DeliveryError("gone", permanent=True))
    await world.wait(seconds=2)
    assert world.phone("bob").rang()


async def test_a_person_escalates_after_the_policy_was_replaced(world: World) -> None:
    outcome = await world.fire()
    world.ctx.directory = directory(RENAMED, default=None)
    await respond.escalate(world.ctx, outcome.incident, "user:alice", "help")
    await world.settle()
    assert world.phone("bob").rang()


async def test_the_manager_is_paged_once_although_two_policies_end(world: World) -> None:
    world.ctx.directory = directory(
        {
            "escalation_policies": [
                {"id": "payments", "steps": [{"targets": [{"user": "alice"}]}]},
                {"id": "search", "steps": [{"targets": [{"user": "bob"}]}, {"after": "10m", "targets": [{"user": "carol"}]}]},
            ],
            "services": [
                {"id": "api", "team": "payments", "escalation_policy": "payments"},
                {"id": "search", "team": "payments", "escalation_policy": "search"},
            ],
        }
    )  # fmt: skip
    number = await declaring.declare(world.ctx, "user:bob", "All is down", "", Severity.SEV1, ["api", "search"])
    await world.settle()
    await world.wait(hours=2)
    assert (await world.kinds(number)).count("exhausted") == 2
    assert world.phone("erin").times == 1


async def test_the_manager_is_paged_once_when_two_policies_reach_nobody_at_once(world: World) -> None:
    world.ctx.directory = directory(
        {
            "users": [{"id": "alice"}, {"id": "bob"}, {"id": "carol"},
                      {"id": "erin", "contact_methods": [{"id": "p", "type": "phone", "number": "erin"}]}],
            "escalation_policies": [
                {"id": "payments", "steps": [{"targets": [{"user": "alice"}]}]},
                {"id": "search", "steps": [{"targets": [{"user": "bob"}]}]},
            ],
            "services": [
                {"id": "api", "team": "payments", "escalation_policy": "payments"},
                {"id": "search", "team": "payments", "escalation_policy": "search"},
            ],
        }
    )  # fmt: skip
    await declaring.declare(world.ctx, "user:bob", "All is down", "", Severity.SEV1, ["api", "search"])
    await world.settle()
    assert world.phone("erin").times == 1
