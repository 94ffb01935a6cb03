"""Contract, "HTTP: our API" and "Public words": updates and communications are created, promise a time, and move the incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .world import Api


def test_an_update_answers_201_with_what_was_created_and_promises_the_next(api: Api) -> None:
    made = api.declare()["id"]
    body = {"audience": "stakeholders", "message": "Cards are declined.", "next_update_in": "30m"}
    told = api.post(f"/incidents/{made}/updates", body).ok(201)
    assert (told["audience"], told["message"]) == ("stakeholders", "Cards are declined.")
    promised = datetime.fromisoformat(told["next_update_at"]) - datetime.now(UTC)
    assert timedelta(minutes=29) < promised <= timedelta(minutes=30)
    assert api.incident(made)["next_update_at"] == told["next_update_at"]
    assert "update_published" in api.kinds(made)
    assert [one["id"] for one in api.items(f"/incidents/{made}/updates")] == [told["id"]]


def test_an_updates_status_moves_the_incident_if_that_is_legal(api: Api) -> None:
    made = api.declare()["id"]
    body = {"audience": "public", "message": "We have identified the issue.", "status": "identified"}
    assert api.post(f"/incidents/{made}/updates", body).ok(201)["status"] == "identified"
    assert api.incident(made)["status"] == "identified"
    api.act(made, "resolve", {})
    api.post(f"/incidents/{made}/updates", {**body, "status": "monitoring"}).problem(409)
    assert len(api.items(f"/incidents/{made}/updates")) == 1


def test_a_bad_update_is_422_at_its_field(api: Api) -> None:
    made = api.declare()["id"]
    good = {"audience": "public", "message": "Hello"}
    for change, pointer in (
        ({"next_update_at": "2020-01-01T00:00:00Z"}, "/next_update_at"), ({"audience": "all"}, "/audience"), ({"message": ""}, "/message"),
        ({"components": {"nothing": "operational"}}, "/components/nothing"), ({"status": "gone"}, "/status"),
    ):  # fmt: skip
        api.post(f"/incidents/{made}/updates", {**good, **change}).points_at(pointer)
    assert api.items(f"/incidents/{made}/updates") == []


def test_the_same_key_publishes_once(api: Api) -> None:
    made = api.declare()["id"]
    body = {"audience": "responders", "message": "Looking."}
    first = api.post(f"/incidents/{made}/updates", body, **{"Idempotency-Key": f"update-{made}"}).ok(201)
    again = api.post(f"/incidents/{made}/updates", body, **{"Idempotency-Key": f"update-{made}"}).ok(201)
    assert first["id"] == again["id"]
    assert api.kinds(made).count("update_published") == 1


def test_who_may_not_respond_may_not_publish(api: Api, of_role: dict[str, Api]) -> None:
    made = api.declare()["id"]
    of_role["observer"].post(f"/incidents/{made}/updates", {"audience": "responders", "message": "x"}).problem(403)
    of_role["responder"].post(f"/incidents/{made}/updates", {"audience": "public", "message": "x"}).problem(403)
    of_role["responder"].post(f"/incidents/{made}/updates", {"audience": "stakeholders", "message": "x"}).ok(201)


def test_a_communication_answers_201_and_is_told_in_the_room_once(api: Api) -> None:
    made = api.declare()["id"]
    sent = api.post(
        f"/incidents/{made}/communications", {"message": "The pool is at 100 %", "channel": "stakeholders"}
    ).ok(201)
    assert (sent["message"], sent["channel"], sent["actor"]) == (
        "The pool is at 100 %",
        "stakeholders",
        "token:bootstrap",
    )
    assert api.kinds(made).count("communication_added") == 1
    (entry,) = [one for one in api.timeline(made) if one["kind"] == "communication_added"]
    assert entry["data"]["channel"] == "stakeholders"
    api.post(f"/incidents/{made}/communications", {"message": "x", "channel": ""}).points_at("/channel")
