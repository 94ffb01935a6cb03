from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from tests.fakes.messages import message

from tocsin.clock import Clock
from tocsin.flow.context import Context
from tocsin.manage import configuration, demo, handoffs, incidents, rehearsals, reviews, status_pages, updates
from tocsin.manage.demo_channels import keeping_mail
from tocsin.manage.demo_month import MONTH
from tocsin.plugins.channels import registry
from tocsin.plugins.channels.base import DeliveryError
from tocsin.settings import Settings
from tocsin.store.database import Database


@pytest.fixture
async def ctx(db: Database) -> AsyncIterator[Context]:
    channels = registry.create(Settings())
    for channel in channels.values():
        await channel.open()
    made = Context(settings=Settings(), clock=Clock(), db=db, channels=channels, secret=b"s" * 32, instance="demo")
    made.clock.synchronise(*await db.time())
    yield made
    for channel in channels.values():
        await channel.close()


async def test_the_month_is_lived_through_and_told_in_whole_timelines(ctx: Context) -> None:
    assert await demo.load(ctx)
    listed = (await incidents.list_incidents(ctx))["items"]
    assert len(listed) == len(MONTH)
    assert sum(one["status"] == "resolved" for one in listed) == len(MONTH) - 3
    assert sum(one["acknowledged_at"] is None for one in listed) == 1
    assert all(
        datetime.fromisoformat(one["resolved_at"]) < ctx.clock.now() for one in listed if one["status"] == "resolved"
    )
    for one in listed:
        assert (await incidents.verify(ctx, one["number"]))["ok"]
    written = Counter(one["state"] for one in (await reviews.list_reviews(ctx))["items"])
    assert (written["published"], written["waived"]) == (7, 4)
    kept = await updates.promises_kept(ctx)
    assert kept["kept"] > kept["broken"] > 0, "the shop is honest, and not always in time"
    async with ctx.db.reading() as tx:
        states = dict(await tx.fetch("SELECT state, count(*) FROM pages GROUP BY state"))
        assert states.keys() <= {"acknowledged", "superseded", "delivered"}
        assert await tx.fetchval("SELECT count(*) FROM notifications WHERE state = 'failed'") == 0
        assert await tx.fetchval("SELECT count(*) FROM notifications WHERE attempts > 1") > 0


async def test_check_finds_exactly_the_holes_that_were_put_there(ctx: Context) -> None:
    await demo.load(ctx)
    ctx.channels = keeping_mail(ctx.channels)
    found = await rehearsals.check(ctx)
    assert sorted((f["level"], f["kind"], f["object"]) for f in found["items"] if f["level"] != "note") == [
        ("error", "coverage_gap", "schedule:data-primary"),
        ("error", "unreachable_person", "user:luca"),
        ("warning", "dead_integration", "integration:checkout/events"),
        ("warning", "no_runbook", "service:checkout"),
        ("warning", "not_ready", "user:sofia"),
        ("warning", "single_person", "policy:mailer"),
    ]
    notes = {f["kind"] for f in found["items"] if f["level"] == "note"}
    assert notes <= {"dst_night"}, "in some seasons the clocks change within ninety days"
    assert not found["ok"]
    by_kind = {f["kind"]: f["sentence"] for f in found["items"]}
    assert "CartAbandonment" in by_kind["no_runbook"]
    assert "Diego Santos is the only person" in by_kind["single_person"]


async def test_a_running_demo_keeps_the_mail_of_its_people_and_of_nobody_else(ctx: Context) -> None:
    """Without a mail server its pages would be failures that the check rightly reports, and nobody put them there."""
    mail = keeping_mail(ctx.channels)["email"]
    assert "sends no mail" in (await mail.send({"address": "maya@demo.invalid"}, message())).text
    with pytest.raises(DeliveryError, match="no mail server"):
        await mail.send({"address": "maya@example.com"}, message())


async def test_it_is_loaded_once_and_never_over_something_configured(ctx: Context) -> None:
    assert await demo.load(ctx)
    assert not await demo.load(ctx)
    assert len((await incidents.list_incidents(ctx))["items"]) == len(MONTH)


async def test_every_installation_gets_integration_keys_of_its_own(ctx: Context) -> None:
    await demo.load(ctx)
    keys = list(ctx.directory.integrations)
    assert len(set(keys)) == len(keys) == 8
    assert "{key}" not in await configuration.export(ctx, configuration.ITSELF)


async def test_its_shifts_were_handed_over_and_signed_but_the_last_ones(ctx: Context) -> None:
    await demo.load(ctx)
    listed = (await handoffs.list_handoffs(ctx, limit=200))["items"]
    states = Counter(one["state"] for one in listed)
    assert states["signed"] > 4
    assert states["lapsed"] == 0
    assert states["unsigned"] + states["draft"] < 8
    assert {one["schedule"] for one in listed} >= {"shop-primary", "platform-primary"}


async def test_the_status_page_of_the_demo_tells_of_the_month(ctx: Context) -> None:
    await demo.load(ctx)
    found = await status_pages.overview(ctx)
    assert [(one["id"], one["state"]) for one in found["components"] if one["state"] != "operational"] == [
        ("cards", "degraded_performance")
    ]
    assert [one["title"] for one in found["incidents"]] == ["Some payments fail"]
    assert [one["title"] for one in found["maintenance"]] == ["Orders pause for some minutes"]
    uptime = {one["id"]: one["uptime"] for one in found["components"]}
    assert uptime["mail"] == "100 %"
    assert uptime["shop"] not in ("100 %", "no data")
