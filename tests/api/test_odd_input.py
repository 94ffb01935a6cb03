"""What no database can hold, at the doors of updates, rooms, reviews and the status page: a clear answer, never a 500."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.flow import closing

from ..story.quiet import configure
from .desk import Desk

HUGE = 2**70


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"/updates/{HUGE}/publish", None),
        ("POST", f"/updates/{HUGE}/discard", None),
        ("POST", f"/communications/{HUGE}/approve", {}),
        ("POST", f"/communications/{HUGE}/discard", {}),
        ("POST", "/updates", {"audience": "stakeholders", "message": "Hello", "draft": HUGE}),
        ("GET", "/rooms/%00/events", None),
    ],
)
async def test_names_that_nothing_can_have_are_unknown(desk: Desk, method: str, path: str, body: Any) -> None:
    number = (await desk.world.fire()).incident
    await desk.refused(method, f"/incidents/{number}{path}", 404, body, role="manager")


@pytest.mark.parametrize("nothing", ["\u200b\u202e", "\ufeff \u2060", "\u3164\u00ad", "\x07"])
async def test_words_that_nobody_can_see_are_none(desk: Desk, nothing: str) -> None:
    body = {"title": nothing, "severity": "SEV4", "service": "api"}
    found = await desk.refused("POST", "/incidents", 422, body)
    assert [error["pointer"] for error in found["errors"]] == ["/title"]
    number = (await desk.world.fire()).incident
    await desk.refused("POST", f"/incidents/{number}/notes", 422, {"text": nothing})
    await desk.refused("PATCH", f"/incidents/{number}", 422, {"title": nothing})
    items = [{"title": nothing, "resolved_at": "2025-11-20"}]
    found = await desk.refused("POST", "/incidents/import", 422, {"items": items}, role="admin")
    assert "/items/0/title" in [error["pointer"] for error in found["errors"]]


async def test_words_with_nul_find_what_the_others_say(desk: Desk) -> None:
    await configure(desk.world, status_pages=[{"id": "public", "components": [{"id": "cards"}]}])
    await desk.post("/subscribers", {"address": "kim@example.com"}, 201, role="admin")
    assert len((await desk.get("/subscribers", role="admin", q="k\0im"))["items"]) == 1
    await desk.post("/incidents/similar", {"text": "\0disk is broken"})


@pytest.mark.parametrize(
    ("probe", "field"),
    [
        ({"type": "http", "url": "http://127.0.0.1:9/"}, "url"),
        ({"type": "tcp", "host": "10.0.0.1", "port": "22"}, "host"),
        ({"type": "tcp", "host": "::1", "port": "22"}, "host"),
    ],
)
async def test_a_probe_that_a_person_types_leads_to_no_private_place(desk: Desk, probe: Any, field: str) -> None:
    policy = next(iter(desk.world.ctx.directory.escalation_policies))
    body = {"id": "typed", "escalation_policy": policy, "probes": [{"id": "a", **probe}]}
    found = await desk.refused("POST", "/services", 422, body, role="manager")
    assert [error["pointer"] for error in found["errors"]] == [f"/probes/0/{field}"]


async def test_a_period_at_the_beginning_of_time_is_empty(desk: Desk) -> None:
    for end in ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await desk.get("/metrics/promises", to=end))["items"] == []


async def test_a_meeting_is_not_in_another_age(desk: Desk) -> None:
    number = (await desk.world.fire(severity="critical")).incident or 0
    await closing.resolve(desk.world.ctx, number, "user:alice")
    for day in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        found = await desk.refused("PATCH", f"/incidents/{number}/review", 422, {"meeting_at": day})
        assert [one["pointer"] for one in found["errors"]] == ["/meeting_at"]
    await desk.get(f"/incidents/{number}/review.json")
