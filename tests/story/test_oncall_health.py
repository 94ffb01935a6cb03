"""Shifts that hurt ask for improvements; verdicts on alerts; figures that only their person sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tocsin.core.errors import Invalid, NotFound
from tocsin.core.permission import Principal
from tocsin.flow import improve
from tocsin.manage import alerts, configuration, oncall_health
from tocsin.manage.oncall_health import Change
from tocsin.store.database import Database

from .world import MONDAY, World, directory

ALICE = Principal("user:alice", "responder", "alice", "Alice")
BOSS = Principal("user:erin", "manager", "erin", "Erin")
TOKEN = Principal("token:ci", "admin", None, "ci")
LAYER = {"id": "weekly", "users": ["alice", "bob", "carol"], "starts": "2026-03-02T09:00"}


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """Three people take a week each."""
    steps = [{"targets": [{"schedule": "primary"}]}]
    changes = {
        "schedules": [{"id": "primary", "name": "Primary", "team": "payments", "layers": [LAYER]}],
        "teams": [{"id": "payments", "members": ["alice", "bob", "carol"], "manager": "erin"}],
        "escalation_policies": [{"id": "payments", "steps": steps}],
    }
    async with World(db, directory(changes), MONDAY) as made:
        await improve.keep_watch(made.ctx)
        yield made


async def strike(world: World, key: str) -> None:
    """An incident that is answered and over within minutes."""
    outcome = await world.fire(key, labels={"alertname": key.title()})
    await world.wait(minutes=4)
    await world.acknowledge(outcome.incident, world.phone("alice").last.user if world.phone("alice").rang() else "bob")
    await world.ends(key)


async def test_a_painful_shift_opens_one_item_that_names_its_three_worst_alerts(world: World) -> None:
    for key in ("disk", "disk", "disk", "queue", "lag", "lag", "lag", "lag", "cert"):
        await strike(world, key)
        await world.wait(minutes=20)
    assert (await oncall_health.list_improvements(world.ctx))["items"] == [], "the shift goes on"
    await world.wait(days=7, hours=8)
    (item,) = (await oncall_health.list_improvements(world.ctx))["items"]
    assert [(one["rule"], one["pages"]) for one in item["alerts"]] == [("Lag", 4), ("Disk", 3), ("Cert", 1)]
    assert (item["owner"], item["state"], item["incidents"]) == ("erin", "open", 9)
    assert item["shift"] == {"from": "2026-03-02T09:00:00Z", "to": "2026-03-09T09:00:00Z"}
    await world.wait(days=3)
    assert len((await oncall_health.list_improvements(world.ctx))["items"]) == 1
    done = await oncall_health.change_improvement(
        world.ctx, item["id"], Change(state="done", owner="bob", note="raised it"), "user:erin"
    )
    assert (done["state"], done["owner_name"], done["note"]) == ("done", "Bob", "raised it")
    assert (await oncall_health.list_improvements(world.ctx, state="open"))["items"] == []


async def test_a_rotation_that_is_changed_after_a_painful_shift_hides_nothing(world: World) -> None:
    """Who changes it at once, because it hurt, still gets the improvement, and the figures stay with whoever had the shift."""
    known = world.ctx.directory
    await configuration.change(world.ctx, configuration.ITSELF, lambda _: known)
    for key in ("disk", "queue", "lag"):
        await strike(world, key)
        await world.wait(minutes=20)
    await world.wait(days=6, hours=22)
    turned = directory(
        {"schedules": [{"id": "primary", "team": "payments", "layers": [{**LAYER, "users": ["bob", "carol"]}]}]}
    )
    await configuration.change(world.ctx, configuration.ITSELF, lambda old: replace(old, schedules=turned.schedules))
    await world.wait(hours=13)
    (item,) = (await oncall_health.list_improvements(world.ctx))["items"]
    assert (item["incidents"], item["shift"]["to"]) == (3, "2026-03-09T09:00:00Z")
    mine = (await oncall_health.overview(world.ctx, ALICE))["mine"]
    assert [(one["to"], one["incidents"]) for one in mine["shifts"]] == [("2026-03-09T09:00:00Z", 3)]


async def test_a_quiet_shift_asks_for_nothing(world: World) -> None:
    await strike(world, "disk")
    await world.wait(days=1)
    await strike(world, "disk")
    await world.wait(days=8)
    assert (await oncall_health.list_improvements(world.ctx))["items"] == []


async def test_who_is_on_call_alone_for_ever_is_looked_at_week_by_week(db: Database) -> None:
    async with World(db) as alone:
        await improve.keep_watch(alone.ctx)
        for key in ("a", "b", "c"):
            await strike(alone, key)
        await alone.wait(days=8)
        assert len((await oncall_health.list_improvements(alone.ctx))["items"]) == 1
        await alone.wait(days=21)
        assert len((await oncall_health.list_improvements(alone.ctx))["items"]) == 1


async def test_a_person_sees_their_own_and_nobody_elses(world: World) -> None:
    for key in ("disk", "queue", "lag"):
        await strike(world, key)
    mine = (await oncall_health.overview(world.ctx, ALICE))["mine"]
    assert (mine["incidents"], mine["worst_12_hours"], mine["over_limit"]) == (3, 3, True)
    assert mine["by_part"] == {"business": 3, "off": 0, "sleep": 0}
    assert [shift["incidents"] for shift in mine["shifts"]] == [3]
    boss = await oncall_health.overview(world.ctx, BOSS)
    assert boss["mine"]["incidents"] == 0, "a manager has figures of their own, and no others"
    assert (await oncall_health.overview(world.ctx, TOKEN))["mine"] is None
    assert boss["team"]["enough"] is False
    assert boss["team"]["heat"] is None


async def test_three_people_are_a_group(world: World) -> None:
    await strike(world, "disk")
    await world.wait(days=14, hours=2)
    group = (await oncall_health.overview(world.ctx, BOSS, "payments"))["team"]
    assert (group["people"], group["enough"], group["incidents"]) == (3, True, 1)
    assert group["shifts"] == 3
    assert sum(map(sum, group["heat"])) == 1
    with pytest.raises(NotFound):
        await oncall_health.overview(world.ctx, BOSS, "nope")


async def test_one_tap_judges_an_alert_and_the_last_word_counts(world: World) -> None:
    await strike(world, "disk")
    (alert,) = (await alerts.list_alerts(world.ctx))["items"]
    assert alert["verdict"] is None
    await oncall_health.judge(world.ctx, alert["id"], "useful", "user:alice")
    await oncall_health.judge(world.ctx, alert["id"], "noise", "user:bob")
    assert (await alerts.get_alert(world.ctx, alert["id"]))["verdict"] == "noise"
    await world.wait(minutes=1)
    (rule,) = (await oncall_health.overview(world.ctx, ALICE))["rules"]
    assert (rule["rule"], rule["noise"], rule["useful"]) == ("Disk", 1, 0)
    await oncall_health.judge(world.ctx, alert["id"], "", "user:bob")
    assert (await alerts.get_alert(world.ctx, alert["id"]))["verdict"] is None
    with pytest.raises(Invalid):
        await oncall_health.judge(world.ctx, alert["id"], "meh", "user:bob")
    with pytest.raises(NotFound):
        await oncall_health.judge(world.ctx, 99, "noise", "user:bob")
