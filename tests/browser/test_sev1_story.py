"""A SEV1 lived through in two browsers, from the first word to the drafted review, while the public looks at the status page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tocsin.core.permission import Principal
from tocsin.manage import access
from tocsin.store.database import Database

from ..guide.town import Town, open_town
from .conftest import ARGUMENTS, CHROMIUM, DESK, PHONE

ADMIN = Principal("user:ada", "admin", "ada", "Ada King")
TITLE = "Checkout fails: cards are declined"


@dataclass
class Square:
    """The town's server and a browser in front of it."""

    town: Town
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    async def window(self, size: dict[str, int]) -> Page:
        context = await self.browser.new_context(viewport=size, base_url=self.town.url)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        page = await context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    async def someone(self, user: str, size: dict[str, int]) -> Page:
        window = await self.window(size)
        await window.goto(await access.create_link(self.town.world.ctx, ADMIN, user))
        await window.get_by_role("button", name="Continue").click()
        await window.wait_for_url("**/welcome")
        return window

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "ERR_" not in message.text:
            self.complaints.append(f"{message.location.get('url')}: {message.text}")


@asynccontextmanager
async def open_square(db: Database) -> AsyncIterator[Square]:
    async with open_town(db) as town, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield Square(town, browser)
        await browser.close()


@pytest.fixture
async def square(db: Database) -> AsyncIterator[Square]:
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    async with open_square(db) as made:
        yield made
        assert made.complaints == []


async def test_a_sev1_from_the_first_word_to_the_review(square: Square) -> None:
    town = square.town
    stella = await square.someone("stella", DESK)
    await subscribe(stella)
    await town.until("14:32")
    bob = await square.someone("bob", DESK)
    room = await declare(bob)
    await town.settle()
    (page,) = town.arrived("/alice")
    assert page["incident"]["url"] == f"{town.url}{room}"
    await town.until("14:34")
    alice = await square.someone("alice", PHONE)
    await alice.goto(page["incident"]["url"])
    await take_it_on(square, alice, bob)
    await town.until("14:36")
    public = await square.window(PHONE)
    await tell_the_public(town, alice, public)
    await town.until("14:40")
    await find_the_cause(town, alice, bob)
    await town.until("14:46")
    await keep_the_promises(town, alice)
    await town.until("14:56")
    await mend(town, alice, bob)
    await town.world.wait(minutes=30)
    await end(town, alice, bob, public)
    await learn(alice, bob)


async def subscribe(stella: Page) -> None:
    """Before anything happens: support wants to hear of it."""
    await stella.goto("/updates")
    await stella.get_by_role("button", name="Tell me").click()
    await expect(stella.locator("#mine")).to_contain_text("Every service")


async def declare(bob: Page) -> str:
    """Impact first: the severity follows from it. Returns the path of the room."""
    await bob.goto("/incidents/new")
    await bob.get_by_label("What is wrong?").fill(TITLE)
    await bob.get_by_label("What can people not do?").fill("Nobody can pay by card")
    await bob.get_by_label("Share of all users").fill("60")
    await bob.get_by_label("Which service?").select_option("payments-api")
    await bob.get_by_text("Roles, more people, the public").click()
    await bob.get_by_label("What the public reads instead of the title").fill("Card payments fail")
    await expect(bob.locator("#verdict")).to_contain_text("SEV1")
    await bob.get_by_role("button", name="Declare SEV1 and page").click()
    await bob.wait_for_url("**/incidents/INC-*")
    return bob.url.removeprefix(bob.url.split("/incidents/")[0])


async def take_it_on(square: Square, alice: Page, bob: Page) -> None:
    """Whoever was paged answers, one takes command, one leads the repair, and each sees it of the other at once."""
    await alice.get_by_role("button", name="Acknowledge: I am on it").click()
    await expect(bob.locator(".room-head .badge", has_text="Acknowledged")).to_be_visible()
    await alice.get_by_role("button", name="Take: Incident commander").click()
    await expect(bob.locator("#people .part").first).to_contain_text("Alice")
    await bob.get_by_role("button", name="Take: Technical lead").click()
    await expect(alice.locator("#people")).to_contain_text("Bob Ito")
    await square.town.settle()
    await expect(alice.get_by_role("link", name="inc-20261120-payments-api-001")).to_have_attribute(
        "href", "https://chat.example.com/c/41"
    )
    await alice.get_by_role("button", name="Investigating").click()
    await expect(bob.locator(".room-head .badge", has_text="Investigating")).to_be_visible()


async def tell_the_public(town: Town, alice: Page, public: Page) -> None:
    """The draft was ready; the page outside says it within seconds."""
    await alice.goto(f"{alice.url.split('?')[0]}/updates?audience=public")
    await alice.get_by_label("Message").first.fill(
        "Some customers cannot pay by card. We are investigating. Next update in 15 minutes."
    )
    await alice.get_by_label("Payments", exact=True).select_option("major_outage")
    await alice.get_by_role("button", name="Publish to the public").click()
    await expect(alice.locator(".updates").first).to_contain_text("Some customers cannot pay by card")
    await town.settle()
    await public.goto("/status")
    await expect(public.locator("body")).to_contain_text("Card payments fail")
    await expect(public.locator("body")).to_contain_text("Major outage")


async def find_the_cause(town: Town, alice: Page, bob: Page) -> None:
    """A hypothesis of one is made a fact by the other; the task has somebody who does it."""
    room = alice.url.split("/updates")[0]
    await alice.goto(room)
    await bob.get_by_label("What do we know?").fill("The release of 14:20 uses up all connections")
    await bob.get_by_role("button", name="Hypothesis").click()
    await alice.get_by_role("button", name="It is a fact: The release").click()
    await expect(bob.locator("#board")).to_contain_text("settled by Alice Ng")
    await bob.locator("#new-task > summary").click()
    await bob.get_by_label("What is to be done?").fill("Roll back to the release before")
    await bob.get_by_label("Who?").select_option("bob")
    await bob.get_by_role("button", name="Add the task").click()
    await expect(alice.locator("#tasks")).to_contain_text("Roll back to the release before")
    await alice.get_by_role("button", name="Cause identified").click()
    await expect(bob.locator(".room-head .badge", has_text="Identified")).to_be_visible()
    await town.settle()


async def keep_the_promises(town: Town, alice: Page) -> None:
    """Drafts are there, made of the facts; publishing one is one tap."""
    room = alice.url
    for audience in ("stakeholders", "executives", "responders"):
        await alice.goto(f"{room}/updates?audience={audience}")
        await expect(alice.get_by_label("Message").first).to_have_value(re.compile("Checkout fails"))
        await alice.get_by_role("button", name=f"Publish to {audience}").click()
        await expect(alice.locator(".updates > li")).not_to_have_count(0)
        await town.settle()
    await alice.goto(f"{room}/updates?audience=public")
    await alice.get_by_role("button", name="Publish to the public").click()
    await expect(alice.locator(".updates > li").first).to_contain_text("identified the issue")
    await town.settle()
    await alice.goto(room)


async def mend(town: Town, alice: Page, bob: Page) -> None:
    """It works again: somebody looked, and says at what."""
    await bob.get_by_text("It works again").click()
    await bob.get_by_label("What did you check?").fill("Ten test payments went through")
    await bob.get_by_role("button", name="Check, and watch it").click()
    await expect(alice.locator(".room-head .badge", has_text="Monitoring")).to_be_visible()
    await town.settle()


async def end(town: Town, alice: Page, bob: Page, public: Page) -> None:
    """After a quiet watch it is over by itself; one button tells all who were told anything."""
    for window in (alice, bob):
        await expect(window.locator(".room-head .badge", has_text="Resolved")).to_be_visible()
    await alice.goto(f"{alice.url}/updates")
    await alice.get_by_role("button", name="Tell the end to all who were told").click()
    await expect(alice.locator(".updates")).to_contain_text("resolved")
    await town.settle()
    mails = [mail for mail in town.mail.messages if "stella@example.com" in mail.recipients]
    assert "resolved" in mails[-1].text.lower()
    async with asyncio.timeout(5):  # right within two seconds of a change, and a browser takes its time
        while "All Systems Operational" not in await public.locator("body").inner_text():
            await public.reload()


async def learn(alice: Page, bob: Page) -> None:
    """The report is there, and the review is drafted with what was measured."""
    room = alice.url.split("/updates")[0]
    await alice.goto(f"{room}/report")
    await expect(alice.locator("article")).to_contain_text("54.0 minutes")
    await bob.goto(f"{room}/review")
    await expect(bob.locator("main")).to_contain_text("Timeline of Events")
    await expect(bob.locator("main")).to_contain_text("The release of 14:20 uses up all connections")
