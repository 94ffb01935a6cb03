"""Tocsin as a user starts it: `tocsin up` with a configuration file and a data folder of its own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from bench import machine
from tocsin.postgres.cluster import url as database_url

TOKEN = "bench-0123456789abcdef0123456789abcdef"
"""The administrator's token of every server measured here."""

GROUPED, EACH, STORM, LADDER = (f"{digit}" * 32 for digit in "1234")
"""Routing keys: all alerts join one incident; each is its own; the storm's service; a policy with two rungs."""
BATCHES, BATCHES_EACH = "5" * 32, "6" * 32
"""Keys of the Alertmanager API: on the grouped service, and on the one where each alert is its own incident."""

_CONFIGURATION = """\
version: 1
users:
  - id: alice
    name: Alice Ng
    email: alice@example.com
    role: responder
    contact_methods:
      - {{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/hook"}}
    notification_rules:
      high: [{{after: 0s, method: hook}}]
      low: [{{after: 0s, method: hook}}]
teams:
  - {{id: storage, name: Storage, members: [alice], manager: alice}}
schedules:
  - id: storage-primary
    time_zone: Europe/Berlin
    team: storage
    layers:
      - {{id: weekly, users: [alice], starts: 2026-01-05T09:00, rotation: {{every: 1, unit: week}}}}
escalation_policies:
  - id: patient
    steps:
      - {{after: 0s, targets: [{{schedule: storage-primary}}]}}
      - {{after: 1h, targets: [{{schedule: storage-primary}}]}}
  - id: ladder
    steps:
      - {{after: 0s, targets: [{{schedule: storage-primary}}]}}
      - {{after: 6s, targets: [{{schedule: storage-primary}}]}}
      - {{after: 2h, targets: [{{schedule: storage-primary}}]}}
services:
  - id: grouped
    team: storage
    escalation_policy: patient
    grouping: {{by: [component], window: 1d}}
    integrations:
      - {{id: events, type: pagerduty, key: "{grouped}"}}
      - {{id: batches, type: prometheus, key: "{batches}"}}
  - id: each
    team: storage
    escalation_policy: patient
    integrations:
      - {{id: events, type: pagerduty, key: "{each}"}}
      - {{id: batches, type: prometheus, key: "{batches_each}"}}
  - id: storm
    team: storage
    escalation_policy: ladder
    grouping: {{by: [component], window: 1d}}
    integrations: [{{id: events, type: pagerduty, key: "{storm}"}}]
  - id: ladder
    team: storage
    escalation_policy: patient
    integrations: [{{id: events, type: pagerduty, key: "{ladder}"}}]
"""


class Tocsin:
    """One server. Its data folder stays until `remove`, so that it can be started again."""

    def __init__(self, folder: Path, sink: int, demo: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.demo = folder, demo
        self.port = machine.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._file = folder / "bench.yaml"
        keys = {"grouped": GROUPED, "each": EACH, "storm": STORM, "ladder": LADDER}
        self._file.write_text(
            _CONFIGURATION.format(sink=sink, batches=BATCHES, batches_each=BATCHES_EACH, **keys), encoding="utf-8"
        )

    @property
    def pid(self) -> int:
        """The Python process."""
        assert self._process is not None
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """The Python process and its PostgreSQL's."""
        return machine.tree(self.pid)

    def start(self) -> float:
        """Start and wait until ready; returns the seconds that took."""
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "tocsin",
            "up",
            "--data",
            self.folder / "data",
            "--port",
            str(self.port),
        ]
        command += ["--demo"] if self.demo else ["--config", self._file]
        log = self.folder / "tocsin.log"
        began = time.monotonic()
        self._process = machine.spawn(command, log, env={"TOCSIN_BOOTSTRAP_TOKEN": TOKEN})
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - began > 60:
                raise RuntimeError(f"Tocsin did not start:\n{machine.last_words(log)}")
            time.sleep(0.01)
        return time.monotonic() - began

    def stop(self) -> None:
        if self._process is not None:
            machine.stop(self._process, 40)

    def remove(self) -> None:
        """Stop, and forget the data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Tocsin:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def ask(self, sql: str, *args: Any) -> Any:
        """One value from the database."""
        return asyncio.run(self._ask(sql, args))

    async def _ask(self, sql: str, args: tuple[Any, ...]) -> Any:
        connection = await asyncpg.connect(database_url(self.folder / "data" / "run"), timeout=10)
        try:
            return await connection.fetchval(sql, *args, timeout=900)
        finally:
            await connection.close()

    def settle(self, seconds: float = 60) -> None:
        """Wait until no notification is pending."""
        wait_until(lambda: self.ask("SELECT count(*) FROM notifications WHERE state = 'pending'") == 0, seconds, 0.03)

    def unpaged(self) -> int:
        """Incidents that should have paged somebody and did not reach them (after `settle`)."""
        count: int = self.ask(
            """SELECT count(*) FROM incidents i WHERE urgency <> 'none' AND NOT EXISTS (
                 SELECT FROM pages p WHERE p.incident_id = i.id AND p.delivered_at IS NOT NULL)"""
        )
        return count

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def wait_until(true: Callable[[], bool], seconds: float, step: float = 0.2) -> bool:
    """Look every `step` seconds until `true` or time is up; whether it became true."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(step)
    return True
