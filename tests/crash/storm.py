"""What monitoring and people do during a storm, with a log of their own of what they were told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
from tests.crash.sites import KEYS, TOKEN, Site

PATIENCE = 40.0
"""Seconds for which a sender comes again before it gives up."""


@dataclass
class Sent:
    """One event: what was said, and when the sender heard 2xx (monotonic; 0: never)."""

    service: str
    key: str
    action: str
    accepted_at: float = 0.0
    attempts: int = 0
    too_late: bool = False
    """It ended before it was accepted, so that it may have left nothing."""


@dataclass
class Acted:
    """What a person did to an incident, and when they were told that it is done (monotonic; 0: not told)."""

    action: str
    incident: int
    status: int = 0
    answered_at: float = 0.0


@dataclass
class Storm:
    """Senders that come again with the same key on 503 and on silence, and people at their desks.

    `urls` are the nodes to talk to, in turn. `surprises`: answers that no sender may ever get. `longest`: seconds that the
    slowest answer to a sender took.
    """

    site: Site
    urls: Callable[[], list[str]]
    name: str = ""
    events: list[Sent] = field(default_factory=list)
    acts: list[Acted] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    longest: float = 0.0
    unavailable: int = 0
    _turn: int = 0

    async def __aenter__(self) -> Storm:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        self._connection = await self.site.connect()
        self._reading = asyncio.Lock()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        self._connection.terminate()

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        """Look into the database; while it is away, wait for it."""
        async with self._reading:
            while True:
                try:
                    if self._connection.is_closed():
                        self._connection = await self.site.connect()
                    return list(await self._connection.fetch(sql, *args))
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                    if isinstance(error, asyncpg.SyntaxOrAccessError):
                        raise
                    self._connection.terminate()  # a server killed in the middle of an answer may leave it unusable
                    await asyncio.sleep(0.1)

    async def trigger(self, service: str, key: str, severity: str = "critical", **payload: Any) -> Sent:
        body = {"summary": f"{key} is broken", "source": "test", "severity": severity, **payload}
        return await self._event(service, key, "trigger", {"payload": body})

    async def resolve(self, service: str, key: str) -> Sent:
        return await self._event(service, key, "resolve", {})

    async def look_at(self, service: str, key: str) -> Sent:
        return await self._event(service, key, "acknowledge", {})

    async def _event(self, service: str, key: str, action: str, more: dict[str, Any]) -> Sent:
        sent = Sent(service, self.name + key, action)
        self.events.append(sent)
        body = {"routing_key": KEYS[service], "event_action": action, "dedup_key": sent.key, **more}
        return await self._until_accepted(sent, "/v2/enqueue", lambda: body, 202)

    async def expiring(self, key: str, seconds: float) -> Sent:
        """An alert of Prometheus, that ends by itself unless it is sent again."""
        sent = Sent("api", self.name + key, "expiring")
        self.events.append(sent)

        end = datetime.now(UTC)

        def body() -> list[dict[str, Any]]:
            nonlocal end
            now = datetime.now(UTC)
            labels = {"alertname": sent.key, "severity": "critical"}
            end = now + timedelta(seconds=seconds)
            return [{"labels": labels, "startsAt": now.isoformat(), "endsAt": end.isoformat()}]

        await self._until_accepted(sent, f"/integrations/{KEYS['metrics']}/api/v2/alerts", body, 200)
        sent.too_late = datetime.now(UTC) > end
        return sent

    async def silence(self, component: str, seconds: float) -> None:
        """Mute the events of a component, until a moment from now."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)

        def body() -> dict[str, Any]:
            matcher = {"name": "component", "value": self.name + component, "isRegex": False}
            start = datetime.now(UTC).isoformat()
            ends = {"startsAt": start, "endsAt": until.isoformat()}
            return {"matchers": [matcher], **ends, "createdBy": "bob", "comment": "work"}

        path = f"/integrations/{KEYS['metrics']}/api/v2/silences"
        await self._until_accepted(Sent("api", component, "silence"), path, body, 200)

    async def _until_accepted(self, sent: Sent, path: str, body: Callable[[], Any], accepted: int) -> Sent:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            sent.attempts += 1
            status, text = await self._post(path, body())
            if status == accepted:
                sent.accepted_at = time.monotonic()
                return sent
            if status not in (0, 503):
                self.surprises.append(f"{sent.action} of {sent.key}: {status} {text[:200]}")
                return sent
            await asyncio.sleep(0.05)
        self.surprises.append(f"{sent.action} of {sent.key} was not accepted within {PATIENCE} s")
        return sent

    async def _post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """(status, body); status 0 when there was no answer."""
        urls = self.urls()
        self._turn += 1
        began = time.monotonic()
        try:
            async with self._session.post(urls[self._turn % len(urls)] + path, json=body, headers=headers) as answer:
                text = await answer.text()
                if answer.status == 503:
                    self.unavailable += 1
                    if "retry-after" not in answer.headers:
                        self.surprises.append(f"503 without Retry-After at {path}")
                return answer.status, text
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0, ""
        finally:
            if not headers:
                self.longest = max(self.longest, time.monotonic() - began)

    async def incident_of(self, sent: Sent, seconds: float = 30) -> int:
        """The incident of an accepted event; a muted one may take a while to get it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = await self.rows(
                "SELECT incident_id FROM alerts WHERE service = $1 AND dedup_key = $2 AND incident_id IS NOT NULL",
                sent.service, sent.key,
            )  # fmt: skip
            if found:
                return int(found[0][0])
            await asyncio.sleep(0.05)
        raise AssertionError(f"{sent} has no incident")

    async def act(self, action: str, incident: int, body: dict[str, Any] | None = None, once: bool = False) -> Acted:
        """A person acts through the API. `once`: they do not try again when they hear nothing."""
        acted = Acted(action, incident)
        self.acts.append(acted)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            status, text = await self._post(f"/api/v1/incidents/{incident}/{action}", body or {}, headers)
            if status not in (0, 503):
                acted.status, acted.answered_at = status, time.monotonic()
                if status not in (200, 409):
                    self.surprises.append(f"{action} of incident {incident}: {status} {text[:200]}")
                return acted
            if once:
                return acted
            await asyncio.sleep(0.05)
        self.surprises.append(f"{action} of incident {incident} was not answered within {PATIENCE} s")
        return acted

    async def everything(self) -> None:
        """Some fifty events and a dozen acts, so that every stage of the path has something to do."""
        await self.silence("database", 1.5)
        scripts: list[Coroutine[Any, Any, object]] = [
            *(self._plain(n) for n in range(8)),
            *(self.trigger("grouped", f"member-{n}", custom_details={"cluster": f"c{n % 2}"}) for n in range(8)),
            self._rises(),
            *(self.trigger("api", f"info-{n}", "info") for n in range(3)),
            *(self.trigger("broken", f"lost-{n}") for n in range(3)),
            *(self.trigger("flaky", f"stumbles-{n}") for n in range(3)),
            *(self.trigger("api", f"muted-{n}", component=f"{self.name}database") for n in range(3)),
            *(self.expiring(f"expires-{n}", 1.2) for n in range(3)),
            *(self._ends(n) for n in range(3)),
            *(self._looked_at(n) for n in range(2)),
            *(self._acted(n, "acknowledge", 0.05 * n) for n in range(4)),
            *(self._acted(n, "resolve", 0.05 * n) for n in range(2)),
            *(self._escalated(n) for n in range(2)),
        ]
        await asyncio.gather(*(self._later(0.012 * n, script) for n, script in enumerate(scripts)))

    async def steadily(self, seconds: float, per_second: float) -> None:
        """Alerts come evenly; some join, some end soon, some are answered, some end by themselves."""
        count = int(seconds * per_second)
        await asyncio.gather(*(self._later(n / per_second, self._one_of_many(n)) for n in range(count)))

    async def _one_of_many(self, number: int) -> None:
        match number % 8:
            case 0 | 1:
                await self._plain(number)
            case 2 | 3:
                await self.trigger("grouped", f"member-{number}", custom_details={"cluster": f"c{number // 40}"})
            case 4:
                await self._ends(number)
            case 5:
                await self._acted(number, "acknowledge", 0.3)
            case 6:
                await self.expiring(f"expires-{number}", 3)
            case _:
                await self._acted(number, "resolve", 0.5)

    @staticmethod
    async def _later(seconds: float, script: Coroutine[Any, Any, object]) -> None:
        await asyncio.sleep(seconds)
        await script

    async def _plain(self, number: int) -> None:
        await self.trigger("api", f"plain-{number}")
        if number < 4:
            await self.trigger("api", f"plain-{number}")

    async def _rises(self) -> None:
        for number, severity in enumerate(("warning", "warning", "critical")):
            await self.trigger("grouped", f"rises-{number}", severity, custom_details={"cluster": "rises"})

    async def _ends(self, number: int) -> None:
        await self.trigger("api", f"ends-{number}")
        await asyncio.sleep(0.2)
        await self.resolve("api", f"ends-{number}")

    async def _looked_at(self, number: int) -> None:
        await self.trigger("api", f"looked-at-{number}")
        await asyncio.sleep(0.1)
        await self.look_at("api", f"looked-at-{number}")

    async def _acted(self, number: int, action: str, after: float) -> None:
        sent = await self.trigger("api", f"{action}-{number}")
        await asyncio.sleep(after)
        await self.act(action, await self.incident_of(sent))

    async def _escalated(self, number: int) -> None:
        sent = await self.trigger("api", f"escalated-{number}")
        await self.act("escalate", await self.incident_of(sent), {"reason": "I do not know this one"}, once=True)

    async def answer_what_waits(self) -> None:
        """In the end somebody acknowledges whatever still climbs."""
        climbing = await self.rows("SELECT DISTINCT incident_id FROM escalations WHERE state IN ('running', 'held')")
        for row in climbing:
            await self.act("acknowledge", row[0])

    async def rest(self, seconds: float = 25) -> None:
        """Wait until nothing is under way and nothing is due within 5 s."""
        until = time.monotonic() + seconds
        left: list[Any] = []
        while time.monotonic() < until:
            left = await self.rows(
                """SELECT 'notification', id, due_at FROM notifications WHERE state = 'pending'
                   UNION ALL SELECT kind, subject, due_at FROM timers
                   WHERE due_at < now() + interval '5 seconds' OR kind IN ('response', 'count')"""
            )
            if not left:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"it does not come to rest: {[tuple(row) for row in left[:10]]}\n{self.site.said()}")
