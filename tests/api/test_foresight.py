"""Foresight and drills over HTTP and from a terminal's point of view."""

from __future__ import annotations

from typing import Any

from .desk import Desk, problem

AT = "2026-03-02T22:00:00Z"


async def test_a_rehearsal_in_the_shape_of_the_contract(desk: Desk) -> None:
    told = await desk.post("/rehearse", {"service": "api", "severity": "SEV1", "at": AT}, role="observer")
    assert told["items"][0] == {
        "at": AT, "user": "alice", "method": "phone", "step": 1, "tier": "on_call", "reason": "on_call_schedule",
    }  # fmt: skip
    assert [item["user"] for item in told["items"]] == ["alice", "bob", "carol", "erin"]
    assert await desk.world.rows("SELECT FROM incidents UNION ALL SELECT FROM notifications") == []


async def test_a_payload_is_parsed_by_its_source(desk: Desk) -> None:
    payload = {
        "routing_key": "k" * 32, "event_action": "trigger",
        "payload": {"summary": "Disk full", "source": "db", "severity": "warning"},
    }  # fmt: skip
    told = await desk.post("/rehearse", {"source": "pagerduty", "payload": payload, "at": AT})
    (case,) = told["cases"]
    assert (case["service"], case["severity"], case["urgency"]) == ("api", "sev3_medium", "low")


async def test_bad_questions_name_their_field(desk: Desk) -> None:
    for body, pointer in (
        ({}, "/service"), ({"service": "x"}, "/service"), ({"service": "api", "at": "now"}, "/at"),
        ({"service": "api", "severity": "9"}, "/severity"), ({"source": "x", "payload": {}}, "/source"),
        ({"service": "api", "when": "x"}, "/when"),
    ):  # fmt: skip
        found = await desk.refused("POST", "/rehearse", 422, body)
        assert [e["pointer"] for e in found["errors"]] == [pointer], body


async def test_check_says_whether_all_is_well(desk: Desk) -> None:
    found = await desk.get("/check", days=30)
    assert (found["ok"], found["days"], found["next"]) == (True, 30, None)
    assert set(found) >= {"items", "at", "until", "counts", "sentence"}
    for days in ("0", "400", "x"):
        assert (await desk.call("GET", "/check", days=days)).status_code in (400, 422)


async def test_a_replay_and_a_persons_minute(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    await desk.world.settle()
    replay = await desk.get(f"/incidents/{number}/replay")
    assert [(i["user"], i["change"]) for i in replay["items"]] == [("alice", "same")]
    assert (await desk.call("GET", "/incidents/999/replay")).status_code == 404
    minute = await desk.get("/users/alice/explain")
    assert minute["pages"][0]["now"]
    assert (await desk.call("GET", "/users/zoe/explain")).status_code == 404
    await desk.refused("GET", "/users/alice/explain", 422, at="x")


async def test_a_drill_over_the_api(desk: Desk) -> None:
    made = await desk.post("/drills", {"service": "api", "severity": "SEV2", "for": "5m"}, 201)
    await desk.world.settle()
    assert (made["state"], made["started_by"]) == ("running", "token:responder")
    problem(await desk.call("POST", "/drills", {"service": "api"}))
    await desk.world.wait(minutes=5)
    found = await desk.get(f"/drills/{made['id']}", role="observer")
    assert (found["state"], found["ended_because"], found["reached"]) == ("over", "time_over", ["alice"])
    assert [p["notifications"][0]["state"] for p in found["people"]] == ["delivered"]
    listed = await desk.get("/drills")
    assert [one["id"] for one in listed["items"]] == [made["id"]]
    again = await desk.post("/drills", {"service": "api"}, 201)
    stopped = await desk.post(f"/drills/{again['id']}/stop")
    assert stopped["ended_because"] == "stopped"
    assert (await desk.get(f"/incidents/{made['id']}"))["drill"]


async def test_bad_drills(desk: Desk) -> None:
    cases: list[tuple[Any, int]] = [
        ({"service": "nope"}, 404), ({"service": "api", "severity": "SEV4"}, 422), ({"service": "api", "for": "1s"}, 422), ({}, 422),
    ]  # fmt: skip
    for body, status in cases:
        assert (await desk.call("POST", "/drills", body)).status_code == status, body
    assert (await desk.call("GET", "/drills/7")).status_code == 404
    assert (await desk.call("POST", "/drills/7/stop")).status_code == 404
