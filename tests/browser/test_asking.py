"""Asking for people and for quiet from a phone: a handover, a page, a snooze, and the ladder that says who stands where."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tocsin.core.incident import parse_id

from ..story.world import directory
from .conftest import Stage
from .test_pages import violations

PRESET = {
    "id": "payments", "name": "Payments", "preset": "standard",
    "tiers": {
        "on_call": [{"schedule": "primary"}, {"user": "bob"}], "senior": [{"user": "carol"}], "executive": [{"user": "erin"}],
    },
}  # fmt: skip


def use_preset(stage: Stage) -> None:
    world = stage.site.world
    users = [world.ctx.directory.users[user] for user in world.ctx.directory.users]
    made = directory({"escalation_policies": [PRESET]})
    world.ctx.directory = type(made).of(
        {
            "users": users, "teams": made.teams.values(), "schedules": made.schedules.values(),
            "escalation_policies": made.escalation_policies.values(), "services": made.services.values(),
        },
        made.default_escalation_policy,
    )  # fmt: skip


async def opens(page: Page, name: str) -> None:
    await page.locator("details.act > summary", has_text=name).click()


async def test_a_handover_on_a_phone(stage: Stage) -> None:
    room = await stage.site.room(title="Checkout answers with errors")
    alice, bob = await stage.someone("alice"), await stage.someone("bob")
    await alice.goto(room)
    await alice.get_by_role("button", name="Acknowledge: I am on it").click()
    await opens(alice, "Hand over")
    await alice.get_by_label("Who takes over?").select_option("bob")
    await alice.get_by_label("Why, and what should they know?").fill("My shift ends; the replica is behind")
    await alice.get_by_role("button", name="Ask them to take over").click()
    await expect(alice.get_by_text("It stays with Alice until they accept.")).to_be_visible()
    await bob.goto(room)
    accept = bob.get_by_role("button", name="Accept: it is mine now")
    box = await accept.bounding_box()
    assert box
    assert box["height"] >= 44
    assert box["y"] < 400, "it is the first thing that he sees"
    assert await violations(bob) == []
    await accept.click()
    await expect(bob.locator("#messages")).to_contain_text("Bob has the incident now")
    assert (await stage.site.world.incident())["assignee"] == "bob"


async def test_a_choice_that_was_made_stays_when_the_room_is_drawn_anew(stage: Stage) -> None:
    room = await stage.site.room(title="Checkout answers with errors")
    alice = await stage.someone("alice")
    await alice.goto(room)
    await opens(alice, "Hand over")
    await alice.get_by_label("Who takes over?").select_option("bob")
    for _ in range(2):
        async with alice.expect_response("**/state"):
            await alice.evaluate("htmx.trigger(document.querySelector('[data-refresh]'), 'refresh')")
        await alice.wait_for_timeout(200)
        await expect(alice.get_by_label("Who takes over?")).to_have_value("bob")


async def test_a_sev2_that_is_not_restored_is_escalated_with_one_tap(stage: Stage) -> None:
    use_preset(stage)
    room = await stage.site.room(title="Slow searches", severity="error")
    alice = await stage.someone("alice")
    await stage.site.world.acknowledge(parse_id(room.rpartition("/")[2]))
    await stage.site.world.wait(minutes=31)
    await alice.goto(room)
    await expect(alice.get_by_text("Escalate to senior?").first).to_be_visible()
    assert await violations(alice) == []
    await alice.get_by_role("button", name="Escalate now").click()
    await expect(alice.locator("#messages")).to_contain_text("Escalated to Carol")
    await stage.site.world.settle()
    assert stage.site.world.phone("carol").rang()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_actions_are_reachable_and_sound(stage: Stage, scheme: Any) -> None:
    use_preset(stage)
    room = await stage.site.room()
    await stage.site.world.acknowledge(parse_id(room.rpartition("/")[2]))
    alice = await stage.someone("alice", color_scheme=scheme)
    await alice.goto(room)
    await expect(alice.get_by_text("If it is not restored, senior is paged in")).to_be_visible()
    for name in ("Escalate", "Page someone", "Assign", "Hand over", "Snooze", "Responders", "All hands"):
        await opens(alice, name)
        assert await violations(alice) == []
        await opens(alice, name)
    await opens(alice, "Snooze")
    await alice.get_by_role("button", name="30 min").click()
    await expect(alice.get_by_text("Nothing rings;")).to_be_visible()
    await alice.get_by_role("button", name="End the snooze").click()
    await expect(alice.get_by_text("Nothing rings;")).not_to_be_visible()
