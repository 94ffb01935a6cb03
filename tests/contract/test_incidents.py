"""Contract, "HTTP: our API": incidents are declared, shown, found and listed as written there."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from .world import Api, House, fresh, until

FIELDS = {
    "id", "number", "title", "description", "severity", "urgency", "status", "service", "affected_services", "assignee",
    "responders", "roles", "tags", "impact", "created_at", "detected_at", "impact_started_at", "acknowledged_at", "engaged_at",
    "identified_at", "restored_at", "resolved_at", "closed_at", "duration_seconds", "mttr_minutes", "alerts_count",
    "escalations_count", "next_update_at", "url",
}  # fmt: skip
RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def test_a_declared_incident_is_answered_whole_with_201(house: House, api: Api) -> None:
    made = api.declare(title="Checkout is slow", description="p99 over 4 s", severity="sev2_high", reporter="Mallory")
    assert made.keys() >= FIELDS
    assert re.fullmatch(r"INC-[0-9A-F]{8}", made["id"])
    assert isinstance(made["number"], int)
    assert (made["title"], made["description"], made["severity"]) == ("Checkout is slow", "p99 over 4 s", "sev2_high")
    assert (made["status"], made["urgency"]) == ("detected", "high")
    assert (made["service"], made["affected_services"], made["assignee"]) == ("listed", ["listed"], "alice")
    assert (made["alerts_count"], made["escalations_count"]) == (0, 0)
    assert isinstance(made["responders"], list)
    assert isinstance(made["roles"], dict)
    assert isinstance(made["impact"], dict)
    for name in ("acknowledged_at", "restored_at", "resolved_at", "closed_at", "mttr_minutes", "duration_seconds"):
        assert made[name] is None, name
    for name in ("created_at", "detected_at"):
        assert RFC3339_UTC.fullmatch(made[name]), made[name]
    assert made["url"] == f"{house.url}/incidents/{made['id']}"
    assert api.incident(made["id"]) == made


def test_an_incident_answers_to_each_of_its_names(api: Api) -> None:
    made = api.declare()
    year = made["created_at"][:4]
    for name in (made["id"], made["id"].lower(), made["number"], f"INC-{year}-{made['number']:03d}"):
        assert api.incident(name)["id"] == made["id"]
    for path in ("", "/timeline", "/pages", "/explain"):
        assert api.get(f"/incidents/{made['number']}{path}").status == 200


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("sev1_critical", "sev1_critical"), ("SEV1", "sev1_critical"), ("SEV-1", "sev1_critical"), ("critical", "sev1_critical"),
        ("1", "sev1_critical"), (1, "sev1_critical"), ("sev2", "sev2_high"), ("SEV-2", "sev2_high"), ("high", "sev2_high"),
        ("SEV3", "sev3_medium"), ("medium", "sev3_medium"), (4, "sev4_low"), ("low", "sev4_low"), ("sev4_low", "sev4_low"),
    ],
)  # fmt: skip
def test_a_severity_may_be_written_in_several_ways(api: Api, said: object, meant: str) -> None:
    assert api.declare(severity=said, service="payments-api")["severity"] == meant


@pytest.mark.parametrize(
    ("severity", "urgency"), [("sev1_critical", "high"), ("sev2_high", "high"), ("sev3_medium", "low")]
)
def test_urgency_follows_from_the_severity(api: Api, severity: str, urgency: str) -> None:
    assert api.declare(severity=severity, service="impatient")["urgency"] == urgency


def test_sev4_pages_nobody_and_says_why(api: Api) -> None:
    made = api.declare(severity="sev4_low")
    assert api.items(f"/incidents/{made['id']}/pages") == []
    assert made["assignee"] is None
    explained = api.items(f"/incidents/{made['id']}/explain")
    assert "severity_does_not_page" in [item["reason"] for item in explained]


def test_sev3_out_of_business_hours_is_low_and_does_not_escalate(api: Api) -> None:
    made = api.declare(severity="sev3_medium", service="impatient")
    time.sleep(2.5)
    assert {page["user"] for page in api.items(f"/incidents/{made['id']}/pages")} == {"dave"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": None}, "/title"),
        ({"title": ""}, "/title"),
        ({"title": "   "}, "/title"),
        ({"title": 7}, "/title"),
        ({"severity": None}, "/severity"),
        ({"severity": "sev5"}, "/severity"),
        ({"severity": 0}, "/severity"),
        ({"service": "nowhere"}, "/service"),
        ({"service": None, "affected_services": ["listed", "nowhere"]}, "/affected_services/1"),
        ({"affected_services": "listed"}, "/affected_services"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_bad_field_is_422_and_named(api: Api, change: dict[str, object], pointer: str) -> None:
    body = {"title": "x", "description": "", "severity": "sev3_medium", "service": "listed", **change}
    api.post("/incidents", {k: v for k, v in body.items() if v is not None}).points_at(pointer)


def test_a_body_that_is_no_json_object_is_refused(api: Api) -> None:
    for raw in (b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000):
        told = api.call("POST", "/incidents", raw=raw, headers={"Content-Type": "application/json"})
        assert told.status in (400, 422), raw[:20]
        told.problem(told.status)


def test_a_body_over_512_kb_is_413_and_heard(api: Api) -> None:
    api.post("/incidents", {"title": "x" * 600_000, "severity": "sev3_medium"}).problem(413)


def test_affected_services_page_each_distinct_policy_and_the_first_gives_the_assignee(api: Api) -> None:
    made = api.declare(service=None, affected_services=["of-carol", "of-bob", "grouped", "listed"])
    assert made["service"] == "of-carol"
    assert made["affected_services"] == ["of-carol", "of-bob", "grouped", "listed"]
    assert made["assignee"] == "carol"
    paged = [page["user"] for page in api.items(f"/incidents/{made['id']}/pages")]
    assert sorted(paged) == ["alice", "bob", "carol"]  # grouped and listed share a policy


def test_what_may_be_left_out_may_be_null(api: Api) -> None:
    body = {
        "title": "x",
        "severity": "SEV4",
        "description": None,
        "reporter": None,
        "service": None,
        "affected_services": None,
    }
    made = api.post("/incidents", body).ok(201)
    assert (made["description"], made["affected_services"], made["reporter"]) == ("", [], "token:bootstrap")


def test_without_a_service_the_default_policy_pages(api: Api) -> None:
    made = api.declare(service=None)
    assert (made["service"], made["affected_services"], made["assignee"]) == (None, [], "bob")


def test_a_service_without_a_policy_falls_back_to_the_default(api: Api) -> None:
    assert api.declare(service="postgres-main")["assignee"] == "bob"


def test_tags_are_services_and_whole_words(api: Api) -> None:
    made = api.declare(title="The db says: out of memory", service="listed")
    assert {"listed", "database", "infrastructure"} <= set(made["tags"])
    assert "api" not in api.declare(title="Recapitulation is late", service="of-bob")["tags"]


def test_tags_follow_a_correction(api: Api) -> None:
    made = api.declare(title="The db is slow", description="dns?")["id"]
    changed = api.call("PATCH", f"/incidents/{made}", {"title": "The disk is slow"}).ok()
    assert set(changed["tags"]) == {"listed", "infrastructure", "network"}


def test_title_and_description_can_be_corrected_and_nothing_else(api: Api) -> None:
    made = api.declare(title="Chekout")
    changed = api.call("PATCH", f"/incidents/{made['id']}", {"title": "Checkout"}).ok()
    assert (changed["title"], changed["id"]) == ("Checkout", made["id"])
    api.call("PATCH", f"/incidents/{made['id']}", {"status": "closed"}).points_at("/status")
    api.call("PATCH", f"/incidents/{made['id']}", {"title": " "}).points_at("/title")


def test_unknown_incidents_are_404_everywhere(api: Api) -> None:
    for name in ("INC-00000000", "INC-2026-999999", "999999999", "nonsense", "INC-1A2B3C4D5"):
        for path in ("", "/timeline", "/pages", "/explain", "/verify"):
            api.get(f"/incidents/{name}{path}").problem(404)
    for verb, body in (
        ("acknowledge", None), ("resolve", None), ("reopen", None), ("escalate", {"reason": "x"}),
        ("assign", {"user": "bob"}), ("notes", {"text": "x"}),
    ):  # fmt: skip
        api.post(f"/incidents/INC-00000000/{verb}", body).problem(404)


class TestTheList:
    def test_is_newest_first_and_pages_by_cursor(self, api: Api) -> None:
        word = fresh("pile")
        made = [api.declare(title=f"{word} {n}")["id"] for n in range(5)]
        first = api.get(f"/incidents?q={word}&limit=2").ok()
        assert [i["id"] for i in first["items"]] == made[:2:-1]
        second = api.get(f"/incidents?q={word}&limit=2&cursor={first['next']}").ok()
        third = api.get(f"/incidents?q={word}&limit=2&cursor={second['next']}").ok()
        assert [i["id"] for i in second["items"] + third["items"]] == made[2::-1]
        assert third["next"] is None
        assert first["items"][0] == api.incident(made[4])

    def test_limit_is_at_most_200(self, api: Api) -> None:
        for path in (
            "/incidents", "/alerts", "/events", f"/incidents/{api.declare()['id']}/timeline",
            f"/incidents/{api.declare()['id']}/pages", "/users", "/services", "/tokens",
        ):  # fmt: skip
            assert api.get(f"{path}?limit=200").status == 200
            for limit in ("201", "0", "-1", "many"):
                api.get(f"{path}?limit={limit}").points_at("/limit")
            api.get(f"{path}?cursor=nonsense").points_at("/cursor")

    def test_every_list_is_whole_page_by_page(self, house: House, api: Api, of_role: dict[str, Api]) -> None:
        made = house.trigger("grouped", custom_details={"cluster": fresh()})["id"]
        for path in ("/users", "/teams", "/services", "/tokens", "/alerts", "/events", f"/incidents/{made}/timeline"):
            seen: list[object] = []
            place: str | None = ""
            while place is not None and len(seen) < 30:
                page = api.get(f"{path}?limit=3&cursor={place}").ok()
                assert 0 < len(page["items"]) <= 3, path
                seen += [item["id"] for item in page["items"]]
                place = page["next"]
            assert seen[:30] == [item["id"] for item in api.items(f"{path}?limit=30")][: len(seen)], path
            assert len(set(seen)) == len(seen), path

    def test_filters(self, api: Api) -> None:
        word = fresh("sieve")
        one = api.declare(title=f"{word} one", severity=1, service="of-bob")["id"]
        two = api.declare(title=f"{word} two", severity=3, service="listed")["id"]
        api.act(two, "resolve")

        def found(query: str) -> list[str]:
            return [i["id"] for i in api.items(f"/incidents?q={word}&{query}")]

        assert found("status=open") == [one]
        assert found("status=detected") == [one]
        assert found("status=resolved") == [two]
        assert found("status=detected,resolved") == [two, one]
        assert found("severity=SEV1") == [one]
        assert found("severity=sev3_medium") == [two]
        assert found("service=of-bob") == [one]
        between = api.incident(two)["created_at"]
        assert found(f"from={between}") == [two]
        assert found(f"to={between}") == [one]
        later = datetime.now(UTC) + timedelta(hours=1)
        assert found(f"from={later:%Y-%m-%dT%H:%M:%SZ}") == []
        for bad, pointer in (
            ("status=odd", "/status"),
            ("severity=odd", "/severity"),
            ("from=odd", "/from"),
            ("to=odd", "/to"),
        ):
            api.get(f"/incidents?{bad}").points_at(pointer)

    def test_all_services_of_an_incident_find_it(self, api: Api) -> None:
        made = api.declare(service=None, affected_services=["of-carol", "short-window"])["id"]
        assert made in [i["id"] for i in api.items("/incidents?service=short-window")]


class TestIdempotencyKey:
    def test_the_same_write_is_done_once(self, api: Api) -> None:
        key, word = fresh("once"), fresh("twice")
        body = {"title": word, "severity": "sev2_high", "service": "listed"}
        first = api.post("/incidents", body, Idempotency_Key=key)
        again = api.post("/incidents", body, Idempotency_Key=key)
        assert (first.status, again.status) == (201, 201)
        assert first.json == again.json
        assert len(api.items(f"/incidents?q={word}")) == 1

    def test_another_write_with_the_same_key_is_refused(self, api: Api) -> None:
        key, made = fresh("once"), api.declare()["id"]
        api.post(f"/incidents/{made}/notes", {"text": "one"}, Idempotency_Key=key).ok(201)
        api.post(f"/incidents/{made}/notes", {"text": "two"}, Idempotency_Key=key).problem(422)

    def test_a_refused_write_frees_its_key(self, api: Api) -> None:
        key, made = fresh("once"), api.declare()["id"]
        api.post(f"/incidents/{made}/notes", {"text": ""}, Idempotency_Key=key).problem(422)
        api.post(f"/incidents/{made}/notes", {"text": "now"}, Idempotency_Key=key).ok(201)


def test_errors_of_unknown_addresses_are_problems_too(api: Api) -> None:
    api.get("/nothing").problem(404)
    api.call("DELETE", "/incidents").problem(405)


def test_the_description_of_the_api_lists_what_there_is(api: Api) -> None:
    told = api.get("/openapi.json").ok()
    assert told["openapi"].startswith("3.")
    for path in (
        "/incidents", "/incidents/{id}", "/incidents/{id}/timeline", "/incidents/{id}/pages", "/incidents/{id}/explain",
        "/incidents/{id}/acknowledge", "/alerts", "/events", "/oncall", "/schedules/{id}/shifts", "/tokens", "/stream",
    ):  # fmt: skip
        assert f"/api/v1{path}" in told["paths"], path


def test_alerts_and_events_are_listed(house: House, api: Api) -> None:
    key = fresh("listed")
    incident = house.trigger("listed", key, summary="Disk full", custom_details={"mount": "/var"})
    (alert,) = api.items(f"/alerts?q={key}")
    assert alert["dedup_key"] == key
    assert alert["incident"] == incident["id"]
    assert alert["severity"] == "sev1_critical"
    assert alert["labels"]["mount"] == "/var"
    events = until(lambda: api.items(f"/events?incident={incident['id']}"))
    assert [(e["action"], e["reason"]) for e in events] == [("trigger", "opened")]
