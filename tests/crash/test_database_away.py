"""The database stops, dies or freezes in the middle of a storm: senders hear 503 and come again, and nothing accepted is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.crash import audit
from tests.crash.sites import Cluster, Nursery, Site
from tests.crash.storm import Storm

LONGEST_ANSWER = 12.0
"""Seconds after which every sender has heard something."""


@pytest.fixture
async def own_cluster() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.close()


async def ride_out(
    site: Site, trouble: Callable[[], Awaitable[None]], seconds: float = 3, per_second: float = 25
) -> Storm:
    """A storm during which `trouble` happens, then rest, then the audit. The node lives through it all."""
    node = site.start()
    await node.ready()
    async with Storm(site, lambda: [node.url]) as storm:
        raging = asyncio.create_task(storm.steadily(seconds, per_second))
        await asyncio.sleep(seconds / 3)
        await trouble()
        await raging
        await storm.rest(40)
        await storm.answer_what_waits()
        await storm.rest()
        assert node.alive, node.said()
        found = await audit.at_rest(storm)
        assert found == [], "\n".join([*found, site.said()])
        assert storm.longest < LONGEST_ANSWER, f"somebody heard nothing for {storm.longest:.1f} s\n{site.said()}"
    return storm


async def test_it_stops_and_comes_back(own_cluster: Cluster, nursery: Nursery, folder: Path) -> None:
    async def trouble() -> None:
        await own_cluster.stop()
        await asyncio.sleep(1.5)
        await own_cluster.start()

    async with Site(nursery, await own_cluster.create(), folder) as site:
        assert (await ride_out(site, trouble)).unavailable > 0


async def test_it_is_killed_and_recovers(own_cluster: Cluster, nursery: Nursery, folder: Path) -> None:
    async def trouble() -> None:
        await own_cluster.kill()
        await own_cluster.start()

    async with Site(nursery, await own_cluster.create(), folder) as site:
        await ride_out(site, trouble)


async def test_it_freezes_for_longer_than_anybody_waits(own_cluster: Cluster, nursery: Nursery, folder: Path) -> None:
    async def trouble() -> None:
        own_cluster.freeze()
        await asyncio.sleep(14)
        own_cluster.thaw()

    async with Site(nursery, await own_cluster.create(), folder) as site:
        assert (await ride_out(site, trouble)).unavailable > 0
