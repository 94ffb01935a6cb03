"""Contract, "HTTP: intake", "Alert" and "Severity": what senders send, what they hear, and what becomes of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .world import KEYS, Api, House, fresh, until


def test_an_event_is_accepted_with_202_and_its_key(house: House) -> None:
    key = fresh()
    told = house.event("listed", key=key).ok(202)
    assert told == {"status": "success", "message": "Event processed", "dedup_key": key}
    made_up = house.event("listed").ok(202)
    assert made_up["dedup_key"]


def test_an_incident_is_titled_by_the_summary(house: House) -> None:
    assert house.trigger("listed", summary="Disk is full on db-1")["title"] == "Disk is full on db-1"


@pytest.mark.parametrize(
    ("word", "severity"),
    [("critical", "sev1_critical"), ("error", "sev2_high"), ("warning", "sev3_medium"), ("info", "sev4_low")],
)
def test_severities_of_events(house: House, word: str, severity: str) -> None:
    assert house.trigger("payments-api", severity=word)["severity"] == severity


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("critical", "sev1_critical"), ("page", "sev1_critical"), ("P1", "sev1_critical"), ("error", "sev2_high"),
        ("high", "sev2_high"), ("major", "sev2_high"), ("P2", "sev2_high"), ("warning", "sev3_medium"), ("P3", "sev3_medium"),
        ("info", "sev4_low"), ("low", "sev4_low"), ("P4", "sev4_low"), ("P5", "sev4_low"), ("purple", "sev2_high"),
        (None, "sev2_high"),
    ],
)  # fmt: skip
def test_severities_of_labels(house: House, api: Api, label: str | None, severity: str) -> None:
    name = fresh("Named")
    labels = {"alertname": name, **({"severity": label} if label else {})}
    assert house.http.post(_PROMS, [{"labels": labels}]).status == 200
    (alert,) = api.items(f"/alerts?q={name}")
    assert alert["severity"] == severity


_PROMS = "/integrations/2123456789abcdef0123456789abcdef/api/v2/alerts"


def test_alerts_of_prometheus_are_titled_by_annotation_then_name(house: House, api: Api) -> None:
    one, two = fresh("One"), fresh("Two")
    body = [{"labels": {"alertname": one}, "annotations": {"summary": f"It is {one}"}}, {"labels": {"alertname": two}}]
    assert house.http.post(_PROMS, body).status == 200
    assert [api.items(f"/alerts?q={name}")[0]["title"] for name in (one, two)] == [f"It is {one}", two]


def test_alertmanager_webhook_v4(house: House, api: Api) -> None:
    name = fresh("Hooked")
    alert = {
        "status": "firing", "labels": {"alertname": name, "severity": "critical"}, "annotations": {"summary": f"{name} fires"},
        "startsAt": "2026-01-05T09:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": fresh("f"),
    }  # fmt: skip
    body: dict[str, Any] = {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "r", "groupLabels": {},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am", "alerts": [alert],
    }  # fmt: skip
    door = "/integrations/1123456789abcdef0123456789abcdef/alertmanager"
    assert house.http.post(door, body).status in (200, 202)
    (found,) = api.items(f"/alerts?q={name}")
    assert (found["title"], found["severity"], found["status"]) == (f"{name} fires", "sev1_critical", "firing")
    alert["status"], alert["endsAt"] = "resolved", "2026-01-05T10:00:00Z"
    assert house.http.post(door, body).status in (200, 202)
    assert api.items(f"/alerts?q={name}")[0]["status"] == "resolved"
    assert api.incident(found["incident"])["status"] == "resolved"


def test_events_v1(house: House, api: Api) -> None:
    key, path = fresh(), "/generic/2010-04-15/create_event.json"
    body = {"service_key": KEYS["listed"], "event_type": "trigger", "incident_key": key, "description": "Old but alive"}
    assert house.http.post(path, body).ok() == {"status": "success", "message": "Event processed", "incident_key": key}
    assert house.incident_of("listed", key)["title"] == "Old but alive"
    refused = house.http.post(path, {**body, "event_type": "explode"})
    assert refused.status == 400
    assert {"status", "message", "errors"} <= refused.json.keys()


def test_a_change_is_stored_and_pages_nobody(house: House, api: Api) -> None:
    word = fresh("Deploy")
    body = {"routing_key": KEYS["of-bob"], "payload": {"summary": word, "timestamp": "2026-01-05T09:00:00Z"}}
    assert house.http.post("/v2/change/enqueue", body).status == 202
    assert (word, "change") in [(e["title"], e["action"]) for e in api.items("/events?service=of-bob")]
    assert api.items(f"/incidents?q={word}") == []


def test_bad_events_hear_400_in_their_own_shape(house: House) -> None:
    good = {"routing_key": KEYS["listed"], "event_action": "trigger",
            "payload": {"summary": "s", "source": "h", "severity": "critical"}}  # fmt: skip
    bad = [
        {**good, "routing_key": "short"}, {**good, "routing_key": "f" * 32}, {**good, "event_action": "explode"},
        {**good, "payload": {"source": "h", "severity": "critical"}}, {**good, "payload": {**good["payload"], "severity": "odd"}},
        {**good, "payload": None}, {**good, "event_action": "resolve"}, {},
    ]  # fmt: skip
    for body in bad:
        told = house.http.post("/v2/enqueue", body)
        assert told.status == 400, body
        assert (told.json["status"], told.json["message"]) == ("invalid event", "Event object is invalid")
        assert told.json["errors"]
    for raw in (b"", b"{", b"[1]", b"\xff", b'{"a":"\xed\xa0\x80"}', b"[" * 200_000):
        told = house.http.call("POST", "/v2/enqueue", raw=raw)
        assert told.status == 400, raw[:20]
        assert told.json["errors"]


def test_a_body_over_512_kb_is_413_at_every_door(house: House) -> None:
    raw = b'{"a":"' + b"x" * 700_000 + b'"}'
    for door in (
        "/v2/enqueue",
        "/v2/change/enqueue",
        _PROMS,
        "/integrations/1123456789abcdef0123456789abcdef/alertmanager",
    ):
        told = house.http.call("POST", door, raw=raw, headers={"Content-Type": "application/json"})
        assert told.status == 413, door


def test_only_nothing_is_nothing_at_the_alertmanager_door(house: House) -> None:
    as_json = {"Content-Type": "application/json"}
    for raw in (b"[]", b"null"):
        assert house.http.call("POST", _PROMS, raw=raw, headers=as_json).status == 200, raw
    for raw in (b"", b"{}", b"{", b'"x"', b"[1]"):
        assert 400 <= house.http.call("POST", _PROMS, raw=raw, headers=as_json).status < 500, raw


def test_unknown_keys_of_integrations_are_404(house: House) -> None:
    assert house.http.post("/integrations/" + "e" * 32 + "/api/v2/alerts", []).status == 404


def test_a_repeat_is_counted_and_writes_nothing(house: House, api: Api) -> None:
    key = fresh()
    made = house.trigger("of-bob", key)["id"]
    house.page("/bob", made)
    until(lambda: "notified" in api.kinds(made))
    told = api.kinds(made)
    for _ in range(3):
        house.event("of-bob", key=key).ok(202)
    (alert,) = api.items(f"/alerts?q={key}")
    assert alert["count"] == 4
    time.sleep(0.5)
    assert api.kinds(made) == told
    assert len(house.pages_to("/bob", made)) == 1


def test_one_key_is_one_alert_through_every_integration_of_the_service(house: House, api: Api) -> None:
    name = fresh("Same")
    assert house.http.post(_PROMS, [{"labels": {"alertname": name}}]).status == 200
    (alert,) = api.items(f"/alerts?q={name}")
    house.event("payments-api", key=alert["dedup_key"]).ok(202)
    (again,) = api.items(f"/alerts?q={name}")
    assert (again["id"], again["count"]) == (alert["id"], 2)
    assert house.trigger("listed", alert["dedup_key"])["id"] != alert["incident"]  # another service, another alert


def test_a_trigger_after_resolve_is_a_new_alert_and_a_new_incident(house: House, api: Api) -> None:
    key = fresh()
    first = house.trigger("listed", key)["id"]
    house.event("listed", "resolve", key).ok(202)
    assert api.incident(first)["status"] == "resolved"
    second = house.trigger("listed", key)["id"]
    assert second != first
    assert len(api.items(f"/alerts?q={key}")) == 2
    api.act(second, "resolve")
    assert house.trigger("listed", key)["id"] not in (first, second)


def test_resolving_what_is_not_open_is_accepted_and_dropped(house: House) -> None:
    assert house.event("listed", "resolve", fresh()).status == 202
    assert house.event("listed", "acknowledge", fresh()).status == 202


class TestGrouping:
    def test_alerts_of_a_group_join_one_incident(self, house: House, api: Api) -> None:
        label = fresh("c")
        made = house.trigger("grouped", custom_details={"cluster": label})["id"]
        for _ in range(20):
            house.event("grouped", custom_details={"cluster": label}).ok(202)
        until(lambda: api.incident(made)["alerts_count"] == 21, 5)  # exact within 5 s
        assert "alerts_joined" in api.kinds(made)
        assert api.kinds(made).count("alerts_joined") < 20  # one for a batch
        assert len(api.items(f"/incidents/{made}/pages")) == 1
        assert house.trigger("grouped", custom_details={"cluster": fresh("c")})["id"] != made

    def test_an_absent_label_counts_as_empty(self, house: House, api: Api) -> None:
        one = house.trigger("grouped")["id"]
        two = house.trigger("grouped", custom_details={"other": "x"})["id"]
        assert one == two
        assert house.trigger("grouped", custom_details={"cluster": ""})["id"] == one
        api.act(one, "resolve")

    def test_resolved_incidents_take_no_alerts(self, house: House, api: Api) -> None:
        label = fresh("c")
        made = house.trigger("grouped", custom_details={"cluster": label})["id"]
        api.act(made, "resolve")
        assert house.trigger("grouped", custom_details={"cluster": label})["id"] != made

    def test_the_window_counts_from_the_creation(self, house: House) -> None:
        label = fresh("c")
        first = house.trigger("short-window", custom_details={"cluster": label})["id"]
        assert house.trigger("short-window", custom_details={"cluster": label})["id"] == first
        time.sleep(1.1)
        assert house.trigger("short-window", custom_details={"cluster": label})["id"] != first

    def test_a_joining_alert_raises_the_severity_and_pages_again_but_never_lowers_it(
        self, house: House, api: Api
    ) -> None:
        label = fresh("c")
        made = house.trigger("grouped", custom_details={"cluster": label}, severity="error")["id"]
        house.page("/alice", made)
        house.event("grouped", custom_details={"cluster": label}, severity="info").ok(202)
        assert api.incident(made)["severity"] == "sev2_high"
        house.event("grouped", custom_details={"cluster": label}, severity="critical").ok(202)
        assert api.incident(made)["severity"] == "sev1_critical"
        assert "severity_changed" in api.kinds(made)
        until(lambda: len(house.pages_to("/alice", made)) == 2)


def test_labels_of_an_event_are_its_fields_and_scalar_details(house: House, api: Api) -> None:
    key = fresh()
    house.trigger(
        "listed", key, source="web-1", component="nginx", group="edge", **{"class": "latency"}, severity="error",
        custom_details={"zone": "b", "count": 3, "deep": {"x": 1}, "on": True},
    )  # fmt: skip
    (alert,) = api.items(f"/alerts?q={key}")
    labels = alert["labels"]
    expected = {
        "source": "web-1",
        "component": "nginx",
        "group": "edge",
        "class": "latency",
        "severity": "error",
        "zone": "b",
    }
    assert labels.items() >= expected.items()
    assert labels["count"] == "3"
    assert "on" in labels
    assert "deep" not in labels
