"""Rules that hold for sources beyond the recorded bodies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.event import Event
from tocsin.plugins.sources.base import Refused, Source
from tocsin.plugins.sources.labels import LabelSets, fingerprint
from tocsin.plugins.sources.registry import TYPES, snippets, sources
from tocsin.plugins.sources.text import launder, moment, without_nul

NOW = datetime(2026, 11, 21, 0, 36, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
ALL = list(sources().values())


def trigger(**payload: Any) -> dict[str, Any]:
    full = {"summary": "s", "source": "x", "severity": "error", **payload}
    return {"routing_key": KEY, "event_action": "trigger", "dedup_key": "k", "payload": full}


def parse(source: str, body: Any) -> list[Event]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    parsed = sources()[source].parse(raw, NOW)
    assert parsed.refusal is None, parsed.refusal
    return parsed.events


def refusal(source: str, body: Any) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    parsed = sources()[source].parse(raw, NOW)
    assert parsed.refusal is not None
    return parsed.refusal.status, json.loads(parsed.refusal.body)


UNRECOGNIZED = {
    "status": "Unrecognized object",
    "message": "Event object format is unrecognized",
    "errors": ["JSON parse error"],
}


@pytest.mark.parametrize("source", ["pagerduty", "pagerduty_change", "pagerduty_v1"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"routing_key": "\\ud800"}',
        b'{"routing_key": "\xff"}',
        b'{"n": 1e999}',
        b'{"n": NaN}',
        b'{"a":"\x00"}',
    ],
)
def test_what_is_no_json_is_an_unrecognized_object(source: str, body: bytes) -> None:
    assert refusal(source, body) == (400, UNRECOGNIZED)


@pytest.mark.parametrize("source", ["pagerduty", "pagerduty_change", "pagerduty_v1"])
@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"x"'])
def test_json_that_is_no_object_is_unrecognized_too(source: str, body: bytes) -> None:
    status, said = refusal(source, body)
    assert (status, said["status"]) == (400, "Unrecognized object")


@pytest.mark.parametrize("depth", [70, 5000])
def test_details_that_nest_too_deeply_are_refused(depth: int) -> None:
    details = b"[" * depth + b"]" * depth
    body = json.dumps(trigger(custom_details="@")).encode().replace(b'"@"', details)
    assert refusal("pagerduty", body)[1]["errors"] == ["JSON parse error: nested too deeply"]


def test_many_brackets_are_not_deep() -> None:
    [event] = parse("pagerduty", trigger(custom_details={"rows": [[1]] * 500}))
    assert event.details == {"rows": [[1]] * 500}


def test_a_trigger_without_dedup_key_is_always_another_alert() -> None:
    body = trigger()
    del body["dedup_key"]
    first, second = parse("pagerduty", body), parse("pagerduty", body)
    assert len(first[0].dedup_key) == 32
    assert first[0].dedup_key != second[0].dedup_key


def test_long_texts_are_cut_and_a_long_key_is_refused() -> None:
    [event] = parse("pagerduty", trigger(summary="ä" * 2000, custom_details={"log": "x" * 5000, "n" * 300: "dropped"}))
    assert event.title == "ä" * 1024
    assert event.labels == {"log": "x" * 1024, "source": "x", "severity": "error"}
    assert event.details["log"] == "x" * 5000
    status, said = refusal("pagerduty", {**trigger(), "dedup_key": "k" * 256})
    assert (status, said["errors"]) == (400, ["Length of 'dedup_key' is incorrect (should be at most 255 characters)"])
    assert parse("pagerduty", {**trigger(), "dedup_key": "k" * 255})[0].dedup_key == "k" * 255


@pytest.mark.parametrize("severity", ["critical", "error", "warning", "info"])
def test_the_four_severities_are_taken(severity: str) -> None:
    assert parse("pagerduty", trigger(severity=severity))[0].severity == severity


@pytest.mark.parametrize("severity", ["", "Critical", "page", 1, None, ["error"]])
def test_other_severities_are_refused(severity: Any) -> None:
    assert refusal("pagerduty", trigger(severity=severity))[0] == 400


@pytest.mark.parametrize("details", ["a text", 5, [1, {"a": 2}], None, True])
def test_details_may_be_any_json(details: Any) -> None:
    [event] = parse("pagerduty", trigger(custom_details=details))
    assert event.details == details
    assert event.labels == {"source": "x", "severity": "error"}


@pytest.mark.parametrize("timestamp", ["yesterday", 1700000000, {}, "", None, "0001-01-01T00:00:00Z"])
def test_a_bad_timestamp_costs_no_page(timestamp: Any) -> None:
    assert parse("pagerduty", trigger(timestamp=timestamp))[0].starts_at is None


def test_links_that_a_browser_should_not_follow_are_left_out() -> None:
    body = trigger() | {"links": [{"href": "javascript:alert(1)"}, {"href": "HTTPS://a"}, 5], "client_url": "data:x"}
    [event] = parse("pagerduty", body)
    assert event.links == [{"href": "HTTPS://a", "text": ""}]
    assert event.client_url == ""


def am(*alerts: dict[str, Any]) -> list[Event]:
    return parse("prometheus", list(alerts))


def test_prometheus_and_the_webhook_agree_on_identity() -> None:
    labels = {"severity": "page", "alertname": "Ü", "a": "1", "empty": ""}
    [posted] = am({"labels": labels})
    [hooked] = parse("alertmanager", {"version": "4", "alerts": [{"status": "firing", "labels": labels}]})
    assert posted.dedup_key == hooked.dedup_key == fingerprint({"severity": "page", "alertname": "Ü", "a": "1"})
    assert posted.labels == hooked.labels == {"severity": "page", "alertname": "Ü", "a": "1"}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"alertname": "a", "x": "1"}, "727f02c030f1ed2e"),
        ({"alertname": "good2"}, "5e4d73ce68607259"),
        ({"alertname": "\ufffd"}, "5e6f1726cf0bc085"),
        ({"a": "1"}, "d3b971819376d835"),
    ],
)
def test_the_fingerprint_is_alertmanagers(labels: dict[str, str], expected: str) -> None:
    """As Alertmanager 0.25 said it."""
    assert fingerprint(labels) == expected


def test_an_end_that_has_passed_resolves_and_the_very_instant_has_passed() -> None:
    ends = [NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)]
    events = am(*({"labels": {"a": str(i)}, "endsAt": end.isoformat()} for i, end in enumerate(ends)))
    assert [event.action for event in events] == ["resolve", "resolve", "trigger"]
    assert [event.ends_at for event in events] == ends


def test_a_firing_alert_of_the_webhook_never_ends_by_itself() -> None:
    alert = {"status": "firing", "labels": {"a": "1"}, "endsAt": "2020-01-01T00:00:00Z"}
    [event] = parse("alertmanager", {"version": "4", "alerts": [alert]})
    assert (event.action, event.ends_at) == ("trigger", None)


@pytest.mark.parametrize("body", [b"[]", b"null", b" [ ] "])
def test_only_an_empty_list_and_null_are_no_alerts(body: bytes) -> None:
    assert parse("prometheus", body) == []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, {"code": 602, "message": "alerts in body is required"}),
        (b" ", 422, {"code": 602, "message": "alerts in body is required"}),
        (b'[{"labels":{}}]', 400, "at least one label pair required"),
        (b'[{"labels":{"alertname":""}}]', 400, "at least one label pair required"),
        (b'[{"labels":{"a":null}}]', 400, "at least one label pair required"),
        (b'[{"labels":{"":"x"}}]', 400, 'invalid label set: invalid name ""'),
        (b"[{}]", 422, {"code": 602, "message": "0.labels in body is required"}),
        (b'[{"labels":null}]', 422, {"code": 602, "message": "0.labels in body is required"}),
        (b'[{"labels":{"a":', 400, {"code": 400, "message": 'parsing alerts body from "" failed, because unexpected EOF'}),
        (
            b"{}", 400,
            {"code": 400, "message": 'parsing alerts body from "" failed, because json: cannot unmarshal object into Go value'
             " of type models.PostableAlerts"},
        ),
        (
            b'"x"', 400,
            {"code": 400, "message": 'parsing alerts body from "" failed, because json: cannot unmarshal string into Go value'
             " of type models.PostableAlerts"},
        ),
        (
            b'[{"labels":[]}]', 400,
            {"code": 400, "message": 'parsing alerts body from "" failed, because json: cannot unmarshal array into Go struct'
             " field Alert.labels of type models.LabelSet"},
        ),
        (
            b'[{"labels":{"a":1}}]', 400,
            {"code": 400, "message": 'parsing alerts body from "" failed, because json: cannot unmarshal number into Go struct'
             " field Alert.labels of type string"},
        ),
        (
            b'[{"labels":{"a":"1"},"annotations":{"x":5}}]', 400,
            {"code": 400, "message": 'parsing alerts body from "" failed, because json: cannot unmarshal number into Go struct'
             " field .annotations of type string"},
        ),
        (
            b'[{"labels":{"a":"1"},"startsAt":5}]', 400,
            {"code": 400, "message": 'parsing alerts body from "" failed, because json: cannot unmarshal number into Go struct'
             " field .startsAt of type string"},
        ),
        (
            b'[{"labels":{"a":"1"},"startsAt":"xx"}]', 400,
            {"code": 400, "message": 'parsing alerts body from "" failed, because parsing time "xx" as "2006-01-02 15:04:05":'
             ' cannot parse "xx" as "2006"'},
        ),
    ],
)  # fmt: skip
def test_the_answers_of_alertmanager(body: bytes, status: int, said: Any) -> None:
    """Recorded from 0.25."""
    assert refusal("prometheus", body) == (status, said)


@pytest.mark.parametrize("raw", [b"\\ud800", b"\xff", b"a\\ud800b\xff"])
def test_broken_text_is_mended_where_go_mends_it(raw: bytes) -> None:
    [event] = parse("prometheus", b'[{"labels":{"alertname":"' + raw + b'"}}]')
    assert (
        event.labels["alertname"]
        == raw.replace(b"\\ud800", "\ufffd".encode()).replace(b"\xff", "\ufffd".encode()).decode()
    )
    [event] = parse("alertmanager", b'{"version":"4","alerts":[{"labels":{"alertname":"' + raw + b'"}}]}')
    assert "\ufffd" in event.title


def test_deep_alerts_are_refused_in_gos_words() -> None:
    status, said = refusal("prometheus", b'[{"x":' + b"[" * 20_000)
    assert (status, said["message"][-18:]) == (400, "exceeded max depth")
    assert refusal("alertmanager", b'{"a":' * 20_000)[0] == 400


def test_label_sets_are_remembered_and_forgotten() -> None:
    known = LabelSets(size=2)
    sets = [json.dumps({"a": str(i)}).encode() for i in range(6)]
    first = known.read(sets[0])
    assert known.read(sets[0]) is first
    for raw in sets:
        known.read(raw)
    assert known.read(sets[0]) is not first
    assert known.read(sets[0]) == first
    assert len(known._young) + len(known._old) <= 4


@given(st.binary(max_size=200))
def test_laundered_json_is_valid_or_none(body: bytes) -> None:
    washed = launder(b'{"a":"' + body + b'"}')
    assert washed is None or json.loads(washed.decode("utf-8"))


@given(st.text(max_size=50))
def test_no_nul_gets_through_and_nothing_else_changes(text: str) -> None:
    assert json.loads(without_nul(json.dumps(text).encode())) == text.replace("\0", "\ufffd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T00:14:47.269994872Z", datetime(2026, 11, 21, 0, 14, 47, 269994, UTC)),
        ("2026-11-21T01:14:47+01:00", datetime(2026, 11, 21, 0, 14, 47, tzinfo=UTC)),
        ("2026-11-21 00:14:47", datetime(2026, 11, 21, 0, 14, 47, tzinfo=UTC)),
        ("9999-12-31T23:59:59-10:00", None),
        ("0001-01-01T00:00:00+01:00", None),
    ],
)
def test_times(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_says_how_to_set_it_up(kind: str) -> None:
    shown = snippets(kind, "https://tocsin.example.com/", KEY)
    assert shown
    assert all(KEY in s.text and "tocsin.example.com" in s.text and "com//" not in s.text for s in shown)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "routing_key", "service_key", "event_action", "event_type", "dedup_key", "incident_key", "payload", "summary", "source",
    "severity", "description", "details", "links", "contexts", "version", "alerts", "labels", "annotations", "startsAt",
    "endsAt", "status", "fingerprint", "custom_details", "timestamp",
)  # fmt: skip
WORDS = st.sampled_from((KEY, "trigger", "resolve", "error", "4", "firing", "2026-01-01T00:00:00Z", "\ud800", "\0"))
SHAPED = st.recursive(
    WORDS | JSONS,
    lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8) | st.lists(inner, max_size=3),
    max_leaves=25,
)


@pytest.mark.parametrize("source", ALL, ids=lambda s: s.name)
@settings(max_examples=300, deadline=None)
@given(value=SHAPED | st.lists(SHAPED, max_size=3))
def test_no_body_is_too_odd(source: Source, value: Any) -> None:
    """Every body ends as storable events or a refusal that is JSON."""
    parsed = source.parse(json.dumps(value).encode(), NOW)
    if parsed.refusal is not None:
        assert isinstance(parsed.refusal, Refused)
        assert 400 <= parsed.refusal.status < 500
        json.loads(parsed.refusal.body)
    for event in parsed.events:
        text = repr([getattr(event, name) for name in event.__struct_fields__])
        assert "\\x00" not in text
        assert "\\ud800" not in text
        assert 0 < len(event.dedup_key) <= 255
        assert len(event.title) <= 1024
        for at in (event.starts_at, event.ends_at):
            assert at is None or at.tzinfo is UTC
