"""Whatever a door accepts, the database can hold: odd, huge and hostile events through the real intake."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core.directory import Directory
from tocsin.core.errors import Unavailable
from tocsin.manage import configuration
from tocsin.manage.files import File
from tocsin.store.database import Database

from .house import EVENTS, METRICS, OTHER, PROMS, House, build, furnished

NOISE = base64.b64encode(random.Random(7).randbytes(20_000)).decode()
"""Text that does not compress."""


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with furnished(db) as made:
        yield made


def event(**changes: Any) -> dict[str, Any]:
    payload = {"summary": "s", "source": "x", "severity": "error", **changes.pop("payload", {})}
    return {"routing_key": EVENTS, "event_action": "trigger", "payload": payload, **changes}


async def test_a_key_that_another_node_made_a_moment_ago_is_known(house: House, db: Database) -> None:
    """Senders do not send again what was refused: the node looks before it refuses, also when nobody told it of the change."""
    fresh = "e" * 32
    assert (await house.call("POST", "/v2/enqueue", event(routing_key=fresh))).status == 400
    other = build(db)  # it tells nobody: its notice is on its way
    other.ctx.directory = Directory()
    for number, key in enumerate((fresh, "d" * 32)):
        text = f"""version: 1
services: [{{id: s{number}, name: S, integrations: [{{id: e, type: {("pagerduty", "prometheus")[number]}, key: {key}}}]}}]
"""
        await configuration.apply(other.ctx, configuration.ITSELF, [File("tocsin.yaml", text)])
        path = ("/v2/enqueue", f"/integrations/{key}/api/v2/alerts")[number]
        body = (event(routing_key=fresh, dedup_key="new"), [{"labels": {"alertname": "a"}}])[number]
        replies = await asyncio.gather(*(house.call("POST", path, body) for _ in range(5)))
        assert {reply.status for reply in replies} == {(202, 200)[number]}


async def test_nobody_is_refused_for_want_of_a_database(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(ctx: Any) -> bool:
        raise Unavailable("The database is away", 3)

    monkeypatch.setattr("tocsin.manage.newest.refresh", away)
    for path, body in (("/v2/enqueue", event(routing_key="c" * 32)), (f"/integrations/{'c' * 32}/api/v2/alerts", [])):
        reply = await house.call("POST", path, body)
        assert (reply.status, reply.headers["retry-after"]) == (503, "3")


HUGE: list[tuple[str, Any]] = [
    ("/v2/enqueue", event(dedup_key="🔔" * 255)),
    (
        "/v2/enqueue",
        event(payload={"summary": NOISE, "source": NOISE, "component": NOISE, "group": NOISE, "class": NOISE}),
    ),
    ("/v2/enqueue", event(payload={"custom_details": {NOISE: NOISE, "n": 10**4000, "f": 1e308, "": ""}})),
    ("/v2/enqueue", event(payload={"custom_details": json.loads("[" * 62 + "]" * 62)})),
    (
        "/v2/enqueue",
        event(client=NOISE, client_url=f"https://{NOISE}", links=[{"href": f"https://{NOISE}", "text": NOISE}]),
    ),
    (
        "/v2/change/enqueue",
        {"routing_key": EVENTS, "payload": {"summary": NOISE, "source": NOISE, "custom_details": NOISE}},
    ),
    (f"/integrations/{OTHER}/api/v2/alerts", [{"labels": {"alertname": "a", "cluster": NOISE}}]),
    (f"/integrations/{OTHER}/api/v2/alerts", [{"labels": {NOISE: NOISE}, "annotations": {NOISE: NOISE}}]),
    (
        f"/integrations/{PROMS}/api/v2/alerts",
        [{"labels": {"a": "1"}, "startsAt": "1901-01-01T00:00:00Z", "endsAt": "9998-01-01T00:00:00Z"}],
    ),
    (
        f"/integrations/{METRICS}/alertmanager",
        {"version": "4", "groupKey": NOISE, "externalURL": NOISE, "alerts": [{"labels": {"severity": NOISE}}] * 3},
    ),
]


@pytest.mark.parametrize(("path", "body"), HUGE, ids=[str(i) for i in range(len(HUGE))])
async def test_huge_and_extreme_events_are_stored(house: House, path: str, body: Any) -> None:
    reply = await house.call("POST", path, body)
    assert reply.status in (200, 202), reply.body
    async with house.ctx.db.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM alerts") + await tx.fetchval("SELECT count(*) FROM events") == 1


async def test_long_group_labels_still_group(house: House) -> None:
    for host in ("1", "2"):
        alert = {"labels": {"alertname": "a", "cluster": NOISE, "host": host}}
        assert (await house.call("POST", f"/integrations/{OTHER}/api/v2/alerts", [alert])).status == 200
    async with house.ctx.db.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM incidents") == 1


TEXT = st.text(max_size=8) | st.sampled_from(["\0", "\ud800", "\x1f", "\\u0000", "'", '"', "{", "\u2028", "\U0010ffff"])
JSON = st.recursive(
    TEXT | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(details=JSON, texts=st.lists(TEXT, min_size=4, max_size=4), labels=st.dictionaries(TEXT, TEXT, max_size=4))
async def test_any_text_and_any_details_are_stored_or_refused(
    house: House, details: Any, texts: list[str], labels: dict[str, str]
) -> None:
    one, two, three, four = texts
    sent = event(dedup_key=one, payload={"summary": two, "source": three, "group": four, "custom_details": details})
    assert (await house.call("POST", "/v2/enqueue", sent)).status in (202, 400)
    alerts = [{"labels": labels, "annotations": {one: two}}]
    assert (await house.call("POST", f"/integrations/{OTHER}/api/v2/alerts", alerts)).status in (200, 400)
    assert (await house.call("GET", f"/integrations/{OTHER}/api/v2/alerts")).status == 200
    hook = {
        "version": "4",
        "groupKey": three,
        "alerts": [{"status": "firing", "labels": labels, "annotations": {one: four}}],
    }
    assert (await house.call("POST", f"/integrations/{METRICS}/alertmanager", hook)).status in (200, 400)
