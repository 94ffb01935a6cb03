"""Every page, at two widths, light and dark: axe finds nothing, nothing overflows, everything is large enough to touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tocsin.plugins.probes import registry as probes

from .conftest import DESK, PHONE, Stage

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW = {"width": 320, "height": 640}

SMALL = """() => [...document.querySelectorAll(
  '.button, .tabs a, summary, input:not([type=hidden]):not([type=radio]):not([type=checkbox]), select, textarea, .choice, '
  + 'label:has(> [type=checkbox])')]
  .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.5 && e.getBoundingClientRect().height > 1)
  .map(e => e.outerHTML.slice(0, 120))"""


async def violations(page: Page) -> list[str]:
    """What axe finds, each as one line."""
    await page.evaluate(AXE)
    found: dict[str, Any] = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    return [
        f"{page.url}: {rule['id']}: {rule['help']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


OVERFLOWING = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).slice(-3).map(e => e.outerHTML.slice(0, 160))"""


async def filled(stage: Stage) -> list[str]:
    """Little of everything; the paths of all pages."""
    world = stage.site.world
    world.ctx.probes = probes.create()
    room = await stage.site.room(
        key="a", title="Checkout answers with errors for 38% of customers", labels={"region": "fra"}
    )
    await stage.site.room(key="b", severity="error", title="A" * 300)
    await stage.site.room(key="c", severity="warning", title="Disk of db-7 is 91% full")
    await stage.site.room(key="d", severity="info", title="Certificate ends in 20 days")
    ended = await stage.site.room(key="e", severity="error", title="Queue of refunds grows")
    await world.ends("e")
    await world.wait(minutes=30)
    return [
        "/", "/incidents", "/incidents?status=open&q=nothing", "/incidents/new", room, ended, "/alerts", "/alerts/1", "/oncall",
        room + "/explain", "/services", "/services/api", "/tokens", "/account", "/welcome", "/incidents/INC-00000000", "/queues",
        "/policies/payments/edit", "/teams/payments", "/incidents/import", "/services/api/new-probe?type=tcp",
    ]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_every_page_is_accessible(stage: Stage, size: dict[str, int], theme: str) -> None:
    paths = await filled(stage)
    ada = await stage.someone("ada", size, color_scheme=theme, reduced_motion="reduce")
    found: list[str] = []
    for path in paths:
        await ada.goto(path)
        found += await violations(ada)
        assert await ada.evaluate(OVERFLOWING) == [], path
        assert await ada.evaluate(SMALL) == [], path
    stage.complaints[:] = [text for text in stage.complaints if "404 (Not Found)" not in text]
    assert not found, "\n".join(found)


async def test_pages_before_signing_in_are_accessible(stage: Stage) -> None:
    await stage.site.room()
    found: list[str] = []
    for theme in ("light", "dark"):
        window = await stage.window(PHONE, color_scheme=theme)
        for path in ("/sign-in", "/sign-in/nonsense", stage.site.world.phone("alice").last.acknowledge_url):
            await window.goto(path)
            found += await violations(window)
    stage.complaints[:] = [text for text in stage.complaints if "410 (Gone)" not in text]
    assert not found, "\n".join(found)


async def test_an_empty_house_is_accessible_and_says_what_to_do(stage: Stage) -> None:
    ada = await stage.someone("ada")
    found: list[str] = []
    for path in ("/", "/incidents", "/alerts", "/tokens"):
        await ada.goto(path)
        found += await violations(ada)
    assert not found, "\n".join(found)


async def test_the_narrowest_phone_shows_everything(stage: Stage) -> None:
    paths = await filled(stage)
    ada = await stage.someone("ada", NARROW)
    for path in paths:
        await ada.goto(path)
        assert await ada.evaluate(OVERFLOWING) == [], path
    stage.complaints[:] = [text for text in stage.complaints if "404 (Not Found)" not in text]


async def test_the_palette_is_accessible_when_open(stage: Stage) -> None:
    await stage.site.room()
    ada = await stage.someone("ada", DESK)
    await ada.goto("/")
    await ada.keyboard.press("/")
    await ada.get_by_role("option").first.wait_for()
    assert await violations(ada) == []


async def test_the_theme_can_be_chosen_against_the_device(stage: Stage) -> None:
    ada = await stage.someone("ada", DESK, color_scheme="light")
    await ada.goto("/account")
    await ada.get_by_label("Dark").check()
    await ada.get_by_role("button", name="Save").click()
    await ada.get_by_text("Saved for this browser.").wait_for()
    assert await ada.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 26)"


async def test_on_a_phone_the_menu_opens_every_other_page(stage: Stage) -> None:
    window = await stage.someone("olga")
    await window.goto("/heartbeats")
    assert await window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await window.locator(".more summary").click()
    places = await window.locator(".sheet a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    wanted = {"/mutes", "/schedules", "/handoffs", "/health", "/pay", "/severities", "/check", "/drills", "/me"}
    assert wanted <= set(places)
    for place in places:
        answer = await window.goto(place)
        assert answer is not None
        assert answer.status == 200, place
    await window.goto("/check")
    await window.locator(".more summary").click()
    await window.get_by_role("link", name="Handoffs").click()
    await window.wait_for_url("**/handoffs")
