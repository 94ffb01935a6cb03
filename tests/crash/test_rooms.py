"""A node is killed while a room outside hangs: nobody was held up by that, and the next node tells the room the rest, in order."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.crash.sites import TOKEN, Cluster, Node, Nursery, Site
from tests.crash.storm import Storm
from tests.fakes.ports import free_port
from tests.fakes.sink import HANG, OK


def note(node: Node, text: str) -> None:
    request = urllib.request.Request(
        f"{node.url}/api/v1/incidents/1/notes",
        data=json.dumps({"text": text}).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201


def told(site: Site) -> list[dict[str, Any]]:
    """What the room took: each event once, by its key, in the order in which it came."""
    return list({one.key: one.json() for one in site.sink.at("/chat")}.values())


async def test_a_room_that_hangs_when_its_node_dies(cluster: Cluster, nursery: Nursery, folder: Path) -> None:
    async with Site(nursery, await cluster.create(), folder) as site:
        site.config.write_text(
            f'{site.config.read_text()}rooms:\n  - {{id: chat, type: webhook, url: "{site.sink.url("/chat")}"}}\n'
        )
        site.sink.always("/chat", HANG)
        doomed = site.start(port=free_port())
        await doomed.ready()
        async with Storm(site, lambda: [doomed.url]) as storm:
            await storm.trigger("api", "one")
        await site.sink.wait(1, "/chat")
        await site.sink.wait(1, "/alice")  # the hanging room held up no page
        await asyncio.to_thread(note, doomed, "first")
        await doomed.kill()
        site.sink.always("/chat", OK)
        other = site.start(port=free_port())
        await other.ready()
        await asyncio.to_thread(note, other, "second")
        async with asyncio.timeout(25):
            while "second" not in str([one.get("data") for one in told(site)]):
                await asyncio.sleep(0.1)
        heard = told(site)
        orders = [one["order"] for one in heard]
        assert orders == sorted(orders)
        assert heard[0]["type"] == "room.opened"
        texts = [one["data"]["message"]["text"] for one in heard if one["type"] == "room.message"]
        assert [text for text in texts if text in ("first", "second")] == ["first", "second"]
        twice = len(site.sink.at("/chat")) - len(heard)
        assert twice == 1  # what was on its way when the node died
