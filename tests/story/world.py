"""A world to tell stories in: the real database and the real flow, a clock that we move, and phones that we can look at."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tocsin.clock import TravelClock
from tocsin.core.configuration import KINDS
from tocsin.core.directory import Directory
from tocsin.core.event import Event
from tocsin.core.spelling import decode
from tocsin.flow import relieve, respond
from tocsin.flow.batch import Outcome
from tocsin.flow.context import Context, Wake
from tocsin.flow.intake import Intake
from tocsin.flow.recall import Recall
from tocsin.flow.silences import Silences
from tocsin.flow.tick import Engine
from tocsin.plugins.channels.base import DeliveryError, Field, Message, Receipt
from tocsin.settings import Settings
from tocsin.store import timers
from tocsin.store.database import Database, in_transaction
from tocsin.store.ids import Ids

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

ORGANISATION: dict[str, Any] = {
    "users": [
        {
            "id": name,
            "name": name.title(),
            "email": f"{name}@example.com",
            "contact_methods": [{"id": "phone", "type": "phone", "number": name}],
        }
        for name in ("alice", "bob", "carol", "erin")
    ],
    "teams": [{"id": "payments", "members": ["alice", "bob"], "manager": "erin"}],
    "schedules": [
        {
            "id": "primary",
            "layers": [
                {"id": "weekly", "users": ["alice"], "starts": "2026-01-05T00:00", "rotation": {"unit": "week"}}
            ],
        }
    ],
    "escalation_policies": [
        {
            "id": "payments",
            "steps": [
                {"after": "0s", "targets": [{"schedule": "primary"}]},
                {"after": "10m", "targets": [{"user": "bob"}]},
                {"after": "15m", "targets": [{"user": "carol"}]},
            ],
        }
    ],
    "services": [
        {
            "id": "api",
            "name": "Payments API",
            "team": "payments",
            "escalation_policy": "payments",
            "integrations": [{"id": "events", "type": "pagerduty", "key": "k" * 32}],
        },
        {
            "id": "grouped",
            "team": "payments",
            "escalation_policy": "payments",
            "integrations": [{"id": "events", "type": "pagerduty", "key": "g" * 32}],
            "grouping": {"by": ["cluster"], "window": "5m"},
        },
    ],
}


def directory(changes: Mapping[str, Any] | None = None, default: str | None = "payments") -> Directory:
    """The organisation, with whole kinds replaced by `changes`."""
    raw = {**ORGANISATION, **(changes or {})}
    return Directory.of(
        {kind: [decode(item, struct) for item in raw.get(kind, ())] for kind, struct in KINDS.items()}, default
    )


@dataclass
class Phone:
    """What one person's phone got."""

    messages: list[Message] = field(default_factory=list)
    taken: int = 0

    def rang(self) -> bool:
        """Did it ring since it was last asked?"""
        new = len(self.messages) > self.taken
        self.taken = len(self.messages)
        return new

    @property
    def times(self) -> int:
        return len(self.messages)

    @property
    def last(self) -> Message:
        return self.messages[-1]


class PhoneChannel:
    """A provider in memory. `broken[number]` is raised instead of delivering; `slow[number]` seconds pass first."""

    type = "phone"
    label = "Phone"
    fields = (Field(name="number", label="Number", kind="text"),)
    bundles = False
    rings = False
    concurrency = 100
    lane_limit = 10
    timeout = 5.0

    def __init__(self) -> None:
        self.phones: dict[str, Phone] = {}
        self.broken: dict[str, list[DeliveryError | None]] = {}
        self.slow: dict[str, float] = {}
        self.keys: list[str] = []

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return None if settings.get("number") else "number: give one"

    def lane(self, settings: Mapping[str, str]) -> str:
        return settings["number"]

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        assert not in_transaction.get(), "no network inside a transaction"
        number = settings["number"]
        self.keys.append(message.key)
        if number in self.slow:
            await asyncio.sleep(self.slow[number])
        script = self.broken.get(number)
        if script:
            error = script[0] if len(script) == 1 else script.pop(0)
            if error is not None:
                raise error
        self.phones.setdefault(number, Phone()).messages.append(message)
        return Receipt("rang")


class PagerChannel(PhoneChannel):
    """Like a phone, but messages may travel together."""

    type = "pager"
    bundles = True


NODES = int(os.environ.get("TOCSIN_TEST_NODES", "1"))
"""How many nodes share the work of one world; the stories are the same."""


class World:
    """Nodes on one database."""

    def __init__(self, db: Database, organisation: Directory | None = None, start: datetime = MONDAY) -> None:
        self.db = db
        self.clock = TravelClock(start)
        self.provider = PhoneChannel()
        self.pagers = PagerChannel()
        self.ctx = Context(
            settings=Settings(external_url="http://tocsin.test"),
            clock=self.clock,
            db=db,
            channels={"phone": self.provider, "pager": self.pagers},
            secret=b"s" * 32,
            instance="tocsin-test",
            directory=organisation or directory(),
        )
        self.nodes = [self.ctx, *(self._another() for _ in range(NODES - 1))]
        self.intakes = [Intake(ctx) for ctx in self.nodes]
        self.engines = [Engine(ctx) for ctx in self.nodes]
        self.intake, self.engine = self.intakes[0], self.engines[0]
        self._turns = 0
        self.ended = False

    def _another(self) -> Context:
        """A node with a memory of its own."""
        memory: dict[str, Any] = {
            "ids": Ids(),
            "rules": {},
            "silences": Silences(),
            "recall": Recall(),
            "announced": set(),
        }
        return replace(self.ctx, node=uuid4(), wake=Wake(), **memory)

    async def __aenter__(self) -> World:
        for intake, engine in zip(self.intakes, self.engines, strict=True):
            await intake.start()
            await engine.deliveries.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ended = True
        for intake, engine in zip(self.intakes, self.engines, strict=True):
            await intake.stop()
            await engine.stop()

    def phone(self, person: str) -> Phone:
        return self.provider.phones.setdefault(person, Phone())

    def pager(self, person: str) -> Phone:
        return self.pagers.phones.setdefault(person, Phone())

    def breaks(self, person: str, *errors: DeliveryError | None) -> None:
        """The provider answers with these in turn; the last one for ever."""
        self.provider.broken[person] = list(errors)

    def event(
        self, action: str = "trigger", key: str = "disk", severity: str | None = "critical", **more: Any
    ) -> Event:
        return Event(
            action=action, dedup_key=key, title=more.pop("title", f"{key} is broken"), severity=severity, **more
        )  # type: ignore[arg-type]

    async def send(self, *events: Event, service: str = "api") -> list[Outcome]:
        """Events arrive in one request, committed; what is due now happens."""
        ref = next(r for r in self.ctx.directory.integrations.values() if r.service.id == service)
        self._turns += 1
        for ctx in self.nodes:
            ctx.directory = self.ctx.directory
            if NODES > 1:  # a node looks every five seconds
                await relieve.refresh_loop(ctx)
        outcomes = await self.intakes[self._turns % NODES].accept(ref, events, self.clock.now())
        await self.settle()
        return outcomes

    async def fire(
        self, key: str = "disk", severity: str | None = "critical", service: str = "api", **more: Any
    ) -> Outcome:
        return (await self.send(self.event("trigger", key, severity, **more), service=service))[0]

    async def ends(self, key: str = "disk", service: str = "api") -> Outcome:
        return (await self.send(self.event("resolve", key), service=service))[0]

    async def settle(self) -> None:
        """Let everything happen that is due at this very moment."""
        while True:
            await self._delivered()
            stirred = sum([await engine.rooms.stir() for engine in self.engines])
            if not stirred and not sum([await engine.turn() for engine in self.engines]):
                return

    async def _delivered(self) -> None:
        while self.ctx.chores:
            await asyncio.gather(*self.ctx.chores)
        for _ in range(3000):
            if not any(e.deliveries.waiting or e.notices.waiting or e.rooms.waiting for e in self.engines):
                return
            await asyncio.sleep(0.002)
        raise AssertionError("deliveries did not come to rest")

    async def wait(self, **delta: float) -> None:
        """Time passes; whatever falls due on the way happens at its time."""
        target = self.clock.now() + timedelta(**delta)
        while True:
            async with self.db.reading() as tx:
                due = await timers.next_due(tx)
            if due is None or due > target:
                break
            if due > self.clock.now():
                self.clock.advance(due - self.clock.now())
            await self.settle()
        self.clock.advance(target - self.clock.now())
        await self.settle()

    async def sleep(self, **delta: float) -> None:
        """Time passes while the node is down: nothing happens until it is awake again."""
        self.clock.advance(timedelta(**delta))

    async def row(self, sql: str, *args: Any) -> Any:
        async with self.db.reading() as tx:
            return await tx.fetchrow(sql, *args)

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        async with self.db.reading() as tx:
            return list(await tx.fetch(sql, *args))

    async def incident(self, number: int | None = None) -> Any:
        if number is None:
            return await self.row("SELECT * FROM incidents ORDER BY id DESC LIMIT 1")
        return await self.row("SELECT * FROM incidents WHERE id = $1", number)

    async def kinds(self, number: int) -> list[str]:
        """The kinds of the incident's timeline, in order."""
        return [r[0] for r in await self.rows("SELECT kind FROM timeline WHERE incident_id = $1 ORDER BY seq", number)]

    async def acknowledge(self, number: int, who: str = "alice") -> respond.Result:
        result = await respond.acknowledge(self.ctx, number, f"user:{who}")
        await self.settle()
        return result
