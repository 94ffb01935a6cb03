"""Limits and load over HTTP, and from a terminal (tests/cli)."""

from __future__ import annotations

from ..story.world import directory
from .desk import Desk


def weekly(*users: str) -> list[dict[str, object]]:
    return [{"id": "weekly", "users": list(users), "starts": "2026-01-05T09:00"}]


async def test_who_is_alone_breaks_the_limits_and_two_do_not(desk: Desk) -> None:
    found = await desk.get("/schedules/primary/limits", role="observer")
    assert {item["rule"] for item in found["items"]} == {"turn_too_long", "too_many_nights"}
    assert found["limits"]["longest"] == "7d"
    assert "Alice is on call for" in found["items"][0]["message"]
    desk.world.ctx.directory = directory({"schedules": [{"id": "primary", "layers": weekly("alice", "bob")}]})
    assert (await desk.get("/schedules/primary/limits"))["items"] == []


async def test_a_page_at_night_asks_for_rest(desk: Desk) -> None:
    desk.world.ctx.directory = directory({"schedules": [{"id": "primary", "layers": weekly("alice", "bob")}]})
    await desk.world.wait(hours=17)
    await desk.world.fire()
    found = await desk.get("/schedules/primary/limits")
    assert [(item["rule"], item["user"]) for item in found["items"]] == [("no_rest_after_night", "alice")]


async def test_load_per_person(desk: Desk) -> None:
    query = {"from": "2026-03-02T09:00:00Z", "to": "2026-03-16T09:00:00Z"}
    schedules = [{"id": "primary", "layers": weekly("alice", "bob")}]
    desk.world.ctx.directory = directory({"schedules": schedules})
    found = await desk.get("/schedules/primary/load", **query)
    assert [(item["user"], item["weighted_hours"], item["nights"], item["weekends"]) for item in found["items"]] == [
        ("alice", 168.0, 7, 1), ("bob", 168.0, 7, 1),
    ]  # fmt: skip
    assert sum(found["items"][0]["hours"].values()) == 168.0
    await desk.refused("GET", "/schedules/nope/load", 404)
    await desk.refused("GET", "/schedules/nope/limits", 404)
    for query in ({"from": "2026-03-02", "to": "2026-03-01"}, {"from": "2024-03-02", "to": "2026-03-01"}):
        await desk.refused("GET", "/schedules/primary/load", 422, query=query)
