"""Contract, "Declarative configuration" and "Files": apply, export, what is refused; and the same objects through the API."""

from __future__ import annotations

from typing import Any

from .world import Api, House, fresh


def apply(api: Api, text: str, **flags: bool) -> Any:
    query = "&".join(f"{name}={str(value).lower()}" for name, value in flags.items())
    return api.post(f"/apply?{query}", {"files": [{"name": "conf.yml", "text": text}]})


def test_export_then_apply_is_a_no_op(api: Api) -> None:
    text = api.get("/export").text
    assert text.startswith("version: 1")
    assert apply(api, text, prune=True, dry_run=True).ok()["items"] == []
    assert apply(api, text, dry_run=True).ok()["items"] == []


def test_apply_adds_changes_and_is_idempotent(api: Api) -> None:
    id = fresh("team")
    text = f"version: 1\nteams:\n  - {{id: {id}, members: [bob]}}\n"
    (item,) = apply(api, text, dry_run=True).ok()["items"]
    assert (item["action"], item["kind"], item["id"]) == ("+", "teams", id)
    api.get(f"/teams/{id}").problem(404)  # a dry run changes nothing
    assert apply(api, text).ok()["items"][0]["action"] == "+"
    assert apply(api, text).ok()["items"] == []
    (item,) = apply(api, text.replace("bob", "carol")).ok()["items"]
    assert item["action"] == "~"
    assert api.get(f"/teams/{id}").ok()["members"] == ["carol"]


def test_without_prune_what_the_file_does_not_name_stays(api: Api) -> None:
    assert apply(api, "version: 1\n").ok()["items"] == []
    plan = apply(api, "version: 1\n", prune=True, dry_run=True)
    assert plan.status in (200, 409)  # 409 while open incidents need what would go
    if plan.status == 200:
        assert {"-"} == {item["action"] for item in plan.json["items"]}


def test_every_scalar_is_text_first(api: Api) -> None:
    user, team = fresh("user"), fresh("team")
    text = f"""\
version: 1
users:
  - {{id: {user}, name: no, email: a@example.com, time_zone: UTC}}
  - {{id: 007, name: on}}
teams:
  - {{id: {team}, name: 1.10, members: [{user}, 007]}}
services:
  - {{id: svc-{team}, integrations: [{{id: e, type: pagerduty, key: 00000000000000000000000000000{len(team):03d}}}]}}
"""
    apply(api, text).ok()
    assert api.get(f"/users/{user}").ok()["name"] == "no"
    assert api.get("/users/007").ok()["name"] == "on"
    assert api.get(f"/teams/{team}").ok()["name"] == "1.10"
    assert api.get("/users/ivan").ok()["name"] == "no"
    (restriction,) = api.get("/schedules/payments-primary").ok()["layers"][0]["restrictions"]
    assert (restriction["from"], restriction["to"]) == ("09:00", "17:00")


def test_bad_input_is_named_by_file_line_and_field_and_nothing_is_applied(api: Api) -> None:
    good, text = fresh("good"), ""
    text += f"version: 1\nusers:\n  - {{id: {good}}}\n"
    text += "  - {id: x1, time_zone: Mars/Olympus}\n"
    text += "  - {id: x2, colour: red}\n"
    text += f"  - {{id: {good}}}\n"
    text += "schedules:\n  - {id: s1, layers: [{id: l, users: [], starts: 2026-01-05T09:00}]}\n"
    text += "escalation_policies:\n  - {id: p1, steps: [{after: 0s, targets: []}]}\n"
    text += "  - {id: p2, steps: [{after: 0s, targets: [{user: ghost}]}]}\n"
    told = apply(api, text).problem(422)
    found = {(e["line"], e["pointer"]) for e in told["errors"]}
    assert all(e["file"] == "conf.yml" for e in told["errors"])
    assert {line for line, _ in found} >= {4, 5, 6, 8, 10, 11}
    assert (4, "/users/1/time_zone") in found
    assert (11, "/escalation_policies/1/steps/0/targets/0/user") in found
    api.get(f"/users/{good}").problem(404)


def test_sections_not_built_yet_are_accepted_empty_and_refused_filled(api: Api) -> None:
    empty = "version: 1\nseverities: {}\nmutes: []\nheartbeats: []\nrunbooks: []\nslos: []\nprevention_rules: []\nstatus_pages: []\n"
    assert apply(api, empty).ok()["items"] == []
    for filled in ("runbooks: [{id: x}]", "slos: [{id: x}]"):
        told = apply(api, f"version: 1\n{filled}\n")
        if told.status != 200:  # built since
            assert told.problem(422)["errors"][0]["line"] == 2
    assert apply(api, "version: 1\nnonsense: []\n").problem(422)["errors"][0]["line"] == 2
    assert apply(api, "version: 2\n").status == 422


def test_objects_of_a_file_show_their_place_and_are_not_changed_elsewhere(house: House, api: Api) -> None:
    alice = api.get("/users/alice").ok()
    assert alice["origin"]["file"].endswith("tocsin.yml")
    assert alice["origin"]["line"] == 3
    api.call("PATCH", "/users/alice", {"name": "Mallory"}).problem(409)
    api.call("DELETE", "/users/alice").problem(409)


def test_every_configured_kind_is_made_read_changed_and_removed(api: Api) -> None:
    word = fresh("made")
    bodies: dict[str, dict[str, Any]] = {
        "users": {
            "id": word,
            "name": "Made",
            "contact_methods": [{"id": "m", "type": "email", "address": "m@example.com"}],
        },
        "teams": {"id": word, "members": [word]},
        "schedules": {"id": word, "layers": [{"id": "l", "users": [word], "starts": "2026-01-05T09:00"}]},
        "escalation_policies": {"id": word, "steps": [{"after": "5m", "targets": [{"schedule": word}]}]},
        "services": {"id": word, "escalation_policy": word, "grouping": {"by": ["a"], "window": "10m"}},
    }
    for kind, body in bodies.items():
        made = api.post(f"/{kind}", body).ok(201)
        assert made.items() >= body.items() or kind in ("schedules", "escalation_policies")
        assert api.get(f"/{kind}/{word}").ok()["id"] == word
        assert word in [one["id"] for one in api.items(f"/{kind}?limit=200")]
        api.post(f"/{kind}", body).problem(409)
        assert api.call("PATCH", f"/{kind}/{word}", {"name": "Renamed"}).ok()["name"] == "Renamed"
        assert api.call("PUT", f"/{kind}/{word}", body).ok()["id"] == word
        api.post(f"/{kind}", {**body, "id": fresh(), "colour": 1}).points_at("/colour")
        api.get(f"/{kind}/nothing").problem(404)
    api.call("DELETE", f"/users/{word}").problem(409)  # still needed
    for kind in reversed(bodies):
        assert api.call("DELETE", f"/{kind}/{word}").status == 200
        api.get(f"/{kind}/{word}").problem(404)


def test_a_changed_policy_pages_from_the_next_incident_on(house: House, api: Api) -> None:
    id = fresh("policy")
    api.post("/escalation_policies", {"id": id, "steps": [{"targets": [{"user": "bob"}]}]}).ok(201)
    api.post("/services", {"id": id, "escalation_policy": id}).ok(201)
    assert api.declare(service=id)["assignee"] == "bob"
    api.call("PATCH", f"/escalation_policies/{id}", {"steps": [{"targets": [{"user": "dave"}]}]}).ok()
    assert api.declare(service=id)["assignee"] == "dave"
