"""An incident is led to its end in its room, on a phone: the rail, the failing probe, the watch, the times."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tocsin.core.probe import Probe
from tocsin.core.spelling import Duration

from ..story.test_lifecycle import FakeProbe
from .conftest import Stage
from .test_pages import violations


def give_probe(stage: Stage) -> FakeProbe:
    """The service of the room gets a probe."""
    probe, ctx = FakeProbe(), stage.site.world.ctx
    services = dict(ctx.directory.services)
    settings = {"at": "x"}
    configured = Probe("checkout", "fake", settings, interval=Duration(0))
    services["api"] = type(services["api"])(
        **{name: getattr(services["api"], name) for name in services["api"].__struct_fields__ if name != "probes"},
        probes=(configured,),
    )
    ctx.directory = type(ctx.directory)(
        **{
            name: getattr(ctx.directory, name)
            for name in ctx.directory.__dataclass_fields__
            if name not in ("services", "memo")
        },
        services=services,
    )
    ctx.probes = {"fake": probe}
    return probe


async def works_again(page: Page, notes: str, force: str = "") -> None:
    check = page.get_by_label("What did you check?")
    if not await check.is_visible():
        await page.locator("summary", has_text="It works again").click()
    await check.fill(notes)
    if force:
        await page.get_by_label("If a probe fails").fill(force)
    await page.get_by_role("button", name="Check, and watch it").click()


async def test_an_incident_is_led_to_its_end_on_a_phone(stage: Stage) -> None:
    probe = give_probe(stage)
    world = stage.site.world
    room = await stage.site.room(title="Checkout answers with errors")
    alice = await stage.someone("alice")
    await alice.goto(room)
    here = alice.locator(".life-rail [aria-current=step]")
    await expect(here).to_contain_text("Detected")
    await alice.get_by_role("button", name="Investigating").click()
    await expect(here).to_contain_text("Investigating")
    await alice.get_by_role("button", name="Cause identified").click()
    await expect(here).to_contain_text("Identified")
    assert await violations(alice) == []
    probe.good = False
    await works_again(alice, "bought something")
    await expect(alice.locator("#messages")).to_contain_text("Not restored: checkout of Payments API: 0 of 3 good")
    await expect(here).to_contain_text("Identified")
    probe.good = True
    await works_again(alice, "bought something with a real card")
    await expect(here).to_contain_text("Monitoring")
    await expect(alice.locator(".life-note")).to_contain_text("Watched until")
    await alice.locator(".life-more > summary", has_text="Times").click()
    await expect(alice.locator(".life-times")).to_contain_text("exact, probes")
    assert await violations(alice) == []
    await world.ends()
    await world.wait(minutes=31)
    await alice.reload()
    await expect(here).to_contain_text("Resolved")
    assert (await world.incident())["status"] == "resolved"
