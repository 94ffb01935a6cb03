"""Foresight in a real browser: a future drawn on a phone, a drill watched until somebody answers."""

from __future__ import annotations

import pytest

from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_the_pages_of_foresight_are_accessible_and_fit(stage: Stage, size: dict[str, int], theme: str) -> None:
    room = await stage.site.room(key="a", title="Checkout answers with errors for 38% of customers")
    await stage.site.world.wait(minutes=11)
    await stage.site.world.acknowledge(1, "bob")
    ada = await stage.someone("ada", size, color_scheme=theme, reduced_motion="reduce")
    wrong: list[str] = []
    for path in (
        "/check", "/rehearse", "/rehearse?service=api&severity=sev1_critical&at=2026-03-02T22:00",
        "/rehearse?service=api&severity=sev3_medium&at=2026-03-02T22:00", f"{room}/replay", "/drills",
        "/explain?user=alice&at=2026-03-02T10:05",
    ):  # fmt: skip
        await ada.goto(path)
        wrong += await violations(ada)
        wrong += [f"{path} {what}" for script in (OVERFLOWING, SMALL) for what in await ada.evaluate(script)]
    assert wrong == []


async def test_a_rehearsal_draws_a_lane_for_each_person(stage: Stage) -> None:
    ada = await stage.someone("ada", PHONE)
    await ada.goto("/rehearse")
    await ada.get_by_label("Service", exact=True).select_option("api")
    await ada.get_by_label("Severity", exact=True).select_option("sev1_critical")
    await ada.get_by_role("button", name="Rehearse", exact=True).click()
    await ada.get_by_text("Alice is paged first, loudly.").wait_for()
    lanes = ada.locator(".future .lane:not(.axis)")
    assert await lanes.locator(".whose").all_inner_texts() == ["Alice", "Bob", "Carol", "Erin"]
    places = [await lanes.nth(n).locator("circle.mark").first.bounding_box() for n in range(4)]
    lefts = [place["x"] for place in places if place]
    assert lefts == sorted(lefts)
    assert lefts[-1] < PHONE["width"]


async def test_a_drill_is_watched_without_a_reload(stage: Stage) -> None:
    world = stage.site.world
    alice = await stage.someone("alice", PHONE)
    await alice.goto("/drills")
    await alice.get_by_label("Service", exact=True).select_option("api")
    await alice.get_by_role("button", name="Start the drill").click()
    await alice.wait_for_url("**/drills/INC-*")
    await world.settle()
    await alice.get_by_text("Alice was reached first").wait_for()
    await world.wait(seconds=42)
    await world.acknowledge(1, "alice")
    await world.wait(seconds=5)
    await alice.get_by_text("Alice answered after 42 s").wait_for()
    assert await alice.get_by_role("button", name="Stop the drill").count() == 0
