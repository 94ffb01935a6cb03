"""kill -9 at every named line of the path, in the middle of a storm; then a restart, and everybody's books are compared.

The points run a few at a time, because a storm mostly waits.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from tests.crash import audit
from tests.crash.points import POINTS, Point
from tests.crash.sites import PUBLIC, Cluster, Nursery, Site
from tests.crash.storm import Storm

AT_ONCE = 6

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def die_at(point: Point, site: Site) -> None:
    patience = 60 if point.public else 25  # a first step that was in hand is another node's after its lease of 20 s
    doomed = site.start(point)
    await doomed.ready()
    async with Storm(site, lambda: [site.nodes[-1].url]) as storm:
        raging = asyncio.create_task(storm.everything())
        try:
            died = await doomed.death(15)
            assert died, f"the storm never came to this point\n{doomed.said()[-3000:]}"
            assert "dies now" in doomed.said(), doomed.said()
            assert await audit.any_time(site) == []
            site.start()
            await raging
        finally:
            raging.cancel()
        await storm.rest(patience)
        await storm.answer_what_waits()
        await storm.rest(patience)
        assert site.nodes[-1].alive, site.nodes[-1].said()
        found = await audit.at_rest(storm, deaths=1)
        assert found == [], "\n".join([*found, site.said()])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def campaign(
    request: pytest.FixtureRequest, cluster: Cluster, nursery: Nursery
) -> AsyncIterator[dict[Point, asyncio.Task[None]]]:
    """A task for each point that was asked for."""
    room = asyncio.Semaphore(AT_ONCE)

    async def run(point: Point) -> None:
        async with room:
            folder = Path(tempfile.mkdtemp(prefix="tocsin-site-"))
            try:
                async with Site(nursery, await cluster.create(), folder, more=PUBLIC if point.public else "") as site:
                    async with asyncio.timeout(90):
                        await die_at(point, site)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    wanted = [
        cast("Point", item.callspec.params["point"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_dying_loses_nothing
    ]
    tasks = {point: asyncio.create_task(run(point), name=point.name) for point in wanted}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
async def test_dying_loses_nothing(point: Point, campaign: dict[Point, asyncio.Task[None]]) -> None:
    await campaign[point]
