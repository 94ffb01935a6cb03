"""A shift ends: what nobody answered changes hands, and who does not sign keeps the outgoing in the loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Forbidden
from tocsin.core.event import Event
from tocsin.core.mute import parse_matcher
from tocsin.core.permission import Principal
from tocsin.core.spelling import decode, plain
from tocsin.flow import closing, relieve, summon
from tocsin.manage import configuration, handoffs, planned_events, silences
from tocsin.manage.files import File
from tocsin.manage.handoffs import Change, Line
from tocsin.manage.planned_events import PlannedEvent
from tocsin.store.database import Database

from .world import MONDAY, ORGANISATION, World, directory

ALICE = Principal("user:alice", "responder", "alice", "Alice")
BOB = Principal("user:bob", "responder", "bob", "Bob")
CAROL = Principal("user:carol", "responder", "carol", "Carol")
ERIN = Principal("user:erin", "manager", "erin", "Erin")


def rotating(**more: Any) -> Directory:
    """Alice has this week, Bob the next; one schedule pages them, once, and nobody else."""
    users = [
        {**user, "time_zone": "Europe/Berlin" if user["id"] == "alice" else "UTC"} for user in ORGANISATION["users"]
    ]
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-03-02T09:00"}
    return directory(
        {
            "users": users,
            "schedules": [{"id": "primary", "name": "Primary", "time_zone": "UTC", "layers": [layer], **more}],
            "escalation_policies": [{"id": "payments", "steps": [{"targets": [{"schedule": "primary"}]}]}],
        }
    )


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with World(db, rotating(), MONDAY) as made:
        await relieve.keep_watch(made.ctx)
        yield made


async def the_only(world: World) -> dict[str, Any]:
    (found,) = (await handoffs.list_handoffs(world.ctx))["items"]
    return await handoffs.get(world.ctx, found["id"])


async def to_the_end_of_the_shift(world: World) -> None:
    await world.wait(days=6, hours=23)


async def test_the_draft_is_there_ahead_for_the_exact_shift_in_both_zones(world: World) -> None:
    await world.wait(days=6)
    assert (await handoffs.list_handoffs(world.ctx))["items"] == []
    await world.wait(hours=3)
    draft = await the_only(world)
    assert (draft["state"], draft["outgoing"], draft["incoming"]) == ("draft", "alice", "bob")
    assert (draft["from"], draft["at"], draft["until"]) == (
        "2026-03-02T09:00:00Z", "2026-03-09T09:00:00Z", "2026-03-16T09:00:00Z",
    )  # fmt: skip
    assert draft["title"] == "2–8 March 2026"
    assert draft["period"]["outgoing"]["to"] == "Mon 9 Mar 2026 10:00 +01:00"
    assert draft["period"]["incoming"]["to"] == "Mon 9 Mar 2026 09:00 +00:00"


async def test_a_shift_that_begins_with_business_hours_rings_once(world: World) -> None:
    """Monday at nine: what waited gently over the weekend becomes loud, and changes hands, in the same second."""
    await world.wait(days=5)
    waiting = await world.fire("disk", severity="warning")
    assert waiting.incident is not None
    await world.wait(days=1, hours=22, minutes=59)
    before = world.phone("bob").times
    await world.wait(minutes=1)
    assert (await world.incident(waiting.incident))["assignee"] == "bob"
    pages = await world.rows("SELECT reason FROM pages WHERE user_id = 'bob'")
    assert [row[0] for row in pages] == ["business_hours_began"]
    assert world.phone("bob").times == before + 1


async def test_unanswered_work_is_transferred_and_answered_work_is_offered(world: World) -> None:
    answered = await world.fire("queue")
    await world.acknowledge(answered.incident)
    await world.wait(days=6, hours=22)
    waiting = await world.fire("disk")
    assert waiting.incident is not None
    assert (await world.incident(waiting.incident))["assignee"] == "alice"
    before = world.phone("bob").times
    await world.wait(minutes=59)
    assert world.phone("bob").times == before
    await world.wait(minutes=1)
    moved = await world.incident(waiting.incident)
    assert moved["assignee"] == "bob"
    assert world.phone("bob").times == before + 1
    assert world.phone("bob").last.reason.startswith("You took over the shift")
    row = await world.row(
        "SELECT details, data, at FROM timeline WHERE incident_id = $1 AND kind = 'assigned'", waiting.incident
    )
    assert row["details"] == "The shift ended: Bob takes over from Alice"
    assert (row["data"]["from"], row["data"]["user"]) == ("alice", "bob")
    assert row["at"] == MONDAY + timedelta(days=6, hours=23)
    kept = await world.incident(answered.incident)
    assert kept["assignee"] == "alice"
    handoff = await the_only(world)
    assert len(handoff["transferred"]) == 1
    assert len(handoff["offered"]) == 1


async def test_whoever_was_paged_again_by_a_later_step_hands_it_over_too_unless_somebody_asked_for_them(
    world: World,
) -> None:
    steps = [
        {"targets": [{"schedule": "primary"}]}, {"after": "5m", "targets": [{"team": "payments"}]},
        {"after": "10m", "targets": [{"user": "alice"}]},
    ]  # fmt: skip
    policy = decode({"id": "payments", "steps": steps}, EscalationPolicy)
    world.ctx.directory = replace(world.ctx.directory, escalation_policies={"payments": policy})
    await world.wait(days=6, hours=22)
    waiting, asked = await world.fire("disk"), await world.fire("queue")
    assert (waiting.incident, asked.incident) != (None, None)
    await world.wait(minutes=20)
    vias = await world.rows(
        "SELECT via FROM pages WHERE user_id = 'alice' AND incident_id = $1 ORDER BY id", waiting.incident
    )
    assert [row[0] for row in vias] == ["schedule:primary", "team:payments", "user:alice"]
    await summon.page(world.ctx, asked.incident or 0, "user:erin", user="alice", reason="You know the queue")
    await world.settle()
    await world.wait(minutes=40)
    assert (await world.incident(waiting.incident))["assignee"] == "bob"
    assert (await world.incident(asked.incident))["assignee"] == "alice", "Erin wanted this very person"


async def test_until_the_incoming_signs_the_outgoing_gets_copies_of_pages(world: World) -> None:
    await to_the_end_of_the_shift(world)
    handoff = await the_only(world)
    assert (handoff["state"], handoff["in_the_loop"]) == ("unsigned", "alice")
    before = world.phone("alice").times
    await world.fire("disk")
    assert world.phone("bob").last.type == "page"
    copy = world.phone("alice").last
    assert world.phone("alice").times == before + 1
    assert (copy.type, copy.acknowledge_url) == ("update", "")
    assert "Bob has not signed the handoff" in copy.reason
    assert "copied" in await world.kinds((await world.incident())["id"])
    await handoffs.sign(world.ctx, handoff["id"], BOB)
    assert (await the_only(world))["in_the_loop"] is None
    before = world.phone("alice").times
    await world.fire("queue")
    assert world.phone("bob").last.incident.title == "queue is broken"
    assert world.phone("alice").times == before


async def test_a_handoff_signed_ahead_needs_no_loop(world: World) -> None:
    await world.wait(days=6, hours=10)
    handoff = await the_only(world)
    signed = await handoffs.sign(world.ctx, handoff["id"], BOB)
    assert (signed["state"], signed["signed_by"]) == ("signed", "user:bob")
    await world.wait(hours=14)
    assert (await the_only(world))["state"] == "signed"
    await world.fire("disk")
    assert not world.phone("alice").rang()
    again = await handoffs.sign(world.ctx, handoff["id"], BOB)
    assert again["signed_at"] == signed["signed_at"]


async def test_only_the_outgoing_writes_and_only_the_incoming_signs(world: World) -> None:
    await to_the_end_of_the_shift(world)
    id = (await the_only(world))["id"]
    for someone in (BOB, CAROL):
        with pytest.raises(Forbidden):
            await handoffs.edit(world.ctx, id, Change(notes="x"), someone)
    for someone in (ALICE, CAROL):
        with pytest.raises(Forbidden):
            await handoffs.sign(world.ctx, id, someone)
    await handoffs.edit(world.ctx, id, Change(notes="Call me."), ALICE)
    assert (await handoffs.sign(world.ctx, id, ERIN))["signed_by"] == "user:erin", (
        "a manager may, for somebody who is ill"
    )
    with pytest.raises(Conflict, match="signed"):
        await handoffs.edit(world.ctx, id, Change(notes="too late"), ALICE)


async def test_it_tells_of_incidents_changes_plans_silences_and_new_alerts(world: World) -> None:
    change = Event(action="change", dedup_key="", title="Deployed 3.41", severity=None)
    await world.fire("old", "critical", labels={"alertname": "Old"})
    await world.ends("old")
    await world.wait(days=5)
    await world.send(change)
    await world.fire("disk", "critical", title="Disk of db-7 is full, INFRA-4521")
    now = world.clock.now()
    draft = silences.Draft(
        matchers=(parse_matcher("alertname=Lag"),), starts_at=now, ends_at=now + timedelta(days=5), created_by="alice",
        comment="the vendor patches it on Thursday",
    )  # fmt: skip
    await silences.create(world.ctx, "api", draft, "user:alice")
    work = silences.Draft(
        matchers=(), starts_at=now + timedelta(days=2), ends_at=now + timedelta(days=2, hours=1), created_by="bob",
        comment="new disks", services=("elsewhere", "api"), kind="maintenance", scoped=True,
    )  # fmt: skip
    await silences.create(world.ctx, None, work, "user:bob")
    campaign = PlannedEvent(title="Marketing blast", start="2026-03-11T10:00:00Z", expected_load="2x")
    await planned_events.add(world.ctx, campaign, "user:alice")
    await planned_events.add(world.ctx, PlannedEvent(title="Too late", start="2026-04-11T10:00:00Z"), "user:alice")
    await world.wait(days=1, hours=12)
    id = (await the_only(world))["id"]
    await handoffs.edit(
        world.ctx,
        id,
        Change(add=(Line(section="watch", text="The intern deploys on Friday"),), notes="Call me."),
        ALICE,
    )
    found = await the_only(world)
    (issue,) = found["sections"]["ongoing"]
    assert (issue["ticket"], issue["severity"], issue["unanswered"]) == ("INFRA-4521", "sev1_critical", True)
    assert [item["title"] for item in found["sections"]["changes"]] == ["Deployed 3.41"]
    assert [(item["title"], item["load"]) for item in found["sections"]["watch"]] == [
        ("Marketing blast", "2x"), ("The intern deploys on Friday", ""),
    ]  # fmt: skip
    coming, silence, *new = found["sections"]["alerts"]
    assert (coming["status"], coming["title"]) == ("To be silenced", "every alert"), (
        "its first service is somebody else's"
    )
    assert (silence["status"], silence["remark"]) == ("Silenced", "the vendor patches it on Thursday")
    assert {item["title"] for item in new} == {"Old", "Disk of db-7 is full, INFRA-4521"}
    await closing.resolve(world.ctx, (await world.incident())["id"], "user:alice")
    assert (await the_only(world))["sections"]["ongoing"] == [], "gathered anew until it is signed"
    text = await handoffs.as_markdown(world.ctx, id)
    for part in ("## THINGS TO WATCH", "Marketing blast", "expected load: 2x", "the vendor patches it", "Call me."):
        assert part in text
    await handoffs.sign(world.ctx, id, BOB)
    await world.wait(days=30)
    kept = await handoffs.get(world.ctx, id)
    assert [item["title"] for item in kept["sections"]["changes"]] == ["Deployed 3.41"], "kept as it was read"
    assert "Signed by Bob" in await handoffs.as_markdown(world.ctx, id)


async def test_when_nobody_ever_signs_it_lapses_at_the_end_of_the_next_shift(world: World) -> None:
    await to_the_end_of_the_shift(world)
    first = (await the_only(world))["id"]
    await world.wait(days=7)
    states = {h["id"]: h["state"] for h in (await handoffs.list_handoffs(world.ctx))["items"]}
    assert states[first] == "lapsed"
    assert sorted(states.values()) == ["lapsed", "unsigned"]
    assert world.ctx.in_the_loop == {"primary": ("bob",)}
    with pytest.raises(Conflict):
        await handoffs.sign(world.ctx, first, BOB)


async def test_a_handover_that_the_schedule_no_longer_has_is_forgotten(world: World) -> None:
    await world.wait(days=6, hours=10)
    override = {"user": "alice", "from": "2026-03-09T00:00", "to": "2026-03-16T09:00"}
    world.ctx.directory = rotating(overrides=[override])
    await relieve.keep_watch(world.ctx)
    await world.wait(days=1)
    assert (await handoffs.list_handoffs(world.ctx, state="void"))["items"] != []
    assert world.ctx.in_the_loop == {}


async def test_it_changes_people_with_the_schedule_and_keeps_what_was_written(world: World) -> None:
    await world.wait(days=6, hours=10)
    id = (await the_only(world))["id"]
    await handoffs.edit(world.ctx, id, Change(notes="Mind the queue."), ALICE)
    override = {"user": "carol", "from": "2026-03-09T09:00", "to": "2026-03-16T09:00"}
    world.ctx.directory = rotating(overrides=[override])
    await relieve.keep_watch(world.ctx)
    await world.settle()
    found = await the_only(world)
    assert (found["incoming"], found["notes"]) == ("carol", "Mind the queue.")


async def test_both_are_told_ahead_and_the_unsigned_are_reminded(world: World) -> None:
    await to_the_end_of_the_shift(world)
    rows = await world.rows("SELECT user_id, heading FROM notices WHERE kind = 'handoff' ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("alice", "Handoff of Primary"), ("bob", "Handoff of Primary"),
        ("bob", "Handoff of Primary is not signed"), ("alice", "Handoff of Primary is not signed"),
    ]  # fmt: skip
    await world.wait(hours=25)
    rows = await world.rows("SELECT user_id FROM notices WHERE kind = 'handoff' ORDER BY id OFFSET 4")
    assert [row[0] for row in rows] == ["bob", "bob"]


async def test_where_two_schedules_change_at_once_work_moves_only_once(world: World) -> None:
    """Bob takes over the primary from Alice at the very moment at which Carol takes over the secondary from Bob."""
    known = world.ctx.directory
    users = [plain(user) for user in known.users.values()]
    first, second = {"id": "w", "users": ["alice", "bob"]}, {"id": "w", "users": ["bob", "carol"]}
    starts = {"starts": "2026-03-02T09:00"}
    schedules = [
        {"id": "primary", "layers": [{**first, **starts}]},
        {"id": "secondary", "layers": [{**second, **starts}]},
    ]
    steps = [{"targets": [{"schedule": "primary"}]}, {"after": "10m", "targets": [{"schedule": "secondary"}]}]
    world.ctx.directory = directory(
        {
            "users": users,
            "schedules": schedules,
            "escalation_policies": [{"id": "payments", "steps": steps, "repeat": 99}],
        }
    )
    await relieve.keep_watch(world.ctx)
    await world.wait(days=6, hours=22, minutes=45)
    await world.fire("disk")
    await world.wait(minutes=12)
    assert world.phone("bob").rang()
    await world.wait(minutes=3)
    assert (await world.incident())["assignee"] == "bob"


async def test_the_node_that_changed_the_configuration_itself_looks_for_handovers_too(db: Database) -> None:
    text = """
version: 1
users: [{id: alice}, {id: bob}]
schedules: [{id: s, layers: [{id: l, users: [alice, bob], starts: 2026-03-02T09:00, rotation: {unit: hour}}]}]
"""
    async with World(db) as world:
        await configuration.apply(world.ctx, configuration.ITSELF, [File("tocsin.yaml", text)])
        await world.engine.refresh()
        await world.wait(minutes=50)
        assert (await the_only(world))["incoming"] == "alice"
        await world.engine.refresh()
        timers = {row[0] for row in await world.rows("SELECT kind FROM timers WHERE subject = 0")}
        assert timers >= {"rotation", "shift_review"}
