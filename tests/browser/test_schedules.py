"""The schedule pages in a real browser: a shift handed over in two clicks, a layer changed with a look ahead, drawn on every screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tocsin.core.configuration import Schedule
from tocsin.core.schedule import who
from tocsin.core.spelling import decode
from tocsin.manage import configuration

from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

WEEK = {
    "id": "primary", "name": "Payments", "time_zone": "Europe/Berlin", "team": "payments",
    "layers": [
        {"id": "weekly", "users": ["bob", "carol", "alice"], "starts": "2026-01-05T09:00"},
        {"id": "nights", "users": ["erin", "bob"], "starts": "2026-01-05T09:00", "rotation": {"unit": "day"},
         "restrictions": [{"days": ["mon", "tue", "wed", "thu"], "from": "22:00", "to": "06:00"}]},
    ],
    "overrides": [{"user": "carol", "from": "2026-03-04T12:00", "to": "2026-03-05T12:00"}],
    "shadows": [{"user": "bob", "from": "2026-03-02T09:00", "to": "2026-03-04T09:00"}],
}  # fmt: skip
OFFICE = {
    "id": "office", "name": "Office hours only",
    "layers": [{"id": "office", "users": ["alice"], "starts": "2026-01-05T09:00",
                "restrictions": [{"days": ["mon", "tue"], "from": "09:00", "to": "17:00"}]}],
}  # fmt: skip


@pytest.fixture
async def rota(stage: Stage) -> Stage:
    ctx = stage.site.world.ctx
    made = {raw["id"]: decode(raw, Schedule) for raw in (WEEK, OFFICE)}
    wanted = replace(ctx.directory, schedules=made)
    await configuration.change(ctx, configuration.ITSELF, lambda _: wanted)
    return stage


def on_call(stage: Stage) -> str | None:
    found = who(stage.site.world.ctx.directory.schedules["primary"], datetime(2026, 3, 2, 10, 30, tzinfo=UTC))
    return found[0] if found else None


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
async def test_a_shift_is_handed_over_in_two_clicks_and_taken_back(rota: Stage, viewport: dict[str, int]) -> None:
    page = await rota.someone("alice", viewport)
    await page.goto("/schedules/primary")
    assert on_call(rota) == "alice"
    bars = page.locator(".rota a:visible").filter(has=page.locator(".running"))
    await bars.first.click()
    await page.get_by_role("button", name="Bob").click()
    await page.get_by_text("Bob takes it. Those whose shifts changed are told.").wait_for()
    assert on_call(rota) == "bob"
    await page.get_by_role("listitem").filter(has_text="Bob takes it").get_by_role("button", name="End it").click()
    await page.get_by_text("Ended.").wait_for()
    assert on_call(rota) == "alice"


async def test_the_editor_looks_ahead_while_one_chooses_and_asks_before_it_takes_a_running_shift(rota: Stage) -> None:
    page = await rota.someone("erin", DESK)
    await page.goto("/schedules/primary/edit")
    await page.get_by_label("Turn 1 of weekly").select_option("erin")
    await page.locator("#preview").get_by_text("What this would change").wait_for()
    assert "Erin" in await page.locator("#preview").inner_text()
    await page.get_by_label("Turn 3 of weekly").select_option("carol")
    await page.locator("#preview").get_by_text("Alice is on call now").wait_for()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("confirm that this is meant").wait_for()
    rota.complaints[:] = [said for said in rota.complaints if "409" not in said]
    assert on_call(rota) == "alice"
    await page.get_by_label("Yes, Alice loses the running shift").check()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Saved.").wait_for()
    assert on_call(rota) == "carol"
    await page.get_by_role("link", name="What it meant, and undo").click()
    await page.get_by_role("button", name="Undo").click()
    await page.get_by_label("Yes, Carol loses the running shift").check()
    await page.get_by_role("button", name="Go back to this").click()
    await page.get_by_text("It is as it was at revision").wait_for()
    assert on_call(rota) == "alice"


PAGES = (
    "/schedules", "/schedules/primary", "/schedules/primary?view=month", "/schedules/office",
    "/schedules/primary?cover=2026-03-04T11:00:00Z~2026-03-05T11:00:00Z", "/schedules/primary/edit", "/schedules/primary/versions",
    "/new/schedule?pattern=follow_the_sun",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_of_schedules_is_for_everybody(rota: Stage, scheme: str) -> None:
    for viewport in (PHONE, DESK):
        page = await rota.someone("erin", viewport, color_scheme=scheme)
        for path in PAGES:
            await page.goto(path)
            assert await violations(page) == [], (path, viewport)
            assert await page.evaluate(OVERFLOWING) == [], (path, viewport)
            assert await page.evaluate(SMALL) == [], (path, viewport)


async def test_without_a_script_the_editor_still_looks_ahead_and_saves(rota: Stage) -> None:
    page = await rota.someone("erin", PHONE, java_script_enabled=False)
    await page.goto("/schedules/primary/edit")
    await page.get_by_label("Turn 1 of weekly").select_option("erin")
    await page.get_by_role("button", name="Look ahead").last.click()
    assert "What this would change" in await page.locator("#preview").inner_text()
    await page.get_by_role("button", name="Save").click()
    assert "Saved." in await page.locator("main").inner_text()
