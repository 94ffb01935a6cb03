"""Declaring by API: answers instead of a severity, roles, the guide, similar incidents, tags, and incidents of the past."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tocsin.core.severity_policy import Severities
from tocsin.core.spelling import decode
from tocsin.flow import searching
from tocsin.store import search

from .desk import Desk

PAST: dict[str, Any] = {
    "external_id": "JIRA-17",
    "title": "Connection pool exhausted",
    "severity": "SEV-1",
    "affected_services": ["api", "gone-since"],
    "created_at": "2025-11-20T14:32:00Z",
    "impact_started_at": "2025-11-20T15:30:00+01:00",
    "acknowledged_at": "2025-11-20T14:35:00Z",
    "acknowledged_by": "alice",
    "restored_at": "2025-11-20T15:15:00Z",
    "resolved_at": "2025-11-20T15:45:00Z",
    "closed_at": "2025-11-21T09:00:00Z",
    "roles": {"IC": "alice", "sme": ["bob", "somebody-who-left"]},
    "impact": {"what": "Nobody can pay", "percent": 80, "workaround": "Restart the pooler"},
    "tags": ["black-friday"],
    "timeline": [
        {"at": "2025-11-20T14:40:00Z", "actor": "user:alice", "details": "The pool is full"},
        {"at": "2025-11-20T15:45:00Z", "kind": "resolved", "actor": "user:alice", "details": "A larger pool"},
    ],
}


async def test_answers_stand_in_for_the_severity(desk: Desk) -> None:
    made = await desk.post(
        "/incidents",
        {
            "title": "Checkout fails", "service": "api", "impact": {"what": "Nobody can pay", "users": 1200, "regions": ["EU"]},
            "criteria": ["critical_features_out"], "roles": {"ic": "bob", "comms": "carol"}, "public_title": "Payments are slow",
            "tags": ["Peak"],
        },
        201,
    )  # fmt: skip
    assert made["severity"] == "sev2_high"
    assert made["impact"] == {
        "what": "Nobody can pay",
        "users": 1200,
        "regions": ["EU"],
        "criteria": ["critical_features_out"],
    }
    assert made["roles"] == {"incident_commander": "bob", "comms_lead": "carol"}
    assert (made["public_title"], made["private"], made["assignee"]) == ("Payments are slow", False, "alice")
    assert made["tags"] == ["api", "peak"]
    story = (await desk.get(f"/incidents/{made['id']}/timeline"))["items"]
    assert [entry["kind"] for entry in story][:3] == ["incident_created", "response_triggered", "paged"]
    steps = {one["step"]: one for one in story[1]["data"]["steps"]}
    assert steps["page"] == {"step": "page", "state": "sent", "detail": "Alice"}
    assert steps["status_page"]["detail"] == "no status page is configured"
    changed = await desk.call(
        "PATCH", f"/incidents/{made['id']}", {"impact": {"percent": 60}, "affected_services": ["api", "grouped"]}
    )
    assert changed.json()["severity"] == "sev2_high"
    assert changed.json()["severity_suggestion"] == {
        "severity": "sev1_critical", "up": True,
        "sentence": "The impact says SEV1 (60% of users (SEV1 from 50%)), it is SEV2: raise it.",
    }  # fmt: skip
    assert changed.json()["affected_services"] == ["api", "grouped"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/severity"),
        ({"criteria": ["boredom"]}, "/criteria/0"),
        ({"impact": {"percent": 101}}, "/impact/percent"),
        ({"impact": {"percent": 60}, "severity": "SEV4"}, "/severity_reason"),
        ({"severity": "SEV1", "roles": {"king": "alice"}}, "/roles/king"),
        ({"severity": "SEV1", "roles": {"ic": "nobody-here"}}, "/roles/ic"),
        ({"severity": "SEV1", "impact_started_at": "2999-01-01T00:00:00Z"}, "/impact_started_at"),
        ({"severity": "SEV1", "impact_started_at": "0001-01-01T00:00:00Z"}, "/impact_started_at"),
        ({"severity": "SEV1", "tags": ["a,b"]}, "/tags/0"),
        ({"severity": "SEV1", "service": "nope"}, "/service"),
    ],
)
async def test_what_is_wrong_names_its_field(desk: Desk, body: dict[str, Any], pointer: str) -> None:
    found = await desk.refused("POST", "/incidents", 422, {"title": "Down", "service": "api", **body})
    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert (await desk.get("/incidents"))["items"] == []


async def test_the_guide_says_what_answers_mean_before_anything_is_declared(desk: Desk) -> None:
    asked = (await desk.get("/severity-guide", role="observer"))["items"]
    assert [one["severity"] for one in asked] == sorted(one["severity"] for one in asked)
    assert len(asked) == 16
    said = await desk.post("/severity-guide", {"impact": {"criteria": ["workaround"], "unsure": ["data_loss"]}})
    assert said["severity"] == "sev1_critical"
    assert "not certain, so it counts" in said["sentence"]
    assert (await desk.post("/severity-guide", {}))["severity"] is None


async def test_the_shares_of_users_are_policy_that_a_running_incident_keeps(desk: Desk) -> None:
    ctx = desk.world.ctx
    body = {"title": "Slow for some", "affected_services": ["api"], "impact": {"percent": 6}}
    ordinary = await desk.post("/incidents", body, 201)
    assert ordinary["severity"] == "sev3_medium"
    changes = {"sev2_high": {"users_from": "5%"}, "sev1_critical": {"users_from_tier_1": "0.5"}}
    ctx.directory = replace(ctx.directory, severities=decode(changes, Severities))
    bands = (await desk.get("/severity-guide"))["bands"]
    assert bands["sev2_high"] == {"users_from": "5%", "users_from_tier_1": "1%"}
    assert (await desk.post("/severity-guide", {"impact": {"percent": 6}}))["severity"] == "sev2_high"
    assert (await desk.get(f"/incidents/{ordinary['id']}"))["severity_suggestion"] is None, "it keeps its own"
    later = await desk.post("/incidents", body, 201)
    assert (later["severity"], later["severity_policy"]["users_from"]) == ("sev2_high", "5%")
    refused = await desk.call("PUT", "/severities", {"sev2_high": {"users_from": "120%"}}, role="manager")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/sev2_high/users_from")


async def test_tags_are_given_and_taken(desk: Desk) -> None:
    made = await desk.post("/incidents", {"title": "The disk is full", "severity": 3, "service": "api"}, 201)
    found = await desk.post(f"/incidents/{made['id']}/tags", {"add": ["Capacity"], "remove": ["infrastructure"]})
    assert found["tags"] == ["api", "capacity"]
    assert found["result"]["sentence"] == "Tags: added capacity; removed infrastructure"
    await desk.refused("POST", f"/incidents/{made['id']}/tags", 422, {"add": ["x"], "remove": ["X"]})


async def test_the_past_is_imported_once_and_pages_nobody(desk: Desk) -> None:
    told = await desk.post("/incidents/import", {"items": [PAST], "source": "Jira"}, 201, role="admin")
    assert (told["created"], told["known"]) == (1, 0)
    again = await desk.post(
        "/incidents/import", {"items": [PAST, {**PAST, "external_id": "JIRA-18"}]}, 201, role="admin"
    )
    assert [item["created"] for item in again["items"]] == [False, True]
    assert again["items"][0]["id"] == told["items"][0]["id"]
    found = await desk.get(f"/incidents/{told['items'][0]['id']}")
    assert (found["severity"], found["status"], found["mttr_minutes"]) == ("sev1_critical", "closed", 73.0)
    assert (found["external_id"], found["origin"]) == ("JIRA-17", "import")
    assert found["impact_started_at"] == "2025-11-20T14:30:00Z"
    assert found["acknowledged_by"] == "user:alice"
    assert found["roles"] == {"incident_commander": "alice", "sme": ["bob", "somebody-who-left"]}
    assert found["tags"] == ["api", "gone-since", "black-friday"]
    story = (await desk.get(f"/incidents/{found['id']}/timeline"))["items"]
    assert [entry["kind"] for entry in story] == [
        "incident_created", "acknowledged", "note_added", "restored", "resolved", "closed", "imported",
    ]  # fmt: skip
    assert (await desk.get(f"/incidents/{found['id']}/verify"))["ok"]
    await desk.world.wait(hours=2)
    assert (await desk.get(f"/incidents/{found['id']}/pages"))["items"] == []
    assert desk.world.provider.phones == {}
    assert [item["number"] for item in (await desk.get("/incidents", q="black friday pool"))["items"]] == [2, 1]
    like = await desk.post("/incidents/similar", {"text": "payments: the connection pool is exhausted"})
    assert {item["helped"] for item in like["items"]} == {"A larger pool"}
    assert like["items"][0]["workaround"] == "Restart the pooler"


async def test_states_may_be_called_as_elsewhere(desk: Desk) -> None:
    items = [{"title": "a", "status": "open", "created_at": "2025-11-20"}, {**PAST, "status": "mitigated"}]
    made = await desk.post("/incidents/import", {"items": items}, 201, role="admin")
    found = [(await desk.get(f"/incidents/{one['id']}"))["status"] for one in made["items"]]
    assert found == ["detected", "monitoring"]


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({"title": ""}, "/items/1/title"),
        ({"severity": "awful"}, "/items/1/severity"),
        ({"resolved_at": "yesterday"}, "/items/1/resolved_at"),
        ({"resolved_at": "2999-01-01"}, "/items/1/resolved_at"),
        ({"resolved_at": None, "closed_at": None, "restored_at": None, "timeline": []}, "/items/1/resolved_at"),
        ({"closed_at": "2025-11-20T15:00:00Z"}, "/items/1/closed_at"),
        ({"status": "gone"}, "/items/1/status"),
        ({"roles": {"king": "x"}}, "/items/1/roles/king"),
        ({"impact": {"percent": -1}}, "/items/1/impact/percent"),
        ({"timeline": [{"at": "noon", "details": "x"}]}, "/items/1/timeline/0/at"),
        ({"timeline": [{"at": "2025-11-20", "details": "x", "kind": "magic"}]}, "/items/1/timeline/0/kind"),
        ({"colour": "red"}, "/items/1"),
        ({"external_id": "JIRA-17"}, "/items/1/external_id"),
        ({"timeline": "x"}, "/items/1/timeline"),
    ],
)
async def test_one_bad_item_imports_nothing(desk: Desk, item: dict[str, Any], pointer: str) -> None:
    items = [PAST, {**PAST, "external_id": "JIRA-18", **item}]
    found = await desk.refused("POST", "/incidents/import", 422, {"items": items}, role="admin")
    assert pointer in [error["pointer"] for error in found["errors"]]
    assert (await desk.get("/incidents"))["items"] == []


async def test_an_import_needs_little(desk: Desk) -> None:
    await desk.refused("POST", "/incidents/import", 403, {"items": [PAST]}, role="manager")
    told = await desk.post(
        "/incidents/import", {"items": [{"title": "\0 odd", "resolved_at": "2025-01-02"}]}, 201, role="admin"
    )
    found = await desk.get(f"/incidents/{told['items'][0]['id']}")
    assert (found["severity"], found["status"], found["created_at"]) == (
        "sev2_high",
        "resolved",
        "2025-01-02T00:00:00Z",
    )
    assert found["times"]["resolved"]["source"] == "import"


async def test_a_search_finds_words_beginnings_and_parts(desk: Desk) -> None:
    for title in ("Payments are failing", "The printer is on fire", "Prepayments doubled"):
        await desk.post("/incidents", {"title": title, "severity": 3, "service": "api"}, 201)

    async def titles(q: str) -> list[str]:
        return [item["title"] for item in (await desk.get("/incidents", q=q))["items"]]

    for _ in ("young", "with words"):
        assert await titles("payment fail") == ["Payments are failing"]
        assert await titles("PRINT") == ["The printer is on fire"]
        assert await titles("rinter") == ["The printer is on fire"], "nothing begins so: any part counts"
        assert await titles("of the") == []
        desk.world.clock.advance(search.YOUNG * 2)
        await searching.catch_up(desk.world.ctx)
    assert await titles("payments") == ["Payments are failing"], "the beginning of a word"
    assert await titles("failed") == ["Payments are failing"], "another form of the word"
