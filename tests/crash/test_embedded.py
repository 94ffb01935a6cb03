"""`tocsin up` with the database that it brings: killed in a storm, the next one adopts what was left and goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.crash import audit
from tests.crash.sites import Nursery, Site
from tests.crash.storm import Storm

from tocsin.postgres.server import running


async def test_killed_twice_in_a_storm(nursery: Nursery, folder: Path) -> None:
    """The first time its database lives on; the second time both die, as when the power fails."""
    async with Site(nursery, "", folder) as site:
        node = site.start()
        await node.ready()
        async with Storm(site, lambda: [site.nodes[-1].url]) as storm:
            raging = asyncio.create_task(storm.steadily(6, 12))
            await asyncio.sleep(1.2)
            await node.kill()
            node = site.start()
            await node.ready()
            assert "adopted the database server" in node.said()
            await asyncio.sleep(1.2)
            server = running(folder / "data" / "postgres")
            assert server is not None
            await node.kill()
            os.kill(server.pid, signal.SIGKILL)
            node = site.start()
            await node.ready(60)
            await raging
            await storm.rest()
            await storm.answer_what_waits()
            await storm.rest()
            found = await audit.at_rest(storm, deaths=2)
            assert found == [], "\n".join([*found, site.said()])
        await node.stop()
