"""Long storms with trouble at random moments. Set TOCSIN_TEST_SEED to repeat one; the seed is in the name of what fails."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.crash import audit
from tests.crash.sites import Cluster, Nursery, Site, temporary_folder
from tests.crash.storm import Storm
from tests.fakes.ports import free_port

SECONDS = float(os.environ.get("TOCSIN_TEST_STORM_SECONDS", "60"))
PER_SECOND = 15.0
SEEDS = [int(seed) for seed in os.environ.get("TOCSIN_TEST_SEED", "1 2 3").split()]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600), pytest.mark.parametrize("seed", SEEDS)]


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    made = Cluster()
    try:
        await made.start()
        yield made
    finally:
        await made.close()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from temporary_folder()


async def rage(
    storm: Storm, chance: random.Random, trouble: Callable[[], Awaitable[None]], shortest: float, longest: float
) -> None:
    """A storm with trouble again and again, then rest, then the audit."""
    raging = asyncio.create_task(storm.steadily(SECONDS, PER_SECOND))
    while not raging.done():
        await asyncio.wait([raging], timeout=chance.uniform(shortest, longest))
        if not raging.done():
            await trouble()
    await raging
    await storm.rest(60)
    await storm.answer_what_waits()
    await storm.rest(60)
    deaths = sum(1 for node in storm.site.nodes if node.died_at)
    found = await audit.at_rest(storm, deaths)
    assert found == [], "\n".join([*found, storm.site.said()[-20_000:]])


async def test_one_node_is_killed_again_and_again(seed: int, nursery: Nursery, folder: Path) -> None:
    chance = random.Random(seed)
    async with Site(nursery, "", folder) as site:
        await site.start().ready()

        async def kill() -> None:
            """Sometimes before it has come up again."""
            await site.nodes[-1].kill()
            node = site.start()
            if chance.random() < 0.7:
                await node.ready()

        async with Storm(site, lambda: [site.nodes[-1].url]) as storm:
            await rage(storm, chance, kill, 0.2, 6)
            assert sum(1 for node in site.nodes if node.died_at) > SECONDS / 10
        await site.nodes[-1].stop()


async def test_one_of_two_nodes_is_killed_again_and_again(
    seed: int, cluster: Cluster, nursery: Nursery, folder: Path
) -> None:
    chance = random.Random(seed)
    async with Site(nursery, await cluster.create(), folder) as site:
        nodes = [site.start(port=free_port()), site.start(port=free_port())]
        await asyncio.gather(*(node.ready() for node in nodes))

        async def kill() -> None:
            position = chance.randrange(2)
            await nodes[position].kill()
            nodes[position] = site.start(port=free_port())
            await nodes[position].ready()

        async with Storm(site, lambda: [node.url for node in nodes]) as storm:
            await rage(storm, chance, kill, 0.5, 5)


async def test_the_database_fails_in_every_way(seed: int, cluster: Cluster, nursery: Nursery, folder: Path) -> None:
    chance = random.Random(seed)
    async with Site(nursery, await cluster.create(), folder) as site:
        node = site.start()
        await node.ready()

        async def fail() -> None:
            match chance.randrange(3):
                case 0:
                    await cluster.stop()
                    await asyncio.sleep(chance.uniform(0, 4))
                    await cluster.start()
                case 1:
                    await cluster.kill()
                    await asyncio.sleep(chance.uniform(0, 2))
                    await cluster.start()
                case _:
                    cluster.freeze()
                    await asyncio.sleep(chance.uniform(0, 14))
                    cluster.thaw()

        async with Storm(site, lambda: [node.url]) as storm:
            await rage(storm, chance, fail, 2, 8)
            assert node.alive
            assert storm.longest < 13, f"somebody heard nothing for {storm.longest:.1f} s"
