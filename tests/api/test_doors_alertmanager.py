"""Being an Alertmanager, on the real database with the real intake: what was sent is shown, silences mute."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tocsin.clock import TravelClock
from tocsin.store.database import Database

from .house import EVENTS, NOW, OTHER, PROMS, House, Reply, furnished

BASE = f"/integrations/{PROMS}/api/v2"
SEARCH = f"/integrations/{OTHER}/api/v2"
FINGERPRINT = "727f02c030f1ed2e"
HOUR = timedelta(hours=1)


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with furnished(db) as made:
        yield made


def clock(house: House) -> TravelClock:
    assert isinstance(house.ctx.clock, TravelClock)
    return house.ctx.clock


async def fire(house: House, base: str = BASE, **labels: str) -> None:
    alert = {
        "labels": {"alertname": "a", **labels},
        "generatorURL": "http://prom/graph",
        "annotations": {"summary": "S"},
    }
    assert (await house.call("POST", f"{base}/alerts", [alert])).status == 200


async def alerts(house: House, query: str = "", base: str = BASE) -> list[dict[str, Any]]:
    reply = await house.call("GET", f"{base}/alerts?{query}")
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json()
    return found


def draft(**changes: Any) -> dict[str, Any]:
    full = {
        "matchers": [{"name": "x", "value": "1", "isRegex": False, "isEqual": True}],
        "startsAt": NOW.isoformat(),
        "endsAt": (NOW + HOUR).isoformat(),
        "createdBy": "me",
        "comment": "c",
    }
    return {name: value for name, value in {**full, **changes}.items() if value != "absent"}


async def silence(house: House, base: str = BASE, **changes: Any) -> Reply:
    return await house.call("POST", f"{base}/silences", draft(**changes))


async def silenced(house: House, base: str = BASE, **changes: Any) -> str:
    reply = await silence(house, base, **changes)
    assert reply.status == 200, reply.body
    made: str = reply.json()["silenceID"]
    return str(UUID(made))


async def test_an_alert_is_shown_as_alertmanager_shows_it(house: House) -> None:
    await fire(house, x="1")
    assert await alerts(house) == [
        {
            "annotations": {"summary": "S"},
            "endsAt": "2026-11-21T00:41:00.000Z",
            "fingerprint": FINGERPRINT,
            "receivers": [{"name": "payments-api"}],
            "startsAt": "2026-11-21T00:36:00.000Z",
            "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": "2026-11-21T00:36:00.000Z",
            "generatorURL": "http://prom/graph",
            "labels": {"alertname": "a", "x": "1"},
        }
    ]
    assert await alerts(house, base=SEARCH) == []


async def test_many_alerts_are_all_shown(house: House) -> None:
    many = [{"labels": {"alertname": "a", "number": str(number)}} for number in range(1234)]
    assert (await house.call("POST", f"{BASE}/alerts", many)).status == 200
    shown = await alerts(house)
    assert {alert["labels"]["number"] for alert in shown} == {str(number) for number in range(1234)}
    assert [alert["fingerprint"] for alert in shown] == sorted(alert["fingerprint"] for alert in shown)


async def test_a_resolved_alert_is_gone(house: House) -> None:
    await fire(house, x="1")
    over = {"labels": {"alertname": "a", "x": "1"}, "endsAt": (NOW - HOUR).isoformat()}
    assert (await house.call("POST", f"{BASE}/alerts", [over])).status == 200
    assert await alerts(house) == []


async def test_alerts_of_other_integrations_of_the_service_are_shown_too(house: House) -> None:
    event = {
        "routing_key": EVENTS, "event_action": "trigger", "dedup_key": "k",
        "payload": {"summary": "s", "source": "db1", "severity": "error"},
    }  # fmt: skip
    assert (await house.call("POST", "/v2/enqueue", event)).status == 202
    [shown] = await alerts(house)
    assert shown["labels"] == {"source": "db1", "severity": "error"}
    assert len(shown["fingerprint"]) == 16


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", "12"), ("filter=x=1", "1"), ("filter=x%3D%221%22", "1"), ("filter=x!=1", "2"), ("filter=x=~1|2", "12"),
        ("filter=x=1&filter=alertname=a", "1"), ("filter=x=1&filter=x=2", ""), ("receiver=payments-.*", "12"),
        ("receiver=payments", ""), ("active=false", "2"), ("silenced=false", "1"), ("active=0&silenced=no", ""),
        ("active=true&inhibited=false&unprocessed=false", "12"), ("nosuch=1", "12"),
    ],
)  # fmt: skip
async def test_filters(house: House, query: str, seen: str) -> None:
    await fire(house, x="1")
    await fire(house, x="2")
    await silenced(house, matchers=[{"name": "x", "value": "2", "isRegex": False}])
    assert sorted(alert["labels"]["x"] for alert in await alerts(house, query)) == list(seen)
    groups = (await house.call("GET", f"{BASE}/alerts/groups?{query}")).json()
    assert sorted(alert["labels"]["x"] for group in groups for alert in group["alerts"]) == list(seen)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("filter=bad", "bad matcher format: bad"),
        ("filter=", "bad matcher format: "),
        ("filter=x%3D~%22(%22", "error parsing regexp: missing closing ): `^(?:()$`"),
        ("receiver=(", "failed to parse receiver param: error parsing regexp: missing closing ): `^(?:()$`"),
    ],
)
@pytest.mark.parametrize("place", ["alerts", "alerts/groups"])
async def test_bad_filters(house: House, place: str, query: str, said: str) -> None:
    reply = await house.call("GET", f"{BASE}/{place}?{query}")
    assert (reply.status, reply.json()) == (400, said)


async def test_groups_are_those_of_the_service(house: House) -> None:
    for cluster, host in (("b", "1"), ("a", "2"), ("a", "3")):
        await fire(house, SEARCH, cluster=cluster, host=host)
    groups = (await house.call("GET", f"{SEARCH}/alerts/groups")).json()
    shown = [(g["labels"], sorted(a["labels"]["host"] for a in g["alerts"]), g["receiver"]["name"]) for g in groups]
    assert shown == [({"cluster": "a"}, ["2", "3"], "search"), ({"cluster": "b"}, ["1"], "search")]


async def test_status_and_receivers(house: House) -> None:
    assert (await house.call("GET", f"{BASE}/receivers")).json() == [{"name": "payments-api"}]
    status = (await house.call("GET", f"{BASE}/status")).json()
    assert status["cluster"] == {"peers": [], "status": "disabled"}
    assert status["uptime"] == "2026-11-21T00:36:00.000Z"
    assert status["versionInfo"]["version"] == "0.25.0"
    assert set(status["versionInfo"]) == {"branch", "buildDate", "buildUser", "goVersion", "revision", "version"}
    assert 'receiver: "payments-api"' in status["config"]["original"]


async def test_a_silence_mutes_and_is_shown(house: House) -> None:
    made = await silenced(house)
    await fire(house, x="1")
    await fire(house, x="2")
    states = {a["labels"]["x"]: (a["status"]["state"], a["status"]["silencedBy"]) for a in await alerts(house)}
    assert states == {"1": ("suppressed", [made]), "2": ("active", [])}
    async with house.ctx.db.reading() as tx:
        rows = await tx.fetch("SELECT labels->>'x' AS x, reason, incident_id IS NULL AS quiet FROM alerts ORDER BY x")
        assert [tuple(row) for row in rows] == [("1", "muted", True), ("2", "opened", False)]


async def test_a_silence_leaves_the_incident_that_already_is(house: House) -> None:
    await fire(house, x="1")
    made = await silenced(house)
    await fire(house, x="1")
    assert (await alerts(house))[0]["status"] == {"inhibitedBy": [], "silencedBy": [made], "state": "suppressed"}
    async with house.ctx.db.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM incidents WHERE status = 'detected'") == 1
        assert tuple(await tx.fetchrow("SELECT count, reason, mute FROM alerts")) == (2, "opened", None)


async def test_a_silence_is_its_services_own(house: House) -> None:
    made = await silenced(house)
    await fire(house, SEARCH, x="1")
    assert (await alerts(house, base=SEARCH))[0]["status"]["state"] == "active"
    assert (await house.call("GET", f"{SEARCH}/silence/{made}")).status == 404
    assert (await house.call("DELETE", f"{SEARCH}/silence/{made}")).status == 404
    assert (await house.call("GET", f"{SEARCH}/silences")).json() == []
    assert (await silence(house, SEARCH, id=made)).status == 404


async def test_a_silence_is_shown_as_alertmanager_shows_it(house: House) -> None:
    made = await silenced(house, startsAt=(NOW - HOUR).isoformat())
    shown = {
        "id": made,
        "status": {"state": "active"},
        "updatedAt": "2026-11-21T00:36:00.000Z",
        "comment": "c",
        "createdBy": "me",
        "endsAt": "2026-11-21T01:36:00.000Z",
        "matchers": [{"isEqual": True, "isRegex": False, "name": "x", "value": "1"}],
        "startsAt": "2026-11-21T00:36:00.000Z",
    }
    assert (await house.call("GET", f"{BASE}/silence/{made}")).json() == shown
    assert (await house.call("GET", f"{BASE}/silences")).json() == [shown]
    assert (await house.call("GET", f"{BASE}/silences?filter=x=1")).json() == [shown]
    for other in ("x=2", "x!=1", "x=~.*"):
        assert (await house.call("GET", f"{BASE}/silences?filter={other}")).json() == []


async def test_only_the_end_of_an_active_silence_can_move(house: House) -> None:
    made = await silenced(house)
    longer = (NOW + 2 * HOUR).isoformat()
    assert await silenced(house, id=made, endsAt=longer, comment="longer") == made
    shown = (await house.call("GET", f"{BASE}/silence/{made}")).json()
    assert (shown["endsAt"], shown["comment"]) == ("2026-11-21T02:36:00.000Z", "longer")
    assert await due(house) == [NOW + 2 * HOUR]

    another = await silenced(house, id=made, matchers=[{"name": "x", "value": "2", "isRegex": False}])
    assert another != made
    states = {s["id"]: s["status"]["state"] for s in (await house.call("GET", f"{BASE}/silences")).json()}
    assert states == {another: "active", made: "expired"}


async def due(house: House) -> list[datetime]:
    async with house.ctx.db.reading() as tx:
        rows = await tx.fetch("SELECT due_at FROM timers WHERE kind = 'unmute' ORDER BY due_at")
        return [row[0].astimezone(UTC) for row in rows]


async def test_ending_a_silence_twice_is_fine_and_its_timer_is_due_at_once(house: House) -> None:
    made = await silenced(house)
    clock(house).advance(timedelta(minutes=1))
    for _ in range(2):
        reply = await house.call("DELETE", f"{BASE}/silence/{made}")
        assert (reply.status, reply.body) == (200, b"")
    assert await due(house) == [NOW + timedelta(minutes=1)]
    assert (await house.call("GET", f"{BASE}/silence/{made}")).json()["status"] == {"state": "expired"}
    async with house.ctx.db.reading() as tx:
        rows = await tx.fetch("SELECT actor, action, subject FROM audit ORDER BY id")
        actor, subject = "integration:payments-api/proms", f"silence:{made}"
        assert [tuple(row) for row in rows] == [(actor, "silence.create", subject), (actor, "silence.expire", subject)]


async def test_a_pending_silence_mutes_nothing_yet(house: House) -> None:
    made = await silenced(house, startsAt=(NOW + HOUR).isoformat(), endsAt=(NOW + 2 * HOUR).isoformat())
    await fire(house, x="1")
    assert [a["status"]["state"] for a in await alerts(house)] == ["active"]
    assert (await house.call("GET", f"{BASE}/silence/{made}")).json()["status"] == {"state": "pending"}
    await house.call("DELETE", f"{BASE}/silence/{made}")
    shown = (await house.call("GET", f"{BASE}/silence/{made}")).json()
    assert (shown["status"], shown["startsAt"], shown["endsAt"]) == (
        {"state": "expired"}, "2026-11-21T00:36:00.000Z", "2026-11-21T00:36:00.000Z",
    )  # fmt: skip


@pytest.mark.parametrize("id", ["nope", "", "0"])
async def test_a_silence_is_named_by_a_uuid(house: House, id: str) -> None:
    for method in ("GET", "DELETE"):
        reply = await house.call(method, f"{BASE}/silence/{id or '%20'}")
        assert (reply.status, reply.json()["code"]) == (422, 601)


async def test_an_unknown_silence_is_404(house: House) -> None:
    for method in ("GET", "DELETE"):
        reply = await house.call(method, f"{BASE}/silence/{uuid4()}")
        assert (reply.status, reply.body) == (404, b"")
    for id in ("nope", str(uuid4())):
        reply = await silence(house, id=id)
        assert (reply.status, reply.json()) == (404, "silence not found")


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"matchers": []}, 422, {"code": 612, "message": "matchers in body should have at least 1 items"}),
        ({"matchers": "absent"}, 422, {"code": 602, "message": "matchers in body is required"}),
        ({"createdBy": "absent"}, 422, {"code": 602, "message": "createdBy in body is required"}),
        ({"comment": "absent"}, 422, {"code": 602, "message": "comment in body is required"}),
        ({"startsAt": "absent"}, 422, {"code": 602, "message": "startsAt in body is required"}),
        ({"endsAt": "absent"}, 422, {"code": 602, "message": "endsAt in body is required"}),
        ({"matchers": [{"name": "x", "value": "1"}]}, 422, {"code": 602, "message": "matchers.0.isRegex in body is required"}),
        (
            {"matchers": [{"name": "x", "isRegex": False}]}, 422,
            {"code": 602, "message": "matchers.0.value in body is required"},
        ),
        (
            {"matchers": [{"value": "x", "isRegex": False}]}, 422,
            {"code": 602, "message": "matchers.0.name in body is required"},
        ),
        ({"endsAt": "2026-11-21T00:00:00Z"}, 400, "Failed to create silence: start time must be before end time"),
        (
            {"startsAt": "2026-11-20T00:00:00Z", "endsAt": "2026-11-21T00:00:00Z"}, 400,
            "Failed to create silence: end time can't be in the past",
        ),
        (
            {"startsAt": "bad"}, 400,
            {"code": 400, "message": 'parsing silence body from "" failed, because parsing time "bad" as'
             ' "2006-01-02 15:04:05": cannot parse "bad" as "2006"'},
        ),
        (
            {"matchers": [{"name": "", "value": "1", "isRegex": False}]}, 400,
            'silence invalid: invalid label matcher 0: invalid label name ""',
        ),
        (
            {"matchers": [{"name": "x", "value": "", "isRegex": False}]}, 400,
            "silence invalid: at least one matcher must not match the empty string",
        ),
        (
            {"matchers": [{"name": "x", "value": "(", "isRegex": True}]}, 400,
            'silence invalid: invalid label matcher 0: invalid regular expression "(": error parsing regexp: missing closing ):'
            " `(`",
        ),
        (
            {"matchers": [{"name": "x", "value": "(?=a)", "isRegex": True}]}, 400,
            'silence invalid: invalid label matcher 0: invalid regular expression "(?=a)": error parsing regexp: invalid or'
            " unsupported Perl syntax: `(?=`",
        ),
        (
            {"matchers": [{"name": "x", "value": 1, "isRegex": False}]}, 400,
            {"code": 400, "message": 'parsing silence body from "" failed, because json: cannot unmarshal number into Go struct'
             " field .matchers.value of type string"},
        ),
        ({"matchers": [None]}, 422, {"code": 602, "message": "matchers.0 in body is required"}),
    ],
)  # fmt: skip
async def test_what_is_no_silence_is_refused_in_alertmanagers_words(
    house: House, changes: dict[str, Any], status: int, said: Any
) -> None:
    reply = await silence(house, **changes)
    assert (reply.status, reply.json()) == (status, said)
    async with house.ctx.db.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM mutes") == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"", 422, 602), (b"null", 422, 602), (b"[]", 400, 400), (b'{"a":', 400, 400), (b"[" * 9000, 400, 400)],
)
async def test_what_is_no_object_is_no_silence(house: House, body: bytes, status: int, code: int) -> None:
    reply = await house.call("POST", f"{BASE}/silences", body)
    assert (reply.status, reply.json()["code"]) == (status, code)


async def test_a_silences_words_are_cleaned(house: House) -> None:
    raw = b'{"matchers":[{"name":"x","value":"a\\u0000\\ud800","isRegex":false}],"startsAt":"2026-11-21T00:36:00Z",'
    raw += b'"endsAt":"2026-11-21T09:36:00Z","createdBy":"\\u0000","comment":"\xff"}'
    reply = await house.call("POST", f"{BASE}/silences", raw)
    shown = (await house.call("GET", f"{BASE}/silence/{reply.json()['silenceID']}")).json()
    assert shown["matchers"][0]["value"] == "a\ufffd\ufffd"
    assert (shown["createdBy"], shown["comment"]) == ("\ufffd", "\ufffd")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "alerts", {"GET", "POST"}),
        ("HEAD", "alerts", {"GET", "POST"}),
        ("POST", "alerts/groups", {"GET"}),
        ("DELETE", "silences", {"GET", "POST"}),
        ("POST", "silence/00000000-0000-4000-8000-000000000000", {"GET", "DELETE"}),
        ("POST", "status", {"GET"}),
        ("POST", "receivers", {"GET"}),
    ],
)  # fmt: skip
async def test_methods(house: House, method: str, path: str, allowed: set[str]) -> None:
    reply = await house.call(method, f"{BASE}/{path}")
    assert reply.status == 405
    assert set(reply.headers["allow"].split(",")) == allowed
    assert reply.json()["message"].startswith(f"method {method} is not allowed, but [")


async def test_unknown_paths(house: House) -> None:
    reply = await house.call("GET", f"{BASE}/nope")
    assert (reply.status, reply.json()) == (404, {"code": 404, "message": "path /api/v2/nope was not found"})


async def test_knocks_are_written_together_and_shown_without_the_key(house: House) -> None:
    key = "secret" + "f" * 22 + "tail"
    event = {"routing_key": key, "event_action": "resolve", "dedup_key": "k"}
    for _ in range(3):
        await house.call("POST", "/v2/enqueue", event)
    await house.call("GET", "/integrations/%00%00/-/ready".replace("%00", "\x00"))
    await house.doors.stop()
    await house.call("POST", "/v2/enqueue", event)
    await house.doors.stop()
    async with house.ctx.db.reading() as tx:
        rows = await tx.fetch("SELECT key_hint, door, count FROM knocks ORDER BY count DESC")
    assert [tuple(row) for row in rows] == [("secr…tail", "pagerduty", 4), ("(2 characters)", "prometheus", 1)]


async def test_knocks_are_a_bounded_table(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.store.knocks.MOST", 10)
    for number in range(30):
        house.doors.knocking.heard(f"{number:032d}", "pagerduty")
        clock(house).advance(timedelta(seconds=1))
    await house.doors.stop()
    async with house.ctx.db.reading() as tx:
        hints = [row[0] for row in await tx.fetch("SELECT key_hint FROM knocks ORDER BY last_at")]
    assert hints == [f"0000…{number:04d}" for number in range(20, 30)]


async def test_the_database_being_away_is_503_everywhere(house: House) -> None:
    await house.ctx.db.close()
    for path in ("alerts", "alerts/groups", "silences", f"silence/{uuid4()}"):
        reply = await house.call("GET", f"{BASE}/{path}")
        assert (reply.status, reply.json()["code"]) == (503, 503)
        assert int(reply.headers["retry-after"]) >= 1
    assert (await silence(house)).status == 503
    house.doors.knocking.heard("x", "pagerduty")
    await house.doors.stop()
