"""The room through the API: roles, what we know, who does what, checklists, the onset; bad input has one clear answer each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .desk import Desk


async def opened(desk: Desk) -> str:
    return f"/incidents/{(await desk.world.fire()).incident}"


async def test_a_role_is_taken_and_the_second_hears_who_has_it(desk: Desk) -> None:
    path = await opened(desk)
    answers = await asyncio.gather(
        *(desk.call("POST", f"{path}/roles", {"role": "ic", "user": user}) for user in ("alice", "bob"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    holder = won.json()["roles"]["incident_commander"]
    assert f"{holder.title()} is incident commander already" in lost.json()["detail"]
    taken = await desk.post(f"{path}/roles", {"role": "commander", "user": "carol", "take": True})
    assert taken["roles"] == {"incident_commander": "carol"}
    assert taken["result"] == {"changed": True, "sentence": "Carol is incident commander"}
    again = await desk.post(f"{path}/roles", {"role": "commander", "user": "carol"})
    assert again["result"]["changed"] is False
    assert (await desk.post(f"{path}/roles", {"role": "ic", "user": None}))["roles"] == {}


async def test_a_role_is_handed_over_with_read_back(desk: Desk) -> None:
    path = await opened(desk)
    await desk.post(f"{path}/roles", {"role": "scribe", "user": "alice"})
    await desk.post(f"{path}/roles/handover", {"role": "scribe", "user": "bob", "briefing": "All is in the notes."})
    (scribe,) = [one for one in (await desk.get(f"{path}/room"))["roles"]["items"] if one["role"] == "scribe"]
    assert (scribe["offer"]["from"], scribe["offer"]["to"], scribe["users"]) == ("alice", "bob", ["alice"])
    done = await desk.post(f"{path}/roles/accept", {"role": "scribe", "read_back": "I read the notes."})
    assert done["roles"] == {"scribe": "bob"}
    await desk.refused("POST", f"{path}/roles/withdraw", 409, {"role": "scribe"})
    assert (await desk.call("DELETE", f"{path}/roles/scribe")).json()["roles"] == {}


async def test_a_role_may_go_to_whoever_is_on_call(desk: Desk) -> None:
    path = await opened(desk)
    found = await desk.post(f"{path}/roles", {"role": "comms", "schedule": "primary", "page": True})
    assert found["roles"] == {"comms_lead": "alice"}
    assert found["result"]["sentence"] == "Alice is comms lead and was paged"


async def test_a_report_and_too_many_people_for_one(desk: Desk) -> None:
    path = await opened(desk)
    said = await desk.post(f"{path}/can", {"conditions": "db-1 is full", "needs": "a disk"}, 201)
    assert said["details"] == "Conditions: db-1 is full\nNeeds: a disk"
    assert said["data"]["can"] == {"conditions": "db-1 is full", "actions": "", "needs": "a disk"}
    await desk.post(f"{path}/roles", {"role": "ic", "user": "alice"})
    for user in ("alice", "bob", "carol"):
        await desk.post(f"{path}/roles", {"role": "sme", "user": user})
    await desk.post(f"{path}/tasks", {"text": "x", "owner": "erin"}, 201)
    roles = (await desk.get(f"{path}/room"))["roles"]
    assert (roles["direct"], roles["span"]) == (3, 7)


async def test_what_the_room_holds(desk: Desk) -> None:
    path = await opened(desk)
    said = await desk.post(f"{path}/messages", {"text": "db-1 is full"}, 201)
    assert (said["kind"], said["actor"], said["details"]) == ("message_posted", "token:responder", "db-1 is full")
    pinned = await desk.post(f"{path}/timeline/{said['id']}/pin", {}, 201)
    assert (pinned["text"], pinned["certainty"], pinned["entry"]) == ("db-1 is full", "fact", said["id"])
    fixed = await desk.post(f"{path}/timeline/{said['id']}/correct", {"text": "db-2 is full"}, 201)
    assert fixed["data"]["corrects"]["entry"] == said["id"]
    guess = await desk.post(f"{path}/findings", {"text": "the rotation stopped"}, 201)
    assert guess["certainty"] == "hypothesis"
    answer = await desk.call("PATCH", f"{path}/findings/{guess['id']}", {"certainty": "refuted", "why": "it runs"})
    assert (answer.json()["certainty"], answer.json()["settled_by"]) == ("refuted", "token:responder")
    task = await desk.post(f"{path}/tasks", {"text": "free it", "owner": "bob", "next_check_in": "15m"}, 201)
    done = await desk.call("PATCH", f"{path}/tasks/{task['id']}", {"state": "done", "outcome": "freed"})
    assert (done.json()["state"], done.json()["next_check_in"], done.json()["outcome"]) == ("done", None, "freed")
    decided = await desk.post(f"{path}/decisions", {"text": "buy disks", "why": "they are full"}, 201)
    assert decided["known"]["findings"] == [{"text": "db-1 is full", "certainty": "fact"}]
    ticked = await desk.post(f"{path}/checklist", {"step": "changes"})
    assert "changes" in [one["id"] for one in ticked["items"] if one["hand"]]
    room = await desk.get(f"{path}/room")
    assert {key: len(room[key]) for key in ("findings", "decisions", "tasks", "clocks")} == {
        "findings": 2, "decisions": 1, "tasks": 1, "clocks": 4,
    }  # fmt: skip
    assert (await desk.get(f"{path}/findings"))["items"] == room["findings"]
    assert (await desk.get(f"{path}/tasks"))["items"] == room["tasks"]
    assert (await desk.get(f"{path}/decisions"))["items"] == room["decisions"]
    assert (await desk.get(f"{path}/checklist")) == room["checklist"]
    assert (await desk.get(f"{path}/onset")) == room["onset"]
    assert (await desk.get(f"{path}/room", role="stakeholder"))["onset"] is None


WRONG: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("POST", "/roles", {"role": "king", "user": "alice"}, 422, "/role"),
    ("POST", "/roles", {"role": "ic", "user": "nobody"}, 422, "/user"),
    ("POST", "/roles", {"role": "ic", "take": True}, 422, "/user"),
    ("POST", "/roles", {"role": "ic", "user": "alice", "schedule": "primary"}, 422, "/schedule"),
    ("POST", "/roles", {"role": "ic", "schedule": "nights"}, 422, "/schedule"),
    ("POST", "/messages", {"text": " "}, 422, "/text"),
    ("POST", "/messages", {"text": "x" * 10_001}, 422, "/text"),
    ("POST", "/findings", {"text": "x", "certainty": "sure"}, 422, "/certainty"),
    ("POST", "/tasks", {"text": "x", "next_check_in": "2020-01-01T00:00:00Z"}, 422, "/next_check_in"),
    ("POST", "/tasks", {"text": "x", "next_check_in": "2020-99-99"}, 422, "/next_check_in"),
    ("POST", "/tasks", {"text": "x", "next_check_in": "soon"}, 422, "/next_check_in"),
    ("POST", "/tasks", {"text": "x", "owner": "nobody"}, 422, "/owner"),
    ("POST", "/tasks", {"text": "x", "workstream": "y" * 200}, 422, "/workstream"),
    ("POST", "/decisions", {"why": "x"}, 422, "/text"),
    ("POST", "/can", {}, 422, "/conditions"),
]


@pytest.mark.parametrize(("method", "below", "body", "status", "pointer"), WRONG)
async def test_bad_input_is_refused_by_field(
    desk: Desk, method: str, below: str, body: dict[str, Any], status: int, pointer: str
) -> None:
    found = await desk.refused(method, f"{await opened(desk)}{below}", status, body)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


async def test_what_is_not_there_is_404(desk: Desk) -> None:
    path = await opened(desk)
    for method, below, body in (
        ("POST", f"/timeline/{2**70}/pin", {}), ("POST", "/timeline/0/correct", {"text": "x"}),
        ("PATCH", f"/findings/{2**70}", {"certainty": "fact"}), ("PATCH", "/tasks/999999", {"state": "done"}),
        ("POST", "/checklist", {"step": "dance"}),
    ):  # fmt: skip
        await desk.refused(method, path + below, 404, body)
    for below in ("room", "findings", "decisions", "tasks", "checklist", "onset"):
        await desk.refused("GET", f"/incidents/999999/{below}", 404)


async def test_odd_text_comes_back_as_it_was_and_never_breaks(desk: Desk) -> None:
    path = await opened(desk)
    odd = "a\u202eb \u200b<script>alert(1)</script> \U0001f525 {{ 7 * 7 }}"
    assert (await desk.post(f"{path}/findings", {"text": odd}, 201))["text"] == odd
    assert (await desk.post(f"{path}/messages", {"text": "nul\x00nul"}, 201))["details"] == "nul\ufffdnul"
    answer = await desk.http.post(
        f"/api/v1{path}/messages", content=b'{"text": "\\ud800"}',
        headers={"Authorization": "Bearer tocsin_responder", "Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code in (201, 400, 422)


async def test_sending_twice_with_one_key_says_it_once(desk: Desk) -> None:
    path = await opened(desk)
    for _ in range(2):
        answer = await desk.call("POST", f"{path}/messages", {"text": "once"}, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 201
    said = await desk.world.rows("SELECT * FROM timeline WHERE kind = 'message_posted'")
    assert len(said) == 1
