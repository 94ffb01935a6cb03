"""The 03:00 test, on a phone and at a desk, with a script, without one, by keyboard, over a connection that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect

from .conftest import DESK, PHONE, Stage


async def eventually(true: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.05)


async def acknowledged(stage: Stage) -> bool:
    return bool((await stage.site.world.incident())["acknowledged_at"])


async def test_on_a_phone_alice_sees_what_is_broken_and_answers_with_one_tap(stage: Stage) -> None:
    await stage.site.room(title="Checkout answers with errors")
    phone = await stage.someone("alice", has_touch=True)
    await phone.goto("/")
    await expect(phone.get_by_role("heading", name="One open incident")).to_be_visible()
    button = phone.get_by_role("button", name="Acknowledge")
    box = await button.bounding_box()
    assert box
    assert box["y"] + box["height"] < PHONE["height"], "it is on the first screen"
    assert box["height"] >= 44
    assert box["width"] > PHONE["width"] * 0.7
    await button.tap()
    await expect(phone.get_by_text("Alice is on it")).to_be_visible()
    assert await acknowledged(stage)


async def test_the_room_answers_without_a_page_load(stage: Stage) -> None:
    room = await stage.site.room()
    phone = await stage.someone("alice")
    await phone.goto(room)
    await phone.evaluate("window.stayed = true")
    await phone.get_by_role("button", name="Acknowledge: I am on it").click()
    await expect(phone.get_by_text("Alice answered at")).to_be_visible()
    await expect(phone.locator("#messages")).to_contain_text("Acknowledged.")
    await expect(phone.locator("#timeline > li").first).to_contain_text("Acknowledged by Alice")
    assert await phone.evaluate("window.stayed")


async def test_acknowledging_works_without_javascript(stage: Stage) -> None:
    room = await stage.site.room()
    phone = await stage.someone("alice", java_script_enabled=False)
    await phone.goto(room)
    await phone.get_by_role("button", name="Acknowledge: I am on it").click()
    await expect(phone.get_by_text("Alice answered at")).to_be_visible()
    assert await acknowledged(stage)
    assert not await phone.get_by_role("button", name="Search and jump").is_visible()


async def test_the_link_in_a_page_answers_without_signing_in(stage: Stage) -> None:
    await stage.site.room()
    phone = await stage.window()
    await phone.goto(stage.site.world.phone("alice").last.acknowledge_url)
    await phone.get_by_role("button", name="Acknowledge").click()
    await expect(phone.get_by_text("Acknowledged. You have it")).to_be_visible()
    assert await acknowledged(stage)


async def test_two_windows_see_the_same_story_as_it_is_told(stage: Stage) -> None:
    room = await stage.site.room()
    alice, bob = await stage.someone("alice"), await stage.someone("bob", DESK)
    for window in (alice, bob):
        await window.goto(room)
    await alice.get_by_label("Message to everyone").fill("I see it in the logs.")
    await alice.get_by_role("button", name="Keep as a note").click()
    for window in (alice, bob):
        await expect(window.locator("#timeline")).to_contain_text("I see it in the logs.")
    assert await alice.locator("#timeline > li", has_text="I see it in the logs.").count() == 1
    await expect(alice.get_by_label("Message to everyone")).to_have_value("")
    await bob.get_by_role("button", name="Acknowledge: I am on it").click()
    await expect(alice.get_by_text("Bob answered at")).to_be_visible()
    await expect(alice.get_by_role("button", name="Acknowledge: I am on it")).not_to_be_visible()


async def test_what_a_person_is_typing_stays_while_the_room_moves(stage: Stage) -> None:
    room = await stage.site.room()
    alice = await stage.someone("alice")
    await alice.goto(room)
    await alice.get_by_text("Resolve", exact=True).click()
    await alice.get_by_label("What ended it?").fill("Removed old")
    await stage.site.world.acknowledge((await stage.site.world.incident())["id"], "bob")
    await expect(alice.get_by_text("Bob answered at")).to_be_visible()
    assert await alice.get_by_label("What ended it?").input_value() == "Removed old"
    await alice.get_by_label("What ended it?").press("End")
    await alice.keyboard.type(" logs")
    await alice.get_by_role("button", name="Resolve the incident").click()
    await expect(alice.locator("#timeline")).to_contain_text("Removed old logs")


async def test_now_fills_by_itself(stage: Stage) -> None:
    alice = await stage.someone("alice")
    await alice.goto("/")
    await expect(alice.get_by_role("heading", name="All quiet")).to_be_visible()
    await asyncio.sleep(0.5)
    await stage.site.room(title="Checkout answers with errors")
    await expect(alice.get_by_role("heading", name="One open incident")).to_be_visible()
    await expect(alice.get_by_role("link", name="Checkout answers with errors")).to_be_visible()


async def test_a_lost_connection_is_shown_and_nothing_is_missed(stage: Stage) -> None:
    room = await stage.site.room()
    alice = await stage.someone("alice")
    await alice.goto(room)
    await asyncio.sleep(0.5)
    await stage.server.stop()
    await expect(alice.get_by_text("Connection lost")).to_be_visible()
    await stage.site.world.acknowledge((await stage.site.world.incident())["id"], "bob")
    await stage.server.start()
    await expect(alice.locator("#timeline")).to_contain_text("Acknowledged by Bob", timeout=15_000)
    await expect(alice.get_by_text("Bob answered at")).to_be_visible()
    await expect(alice.get_by_text("Connection lost")).not_to_be_visible()


async def test_the_clocks_move(stage: Stage) -> None:
    room = await stage.site.room()
    alice = await stage.someone("alice")
    await alice.goto(room)
    left = alice.locator(".ladder").locator("xpath=..").locator("[data-until]").first
    before = await left.text_content()

    async def moved() -> bool:
        return await left.text_content() != before

    await eventually(moved)


async def tab_to(page: Page, name: str, most: int = 40) -> None:
    """Press Tab until the focused element is called `name`; it must be visibly focused then."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        said = await page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        )
        if (said or "").strip() == name:
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {name} cannot be seen"
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


async def test_everything_by_keyboard(stage: Stage) -> None:
    await stage.site.room(title="Checkout answers with errors")
    alice = await stage.someone("alice", DESK)
    await alice.goto("/account")
    await tab_to(alice, "Skip to the content", 1)
    await alice.keyboard.press("/")
    await expect(alice.get_by_role("dialog", name="Search and jump")).to_be_visible()
    await expect(alice.get_by_role("option").first).to_contain_text("Checkout answers")
    await alice.keyboard.type("checkout")
    await expect(alice.get_by_role("option")).to_have_count(1)
    await alice.keyboard.press("Enter")
    await alice.wait_for_url("**/incidents/INC-*")
    await tab_to(alice, "Acknowledge: I am on it")
    await alice.keyboard.press("Enter")
    await expect(alice.get_by_text("Alice answered at")).to_be_visible()
    await alice.keyboard.press("Control+k")
    await expect(alice.get_by_role("dialog", name="Search and jump")).to_be_visible()
    await alice.keyboard.press("Escape")
    await expect(alice.get_by_role("dialog", name="Search and jump")).not_to_be_visible()


async def test_a_test_alert_from_the_service_page_leads_to_its_room(stage: Stage) -> None:
    alice = await stage.someone("alice", DESK)
    await alice.goto("/services/api")
    await alice.get_by_role("button", name="Send a test alert").click()
    await alice.wait_for_url("**/incidents/INC-*")
    await expect(alice.get_by_role("heading", name="Test alert for Payments API")).to_be_visible()
