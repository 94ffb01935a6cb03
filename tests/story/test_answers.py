"""What people do: escalate, reopen, assign, note, declare; and that the story of it can be trusted."""

from __future__ import annotations

import asyncpg
import pytest

from tocsin.core.alert import Reason
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.severity import Severity
from tocsin.core.timeline import Entry, Link, first_break
from tocsin.flow import closing, declaring, respond
from tocsin.plugins.channels.base import DeliveryError

from .world import World, directory


async def chain_break(world: World, number: int) -> int | None:
    rows = await world.rows("SELECT * FROM timeline WHERE incident_id = $1 ORDER BY seq", number)
    entries = [
        (r["seq"], Entry(at=r["at"], kind=r["kind"], actor=r["actor"], details=r["details"], data=r["data"]), r["hash"])
        for r in rows
    ]
    incident = await world.incident(number)
    return first_break(number, entries, Link(incident["timeline_seq"], incident["timeline_head"]))


async def test_escalating_pages_the_next_rung_now_and_later_ones_keep_their_times(world: World) -> None:
    outcome = await world.fire()
    await world.wait(minutes=2)
    result = await respond.escalate(world.ctx, outcome.incident, "user:alice", "I need help with the database")
    await world.settle()
    assert result.sentence == "Escalated to Bob"
    assert world.phone("bob").rang()
    assert world.phone("bob").last.reason == "Someone escalated this incident. Alice: I need help with the database"
    assert world.phone("bob").last.role.startswith("You are here as primary or secondary on-call: service knowledge;")
    await world.wait(minutes=12, seconds=59)
    assert not world.phone("carol").rang()
    await world.wait(seconds=1)
    assert world.phone("carol").rang()
    assert world.phone("bob").times == 1


async def test_escalating_after_an_answer_pages_again_and_climbs_from_there(world: World) -> None:
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    await world.wait(hours=3)
    await respond.escalate(world.ctx, outcome.incident, "user:alice", "still broken")
    await world.settle()
    assert world.phone("bob").rang()
    assert not world.phone("carol").rang()
    await world.wait(minutes=5)
    assert world.phone("carol").rang()
    result = await world.acknowledge(outcome.incident, "carol")
    assert result.changed
    await world.wait(hours=5)
    assert not world.phone("erin").rang()
    assert (await world.incident())["escalations_count"] == 1


async def test_escalating_at_the_end_of_the_ladder_says_so(world: World) -> None:
    outcome = await world.fire()
    await world.wait(hours=1)
    with pytest.raises(Conflict, match="nobody is left"):
        await respond.escalate(world.ctx, outcome.incident, "user:alice", "help")


async def test_resolving_ends_the_alerts_and_the_pages(world: World) -> None:
    outcome = await world.fire()
    await closing.resolve(world.ctx, outcome.incident, "user:alice", "restarted it")
    await world.wait(hours=1)
    assert not world.phone("bob").rang()
    assert (await world.row("SELECT resolved_by FROM alerts"))[0] == "person"
    assert (await world.fire()).reason is Reason.OPENED


async def test_reopening_pages_nobody_and_keeps_the_beginning(world: World) -> None:
    outcome = await world.fire()
    before = await world.incident()
    await world.wait(minutes=1)
    await closing.resolve(world.ctx, outcome.incident, "user:alice")
    assert (await closing.reopen(world.ctx, outcome.incident, "user:bob")).changed
    await world.wait(hours=1)
    after = await world.incident()
    assert (after["status"], after["resolved_at"], after["restored_at"]) == ("investigating", None, None)
    assert (after["created_at"], after["detected_at"]) == (before["created_at"], before["detected_at"])
    assert world.phone("alice").times == 1
    assert not world.phone("bob").rang()
    with pytest.raises(Conflict):
        await closing.reopen(world.ctx, outcome.incident, "user:bob")


async def test_notes_and_assignments_are_told(world: World) -> None:
    outcome = await world.fire()
    await respond.note(world.ctx, outcome.incident, "user:bob", "the disk is full\x00")
    assert (await respond.assign(world.ctx, outcome.incident, "user:bob", "carol")).changed
    assert not (await respond.assign(world.ctx, outcome.incident, "user:bob", "carol")).changed
    with pytest.raises(Invalid, match="no user 'zoe'"):
        await respond.assign(world.ctx, outcome.incident, "user:bob", "zoe")
    with pytest.raises(Invalid):
        await respond.note(world.ctx, outcome.incident, "user:bob", "  ")
    with pytest.raises(NotFound):
        await respond.note(world.ctx, 4711, "user:bob", "hello")
    assert (await world.kinds(outcome.incident))[-2:] == ["note_added", "assigned"]
    assert await chain_break(world, outcome.incident) is None


async def test_a_person_declares_an_incident_and_it_pages(world: World) -> None:
    number = await declaring.declare(world.ctx, "user:bob", "Checkout is down", "", Severity.SEV1, ["api"])
    await world.settle()
    assert world.phone("alice").rang()
    assert (await world.kinds(number))[:2] == ["incident_created", "response_triggered"]
    await closing.resolve(world.ctx, number, "user:bob")
    lonely = await declaring.declare(world.ctx, "user:bob", "Something", "", Severity.SEV2, [])
    await world.settle()
    assert world.phone("alice").rang(), "without a service the default policy pages"
    assert (await world.incident(lonely))["service"] is None


async def test_without_service_and_default_policy_declaring_is_refused(world: World) -> None:
    world.ctx.directory = directory(default=None)
    with pytest.raises(Invalid, match="default_escalation_policy"):
        await declaring.declare(world.ctx, "user:bob", "Something", "", Severity.SEV2, [])


async def test_several_services_page_each_distinct_policy(world: World) -> None:
    world.ctx.directory = directory(
        {
            "escalation_policies": [
                {"id": "payments", "steps": [{"targets": [{"user": "alice"}]}]},
                {"id": "search", "steps": [{"targets": [{"user": "carol"}]}]},
            ],
            "services": [
                {"id": "api", "team": "payments", "escalation_policy": "payments"},
                {"id": "web", "escalation_policy": "payments"},
                {"id": "search", "escalation_policy": "search"},
            ],
        }
    )
    number = await declaring.declare(world.ctx, "user:bob", "All is down", "", Severity.SEV1, ["search", "api", "web"])
    await world.settle()
    assert (world.phone("alice").times, world.phone("carol").times) == (1, 1)
    assert (await world.incident(number))["assignee"] == "carol"


async def test_the_timeline_cannot_be_changed_and_a_forgery_shows(world: World) -> None:
    outcome = await world.fire()
    await world.acknowledge(outcome.incident)
    assert await chain_break(world, outcome.incident) is None
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        async with world.db.transaction() as tx:
            await tx.execute("UPDATE timeline SET details = 'nothing happened' WHERE seq = 2")
    async with world.db.transaction() as tx:
        await tx.execute("ALTER TABLE timeline DISABLE TRIGGER timeline_append_only")
        await tx.execute("UPDATE timeline SET actor = 'user:mallory' WHERE seq = 3")
    assert await chain_break(world, outcome.incident) == 3


async def test_the_source_acknowledges_and_a_new_person_still_may_resolve(world: World) -> None:
    outcome = await world.fire()
    (acked,) = await world.send(world.event("acknowledge"))
    assert acked.reason is Reason.ACKNOWLEDGED
    await world.wait(hours=1)
    assert not world.phone("bob").rang()
    incident = await world.incident(outcome.incident)
    assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "integration:api/events")


async def test_answers_to_what_is_not_open_are_dropped_and_kept(world: World) -> None:
    outcomes = await world.send(world.event("acknowledge"), world.event("resolve"))
    assert [o.reason for o in outcomes] == [Reason.NOTHING_OPEN, Reason.NOTHING_OPEN]
    assert [r[0] for r in await world.rows("SELECT reason FROM events ORDER BY id")] == ["nothing_open"] * 2
    assert await world.incident() is None


async def test_events_of_one_key_in_one_request_keep_their_order(world: World) -> None:
    outcomes = await world.send(
        world.event("trigger"), world.event("trigger"), world.event("resolve"), world.event("trigger"),
        world.event("acknowledge"),
    )  # fmt: skip
    assert [o.reason.value for o in outcomes] == ["opened", "repeated", "resolved", "opened", "acknowledged"]
    first, second = await world.rows("SELECT status, alerts_count FROM incidents ORDER BY id")
    assert (first["status"], second["status"]) == ("resolved", "acknowledged")


async def test_a_change_is_stored_and_pages_nobody(world: World) -> None:
    (outcome,) = await world.send(world.event("change", "", None, title="Deployed 1.2.3"))
    assert outcome.reason is Reason.STORED
    row = await world.row("SELECT action, title FROM events")
    assert (row["action"], row["title"]) == ("change", "Deployed 1.2.3")
    assert await world.incident() is None


async def test_rules_are_the_whole_truth_and_a_failure_starts_the_next_one_at_once(world: World) -> None:
    methods = [{"id": n, "type": "phone", "number": f"alice-{n}"} for n in ("home", "work", "other")]
    rules = {"high": [{"after": "0s", "method": "home"}, {"after": "2m", "method": "work"}]}
    users = [{"id": "alice", "contact_methods": methods, "notification_rules": rules}, {"id": "bob"}, {"id": "carol"}]
    world.ctx.directory = directory({"users": users, "teams": []})
    await world.fire("one")
    assert world.phone("alice-home").rang()
    await world.wait(minutes=1, seconds=59)
    assert not world.phone("alice-work").rang()
    await world.wait(seconds=1)
    assert world.phone("alice-work").rang()
    world.breaks("alice-home", DeliveryError("gone", permanent=True))
    await world.fire("two")
    assert world.phone("alice-work").rang(), "the next rule starts at once"
    await world.wait(hours=1)
    assert world.phone("alice-other").times == 0
    assert world.phone("alice-work").times == 2


async def test_a_person_without_contact_method_brings_the_next_rung_forward(world: World) -> None:
    users = [{"id": "alice"}, {"id": "bob", "contact_methods": [{"id": "p", "type": "phone", "number": "bob"}]},
             {"id": "carol"}, {"id": "erin"}]  # fmt: skip
    world.ctx.directory = directory({"users": users})
    outcome = await world.fire()
    assert world.phone("bob").rang()
    assert "page_undelivered" in await world.kinds(outcome.incident)
    assert (await world.row("SELECT state FROM pages WHERE user_id = 'alice'"))[0] == "undelivered"


async def test_nobody_at_all_is_an_alarm_at_once(world: World) -> None:
    users = [{"id": name} for name in ("alice", "bob", "carol", "erin")]
    world.ctx.directory = directory({"users": users})
    outcome = await world.fire()
    assert (await world.incident())["alarm"] == "exhausted"
    assert (await world.kinds(outcome.incident))[-1] in ("page_undelivered", "exhausted")
    assert await chain_break(world, outcome.incident) is None


async def test_no_policy_is_a_recorded_reason(world: World) -> None:
    world.ctx.directory = directory(
        {
            "escalation_policies": [],
            "services": [{"id": "api", "integrations": [{"id": "e", "type": "pagerduty", "key": "k" * 32}]}],
        },
        default=None,
    )
    outcome = await world.fire()
    assert (await world.incident())["no_page_reason"] == "no_escalation_policy"
    assert (await world.kinds(outcome.incident))[-1] == "no_page"


async def test_escalating_what_paged_nobody_begins_to_page(world: World) -> None:
    outcome = await world.fire("info", "info")
    await respond.escalate(world.ctx, outcome.incident, "user:bob", "this is worse than it looks")
    await world.settle()
    assert world.phone("alice").rang()
    await world.wait(minutes=10)
    assert world.phone("bob").rang()
    assert (await world.incident())["no_page_reason"] is None
    assert await chain_break(world, outcome.incident) is None


async def test_a_long_policy_of_unreachable_people_is_walked_once(world: World) -> None:
    users = [{"id": name} for name in ("alice", "bob", "carol")]
    erin = {"id": "erin", "contact_methods": [{"id": "p", "type": "phone", "number": "erin"}]}
    policy = {"id": "payments", "repeat": 100, "steps": [{"targets": [{"user": u}]} for u in ("alice", "bob", "carol")]}
    world.ctx.directory = directory({"users": [*users, erin], "escalation_policies": [policy]})
    await world.fire()
    assert [r[0] for r in await world.rows("SELECT user_id FROM pages ORDER BY created_at, round, step")] == [
        "alice",
        "bob",
        "carol",
        "erin",
    ]
    assert world.phone("erin").rang()
    assert (await world.incident())["alarm"] == "exhausted"
