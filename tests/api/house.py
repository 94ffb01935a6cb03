"""A house with doors: the ASGI application called without sockets, in front of an intake that remembers (or a real one)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tocsin.api.doors import Accepts, Doors
from tocsin.clock import TravelClock
from tocsin.core.configuration import Service
from tocsin.core.directory import Directory, IntegrationRef
from tocsin.core.event import Event
from tocsin.core.spelling import decode
from tocsin.flow.context import Context
from tocsin.flow.intake import Intake
from tocsin.plugins.sources.registry import sources
from tocsin.settings import Settings
from tocsin.store.database import Database

NOW = datetime(2026, 11, 21, 0, 36, tzinfo=UTC)
EVENTS = "0123456789abcdef0123456789abcdef"
METRICS = "1123456789abcdef0123456789abcdef"
PROMS = "2123456789abcdef0123456789abcdef"
OTHER = "3123456789abcdef0123456789abcdef"

SERVICES: list[dict[str, Any]] = [
    {
        "id": "payments-api",
        "integrations": [
            {"id": "events", "type": "pagerduty", "key": EVENTS},
            {"id": "metrics", "type": "alertmanager", "key": METRICS},
            {"id": "proms", "type": "prometheus", "key": PROMS},
        ],
    },
    {
        "id": "search",
        "integrations": [{"id": "proms", "type": "prometheus", "key": OTHER}],
        "grouping": {"by": ["cluster"], "window": "5m"},
    },
]


@dataclass
class Taken:
    """An intake that keeps what it accepts. `error` is raised instead when set."""

    events: list[tuple[str, Event]] = field(default_factory=list)
    error: Exception | None = None

    async def accept(self, ref: IntegrationRef, events: Sequence[Event], now: datetime) -> list[None]:
        if self.error is not None:
            raise self.error
        self.events += [(f"{ref.service.id}/{ref.integration.id}", event) for event in events]
        return [None for _ in events]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class House:
    ctx: Context
    intake: Accepts
    doors: Doors
    behind: list[str]
    """Paths that no door answered."""

    async def call(
        self,
        method: str,
        path: str,
        body: Any = b"",
        headers: dict[str, str] | None = None,
        chunks: Sequence[bytes] | None = None,
    ) -> Reply:
        """`path` may carry a query; `body` that is not bytes is sent as JSON; `chunks` are sent one by one instead."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json"} if headers is None else headers
        plain, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": plain,
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in given.items()],
        }
        parts = list(chunks) if chunks is not None else [raw]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not parts:
                return {"type": "http.disconnect"}
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.doors(scope, receive, send)
        start, *bodies = sent
        headers_sent = {k.decode(): v.decode() for k, v in start["headers"]}
        whole = b"".join(message["body"] for message in bodies)
        assert headers_sent["content-length"] == str(len(whole))
        return Reply(start["status"], headers_sent, whole)


def build(db: Database, intake: Accepts | None = None) -> House:
    services = [decode(raw, Service) for raw in SERVICES]
    ctx = Context(
        settings=Settings(), clock=TravelClock(NOW), db=db, channels={}, secret=b"s" * 32, instance="test",
        directory=Directory.of({"services": services}),
    )  # fmt: skip
    behind: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        behind.append(scope["path"])
        await send({"type": "http.response.start", "status": 418, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    taken = intake or Taken()
    return House(ctx, taken, Doors(ctx, taken, sources(), inner), behind)


@asynccontextmanager
async def furnished(db: Database) -> AsyncIterator[House]:
    """A house with the real intake."""
    house = build(db)
    intake = Intake(house.ctx)
    house.doors = Doors(house.ctx, intake, sources(), house.doors._inner)
    house.intake = intake
    await intake.start()
    try:
        yield house
    finally:
        await house.doors.stop()
        await intake.stop()
