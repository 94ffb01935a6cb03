"""A whole Tocsin as its own process, and the real programs that talk to it. One server for all tests of this folder, a service each."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ..fakes.mail import MailServer
from ..fakes.ports import free_port
from ..fakes.sink import Sink
from ..test_up import tocsin

TOKEN = "0123456789abcdef0123456789abcdef"
SERVICES = {
    # service -> (type of its integration, its key)
    "prometheus": ("prometheus", "1" * 32),
    "webhook": ("alertmanager", "2" * 32),
    "events": ("pagerduty", "3" * 32),
    "amtool": ("prometheus", "4" * 32),
    "sdk": ("pagerduty", "5" * 32),
    "raw": ("pagerduty", "6" * 32),
}

CONFIGURATION = """\
version: 1
users:
  - id: alice
    name: Alice Ng
    email: alice@example.com
    contact_methods:
      - {{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/alice"}}
      - {{id: mail, type: email, address: alice@example.com}}
schedules:
  - id: primary
    layers: [{{id: weekly, users: [alice], starts: 2026-01-05T09:00, rotation: {{every: 1, unit: week}}}}]
escalation_policies:
  - {{id: main, steps: [{{after: 0s, targets: [{{schedule: primary}}]}}]}}
services:
"""


def until(what: Callable[[], Any], seconds: float = 10) -> Any:
    """The first true value of `what()`, asked again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def program(port: int, *command: str) -> Iterator[None]:
    """A program that listens on `port`, stopped at the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listens(port))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Server:
    """Where it is, and where it sends pages: Alice's webhook (`/alice` on `sink_port`) and her mail (`mail_port`)."""

    url: str
    sink_port: int
    mail_port: int
    said: Callable[[], str]
    """All that it has logged so far."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def key(self, service: str) -> str:
        return SERVICES[service][1]

    def door(self, service: str) -> str:
        return f"{self.url}/integrations/{self.key(service)}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Running and ready."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-real-"))
    folder.chmod(0o755)
    sink, mail = free_port(), free_port()
    services = "".join(
        f"  - {{id: {id}, escalation_policy: main, integrations: [{{id: door, type: {kind}, key: '{key}'}}]}}\n"
        for id, (kind, key) in SERVICES.items()
    )
    (folder / "tocsin.yml").write_text(CONFIGURATION.format(sink=sink) + services)
    environment = {"TOCSIN_BOOTSTRAP_TOKEN": TOKEN, "TOCSIN_SMTP_URL": f"smtp://127.0.0.1:{mail}"}
    arguments = ("up", "--data", str(folder / "data"), "--port", "0", "--config", str(folder / "tocsin.yml"))
    try:
        with tocsin(*arguments, **environment) as one:
            yield Server(one.url, sink, mail, lambda: one.said)
            assert one.stop() == 0, one.said
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def sink(server: Server) -> AsyncIterator[Sink]:
    """Alice's webhook."""
    made = Sink()
    await made.start(server.sink_port)
    yield made
    await made.stop()


@pytest.fixture
async def mail(server: Server) -> AsyncIterator[MailServer]:
    """Alice's mail server."""
    made = MailServer()
    await made.start(server.mail_port)
    yield made
    await made.stop()


class Desk:
    """The API, as the bootstrap token."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._url = f"{server.url}/api/v1"
        self._session = session

    async def get(self, path: str) -> Any:
        async with self._session.get(self._url + path) as reply:
            assert reply.status == 200, await reply.text() + self._server.said()
            return await reply.json()

    async def post(self, path: str, body: Any) -> Any:
        async with self._session.post(self._url + path, json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def incidents(self, service: str) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = (await self.get(f"/incidents?service={service}"))["items"]
        return found


@pytest.fixture
async def desk(server: Server) -> AsyncIterator[Desk]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        yield Desk(server, session)
