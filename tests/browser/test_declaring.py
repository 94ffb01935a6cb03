"""Declaring in a real browser: the severity follows the answers as they are given, and the past is offered."""

from __future__ import annotations

import os

import pytest

from tocsin.manage import declaring
from tocsin.manage.declaring import Declaration

from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

LOOK = os.environ.get("TOCSIN_TEST_PICTURES")
"""A folder for pictures of the pages, to be looked at."""


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_the_severity_follows_the_answers(stage: Stage, size: dict[str, int], theme: str) -> None:
    ctx = stage.site.world.ctx
    impact = {"what": "Nobody can pay", "workaround": "Pay by invoice"}
    old = Declaration(title="Checkout answers with errors", service="api", severity=3, impact=impact)
    await declaring.declare(ctx, "user:bob", old)
    page = await stage.someone("alice", size, color_scheme=theme, reduced_motion="reduce")
    await page.goto("/incidents/new")
    await page.get_by_label("What is wrong?").fill("Checkout answers with errors again")
    await page.get_by_label("What can people not do?").fill("Pay by card")
    await page.get_by_label("Share of all users").fill("12")
    await page.get_by_text("Pay by invoice").wait_for()
    verdict = page.locator("#verdict")
    await verdict.get_by_text("12% of users (SEV2 from 10%)").wait_for()
    revenue = page.get_by_role("group", name="Are revenue systems completely down?")
    await revenue.get_by_label("Not sure").check()
    await page.get_by_role("button", name="Declare SEV1 and page").wait_for()
    assert await page.get_by_label("What is wrong?").input_value() == "Checkout answers with errors again"
    assert await violations(page) == []
    assert await page.evaluate(OVERFLOWING) == []
    assert await page.evaluate(SMALL) == []
    if LOOK:
        await page.screenshot(path=f"{LOOK}/declare-{theme}-{size['width']}.png", full_page=True)
    await page.get_by_role("button", name="Declare SEV1 and page").click()
    await page.get_by_role("heading", name="First minutes").wait_for()
    await page.get_by_text("Has this happened before?").click()
    await page.get_by_text("Pay by invoice").wait_for()
    await page.get_by_role("button", name="Acknowledge: I am on it").click()
    await page.get_by_text("answered at").wait_for()
    assert await page.get_by_text("Pay by invoice").is_visible(), "what was opened stays when the room is drawn anew"
    assert await violations(page) == []
    if LOOK:
        await page.screenshot(path=f"{LOOK}/room-{theme}-{size['width']}.png", full_page=True)
