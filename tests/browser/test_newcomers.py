"""The checklist of a newcomer in a real browser without JavaScript, and the accessibility of pages that stand beside it."""

from __future__ import annotations

import pytest

from tocsin.core.spelling import plain

from ..story.world import directory
from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

SHADOWED = {"user": "carol", "from": "2026-02-16T09:00", "to": "2026-03-02T09:00"}


def shadowed(stage: Stage) -> None:
    """Carol shadowed two weeks of Alice and Bob."""
    world = stage.site.world
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}
    schedule = {"id": "primary", "name": "Primary", "team": "payments", "layers": [layer], "shadows": [SHADOWED]}
    users = [plain(user) for user in world.ctx.directory.users.values()]
    world.ctx.directory = directory({"schedules": [schedule], "users": users})


async def test_a_mentor_ticks_and_signs_on_a_phone_without_javascript(stage: Stage) -> None:
    shadowed(stage)
    alice = await stage.someone("alice", PHONE, java_script_enabled=False)
    await alice.goto("/newcomers")
    await alice.get_by_role("link", name="Carol").click()
    for left in (5, 4, 3, 2, 1):
        assert await alice.get_by_role("button", name="Tick").count() == left
        await alice.get_by_role("button", name="Tick").first.click()
    await alice.get_by_label("What should others know?").fill("Calm hands.")
    await alice.get_by_role("button", name="Sign: Carol is ready").click()
    await alice.get_by_text("Signed by Alice").wait_for()
    assert await alice.get_by_text("Calm hands.").is_visible()


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")])
async def test_these_pages_are_accessible(stage: Stage, size: dict[str, int], theme: str) -> None:
    shadowed(stage)
    window = await stage.someone("ada", size, color_scheme=theme, reduced_motion="reduce")
    found: list[str] = []
    for path in ("/newcomers", "/newcomers/carol?team=payments", "/new/heartbeat", "/me/news", "/check"):
        await window.goto(path)
        found += await violations(window)
        assert await window.evaluate(OVERFLOWING) == [], path
        assert await window.evaluate(SMALL) == [], path
    assert not found, "\n".join(found)
