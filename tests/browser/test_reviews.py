"""Reviews in a real browser: a draft is written and published; the pages fit, read and print well."""

from __future__ import annotations

import pytest

from tocsin.core.incident import public_id
from tocsin.flow import closing
from tocsin.manage import review_parts
from tocsin.manage.review_parts import ActionChange

from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

ROOM = f"/incidents/{public_id(1)}"


async def over(stage: Stage) -> None:
    """A SEV1 that was answered after 3 minutes and resolved after 20, with a half-written review."""
    world = stage.site.world
    await world.fire(severity="critical", title="Database connection pool exhausted")
    await world.wait(minutes=3)
    await world.acknowledge(1, "alice")
    await world.wait(minutes=17)
    await closing.resolve(world.ctx, 1, "user:alice", "A larger pool; long queries ended")
    for section, text in (
        ("root_cause", "Bob pushed bad code, obviously."),
        ("what_happened", "- Sign-in failed\n- **Nobody** could pay"),
    ):
        await review_parts.write_section(world.ctx, 1, section, "user:alice", text)
    await review_parts.add_factor(
        world.ctx, 1, "user:alice", "process", "No step stops at one region", "the pipeline's log"
    )
    await review_parts.add_action(
        world.ctx, 1, "user:alice", ActionChange(action="Limit the pool", owner="bob", due_on="2026-03-20")
    )


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_a_review_is_written_and_published_on_accessible_pages(
    stage: Stage, size: dict[str, int], theme: str
) -> None:
    await over(stage)
    page = await stage.someone("alice", size, color_scheme=theme, reduced_motion="reduce")
    wrong: list[str] = []
    for path in (f"{ROOM}/review", f"{ROOM}/report", "/reviews", "/language"):
        await page.goto(path)
        wrong += await violations(page)
        wrong += [f"{path} {what}" for script in (OVERFLOWING, SMALL) for what in await page.evaluate(script)]
    assert wrong == []
    await page.goto(f"{ROOM}/review")
    await page.get_by_text("The system allowed bad code to be pushed").first.wait_for()
    root = page.locator("#root_cause")
    await root.get_by_text("Edit what is written").click()
    await root.get_by_role("textbox").fill("The pool had no limit.")
    await root.get_by_role("button", name="Save").click()
    await page.locator("#lessons_learned").get_by_text("Write", exact=False).first.click()
    await page.locator("#lessons_learned").get_by_role("textbox").fill("Watch the age of the oldest job.")
    await page.locator("#lessons_learned").get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Publish the review").click()
    await page.get_by_text("Review published.").wait_for()
    await page.get_by_role("link", name="it can be closed now").wait_for()
