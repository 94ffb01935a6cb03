"""Two people in one room: what one does the other sees, without a reload; and the full room is for everybody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from tocsin.core.incident import parse_id
from tocsin.flow import chat, findings, roles, tasks

from .conftest import DESK, PHONE, Stage
from .test_pages import NARROW, OVERFLOWING, SMALL, violations

ALICE, BOB = "user:alice", "user:bob"


async def lived_in(stage: Stage) -> str:
    """A room in which people have worked for a while; its path."""
    world = stage.site.world
    await world.send(world.event("change", "r41", None, title="Release 41 of the payments API", source="ci"))
    await world.wait(minutes=7)
    path = await stage.site.room(title="Checkout answers with errors for 38% of customers")
    number, ctx = parse_id(path.rsplit("/", 1)[1]), world.ctx
    await world.fire(key="latency", severity="error", title="p99 of checkout is 11 s")
    await world.acknowledge(number)
    await world.wait(minutes=2)
    await roles.assign(ctx, number, ALICE, "ic", "alice")
    await roles.assign(ctx, number, BOB, "technical_lead", "bob")
    await roles.assign(ctx, number, BOB, "sme", "carol")
    await chat.post(ctx, number, BOB, "The errors began with release 41. I look at its changes to the pool.")
    said = (await world.row("SELECT id FROM timeline WHERE kind = 'message_posted' ORDER BY id DESC LIMIT 1"))["id"]
    await findings.pin(ctx, number, ALICE, said, "hypothesis", "Release 41 broke the connection pool.")
    await findings.add(ctx, number, BOB, "38% of checkouts fail, all with HTTP 503.", "fact")
    wrong = await findings.add(ctx, number, ALICE, "The card provider is down.")
    await findings.settle(ctx, number, BOB, wrong.id, "refuted", "their status is green, direct calls work")
    await tasks.add(ctx, number, ALICE, "Roll back release 41", owner="bob", workstream="Fix", check_in="10m")
    late = await tasks.add(
        ctx, number, ALICE, "Call the card provider", owner="carol", workstream="Partners", check_in="5m"
    )
    await findings.decide(
        ctx, number, ALICE, "Roll back, do not fix forward", "fastest way back", "a hotfix; more replicas"
    )
    await chat.correct(ctx, number, BOB, said, "It began with release 41, 7 minutes before the first alert.")
    await world.wait(minutes=6)
    assert late.next_check_in is not None
    assert world.clock.now() - late.next_check_in > timedelta()
    return path


async def test_what_one_does_the_other_sees_at_once(stage: Stage) -> None:
    room = await stage.site.room(title="Checkout answers with errors")
    alice, bob = await stage.someone("alice"), await stage.someone("bob", DESK)
    for window in (alice, bob):
        await window.goto(room)
        await window.evaluate("window.stayed = true")
    await alice.get_by_role("button", name="Take: Incident commander").click()
    await expect(bob.locator("#people .part").first).to_contain_text("Alice")
    await bob.get_by_label("Message to everyone").fill("I see it in the logs.")
    await bob.keyboard.press("Enter")
    for window in (alice, bob):
        await expect(window.locator("#timeline > li").first).to_contain_text("I see it in the logs.")
        assert await window.locator("#timeline > li", has_text="I see it in the logs.").count() == 1
    await expect(bob.get_by_label("Message to everyone")).to_have_value("")
    await alice.locator("#timeline > li").first.get_by_role("button", name="Pin").click()
    await expect(bob.locator("#board .known-row")).to_contain_text("I see it in the logs.")
    await bob.get_by_label("What else do we know?").fill("<b>The pool</b> is exhausted.")
    await bob.get_by_role("button", name="Hypothesis").click()
    await expect(alice.locator("#board")).to_contain_text("<b>The pool</b> is exhausted.")
    await bob.locator(".act > summary", has_text="Severity").click()
    await bob.get_by_label("How bad is it?").select_option("sev3_medium")
    await bob.locator("#sv-reason").fill("Only the test shop")
    await bob.get_by_role("button", name="Change the severity").click()
    await expect(bob.locator("#refused-sv-confirm")).to_contain_text("Alice leads this incident")
    await alice.get_by_role("button", name="Acknowledge: I am on it").click()
    await expect(bob.locator(".room-head .badge", has_text="Acknowledged")).to_be_visible()
    await expect(bob.get_by_label("How bad is it?")).to_have_value("sev3_medium")
    await expect(bob.locator("#sv-reason")).to_have_value("Only the test shop")
    await expect(bob.locator("#refused-sv-confirm")).to_be_visible()
    await bob.get_by_label("Make it milder although Alice leads").check()
    await bob.get_by_role("button", name="Change the severity").click()
    await expect(alice.locator(".room-head .badge", has_text="SEV3").first).to_be_visible()
    await expect(bob.locator("#refused-sv-confirm")).to_have_count(0)
    for window in (alice, bob):
        assert await window.evaluate("window.stayed"), "nobody had to reload"


async def test_the_second_who_takes_command_hears_who_has_it_and_takes_over_on_purpose(stage: Stage) -> None:
    room = await stage.site.room()
    bob = await stage.someone("bob", java_script_enabled=False)
    await bob.goto(room)
    number = parse_id(room.rsplit("/", 1)[1])
    await roles.assign(stage.site.world.ctx, number, ALICE, "ic", "alice")
    await bob.get_by_role("button", name="Take: Incident commander").click()
    await expect(bob.get_by_text("Alice is incident commander already")).to_be_visible()
    await bob.locator("#role-incident_commander > summary").click()
    await bob.get_by_role("button", name="Take over from Alice").click()
    await expect(bob.get_by_text("Bob took over as incident commander from Alice")).to_be_visible()
    assert (await stage.site.world.incident(number))["roles"] == {"incident_commander": "bob"}
    stage.complaints[:] = [said for said in stage.complaints if "409 (Conflict)" not in said]


async def test_single_keys_lead_to_what_acts_and_can_be_switched_off(stage: Stage) -> None:
    room = await stage.site.room()
    bob = await stage.someone("bob", DESK)
    await bob.goto(room)
    for key, place in (("m", "message"), ("f", "finding"), ("t", "task"), ("d", "decision"), ("e", "e-reason")):
        await bob.keyboard.press(key)
        await expect(bob.locator(f"#{place}")).to_be_focused()
        await bob.keyboard.press("Escape")
    await bob.keyboard.press("?")
    await expect(bob.get_by_role("heading", name="Keyboard")).to_be_visible()
    assert await violations(bob) == []
    await bob.get_by_label("Single keys work").uncheck()
    await bob.keyboard.press("Escape")
    await bob.keyboard.press("m")
    await expect(bob.locator("#message")).not_to_be_focused()


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")])
async def test_a_room_that_is_lived_in_is_accessible(stage: Stage, size: dict[str, int], theme: str) -> None:
    room = await lived_in(stage)
    bob = await stage.someone("bob", size, color_scheme=theme, reduced_motion="reduce")
    await bob.goto(room)
    await bob.evaluate("for (const box of document.querySelectorAll('main details')) box.open = true")
    assert await violations(bob) == []
    assert await bob.evaluate(OVERFLOWING) == []
    assert await bob.evaluate(SMALL) == []
    if size is PHONE:
        await bob.set_viewport_size(NARROW)
        assert await bob.evaluate(OVERFLOWING) == []
