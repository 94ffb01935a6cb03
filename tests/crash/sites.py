"""A place where nodes live and die: a durable database, providers that write down what they got, processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import asyncpg
import msgspec
from tests.conftest import Databases
from tests.crash.points import Point
from tests.fakes.ports import free_port
from tests.fakes.sink import Sink, status

from tocsin.postgres import cluster
from tocsin.postgres.server import Server, running

TOKEN = "0123456789abcdef0123456789abcdef"
KEYS = {name: (name[0] * 32) for name in ("api", "grouped", "broken", "flaky", "metrics")}
"""Routing keys of the services' integrations; `metrics` is the door for Prometheus of `api`."""

LEASE = 2.0
"""Seconds; the shortest that is allowed, so that what a dead node held is soon taken up."""


PUBLIC = """\
status_pages:
  - {id: public, name: Status, public: true, silence_alarm: 0s, components: [{id: flaky, name: Flaky, services: [flaky]}]}
"""
"""With this the incidents of one service have a first step to be done: a draft for the status page."""


def configuration(hook: Callable[[str], str], step: str = "1s") -> str:
    """Alice, then Bob, then Erin as the last resort; Dave cannot be reached, and Carol's provider stumbles at first.

    `hook(path)` is the address of the sink; `step` the time between two rungs.
    """
    users = "".join(
        f"""
  - id: {name}
    email: {name}@example.com
    contact_methods: [{{id: hook, type: webhook, url: "{hook("/" + name)}"}}]"""
        for name in ("bob", "carol", "dave", "erin")
    )
    services = "".join(
        f"""
  - id: {name}
    team: all
    escalation_policy: {policy}
    integrations:
      - {{id: events, type: pagerduty, key: {KEYS[name]}}}{more}"""
        for name, policy, more in (
            ("api", "main", f"\n      - {{id: metrics, type: prometheus, key: {KEYS['metrics']}}}"),
            ("grouped", "main", "\n    grouping: {by: [cluster], window: 5m}"),
            ("broken", "broken", ""),
            ("flaky", "flaky", ""),
        )
    )
    return f"""\
version: 1
users:
  - id: alice
    email: alice@example.com
    contact_methods:
      - {{id: hook, type: webhook, url: "{hook("/alice")}"}}
      - {{id: again, type: webhook, url: "{hook("/alice-again")}"}}
    notification_rules:
      high: [{{after: 0s, method: hook}}, {{after: 1s, method: again}}]
      low: [{{after: 0s, method: hook}}]{users}
teams:
  - {{id: all, members: [alice, bob], manager: erin}}
schedules:
  - {{id: primary, layers: [{{id: one, users: [alice], starts: 2026-01-05T00:00, rotation: {{unit: week}}}}]}}
escalation_policies:
  - {{id: main, steps: [{{after: 0s, targets: [{{schedule: primary}}]}}, {{after: {step}, targets: [{{user: bob}}]}}]}}
  - {{id: broken, steps: [{{after: 0s, targets: [{{user: dave}}]}}, {{after: 60s, targets: [{{user: bob}}]}}]}}
  - {{id: flaky, steps: [{{after: 0s, targets: [{{user: carol}}]}}]}}
services:{services}
"""


class Cluster:
    """An embedded PostgreSQL as a user has it (everything that makes it durable is on), with fresh databases for many sites.

    It can be stopped, killed, frozen and started again.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tocsin-crash-"))
        self.folder.chmod(0o755)  # not below pytest's own folder: the database user could not enter it
        self._server = self._new()
        self.databases: Databases | None = None

    def _new(self) -> Server:
        return Server(self.folder / "data", extra={"max_connections": "300", "logging_collector": "off"})

    async def start(self) -> None:
        await self._server.start()
        if self.databases is None:
            self.databases = Databases(self._server.url)
            await self.databases.prepare()

    async def stop(self) -> None:
        """In good order; connections are cut."""
        await self._server.stop()
        self._server = self._new()

    async def kill(self) -> None:
        """As the kernel does when memory runs out: SIGKILL, recovery at the next start."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.stop()

    def freeze(self) -> None:
        """Nobody answers any more, but no connection breaks either."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def pids(self) -> list[int]:
        """Every process of the server."""
        server = running(self.folder / "data" / "postgres")
        if server is None:
            return []
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        return [server.pid, *map(int, children)]

    async def create(self) -> str:
        assert self.databases is not None
        return await self.databases.create()

    async def close(self) -> None:
        self.thaw()
        await self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nursery:
    """Makes nodes without waiting for the imports each time (node.py). `environment` holds for all of them."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.node"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, argv: list[str], environment: dict[str, str], log: Path, point: str = "") -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"argv": argv, "env": environment, "log": str(log), "point": point}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Node:
    """One process of the program, by its descriptor: it may die at any time."""

    def __init__(
        self, nursery: Nursery, argv: list[str], environment: dict[str, str], log: Path, point: str = ""
    ) -> None:
        self.log = log
        self.url = f"http://127.0.0.1:{argv[argv.index('--port') + 1]}"
        self.pid = nursery.fork(argv, environment, log, point)
        self._descriptor = os.pidfd_open(self.pid)
        self.died_at = 0.0
        """Monotonic time at which we saw its violent death."""
        self.stood_still = False

    async def ready(self, seconds: float = 30) -> None:
        """Wait until it says that it does its job."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if await asyncio.to_thread(self._answers):
                return
            if not self.alive:
                raise AssertionError(f"the node ended:\n{self.said()}")
            await asyncio.sleep(0.03)
        raise AssertionError(f"the node is not ready after {seconds} s:\n{self.said()}")

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def alive(self) -> bool:
        try:
            signal.pidfd_send_signal(self._descriptor, 0)
        except ProcessLookupError:
            return False
        return True

    async def death(self, seconds: float) -> bool:
        """Wait until it is dead; False when it lives on."""
        until = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.005)
        self.died_at = self.died_at or time.monotonic()
        return True

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        assert await self.death(10)

    def freeze(self) -> None:
        """It stands still; what was in flight may come twice, as at a death."""
        signal.pidfd_send_signal(self._descriptor, signal.SIGSTOP)
        self.died_at = time.monotonic()
        self.stood_still = True

    def thaw(self) -> None:
        signal.pidfd_send_signal(self._descriptor, signal.SIGCONT)

    async def stop(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGTERM)
        assert await self.death(30), self.said()
        self.died_at = 0.0  # in good order: nothing is left in flight

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def close(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        os.close(self._descriptor)


class StumblingSink(Sink):
    """Answers 204; Dave's address does not exist; Carol's fails at first, and then takes longer than a lease goes unrenewed."""

    def __init__(self) -> None:
        super().__init__()
        self.always("/dave", status(404))
        self.script("/carol", status(500), status(500))
        self.always("/carol", status(204, delay=LEASE / 2))


@dataclass
class Site:
    """One database, its sink, and the nodes that have lived on it.

    Without `database_url` the nodes bring their own PostgreSQL (`tocsin up`), which outlives them when they are killed.
    """

    nursery: Nursery
    database_url: str
    folder: Path
    step: str = "1s"
    more: str = ""
    """What else the configuration says."""
    sink: Sink = field(default_factory=StumblingSink)
    nodes: list[Node] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        await self.sink.start()
        self.config = self.folder / "tocsin.yaml"
        self.config.write_text(configuration(self.sink.url, self.step) + self.more)
        self.data = None if self.database_url else self.folder / "data"
        if self.data is not None:
            self.database_url = cluster.url(self.data / "run")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.close()
        await self.sink.stop()
        if self.data is not None and (orphan := running(self.data / "postgres")) is not None:
            os.kill(orphan.pid, signal.SIGQUIT)
            while running(self.data / "postgres") is not None:
                await asyncio.sleep(0.05)

    def start(self, point: Point | None = None, port: int | None = None) -> Node:
        """A node of the cluster; it dies at `point`. `port` None: where the last one was."""
        if port is None:
            port = int(self.nodes[-1].url.rpartition(":")[2]) if self.nodes else free_port()
        how = ["serve"] if self.data is None else ["up", "--data", str(self.data)]
        argv = [*how, "--port", str(port), "--config", str(self.config)]
        environment = {
            "TOCSIN_DATABASE_URL": self.database_url if self.data is None else "", "TOCSIN_BOOTSTRAP_TOKEN": TOKEN,
            "TOCSIN_LEASE_SECONDS": f"{LEASE:g}", **self.environment,
        }  # fmt: skip
        log = self.folder / f"node-{len(self.nodes)}.log"
        node = Node(self.nursery, argv, environment, log, point.name if point else "")
        self.nodes.append(node)
        return node

    async def connect(self) -> Any:
        """A connection to the database, for looking."""
        connection = await asyncpg.connect(self.database_url)
        await connection.set_type_codec(
            "jsonb", encoder=lambda v: msgspec.json.encode(v).decode(), decoder=msgspec.json.decode, schema="pg_catalog"
        )
        return connection

    def said(self) -> str:
        return "\n".join(f"--- node {number}\n{node.said()}" for number, node in enumerate(self.nodes))


def temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tocsin-site-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
