"""The house in which the contract is read line by line: its configuration, and somebody who speaks HTTP and nothing cleverer."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..fakes.mail import MailServer
from ..fakes.sink import Received, Sink

T = TypeVar("T")

TOKEN = "contract-bootstrap-token-0123456789abcde"  # 40 characters
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

CLOSED = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
"""The only day on which payments works: whenever these tests run, it is out of business hours."""

CONFIGURATION = """\
version: 1
users:
  - id: alice
    name: Alice Ng
    email: alice@example.com
    time_zone: Europe/Berlin
    role: responder
    contact_methods:
      - {{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/alice"}}
      - {{id: mail, type: email, address: alice@example.com}}
    notification_rules:
      high: [{{after: 0s, method: hook}}, {{after: 2m, method: mail}}]
      low:  [{{after: 0s, method: mail}}]
  - {{id: bob, name: Bob, email: bob@example.com, contact_methods: [{{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/bob"}}]}}
  - {{id: carol, contact_methods: [{{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/carol", secret: {secret}}}]}}
  - {{id: dave, contact_methods: [{{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/dave"}}]}}
  - {{id: erin, role: manager, contact_methods: [{{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/erin"}}]}}
  - {{id: frank, role: observer}}
  - id: grace
    email: grace@example.com
    contact_methods:
      - {{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/grace"}}
      - {{id: second, type: webhook, url: "http://127.0.0.1:{sink}/grace-second"}}
    notification_rules:
      high: [{{after: 0s, method: hook}}, {{after: 1h, method: second}}]
  - id: heidi
    email: heidi@example.com
    contact_methods:
      - {{id: hook, type: webhook, url: "http://127.0.0.1:{sink}/heidi"}}
      - {{id: mail, type: email, address: heidi@example.com}}
  - {{id: ivan, role: stakeholder, name: no}}
teams:
  - {{id: payments, name: Payments, members: [alice, bob, carol, dave], manager: erin, business_hours: {{days: [{closed}]}}}}
schedules:
  - id: payments-primary
    time_zone: Europe/Berlin
    team: payments
    layers:
      - id: weekly
        users: [alice, bob, carol, dave]
        starts: 2026-01-05T09:00
        rotation: {{every: 1, unit: week}}
        restrictions: [{{days: [mon, tue, wed, thu, fri], from: "09:00", to: 17:00}}]
    overrides: [{{user: erin, from: 2026-02-01T00:00, to: 2026-02-02T00:00}}]
  - {{id: solo, layers: [{{id: only, users: [alice], starts: 2026-01-05T09:00}}]}}
  - {{id: nobody, layers: [{{id: later, users: [alice], starts: 2150-01-05T09:00}}]}}
escalation_policies:
  - id: payments
    steps:
      - {{after: 0s,  tier: on_call, targets: [{{schedule: solo}}]}}
      - {{after: 10m, tier: on_call, targets: [{{user: bob}}]}}
      - {{after: 15m, tier: senior,  targets: [{{user: erin}}, {{team: payments}}]}}
    repeat: 2
  - {{id: solo, steps: [{{after: 0s, targets: [{{schedule: solo}}]}}]}}
  - {{id: bobs, steps: [{{after: 0s, targets: [{{user: bob}}]}}]}}
  - {{id: carols, steps: [{{after: 0s, targets: [{{user: carol}}]}}]}}
  - {{id: graces, steps: [{{after: 0s, targets: [{{user: grace}}]}}]}}
  - {{id: heidis, steps: [{{after: 0s, targets: [{{user: heidi}}]}}]}}
  - {{id: fast, steps: [{{after: 0s, targets: [{{user: dave}}]}}, {{after: 1s, targets: [{{user: bob}}]}}]}}
  - {{id: empty-chair, steps: [{{after: 0s, targets: [{{schedule: nobody}}]}}, {{after: 1h, targets: [{{user: dave}}]}}]}}
  - {{id: franks, steps: [{{after: 0s, targets: [{{user: frank}}]}}, {{after: 1h, targets: [{{user: dave}}]}}]}}
services:
  - id: payments-api
    name: Payments API
    team: payments
    tier: 1
    escalation_policy: payments
    depends_on: [postgres-main]
    integrations:
      - {{id: events,  type: pagerduty,    key: 0123456789abcdef0123456789abcdef}}
      - {{id: metrics, type: alertmanager, key: 1123456789abcdef0123456789abcdef}}
      - {{id: proms,   type: prometheus,   key: 2123456789abcdef0123456789abcdef}}
  - {{id: postgres-main}}
  - id: grouped
    escalation_policy: solo
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000001}}]
    grouping: {{by: [cluster], window: 5m}}
  - id: short-window
    escalation_policy: solo
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000002}}]
    grouping: {{by: [cluster], window: 1s}}
  - id: of-bob
    escalation_policy: bobs
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000003}}]
  - id: of-carol
    escalation_policy: carols
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000004}}]
  - id: of-grace
    escalation_policy: graces
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000005}}]
  - id: of-heidi
    escalation_policy: heidis
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000006}}]
  - id: impatient
    team: payments
    escalation_policy: fast
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000007}}]
  - id: unmanned
    escalation_policy: empty-chair
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000008}}]
  - id: voiceless
    escalation_policy: franks
    integrations: [{{id: events, type: pagerduty, key: 3000000000000000000000000000000a}}]
  - id: listed
    escalation_policy: solo
    integrations: [{{id: events, type: pagerduty, key: 30000000000000000000000000000009}}]
default_escalation_policy: bobs
severities: {{}}
mutes: []
heartbeats: [{{id: nightly-backup, service: postgres-main, period: 1d, grace: 1h, key: 8f6c9b3e-6a35-4d7b-9d9b-0c5b6a1f2e11}}]
runbooks: []
slos: []
prevention_rules: []
status_pages: []
"""

KEYS = {
    "payments-api": "0123456789abcdef0123456789abcdef",
    "grouped": "30000000000000000000000000000001",
    "short-window": "30000000000000000000000000000002",
    "of-bob": "30000000000000000000000000000003",
    "of-carol": "30000000000000000000000000000004",
    "of-grace": "30000000000000000000000000000005",
    "of-heidi": "30000000000000000000000000000006",
    "impatient": "30000000000000000000000000000007",
    "unmanned": "30000000000000000000000000000008",
    "voiceless": "3000000000000000000000000000000a",
    "listed": "30000000000000000000000000000009",
}
"""Service -> key of its Events v2 integration."""

_unique = count(1)


def fresh(word: str = "key") -> str:
    """A text that no other test uses."""
    return f"{word}-{os.getpid()}-{next(_unique)}"


def until(what: Callable[[], T], seconds: float = 8) -> T:
    """The first true value of `what()`, asked again and again."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.03)
    return found


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def ok(self, status: int = 200) -> Any:
        """The JSON of an answer that must have this status."""
        assert self.status == status, f"{self.status}: {self.text}"
        return self.json

    def problem(self, status: int) -> dict[str, Any]:
        """The problem document of an answer that must have this status (RFC 9457)."""
        assert self.status == status, f"{self.status}: {self.text}"
        assert self.headers["content-type"].startswith("application/problem+json")
        told: dict[str, Any] = self.json
        assert {"type", "title", "status", "detail"} <= told.keys()
        assert told["status"] == status
        assert told["title"]
        assert told["detail"]
        return told

    def points_at(self, pointer: str) -> None:
        """422, and one of the findings is about this field."""
        assert pointer in [e["pointer"] for e in self.problem(422)["errors"]], self.text


@dataclass
class Http:
    """Requests to one server, each on its own connection."""

    url: str
    token: str = ""
    base: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        sent = dict(self.headers)
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            raw = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=15)
        try:
            connection.request(method, self.base + path, raw, {**sent, **(headers or {})})
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.call("POST", path, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


class Api(Http):
    """The API under /api/v1."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        super().__init__(url, token, "/api/v1")

    def incident(self, id: str | int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/incidents/{id}").ok()
        return found

    def act(self, id: str | int, verb: str, body: Any = None, status: int = 200) -> Any:
        return self.post(f"/incidents/{id}/{verb}", body).ok(status)

    def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path).ok()["items"]
        return found

    def timeline(self, id: str | int) -> list[dict[str, Any]]:
        return self.items(f"/incidents/{id}/timeline?limit=200")

    def kinds(self, id: str | int) -> list[str]:
        return [entry["kind"] for entry in self.timeline(id)]

    def declare(self, **fields: Any) -> dict[str, Any]:
        body = {"title": fresh("Something"), "description": "", "severity": "sev2_high", "service": "listed", **fields}
        made: dict[str, Any] = self.post("/incidents", {k: v for k, v in body.items() if v is not None}).ok(201)
        return made


@dataclass
class House:
    """The running server, and the world around it."""

    url: str
    sink: Sink
    mail: MailServer
    loop: asyncio.AbstractEventLoop
    said: Callable[[], str]

    @property
    def api(self) -> Api:
        return Api(self.url)

    @property
    def http(self) -> Http:
        return Http(self.url)

    def event(self, service: str, action: str = "trigger", key: str | None = None, **payload: Any) -> Reply:
        """Send an Events v2 event."""
        body: dict[str, Any] = {"routing_key": KEYS[service], "event_action": action}
        if key is not None:
            body["dedup_key"] = key
        if action == "trigger":
            body["payload"] = {"summary": fresh("Alert"), "source": "host-1", "severity": "critical", **payload}
        return self.http.post("/v2/enqueue", body)

    def trigger(self, service: str, key: str | None = None, **payload: Any) -> dict[str, Any]:
        """Send an event that is new; the incident it belongs to."""
        key = key or fresh()
        self.event(service, key=key, **payload).ok(202)
        return self.incident_of(service, key)

    def incident_of(self, service: str, key: str) -> dict[str, Any]:
        """The incident of the newest alert with this key."""
        alert = self.api.items(f"/alerts?service={service}&q={key}")[0]
        return self.api.incident(alert["incident"])

    def pages_to(self, path: str, incident: str) -> list[Received]:
        """What the sink got at this path about an incident."""
        return [r for r in list(self.sink.requests) if r.path == path and r.json()["incident"]["id"] == incident]

    def page(self, path: str, incident: str) -> Received:
        """The first page about an incident, waited for."""
        return until(lambda: self.pages_to(path, incident))[0]


class Loop:
    """An event loop in a thread of its own, for the servers that tests talk to."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def cli(url: str, *arguments: str, token: str = TOKEN, stdin: str | None = None, **environment: str) -> Ran:
    """Run `tocsin` as a client."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    told = {"TOCSIN_URL": url, **({"TOCSIN_TOKEN": token} if token else {}), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "tocsin", *arguments], env={**kept, **told}, input=stdin, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
