"""Every error is a problem document (RFC 9457), whatever caused it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core.errors import Unavailable
from tocsin.manage import incidents

from .desk import Desk, problem


@pytest.mark.parametrize("body", [b"{", b"{'a': 1}", b"\xff\xfe", b'{"title": "\\ud800"}', b"[" * 100_000, b"nul"])
async def test_unreadable_json_is_400(desk: Desk, body: bytes) -> None:
    found = await desk.refused("POST", "/incidents", 400, raw=body)
    assert found["title"] == "The request cannot be read"


async def test_a_body_over_512_kb_is_413(desk: Desk) -> None:
    body = b'{"title": "' + b"x" * (512 * 1024) + b'", "severity": "SEV1"}'
    await desk.refused("POST", "/incidents", 413, raw=body)


async def test_a_body_without_content_type_is_json(desk: Desk) -> None:
    made = await desk.call("POST", "/incidents", raw=b'{"title": "x", "severity": "SEV4", "service": "api"}')
    assert made.status_code == 201
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl -d says of itself
    made = await desk.call(
        "POST", "/incidents", raw=b'{"title": "x", "severity": "SEV4", "service": "api"}', headers=form
    )
    assert made.status_code == 201


async def test_unknown_addresses_and_methods(desk: Desk) -> None:
    await desk.refused("GET", "/nothing/here", 404)
    await desk.refused("GET", "/incidents/1/split", 404)
    await desk.refused("GET", "/incidents/1/merge", 405)
    await desk.refused("DELETE", "/incidents", 405)
    await desk.refused("POST", "/stream", 405)


async def test_without_a_database_it_is_503_with_retry_after(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("The database cannot be reached: OSError", 7)

    monkeypatch.setattr(incidents, "get", away)
    answer = await desk.call("GET", "/incidents/1")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    problem(answer)


async def test_a_fault_of_ours_says_nothing_of_its_cause(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret internals")

    monkeypatch.setattr(incidents, "get", broken)
    answer = await desk.call("GET", "/incidents/1")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    problem(answer)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["title", "severity", "description", "service", "affected_services", "reporter", "notes", "reason",
                          "user", "text", "name", "role", "integration"])  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(FIELDS, JSON, max_size=5) | JSON)
async def test_no_body_is_ever_answered_with_500(desk: Desk, body: object) -> None:
    try:
        str(body).encode()
    except UnicodeEncodeError:
        return
    for path in (
        "/incidents", "/incidents/1/acknowledge", "/incidents/1/escalate", "/incidents/1/assign", "/incidents/1/notes",
        "/services/api/test-alert",
    ):  # fmt: skip
        answer = await desk.call("POST", path, body)
        assert answer.status_code < 500, (path, body, answer.text)
        if answer.status_code >= 400:
            problem(answer)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT, name=st.sampled_from(["status", "severity", "service", "from", "to", "q", "cursor", "limit", "incident", "at",
                                        "schedule", "after"]))  # fmt: skip
async def test_no_parameter_is_ever_answered_with_500(desk: Desk, text: str, name: str) -> None:
    for path in (
        "/incidents",
        "/alerts",
        "/events",
        "/oncall",
        "/schedules/primary/shifts",
        "/incidents/1/timeline",
        "/incidents/1/pages",
    ):
        answer = await desk.call("GET", path, query={name: text})
        assert answer.status_code < 500, (path, name, text, answer.text)
        if answer.status_code >= 400:
            problem(answer)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT.filter(lambda t: t.strip("./ ") != ""))
async def test_no_name_is_ever_answered_with_500(desk: Desk, text: str) -> None:
    for path in ("/incidents/{}", "/incidents/{}/timeline", "/services/{}", "/schedules/{}/shifts", "/alerts/{}"):
        quoted = "".join(f"%{byte:02X}" for byte in text.encode())
        answer = await desk.call("GET", path.format(quoted))
        assert answer.status_code < 500, (path, text, answer.text)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"impact": {"percent": 101}}, "write a number of at most 100"),
        ({"title": 7}, "write a text, not a whole number"),
        ({"tags": "one"}, "write a list, not a text"),
    ],
)
async def test_a_wrong_kind_of_value_is_named_in_words(desk: Desk, body: dict[str, object], said: str) -> None:
    found = await desk.refused("POST", "/incidents", 422, {"title": "Down", "service": "api", **body})
    assert [error["detail"] for error in found["errors"]] == [said]
