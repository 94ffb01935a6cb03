"""The intake doors without a database behind them: who is let in, and the exact words for who is not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core.errors import Unavailable
from tocsin.manage.newest import Newest
from tocsin.store.database import Database

from .house import EVENTS, METRICS, PROMS, House, Taken, build

UNKNOWN = "f" * 32
EVENT = {
    "routing_key": EVENTS,
    "event_action": "trigger",
    "dedup_key": "k",
    "payload": {"summary": "s", "source": "x", "severity": "error"},
}
V1 = {"service_key": EVENTS, "event_type": "trigger", "incident_key": "k", "description": "d"}
CHANGE = {"routing_key": EVENTS, "payload": {"summary": "deployed"}}
WEBHOOK = {"version": "4", "groupKey": "g", "alerts": [{"status": "firing", "labels": {"alertname": "a"}}]}
ALERTS = [{"labels": {"alertname": "a"}}]
V1_PATH = "/generic/2010-04-15/create_event.json"

BODIES = {"/v2/enqueue": EVENT, "/v2/change/enqueue": CHANGE, V1_PATH: V1}
HOOKS = {f"/integrations/{METRICS}/alertmanager": WEBHOOK, f"/integrations/{PROMS}/api/v2/alerts": ALERTS}
DOORS = {**BODIES, **HOOKS}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    async def nothing_new(ctx: Any) -> bool:
        return False

    monkeypatch.setattr("tocsin.manage.newest.refresh", nothing_new)
    made = build(Database("postgresql://nowhere.invalid/none"))
    made.doors.newest = Newest(made.ctx, pause=0)
    return made


def taken(house: House) -> list[tuple[str, str]]:
    assert isinstance(house.intake, Taken)
    return [(who, event.action) for who, event in house.intake.events]


@pytest.mark.parametrize(
    ("path", "body", "status", "answer"),
    [
        ("/v2/enqueue", EVENT, 202, {"status": "success", "message": "Event processed", "dedup_key": "k"}),
        ("/v2/change/enqueue", CHANGE, 202, {"status": "success", "message": "Change event processed"}),
        (V1_PATH, V1, 200, {"status": "success", "message": "Event processed", "incident_key": "k"}),
        (f"/integrations/{METRICS}/alertmanager", WEBHOOK, 200, {"status": "success"}),
        (f"/integrations/{METRICS}/alertmanager/", WEBHOOK, 200, {"status": "success"}),
        (f"/integrations/{PROMS}/api/v2/alerts", ALERTS, 200, None),
        (f"/integrations/{PROMS}/api/v2/alerts/", ALERTS, 200, None),
    ],
)
async def test_what_is_well_formed_is_taken(house: House, path: str, body: Any, status: int, answer: Any) -> None:
    reply = await house.call("POST", path, body)
    assert (reply.status, reply.json() if reply.body else None) == (status, answer)
    assert len(taken(house)) == 1


async def test_both_alertmanager_doors_take_the_keys_of_both_types(house: House) -> None:
    assert (await house.call("POST", f"/integrations/{PROMS}/alertmanager", WEBHOOK)).status == 200
    assert (await house.call("POST", f"/integrations/{METRICS}/api/v2/alerts", ALERTS)).status == 200
    assert [who for who, _ in taken(house)] == ["payments-api/proms", "payments-api/metrics"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "application/x-www-form-urlencoded"])
async def test_events_are_taken_whatever_they_claim_to_be(house: House, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert (await house.call("POST", "/v2/enqueue", EVENT, headers)).status == 202
    assert (await house.call("POST", f"/integrations/{METRICS}/alertmanager", WEBHOOK, headers)).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "garbage", "application/x-www-form-urlencoded"])
async def test_the_alertmanager_api_insists_on_json(house: House, content_type: str) -> None:
    reply = await house.call("POST", f"/integrations/{PROMS}/api/v2/alerts", ALERTS, {"Content-Type": content_type})
    said = f'unsupported media type "{content_type}", only [application/json] are allowed'
    assert (reply.status, reply.json()) == (415, {"code": 415, "message": said})
    reply = await house.call("POST", f"/integrations/{PROMS}/api/v2/alerts", ALERTS, {})
    assert '"application/octet-stream"' in reply.json()["message"]
    for fine in ("application/json; charset=utf-8", "APPLICATION/JSON"):
        reply = await house.call("POST", f"/integrations/{PROMS}/api/v2/alerts", ALERTS, {"Content-Type": fine})
        assert reply.status == 200


async def test_an_unknown_routing_key_is_an_invalid_event_and_is_counted(house: House) -> None:
    reply = await house.call("POST", "/v2/enqueue", {**EVENT, "routing_key": UNKNOWN})
    assert reply.status == 400
    assert reply.json() == {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": ["'routing_key' is not known: no integration has this key"],
    }
    reply = await house.call("POST", "/v2/enqueue", {**EVENT, "routing_key": "short"})
    assert reply.json()["errors"] == ["Length of 'routing_key' is incorrect (should be 32 characters)"]
    reply = await house.call("POST", V1_PATH, {**V1, "service_key": "short"})
    assert reply.json()["errors"] == ["Length of 'service_key' is incorrect (should be 32 characters)"]
    assert set(house.doors.knocking._heard) == {
        (UNKNOWN, "pagerduty"), ("short", "pagerduty"), ("short", "pagerduty_v1"),
    }  # fmt: skip
    assert taken(house) == []


async def test_an_unknown_key_in_the_path_is_not_found(house: House) -> None:
    for path in (f"/integrations/{UNKNOWN}/alertmanager", f"/integrations/{UNKNOWN}/api/v2/alerts"):
        reply = await house.call("POST", path, DOORS.get(path, ALERTS))
        assert (reply.status, reply.json()) == (404, {"code": 404, "message": "No integration has this key"})
    assert (await house.call("GET", f"/integrations/{UNKNOWN}/-/ready")).status == 404


async def test_a_key_of_another_type_is_told_its_type(house: House) -> None:
    reply = await house.call("POST", "/v2/enqueue", {**EVENT, "routing_key": METRICS})
    assert reply.status == 400
    assert "type 'alertmanager'" in reply.json()["errors"][0]
    reply = await house.call("POST", f"/integrations/{EVENTS}/alertmanager", WEBHOOK)
    assert reply.status == 404
    assert "type 'pagerduty'" in reply.json()["message"]
    assert taken(house) == []


@pytest.mark.parametrize("path", DOORS)
async def test_a_door_that_cannot_store_says_when_to_come_again(house: House, path: str) -> None:
    assert isinstance(house.intake, Taken)
    house.intake.error = Unavailable("Too many events are waiting", retry_after=3)
    reply = await house.call("POST", path, DOORS[path])
    assert (reply.status, reply.headers["retry-after"]) == (503, "3")
    assert "Too many events are waiting" in json.dumps(reply.json())


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_events_come_by_post_only(house: House, path: str, method: str) -> None:
    reply = await house.call(method, path, EVENT)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_the_webhook_comes_by_post_only(house: House) -> None:
    reply = await house.call("GET", f"/integrations/{METRICS}/alertmanager")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_good_alerts_are_stored_beside_bad_ones(house: House) -> None:
    reply = await house.call("POST", f"/integrations/{PROMS}/api/v2/alerts", [*ALERTS, {"labels": {}}])
    assert (reply.status, reply.json()) == (400, "at least one label pair required")
    assert len(taken(house)) == 1


@pytest.mark.parametrize("path", DOORS)
async def test_half_a_megabyte_is_the_limit(house: House, path: str) -> None:
    body = json.dumps(DOORS[path]).encode()
    fits = body + b" " * (524_288 - len(body))
    assert (await house.call("POST", path, fits)).status < 300
    assert (await house.call("POST", path, chunks=[fits[:100_000], fits[100_000:], b""])).status < 300
    for chunks in ([fits + b" "], [fits, b" "], [fits, fits, fits, b""]):
        reply = await house.call("POST", path, chunks=chunks)
        assert reply.status == 413
        assert "524288" in json.dumps(reply.json())
        assert "connection" not in reply.headers


async def test_a_sender_who_hangs_up_is_not_answered(house: House) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    for path in DOORS:
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
        await house.doors(scope, receive, send)
    assert sent == []


@pytest.mark.parametrize("path", DOORS)
async def test_a_compressed_body_is_refused_by_name(house: House, path: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    reply = await house.call("POST", path, b"\x1f\x8b\x08\x00\x00\x00\x00\x00", headers)
    assert reply.status == 415
    assert "gzip" in json.dumps(reply.json())


@pytest.mark.parametrize(
    "path", ["/", "/v2/enqueue/", "/v2/other", "/integrations", "/integrations/", f"/integrations/{PROMS}", "/api/v1/x"]
)
async def test_what_is_no_door_goes_on(house: House, path: str) -> None:
    assert (await house.call("POST", path, EVENT)).status == 418
    assert house.behind == [path]


async def test_what_is_not_http_goes_on(house: House) -> None:
    seen: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    house.doors._inner = inner
    await house.doors({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]


async def test_an_unknown_source_under_a_known_key_is_not_found(house: House) -> None:
    reply = await house.call("POST", f"/integrations/{PROMS}/nagios", b"")
    assert (reply.status, reply.json()) == (404, {"code": 404, "message": "path /nagios was not found"})


async def test_healthy_and_ready(house: House) -> None:
    for path in ("-/healthy", "-/ready"):
        reply = await house.call("GET", f"/integrations/{PROMS}/{path}")
        assert (reply.status, reply.body) == (200, b"OK")


async def test_knocks_never_grow_without_bound(house: House) -> None:
    for number in range(1000):
        await house.call("POST", "/v2/enqueue", {**EVENT, "routing_key": f"{number:032d}"})
    heard = house.doors.knocking._heard
    assert len(heard) <= 257
    assert sum(count for count, _, _ in heard.values()) == 1000
    house.doors.knocking._heard = {}
    await asyncio.sleep(0)
    await house.doors.stop()


PATHS = st.sampled_from(
    [
        *DOORS,
        *(
            f"/integrations/{PROMS}/{rest}"
            for rest in ("api/v2/status", "api/v2/receivers", "-/ready", "api/v2/nope", "x/../y")
        ),
        f"/integrations/{UNKNOWN}/alertmanager",
        "/integrations/\x00/alertmanager",
    ]
)
METHODS = st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "DELETE", "HEAD"])
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-encoding", "accept"]), st.text("aé/;,=*", max_size=9)
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS, path=PATHS, base=st.sampled_from(list(DOORS.values())), data=st.data())
async def test_no_request_is_too_odd(house: House, method: str, path: str, base: Any, data: st.DataObject) -> None:
    """Cut, flip or insert bytes of a good body, or send rubbish: never 500 (there is no database, so reading is 503)."""
    body = bytearray(json.dumps(base).encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(body)))
        piece = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"\\u0000", b"\\ud800", b"[", b"{", b"1e999", b"null", b'"'])
        )
        body[at : at + data.draw(st.integers(0, 9))] = piece
    reply = await house.call(method, path, bytes(body), data.draw(HEADERS))
    assert 200 <= reply.status < 500 or (reply.status == 503 and method in ("GET", "HEAD"))
    if reply.body and reply.headers["content-type"] == "application/json":
        json.loads(reply.body)
