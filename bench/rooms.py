"""What a room costs: how soon everybody who watches it sees an entry, and how long a long story takes to open."""

from __future__ import annotations

import asyncio
import hashlib
import random
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp

from bench.ours import TOKEN, Tocsin
from bench.sitting import Measured, Row, Sink, Sitting

WATCHERS = 200
ENTRIES = 5_000
SETTLING, TURN = 0.25, 0.04
"""Seconds after which a browser draws the state anew (static/tocsin.js), and the share of each watcher (web/streams.py)."""
_SESSION = """INSERT INTO sessions (token_hash, user_id, via, created_at, seen_at, expires_at, user_agent)
              VALUES ($1, 'alice', 'link', now(), now(), now() + interval '1 day', 'bench')"""
_STORY = """INSERT INTO timeline (incident_id, seq, at, kind, actor, details, data, hash)
  SELECT i.id, i.timeline_seq + 1000 + n, now() - interval '1 hour' + n * interval '0.5 s',
         (ARRAY['message_posted', 'note_added', 'finding_added', 'task_changed', 'alerts_joined'])[1 + n % 5], 'user:alice',
         'Replica ' || n || ' is ' || n % 90 || ' s behind; the pool of db-' || n % 7 || ' is full.',
         CASE WHEN n % 5 = 0 THEN '{"origin": "room"}' ELSE '{}' END::jsonb, sha256(int8send(n))
  FROM incidents i, generate_series(1, $1::bigint) n"""
_BOARD = (
    """INSERT INTO findings (incident_id, text, certainty, by, at)
       SELECT i.id, 'Finding ' || n, (ARRAY['fact', 'hypothesis', 'refuted'])[1 + n % 3], 'user:alice', now()
       FROM incidents i, generate_series(1, 60) n""",
    """INSERT INTO tasks (incident_id, workstream, text, owner, by, at, changed_at)
       SELECT i.id, 'Stream ' || n % 5, 'Task ' || n, 'alice', 'user:alice', now(), now()
       FROM incidents i, generate_series(1, 60) n""",
    "UPDATE incidents i SET timeline_seq = (SELECT max(seq) FROM timeline WHERE incident_id = i.id)",
    "ANALYZE",
)


@dataclass
class Watched:
    """What all watchers saw: by entry, when each of them had it."""

    url: str
    cookie: dict[str, str]
    seen: dict[str, list[float]] = field(default_factory=dict)
    listening: int = 0
    everybody: asyncio.Event = field(default_factory=asyncio.Event)
    redrawn: list[float] = field(default_factory=list)


async def _declared(url: str) -> str:
    """A SEV1 of our own; its id."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        body = {"title": "The room that is measured", "severity": "SEV1", "service": "each"}
        async with http.post(f"{url}/api/v1/incidents", json=body) as answer:
            answer.raise_for_status()
            return str((await answer.json())["id"])


def _signed_in(server: Tocsin) -> dict[str, str]:
    server.ask(_SESSION, hashlib.sha256(b"bench-cookie").digest())
    return {"tocsin_session": "bench-cookie"}


async def _watch(http: aiohttp.ClientSession, watched: Watched, room: str) -> None:
    """A browser in the room: it hears each entry, and soon after draws the state anew."""
    redraw: asyncio.Task[None] | None = None
    async with http.get(f"{watched.url}/incidents/{room}/stream") as stream:
        watched.listening += 1
        if watched.listening == WATCHERS:
            watched.everybody.set()
        async for line in stream.content:
            at = time.perf_counter()
            if not line.startswith(b"data:") or b"bench-" not in line:
                continue
            word = line[line.index(b"bench-") :].split()[0].split(b"<")[0].decode()
            if word in watched.seen:
                watched.seen[word].append(at)
                if redraw is None or redraw.done():
                    redraw = asyncio.ensure_future(_redraw(http, watched, room))


async def _redraw(http: aiohttp.ClientSession, watched: Watched, room: str) -> None:
    await asyncio.sleep(SETTLING + TURN * WATCHERS * (0.5 + random.random() / 2))
    began = time.perf_counter()
    async with http.get(f"{watched.url}/incidents/{room}/state", headers={"HX-Request": "true"}) as answer:
        await answer.read()
    watched.redrawn.append(time.perf_counter() - began)


async def _told(
    url: str, cookie: dict[str, str], room: str, entries: int, pause: float
) -> tuple[Watched, list[list[float]]]:
    """Write down `entries` findings; how many seconds each took to each watcher."""
    watched, took = Watched(url, cookie), []
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(cookies=cookie, connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        )
        api = await stack.enter_async_context(aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}))
        watchers = [asyncio.ensure_future(_watch(http, watched, room)) for _ in range(WATCHERS)]
        async with asyncio.timeout(60):
            await watched.everybody.wait()
        await asyncio.sleep(1)
        for number in range(entries):
            word = f"bench-{number}"
            watched.seen[word] = []
            began = time.perf_counter()
            async with api.post(f"{url}/api/v1/incidents/{room}/findings", json={"text": f"{word} is known"}) as answer:
                answer.raise_for_status()
            await asyncio.sleep(pause)
            took.append([at - began for at in watched.seen[word]])
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
    return watched, took


def _watching(sitting: Sitting) -> Measured:
    entries, pause = (10, 1.0) if sitting.quick else (60, 1.0)
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        room = asyncio.run(_declared(server.url))
        watched, took = asyncio.run(_told(server.url, _signed_in(server), room, entries, pause))
    last = [max(one) * 1000 for one in took if one]
    broken = [
        f"{WATCHERS - len(one)} of {WATCHERS} watchers never saw an entry" for one in took if len(one) != WATCHERS
    ]
    notes = [
        f"the last of {WATCHERS} watchers: median {statistics.median(last):.0f}, worst {max(last):.0f} ms",
        f"{len(watched.redrawn)} states drawn anew, median {statistics.median(watched.redrawn) * 1000:.0f} ms",
    ]
    return Measured(max(last), "ms", broken=broken, notes=notes)


async def _opened(url: str, cookie: dict[str, str], room: str, times: int) -> list[float]:
    took = []
    async with aiohttp.ClientSession(cookies=cookie) as http:
        for _ in range(times):
            began = time.perf_counter()
            async with http.get(f"{url}/incidents/{room}") as answer:
                body = await answer.read()
                answer.raise_for_status()
            took.append(time.perf_counter() - began)
            assert b"Replica" in body
    return took[3:]


def _opening(sitting: Sitting) -> Measured:
    with Sink(sitting.folder) as sink, Tocsin(sitting.folder / "ours", sink.port) as server:
        room = asyncio.run(_declared(server.url))
        server.settle()
        server.ask(_STORY, ENTRIES)
        for statement in _BOARD:
            server.ask(statement)
        took = asyncio.run(_opened(server.url, _signed_in(server), room, 13 if sitting.quick else 43))
    return Measured(
        max(took) * 1000, "ms", notes=[f"median {statistics.median(took) * 1000:.0f}, worst {max(took) * 1000:.0f} ms"]
    )


ROWS = (
    Row(
        name="room-watched", what="an entry told -> seen by the last of 200 watchers, the worst", floor=200, aim=100, less=True,
        measure=_watching,
    ),
    Row(
        name="room-opened", what="a room with 5,000 entries opens, the worst", floor=300, aim=150, less=True, measure=_opening,
    ),
)  # fmt: skip
