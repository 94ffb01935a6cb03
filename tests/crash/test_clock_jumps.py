"""A node's wall clock jumps (libfaketime; the database keeps the true time): nothing is late, nothing early, and it is said."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.crash import audit
from tests.crash.sites import Cluster, Node, Nursery, Site
from tests.crash.storm import Storm

from tocsin.postgres import server

STEP = 4.0
LATEST = 1.0
"""Seconds: promised for a healthy system."""
BUSY = 0.5
"""Seconds that the rest of the way to the provider may take on a busy test machine."""
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Watchmaker:
    """Programs with this `environment` see the wall clock that we set."""

    def __init__(self, file: Path) -> None:
        assert LIBRARY is not None, "install faketime (make system does it)"
        self._file = file
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
        }

    def set(self, seconds: int) -> None:
        """How far the wall clock is off from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        os.replace(new, self._file)


@pytest.fixture
def watchmaker(folder: Path) -> Watchmaker:
    return Watchmaker(folder / "clock")


@pytest.fixture
def odd_nursery(watchmaker: Watchmaker) -> Iterator[Nursery]:
    """Its nodes see the watchmaker's clock."""
    made = Nursery(watchmaker.environment)
    yield made
    made.close()


@pytest.fixture
async def odd_cluster(watchmaker: Watchmaker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    """Its database sees the watchmaker's clock."""
    monkeypatch.setattr(server, "ENVIRONMENT", {**server.ENVIRONMENT, **watchmaker.environment})
    made = Cluster()
    try:
        await made.start()
        yield made
    finally:
        await made.close()


async def said(node: Node, pattern: str, seconds: float = 12) -> re.Match[str]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (match := re.search(pattern, node.said())) is not None:
            return match
        await asyncio.sleep(0.1)
    raise AssertionError(f"it never said {pattern!r}\n{node.said()}")


async def climbs_on_time(storm: Storm, key: str) -> None:
    """The first page, the second rule and the second rung, each at its time by the true clock."""
    sink, began = storm.site.sink, time.monotonic()
    sent = await storm.trigger("api", key)
    number = await storm.incident_of(sent)
    title = f"{key} is broken"
    for path, after in (("/alice", 0.0), ("/alice-again", 1.0), ("/bob", STEP)):
        while True:
            arrived = [r.monotonic for r in sink.at(path) if r.json()["incident"]["title"] == title]
            if arrived or time.monotonic() - sent.accepted_at > after + LATEST + 3:
                break
            await asyncio.sleep(0.02)
        assert len(arrived) == 1, f"{path}: {arrived}\n{storm.site.said()}"
        assert arrived[0] - began > after - 0.01, f"{path}: {arrived[0] - began:.2f} s, too early\n{storm.site.said()}"
        late = arrived[0] - sent.accepted_at - after
        assert late < LATEST + BUSY, f"{path}: {late:.2f} s late\n{storm.site.said()}"
    (row,) = await storm.rows(
        "SELECT extract(epoch FROM now() - created_at)::float FROM incidents WHERE id = $1", number
    )
    assert abs(row[0] - (time.monotonic() - sent.accepted_at)) < 1, "its times are the database's"
    await storm.act("acknowledge", number)


@pytest.mark.parametrize("jump", [-3600, 3600], ids=["backwards", "forwards"])
async def test_a_wall_clock_that_jumps_moves_no_page(
    jump: int, cluster: Cluster, watchmaker: Watchmaker, odd_nursery: Nursery, folder: Path
) -> None:
    async with Site(odd_nursery, await cluster.create(), folder, step=f"{STEP:.0f}s") as site:
        node = site.start()
        await node.ready()
        async with Storm(site, lambda: [node.url]) as storm:
            before = asyncio.create_task(climbs_on_time(storm, "before"))
            await asyncio.sleep(0.5)
            watchmaker.set(jump)
            await asyncio.sleep(1.1)
            await asyncio.gather(before, climbs_on_time(storm, "after"))
            jumped = await said(node, r"this node's clock jumped.*seconds=(-?[\d.]+)")
            assert abs(float(jumped[1]) - jump) < 5
            assert "the estimate of the database's time was off" not in node.said()
            await storm.rest()
            assert await audit.at_rest(storm) == []


async def test_a_node_that_starts_with_a_wrong_clock_works_by_the_databases(
    cluster: Cluster, watchmaker: Watchmaker, odd_nursery: Nursery, folder: Path
) -> None:
    watchmaker.set(-7 * 3600)
    async with Site(odd_nursery, await cluster.create(), folder, step=f"{STEP:.0f}s") as site:
        node = site.start()
        await node.ready()
        async with Storm(site, lambda: [node.url]) as storm:
            shown = datetime.fromisoformat((await said(node, r"(\S+Z) .*ready"))[1])
            assert abs(datetime.now(UTC) - shown - timedelta(hours=7)) < timedelta(minutes=1), (
                "its clock is wrong indeed"
            )
            await climbs_on_time(storm, "one")
            await storm.rest()
            assert await audit.at_rest(storm) == []


async def test_when_the_databases_clock_jumps_forwards_what_is_due_by_it_fires(
    odd_cluster: Cluster, watchmaker: Watchmaker, nursery: Nursery, folder: Path
) -> None:
    async with Site(nursery, await odd_cluster.create(), folder, step="1800s") as site:
        node = site.start()
        await node.ready()
        async with Storm(site, lambda: [node.url]) as storm:
            sent = await storm.trigger("api", "one")
            await site.sink.wait(1, "/alice-again")
            assert not await storm.rows("SELECT FROM pages WHERE user_id = 'bob'")
            watchmaker.set(1900)
            await site.sink.wait(1, "/bob", timeout=10)
            await said(node, "the estimate of the database's time was off.*seconds=1[89]")
            assert not site.sink.at("/erin"), "her turn has not come by any clock"
            await storm.act("acknowledge", await storm.incident_of(sent))
            await storm.rest()
            assert await audit.at_rest(storm, one_clock=False) == []
