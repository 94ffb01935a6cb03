"""Random walks through everything that sources, people, providers and time may do, with what must hold looked at after every act.

Set TOCSIN_TEST_SEED to repeat one; the seed is in the name of what fails, and the failure tells the way there.
"""

from __future__ import annotations

import asyncio
import os
import random
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from tests.soak.invariants import broken
from tests.soak.walks import Walk
from tests.story.world import World

from tocsin.manage import incidents, ladders
from tocsin.manage.explain import explain
from tocsin.store.database import Database

SEEDS = [int(seed) for seed in os.environ.get("TOCSIN_TEST_SEED", "1 2 3 4 5 6").split()]
ACTS = int(os.environ.get("TOCSIN_TEST_ACTS", "120"))
START = datetime(2026, 3, 27, 13, 0, tzinfo=UTC)
"""A Friday afternoon; the clocks change in the night to Sunday."""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900), pytest.mark.parametrize("seed", SEEDS)]


@pytest.mark.parametrize("together", [1, 4])
async def test_whatever_happens_nobody_is_forgotten(db: Database, seed: int, together: int) -> None:
    """`together`: so many acts begin in the same moment."""
    chance = random.Random(seed)
    async with World(db, start=START) as world:
        walk = Walk(world, chance)
        await walk.begin()
        for _ in range(ACTS):
            await asyncio.gather(*(walk.act() for _ in range(chance.randint(1, together))))
            await world.settle()
            assert (found := await broken(world)) == [], "\n".join([*found, *walk.log[-60:]])
            await look(world)
        await end(world, in_order=together == 1)


async def look(world: World) -> None:
    """What people look at can be drawn."""
    for row in await world.rows("SELECT id FROM incidents ORDER BY status IN ('resolved', 'closed'), id DESC LIMIT 4"):
        ladders.next_tier(await ladders.ladder(world.ctx, row["id"]))
        await explain(world.ctx, row["id"])
        await incidents.pages(world.ctx, row["id"])


async def end(world: World, in_order: bool) -> None:
    """Every story is whole, and told in order of time where nothing happened at once."""
    for row in await world.rows("SELECT id FROM incidents"):
        assert (await incidents.verify(world.ctx, row["id"]))["ok"]
        times = [
            told["at"]
            for told in await world.rows("SELECT at FROM timeline WHERE incident_id = $1 ORDER BY seq", row["id"])
        ]
        assert not in_order or all(earlier <= later for earlier, later in pairwise(times))
