"""Alerts, events, on call, shifts, services, explanations and ladders over HTTP."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tocsin.core.configuration import Schedule
from tocsin.core.incident import public_id
from tocsin.core.spelling import decode
from tocsin.plugins.channels.base import DeliveryError
from tocsin.store import knocks
from tocsin.store.knocks import Knock

from ..story.world import World, directory
from .desk import Desk

BERLIN: dict[str, Any] = {
    "id": "berlin",
    "time_zone": "Europe/Berlin",
    "layers": [
        {
            "id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00",
            "rotation": {"every": 1, "unit": "week"},
        },
    ],
    "overrides": [{"user": "erin", "from": "2026-03-28T12:00", "to": "2026-03-29T12:00"}],
}  # fmt: skip
EMPTY: dict[str, Any] = {"id": "empty", "layers": []}


def with_schedules(world: World, *schedules: dict[str, Any]) -> None:
    world.ctx.directory = directory({"schedules": list(schedules)})


# --- alerts and events ------------------------------------------------------------------------------------------------


async def test_an_alert_tells_what_was_sent_and_what_became_of_it(desk: Desk) -> None:
    outcome = await desk.world.fire(
        "disk",
        "critical",
        labels={"host": "db-1"},
        details={"free": "2 %"},
        links=[{"href": "http://x", "text": "graph"}],
    )
    await desk.world.fire("disk", "critical")
    (alert,) = (await desk.get("/alerts"))["items"]
    assert (alert["title"], alert["status"], alert["reason"]) == ("disk is broken", "firing", "opened")
    assert (alert["severity"], alert["service"], alert["integration"]) == ("sev1_critical", "api", "events")
    assert (alert["dedup_key"], alert["count"]) == ("disk", 2)
    assert (alert["labels"], alert["details"]) == ({"host": "db-1"}, {"free": "2 %"})
    assert alert["links"] == [{"href": "http://x", "text": "graph"}]
    assert alert["incident"] == public_id(outcome.incident or 0)
    assert alert["incident_name"] == f"INC-2026-{outcome.incident:03d}"
    assert await desk.get(f"/alerts/{alert['id']}") == alert | {"muted_by": None}


async def test_alerts_are_filtered_and_go_on_with_their_cursor(desk: Desk) -> None:
    for n in range(5):
        await desk.world.fire(f"k{n}", "critical" if n % 2 else "warning")
        await desk.world.wait(seconds=1)
    await desk.world.ends("k1")

    async def keys(**query: object) -> list[str]:
        return [a["dedup_key"] for a in (await desk.get("/alerts", **query))["items"]]

    assert await keys() == ["k4", "k3", "k2", "k1", "k0"]
    assert await keys(status="resolved") == ["k1"]
    assert await keys(status="open") == ["k4", "k3", "k2", "k0"]
    assert await keys(severity="SEV1") == ["k3", "k1"]
    assert await keys(service="nope") == []
    assert await keys(q="K3") == ["k3"]
    assert await keys(incident="1") == ["k0"]
    first = await desk.get("/alerts", limit=2)
    rest = await desk.get("/alerts", limit=200, cursor=first["next"])
    assert [a["dedup_key"] for a in rest["items"]] == ["k2", "k1", "k0"]
    await desk.refused("GET", "/alerts", 422, query={"status": "burning"})
    await desk.refused("GET", "/alerts", 404, incident="nonsense")
    for name in ("0", "x", "9" * 40, "-1"):
        await desk.refused("GET", f"/alerts/{name}", 404)


async def test_events_are_the_first_triggers_and_what_left_no_alert(desk: Desk) -> None:
    world = desk.world
    await world.fire("disk")
    await world.wait(seconds=1)
    await world.fire("disk")  # a repeat is counted, not listed
    await world.wait(seconds=1)
    await world.send(world.event("change", "v2", title="Deployed v2"))
    await world.ends("unheard of")
    await world.wait(seconds=1)
    await world.ends("disk")
    found = (await desk.get("/events"))["items"]
    assert [(e["action"], e["dedup_key"], e["reason"]) for e in found] == [
        ("resolve", "disk", "resolved"),
        ("resolve", "unheard of", "nothing_open"),
        ("change", "v2", "stored"),
        ("trigger", "disk", "opened"),
    ]
    assert len({e["id"] for e in found}) == 4
    seen, cursor = [], None
    while True:
        page = await desk.get("/events", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += page["items"]
        if (cursor := page["next"]) is None:
            break
    assert seen == found
    assert [e["id"] for e in (await desk.get("/events", incident="1"))["items"]] == [found[0]["id"], found[3]["id"]]


async def test_many_events_of_one_instant_are_listed_once_each(desk: Desk) -> None:
    world = desk.world
    await world.send(
        *(world.event("trigger", f"a{n}") for n in range(5)), *(world.event("change", f"c{n}") for n in range(5))
    )
    seen: list[str] = []
    cursor = None
    while True:
        page = await desk.get("/events", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [e["dedup_key"] for e in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert sorted(seen) == sorted([f"a{n}" for n in range(5)] + [f"c{n}" for n in range(5)])


# --- on call ----------------------------------------------------------------------------------------------------------


async def test_who_is_on_call_now_and_next(desk: Desk) -> None:
    with_schedules(desk.world, BERLIN, EMPTY)
    found = await desk.get("/oncall", at="2026-03-04T00:00:00Z")
    assert found["at"] == "2026-03-04T00:00:00Z"
    berlin, empty = found["items"]
    assert (berlin["schedule"], berlin["user"], berlin["user_name"], berlin["layer"]) == (
        "berlin",
        "alice",
        "Alice",
        "weekly",
    )
    assert (berlin["from"], berlin["to"]) == ("2026-03-02T08:00:00Z", "2026-03-09T08:00:00Z")
    assert berlin["next"] == {
        "user": "bob", "from": "2026-03-09T08:00:00Z", "to": "2026-03-16T08:00:00Z", "layer": "weekly",
    }  # fmt: skip
    assert (empty["user"], empty["from"], empty["to"], empty["next"]) == (None, None, None, None)
    assert len((await desk.get("/oncall", schedule="empty"))["items"]) == 1
    await desk.refused("GET", "/oncall", 404, schedule="nope")
    await desk.refused("GET", "/oncall", 422, at="noon")


async def test_an_instant_is_half_open(desk: Desk) -> None:
    with_schedules(desk.world, BERLIN)

    async def who(at: str) -> str:
        return str((await desk.get("/oncall", at=at))["items"][0]["user"])

    assert await who("2026-03-09T07:59:59.999999Z") == "alice"
    assert await who("2026-03-09T08:00:00Z") == "bob"
    assert await who("2026-03-09T09:00:00+01:00") == "bob"
    assert await who("2026-03-09T09:00:00 01:00") == "bob"  # a + that was not percent-encoded


async def test_shifts_are_final_merged_and_carry_the_schedules_offset(desk: Desk) -> None:
    with_schedules(desk.world, BERLIN)
    found = await desk.get(
        "/schedules/berlin/shifts", query={"from": "2026-03-23T08:00:00Z", "to": "2026-04-06T00:00:00Z"}
    )
    assert found == {
        "items": [
            {"user": "bob", "from": "2026-03-23T09:00:00+01:00", "to": "2026-03-28T12:00:00+01:00", "layer": "weekly"},
            {
                "user": "erin",
                "from": "2026-03-28T12:00:00+01:00",
                "to": "2026-03-29T12:00:00+02:00",
                "layer": "override",
            },
            {"user": "bob", "from": "2026-03-29T12:00:00+02:00", "to": "2026-03-30T09:00:00+02:00", "layer": "weekly"},
            {
                "user": "alice",
                "from": "2026-03-30T09:00:00+02:00",
                "to": "2026-04-06T02:00:00+02:00",
                "layer": "weekly",
            },
        ],
        "next": None,
    }


async def test_shifts_of_a_year_come_in_one_answer(desk: Desk) -> None:
    hourly = decode({**BERLIN, "id": "hourly"}, Schedule)
    assert hourly
    with_schedules(
        desk.world, {**BERLIN, "layers": [{**BERLIN["layers"][0], "rotation": {"every": 8, "unit": "hour"}}]}
    )
    found = await desk.get(
        "/schedules/berlin/shifts", query={"from": "2026-01-06T00:00:00Z", "to": "2027-01-06T00:00:00Z"}
    )
    assert found["next"] is None
    items = found["items"]
    assert len(items) > 1000
    for before, after in pairwise(items):
        assert datetime.fromisoformat(before["to"]) == datetime.fromisoformat(after["from"])
        assert (before["user"], before["layer"]) != (after["user"], after["layer"])


@pytest.mark.parametrize(
    ("start", "end", "pointer"),
    [
        ("2026-01-01T00:00:00Z", "2027-02-01T00:00:00Z", "/to"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "/to"),
        ("2026-01-02", "2026-01-01", "/to"), ("soon", "2026-01-01", "/from"), ("0001-01-01", "0001-02-01", "/from"),
        ("9999-01-01", "9999-02-01", "/from"),
    ],
)  # fmt: skip
async def test_a_range_that_cannot_be_shown_is_refused(desk: Desk, start: str, end: str, pointer: str) -> None:
    found = await desk.refused("GET", "/schedules/primary/shifts", 422, query={"from": start, "to": end})
    assert [e["pointer"] for e in found["errors"]] == [pointer]


async def test_without_a_range_it_is_the_next_four_weeks(desk: Desk) -> None:
    (shift,) = (await desk.get("/schedules/primary/shifts"))["items"]
    now = desk.world.clock.now()
    assert datetime.fromisoformat(shift["from"]) == now
    assert datetime.fromisoformat(shift["to"]) == now + timedelta(days=28)
    await desk.refused("GET", "/schedules/nope/shifts", 404)


# --- services ---------------------------------------------------------------------------------------------------------


async def test_a_service_tells_what_is_open_and_who_knocks(desk: Desk) -> None:
    now = desk.world.clock.now()
    await desk.world.fire("disk", "critical")
    async with desk.world.db.transaction() as tx:
        await knocks.add(
            tx,
            [
                Knock("abcd...wxyz", "pagerduty", b"h", 3, now, now),
                Knock("old", "x", b"o", 1, *[now - timedelta(days=9)] * 2),
            ],
        )
    found = await desk.get("/services/api")
    assert (found["id"], found["name"], found["team"], found["escalation_policy"]) == (
        "api",
        "Payments API",
        "payments",
        "payments",
    )
    assert found["open_incidents"] == {"sev1_critical": 1}
    assert [(i["id"], i["type"]) for i in found["integrations"]] == [("events", "pagerduty")]
    assert found["integrations"][0]["last_alert_at"] == now.isoformat().replace("+00:00", "Z")
    assert [(k["key_hint"], k["count"]) for k in found["knocks"]] == [("abcd...wxyz", 3)]
    assert [s["id"] for s in (await desk.get("/services"))["items"]] == ["api", "grouped"]
    await desk.refused("GET", "/services/nope", 404)


async def test_a_test_alert_pages_for_real_and_ends_by_itself(desk: Desk) -> None:
    made = await desk.post("/services/api/test-alert", {"severity": "SEV1"}, 201)
    assert made["reason"] == "opened"
    await desk.world.settle()
    assert desk.world.phone("alice").rang()
    assert "Test alert" in desk.world.phone("alice").last.incident.title
    await desk.world.wait(hours=1)
    assert (await desk.get(f"/incidents/{made['incident']}"))["status"] == "resolved"
    await desk.refused("POST", "/services/nope/test-alert", 404, {})
    await desk.refused("POST", "/services/api/test-alert", 404, {"integration": "nope"})
    await desk.refused("POST", "/services/api/test-alert", 422, {"severity": "very"})


# --- explain and ladder -----------------------------------------------------------------------------------------------


async def sentences(desk: Desk, number: int | None) -> list[str]:
    found = await desk.get(f"/incidents/{number}/explain")
    assert found["next"] is None
    times = [item["at"] for item in found["items"]]
    assert times == sorted(times)
    return [item["sentence"] for item in found["items"]]


async def test_an_ordinary_page_is_explained(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    await desk.world.wait(minutes=1)
    await desk.world.acknowledge(number or 0)
    said = "\n".join(await sentences(desk, number))
    assert "Alice was paged at step 1 (primary): Alice was on call." in said
    assert "Alice was told by phone (phone). The provider said: rang." in said
    assert "Alice answered the page." in said
    assert "Alice acknowledged, so the pages of this response stopped." in said
    assert "The escalation by policy payments ended: it was acknowledged." in said
    assert "Bob" not in said


async def test_an_incident_that_pages_nobody_says_why(desk: Desk) -> None:
    number = (await desk.world.fire("note", "info")).incident
    said = "\n".join(await sentences(desk, number))
    assert "Nobody was paged: SEV4 is looked at in working hours and pages nobody." in said


async def test_nobody_on_call_is_explained(desk: Desk) -> None:
    with_schedules(desk.world, {**EMPTY, "id": "primary"})
    number = (await desk.world.fire()).incident
    said = "\n".join(await sentences(desk, number))
    assert "nobody is on call in schedule primary" in said
    assert "Bob was paged at step 2 (by name)" in said


async def test_an_undelivered_page_is_explained(desk: Desk) -> None:
    desk.world.breaks("alice", DeliveryError("the number does not exist", permanent=True))
    number = (await desk.world.fire()).incident
    said = "\n".join(await sentences(desk, number))
    assert "Alice could not be told by phone (phone) after 1 attempt: the number does not exist." in said
    assert "The page of Alice could not be delivered by any contact method, so the next step came at once." in said
    assert "Bob was paged at step 2" in said


async def test_low_urgency_says_that_it_waits_for_a_person(desk: Desk) -> None:
    await desk.world.sleep(hours=10)  # 20:00, out of business hours
    number = (await desk.world.fire("slow", "warning")).incident
    said = "\n".join(await sentences(desk, number))
    assert "climbs no further by itself: low urgency waits for a person" in said


async def test_a_ladder_shows_what_fired_what_is_next_and_who_would_be_paged(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    start = desk.world.clock.now()
    await desk.world.wait(minutes=1)
    found = await desk.get(f"/incidents/{number}/ladder")
    assert found["answered"] is False
    (climb,) = found["climbs"]
    assert (climb["policy"], climb["state"], climb["round"], climb["rounds"]) == ("payments", "running", 0, 1)
    shown = [(r["step"], r["state"], [(p["user"], p["state"]) for p in r["people"]]) for r in climb["rungs"]]
    assert shown == [
        (1, "fired", [("alice", "delivered")]), (2, "next", [("bob", "expected")]), (3, "waiting", [("carol", "expected")]),
    ]  # fmt: skip
    assert [datetime.fromisoformat(r["at"]) - start for r in climb["rungs"]] == [
        timedelta(0), timedelta(minutes=10), timedelta(minutes=15),
    ]  # fmt: skip
    assert climb["next_at"] == climb["rungs"][1]["at"]
    await desk.world.acknowledge(number or 0)
    found = await desk.get(f"/incidents/{number}/ladder")
    assert found["answered"] is True
    (climb,) = found["climbs"]
    assert (climb["state"], climb["ended_reason"], climb["next_at"]) == ("stopped", "acknowledged", None)
    assert [r["state"] for r in climb["rungs"]] == ["fired", "skipped", "skipped"]
    assert climb["rungs"][0]["people"][0]["state"] == "acknowledged"


async def test_an_incident_without_paging_has_no_climbs(desk: Desk) -> None:
    number = (await desk.world.fire("note", "info")).incident
    assert (await desk.get(f"/incidents/{number}/ladder"))["climbs"] == []


# --- health -----------------------------------------------------------------------------------------------------------


async def test_health_is_open_to_everyone(desk: Desk) -> None:
    live = await desk.http.get("/livez")
    assert (live.status_code, live.text) == (200, "ok\n")
    await desk.world.fire()
    counted = await desk.http.get("/metrics")
    assert counted.status_code == 200
    assert counted.headers["content-type"].startswith("text/plain; version=")
    assert 'tocsin_open_incidents{severity="sev1_critical"} 1.0' in counted.text
    assert 'tocsin_queue_depth{queue="timers"} 2.0' in counted.text
    assert "tocsin_database_up 1.0" in counted.text


async def test_ready_means_migrated_writable_and_running(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = await desk.http.get("/readyz")
    assert (idle.status_code, idle.json()["engine"]) == (503, False)
    assert idle.headers["retry-after"]
    monkeypatch.setattr(type(desk.world.engine), "running", True)
    ready = await desk.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        200, {"ready": True, "database": True, "migrated": True, "engine": True, "problems": []},
    )  # fmt: skip
    await desk.world.db.close()
    away = await desk.http.get("/readyz")
    assert (away.status_code, away.json()["database"]) == (503, False)
    metrics = await desk.http.get("/metrics")
    assert (metrics.status_code, "tocsin_database_up 0.0" in metrics.text) == (200, True)
    await desk.world.db.open()


async def test_openapi_describes_every_route(desk: Desk) -> None:
    answer = await desk.http.get("/api/v1/openapi.json")
    described = answer.json()
    assert described["openapi"].startswith("3.1")
    real = {
        re.sub(r":\w+}", "}", route.path)
        for route in desk.app.routes
        if route.path.startswith("/api/v1/") and "openapi" not in route.path
    }
    assert set(described["paths"]) == real
    assert {"from", "to", "limit", "cursor"} <= {
        p["name"] for p in described["paths"]["/api/v1/incidents"]["get"]["parameters"]
    }
