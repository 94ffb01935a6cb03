"""Incidents over HTTP: the exact fields of the contract, and what each answer is."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta

import pytest

from tocsin.core.incident import display_name, public_id

from .desk import Desk

CONTRACT = {
    "id", "number", "title", "description", "severity", "urgency", "status", "service", "affected_services", "assignee",
    "responders", "roles", "tags", "impact", "created_at", "detected_at", "impact_started_at", "acknowledged_at",
    "engaged_at", "identified_at", "restored_at", "resolved_at", "closed_at", "duration_seconds", "mttr_minutes",
    "alerts_count", "escalations_count", "next_update_at", "url",
}  # fmt: skip
OURS = {
    "acknowledged_by",
    "acting_commander",
    "commander_due",
    "no_commander",
    "decides_severity",
    "alarm",
    "drill",
    "durations",
    "escalation_suggested_at",
    "external_id",
    "origin",
    "severity_suggestion",
    "handover",
    "merged_into",
    "name",
    "next_moves",
    "no_page_reason",
    "private",
    "public_title",
    "readers",
    "related",
    "reporter",
    "severity_policy",
    "snoozed_by",
    "snoozed_until",
    "times",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def test_an_incident_has_exactly_the_fields_of_the_contract(desk: Desk) -> None:
    outcome = await desk.world.fire(labels={"alertname": "Disk"})
    found = await desk.get(f"/incidents/{outcome.incident}")
    assert set(found) == CONTRACT | OURS
    number = outcome.incident
    assert number is not None
    assert found["id"] == public_id(number)
    assert found["number"] == number
    assert found["name"] == display_name(number, desk.world.clock.now())
    assert found["url"] == f"http://tocsin.test/incidents/{found['id']}"
    assert (found["severity"], found["urgency"], found["status"]) == ("sev1_critical", "high", "detected")
    assert (found["service"], found["affected_services"], found["assignee"]) == ("api", ["api"], "alice")
    assert found["title"] == "disk is broken"
    assert found["reporter"] == "integration:api/events"
    assert (found["duration_seconds"], found["mttr_minutes"], found["resolved_at"]) == (None, None, None)
    for name in CONTRACT:
        if name.endswith("_at") and found[name] is not None:
            assert TIME.fullmatch(found[name]), name


async def test_an_incident_answers_to_all_of_its_names(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    found = await desk.get(f"/incidents/{number}")
    for name in (found["id"], found["id"].lower(), found["name"], str(number), f" {number} "):
        assert (await desk.get(f"/incidents/{name}"))["number"] == number
    for name in ("INC-00000000", "0", "999999", "4294967297", "nonsense", "INC-2026-", "9" * 30):
        await desk.refused("GET", f"/incidents/{name}", 404)


async def test_declaring_answers_201_with_the_whole_incident_and_pages(desk: Desk) -> None:
    body = {"title": "Checkout is down", "description": "500s", "severity": "SEV-1", "service": "api"}
    made = await desk.post("/incidents", {**body, "reporter": "Grace"}, 201)
    assert (made["title"], made["severity"], made["service"]) == ("Checkout is down", "sev1_critical", "api")
    assert made["reporter"] == "Grace"
    assert made["assignee"] == "alice"
    await desk.world.settle()
    assert desk.world.phone("alice").rang()


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [("sev2_high", "sev2_high"), ("SEV3", "sev3_medium"), ("critical", "sev1_critical"), ("1", "sev1_critical"), (4, "sev4_low")],
)  # fmt: skip
async def test_a_severity_may_be_spelled_as_people_do(desk: Desk, spelling: object, meant: str) -> None:
    made = await desk.post("/incidents", {"title": "x", "description": "", "severity": spelling}, 201)
    assert made["severity"] == meant


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"description": "x", "severity": "SEV1"}, "/title"),
        ({"title": "", "severity": "SEV1"}, "/title"),
        ({"title": "x" * 1025, "severity": "SEV1"}, "/title"),
        ({"title": 7, "severity": "SEV1"}, "/title"),
        ({"title": "x", "severity": "SEV9"}, "/severity"),
        ({"title": "x", "severity": ["SEV1"]}, "/severity"),
        ({"title": "x"}, "/severity"),
        ({"title": "x", "severity": "SEV1", "service": "nope"}, "/service"),
        ({"title": "x", "severity": "SEV1", "affected_services": ["api", "nope"]}, "/affected_services/1"),
        ({"title": "x", "severity": "SEV1", "affected_services": ["api", 3]}, "/affected_services/1"),
        ({"title": "x", "severity": "SEV1", "affected_services": "api"}, "/affected_services"),
        ({"title": "x", "severity": "SEV1", "reporter": "y" * 201}, "/reporter"),
        ({"title": "x", "severity": "SEV1", "sevrity": "SEV1"}, "/sevrity"),
        ([], ""),
        (None, ""),
        ("text", ""),
    ],
)  # fmt: skip
async def test_a_bad_declaration_names_the_field(desk: Desk, body: object, pointer: str) -> None:
    found = await desk.refused("POST", "/incidents", 422, body)
    assert pointer in [error["pointer"] for error in found["errors"]]
    assert await desk.world.rows("SELECT 1 FROM incidents") == []


async def test_actions_answer_with_the_whole_incident(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    for verb, body, expected in (
        ("acknowledge", {"notes": "on it"}, "acknowledged"),
        ("assign", {"user": "bob"}, "acknowledged"),
        ("escalate", {"reason": "need help"}, "acknowledged"),
        ("resolve", None, "resolved"),
        ("reopen", {}, "investigating"),
    ):
        answer = await desk.post(f"/incidents/{number}/{verb}", body)
        assert set(answer) == CONTRACT | OURS | {"result"}, verb
        assert answer["status"] == expected, verb
        assert answer["result"]["changed"] is True
        assert answer["result"]["sentence"]
    assert answer["mttr_minutes"] is None


async def test_acknowledging_twice_keeps_the_first_name(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    first = await desk.post(f"/incidents/{number}/acknowledge")
    again = await desk.post(f"/incidents/{number}/acknowledge", role="manager")
    assert first["acknowledged_by"] == again["acknowledged_by"] == "token:responder"
    assert again["result"] == {"changed": False, "sentence": "Already acknowledged by token responder"}


async def test_illegal_moves_are_409_and_change_nothing(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    await desk.refused("POST", f"/incidents/{number}/reopen", 409)
    await desk.post(f"/incidents/{number}/resolve", {"notes": "done"})
    before = await desk.get(f"/incidents/{number}/timeline")
    for verb, body in (("acknowledge", {}), ("escalate", {"reason": "x"}), ("assign", {"user": "bob"})):
        await desk.refused("POST", f"/incidents/{number}/{verb}", 409, body)
    assert await desk.get(f"/incidents/{number}/timeline") == before


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("escalate", {}, "/reason"), ("escalate", {"reason": " "}, "/reason"), ("escalate", None, ""),
        ("assign", {}, "/user"), ("assign", {"user": "nobody"}, "/user"), ("notes", {"text": ""}, "/text"),
        ("notes", {"text": "x" * 10_001}, "/text"), ("acknowledge", {"notes": 5}, "/notes"),
        ("acknowledge", {"note": "typo"}, "/note"), ("resolve", {"notes": "x" * 10_001}, "/notes"),
    ],
)  # fmt: skip
async def test_a_bad_field_of_an_action_is_422_and_named(desk: Desk, verb: str, body: object, pointer: str) -> None:
    number = (await desk.world.fire()).incident
    found = await desk.refused("POST", f"/incidents/{number}/{verb}", 422, body)
    assert pointer in [error["pointer"] for error in found["errors"]]


async def test_every_action_on_an_unknown_incident_is_404(desk: Desk) -> None:
    for verb, body in (
        ("acknowledge", {}), ("resolve", {}), ("reopen", {}), ("escalate", {"reason": "x"}), ("assign", {"user": "bob"}),
        ("notes", {"text": "x"}),
    ):  # fmt: skip
        await desk.refused("POST", f"/incidents/INC-0BADF00D/{verb}", 404, body)
    for what in ("timeline", "pages", "explain", "ladder", "verify"):
        await desk.refused("GET", f"/incidents/INC-0BADF00D/{what}", 404)
    await desk.refused("PATCH", "/incidents/INC-0BADF00D", 404, {"title": "x"})


async def test_a_note_answers_201_with_its_entry(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    entry = await desk.post(f"/incidents/{number}/notes", {"text": "it is the disk \U0001f525"}, 201)
    assert set(entry) == {"id", "at", "kind", "actor", "details", "data"}
    assert (entry["kind"], entry["actor"], entry["details"]) == (
        "note_added",
        "token:responder",
        "it is the disk \U0001f525",
    )
    assert (await desk.get(f"/incidents/{number}/timeline"))["items"][-1] == entry


async def test_a_correction_is_told_with_what_it_was(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    answer = await desk.call(
        "PATCH", f"/incidents/{number}", {"title": "The disk of db-1 is full", "description": "98 %"}
    )
    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["description"]) == ("The disk of db-1 is full", "98 %")
    last = (await desk.get(f"/incidents/{number}/timeline"))["items"][-1]
    assert (last["kind"], last["data"]["before"]) == ("corrected", {"title": "disk is broken", "description": ""})
    assert (await desk.get(f"/incidents/{number}/verify"))["ok"]
    again = await desk.call("PATCH", f"/incidents/{number}", {"title": "The disk of db-1 is full"})
    assert again.json()["result"]["changed"] is False
    for body, pointer in (
        ({"title": " "}, "/title"),
        ({"status": "closed"}, "/status"),
        ({"description": "x" * 10_001}, "/description"),
    ):
        found = await desk.refused("PATCH", f"/incidents/{number}", 422, body)
        assert [e["pointer"] for e in found["errors"]] == [pointer]


async def test_the_list_is_newest_first_and_goes_on_with_its_cursor(desk: Desk) -> None:
    for n in range(7):
        await desk.world.fire(f"key-{n}")
        await desk.world.wait(seconds=1)
    seen: list[str] = []
    cursor = None
    while True:
        page = await desk.get("/incidents", limit=3, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= 3
        seen += [item["title"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        await desk.world.fire(f"late-{len(seen)}")  # what comes meanwhile moves nothing
    assert seen == [f"key-{n} is broken" for n in reversed(range(7))]
    assert len((await desk.get("/incidents"))["items"]) == 9


async def test_a_list_that_ends_exactly_with_its_page_has_no_next(desk: Desk) -> None:
    assert await desk.get("/incidents") == {"items": [], "next": None}
    await desk.world.fire("a")
    await desk.world.fire("b")
    assert (await desk.get("/incidents", limit=2))["next"] is None


async def test_filters(desk: Desk) -> None:
    world = desk.world
    start = world.clock.now()
    disk = (await world.fire("disk", "critical")).incident
    await world.wait(minutes=1)
    slow = (await world.fire("slow_100%", "warning", "grouped", labels={"cluster": "b"})).incident
    await desk.post(f"/incidents/{slow}/resolve")
    await world.wait(minutes=1)
    note = (await world.fire("note", "info")).incident

    async def numbers(**query: object) -> list[int]:
        return [item["number"] for item in (await desk.get("/incidents", **query))["items"]]

    assert await numbers() == [note, slow, disk]
    assert await numbers(status="open") == [note, disk]
    assert await numbers(status="resolved") == [slow]
    assert await numbers(status="detected,resolved") == [note, slow, disk]
    assert await numbers(status="resolved, open") == [note, slow, disk]
    assert await numbers(severity="SEV1") == [disk]
    assert await numbers(severity="sev3_medium,4") == [note, slow]
    assert await numbers(service="grouped") == [slow]
    assert await numbers(service="nope") == []
    assert await numbers(q="DISK") == [disk]
    assert await numbers(q="100%") == [slow]
    assert await numbers(q="_") == [slow]  # no wildcard
    assert await numbers(q=public_id(disk or 0)) == [disk]
    assert await numbers(**{"from": (start + timedelta(minutes=1)).isoformat()}) == [note, slow]
    assert await numbers(to=(start + timedelta(minutes=1)).isoformat()) == [disk]
    assert await numbers(status="open", severity="SEV1", service="api", q="disk") == [disk]
    created = (await desk.get(f"/incidents/{slow}"))["created_at"]
    assert await numbers(**{"from": created, "to": created}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"), ("limit", "201"), ("limit", "-1"), ("limit", "many"), ("status", "broken"), ("severity", "SEV7"),
        ("from", "yesterday"), ("to", "2026-13-01T00:00:00Z"), ("cursor", "!!!"), ("cursor", "bm90aGluZw"),
        ("cursor", "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsOTk5OTk5OTk5OTk5OTk5OTk5OTk5OV0"), ("from", "0001-01-01T00:00:00+14:00"),
    ],
)  # fmt: skip
async def test_a_bad_parameter_is_422_and_named(desk: Desk, name: str, value: str) -> None:
    found = await desk.refused("GET", "/incidents", 422, query={name: value})
    assert [error["pointer"] for error in found["errors"]] == [f"/{name}"]


async def test_an_unknown_parameter_is_ignored(desk: Desk) -> None:
    assert await desk.get("/incidents", colour="red") == {"items": [], "next": None}


async def test_two_hundred_items_may_be_asked_for(desk: Desk) -> None:
    assert await desk.get("/incidents", limit=200) == {"items": [], "next": None}


async def test_the_timeline_is_oldest_first_and_goes_on_from_any_entry(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    await desk.post(f"/incidents/{number}/acknowledge")
    whole = await desk.get(f"/incidents/{number}/timeline")
    kinds = [entry["kind"] for entry in whole["items"]]
    assert kinds == ["incident_created", "response_triggered", "paged", "notified", "acknowledged"]
    assert all(set(entry) == {"id", "at", "kind", "actor", "details", "data"} for entry in whole["items"])
    assert all(TIME.fullmatch(entry["at"]) for entry in whole["items"])
    rest = await desk.get(f"/incidents/{number}/timeline", after=whole["items"][1]["id"])
    assert rest["items"] == whole["items"][2:]
    first = await desk.get(f"/incidents/{number}/timeline", limit=2)
    assert first["items"] == whole["items"][:2]
    second = await desk.get(f"/incidents/{number}/timeline", limit=3, cursor=first["next"])
    assert (second["items"], second["next"]) == (whole["items"][2:], None)


async def test_pages_tell_user_step_state_and_notifications(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    await desk.world.wait(minutes=10)
    found = (await desk.get(f"/incidents/{number}/pages"))["items"]
    assert [(p["user"], p["step"], p["state"], p["via"]) for p in found] == [
        ("alice", 1, "delivered", "schedule:primary"), ("bob", 2, "delivered", "user:bob"),
    ]  # fmt: skip
    (notification,) = found[0]["notifications"]
    assert (notification["method"], notification["channel"], notification["state"]) == ("phone", "phone", "delivered")
    assert (notification["attempts"], notification["receipt"], notification["error"]) == (1, "rang", "")
    first = await desk.get(f"/incidents/{number}/pages", limit=1)
    rest = await desk.get(f"/incidents/{number}/pages", limit=1, cursor=first["next"])
    assert [*first["items"], *rest["items"]] == found
    assert rest["next"] is None


async def test_a_stakeholder_sees_incidents_but_not_who_was_paged(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    kinds = [e["kind"] for e in (await desk.get(f"/incidents/{number}/timeline", role="stakeholder"))["items"]]
    assert kinds == ["incident_created"]
    await desk.refused("GET", f"/incidents/{number}/pages", 403, role="stakeholder")


async def test_a_changed_past_shows(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    whole = await desk.get(f"/incidents/{number}/verify")
    assert (whole["ok"], whole["entries"], whole["broken_at"]) == (True, 4, None)
    assert re.fullmatch(r"[0-9a-f]{64}", whole["head"])
    async with desk.world.db.transaction() as tx:
        await tx.execute("ALTER TABLE timeline DISABLE TRIGGER timeline_append_only")
        await tx.execute("UPDATE timeline SET details = 'nobody was paged' WHERE incident_id = $1 AND seq = 3", number)
    broken = await desk.get(f"/incidents/{number}/verify")
    assert (broken["ok"], broken["broken_at"]) == (False, 3)
    async with desk.world.db.transaction() as tx:
        await tx.execute("DELETE FROM timeline WHERE incident_id = $1 AND seq > 2", number)
    assert (await desk.get(f"/incidents/{number}/verify"))["broken_at"] == 3


async def test_the_same_key_does_a_write_once(desk: Desk) -> None:
    body = {"title": "Once", "severity": "SEV2", "service": "api"}
    key = {"Idempotency-Key": "7d3c"}
    first = await desk.call("POST", "/incidents", body, headers=key)
    again = await desk.call("POST", "/incidents", body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(await desk.world.rows("SELECT 1 FROM incidents")) == 1


async def test_the_same_key_for_another_request_is_refused(desk: Desk) -> None:
    key = {"Idempotency-Key": "7d3c"}
    await desk.post("/incidents", {"title": "Once", "severity": "SEV2", "service": "api"}, 201, headers=key)
    await desk.refused("POST", "/incidents", 422, {"title": "Twice", "severity": "SEV2", "service": "api"}, headers=key)
    # Another principal's key is another key.
    await desk.post(
        "/incidents", {"title": "Twice", "severity": "SEV2", "service": "api"}, 201, headers=key, role="manager"
    )
    assert len(await desk.world.rows("SELECT 1 FROM incidents")) == 2


async def test_a_refused_write_leaves_its_key_free(desk: Desk) -> None:
    key = {"Idempotency-Key": "k"}
    await desk.refused("POST", "/incidents/1/acknowledge", 404, {}, headers=key)
    number = (await desk.world.fire()).incident
    assert number == 1
    await desk.post("/incidents/1/acknowledge", {}, headers=key)


async def test_many_at_once_with_one_key_execute_once(desk: Desk) -> None:
    body = {"title": "Once", "severity": "SEV2", "service": "api"}
    answers = await asyncio.gather(
        *(desk.call("POST", "/incidents", body, headers={"Idempotency-Key": "k"}) for _ in range(8))
    )
    assert [a.status_code for a in answers] == [201] * 8
    assert len({a.content for a in answers}) == 1
    assert sum("idempotent-replayed" not in a.headers for a in answers) == 1
    assert len(await desk.world.rows("SELECT 1 FROM incidents")) == 1


async def test_a_key_is_forgotten_after_a_day(desk: Desk) -> None:
    body = {"title": "Daily", "severity": "SEV4", "service": "api"}
    key = {"Idempotency-Key": "k"}
    await desk.post("/incidents", body, 201, headers=key)
    desk.world.clock.advance(timedelta(hours=23, minutes=59))
    await desk.post("/incidents", body, 201, headers=key)
    assert len(await desk.world.rows("SELECT 1 FROM incidents")) == 1
    desk.world.clock.advance(timedelta(minutes=2))
    await desk.post("/incidents", body, 201, headers=key)
    assert len(await desk.world.rows("SELECT 1 FROM incidents")) == 2


async def test_a_request_that_died_with_its_node_is_done_by_the_next(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    path, key = f"/incidents/{number}/notes", {"Idempotency-Key": "k"}
    await desk.post(path, {"text": "x"}, 201, headers=key)
    async with desk.world.db.transaction() as tx:
        await tx.execute("UPDATE idempotency SET status = NULL, body = NULL")
    desk.world.clock.advance(timedelta(seconds=61))
    answer = await desk.call("POST", path, {"text": "x"}, headers=key)
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False)


@pytest.mark.parametrize("key", ["x" * 256, ""])
async def test_an_unusable_key_is_refused(desk: Desk, key: str) -> None:
    number = (await desk.world.fire()).incident
    await desk.refused("POST", f"/incidents/{number}/acknowledge", 422, {}, headers={"Idempotency-Key": key})


async def test_times_are_utc(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    created = (await desk.get(f"/incidents/{number}"))["created_at"]
    assert datetime.fromisoformat(created) == desk.world.clock.now()
