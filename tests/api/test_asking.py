"""Asking people for help, and for quiet, over HTTP."""

from __future__ import annotations

import pytest

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.spelling import decode

from ..story.world import directory
from .desk import Desk


async def test_a_snooze_shows_and_can_be_ended(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    found = await desk.post(f"/incidents/{number}/snooze", {"for": "30m", "notes": "deploy"})
    assert found["snoozed_until"] is not None
    assert found["snoozed_by"] == "token:responder"
    assert found["status"] == "acknowledged"
    answer = await desk.call("DELETE", f"/incidents/{number}/snooze")
    assert (answer.status_code, answer.json()["snoozed_until"]) == (200, None)
    await desk.refused("DELETE", f"/incidents/{number}/snooze", 409)


@pytest.mark.parametrize("body", [{}, {"for": "soon"}, {"for": "1s"}, {"for": 30}, {"for": "30m", "until": "x"}])
async def test_a_bad_snooze_is_422(desk: Desk, body: object) -> None:
    number = (await desk.world.fire()).incident
    await desk.refused("POST", f"/incidents/{number}/snooze", 422, body)


async def test_people_and_teams_are_paged_directly(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    found = await desk.post(f"/incidents/{number}/page", {"user": "carol", "reason": "the cache"})
    assert found["result"]["sentence"] == "Paged Carol"
    await desk.post(f"/incidents/{number}/page", {"team": "payments", "reason": "hands"})
    pages = (await desk.get(f"/incidents/{number}/pages"))["items"]
    assert [(p["user"], p["clock"], p["step"], p["tier"], p["reason"]) for p in pages][1] == (
        "carol", "person", 0, None, "paged_by_person",
    )  # fmt: skip
    assert pages[1]["note"] == "responder: the cache"
    assert pages[0]["role"].startswith("You are here as primary or secondary on-call")
    wrong = await desk.refused("POST", f"/incidents/{number}/page", 422, {"user": "zoe", "reason": "x"})
    assert wrong["errors"][0]["pointer"] == "/user"


async def test_an_incident_is_declared_and_somebody_paged_besides(desk: Desk) -> None:
    body = {"title": "Checkout", "severity": "SEV4", "page": {"user": "carol", "reason": "yours, I think"}}
    made = await desk.post("/incidents", body, 201)
    await desk.world.settle()
    assert desk.world.phone("carol").rang()
    assert not desk.world.phone("alice").rang()
    pages = (await desk.get(f"/incidents/{made['id']}/pages"))["items"]
    assert [p["user"] for p in pages] == ["carol"]
    wrong = await desk.refused("POST", "/incidents", 422, {**body, "page": {"user": "zoe"}})
    assert wrong["errors"][0]["pointer"] == "/page/user"


async def test_a_responder_is_created_with_201_and_removed(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    made = await desk.post(f"/incidents/{number}/responders", {"user": "bob", "page": True}, 201)
    assert (made["user"], made["name"], made["paged"], made["added"]) == ("bob", "Bob", True, True)
    assert (await desk.get(f"/incidents/{number}"))["responders"] == ["bob"]
    answer = await desk.call("DELETE", f"/incidents/{number}/responders/bob")
    assert (answer.status_code, answer.json()["responders"]) == (200, [])
    await desk.refused("DELETE", f"/incidents/{number}/responders/bob", 409)
    await desk.refused("POST", f"/incidents/{number}/responders", 422, {"user": "zoe"})


async def test_a_handover_is_offered_shown_and_withdrawn(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    found = await desk.post(f"/incidents/{number}/handover", {"user": "bob", "reason": "shift ends"})
    assert (found["handover"]["from"], found["handover"]["to"], found["assignee"]) == ("alice", "bob", "alice")
    answer = await desk.call("DELETE", f"/incidents/{number}/handover")
    assert answer.json()["handover"] is None
    await desk.refused("DELETE", f"/incidents/{number}/handover", 409)
    await desk.refused("POST", f"/incidents/{number}/handover", 409, {"user": "alice", "reason": "x"})
    await desk.refused("POST", f"/incidents/{number}/handover", 422, {"user": "bob", "reason": " "})


async def test_assigning_may_page(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    await desk.post(f"/incidents/{number}/assign", {"user": "carol"})
    await desk.post(f"/incidents/{number}/assign", {"user": "carol", "page": True})
    await desk.world.settle()
    assert desk.world.phone("carol").times == 1


async def test_all_hands_is_for_sev1(desk: Desk) -> None:
    quiet = (await desk.world.fire("cpu", severity="error")).incident
    assert "SEV1" in (await desk.refused("POST", f"/incidents/{quiet}/allhands", 409))["detail"]
    number = (await desk.world.fire()).incident
    found = await desk.post(f"/incidents/{number}/allhands", {"reason": "everything"})
    assert found["result"]["sentence"] == "All hands: paged Alice"


async def test_the_ladder_of_a_preset_is_shown_expanded_and_scaled(desk: Desk) -> None:
    raw = {
        "id": "payments", "preset": "standard",
        "tiers": {"on_call": [{"schedule": "primary"}, {"user": "bob"}], "senior": [{"user": "carol"}], "executive": [{"user": "erin"}]},
    }  # fmt: skip
    assert decode(raw, EscalationPolicy).preset == "standard"
    desk.world.ctx.directory = directory({"escalation_policies": [raw]})
    number = (await desk.world.fire(severity="error")).incident
    climb = (await desk.get(f"/incidents/{number}/ladder"))["climbs"][0]
    assert [(rung["tier"], rung["after_seconds"] // 60) for rung in climb["rungs"]] == [
        ("on_call", 0), ("on_call", 10), ("senior", 30), ("executive", 60),
    ]  # fmt: skip
    assert climb["rungs"][2]["role"] == {
        "name": "Senior", "role": "senior engineer or team lead", "expertise": "deep system knowledge",
        "capabilities": "advanced debugging and code analysis",
    }  # fmt: skip


async def test_the_ladder_shows_what_the_second_clock_will_do(desk: Desk) -> None:
    steps = [
        {"after": "0s", "targets": [{"schedule": "primary"}]},
        {"after": "10m", "targets": [{"user": "bob"}]},
        {"after": "15m", "tier": "senior", "targets": [{"user": "carol"}]},
    ]
    desk.world.ctx.directory = directory({"escalation_policies": [{"id": "payments", "steps": steps}]})
    number = (await desk.world.fire()).incident
    await desk.world.wait(minutes=2)
    await desk.world.acknowledge(number)
    climb = (await desk.get(f"/incidents/{number}/ladder"))["climbs"][0]
    assert climb["state"] == "progress"
    assert [rung["state"] for rung in climb["rungs"]] == ["fired", "skipped", "next"]
    assert climb["next_at"] == climb["rungs"][2]["at"]
    assert [p["user"] for p in climb["rungs"][2]["people"]] == ["carol"]


async def test_a_preset_is_kept_as_written_and_shown_expanded(desk: Desk) -> None:
    raw = {
        "id": "small",
        "preset": "standard",
        "tiers": {"on_call": [{"user": "alice"}], "executive": [{"user": "erin"}]},
    }
    for user in ("alice", "erin"):
        await desk.post("/users", {"id": user}, 201, role="manager")
    made = await desk.post("/escalation_policies", raw, 201, role="manager")
    assert (made["preset"], made["steps"]) == ("standard", [])
    assert [step.get("after", "0s") for step in made["expanded"]["sev2_high"]] == ["0s", "30m"]
    assert set(made["expanded"]) == {"sev1_critical", "sev2_high", "sev3_medium"}
    answer = await desk.call("PUT", "/escalation_policies/small", {**made, "name": "Small"}, role="manager")
    assert (answer.status_code, answer.json()["name"], answer.json()["preset"]) == (200, "Small", "standard")
    wrong = {"id": "odd", "preset": "slow", "tiers": {"on_call": [{"user": "alice"}]}}
    refused = await desk.refused("POST", "/escalation_policies", 422, wrong, role="manager")
    assert refused["errors"][0]["pointer"].endswith("/preset")
