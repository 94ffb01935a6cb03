"""The status page in a real browser: without a script, at two widths, light and dark, and the page of whoever keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from playwright.async_api import expect

from tocsin.core.permission import Principal
from tocsin.flow import updates
from tocsin.manage import mutes

from ..story.quiet import configure
from ..story.test_status_page import Mail
from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

PEOPLE = [
    {"id": "ada", "name": "Ada", "role": "admin"},
    *({"id": name, "email": f"{name}@example.com"} for name in ("alice", "bob", "carol", "erin")),
]
PAGE = {
    "id": "public", "name": "Example Status", "public": True, "time_zone": "Europe/Berlin",
    "description": "What our customers see of us.",
    "components": [
        {"id": "cards", "name": "Card payments", "group": "Payments", "services": ["api"], "description": "Visa and Mastercard"},
        {"id": "debit", "name": "Direct debit", "group": "Payments", "services": ["api"]},
        {"id": "shop", "name": "Shop", "services": ["grouped"]},
        {"id": "docs", "name": "Documentation and help for everybody who integrates us"},
    ],
}  # fmt: skip
ADA = Principal("user:ada", "admin", "ada", "Ada")


async def furnish(stage: Stage) -> None:
    """Two past incidents, an open one, maintenance that runs and some that is announced."""
    world = stage.site.world
    world.ctx.channels["email"] = Mail()  # type: ignore[index]
    await configure(world, users=PEOPLE, status_pages=[PAGE])
    for day, state in ((0, "degraded_performance"), (3, "major_outage")):
        number = (await world.fire(f"old-{day}", title="Payments are slow")).incident or 0
        await updates.publish(
            ctx := world.ctx, number, "user:ada", "public", "We look into it.", components={"cards": state}
        )
        await world.wait(minutes=50)
        await updates.publish(ctx, number, "user:ada", "public", "All is well again.", status="resolved")
        await world.wait(days=3)
    now = world.clock.now()
    for title, start, hours in (("New card terminals", 26, 2), ("Move of the documentation", -1, 3)):
        await mutes.create(
            world.ctx, ADA,
            {
                "kind": "maintenance", "services": ["grouped"], "reason": "internal",
                "starts_at": (now + timedelta(hours=start)).isoformat(), "ends_at": (now + timedelta(hours=start + hours)).isoformat(),
                "announce": {"title": title, "message": "You may notice short pauses.", "components": ["docs" if start < 0 else "cards"]},
            },
        )  # fmt: skip
    number = (await world.fire("now", title="Cards are refused")).incident or 0
    await updates.publish(
        world.ctx, number, "user:ada", "public", "Some cards are refused. We are looking for the cause.\n\nThe next word is at 11:00.",
        components={"cards": "partial_outage", "debit": "degraded_performance"},
    )  # fmt: skip
    await updates.publish(
        world.ctx, number, "user:ada", "public", "We found it, and are putting it right.", status="identified"
    )


async def test_the_public_reads_it_without_a_script_at_any_width_light_and_dark(stage: Stage) -> None:
    await furnish(stage)
    stage.site.world.ctx.settings = replace(stage.site.world.ctx.settings, smtp_url="smtp://127.0.0.1:25")
    for view, scheme in ((PHONE, "dark"), (DESK, "light")):
        window = await stage.window(view, color_scheme=scheme, java_script_enabled=False)
        await window.goto("/status")
        await expect(window.get_by_role("heading", level=1)).to_have_text("Partial System Outage")
        await expect(window.get_by_text("We found it, and are putting it right.")).to_be_visible()
        await window.get_by_role("link", name="Cards are refused").click()
        await expect(window.get_by_text("Concerns Card payments, Direct debit.")).to_be_visible()
        await window.get_by_role("link", name="History").first.click()
        await expect(window.get_by_role("heading", name="Payments are slow").first).to_be_visible()
    for scheme in ("light", "dark"):
        looker = await stage.window(PHONE, color_scheme=scheme)
        for path in ("/status", "/status/history"):
            await looker.goto(path)
            assert await looker.evaluate(OVERFLOWING) == []
            assert await looker.evaluate(SMALL) == []
            assert await violations(looker) == []


async def test_somebody_subscribes_and_the_keeper_sees_it(stage: Stage) -> None:
    await furnish(stage)
    world = stage.site.world
    world.ctx.settings = replace(world.ctx.settings, smtp_url="smtp://127.0.0.1:25")
    visitor = await stage.window(PHONE, java_script_enabled=False)
    await visitor.goto("/status")
    await visitor.get_by_label("E-mail address").fill("kim@example.com")
    await visitor.get_by_role("button", name="Subscribe").click()
    await expect(visitor.get_by_role("heading", name="Look into your mail")).to_be_visible()
    ada = await stage.someone("ada", DESK)
    for path in ("/status-page", "/status-page/edit", "/status-page/subscribers"):
        await ada.goto(path)
        assert await ada.evaluate(OVERFLOWING) == []
        assert await violations(ada) == []
    await expect(ada.get_by_role("strong").filter(has_text="kim@example.com")).to_be_visible()
