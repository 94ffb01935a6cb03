"""Rehearsing payloads and files, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tocsin.core.errors import Invalid
from tocsin.manage import offline
from tocsin.manage.files import File
from tocsin.manage.foresight import Question, rehearse
from tocsin.manage.holding import Quiet

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "golden" / "sources"

TEXT = """
version: 1
users:
  - {id: ann, name: Ann, contact_methods: [{id: hook, type: webhook, url: "http://127.0.0.1:9/ann"}]}
  - id: ben
    name: Ben
    time_zone: Europe/Berlin
    quiet_hours: {from: "22:00", to: "07:00"}
    contact_methods: [{id: mail, type: email, address: ben@example.com}]
teams: [{id: shop, members: [ann, ben], manager: ben}]
schedules:
  - {id: primary, team: shop, layers: [{id: all, users: [ann], starts: 2026-01-05T09:00}]}
escalation_policies:
  - {id: shop, steps: [{after: 0s, targets: [{schedule: primary}]}, {after: 5m, targets: [{user: ben}]}]}
services:
  - id: api
    name: API
    team: shop
    escalation_policy: shop
    grouping: {by: [alertname], window: 5m}
    integrations: [{id: events, type: pagerduty, key: 0123456789abcdef0123456789abcdef}]
  - {id: web, name: Web, team: shop, integrations: [{id: am, type: alertmanager, key: 1123456789abcdef0123456789abcdef}]}
default_escalation_policy: shop
"""


def asked(**fields: Any) -> dict[str, Any]:
    return rehearsed(lambda *_: None, **fields)


def rehearsed(muted: Any, **fields: Any) -> dict[str, Any]:
    directory = offline.directory([File("t.yml", TEXT)])
    return rehearse(directory, msgspec.convert(fields, Question), NOW, muted)


def trigger(key: str = "0123456789abcdef0123456789abcdef", **payload: str) -> dict[str, Any]:
    body = {"summary": "Disk full", "source": "db-1", "severity": "critical", **payload}
    return {"routing_key": key, "event_action": "trigger", "payload": body}


def test_a_service_at_a_time() -> None:
    told = asked(service="api", severity="SEV1")
    assert [tuple(item) for item in told["items"][:1]] == [("at", "user", "method", "step", "tier", "reason")]
    assert [(i["at"], i["user"], i["method"], i["step"], i["reason"]) for i in told["items"]] == [
        ("2026-11-20T03:00:00Z", "ann", "hook", 1, "on_call_schedule"),
        ("2026-11-20T03:05:00Z", "ben", "mail", 2, "named_in_policy"),
        ("2026-11-20T03:10:00Z", "ben", "mail", 3, "manager_last_resort"),
    ]
    (case,) = told["cases"]
    assert case["sentence"] == "Ann is paged first, loudly."
    assert [rung["step"] for rung in case["rungs"]] == [1, 2, 3]


def test_a_payload_finds_its_service_by_its_key_and_its_severity_by_its_words() -> None:
    told = asked(source="pagerduty", payload=trigger())
    (case,) = told["cases"]
    assert (case["service"], case["title"], case["severity"]) == ("api", "Disk full", "sev1_critical")
    assert told["items"][0]["user"] == "ann"
    (gentle,) = asked(source="pagerduty", payload=trigger(severity="info"))["cases"]
    assert gentle["sentence"] == "Nobody is paged: SEV4 pages nobody."
    (chosen,) = asked(source="pagerduty", payload=trigger(severity="info"), severity="SEV2")["cases"]
    assert chosen["severity"] == "sev2_high"


def test_a_payload_as_text_and_for_a_named_service() -> None:
    text = msgspec.json.encode(trigger(key="z" * 32)).decode()
    (case,) = asked(source="pagerduty", payload=text, service="web")["cases"]
    assert case["service"] == "web"


def test_alerts_of_one_group_are_one_incident_of_the_worst_severity() -> None:
    def alert(name: str, severity: str) -> dict[str, Any]:
        labels = {"alertname": name, "severity": severity, "instance": severity}
        return {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": name},
            "startsAt": "2026-11-20T02:59:00Z",
        }

    alerts = [alert("Lag", "warning"), alert("Lag", "critical"), alert("Disk", "info")]
    payload = {"version": "4", "status": "firing", "receiver": "x", "groupKey": "g", "alerts": alerts}
    grouped = asked(source="alertmanager", payload=payload, service="api")["cases"]
    assert [(c["title"], c["severity"], c["alerts"]) for c in grouped] == [
        ("Lag", "sev1_critical", 2), ("Disk", "sev4_low", 1),
    ]  # fmt: skip
    assert len(asked(source="alertmanager", payload=payload)["cases"]) == 3, "web has no grouping"


def test_a_silence_holds_it_back_and_until_shows_what_comes_after() -> None:
    ends = NOW + timedelta(hours=1)

    def muted(*_: Any) -> Quiet:
        return Quiet("A silence holds it back until four.", ends)

    told = rehearsed(muted, service="api", severity="SEV1")
    assert told["items"] == []
    assert told["cases"][0]["muted"] == {
        "sentence": "A silence holds it back until four.",
        "until": "2026-11-20T04:00:00Z",
    }
    assert "If the alert still fires then, Ann is paged first." in told["cases"][0]["sentence"]
    later = rehearsed(muted, service="api", severity="SEV1", until="2026-11-20T04:04:00Z")
    assert [(i["at"], i["user"]) for i in later["items"]] == [("2026-11-20T04:00:00Z", "ann")]


def test_a_planned_maintenance_window_holds_the_service_back() -> None:
    text = (
        TEXT
        + "mutes: [{id: nightly, kind: maintenance, service: api, from: 2026-11-20T02:30, to: 2026-11-20T03:30, reason: Move}]"
    )
    told = offline.rehearse([File("t.yml", text)], Question(service="api", at="2026-11-20T03:00:00Z"))
    assert told["items"] == []
    assert told["cases"][0]["sentence"].startswith(
        "The maintenance window 'nightly' (Move) holds it back until 2026-11-20 03:30 UTC. If the alert still fires then"
    )
    other = offline.rehearse([File("t.yml", text)], Question(service="web", at="2026-11-20T03:00:00Z"))
    assert other["items"][0]["user"] == "ann"


def test_a_cause_in_the_payload_hides_its_symptom() -> None:
    text = (
        TEXT
        + """inhibitions: [{id: down, source: ['alertname="Down"'], target: ['alertname="Slow"'], equal: [cluster]}]"""
    )

    def alert(name: str, cluster: str) -> dict[str, Any]:
        labels = {"alertname": name, "severity": "critical", "cluster": cluster}
        return {"status": "firing", "labels": labels, "startsAt": "2026-11-20T02:59:00Z"}

    alerts = [alert("Slow", "eu"), alert("Slow", "us"), alert("Down", "eu")]
    payload = {"version": "4", "status": "firing", "receiver": "x", "groupKey": "g", "alerts": alerts}
    question = Question(service="web", source="alertmanager", payload=payload, at="2026-11-20T03:00:00Z")
    told = offline.rehearse([File("t.yml", text)], question)
    assert [case["title"] for case in told["cases"]] == ["Slow", "Down"]
    assert told["hidden"] == ["'Slow' is hidden while 'Down' fires (inhibition down): it pages nobody."]


def test_a_muted_alert_says_nothing_about_the_severity_of_its_group() -> None:
    def alert(instance: str, severity: str) -> dict[str, Any]:
        labels = {"alertname": "Lag", "severity": severity, "instance": instance}
        return {"status": "firing", "labels": labels, "startsAt": "2026-11-20T02:59:00Z"}

    payload = {"version": "4", "status": "firing", "alerts": [alert("a", "critical"), alert("b", "error")]}

    def muted(_: Any, event: Any, at: datetime) -> Quiet | None:
        return Quiet("Held back.", at + timedelta(hours=1)) if event.labels["instance"] == "a" else None

    (case,) = rehearsed(muted, source="alertmanager", payload=payload, service="api")["cases"]
    assert (case["severity"], case["alerts"], case["muted"]) == ("sev2_high", 1, None)


def test_a_resolving_payload_opens_nothing() -> None:
    told = asked(source="pagerduty", payload={**trigger(), "event_action": "resolve", "dedup_key": "x"})
    assert (told["items"], told["cases"]) == ([], [])


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({}, "/service", "Name a service"),
        ({"service": "nope"}, "/service", "no service 'nope'"),
        ({"service": "api", "severity": "SEV9"}, "/severity", "SEV9"),
        ({"service": "api", "at": "soon"}, "/at", "write it like"),
        ({"service": "api", "until": "2026-11-19T00:00:00Z"}, "/until", "before"),
        ({"service": "api", "until": "2027-11-19T00:00:00Z"}, "/until", "31 days"),
        ({"service": "api", "answered": "soon"}, "/answered", "not a duration"),
        ({"payload": {}, "source": "carrier-pigeon"}, "/source", "carrier-pigeon"),
        ({"payload": {"no": "event"}, "source": "pagerduty"}, "/payload", "refuses this payload"),
        ({"payload": "{", "source": "pagerduty"}, "/payload", "refuses this payload"),
    ],
)
def test_bad_questions_name_the_field_and_the_fix(fields: dict[str, Any], pointer: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        asked(**fields)
    assert caught.value.pointer == pointer


def test_which_service_is_asked_when_several_fit() -> None:
    text = TEXT.replace("type: alertmanager", "type: pagerduty")
    question = Question(source="pagerduty", payload=trigger(key="z" * 32))
    with pytest.raises(Invalid, match="Name one: api, web"):
        rehearse(offline.directory([File("t.yml", text)]), question, NOW, lambda *_: None)


def test_a_file_is_checked_alone_with_the_line_to_mend() -> None:
    found = offline.check([File("t.yml", TEXT.replace("members: [ann, ben], manager: ben", "members: [ann]"))], 30)
    assert found["ok"]
    text = TEXT.replace(
        'contact_methods: [{id: hook, type: webhook, url: "http://127.0.0.1:9/ann"}]', "role: responder"
    )
    found = offline.check([File("t.yml", text)], 30)
    (item,) = [item for item in found["items"] if item["level"] == "error"]
    assert (item["kind"], item["object"], item["file"], item["line"]) == ("unreachable_person", "user:ann", "t.yml", 4)
    assert "(t.yml:4)" in item["fix"]
    assert not found["ok"]
    assert found["counts"]["error"] == 1
    assert found["sentence"].startswith("In the next 30 days: 1 thing would fail")


def test_an_unknown_user_in_a_file_is_refused_by_name() -> None:
    with pytest.raises(Invalid) as caught:
        offline.check([File("t.yml", TEXT.replace("users: [ann]", "users: [zoe]"))], 30)
    assert "zoe" in "".join(map(str, caught.value.problems))
