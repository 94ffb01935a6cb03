"""The life of an incident over HTTP, as the contract has it: status, restore, close, merge, related, times, private."""

from __future__ import annotations

from typing import Any

from .desk import Desk


async def declared(desk: Desk, severity: str = "SEV3") -> str:
    body = {"title": "Checkout is down", "severity": severity, "service": "api"}
    found: str = (await desk.post("/incidents", body, 201))["id"]
    return found


async def kinds(desk: Desk, id: str) -> list[str]:
    return [entry["kind"] for entry in (await desk.get(f"/incidents/{id}/timeline"))["items"]]


async def test_an_incident_is_led_to_its_end(desk: Desk) -> None:
    id = await declared(desk)
    found = await desk.post(f"/incidents/{id}/status", {"status": "investigating", "notes": "looking"})
    assert (found["status"], found["result"]["changed"]) == ("investigating", True)
    assert found["acknowledged_at"] is not None
    assert {move["status"]: move["way"] for move in found["next_moves"]} == {
        "identified": "forward", "monitoring": "forward", "resolved": "forward",
    }  # fmt: skip
    found = await desk.post(f"/incidents/{id}/status", {"status": "identified"})
    assert found["identified_at"] is not None
    found = await desk.post(f"/incidents/{id}/restore")
    assert (found["status"], found["times"]["restored"]["certainty"]) == ("monitoring", "estimated")
    assert found["restored_at"] is not None
    assert found["durations"]["restore"] is not None
    assert not (await desk.post(f"/incidents/{id}/restore", {"notes": "again"}))["result"]["changed"]
    found = await desk.post(f"/incidents/{id}/resolve", {})
    assert (found["status"], found["mttr_minutes"] is not None) == ("resolved", True)
    assert found["next_update_at"] is None, "nothing more is due of what is over"
    found = await desk.post(f"/incidents/{id}/close", {"notes": "done"})
    assert (found["status"], found["closed_at"] is not None) == ("closed", True)
    found = await desk.post(f"/incidents/{id}/status", {"status": "investigating"})
    assert (found["status"], found["closed_at"], found["restored_at"]) == ("investigating", None, None)
    told = await kinds(desk, id)
    for kind in ("acknowledged", "status_updated", "restored", "resolved", "closed", "reopened"):
        assert kind in told, kind


async def test_monitoring_by_status_is_restoring(desk: Desk) -> None:
    id = await declared(desk)
    found = await desk.post(f"/incidents/{id}/status", {"status": "monitoring", "notes": "it works"})
    assert (found["status"], found["restored_at"] is not None) == ("monitoring", True)
    entries = (await desk.get(f"/incidents/{id}/timeline"))["items"]
    assert [e["details"] for e in entries if e["kind"] == "status_updated"] == ["from detected to monitoring. it works"]


async def test_each_refusal_is_a_problem_that_names_the_fix(desk: Desk) -> None:
    id = await declared(desk, "SEV1")
    said = await desk.refused("POST", f"/incidents/{id}/close", 409)
    assert "resolved" in said["detail"]
    await desk.post(f"/incidents/{id}/resolve")
    said = await desk.refused("POST", f"/incidents/{id}/close", 409, {}, role="admin")
    assert "review" in said["detail"]
    said = await desk.refused("POST", f"/incidents/{id}/status", 409, {"status": "monitoring"})
    assert "from here it may become investigating, closed" in said["detail"]
    for path, body, pointer in (
        ("status", {"status": "fixed"}, "/status"),
        ("status", {}, "/status"),
        ("status", {"status": "closed", "why": "x"}, "/why"),
        ("merge", {"into": "nonsense"}, "/into"),
        ("merge", {"into": "INC-00000001"}, "/into"),
        ("merge", {"into": id}, "/into"),
        ("related", {"incident": 4711}, "/incident"),
        ("times", {}, ""),
        ("times", {"detected": {"at": "soon"}}, "/detected/at"),
        ("times", {"detected": {"at": "2036-01-01T00:00:00Z"}}, "/detected"),
        ("times", {"engaged": {"at": "2026-03-02T10:00:00Z", "certainty": "maybe"}}, "/engaged/certainty"),
        ("readers", {"user": "zoe"}, "/user"),
        ("private", {"private": "yes"}, "/private"),
    ):
        refused = await desk.refused("POST", f"/incidents/{id}/{path}", 422, body)
        assert pointer in [error["pointer"] for error in refused["errors"]], (path, body, refused)
    for path in ("status", "merge", "related", "times", "private", "readers"):
        answer = await desk.call("POST", f"/incidents/4711/{path}", _fine(path, id))
        assert answer.status_code == 404, (path, answer.text)


def _fine(path: str, id: str) -> dict[str, Any]:
    return {
        "status": {"status": "investigating"}, "merge": {"into": id}, "related": {"incident": id},
        "times": {"engaged": {"at": "2026-03-02T10:00:00Z"}}, "private": {"private": True}, "readers": {"user": "bob"},
    }[path]  # fmt: skip


async def test_merging_and_linking_by_any_name(desk: Desk) -> None:
    one, two, three = [await declared(desk) for _ in range(3)]
    found = await desk.post(f"/incidents/{two}/merge", {"into": one.lower(), "notes": "the same"})
    assert (found["status"], found["merged_into"], found["next_moves"]) == ("closed", one, [])
    found = await desk.post(f"/incidents/{one}/related", {"incident": 3})
    assert found["related"] == [three]
    answer = await desk.call("DELETE", f"/incidents/{three}/related/{one}")
    assert (answer.status_code, answer.json()["related"]) == (200, [])


async def test_the_nine_times(desk: Desk) -> None:
    id = await declared(desk)
    found = await desk.get(f"/incidents/{id}/times")
    assert [one["name"] for one in found["items"]] == [
        "impact_started", "detected", "declared", "acknowledged", "engaged", "identified", "restored", "resolved", "closed",
    ]  # fmt: skip
    started = {"at": "2026-03-02T09:53:00Z", "certainty": "estimated"}
    changed = await desk.post(f"/incidents/{id}/times", {"impact_started": started, "notes": "from the logs"})
    assert changed["impact_started_at"] == "2026-03-02T09:53:00Z"
    assert changed["times"]["impact_started"] == {
        "at": "2026-03-02T09:53:00Z", "source": "token:responder", "certainty": "estimated",
    }  # fmt: skip
    assert changed["durations"]["detect"] == 420
    assert "times_corrected" in await kinds(desk, id)
    assert (await desk.get("/incidents"))["items"][0]["times"]["detected"]["certainty"] == "estimated"


async def test_a_token_that_hides_an_incident_still_sees_it(desk: Desk) -> None:
    number = (await desk.world.fire()).incident
    found = await desk.post(f"/incidents/{number}/private", {"private": True})
    assert (found["private"], found["readers"]) == (True, ["token:responder"])
    await desk.refused("GET", f"/incidents/{number}", 404, role="manager")
    await desk.post(f"/incidents/{number}/private", {"private": False})
    again = await desk.post(f"/incidents/{number}/private", {"private": True}, role="admin")
    assert again["readers"] == ["token:responder"], "who sees everything needs no place among them"


async def test_times_of_other_ages_are_refused(desk: Desk) -> None:
    id = await declared(desk)
    for year in ("0001", "1969", "2999", "9999"):
        body = {"impact_started": {"at": f"{year}-12-31T23:59:59Z"}}
        found = await desk.refused("POST", f"/incidents/{id}/times", 422, body)
        assert [one["pointer"] for one in found["errors"]] == ["/impact_started"]
    assert len((await desk.get("/incidents"))["items"]) == 1


async def test_words_that_no_database_takes_are_kept_as_they_can_be(desk: Desk) -> None:
    id = await declared(desk)
    found = await desk.post(f"/incidents/{id}/status", {"status": "investigating", "notes": "a\x00b \u202e"})
    assert found["status"] == "investigating"
    await desk.refused("POST", f"/incidents/{id}/restore", 422, {"notes": "x" * 10_001})
