"""How a person is reached, in a real browser: a phone added and verified, rules chosen from a template, at two widths, light and dark."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tocsin.core.permission import Principal
from tocsin.manage import objects, people

from ..fakes.phones import Mail, Sms
from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

ALICE = Principal("user:alice", "responder", "alice", "Alice Ng")
ADMIN = Principal("token:admin", "admin", None, "The token admin")
SHOTS = os.environ.get("TOCSIN_TEST_SHOTS")
"""A folder for pictures of the pages, for people to look at."""


async def furnish(stage: Stage) -> Sms:
    """Alice, made by hand, is reached by nothing yet."""
    sms, ctx = Sms(), stage.site.world.ctx
    ctx.channels = {**ctx.channels, "sms": sms, "email": Mail()}  # type: ignore[dict-item]
    ctx.directory = type(ctx.directory)()
    await objects.create(
        ctx, ADMIN, "users", {"id": "alice", "name": "Alice Ng", "role": "responder", "time_zone": "Europe/Berlin"}
    )
    return sms


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_a_phone_is_added_verified_and_used(stage: Stage, size: dict[str, int], theme: str) -> None:
    sms = await furnish(stage)
    page = await stage.someone("alice", size, color_scheme=theme, reduced_motion="reduce")
    found: list[str] = []

    async def look(name: str) -> None:
        found.extend(await violations(page))
        assert await page.evaluate(OVERFLOWING) == [], name
        assert await page.evaluate(SMALL) == [], name
        if SHOTS:
            await page.screenshot(path=Path(SHOTS) / f"{name}-{size['width']}-{theme}.png", full_page=True)

    await page.goto("/me")
    await look("empty")
    await page.locator("#methods").get_by_text("Text message").click()
    await page.get_by_role("textbox", name="Number").fill("+49301")
    await page.get_by_role("button", name="Add and send a code").locator("visible=true").click()
    (code,) = re.findall(r"\d{6}", sms.to("+49301")[0].news.heading)  # type: ignore[union-attr]
    await look("code")
    await page.get_by_label("Code that arrived there").fill(code)
    await page.get_by_role("button", name="Verify").click()
    await page.get_by_text("sms is verified").wait_for()
    await page.get_by_text("By stronger means", exact=True).click()
    await look("offers")
    await page.get_by_role("button", name=re.compile("Hard to sleep through")).click()
    await page.get_by_text("these are your rules").wait_for()
    await page.get_by_role("button", name="Have quiet hours").click()
    await page.get_by_role("img", name="Quiet from 22:00 to 07:00").wait_for()
    await look("reached")
    await page.get_by_text("Change high urgency", exact=True).click()
    await look("editor")
    ctx = stage.site.world.ctx
    await people.change(
        ctx, ALICE, {"notification_rules": {"high": [{"method": "sms"}, {"after": "2m", "method": "sms"}]}}
    )
    key = {"id": "events", "type": "pagerduty", "key": "k" * 32}
    await objects.create(ctx, ADMIN, "escalation_policies", {"id": "p", "steps": [{"targets": [{"user": "alice"}]}]})
    await objects.create(ctx, ADMIN, "services", {"id": "api", "escalation_policy": "p", "integrations": [key]})
    world = stage.site.world
    await world.fire("a", title="Checkout answers with errors for 38% of customers")
    await world.fire("b", "warning", title="Disk of db-7 is 91% full")
    await world.wait(minutes=1)
    await page.goto("/me/history")
    await page.get_by_text("Checkout answers with errors").wait_for()
    await look("history")
    await page.goto(sms.to("+49301")[-1].acknowledge_url)
    await look("answer")
    assert not found, "\n".join(found)
