"""Providers that misbehave, through the running program: their neighbours' pages arrive as if nothing were wrong."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.crash import audit
from tests.crash.sites import LEASE, TOKEN, Cluster, Node, Nursery, Site
from tests.crash.storm import Storm
from tests.fakes.ports import free_port
from tests.fakes.sink import CLOSE, DRIP, GARBAGE, HANG, Answer, Sink, status

IN_TIME = 1.5
"""Seconds from the answer to the sender until the page of a neighbour is there, on a machine that is busy."""


def configuration(bad: dict[str, str], good: str) -> str:
    """A service, a policy and a person for each bad provider, and for Alice, whose providers are well."""
    users = "".join(
        f'\n  - {{id: {name}, email: {name}@example.com, contact_methods: [{{id: hook, type: webhook, url: "{url}"}}]}}'
        for name, url in bad.items()
    )
    policies = "".join(
        f"\n  - {{id: {name}, steps: [{{after: 0s, targets: [{{user: {name}}}]}}]}}" for name in [*bad, "alice"]
    )
    services = "".join(
        f"\n  - {{id: {name}, escalation_policy: {name}, integrations: [{{id: it, type: prometheus, key: {key(name)}}}]}}"
        for name in [*bad, "alice"]
    )
    return f"""\
version: 1
users:
  - id: alice
    email: alice@example.com
    contact_methods:
      - {{id: hook, type: webhook, url: "{good}/at-once"}}
      - {{id: again, type: webhook, url: "{good}/a-second-later"}}
    notification_rules:
      high: [{{after: 0s, method: hook}}, {{after: 1s, method: again}}]{users}
escalation_policies:{policies}
services:{services}
"""


def key(name: str) -> str:
    return name.replace("-", "").ljust(32, "0")[:32]


class House:
    """One node, a good provider and bad ones, each at an address of its own."""

    def __init__(self, nursery: Nursery, database_url: str, folder: Path, bad: dict[str, Answer]) -> None:
        self.nursery, self.database_url, self.folder = nursery, database_url, folder
        self.good = Sink()
        self.bad = {name: Sink() for name in bad}
        self.answers = bad

    async def __aenter__(self) -> House:
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self.good)
        for name, sink in self.bad.items():
            await self._stack.enter_async_context(sink)
            sink.always("/", self.answers[name])
        config = self.folder / "tocsin.yaml"
        config.write_text(configuration({n: s.url() for n, s in self.bad.items()}, self.good.url("")))
        environment = {
            "TOCSIN_DATABASE_URL": self.database_url, "TOCSIN_BOOTSTRAP_TOKEN": TOKEN, "TOCSIN_LEASE_SECONDS": f"{LEASE:g}"
        }  # fmt: skip
        argv = ["serve", "--port", str(free_port()), "--config", str(config)]
        self.node = Node(self.nursery, argv, environment, self.folder / "node.log")
        self._stack.callback(self.node.close)
        await self.node.ready()
        self.session = await self._stack.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def fire(self, name: str, first: int, count: int) -> None:
        """`count` alerts, each its own incident."""
        labels = [{"alertname": f"{name}-{n}", "severity": "critical"} for n in range(first, first + count)]
        url = f"{self.node.url}/integrations/{key(name)}/api/v2/alerts"
        for start in range(0, count, 500):
            body: list[dict[str, Any]] = [{"labels": one} for one in labels[start : start + 500]]
            async with self.session.post(url, json=body) as answer:
                assert answer.status == 200, await answer.text()

    async def neighbours_are_well(self, rounds: int, pause: float = 0.25) -> None:
        """Alice is paged in time, at once and by her second rule, again and again."""
        sent: dict[int, float] = {}
        for number in range(rounds):
            await self.fire("alice", number, 1)
            sent[number] = time.monotonic()
            await asyncio.sleep(pause)
        for path, after in (("/at-once", 0.0), ("/a-second-later", 1.0)):
            with suppress(TimeoutError):
                await self.good.wait(rounds, path, timeout=IN_TIME + after)
            arrived = {int(r.json()["incident"]["title"].rpartition("-")[2]): r.monotonic for r in self.good.at(path)}
            late = {n: round(arrived.get(n, time.monotonic()) - at - after, 2) for n, at in sent.items()}
            late = {n: seconds for n, seconds in late.items() if seconds > IN_TIME or n not in arrived}
            assert late == {}, f"{path}: seconds late (or never): {late}\n{self.node.said()[-3000:]}"


MANNERS = {
    "hangs": HANG, "fails": status(500), "refuses": status(429, {"Retry-After": "1"}), "closes": CLOSE,
    "crawls": status(204, delay=3.0), "drips": DRIP, "babbles": GARBAGE,
}  # fmt: skip


@pytest.fixture
async def database_url(cluster: Cluster) -> str:
    return await cluster.create()


async def test_every_kind_of_misbehaviour_at_once(nursery: Nursery, database_url: str, folder: Path) -> None:
    async with House(nursery, database_url, folder, MANNERS) as house:
        for name in MANNERS:
            await house.fire(name, 0, 100)
        await house.neighbours_are_well(12)
        for name in ("hangs", "fails", "refuses", "closes", "babbles"):
            assert len(house.bad[name].requests) >= 100 or name == "hangs", f"{name} was tried"
            keys = {request.key for request in house.bad[name].requests}
            assert len(keys) <= 100, "the same key on every try"
        crawled = house.bad["crawls"]
        await crawled.wait(100, timeout=15)
        assert len({r.key for r in crawled.requests}) == 100, "slow is not broken: nothing goes twice"


async def test_several_providers_that_hang_leave_room_for_the_others(
    nursery: Nursery, database_url: str, folder: Path
) -> None:
    async with House(nursery, database_url, folder, {f"hangs-{n}": HANG for n in range(8)}) as house:
        for name in house.bad:
            await house.fire(name, 0, 100)
        await house.neighbours_are_well(24)


async def test_a_long_queue_for_one_provider_keeps_nobody_else_waiting(
    nursery: Nursery, database_url: str, folder: Path
) -> None:
    async with House(nursery, database_url, folder, {"hangs": HANG}) as house:
        await house.fire("hangs", 0, 3000)
        await house.neighbours_are_well(24)


async def test_what_waits_for_a_slow_provider_is_not_sent_once_it_is_answered(
    nursery: Nursery, cluster: Cluster, folder: Path
) -> None:
    """The state is read again just before each send; only what has begun may finish."""
    environment = {"TOCSIN_CHANNEL_LIMITS": "webhook.lane_limit=2", "TOCSIN_LEASE_SECONDS": "30"}
    async with Site(nursery, await cluster.create(), folder, step="60s", environment=environment) as site:
        site.sink.always("/alice", status(204, delay=0.5))
        node = site.start()
        await node.ready()
        async with Storm(site, lambda: [node.url]) as storm:
            sent = [await storm.trigger("api", f"k{n}") for n in range(20)]
            numbers = [await storm.incident_of(one) for one in sent]
            await asyncio.gather(*(storm.act("acknowledge", number) for number in numbers[5:]))
            answered = time.monotonic()
            await storm.rest()
            await storm.answer_what_waits()
            await storm.rest()
            assert await audit.at_rest(storm) == []
            titles = {f"k{n} is broken" for n in range(5, 20)}
            after = [
                r for r in site.sink.requests if r.monotonic > answered and r.json()["incident"]["title"] in titles
            ]
            assert len(after) <= 2, "no more than had begun"
            assert len(site.sink.requests) < 20
