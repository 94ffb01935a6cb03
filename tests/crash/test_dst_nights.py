"""The running program lives through the nights in which Berlin's clocks change (libfaketime: its wall clock, its timers, its database)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from tests.crash import audit
from tests.crash.sites import TOKEN, Cluster, Nursery, Site
from tests.crash.test_clock_jumps import LIBRARY
from tests.fakes.sink import Sink

from tocsin.postgres import server

BEFORE = timedelta(seconds=1.5)
"""An alert fires so long before each boundary; its second rung is due as long after it."""
AHEAD = BEFORE + timedelta(seconds=0.7)
LATEST = timedelta(seconds=1.5)
"""Promised is 1 s; the rest is what a busy test machine may take."""
KEYS = {"turns": "a" * 32, "nights": "b" * 32, "long": "c" * 32}


@dataclass(frozen=True)
class Page:
    incident: str
    user: str
    at: datetime


def pages(incident: str, *planned: tuple[str, str, float]) -> tuple[Page, ...]:
    """`planned`: who, at which boundary (UTC), how many seconds after it."""
    return tuple(
        Page(incident, user, datetime.fromisoformat(boundary) + timedelta(seconds=off))
        for user, boundary, off in planned
    )


@dataclass(frozen=True)
class Night:
    """`boundaries`: (UTC, who has `turns` before and after it, who has `nights` before and after it).

    `pages`: every page of the night, worked out by hand. Whoever takes over a shift is paged about what nobody has answered.
    """

    starts: str
    nights_end: str
    boundaries: tuple[tuple[str, str, str, str, str], ...]
    pages: tuple[Page, ...]

    def at(self, number: int) -> datetime:
        return datetime.fromisoformat(self.boundaries[number][0])


SPRING = Night(
    # `turns` hands over at 02:30, which does not exist: it is read with the offset before, 03:30 CEST. `nights` end at 02:15,
    # which the wall clock jumps over at 01:00 UTC.
    starts="2026-03-27T02:30", nights_end="02:15",
    boundaries=(
        ("2026-03-29T01:00:00Z", "bob", "bob", "dave", "carol"),
        ("2026-03-29T01:30:00Z", "bob", "alice", "carol", "carol"),
    ),
    pages=(
        *pages("turns-0", ("bob", "2026-03-29T01:00Z", -1.5), ("bob", "2026-03-29T01:00Z", 1.5), ("alice", "2026-03-29T01:30Z", 0)),
        *pages("turns-1", ("bob", "2026-03-29T01:30Z", -1.5), ("alice", "2026-03-29T01:30Z", 0), ("alice", "2026-03-29T01:30Z", 1.5)),
        *pages("nights-0", ("dave", "2026-03-29T01:00Z", -1.5), ("carol", "2026-03-29T01:00Z", 0), ("carol", "2026-03-29T01:00Z", 1.5)),
        *pages("nights-1", ("carol", "2026-03-29T01:30Z", -1.5), ("carol", "2026-03-29T01:30Z", 1.5)),
        # Half an hour and three seconds go by between its rungs, although an hour more does by the clock on the wall.
        *pages("long-0", ("bob", "2026-03-29T01:00Z", -1.5), ("alice", "2026-03-29T01:30Z", 0), ("alice", "2026-03-29T01:30Z", 1.5)),
    ),
)  # fmt: skip
AUTUMN = Night(
    # 02:30 comes twice: `turns` hands over at its first passing alone. `nights` hold by the wall clock, in both passings.
    starts="2026-10-23T02:30", nights_end="02:30",
    boundaries=(
        ("2026-10-25T00:30:00Z", "bob", "alice", "dave", "carol"),
        ("2026-10-25T01:00:00Z", "alice", "alice", "carol", "dave"),
        ("2026-10-25T01:30:00Z", "alice", "alice", "dave", "carol"),
    ),
    pages=(
        *pages("turns-0", ("bob", "2026-10-25T00:30Z", -1.5), ("alice", "2026-10-25T00:30Z", 0), ("alice", "2026-10-25T00:30Z", 1.5)),
        *pages("turns-1", ("alice", "2026-10-25T01:00Z", -1.5), ("alice", "2026-10-25T01:00Z", 1.5)),
        *pages("turns-2", ("alice", "2026-10-25T01:30Z", -1.5), ("alice", "2026-10-25T01:30Z", 1.5)),
        *pages("nights-0", ("dave", "2026-10-25T00:30Z", -1.5), ("carol", "2026-10-25T00:30Z", 0), ("carol", "2026-10-25T00:30Z", 1.5),
               ("dave", "2026-10-25T01:00Z", 0), ("carol", "2026-10-25T01:30Z", 0)),
        *pages("nights-1", ("carol", "2026-10-25T01:00Z", -1.5), ("dave", "2026-10-25T01:00Z", 0), ("dave", "2026-10-25T01:00Z", 1.5),
               ("carol", "2026-10-25T01:30Z", 0)),
        *pages("nights-2", ("dave", "2026-10-25T01:30Z", -1.5), ("carol", "2026-10-25T01:30Z", 0), ("carol", "2026-10-25T01:30Z", 1.5)),
        *pages("long-0", ("bob", "2026-10-25T00:30Z", -1.5), ("alice", "2026-10-25T00:30Z", 0), ("alice", "2026-10-25T01:30Z", 1.5)),
    ),
)  # fmt: skip


class Timepiece:
    """Programs with this `environment` see our time, by the wall clock and by the monotonic one, as if the machine had slept."""

    def __init__(self, file: Path) -> None:
        assert LIBRARY is not None, "install faketime (make system does it)"
        self._file = file
        self.off = timedelta()
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
        }

    def set(self, now: datetime) -> None:
        self.off = now - datetime.now(UTC)
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.off.total_seconds():+.3f}\n")
        new.chmod(0o644)
        os.replace(new, self._file)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off

    async def until(self, moment: datetime) -> None:
        await asyncio.sleep((moment - self.now()).total_seconds())


@pytest.fixture
def timepiece(folder: Path) -> Timepiece:
    return Timepiece(folder / "clock")


@pytest.fixture
def sleepers(timepiece: Timepiece) -> Iterator[Nursery]:
    timepiece.set(datetime.now(UTC))
    made = Nursery(timepiece.environment)
    yield made
    made.close()


@pytest.fixture
async def database(timepiece: Timepiece, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(server, "ENVIRONMENT", {**server.ENVIRONMENT, **timepiece.environment})
    timepiece.set(datetime.now(UTC))
    made = Cluster()
    try:
        await made.start()
        yield made
    finally:
        await made.close()


def seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f}s"


def configuration(night: Night, hook: Callable[[str], str]) -> str:
    users = "".join(
        f'\n  - {{id: {name}, email: {name}@example.com, contact_methods: [{{id: hook, type: webhook, url: "{hook("/" + name)}"}}]}}'
        for name in ("alice", "bob", "carol", "dave")
    )
    second = {"turns": 2 * BEFORE, "nights": 2 * BEFORE, "long": night.at(-1) - night.at(0) + 2 * BEFORE}
    policies = "".join(
        f"\n  - {{id: {name}, steps: [{{after: 0s, targets: [{{schedule: {schedule}}}]}},"
        f" {{after: {seconds(second[name])}, targets: [{{schedule: {schedule}}}]}}]}}"
        for name, schedule in (("turns", "turns"), ("nights", "nights"), ("long", "turns"))
    )
    services = "".join(
        f"\n  - {{id: {name}, escalation_policy: {name}, integrations: [{{id: events, type: pagerduty, key: {key}}}]}}"
        for name, key in KEYS.items()
    )
    return f"""\
version: 1
users:{users}
schedules:
  - id: turns
    time_zone: Europe/Berlin
    layers: [{{id: days, users: [alice, bob], starts: {night.starts}, rotation: {{unit: day}}}}]
  - id: nights
    time_zone: Europe/Berlin
    layers:
      - {{id: base, users: [carol], starts: 2026-01-05T00:00, rotation: {{unit: week}}}}
      - id: late
        users: [dave]
        starts: 2026-01-05T00:00
        restrictions: [{{from: "22:00", to: "{night.nights_end}"}}]
escalation_policies:{policies}
services:{services}
"""


class Programme:
    """The running program, and what it should have done by now."""

    def __init__(self, night: Night, timepiece: Timepiece, site: Site, session: aiohttp.ClientSession) -> None:
        self.night, self.timepiece, self.site, self._session = night, timepiece, site, session
        self.node = site.start()

    def arrived(self) -> list[tuple[str, str, datetime]]:
        """(incident, person, when) of each page, in the time that the program lived in."""
        pages = [(request, request.json()) for request in self.site.sink.requests]
        return [
            (page["incident"]["title"], request.path[1:], datetime.fromisoformat(page["sent_at"]))
            for request, page in pages
            if page["type"] == "page"
        ]

    async def start(self) -> None:
        await self.node.ready()
        while "ready" not in self.node.said():
            await asyncio.sleep(0.02)

    async def live_through(self, number: int) -> None:
        """The seconds around a boundary; what is on call is asked on both sides of it."""
        night, boundary = self.night, self.night.at(number)
        _, turns, turns_after, nights, nights_after = night.boundaries[number]
        self.timepiece.set(boundary - AHEAD)
        await self.timepiece.until(boundary - BEFORE)
        assert await self.on_call() == {"turns": turns, "nights": nights}
        for service in KEYS if number == 0 else ("turns", "nights"):
            await self.trigger(service, f"{service}-{number}")
        await self.timepiece.until(boundary + BEFORE / 2)
        assert await self.on_call() == {"turns": turns_after, "nights": nights_after}
        await self.timepiece.until(boundary + BEFORE)
        expected = sum(page.at < boundary + 2 * BEFORE for page in night.pages)
        while len(self.arrived()) < expected and self.timepiece.now() < boundary + BEFORE + LATEST:
            await asyncio.sleep(0.05)

    async def trigger(self, service: str, name: str) -> None:
        payload = {"summary": name, "source": "monitoring", "severity": "critical"}
        body = {"routing_key": KEYS[service], "event_action": "trigger", "dedup_key": name, "payload": payload}
        async with self._session.post(f"{self.node.url}/v2/enqueue", json=body) as answer:
            assert answer.status == 202, await answer.text()

    async def on_call(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self._session.get(f"{self.node.url}/api/v1/oncall", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return {item["schedule"]: item["user"] for item in (await answer.json())["items"]}


def difference(expected: Sequence[Page], arrived: list[tuple[str, str, datetime]]) -> list[str]:
    """Pages that are missing, superfluous, early or late."""
    found, left = [], list(arrived)
    for page in expected:
        fitting = (
            one for one in left if one[:2] == (page.incident, page.user) and timedelta() <= one[2] - page.at <= LATEST
        )
        if (one := next(fitting, None)) is None:
            found.append(f"missing: {page}")
        else:
            left.remove(one)
    return found + [f"nobody expected: {one}" for one in left]


@pytest.mark.parametrize("night", [SPRING, AUTUMN], ids=["spring", "autumn"])
async def test_the_night_in_which_the_clocks_change(
    night: Night, timepiece: Timepiece, database: Cluster, sleepers: Nursery, folder: Path
) -> None:
    timepiece.set(night.at(0) - timedelta(seconds=30))
    async with Site(sleepers, await database.create(), folder, sink=Sink()) as site, aiohttp.ClientSession() as session:
        site.config.write_text(configuration(night, site.sink.url))
        programme = Programme(night, timepiece, site, session)
        await programme.start()
        for number in range(len(night.boundaries)):
            await programme.live_through(number)
        await asyncio.sleep(0.5)
        assert difference(night.pages, programme.arrived()) == [], programme.node.said()
        keys = [request.key for request in site.sink.requests]
        assert len(keys) == len(set(keys)), "nothing comes twice"
        assert await audit.any_time(site) == []
