"""A severity keeps what its row of the matrix promises: how it pages, and what comes due when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Unconfirmed
from tocsin.core.severity import Severity
from tocsin.core.severity_policy import Severities
from tocsin.core.spelling import Duration, decode
from tocsin.flow import closing, declaring, roles, snooze
from tocsin.flow.regrade import regrade
from tocsin.store.database import Database

from .world import MONDAY, ORGANISATION, World, directory

NIGHT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def subscribed(*people: str, **organisation: Any) -> Directory:
    users = [{**user, "updates": ["phone"]} if user["id"] in people else user for user in ORGANISATION["users"]]
    return replace(directory({"users": users}), severities=decode(organisation, Severities))


async def told(world: World, number: int, *kinds: str) -> list[tuple[float, str, str]]:
    """(minutes since it began, kind, details) of the entries of these kinds."""
    began = (await world.incident(number))["created_at"]
    rows = await world.rows(
        "SELECT at, kind, details FROM timeline WHERE incident_id = $1 AND kind = ANY($2) ORDER BY seq",
        number,
        list(kinds),
    )
    return [((row[0] - began) / timedelta(minutes=1), row[1], row[2]) for row in rows]


CLOCKS = ("response_late", "update_due", "manager_informed", "target_missed", "business_hours_began")


async def test_sev3_in_business_hours_pages_and_escalates(db: Database) -> None:
    async with World(db, start=MONDAY) as world:
        outcome = await world.fire(severity="warning")
        assert (await world.incident(outcome.incident))["urgency"] == "high"
        assert world.phone("alice").rang()
        await world.wait(minutes=10)
        assert world.phone("bob").rang()


async def test_sev3_at_night_is_quiet_until_business_hours_begin_and_escalates_from_there(db: Database) -> None:
    async with World(db, start=NIGHT) as world:
        outcome = await world.fire(severity="warning")
        assert (await world.incident(outcome.incident))["urgency"] == "low"
        assert world.phone("alice").rang(), "told quietly: by whatever there is for low urgency"
        await world.wait(hours=10, minutes=59)
        assert not world.phone("bob").rang(), "not escalating"
        assert not world.phone("alice").rang()
        await world.wait(minutes=1)
        assert world.clock.now() == TUESDAY
        assert (await world.incident(outcome.incident))["urgency"] == "high"
        assert world.phone("alice").rang(), "business hours began and nobody had answered"
        await world.wait(minutes=10)
        assert world.phone("bob").rang()
        page = await world.row("SELECT reason FROM pages WHERE user_id = 'alice' ORDER BY id DESC LIMIT 1")
        assert page["reason"] == "business_hours_began"


async def test_what_was_answered_at_night_stays_quiet_in_the_morning(db: Database) -> None:
    async with World(db, start=NIGHT) as world:
        outcome = await world.fire(severity="warning")
        await world.acknowledge(outcome.incident)
        await world.wait(hours=14)
        assert world.phone("alice").times == 1
        assert not world.phone("bob").rang()


async def test_business_hours_slept_through_by_the_whole_installation(db: Database) -> None:
    async with World(db, start=NIGHT) as world:
        await world.fire(severity="warning")
        await world.sleep(hours=22)
        await world.settle()
        assert world.phone("alice").times == 1, "it is night again"
        await world.wait(hours=13)
        assert world.phone("alice").times > 1


async def test_a_team_with_hours_of_its_own(db: Database) -> None:
    teams = [{"id": "payments", "members": ["alice"], "business_hours": {
        "days": ["mon", "tue"], "from": "20:00", "to": "23:00", "holidays": ["2026-03-03"]}}]  # fmt: skip
    async with World(db, directory({"teams": teams}), start=NIGHT) as world:
        first = await world.fire(severity="warning")
        assert (await world.incident(first.incident))["urgency"] == "high"
        await world.wait(hours=24)
        second = await world.fire("other", severity="warning")
        assert (await world.incident(second.incident))["urgency"] == "low", "a holiday"


async def test_sev4_pages_nobody_and_goes_to_whoever_owns_the_queue(db: Database) -> None:
    async with World(db, subscribed("erin"), start=MONDAY) as world:
        outcome = await world.fire(severity="info")
        row = await world.incident(outcome.incident)
        assert (row["urgency"], row["no_page_reason"]) == ("none", "severity_does_not_page")
        await world.wait(hours=23, minutes=59)
        assert not world.phone("erin").rang()
        await world.wait(minutes=1)
        assert world.phone("erin").rang(), "8 business hours: 7 on Monday, 1 on Tuesday"
        assert world.phone("erin").last.type == "update"
        assert not any(world.phone(name).rang() for name in ("alice", "bob", "carol"))
        assert [kind for _, kind, _ in await told(world, outcome.incident, "response_late", "manager_informed")] == [
            "response_late", "manager_informed",
        ]  # fmt: skip


async def test_the_clocks_of_a_sev1_nobody_answers(db: Database) -> None:
    async with World(db, subscribed("erin")) as world:
        outcome = await world.fire(severity="critical")
        assert (await world.incident(outcome.incident))["next_update_at"] == MONDAY + timedelta(minutes=15)
        await world.wait(minutes=31)
        assert [(at, kind) for at, kind, _ in await told(world, outcome.incident, *CLOCKS)] == [
            (5, "response_late"), (10, "manager_informed"), (15, "update_due"), (30, "target_missed"),
        ]  # fmt: skip
        updates = [m for m in world.phone("erin").messages if m.type == "update" and "taken command" not in m.reason]
        assert len(updates) == 1, "informed at ten minutes, not paged"
        assert updates[0].acknowledge_url == ""


async def test_a_manager_who_wants_no_updates_gets_none_and_that_is_said(world: World) -> None:
    outcome = await world.fire(severity="critical")
    await world.wait(minutes=10)
    assert not world.phone("erin").rang()
    [(_, _, details)] = await told(world, outcome.incident, "manager_informed")
    assert "no contact method that gets updates" in details


async def test_whoever_answered_is_reminded_of_each_update(db: Database) -> None:
    async with World(db, subscribed("alice")) as world:
        outcome = await world.fire(severity="critical")
        await world.acknowledge(outcome.incident)
        assert world.phone("alice").times == 1
        await world.wait(minutes=30)
        reasons = [m.reason for m in world.phone("alice").messages[1:] if "command" not in m.reason]
        assert [reason.split(":")[0] for reason in reasons] == [
            "Drafts for responders, stakeholders, executives and the public are ready, due by 10", "An update is due",
            "An update is late by 5 minutes", "An update is late by 15 minutes",
        ]  # fmt: skip
        times = world.phone("alice").times
        assert not [kind for _, kind, _ in await told(world, outcome.incident, "response_late")]
        await closing.resolve(world.ctx, outcome.incident, "user:alice")
        await world.wait(hours=3)
        assert world.phone("alice").times == times
        assert await world.rows("SELECT FROM timers WHERE kind = 'clock'") == []


async def test_the_matrix_is_policy(db: Database) -> None:
    ours = {"sev2": {"response_time": "2m", "page": "business_hours"}, "sev4_low": {"page": "now"}}
    async with World(db, subscribed("erin", **ours), start=NIGHT) as world:
        second = await world.fire("two", severity="error")
        fourth = await world.fire("four", severity="info")
        assert (await world.incident(second.incident))["urgency"] == "low"
        assert (await world.incident(fourth.incident))["urgency"] == "high"


async def test_a_running_incident_keeps_the_matrix_that_it_began_with(db: Database) -> None:
    async with World(db) as world:
        before = await world.fire("before", severity="critical")
        changed = subscribed(sev1={"response_time": "20m", "inform_manager": "off"})
        world.ctx.directory = replace(changed, revision=world.ctx.directory.revision)
        for ctx in world.nodes:
            ctx.directory = world.ctx.directory
        after = await world.fire("after", severity="critical")
        await world.wait(minutes=21)
        first = [(at, kind) for at, kind, _ in await told(world, before.incident, *CLOCKS[:1], "manager_informed")]
        second = [(at, kind) for at, kind, _ in await told(world, after.incident, *CLOCKS[:1], "manager_informed")]
        assert first == [(5, "response_late"), (10, "manager_informed")]
        assert second == [(20, "response_late")]
        assert len(await world.rows("SELECT FROM matrices")) == 2


async def test_a_severity_that_rises_counts_its_clocks_anew(world: World) -> None:
    outcome = await world.fire(severity="error")
    await world.wait(minutes=7)
    await world.fire(severity="critical")
    row = await world.incident(outcome.incident)
    assert row["severity"] == Severity.SEV1
    assert row["next_update_at"] == MONDAY + timedelta(minutes=22)
    await world.wait(minutes=5)
    assert [(at, kind) for at, kind, _ in await told(world, outcome.incident, *CLOCKS)] == [(12, "response_late")]


async def test_declared_by_a_person(db: Database) -> None:
    async with World(db, start=NIGHT) as world:
        number = await declaring.declare(world.ctx, "user:bob", "Slow", "", Severity.SEV3, ["api"])
        assert (await world.incident(number))["urgency"] == "low"
        await world.wait(hours=11)
        assert (await world.incident(number))["urgency"] == "high"


@pytest.mark.parametrize("count", [3])
async def test_many_at_once_share_their_rules(world: World, count: int) -> None:
    for key in range(count):
        await world.fire(f"k{key}", severity="critical")
    assert len(await world.rows("SELECT FROM matrices")) == 1
    await world.wait(minutes=5)
    late = await world.rows("SELECT FROM timeline WHERE kind = 'response_late'")
    assert len(late) == count


# --- a person changes the severity --------------------------------------------------------------------------------------


async def test_a_worse_severity_pages_anew_while_nobody_has_answered(db: Database) -> None:
    async with World(db, start=NIGHT) as world:
        outcome = await world.fire(severity="warning")
        await world.wait(minutes=30)
        assert world.phone("alice").times == 1
        done = await regrade(world.ctx, outcome.incident, "user:bob", Severity.SEV1, "all of Europe is down")
        await world.settle()
        assert done.sentence == "It is SEV1 now"
        assert world.phone("alice").times == 2
        row = await world.incident(outcome.incident)
        assert (row["severity"], row["urgency"], row["cycle"]) == (1, "high", 2)
        assert row["next_update_at"] == NIGHT + timedelta(minutes=45)
        [entry] = await world.rows("SELECT actor, details, data FROM timeline WHERE kind = 'severity_changed'")
        assert (entry["actor"], entry["details"]) == ("user:bob", "from SEV3 to SEV1. all of Europe is down")
        await world.wait(minutes=10)
        assert world.phone("bob").rang(), "and it escalates"


async def test_whoever_is_on_it_is_not_paged_again(db: Database) -> None:
    async with World(db, subscribed("erin")) as world:
        outcome = await world.fire(severity="error")
        await world.acknowledge(outcome.incident)
        await regrade(world.ctx, outcome.incident, "user:alice", Severity.SEV1)
        await world.wait(minutes=14)
        assert world.phone("alice").times == 1
        assert world.phone("erin").rang(), "informed ten minutes after it became SEV1"
        assert (await world.incident(outcome.incident))["acknowledged_cycle"] == 1


async def test_one_that_pages_nobody_stops_the_paging(world: World) -> None:
    outcome = await world.fire(severity="critical")
    await regrade(world.ctx, outcome.incident, "user:bob", Severity.SEV4, "only the test cluster")
    await world.wait(hours=2)
    assert not world.phone("bob").rang()
    row = await world.incident(outcome.incident)
    assert (row["urgency"], row["no_page_reason"]) == ("none", "severity_does_not_page")
    await regrade(world.ctx, outcome.incident, "user:bob", Severity.SEV2)
    await world.settle()
    assert world.phone("alice").times == 2
    assert (await world.incident(outcome.incident))["no_page_reason"] is None


async def test_a_quieter_one_at_night_goes_on_in_the_morning(db: Database) -> None:
    async with World(db, start=NIGHT) as world:
        outcome = await world.fire(severity="critical")
        await regrade(world.ctx, outcome.incident, "user:bob", Severity.SEV3)
        await world.wait(hours=10, minutes=59)
        assert not world.phone("bob").rang()
        await world.wait(minutes=12)
        assert world.phone("bob").rang()


async def test_whoever_leads_decides_that_it_is_milder(world: World) -> None:
    number = (await world.fire(severity="critical")).incident
    await world.acknowledge(number)
    with pytest.raises(
        Unconfirmed, match=r"Alice leads.* With SEV3 it pages loudly in business hours only,.* every 2h instead of 15m"
    ):
        await regrade(world.ctx, number, "user:bob", Severity.SEV3)
    assert (await world.incident(number))["severity"] == 1
    assert (await regrade(world.ctx, number, "user:alice", Severity.SEV2, "half of it works")).changed
    await roles.assign(world.ctx, number, "user:carol", "incident_commander", "carol")
    with pytest.raises(Unconfirmed, match="Ask Carol"):
        await regrade(world.ctx, number, "user:alice", Severity.SEV4)
    assert (await regrade(world.ctx, number, "user:alice", Severity.SEV4, "a false alarm", confirm=True)).changed
    told = (await world.rows("SELECT details, data FROM timeline WHERE kind = 'severity_changed' ORDER BY seq"))[-1]
    assert told["details"] == "from SEV2 to SEV4. a false alarm. Carol, who leads, did not decide this"
    assert told["data"]["over"] == "carol"
    assert (await regrade(world.ctx, number, "user:bob", Severity.SEV1)).changed, "worse is for anybody"
    assert (await regrade(world.ctx, number, "token:deploy", Severity.SEV3)).changed, "a program follows its own rules"


async def test_severities_that_cannot_be_changed(world: World) -> None:
    outcome = await world.fire(severity="critical")
    assert not (await regrade(world.ctx, outcome.incident, "user:bob", Severity.SEV1)).changed
    await closing.resolve(world.ctx, outcome.incident, "user:bob")
    with pytest.raises(Conflict):
        await regrade(world.ctx, outcome.incident, "user:bob", Severity.SEV2)


async def test_reminders_are_silent_while_the_incident_is_snoozed(db: Database) -> None:
    async with World(db, subscribed("alice")) as world:
        outcome = await world.fire(severity="critical")
        await snooze.snooze(world.ctx, outcome.incident, "user:alice", Duration(2400))
        await world.wait(minutes=39)
        assert [m.reason for m in world.phone("alice").messages[1:] if "pdate" in m.reason] == []
        assert await told(world, outcome.incident, "update_due"), "still told on the timeline"


async def test_what_the_matrix_says_of_reviews_is_what_closing_asks_for(world: World) -> None:
    world.ctx.directory = subscribed(sev2_high={"review": "optional"}, sev3_medium={"review": "required"})
    high = (await world.fire("high", severity="error")).incident
    medium = (await world.fire("medium", severity="warning")).incident
    assert high
    assert medium
    for number in (high, medium):
        await closing.resolve(world.ctx, number, "user:alice", "Fixed")
    await closing.close(world.ctx, high, "user:alice")
    assert (await world.incident(high))["status"] == "closed"
    with pytest.raises(Conflict, match="A SEV3 is closed once its review is published"):
        await closing.close(world.ctx, medium, "user:alice")


async def test_who_responds_stands_in_the_page(world: World) -> None:
    await world.fire()
    assert world.phone("alice").last.role.endswith(
        "Who responds to a SEV1: Incident commander and all teams concerned."
    )
