"""A handoff in a real browser, without a mouse and without JavaScript; the pages of shifts are accessible at every size."""

from __future__ import annotations

import pytest

from tocsin.core.spelling import plain
from tocsin.flow import improve, relieve
from tocsin.manage import handoffs

from ..story.world import directory
from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

LAYER = {"id": "weekly", "users": ["alice", "bob", "carol"], "starts": "2026-03-02T09:00"}


async def week(stage: Stage) -> None:
    """Alice's week with some incidents; its end is near."""
    world = stage.site.world
    users = [plain(user) for user in world.ctx.directory.users.values()]
    schedules = [{"id": "primary", "name": "Payments primary", "layers": [LAYER]}]
    world.ctx.directory = directory({"users": users, "schedules": schedules})
    await relieve.keep_watch(world.ctx)
    await improve.keep_watch(world.ctx)
    for hours in (3, 17, 30):
        await world.wait(hours=hours)
        outcome = await world.fire(title="Latency p99 above 2 s, OPS-12", labels={"alertname": "LatencyHigh"})
        await world.acknowledge(outcome.incident)
        await world.ends()
    await world.fire("queue", "error", title="Queue of refunds grows")
    await world.wait(days=4, hours=10)


async def test_the_outgoing_writes_and_the_incoming_signs_on_a_phone_without_javascript(stage: Stage) -> None:
    await week(stage)
    alice = await stage.someone("alice", PHONE, java_script_enabled=False)
    await alice.goto("/handoffs/1")
    await alice.get_by_label("Notes for Bob").fill("Call me.")
    await alice.get_by_label("Add a line").nth(2).fill("Sale on Wednesday")
    await alice.get_by_role("button", name="Save for Bob").click()
    await alice.get_by_text("Saved: the incoming reads it like this.").wait_for()
    bob = await stage.someone("bob", PHONE, java_script_enabled=False)
    await bob.goto("/handoffs/1")
    assert await bob.get_by_text("Sale on Wednesday").is_visible()
    await bob.get_by_role("button", name="Sign").click()
    await bob.get_by_text("Signed by Bob").wait_for()
    assert (await handoffs.get(stage.site.world.ctx, 1))["state"] == "signed"


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_the_pages_of_shifts_are_accessible(stage: Stage, size: dict[str, int], theme: str) -> None:
    await week(stage)
    found: list[str] = []
    for user, paths in (
        ("alice", ("/handoffs/1", "/handoffs", "/health", "/alerts/1")),
        ("ada", ("/pay", "/schedules/primary")),
    ):
        window = await stage.someone(user, size, color_scheme=theme, reduced_motion="reduce")
        for path in paths:
            await window.goto(path)
            for summary in await window.locator("main summary:visible").all():
                await summary.click()
            found += await violations(window)
            assert await window.evaluate(OVERFLOWING) == [], path
            assert await window.evaluate(SMALL) == [], path
    assert not found, "\n".join(found)
