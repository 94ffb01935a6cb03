"""Reports, reviews, the language check and the figures over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar

from tocsin.core.timeline import Entry
from tocsin.flow import closing, respond
from tocsin.manage import privacy
from tocsin.store import incidents
from tocsin.store.writing import Writing, write_story

from .desk import Desk

REPORT = [
    "# Incident Report: Queue grows", "## Incident Summary", "## Description", "## Affected Services", "## Timeline",
    "## Communication Log", "## Key Metrics", "## Tags",
]  # fmt: skip
REVIEW = [
    "# Post-Incident Review: Queue grows", "## Executive Summary", "## What Happened", "## Timeline of Events",
    "## Root Cause Analysis", "### Contributing Factors", "### Root Cause", "## What Went Well", "## What Could Be Improved",
    "## Action Items", "## Key Metrics", "## Lessons Learned", "## Follow-up Actions",
]  # fmt: skip


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ .*$", text, re.MULTILINE)


async def text(desk: Desk, path: str, role: str = "responder", **query: Any) -> str:
    answer = await desk.call("GET", path, role=role, **query)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture
async def over(desk: Desk) -> Desk:
    """A SEV1 that was answered after 2 minutes and resolved after 20."""
    await desk.world.fire(severity="critical", title="Queue grows")
    await desk.world.wait(minutes=2)
    await respond.acknowledge(desk.world.ctx, 1, "user:alice")
    await desk.world.wait(minutes=18)
    await closing.resolve(desk.world.ctx, 1, "user:alice", "Pool made larger")
    return desk


async def test_a_report_of_what_goes_on(desk: Desk) -> None:
    await desk.world.fire(severity="critical", title="Queue grows")
    told = await text(desk, "/incidents/1/report.md")
    assert headings(told) == REPORT
    for line in (
        "- **Severity:** SEV1_CRITICAL", "- **Status:** Detected", "- **Resolved:** Not resolved", "- **Duration:** Ongoing",
        "- **Assignee:** Alice (alice)",
        "- Payments API (api)", "- **Time to Assignment:** 0.0 minutes", "- **Time to Resolution:** Not resolved",
        "- **Escalations:** 0", "- **Communications:** 0",
    ):  # fmt: skip
        assert line in told.splitlines(), line
    assert re.search(r"^- \*\*10:00:0\d\*\* \[tocsin\] paged: ", told, re.MULTILINE)
    await desk.refused("GET", "/incidents/99/report.md", 404)


async def test_a_report_of_what_is_over(over: Desk) -> None:
    told = await text(over, "/incidents/1/report.md")
    assert "- **Duration:** 20.0 minutes" in told
    assert "- **Time to Resolution:** 20.0 minutes" in told
    data = await over.get("/incidents/1/report.json")
    assert data["summary"]["id"] in told
    assert data["key_metrics"]["to_respond"] == 2.0
    assert data["key_metrics"]["to_detect"] is None, "unknown is never 0"
    assert [entry["kind"] for entry in data["timeline"]][-1] == "review_drafted"
    page = await over.call("GET", "/incidents/1/report.html")
    assert "script" not in page.headers["content-security-policy"]
    assert "<h2>Key Metrics</h2>" in page.text
    assert "@media print" in page.text


async def test_stakeholders_read_a_report_without_pages_and_no_review(over: Desk) -> None:
    told = await text(over, "/incidents/1/report.md", role="stakeholder")
    assert "paged" not in told
    assert "resolved: Pool made larger" in told
    await over.refused("GET", "/incidents/1/review.md", 403, role="stakeholder")


async def test_what_people_wrote_makes_no_markup(desk: Desk) -> None:
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) \u202eevil\n# Heading\n\n| a |\n![i](http://x/y.png)"
    made = await desk.post(
        "/incidents",
        {"title": evil.replace("\n", " "), "description": evil, "severity": "sev2", "affected_services": ["api"]},
        201,
    )
    await desk.post(f"/incidents/{made['id']}/notes", {"text": evil}, 201)
    page = await text(desk, f"/incidents/{made['id']}/report.html")
    assert "<script" not in page
    assert "href" not in page.split("<body>")[1]
    assert "<img" not in page
    assert page.count("<h1>") == 1
    assert "\u202e" not in page
    assert len(headings(await text(desk, f"/incidents/{made['id']}/report.md"))) == len(REPORT)


async def test_a_long_timeline_stays_readable(desk: Desk) -> None:
    await desk.world.fire(severity="critical", title="Queue grows")
    ctx = desk.world.ctx
    async with ctx.db.transaction() as tx:
        incident = (await incidents.lock(tx, [1]))[1]
        writing, now = Writing(), ctx.clock.now()
        many = [
            Entry(at=now + timedelta(seconds=at), kind="message_posted", actor="user:alice", details=f"word {at}")
            for at in range(5_000)
        ]
        writing.tell(1, incident.link, many)
        await write_story(tx, writing)
    told = await text(desk, "/incidents/1/report.md")
    assert len(told.splitlines()) < 80
    assert re.search(r"\] 500\d entries until \d\d:\d\d:\d\d: 5000 message_posted", told)
    assert len((await text(desk, "/incidents/1/report.md", whole="true")).splitlines()) > 5_000
    assert len((await desk.get("/incidents/1/report.json"))["timeline"]) > 5_000


async def test_a_review_is_there_from_the_end_on(desk: Desk) -> None:
    await desk.world.fire(severity="critical", title="Queue grows")
    refused = await desk.refused("GET", "/incidents/1/review.md", 409)
    assert "Incident must be closed before generating PIR" in refused["detail"]
    assert "Incident not found" in (await desk.refused("GET", "/incidents/99/review.md", 404))["detail"]
    await closing.resolve(desk.world.ctx, 1, "user:alice")
    assert headings(await text(desk, "/incidents/1/review.md")) == REVIEW


async def test_a_review_is_filled_with_what_was_measured(over: Desk) -> None:
    told = await text(over, "/incidents/1/review.md")
    for line in (
        "- **Response:** somebody answered in 2 min; target 5 min: met",
        "- **Resolution:** restored in 20 min, estimated; target 30 min: met",
        "- **Detection:** unknown: nobody said when the impact began", "- **Time to Detection:** Unknown",
        "- **Customer Impact:** Unknown", "| Action | Owner | Due Date | Status |",
    ):  # fmt: skip
        assert line in told, line
    assert re.search(r"^- \*\*2026-03-02 10:20:0\d\*\* - Pool made larger$", told, re.MULTILINE)
    assert re.search(r"PIR Template generated on 2026-03-02 .* sha256:[0-9a-f]{64}", told)
    found = await over.get("/incidents/1/review.json")
    state = found["review"]
    assert (state["state"], state["owner"]) == ("draft", "alice")
    assert state["timeline_by"].startswith("2026-03-02T12:20")
    assert state["meet_by"].startswith("2026-03-04T10:20")
    assert state["publish_by"].startswith("2026-03-09T17:00"), "five business days"
    assert [one["task"] for one in found["follow_up_actions"]] == [
        "timeline",
        "meeting",
        "actions",
        "runbooks",
        "share",
    ]


async def fill(desk: Desk) -> None:
    for section, said in (
        ("root_cause", "Alice saw it: the pool had no limit."),
        ("lessons_learned", "Watch the age of the oldest job."),
    ):
        answer = await desk.call("PUT", f"/incidents/1/review/sections/{section}", {"text": said})
        assert answer.status_code == 200, answer.text
    await desk.post(
        "/incidents/1/review/actions", {"action": "Limit the pool", "owner": "bob", "due_on": "2026-03-20"}, 201
    )


async def test_a_private_incident_has_no_report_for_others(over: Desk) -> None:
    await privacy.make_private(over.world.ctx, 1, "user:alice", True)
    for path in ("report.md", "report.json", "review.md", "review.json", "review.ics"):
        await over.refused("GET", f"/incidents/1/{path}", 404, role="observer")
    assert (await over.get("/reviews", role="observer"))["items"] == []
    assert (await over.get("/metrics/incidents", role="observer"))["total_incidents"] == 0
    assert headings(await text(over, "/incidents/1/report.md", role="admin")) == REPORT


async def test_the_meeting_is_for_calendars(over: Desk) -> None:
    answer = await over.call("GET", "/incidents/1/review.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    event = Calendar.from_ical(answer.content).walk("VEVENT")[0]
    assert event["dtstart"].dt.isoformat() == "2026-03-03T10:00:00+00:00"
    guests = event["attendee"] if isinstance(event["attendee"], list) else [event["attendee"]]
    assert {"mailto:alice@example.com", "mailto:erin@example.com"} <= {str(guest) for guest in guests}
    await over.call("PATCH", "/incidents/1/review", {"meeting_at": "2026-03-03T14:00:00Z"})
    moved = Calendar.from_ical((await over.call("GET", "/incidents/1/review.ics")).content).walk("VEVENT")[0]
    assert (moved["uid"], int(moved["sequence"])) == (event["uid"], int(event["sequence"]) + 1)


async def test_people_write_a_review_and_publish_it(over: Desk) -> None:
    refused = await over.refused("POST", "/incidents/1/close", 409)
    assert "review" in refused["detail"]
    refused = await over.refused("POST", "/incidents/1/review/publish", 409)
    assert "Root Cause, Action Items, Lessons Learned" in refused["detail"]
    await fill(over)
    factor = await over.post(
        "/incidents/1/review/factors", {"kind": "human", "text": "Nobody knew the limit", "evidence": "chat"}, 201
    )
    assert factor["kind"] == "knowledge"
    told = await text(over, "/incidents/1/review.md")
    assert "- [x] **Human:** knowledge gaps or communication issues\n  - Nobody knew the limit (evidence: chat)" in told
    assert "a responder saw it: the pool had no limit." in told, "causes name no people"
    assert "| Limit the pool | bob | 2026-03-20 | Open |" in told
    published = await over.post("/incidents/1/review/publish")
    assert published["review"]["state"] == "published"
    assert published["result"]["changed"]
    kept = await text(over, "/incidents/1/review.md")
    await over.world.wait(hours=1)
    assert await text(over, "/incidents/1/review.md") == kept, "word for word"
    await over.refused("PUT", "/incidents/1/review/sections/root_cause", 409, {"text": "x"})
    assert (await over.post("/incidents/1/close"))["status"] == "closed"
    kinds = [entry["kind"] for entry in (await over.get("/incidents/1/timeline"))["items"]]
    assert kinds[-2:] == ["review_published", "closed"]
    (listed,) = (await over.get("/reviews", state="published"))["items"]
    assert listed["title"] == "Queue grows"


async def test_a_review_is_waived_with_a_reason(over: Desk) -> None:
    found = await over.refused("POST", "/incidents/1/review/waive", 422, {"reason": "  "})
    assert found["errors"][0]["pointer"] == "/reason"
    waived = await over.post("/incidents/1/review/waive", {"reason": "The same as INC-7"})
    assert (waived["review"]["state"], waived["review"]["reason"]) == ("waived", "The same as INC-7")
    assert (await over.post("/incidents/1/review/waive", {"reason": "again"}))["result"]["changed"] is False
    assert (await over.post("/incidents/1/review/take-up"))["review"]["state"] == "draft"
    await over.post("/incidents/1/review/publish", {"incomplete": "Nothing to learn"})
    assert (await over.post("/incidents/1/close"))["status"] == "closed"
    await over.refused("POST", "/incidents/1/review/take-up", 409)


async def test_two_who_write_one_section_do_not_overwrite_each_other(over: Desk) -> None:
    path = "/incidents/1/review/sections/root_cause"
    first = (await over.call("PUT", path, {"text": "Bob pushed bad code.", "version": 0})).json()
    assert first["version"] == 1
    assert "The system allowed bad code to be pushed" in first["findings"][0]["suggestion"]
    refused = await over.refused("PUT", path, 409, {"text": "Mine", "version": 0})
    assert "responder wrote here since" in refused["detail"]
    assert (await over.call("PUT", path, {"text": "No limit", "version": 1})).json()["version"] == 2
    versions = (await over.get(path))["items"]
    assert [one["text"] for one in versions] == ["No limit", "Bob pushed bad code."]
    await over.refused("PUT", "/incidents/1/review/sections/weather", 404, {"text": "x"})


async def test_what_follows_is_ticked_off(over: Desk) -> None:
    await fill(over)
    done = await over.post("/incidents/1/review/follow-ups/timeline")
    tasks = {one["task"]: one for one in done["follow_up_actions"]}
    assert tasks["timeline"]["done_by"] == "responder"
    assert tasks["actions"]["due_at"].startswith("2026-03-20")
    assert tasks["actions"]["done_at"] is None
    await over.call("PATCH", "/incidents/1/review/actions/1", {"state": "done"})
    found = await over.get("/incidents/1/review.json")
    assert {one["task"]: one["done_by"] for one in found["follow_up_actions"]}["actions"] == "tocsin"
    planned = await over.call("PATCH", "/incidents/1/review", {"meeting_at": "2026-03-03T14:00:00Z", "owner": "bob"})
    assert (planned.json()["review"]["meeting_at"], planned.json()["review"]["owner"]) == (
        "2026-03-03T14:00:00Z",
        "bob",
    )


async def test_bad_input_of_reviews_is_refused_by_field(over: Desk) -> None:
    cases: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", "factors", {"kind": "weather", "text": "x"}, "/kind"),
        ("POST", "factors", {"kind": "technical", "text": " "}, "/text"),
        ("POST", "actions", {"action": "x", "due_on": "soon"}, "/due_on"),
        ("POST", "actions", {"action": "x" * 1_001}, "/action"),
    ]
    for method, path, body, pointer in cases:
        found = await over.refused(method, f"/incidents/1/review/{path}", 422, body)
        assert [one["pointer"] for one in found["errors"]] == [pointer]
    found = await over.refused("PATCH", "/incidents/1/review", 422, {"owner": "nobody"})
    assert found["errors"][0]["pointer"] == "/owner"
    await over.refused("PATCH", "/incidents/1/review", 422, {"state": "published"})
    await over.refused("PATCH", "/incidents/1/review/actions/99", 404, {"state": "done"})
    await over.refused("DELETE", "/incidents/1/review/factors/99", 404)
    await over.refused("GET", "/reviews", 422, state="drafty")


async def test_an_incident_that_comes_back_begins_its_review_again(over: Desk) -> None:
    await over.post("/incidents/1/review/waive", {"reason": "x"})
    await closing.reopen(over.world.ctx, 1, "user:alice")
    await over.refused("GET", "/incidents/1/review.md", 409)
    await over.world.wait(hours=5)
    await closing.resolve(over.world.ctx, 1, "user:alice")
    state = (await over.get("/incidents/1/review.json"))["review"]
    assert (state["state"], state["timeline_by"][:13]) == ("draft", "2026-03-02T17")


async def test_only_severities_that_ask_for_it_begin_a_review(desk: Desk) -> None:
    for key, severity in (("a", "critical"), ("b", "warning"), ("c", "info")):
        await desk.world.fire(key=key, severity=severity, title=severity)
        await desk.world.ends(key)
    rows = await desk.world.rows(
        "SELECT i.title, r.meet_by IS NULL AS short FROM reviews r JOIN incidents i ON i.id = r.incident ORDER BY i.id"
    )
    assert [tuple(row) for row in rows] == [("critical", False), ("warning", True)]
    told = await text(desk, "/incidents/3/review.md")
    assert headings(told)[1:] == REVIEW[1:], "it is there for whoever asks"


async def test_language_is_checked_and_our_services_are_known(desk: Desk) -> None:
    found = await desk.post(
        "/lint",
        {
            "text": "Users cannot pay since Bob pushed bad code to the shop. Next update at 15:00.",
            "status": "investigating",
        },
    )
    assert [one["rule"] for one in found["items"]] == ["blame"]
    assert (await desk.post("/lint", {"text": "Who caused this?", "kind": "review"}))["items"][0]["rule"] == "blame"
    refused = await desk.refused("POST", "/lint", 422, {"text": "x", "status": "weird"})
    assert refused["errors"][0]["pointer"] == "/status"
    await desk.refused("POST", "/lint", 422, {"text": "x", "kind": "poem"})


async def test_how_long_incidents_took(desk: Desk) -> None:
    empty = await desk.get("/metrics/incidents")
    assert (empty["total_incidents"], empty["overall_mttr_minutes"], empty["mttr_by_severity"]) == (0, None, {})
    for key, minutes in (("a", 10), ("b", 50)):
        await desk.world.fire(key=key, severity="critical")
        await desk.world.wait(minutes=minutes)
        await desk.world.ends(key)
    await desk.world.fire(key="c", severity="warning")
    found = await desk.get("/metrics/incidents")
    assert (found["total_incidents"], found["open_incidents"]) == (3, 1)
    assert found["overall_mttr_minutes"] == pytest.approx(30, abs=0.5)
    sev1 = found["mttr_by_severity"]["sev1_critical"]
    assert (sev1["incident_count"], sev1["target_minutes"], sev1["target_met"]) == (
        2,
        30,
        sev1["average_mttr_minutes"] <= 30,
    )
    assert found["slo_compliance"]["incidents_within_target_percent"] == 50
    assert found["p90_minutes"] is not None
    assert (await desk.get("/metrics/incidents", severity="sev3"))["overall_mttr_minutes"] is None
    await desk.refused("GET", "/metrics/incidents", 422, to="2020-01-01", **{"from": "2021-01-01"})
