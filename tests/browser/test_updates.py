"""An update is written in a real browser: from the facts, checked while it is written, published, and read by whoever subscribed."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tocsin.core.spelling import plain

from ..story.test_updates import CHANNELS, PAGES
from ..story.world import directory
from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

BAD = "The billing microservice deployment caused a null pointer exception in the payment gateway adapter module."


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_erin_tells_the_public(stage: Stage, size: dict[str, int], theme: str) -> None:
    world = stage.site.world
    people = [plain(user) for user in world.ctx.directory.users.values()]
    world.ctx.directory = directory({"users": people, "channels": CHANNELS, "status_pages": PAGES})
    room = await stage.site.room()
    await world.acknowledge(1)
    await world.wait(minutes=12)
    page = await stage.someone("erin", size, color_scheme=theme, reduced_motion="reduce")
    await page.goto(room)
    await page.get_by_role("link", name="Read and publish").click()
    await page.get_by_role("link", name="Public").click()
    message = page.locator("#u-message")
    assert "Some users may experience problems with Payments." in await message.input_value()
    await expect(page.locator("#findings")).to_contain_text("Nothing to say about the wording.")
    await message.fill(BAD)
    await expect(page.locator("#findings")).to_contain_text("null pointer exception")
    for path in (None, "/updates", "/update-templates/update/public"):
        if path:
            await page.goto(path)
        assert await violations(page) == []
        assert await page.evaluate(OVERFLOWING) == [], path
        assert await page.evaluate(SMALL) == [], path
    await page.goto(f"{room}/updates?audience=public")
    await message.fill("Some payments fail. We are sorry, and write again soon.")
    await page.get_by_text("30 min").click()
    await page.get_by_label("Payments", exact=True).select_option("major_outage")
    await page.get_by_role("button", name="Publish to the public").click()
    await expect(page.get_by_text("Published for public, on the status page.")).to_be_visible()
    await expect(page.get_by_role("heading", name="Waiting to be approved")).to_be_visible()
    assert await violations(page) == []
    assert await page.evaluate(OVERFLOWING) == []
    assert await page.evaluate(SMALL) == []
