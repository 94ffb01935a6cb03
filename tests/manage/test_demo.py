from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from tocsin.clock import Clock
from tocsin.flow.context import Context
from tocsin.manage import configuration, demo, incidents
from tocsin.manage.demo_month import MONTH
from tocsin.plugins.channels import registry
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
    async with ctx.db.reading() as tx:
        states = dict(await tx.fetch("SELECT state, count(*) FROM pages GROUP BY state"))
        assert states.keys() <= {"acknowledged", "superseded", "delivered"}
        assert await tx.fetchval("SELECT count(*) FROM notifications WHERE state = 'failed'") == 0
        assert await tx.fetchval("SELECT count(*) FROM notifications WHERE attempts > 1") > 0


async def test_it_is_loaded_once_and_never_over_something_configured(ctx: Context) -> None:
    assert await demo.load(ctx)
    assert not await demo.load(ctx)
    assert len((await incidents.list_incidents(ctx))["items"]) == len(MONTH)


async def test_every_installation_gets_integration_keys_of_its_own(ctx: Context) -> None:
    await demo.load(ctx)
    keys = list(ctx.directory.integrations)
    assert len(set(keys)) == len(keys) == 6
    assert "{key}" not in await configuration.export(ctx, configuration.ITSELF)
