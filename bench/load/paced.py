"""Open loop: new alerts at a fixed rate, whatever the answers do, and the pages that they cause, timed by one clock."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop

from bench.load.sink import Receiver

_CONNECTIONS = 128
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)


def event(key: str, dedup: str, number: int) -> bytes:
    """PagerDuty Events v2; the dedup key stands in the summary, because the page quotes that."""
    host = f"host-{number % 500}"
    return json.dumps(
        {
            "routing_key": key,
            "event_action": "trigger",
            "dedup_key": dedup,
            "payload": {
                "summary": f"disk usage above 90% on {host} {dedup}",
                "source": host,
                "severity": "critical",
                "component": "disk",
                "custom_details": {"mount": "/var", "used_pct": 93.5},
            },
        }
    ).encode()


def alert(key: str, dedup: str, number: int) -> bytes:
    """Alertmanager v2."""
    labels = {"alertname": "DiskUsage", "dedup": dedup, "instance": f"host-{number % 500}", "severity": "critical"}
    return json.dumps([{"labels": labels, "annotations": {"summary": "disk usage above 90%"}}]).encode()


@dataclass
class Paced:
    """What became of one run. Times by the monotonic clock, by the number of the alert."""

    count: int
    due: dict[int, float] = field(default_factory=dict)
    sent: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    paged: dict[int, float] = field(default_factory=dict)
    pages: list[tuple[float, bytes]] = field(default_factory=list)
    """Every page with its body, in order of arrival (only when bodies are kept)."""
    refused: int = 0
    repeated: int = 0
    first: asyncio.Event = field(default_factory=asyncio.Event)
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """A page has come; all have."""

    @property
    def unpaged(self) -> int:
        return self.count - len(self.paged)

    def page_ms(self, share: float) -> float:
        """The given quantile of event sent -> page received, in ms."""
        return quantile([(at - self.sent[number]) * 1000 for number, at in self.paged.items()], share)

    def answer_ms(self, share: float) -> float:
        """The same of event due -> answer."""
        return quantile([(at - self.due[number]) * 1000 for number, at in self.answered.items()], share)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("inf")


Beside = Callable[[Paced], Coroutine[None, None, None]]
"""What somebody does while the alerts go out."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """`rate` alerts each second for `seconds`; pages come to `sink`; they are waited for `patience` seconds."""

    url: str
    body: Callable[[str, str, int], bytes]
    key: str
    sink: int
    rate: float
    seconds: float
    patience: float = 15.0
    keep: bool = False
    one_page: bool = False
    """All alerts share one page: do not wait for more."""


def run(pace: Pace, meanwhile: Beside | None = None) -> Paced:
    """Send, wait for the pages, and tell. `meanwhile` runs beside it."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(pace, meanwhile))


async def _run(pace: Pace, meanwhile: Beside | None) -> Paced:
    run = Paced(round(pace.rate * pace.seconds))
    salt = "p" + os.urandom(4).hex()
    numbered = re.compile(rb"%s-(\d+)" % salt.encode())

    def take(body: bytes) -> None:
        now = time.monotonic()
        if pace.keep:
            run.pages.append((now, body))
        for number in {int(found) for found in numbered.findall(body)}:
            run.repeated += number in run.paged
            run.paged.setdefault(number, now)
        run.first.set()
        if not run.unpaged:
            run.complete.set()

    server = await asyncio.get_running_loop().create_server(lambda: Receiver(take), "127.0.0.1", pace.sink)
    beside = asyncio.create_task(meanwhile(run)) if meanwhile else None
    try:
        await _send_all(pace, run, salt)
        if not pace.one_page:
            with suppress(TimeoutError):
                await asyncio.wait_for(run.complete.wait(), pace.patience)
        if beside is not None:
            await beside
    finally:
        server.close()
    return run


async def _send_all(pace: Pace, run: Paced, salt: str) -> None:
    url = urlsplit(pace.url)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(url.hostname, url.port))
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    begun = time.monotonic() + 0.1
    posts: set[asyncio.Task[None]] = set()
    for number in range(run.count):
        run.due[number] = begun + number / pace.rate
        if (early := run.due[number] - time.monotonic()) > 0:
            await asyncio.sleep(early)
        body = pace.body(pace.key, f"{salt}-{number}", number)
        request = b"%s%d\r\n\r\n%s" % (head.encode(), len(body), body)
        task = asyncio.create_task(_post(run, number, request, free))
        posts.add(task)
        task.add_done_callback(posts.discard)
    if posts:
        await asyncio.wait(posts, timeout=pace.patience)
    while not free.empty():
        free.get_nowait()[1].close()


async def _post(
    run: Paced, number: int, request: bytes, free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
) -> None:
    run.sent[number] = time.monotonic()  # waiting for a connection counts: a slow server must not slow its own load
    reader, writer = connection = await free.get()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    told = _LENGTH.search(head)
    await reader.readexactly(int(told[1]) if told else 0)
    run.answered[number] = time.monotonic()
    run.refused += head[9:10] != b"2"
    free.put_nowait(connection)
