"""Contract, "Acknowledging", "Restoring, resolving, closing": what people may do to an incident, and what each deed leaves."""

from __future__ import annotations

import threading
from datetime import datetime

from .world import Api, House, fresh, until


def test_acknowledging_answers_with_the_whole_incident(api: Api) -> None:
    made = api.declare()
    done = api.act(made["id"], "acknowledge", {"notes": "looking"})
    assert done["id"] == made["id"]
    assert done["status"] == "acknowledged"
    assert done["acknowledged_at"] is not None
    (entry,) = [e for e in api.timeline(made["id"]) if e["kind"] == "acknowledged"]
    assert (entry["actor"], entry["details"]) == ("token:bootstrap", "looking")


def test_acknowledging_needs_no_body(api: Api) -> None:
    made = api.declare()["id"]
    assert api.post(f"/incidents/{made}/acknowledge").ok()["status"] == "acknowledged"
    assert api.post(f"/incidents/{made}/resolve", {}).ok()["status"] == "resolved"


def test_acknowledging_twice_is_200_and_keeps_the_first_name(api: Api, of_role: dict[str, Api]) -> None:
    made = api.declare()["id"]
    first = of_role["responder"].act(made, "acknowledge")
    second = api.act(made, "acknowledge")
    assert second["acknowledged_by"] == first["acknowledged_by"] == "token:a responder"
    assert second["acknowledged_at"] == first["acknowledged_at"]
    assert api.kinds(made).count("acknowledged") == 1


def test_of_two_at_once_one_wins_and_both_hear_200(api: Api, of_role: dict[str, Api]) -> None:
    made = api.declare()["id"]
    heard: list[dict[str, object]] = []
    people = [of_role["admin"], of_role["manager"], of_role["responder"], api]
    threads = [threading.Thread(target=lambda p=p: heard.append(p.act(made, "acknowledge"))) for p in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 4
    assert len({str(h["acknowledged_by"]) for h in heard}) == 1
    assert api.kinds(made).count("acknowledged") == 1


def test_acknowledging_stops_every_pending_page(house: House, api: Api) -> None:
    made = house.trigger("impatient")
    house.page("/dave", made["id"])
    api.act(made["id"], "acknowledge")
    before = len(house.pages_to("/bob", made["id"]))
    until(lambda: all(p["ended_at"] for p in api.items(f"/incidents/{made['id']}/pages")))
    assert "exhausted" not in api.kinds(made["id"])
    assert len(house.pages_to("/bob", made["id"])) == before


def test_acknowledging_when_resolved_is_409(api: Api) -> None:
    made = api.declare()["id"]
    api.act(made, "resolve")
    api.post(f"/incidents/{made}/acknowledge").problem(409)


def test_a_source_acknowledges_the_incident(house: House, api: Api) -> None:
    key = fresh()
    made = house.trigger("listed", key)["id"]
    house.event("listed", "acknowledge", key).ok(202)
    assert api.incident(made)["status"] == "acknowledged"
    assert api.incident(made)["acknowledged_by"] == "integration:listed/events"


def test_resolving_is_legal_from_any_open_state(api: Api) -> None:
    detected, acknowledged, investigating = (api.declare()["id"] for _ in range(3))
    api.act(acknowledged, "acknowledge")
    api.act(investigating, "resolve")
    api.act(investigating, "reopen")
    for made in (detected, acknowledged, investigating):
        done = api.act(made, "resolve", {"notes": "rolled back"})
        assert done["status"] == "resolved"
        assert done["resolved_at"] == done["restored_at"] is not None
        assert done["acknowledged_at"] is not None
        assert isinstance(done["mttr_minutes"], int | float)
        created, resolved = (datetime.fromisoformat(done[name]) for name in ("created_at", "resolved_at"))
        assert abs(done["duration_seconds"] - (resolved - created).total_seconds()) < 0.001
        entry = [e for e in api.timeline(made) if e["kind"] == "resolved"][-1]
        assert entry["details"] == "rolled back"
        assert entry["data"]["certainty"] == "estimated"


def test_resolving_twice_changes_nothing(api: Api) -> None:
    made = api.declare()["id"]
    first = api.act(made, "resolve")
    assert api.act(made, "resolve")["resolved_at"] == first["resolved_at"]
    assert api.kinds(made).count("resolved") == 1


def test_the_last_alert_resolves_what_nobody_moved_on(house: House, api: Api) -> None:
    label = fresh("cluster")
    one, two = fresh(), fresh()
    made = house.trigger("grouped", one, custom_details={"cluster": label})["id"]
    house.event("grouped", key=two, custom_details={"cluster": label}).ok(202)
    api.act(made, "acknowledge")
    house.event("grouped", "resolve", one).ok(202)
    assert api.incident(made)["status"] == "acknowledged"
    house.event("grouped", "resolve", two).ok(202)
    done = api.incident(made)
    assert done["status"] == "resolved"
    assert done["restored_at"] is not None
    assert [e["data"]["certainty"] for e in api.timeline(made) if e["kind"] == "resolved"] == ["observed"]


def test_reopening_leads_to_investigating_and_keeps_the_past_on_the_timeline(house: House, api: Api) -> None:
    made = api.declare(service="of-bob")
    house.page("/bob", made["id"])
    resolved = api.act(made["id"], "resolve")
    done = api.act(made["id"], "reopen", {"notes": "too early"})
    assert done["status"] == "investigating"
    for name in ("restored_at", "resolved_at", "closed_at", "mttr_minutes"):
        assert done[name] is None, name
    assert (done["created_at"], done["detected_at"]) == (made["created_at"], made["detected_at"])
    (entry,) = [e for e in api.timeline(made["id"]) if e["kind"] == "reopened"]
    assert entry["details"] == "too early"
    kept = entry["data"]
    for name in ("restored_at", "resolved_at"):
        assert datetime.fromisoformat(kept[name]) == datetime.fromisoformat(resolved[name])
    assert kept["mttr_minutes"] == resolved["mttr_minutes"]
    assert len(house.pages_to("/bob", made["id"])) == 1  # a reopening pages nobody


def test_what_a_person_leads_is_watched_when_its_alerts_end_and_paged_again_when_they_return(
    house: House, api: Api
) -> None:
    label, key = fresh("cluster"), fresh()
    made = house.trigger("grouped", custom_details={"cluster": label})["id"]
    api.act(made, "resolve")
    api.act(made, "reopen")
    assert house.trigger("grouped", key, custom_details={"cluster": label})["id"] == made
    house.event("grouped", "resolve", key).ok(202)
    watched = api.incident(made)
    assert watched["status"] == "monitoring"
    assert watched["restored_at"] is not None
    assert watched["resolved_at"] is None
    before = len(house.pages_to("/alice", made))
    assert house.trigger("grouped", key, custom_details={"cluster": label})["id"] == made
    until(lambda: len(house.pages_to("/alice", made)) == before + 1)
    again = api.incident(made)
    assert again["status"] not in ("monitoring", "resolved")
    assert again["restored_at"] is None
    assert "restored" in api.kinds(made)


def test_reopening_what_is_open_is_409(api: Api) -> None:
    api.post(f"/incidents/{api.declare()['id']}/reopen").problem(409)


def test_escalating_pages_the_next_step_at_once(house: House, api: Api) -> None:
    made = house.trigger("payments-api")
    done = api.act(made["id"], "escalate", {"reason": "Alice is on a plane"})
    assert done["assignee"] == "bob"
    assert done["escalations_count"] == 1
    page = house.page("/bob", made["id"]).json()
    assert page["step"] == 2
    (entry,) = [e for e in api.timeline(made["id"]) if e["kind"] == "escalated"]
    assert entry["details"].endswith("from alice to bob. Alice is on a plane")
    kinds = api.kinds(made["id"])
    assert kinds.index("escalated") < kinds.index("paged", kinds.index("escalated"))
    assert api.get(f"/incidents/{made['id']}/verify").ok()["ok"]
    api.act(made["id"], "resolve")


def test_escalating_beyond_the_last_step_is_409_and_says_so(api: Api) -> None:
    made = api.declare(service="of-bob")["id"]
    until(lambda: api.kinds(made).count("paged"))
    api.post(f"/incidents/{made}/escalate", {"reason": "x"}).problem(409)


def test_escalating_needs_a_reason(api: Api) -> None:
    made = api.declare()["id"]
    api.post(f"/incidents/{made}/escalate", {}).points_at("/reason")
    api.post(f"/incidents/{made}/escalate", {"reason": "  "}).points_at("/reason")
    assert api.post(f"/incidents/{made}/escalate").status in (400, 422)


def test_assigning_names_the_person(api: Api) -> None:
    made = api.declare()["id"]
    assert api.act(made, "assign", {"user": "carol"})["assignee"] == "carol"
    assert [e["data"]["user"] for e in api.timeline(made) if e["kind"] == "assigned"] == ["carol"]
    api.post(f"/incidents/{made}/assign", {"user": "nobody"}).points_at("/user")
    api.post(f"/incidents/{made}/assign", {}).points_at("/user")


def test_a_note_is_201_with_the_entry(api: Api) -> None:
    made = api.declare()["id"]
    entry = api.act(made, "notes", {"text": "Restarted the pod"}, 201)
    assert entry.keys() == {"id", "at", "kind", "actor", "details", "data"}
    assert (entry["kind"], entry["details"], entry["actor"]) == ("note_added", "Restarted the pod", "token:bootstrap")
    assert entry in api.timeline(made)
    api.post(f"/incidents/{made}/notes", {"text": ""}).points_at("/text")
    api.post(f"/incidents/{made}/notes", {"words": "x"}).points_at("/words")


def test_the_timeline_is_oldest_first_and_whole(house: House, api: Api) -> None:
    made = house.trigger("of-bob")["id"]
    house.page("/bob", made)
    until(lambda: "notified" in api.kinds(made))
    api.act(made, "acknowledge")
    api.act(made, "notes", {"text": "x"}, 201)
    api.act(made, "resolve")
    entries = api.timeline(made)
    assert all(entry.keys() == {"id", "at", "kind", "actor", "details", "data"} for entry in entries)
    assert [e["kind"] for e in entries] == [
        "incident_created", "response_triggered", "paged", "notified", "acknowledged", "note_added", "resolved",
        "review_drafted",
    ]  # fmt: skip
    assert [e["at"] for e in entries] == sorted(e["at"] for e in entries)
    assert entries[1]["data"]["assignee"] == "bob"
    assert "Bob" in entries[1]["details"]
    first = api.get(f"/incidents/{made}/timeline?limit=3").ok()
    rest = api.get(f"/incidents/{made}/timeline?cursor={first['next']}").ok()
    assert first["items"] + rest["items"] == entries
    proof = api.get(f"/incidents/{made}/verify").ok()
    assert (proof["ok"], proof["entries"]) == (True, len(entries))


def test_the_story_is_in_order_of_time_also_when_much_happens_at_once(api: Api) -> None:
    for _ in range(5):
        made = api.declare(service=None, affected_services=["of-bob", "of-carol", "listed"])["id"]
        deeds = [("acknowledge", None, 200), *[("notes", {"text": "x"}, 201)] * 5, ("escalate", {"reason": "x"}, 409)]
        threads = [threading.Thread(target=api.act, args=(made, *deed)) for deed in deeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda made=made: api.kinds(made).count("notified") == 3)
        times = [e["at"] for e in api.timeline(made)]
        assert [datetime.fromisoformat(at) for at in times] == sorted(datetime.fromisoformat(at) for at in times)
