"""Handoffs and planned events over HTTP and from a terminal."""

from __future__ import annotations

import pytest

from tocsin.flow import relieve

from ..story.world import directory
from .desk import Desk

LAYER = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-03-02T09:00"}


@pytest.fixture
async def shift(desk: Desk) -> Desk:
    """Alice's week is nearly over, and nobody answers an incident."""
    desk.world.ctx.directory = directory({"schedules": [{"id": "primary", "layers": [LAYER]}]})
    await relieve.keep_watch(desk.world.ctx)
    await desk.world.wait(days=6, hours=20)
    await desk.world.fire(severity="error", title="Queue grows")
    return desk


async def test_the_life_of_a_handoff(shift: Desk) -> None:
    (head,) = (await shift.get("/handoffs", role="observer", state="draft"))["items"]
    assert (head["outgoing"], head["incoming"], head["at"]) == ("alice", "bob", "2026-03-09T09:00:00Z")
    change = {"notes": "Call me.", "add": [{"section": "watch", "text": "Sale"}], "remarks": {"incident:1": "known"}}
    answer = await shift.call("PATCH", "/handoffs/1", change)
    assert answer.status_code == 200
    whole = answer.json()
    assert whole["sections"]["ongoing"][0]["remark"] == "known"
    assert [item["title"] for item in whole["sections"]["watch"]] == ["Sale"]
    text = await shift.call("GET", "/handoffs/1/handoff.md")
    assert text.headers["content-type"].startswith("text/markdown")
    assert "## THINGS TO WATCH" in text.text
    signed = await shift.post("/handoffs/1/sign")
    assert (signed["state"], signed["signed_by"]) == ("signed", "token:responder")
    await shift.refused("PATCH", "/handoffs/1", 409, {"notes": "x"})
    assert (await shift.get("/handoffs", state="draft,unsigned"))["items"] == []


async def test_bad_handoffs_are_refused_by_field(shift: Desk) -> None:
    await shift.refused("GET", "/handoffs/99", 404)
    await shift.refused("GET", "/handoffs/x", 404)
    await shift.refused("POST", "/handoffs/99/sign", 404)
    for body, pointer in (
        ({"notes": "x" * 10_001}, "/notes"), ({"add": [{"section": "weather", "text": "x"}]}, "/add/0/section"),
        ({"add": [{"section": "watch", "text": " "}]}, "/add/0/text"), ({"note": "x"}, "/note"),
    ):  # fmt: skip
        found = await shift.refused("PATCH", "/handoffs/1", 422, body)
        assert [e["pointer"] for e in found["errors"]] == [pointer], body
    found = await shift.refused("GET", "/handoffs", 422, state="drafty")
    assert "drafty" in found["detail"]


async def test_planned_events(shift: Desk) -> None:
    body = {"title": "Sale", "from": "2026-03-11T08:00:00Z", "expected_load": "3x", "schedule": "primary"}
    made = await shift.post("/planned-events", body, 201)
    assert made["to"] == "2026-03-11T09:00:00Z"
    changed = await shift.call("PATCH", f"/planned-events/{made['id']}", {"expected_load": "4x", "schedule": None})
    assert (changed.json()["expected_load"], changed.json()["schedule"]) == ("4x", None)
    assert [e["title"] for e in (await shift.get("/planned-events", schedule="primary"))["items"]] == ["Sale"]
    for wrong, pointer in (
        ({**body, "title": " "}, "/title"), ({**body, "from": "soon"}, "/from"), ({**body, "to": body["from"]}, "/to"),
        ({**body, "schedule": "nope"}, "/schedule"),
    ):  # fmt: skip
        found = await shift.refused("POST", "/planned-events", 422, wrong)
        assert [e["pointer"] for e in found["errors"]] == [pointer]
    assert (await shift.call("DELETE", "/planned-events/1")).status_code == 200
    await shift.refused("DELETE", "/planned-events/1", 404)
