"""What must hold by itself: a storm, many timers, starting, memory at rest."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from bench import machine
from bench.load import closed, paced
from bench.load.closed import Load
from bench.load.paced import Pace, Paced
from bench.ours import LADDER, STORM, TOKEN, Tocsin, wait_until
from bench.sitting import Measured, Row, Sink, Sitting


async def request(method: str, url: str, token: str = "") -> tuple[int, bytes]:
    """One HTTP request on a connection of its own: status and body."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    writer.write(
        f"{method} {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{bearer}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


class Night:
    """Who answers the storm: acknowledges 3 s after the first page, and looks until it took effect."""

    def __init__(self, server: Tocsin) -> None:
        self._server = server
        self.asked = self.acknowledged = 0.0

    async def __call__(self, run: Paced) -> None:
        await run.first.wait()
        page = json.loads(run.pages[0][1])
        await asyncio.sleep(3)
        self.asked = time.monotonic()
        await request("POST", page["acknowledge_url"])
        incident = f"{self._server.url}/api/v1/incidents/{page['incident']['id']}"
        while not self.acknowledged and time.monotonic() < self.asked + 10:
            _, body = await request("GET", incident, TOKEN)
            if json.loads(body).get("status") == "acknowledged":
                self.acknowledged = time.monotonic()
        await asyncio.sleep(max(0.0, run.due[0] + 11 - time.monotonic()))  # the next rung would have been due meanwhile


def _storm(sitting: Sitting, figure: str) -> Measured:
    """10,000 alerts in 10 s. `figure`: first event -> page, or acknowledge -> in effect."""
    sink = machine.free_port()
    with Tocsin(sitting.folder / "ours", sink) as server:
        night = Night(server)
        pace = Pace(
            url=f"{server.url}/v2/enqueue", body=paced.event, key=STORM, sink=sink, rate=1000, seconds=10, keep=True, one_page=True
        )  # fmt: skip
        run = paced.run(pace, night)
        counted = wait_until(lambda: server.ask("SELECT max(alerts_count) FROM incidents") == run.count, 10)
        opened, stored = server.ask("SELECT count(*) FROM incidents"), server.ask("SELECT count(*) FROM alerts")
    first = (min(at for at, _ in run.pages) - run.sent[0]) if run.pages else float("inf")
    effect = night.acknowledged - night.asked if night.acknowledged else float("inf")
    late = sum(at > night.acknowledged for at, _ in run.pages) if night.acknowledged else 0
    found = {
        "refused": run.refused,
        "lost": run.count - stored,
        "incidents too many": opened - 1,
        "pages after the acknowledgement": late,
        "wrong alerts_count": not counted,
    }
    broken = [f"{int(count)} {name}" for name, count in found.items() if count]
    notes = [
        f"page {first * 1000:.0f} ms after the first event; acknowledged {effect * 1000:.0f} ms after the click; "
        f"answers p50/p99 {run.answer_ms(0.5):.1f} / {run.answer_ms(0.99):.1f} ms; {len(run.pages)} page(s)"
    ]
    return Measured(first if figure == "page" else effect, "s", broken=broken, notes=notes)


def _idle(sitting: Sitting) -> Measured:
    """100,000 timers that are far away."""
    seconds = 5 if sitting.quick else 20
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        server.ask(
            """INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
               SELECT 'escalate', 1000000000 + n, 1000000000 + n, now() + interval '7 days', now() + interval '7 days'
               FROM generate_series(1, 100000) n"""
        )
        server.ask("ANALYZE timers")
        time.sleep(3)
        database = [pid for pid in server.pids if pid != server.pid]
        python, sql, began = machine.cpu_seconds([server.pid]), machine.cpu_seconds(database), time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - began
        python = (machine.cpu_seconds([server.pid]) - python) / passed * 100
        sql = (machine.cpu_seconds(database) - sql) / passed * 100
    return Measured(python, "%", notes=[f"PostgreSQL beside it: {sql:.1f} % of a core"])


def _together(sitting: Sitting) -> Measured:
    """5,000 incidents whose next rung is due in one and the same second."""
    count = 500 if sitting.quick else 5000
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        load = Load(url=f"{server.url}/v2/enqueue", format="events", key=LADDER, connections=32, severity="critical")
        closed.run(replace(load, stop=count), 120)
        server.settle()
        due = datetime.now(UTC) + timedelta(seconds=4)
        moved = server.ask(
            """WITH climb AS (
                 UPDATE escalations SET next_at = $1::timestamptz, round_started_at = $1::timestamptz - interval '1 hour'
                 WHERE state = 'running' RETURNING id
               ), timer AS (
                 UPDATE timers SET due_at = $1::timestamptz, set_for = $1::timestamptz FROM climb
                 WHERE kind = 'escalate' AND subject = climb.id
                 RETURNING timers.id
               ) SELECT count(*) FROM timer""",
            due,
        )
        fired = partial(server.ask, "SELECT count(*) FROM pages WHERE step = 2")
        wait_until(lambda: fired() >= moved, 60, 0.05)
        seconds = (datetime.now(UTC) - due).total_seconds()
        server.settle()
        arrived = (datetime.now(UTC) - due).total_seconds()
        missing = moved - fired() + server.unpaged()
    broken = [f"{missing} did not fire or page"] if missing else []
    return Measured(
        seconds, "s", broken=broken, notes=[f"{moved:,} timers; the last page arrived after {arrived:.1f} s"]
    )


def _start(sitting: Sitting, again: bool) -> Measured:
    with Sink(sitting.folder) as sink:
        server = Tocsin(sitting.folder / "ours", sink.port)
        try:
            seconds = server.start()
            if again:
                server.stop()
                seconds = server.start()
        finally:
            server.remove()
    return Measured(seconds, "s")


def _rest(sitting: Sitting) -> Measured:
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port, demo=True) as server:
        time.sleep(3 if sitting.quick else 10)
        pss = machine.pss_mib(server.pids)
        return Measured(machine.rss_mib(server.pid), "MiB", notes=[f"with PostgreSQL {pss:.0f} MiB (PSS)"])


def _bound(name: str, what: str, most: float, measure: Callable[..., Measured], **args: Any) -> Row:
    return Row(name=name, what=what, floor=most, less=True, measure=partial(measure, **args))


ROWS = (
    _bound("storm-page", "10,000 alerts in 10 s: first event -> the one page", 1, _storm, figure="page"),
    _bound("storm-acknowledge", "the same: acknowledging -> in effect", 1, _storm, figure="acknowledge"),
    _bound("idle", "100,000 pending timers: the Python process at rest", 2, _idle),
    _bound("together", "5,000 timers due in one second: all fired", 3, _together),
    _bound("first-start", "ready on first start", 6, _start, again=False),
    _bound("start", "ready on later starts", 2, _start, again=True),
    _bound("rest", "resident memory of the Python process at rest, demo data", 150, _rest),
)
