"""Schedules over HTTP: versions and what they mean, the way back, overrides, shadow shifts, patterns, calendar links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.core.spelling import plain
from tocsin.manage import configuration

from .desk import Desk

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
"""A Monday: when the world begins."""


@pytest.fixture
async def rota(desk: Desk) -> Desk:
    """Alice and Bob take weeks, Mondays at nine UTC; what is configured stands in the database."""
    world = desk.world
    old = world.ctx.directory

    def decide(_: Any) -> Any:
        return old

    await configuration.change(world.ctx, configuration.ITSELF, decide)
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}
    await desk.post("/schedules", {"id": "week", "name": "Week", "layers": [layer]}, 201, role="manager")
    return desk


async def shifts(desk: Desk, start: str, end: str) -> list[tuple[str, str, str]]:
    found = await desk.get("/schedules/week/shifts", **{"from": start, "to": end})
    return [(s["user"], s["from"][:16], s["to"][:16]) for s in found["items"]]


async def test_someone_else_takes_a_shift(rota: Desk) -> None:
    assert await shifts(rota, "2026-03-02T10:00", "2026-03-10T00:00") == [
        ("alice", "2026-03-02T10:00", "2026-03-09T09:00"), ("bob", "2026-03-09T09:00", "2026-03-10T00:00"),
    ]  # fmt: skip
    body = {"user": "carol", "from": "2026-03-04T18:00:00+01:00", "to": "2026-03-05T08:00"}
    made = await rota.post("/schedules/week/overrides", body, 201)
    assert (made["from"], made["to"]) == ("2026-03-04T17:00:00Z", "2026-03-05T08:00:00Z")
    assert (made["user"], made["by"], made["state"]) == ("carol", "token:responder", "planned")
    assert ("carol", "2026-03-04T17:00", "2026-03-05T08:00") in await shifts(rota, "2026-03-02", "2026-03-10")
    revision = rota.world.ctx.directory.revision
    assert await rota.post("/schedules/week/overrides", body, 201) == made, "the same again changes nothing"
    assert rota.world.ctx.directory.revision == revision
    (listed,) = (await rota.get("/schedules/week/overrides"))["items"]
    assert listed == made
    ended = await rota.call("DELETE", f"/schedules/week/overrides/{made['id']}")
    assert ended.status_code == 200
    assert (await rota.get("/schedules/week/overrides"))["items"] == []
    await rota.refused("DELETE", f"/schedules/week/overrides/{made['id']}", 404)


async def test_an_override_in_the_past_is_refused_and_one_that_began_begins_now(rota: Desk) -> None:
    past = {"user": "bob", "from": "2026-03-01T09:00", "to": "2026-03-02T09:59"}
    found = await rota.refused("POST", "/schedules/week/overrides", 422, past)
    assert found["errors"][0]["pointer"] == "/to"
    assert "in the past" in found["detail"]
    made = await rota.post("/schedules/week/overrides", {**past, "to": "2026-03-02T12:00"}, 201)
    assert made["from"] == "2026-03-02T10:00:00Z"
    assert made["state"] == "running"
    rota.world.clock.advance(timedelta(hours=1))
    assert (await rota.call("DELETE", f"/schedules/week/overrides/{made['id']}")).status_code == 200
    assert (await shifts(rota, "2026-03-02T09:30", "2026-03-02T13:00")) == [
        ("alice", "2026-03-02T09:30", "2026-03-02T10:00"), ("bob", "2026-03-02T10:00", "2026-03-02T11:00"),
        ("alice", "2026-03-02T11:00", "2026-03-02T13:00"),
    ]  # fmt: skip
    (cut,) = (await rota.get("/schedules/week/overrides"))["items"]
    assert (cut["state"], cut["to"]) == ("over", "2026-03-02T11:00:00Z")
    refusal = await rota.refused("DELETE", f"/schedules/week/overrides/{cut['id']}", 409)
    assert "history" in refusal["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"user": "nobody", "from": "2026-03-04", "to": "2026-03-05"}, "/user"),
        ({"user": "bob", "from": "soon", "to": "2026-03-05"}, "/from"),
        ({"user": "bob", "from": "2026-03-05", "to": "2026-03-04"}, "/to"),
        ({"user": "bob", "from": "2026-03-05", "to": "2028-03-04"}, "/to"),
        ({"user": "bob", "from": "2026-03-05"}, "/to"),
        ({"user": "bob", "from": "2026-03-04", "to": "2026-03-05", "why": "x"}, "/why"),
    ],
)
async def test_bad_overrides_are_refused_by_field(rota: Desk, body: dict[str, str], pointer: str) -> None:
    found = await rota.refused("POST", "/schedules/week/overrides", 422, body)
    assert found["errors"][0]["pointer"] == pointer
    await rota.refused(
        "POST", "/schedules/nothing/overrides", 404, {"user": "bob", "from": "2026-03-04", "to": "2026-03-05"}
    )


async def test_an_override_that_ends_in_the_repeated_hour_is_never_too_short(rota: Desk) -> None:
    layer = {"id": "weekly", "users": ["alice"], "starts": "2026-01-05T09:00"}
    await rota.post(
        "/schedules", {"id": "berlin", "time_zone": "Europe/Berlin", "layers": [layer]}, 201, role="manager"
    )
    body = {"user": "bob", "from": "2026-10-24T20:00:00Z", "to": "2026-10-25T01:30:00Z"}
    made = await rota.post("/schedules/berlin/overrides", body, 201)
    assert (made["from"], made["to"]) == ("2026-10-24T20:00:00Z", "2026-10-25T02:00:00Z")


async def test_every_change_is_a_version_with_who_and_when_and_what_it_means(rota: Desk) -> None:
    rota.world.clock.advance(timedelta(days=1))
    layer = {"id": "weekly", "users": ["alice", "carol"], "starts": "2026-01-05T09:00"}
    answer = await rota.call("PATCH", "/schedules/week", {"layers": [layer]}, role="manager")
    assert answer.status_code == 200
    newest, first = (await rota.get("/schedules/week/versions"))["items"]
    assert (newest["actor"], newest["action"], newest["current"]) == ("token:manager", "changed", True)
    assert newest["at"] == "2026-03-03T10:00:00Z"
    assert newest["fields"] == [{"field": "layers[weekly].users", "old": ["alice", "bob"], "new": ["alice", "carol"]}]
    assert (first["action"], first["fields"], first["current"]) == ("created", [], False)
    found = await rota.get("/schedules/week/diff")
    assert (found["revision"], found["against"]) == (newest["revision"], first["revision"])
    assert found["items"] == [
        {"from": "2026-03-09T09:00:00Z", "to": "2026-03-16T09:00:00Z", "before": "bob", "after": "carol"},
        {"from": "2026-03-23T09:00:00Z", "to": "2026-03-30T09:00:00Z", "before": "bob", "after": "carol"},
    ]
    week = 7 * 86400
    assert found["people"] == [
        {"user": "bob", "gains_seconds": 0, "loses_seconds": 2 * week},
        {"user": "carol", "gains_seconds": 2 * week, "loses_seconds": 0},
    ]
    backwards = await rota.get("/schedules/week/diff", revision=first["revision"], against=newest["revision"])
    assert {(c["before"], c["after"]) for c in backwards["items"]} == {("carol", "bob")}
    page = await rota.get("/schedules/week/versions", limit=1)
    assert len(page["items"]) == 1
    assert page["items"][0]["action"] == "changed"
    rest = await rota.get("/schedules/week/versions", limit=1, cursor=page["next"])
    assert [v["action"] for v in rest["items"]] == ["created"]
    await rota.refused("GET", "/schedules/nothing/versions", 404)
    await rota.refused("GET", "/schedules/nothing/diff", 404)


async def test_a_preview_says_who_gains_and_who_loses_and_changes_nothing(rota: Desk) -> None:
    before = plain(rota.world.ctx.directory.schedules["week"])
    layer = {"id": "weekly", "users": ["bob", "alice"], "starts": "2026-01-05T09:00"}
    told = await rota.post("/schedules/week/preview", {"layers": [layer]}, role="observer")
    assert told["interrupts"] == {
        "user": "alice", "until": "2026-03-09T09:00:00Z", "endless": False, "taken_by": "bob",
    }  # fmt: skip
    assert told["items"][0] == {
        "from": "2026-03-02T10:00:00Z",
        "to": "2026-03-09T09:00:00Z",
        "before": "alice",
        "after": "bob",
    }
    assert [s["user"] for s in told["shifts"]][:2] == ["bob", "alice"]
    assert plain(rota.world.ctx.directory.schedules["week"]) == before
    night = {**layer, "restrictions": [{"from": "22:00", "to": "06:00"}]}
    told = await rota.post("/schedules/week/preview", {"layers": [night]})
    assert told["gaps"][0] == {"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T22:00:00Z"}
    assert told["interrupts"]["taken_by"] is None
    told = await rota.post("/schedules/week/preview", {"limits": {"longest": "3d"}})
    assert {(one["rule"], one["user"], one["times"]) for one in told["strains"]} == {
        ("turn_too_long", "alice", 2), ("turn_too_long", "bob", 2),
    }  # fmt: skip
    found = await rota.refused("POST", "/schedules/week/preview", 422, {"layers": [{**layer, "users": ["bobb"]}]})
    assert found["errors"][0]["pointer"] == "/layers/0/users/0"
    fresh = await rota.post("/schedules/new/preview", {"layers": [layer]})
    assert fresh["interrupts"] is None
    assert {c["before"] for c in fresh["items"]} == {None}


async def test_the_ladder_of_a_policy_is_drawn_before_it_is_saved(rota: Desk) -> None:
    drawn = await rota.get("/escalation_policies/payments/ladder", role="observer")
    assert drawn["services"] == ["api", "grouped"]
    assert [step["after_seconds"] for step in drawn["severities"]["sev1_critical"]] == [0, 600, 900]
    preset = {"preset": "fast", "tiers": {"on_call": [{"schedule": "week"}], "senior": [{"user": "bob"}]}, "steps": []}
    told = await rota.post("/escalation_policies/payments/preview", preset, role="observer")
    assert [step["after_seconds"] for step in told["severities"]["sev2_high"]] == [0, 600]
    assert await rota.get("/escalation_policies/payments/ladder") == drawn, "nothing is changed"
    fresh = await rota.post(
        "/escalation_policies/night/preview", {"preset": "fast", "tiers": {"on_call": [{"user": "bob"}]}}
    )
    assert fresh["services"] == []
    wrong = {"steps": [{"targets": [{"user": "bobb"}]}]}
    found = await rota.refused("POST", "/escalation_policies/payments/preview", 422, wrong)
    assert found["errors"][0]["pointer"] == "/steps/0/targets/0/user"
    await rota.refused("GET", "/escalation_policies/nothing/ladder", 404)


async def test_the_way_back(rota: Desk) -> None:
    first = (await rota.get("/schedules/week/versions"))["items"][0]["revision"]
    layer = {"id": "weekly", "users": ["bob", "alice"], "starts": "2026-01-05T09:00"}
    await rota.call("PATCH", "/schedules/week", {"layers": [layer]}, role="manager", confirm="true")
    assert (await shifts(rota, "2026-03-02", "2026-03-09"))[-1][0] == "bob"
    refusal = await rota.refused("POST", "/schedules/week/revert", 409, {"revision": first}, role="manager")
    assert "Bob is on call now" in refusal["detail"]
    assert "lose this shift to Alice" in refusal["detail"]
    told = await rota.post("/schedules/week/revert", {"revision": first, "confirm": True}, role="manager")
    assert told["interrupts"]["user"] == "bob"
    assert (await shifts(rota, "2026-03-02", "2026-03-09"))[-1][0] == "alice"
    versions = (await rota.get("/schedules/week/versions"))["items"]
    assert [v["action"] for v in versions] == ["changed", "changed", "created"]
    again = await rota.refused("POST", "/schedules/week/revert", 409, {"revision": first}, role="manager")
    assert "already as it was" in again["detail"]
    await rota.call("DELETE", "/schedules/week", role="manager")
    assert (await rota.get("/schedules/week/versions"))["items"][0]["action"] == "removed"
    await rota.post("/schedules/week/revert", {"revision": first}, role="manager")
    assert "week" in rota.world.ctx.directory.schedules, "a removed schedule comes back"
    await rota.refused("POST", "/schedules/week/revert", 404, {"revision": 0}, role="manager")


async def test_a_responder_takes_back_an_override_and_nothing_else(rota: Desk) -> None:
    before = (await rota.get("/schedules/week/versions"))["items"][0]["revision"]
    body = {"user": "carol", "from": "2026-03-04T18:00", "to": "2026-03-05T08:00"}
    await rota.post("/schedules/week/overrides", body, 201)
    await rota.post("/schedules/week/revert", {"revision": before})
    assert (await rota.get("/schedules/week/overrides"))["items"] == []
    layer = {"id": "weekly", "users": ["bob", "alice"], "starts": "2026-01-05T09:00"}
    await rota.call("PATCH", "/schedules/week", {"layers": [layer]}, role="manager", confirm="true")
    await rota.refused("POST", "/schedules/week/revert", 403, {"revision": before, "confirm": True})
    assert (await rota.call("POST", "/schedules/week/overrides", body, role="observer")).status_code == 403


FILE = """
version: 1
schedules:
  - id: filed
    layers: [{id: weekly, users: [alice, bob], starts: 2026-01-05T09:00}]
    overrides: [{user: bob, from: 2026-05-01T00:00, to: 2026-05-02T00:00}]
"""


async def test_a_schedule_of_a_file_takes_overrides_by_hand_which_the_file_leaves_alone(rota: Desk) -> None:
    files = {"files": [{"name": "filed.yaml", "text": FILE}]}
    await rota.post("/apply", files, role="manager")
    made = await rota.post(
        "/schedules/filed/overrides", {"user": "carol", "from": "2026-03-04", "to": "2026-03-05"}, 201
    )
    shown = await rota.get("/schedules/filed")
    assert shown["origin"]["file"] == "filed.yaml"
    assert [o["user"] for o in shown["overrides"]] == ["bob", "carol"]
    plan = await rota.post("/apply", files, role="manager")
    assert plan["items"] == [], "applying the same file again does nothing"
    text = (await rota.call("GET", "/export", role="manager")).text
    assert (await rota.post("/apply", {"files": [{"name": "export.yaml", "text": text}]}, role="manager"))[
        "items"
    ] == []
    await rota.post("/apply", files, role="manager")
    of_file = (await rota.get("/schedules/filed/overrides"))["items"][1]["id"]
    refusal = await rota.refused("DELETE", f"/schedules/filed/overrides/{of_file}", 409)
    assert "filed.yaml:4" in refusal["detail"]
    assert (await rota.call("DELETE", f"/schedules/filed/overrides/{made['id']}")).status_code == 200
    versions = (await rota.get("/schedules/filed/versions"))["items"]
    refusal = await rota.refused("PATCH", "/schedules/filed", 409, {"name": "Mine"}, role="manager")
    await rota.post("/schedules/filed/revert", {"revision": versions[1]["revision"]})
    assert [o["user"] for o in (await rota.get("/schedules/filed/overrides"))["items"]] == ["carol", "bob"]


async def test_shadow_shifts_are_made_and_ended_like_overrides(rota: Desk) -> None:
    made = await rota.post("/schedules/week/shadows", {"user": "carol", "from": "2026-03-02", "to": "2026-03-08"}, 201)
    assert (made["kind"], made["state"]) == ("shadow shift", "running")
    (item,) = (await rota.get("/oncall", schedule="week"))["items"]
    assert (item["user"], item["shadows"]) == ("alice", ["carol"])
    assert (await rota.call("DELETE", f"/schedules/week/shadows/{made['id']}")).status_code == 200
    (item,) = (await rota.get("/oncall", schedule="week"))["items"]
    assert item["shadows"] == []


async def test_what_can_never_be_on_call_is_refused_with_the_way_out(rota: Desk) -> None:
    only = {"id": "x", "shadows": [{"user": "bob", "from": "2026-03-02T00:00", "to": "2026-03-08T00:00"}]}
    found = await rota.refused("POST", "/schedules", 422, only, role="manager")
    assert "shadows only watch" in found["errors"][0]["detail"]
    layers = [{"id": low, "users": ["alice"], "starts": "2026-01-05T09:00"} for low in ("base", "top")]
    found = await rota.refused("POST", "/schedules", 422, {"id": "x", "layers": layers}, role="manager")
    assert found["errors"][0]["pointer"] == "/layers/0"
    assert "'base' could never be on call" in found["errors"][0]["detail"]
    assert "top would always" in found["errors"][0]["detail"]


async def test_patterns(rota: Desk) -> None:
    named = [t["id"] for t in (await rota.get("/schedule_templates"))["items"]]
    assert named == ["weekly", "primary_secondary", "follow_the_sun", "by_day", "days_and_nights"]
    body = {
        "id": "shop",
        "time_zone": "Europe/Berlin",
        "starts": "2026-03-02T09:00",
        "users": ["alice", "bob", "carol"],
    }
    shown = await rota.post("/schedule_templates/primary_secondary", body, role="manager", dry_run="true")
    assert "shop-primary" not in rota.world.ctx.directory.schedules
    assert shown["yaml"].startswith("version: 1\nschedules:\n")
    made = await rota.post("/schedule_templates/primary_secondary", body, 201, role="manager")
    assert [one["id"] for one in made["items"]] == ["shop-primary", "shop-secondary"]
    for week in range(6):
        at = (NOW + timedelta(weeks=week)).isoformat()
        later = (NOW + timedelta(weeks=week + 1)).isoformat()
        (second,) = (await rota.get("/oncall", schedule="shop-secondary", at=at))["items"]
        (first,) = (await rota.get("/oncall", schedule="shop-primary", at=later))["items"]
        assert second["user"] == first["user"], "the secondary is the next primary"
    await rota.refused("POST", "/schedule_templates/primary_secondary", 409, body, role="manager")
    await rota.refused("POST", "/schedule_templates/nothing", 404, {**body, "id": "y"}, role="manager")
    found = await rota.refused(
        "POST", "/schedule_templates/weekly", 422, {**body, "id": "y", "users": []}, role="manager"
    )
    assert found["errors"][0]["pointer"] == "/users"


async def test_the_other_patterns_leave_no_gap(rota: Desk) -> None:
    base = {"time_zone": "UTC", "starts": "2026-03-02T09:00"}
    regions = [
        {"id": "berlin", "users": ["alice"], "from": "08:00", "to": "16:00"},
        {"id": "austin", "users": ["bob"], "from": "16:00", "to": "00:00"},
        {"id": "sydney", "users": ["carol"], "from": "00:00", "to": "08:00"},
    ]
    week = ["alice", "bob", "alice", "bob", "alice", "carol", "carol"]
    days = dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), week, strict=True))
    await rota.post(
        "/schedule_templates/follow_the_sun", {**base, "id": "sun", "regions": regions}, 201, role="manager"
    )
    await rota.post("/schedule_templates/by_day", {**base, "id": "day", "days": days}, 201, role="manager")
    both = {**base, "id": "both", "users": ["alice"], "nights": ["bob", "carol"]}
    await rota.post("/schedule_templates/days_and_nights", both, 201, role="manager")
    for name in ("sun", "day", "both"):
        told = await rota.post(f"/schedules/{name}/preview", {})
        assert told["gaps"] == [], name
    by_day = await rota.get("/schedules/day/shifts", **{"from": "2026-03-06T10:00:00Z", "to": "2026-03-08T10:00:00Z"})
    assert [s["user"] for s in by_day["items"]] == ["alice", "carol"]


async def test_who_is_on_call_is_not_removed_but_hands_over(rota: Desk) -> None:
    await rota.post("/schedules/week/overrides", {"user": "alice", "from": "2026-03-10", "to": "2026-03-11"}, 201)
    await rota.post("/schedules/week/shadows", {"user": "alice", "from": "2026-03-20", "to": "2026-03-21"}, 201)
    refusal = await rota.refused("DELETE", "/users/alice", 409, role="manager")
    assert "'alice' is on call now in" in refusal["detail"]
    assert "Week until Mon 9 Mar 2026 09:00 +00:00" in refusal["detail"]
    for needed in (
        "the schedule 'week' (layers.0.users.0)",
        "the schedule 'week' (overrides.0.user)",
        "the team 'payments'",
    ):
        assert needed in refusal["detail"]
    assert "alice" in rota.world.ctx.directory.users
    found = await rota.refused("POST", "/users/alice/hand_over", 422, {"to": "alice"}, role="manager")
    assert found["errors"][0]["pointer"] == "/to"
    await rota.refused("POST", "/users/nobody/hand_over", 404, {"to": "bob"}, role="manager")
    done = await rota.post("/users/alice/hand_over", {"to": "carol", "remove": True}, role="manager")
    assert {"kind": "schedule", "id": "week"} in done["changed"]
    assert {"kind": "team", "id": "payments"} in done["changed"]
    directory = rota.world.ctx.directory
    assert "alice" not in directory.users
    assert directory.schedules["week"].layers[0].users == ("carol", "bob")
    assert [o.user for o in (*directory.schedules["week"].overrides, *directory.schedules["week"].shadows)] == [
        "carol",
        "carol",
    ]
    (item,) = (await rota.get("/oncall", schedule="week"))["items"]
    assert item["user"] == "carol"


async def test_what_a_file_says_of_who_leaves_is_named_by_file_and_line(rota: Desk) -> None:
    await rota.post("/apply", {"files": [{"name": "filed.yaml", "text": FILE}]}, role="manager")
    refusal = await rota.refused("POST", "/users/alice/hand_over", 409, {"to": "carol"}, role="manager")
    assert "the schedule 'filed' (filed.yaml:4)" in refusal["detail"]


async def test_applying_a_file_says_who_loses_the_running_shift(rota: Desk) -> None:
    file = {"name": "filed.yaml", "text": FILE}
    assert (await rota.post("/apply", {"files": [file]}, role="manager"))["notes"] == []
    turned = {"name": "filed.yaml", "text": FILE.replace("[alice, bob]", "[bob, alice]")}
    plan = await rota.post("/apply", {"files": [turned]}, role="manager", dry_run="true")
    assert plan["notes"] == ["filed: alice is on call now, until 2026-03-09 09:00 UTC, and loses this shift to bob"]


async def test_writing_a_schedule_asks_before_a_running_shift_changes_hands(rota: Desk) -> None:
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}
    made = await rota.post("/schedules", {"id": "asked", "layers": [layer]}, 201, role="manager")
    assert made["id"] == "asked"
    other = {**layer, "users": ["bob", "alice"]}
    for method, body in (("PATCH", {"layers": [other]}), ("PUT", {"layers": [other]})):
        refused = await rota.refused(method, "/schedules/asked", 409, body, role="manager")
        for part in ("is on call now, until", "?confirm=true", "Alice -> Bob"):
            assert part in refused["detail"], part
    quiet = await rota.call("PATCH", "/schedules/asked", {"name": "Asked", "layers": [layer]}, role="manager")
    assert quiet.status_code == 200, "nobody loses anything"
    done = await rota.call("PATCH", "/schedules/asked", {"layers": [other]}, role="manager", confirm="true")
    assert done.status_code == 200
    assert done.json()["layers"][0]["users"] == ["bob", "alice"]
    bad = await rota.refused("PUT", "/schedules/asked", 422, {"layers": [{"id": "x"}]}, role="manager")
    assert bad["errors"]
    for nonsense in ([{**layer, "users": ["nobody"]}], [{**layer, "users": []}], [layer, {**other, "id": "hides-it"}]):
        bad = await rota.refused("PATCH", "/schedules/asked", 422, {"layers": nonsense}, role="manager")
        assert bad["errors"], "nobody is asked to confirm what could not be"
    await rota.refused("PATCH", "/schedules/nothing", 404, {"name": "x"}, role="manager")


async def test_a_change_of_today_moves_nobodys_hours_of_yesterday(rota: Desk) -> None:
    """Pay, load and health go by the schedules and policies as they were then, also for whoever is no longer there."""

    async def hours() -> dict[str, float]:
        found = await rota.get("/pay", role="manager", **{"from": "2026-03-01", "to": "2026-04-01"})
        return {one["user"]: sum(float(line["hours"]) for line in one["lines"]) for one in found["items"]}

    world = rota.world
    await rota.post("/users", {"id": "zoe", "name": "Zoe"}, 201, role="manager")
    layer = {"id": "all", "users": ["zoe"], "starts": "2026-03-02T10:00"}
    await rota.post("/schedules", {"id": "spare", "layers": [layer]}, 201, role="manager")
    await world.wait(days=2)
    before = await hours()
    assert (before["zoe"], "carol" in before) == (48.0, False)
    moved = {"layers": [{**layer, "users": ["carol"]}]}
    answer = await rota.call("PATCH", "/schedules/spare", moved, role="manager", query={"confirm": "true"})
    assert answer.status_code == 200, answer.text
    swapped = {"layers": [{"id": "weekly", "users": ["bob", "alice"], "starts": "2026-01-05T09:00"}]}
    await rota.call("PATCH", "/schedules/week", swapped, role="manager", query={"confirm": "true"})
    assert (await rota.call("DELETE", "/users/zoe", role="manager")).status_code == 200
    assert await hours() == before, "they did what they did"
    await world.wait(days=1)
    after = await hours()
    assert (after["zoe"], after["carol"]) == (48.0, 24.0)
    assert after["bob"] - before.get("bob", 0) == 24
    carried = (await rota.get("/schedules/spare/load", role="manager", to="2026-03-05T10:00:00Z"))["items"]
    assert {one["user"]: (one["primary_hours"], one["shifts"]) for one in carried} == {
        "zoe": (48.0, 1),
        "carol": (24.0, 1),
    }
