"""Muting in a real browser: look before, make, end; drawings and forms at two widths, light and dark."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tocsin.flow import heartbeats
from tocsin.store.heartbeats import Received

from ..story.quiet import configure
from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations

PEOPLE = [
    {"id": "ada", "name": "Ada", "role": "admin"},
    {
        "id": "alice",
        "email": "alice@example.com",
        "contact_methods": [{"id": "phone", "type": "phone", "number": "alice"}],
    },
    *({"id": name} for name in ("bob", "carol", "erin")),
]
BEAT = {
    "id": "backup",
    "service": "api",
    "cron": "30 2 * * *",
    "time_zone": "Europe/Berlin",
    "key": "k-0123456789-abcdef",
}
NIGHTLY = {
    "id": "batch", "matchers": ['job="batch"'], "from": "2026-01-05T22:00", "rrule": "FREQ=DAILY", "duration": "4h", "reason": "batch",
}  # fmt: skip
RULE = {"id": "down", "source": ['alertname="Down"'], "target": ['severity="warning"'], "equal": ["cluster"]}


async def furnish(stage: Stage) -> None:
    world = stage.site.world
    await configure(world, users=PEOPLE, heartbeats=[BEAT], mutes=[NIGHTLY], inhibitions=[RULE])
    for kind in ("start", "success", "fail"):
        ping = Received(
            at=world.clock.now(),
            kind=kind,
            exit_status=None,
            rid=None,
            seconds=None,
            method="GET",
            remote="",
            agent="",
            body=b"said",
        )  # type: ignore[arg-type]
        await heartbeats.receive(world.ctx, world.ctx.directory.heartbeats["backup"], ping)
        await world.wait(minutes=7)


async def test_a_mute_is_looked_at_made_and_ended_on_a_phone(stage: Stage) -> None:
    await furnish(stage)
    await stage.site.world.fire("one", labels={"host": "db-7"}, title="Disk of db-7 is full")
    alice = await stage.someone("alice", PHONE)
    await alice.goto("/mutes")
    await alice.get_by_role("link", name="Mute alerts").click()
    await alice.get_by_label("Why?").fill("Disks of db-7 are being replaced")
    await alice.get_by_label("Which alerts?").fill('host="db-7"')
    await expect(alice.get_by_label("Recurrence rule")).to_be_hidden()
    await alice.get_by_role("button", name="What would it mute?").click()
    await expect(alice.get_by_role("heading", name="It would match 1 open alert")).to_be_visible()
    await alice.get_by_role("button", name="Mute", exact=True).click()
    await expect(alice.get_by_role("heading", name="Disks of db-7 are being replaced")).to_be_visible()
    await stage.site.world.fire("two", labels={"host": "db-7"}, title="Another disk of db-7 is full")
    await alice.reload()
    await expect(alice.get_by_role("link", name="Another disk of db-7 is full")).to_be_visible()
    await alice.get_by_text("End it now").click()
    await alice.get_by_role("button", name="Yes, end it").click()
    await expect(alice.get_by_text("Ended. What still fires pages now.")).to_be_visible()


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_its_pages_are_accessible(stage: Stage, size: dict[str, int], theme: str) -> None:
    await furnish(stage)
    ada = await stage.someone("ada", size, color_scheme=theme, reduced_motion="reduce")
    await ada.goto("/mutes/new")
    await ada.get_by_label("Why?").fill("x")
    await ada.get_by_label("Which service?").select_option("service:api")
    await ada.get_by_role("button", name="Mute", exact=True).click()
    await ada.wait_for_url("**/mutes/*-*")
    found: list[str] = []
    for path in (ada.url, "/mutes", "/mutes/new", "/mutes/batch", "/heartbeats", "/heartbeats/backup", "/services/api"):
        await ada.goto(path)
        if path == "/mutes/new":
            await ada.get_by_text("Again and again").click()
        found += await violations(ada)
        assert await ada.evaluate(OVERFLOWING) == [], path
        assert await ada.evaluate(SMALL) == [], path
    assert not found, "\n".join(found)
