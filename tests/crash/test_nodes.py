"""Several nodes on one database: one dies, one is stopped, and no step is taken twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.crash import audit
from tests.crash.sites import LEASE, Cluster, Nursery, Site
from tests.crash.storm import Storm
from tests.fakes.ports import free_port
from tests.fakes.sink import OK, status


async def settled(storm: Storm, deaths: int) -> None:
    await storm.rest()
    await storm.answer_what_waits()
    await storm.rest()
    found = await audit.at_rest(storm, deaths)
    assert found == [], "\n".join([*found, storm.site.said()])


async def test_two_nodes_share_a_storm_and_nothing_is_done_twice(
    cluster: Cluster, nursery: Nursery, folder: Path
) -> None:
    async with Site(nursery, await cluster.create(), folder) as site:
        nodes = [site.start(port=free_port()), site.start(port=free_port())]
        await asyncio.gather(*(node.ready() for node in nodes))
        async with Storm(site, lambda: [node.url for node in nodes]) as storm:
            await storm.everything()
            await settled(storm, deaths=0)


async def test_one_of_two_dies_and_the_other_goes_on(cluster: Cluster, nursery: Nursery, folder: Path) -> None:
    async with Site(nursery, await cluster.create(), folder) as site:
        nodes = [site.start(port=free_port()), site.start(port=free_port())]
        await asyncio.gather(*(node.ready() for node in nodes))
        async with Storm(site, lambda: [node.url for node in nodes]) as storm:
            raging = asyncio.create_task(storm.everything())
            await asyncio.sleep(0.5)
            await nodes[0].kill()
            await raging
            await settled(storm, deaths=1)
            assert nodes[1].alive


async def test_what_a_dead_node_held_goes_out_within_the_lease(
    cluster: Cluster, nursery: Nursery, folder: Path
) -> None:
    async with Site(nursery, await cluster.create(), folder) as site:
        doomed, other = site.start(port=free_port()), site.start(port=free_port())
        await asyncio.gather(doomed.ready(), other.ready())
        site.sink.always("/alice", status(204, delay=20))
        async with Storm(site, lambda: [doomed.url]) as storm:
            await storm.trigger("api", "one")
            await site.sink.wait(1, "/alice")
            await doomed.kill()
            site.sink.always("/alice", OK)
            await site.sink.wait(2, "/alice", timeout=LEASE + 2)
            first, second = site.sink.at("/alice")
            assert first.key == second.key
            assert time.monotonic() - doomed.died_at < LEASE + 2


async def test_nodes_are_stopped_one_after_the_other_and_nobody_notices(
    cluster: Cluster, nursery: Nursery, folder: Path
) -> None:
    """An upgrade: in good order, so that not even what was in flight comes twice."""
    async with Site(nursery, await cluster.create(), folder) as site:
        nodes = [site.start(port=free_port()), site.start(port=free_port())]
        await asyncio.gather(*(node.ready() for node in nodes))
        async with Storm(site, lambda: [node.url for node in nodes]) as storm:
            raging = asyncio.create_task(storm.steadily(4, 15))
            for position in (0, 1):
                await asyncio.sleep(0.7)
                await nodes[position].stop()
                new = site.start(port=free_port())
                await new.ready()
                nodes[position] = new
            await raging
            await settled(storm, deaths=0)
            assert [node.log.name for node in site.nodes if "Traceback" in node.said()] == []


async def test_a_node_that_stands_still_and_wakes_finds_its_work_done_by_others(
    cluster: Cluster, nursery: Nursery, folder: Path
) -> None:
    """A frozen virtual machine: its leases ran out meanwhile, and nothing of what it believes is true any more."""
    async with Site(nursery, await cluster.create(), folder) as site:
        asleep, awake = site.start(port=free_port()), site.start(port=free_port())
        await asyncio.gather(asleep.ready(), awake.ready())
        site.sink.always("/alice", status(204, delay=0.3))
        async with Storm(site, lambda: [asleep.url, awake.url]) as storm:
            raging = asyncio.gather(
                *(storm.trigger("api", f"own-{n}") for n in range(20)),
                *(storm.trigger("grouped", f"joins-{n}", custom_details={"cluster": "one"}) for n in range(20)),
                *(storm.expiring(f"expires-{n}", 2) for n in range(5)),
            )
            await asyncio.sleep(0.25)
            asleep.freeze()
            site.sink.always("/alice", OK)
            await asyncio.sleep(LEASE + 3)
            asleep.thaw()
            await raging
            await settled(storm, deaths=1)
            assert asleep.alive
            assert awake.alive
