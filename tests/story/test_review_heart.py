"""Found by reading the heart slowly: ways in which a page was late, went to the wrong person, or did not go at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tocsin.core.alert import Reason
from tocsin.core.errors import Unavailable
from tocsin.core.severity import Severity
from tocsin.flow import handover, intake, merge, opening, regrade, release, respond, summon
from tocsin.flow.acts import Result
from tocsin.flow.batch import Item
from tocsin.flow.context import Context
from tocsin.manage import drills
from tocsin.plugins.channels.base import DeliveryError
from tocsin.store import endings
from tocsin.store.database import Database, Tx
from tocsin.store.ids import OutOfIds
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import NewAlert

from .quiet import configure, service, silence
from .test_clocks_two import LADDER, use
from .test_people import ALICE, Night
from .test_severities import NIGHT
from .world import ORGANISATION, World

SHOP = service("shop", depends_on=["db"], hidden_by_dependencies=True)


async def test_a_drill_hides_nothing_that_really_fires(world: World) -> None:
    await configure(world, services=[SHOP, service("db")])
    await drills.start(world.ctx, "user:erin", "db", "SEV1")
    await world.settle()
    assert (await world.fire("slow", service="shop")).reason is Reason.OPENED
    assert [message.incident.title for message in world.phone("alice").messages[1:]] == ["slow is broken"]


async def test_an_incident_that_wakes_nobody_hides_nothing(world: World) -> None:
    never = {"sev2_high": {"page": "never"}}
    await configure(world, services=[SHOP, service("db", severities=never)])
    both = [await world.fire("gone", "error", service="db"), await world.fire("slow", "error", service="shop")]
    assert [outcome.reason for outcome in both] == [Reason.OPENED, Reason.OPENED]
    assert (await world.incident(both[0].incident))["no_page_reason"] is not None
    assert world.phone("alice").times == 1


async def test_a_quiet_incident_that_a_person_made_loud_stays_loud_when_it_becomes_worse(db: Database) -> None:
    async with World(db, start=NIGHT) as world:
        await world.fire("a", "info", service="grouped", labels={"cluster": "x"})
        await respond.escalate(world.ctx, 1, "user:erin", "customers call")
        await world.settle()
        await world.fire("b", "warning", service="grouped", labels={"cluster": "x"})
        row = await world.incident()
        assert (row["severity"], row["urgency"]) == (3, "high")
        await world.wait(minutes=10)
        assert world.phone("bob").rang(), "and it climbs on"


async def test_an_acknowledgement_that_lapses_pages_whoever_gave_it(world: World) -> None:
    """The first one who answered is named for ever; whoever answered last has it in hand."""
    use(world, {"sev2_high": {"acknowledge_timeout": "20m"}})
    outcome = await world.fire(severity="error")
    await world.acknowledge(outcome.incident or 0, "alice")
    await world.fire("disk", "critical")
    await world.acknowledge(outcome.incident or 0, "erin")
    await regrade.regrade(world.ctx, outcome.incident or 0, "user:erin", Severity.SEV2, confirm=True)
    before, busy = world.phone("alice").times, DeliveryError("busy", permanent=False)
    await world.wait(minutes=19, seconds=58)
    world.breaks("carol", busy, busy, None)
    await summon.page(world.ctx, outcome.incident or 0, "token:bot", user="carol", reason="you know this")
    await world.wait(seconds=62)
    assert world.phone("carol").times == 1, "and what was asked of others goes on"
    assert (world.phone("erin").times, world.phone("alice").times) == (1, before)
    page = await world.row("SELECT user_id FROM pages WHERE reason = 'acknowledge_timeout'")
    assert page["user_id"] == "erin"


async def test_an_offer_stands_when_the_severity_falls_to_one_that_pages_nobody(world: World) -> None:
    """What people ask of others is no matter of the severity; and nothing is offered whose time no timer knows."""
    number = (await world.fire(severity="error")).incident or 0
    await handover.offer(world.ctx, number, "user:alice", "bob", "my shift ends")
    await regrade.regrade(world.ctx, number, "user:alice", Severity.SEV4, confirm=True)
    await world.wait(minutes=15)
    assert "handover_ended" in await world.kinds(number)


async def test_alerts_that_a_merge_brings_while_they_are_counted_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (await world.fire("a")).incident or 0
    into = (await world.fire("b", service="grouped", labels={"cluster": "x"})).incident or 0
    await world.fire("c", service="grouped", labels={"cluster": "x"})
    count = endings.count_alerts
    merged: list[Result] = []

    async def merging(tx: Tx, numbers: Sequence[int]) -> dict[int, int]:
        found = await count(tx, numbers)
        if not merged and list(numbers) == [into]:
            merged.append(await merge.merge(world.ctx, one, "user:alice", into))
        return found

    monkeypatch.setattr(endings, "count_alerts", merging)
    await world.wait(seconds=5)
    assert merged
    assert [(await world.incident(number))["alerts_count"] for number in (one, into)] == [0, 3]


async def test_what_one_silence_lets_go_rings_although_the_next_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        await silence(world, f'name="{name}"', minutes=5)
        await world.fire(name, labels={"name": name})
    let_go = release._unmute
    failed: list[Timer] = []

    async def failing(ctx: Context, timer: Timer) -> list[Held]:
        if timer.subject == 2 and len(failed) < 2:
            failed.append(timer)
            raise RuntimeError("somebody else changed the same rows")
        return await let_go(ctx, timer)

    monkeypatch.setattr(release, "_unmute", failing)
    world.clock.advance(timedelta(minutes=5))
    await world.engine.turn()
    await world._delivered()
    assert failed
    assert [message.incident.title for message in world.phone("alice").messages] == ["a is broken"]


async def test_ids_that_somebody_else_took_meanwhile_cost_no_alert(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = opening.Opening._alert
    taken: list[opening.Newcomer] = []

    def once(self: opening.Opening, new: opening.Newcomer) -> NewAlert:
        if not taken:
            taken.append(new)
            raise OutOfIds("alerts")
        return take(self, new)

    monkeypatch.setattr(opening.Opening, "_alert", once)
    assert (await world.fire()).reason is Reason.OPENED
    assert taken
    assert world.phone("alice").times == 1


async def test_who_is_told_to_send_again_was_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away between two parts of a batch: an event without a key, sent again, would page a second time."""
    real, parts = intake.triage, 0

    async def triage(ctx: Context, tx: Tx, items: Sequence[Item], *rest: Any) -> int:
        nonlocal parts
        parts += 1
        if parts == 2:
            raise Unavailable("the database is away")
        return await real(ctx, tx, items, *rest)

    monkeypatch.setattr(intake, "triage", triage)
    monkeypatch.setattr(world.intake, "_take", lambda take=world.intake._take: smallest(world, take))
    ref, now = world.ctx.directory.integrations["k" * 32], world.clock.now()
    sent = [world.intake.accept(ref, [world.event(key=key)], now) for key in "ab"]
    first, second = await asyncio.gather(*sent, return_exceptions=True)
    assert [one.reason for one in first] == [Reason.OPENED]
    assert isinstance(second, Unavailable)
    assert (await world.row("SELECT array_agg(dedup_key) FROM alerts"))[0] == ["a"]


def smallest(world: World, take: Any) -> Any:
    """What waits is taken together, and written one by one."""
    taken, world.intake._most = take(), 1
    return taken


async def test_what_people_asked_of_others_goes_on_when_paging_starts_over(world: World) -> None:
    """The severity rises while the phone of whom Alice asked for is busy: nobody answered for her."""
    number = (await world.fire("a", "error", service="grouped", labels={"cluster": "x"})).incident or 0
    await world.acknowledge(number)
    world.breaks("erin", DeliveryError("busy", permanent=False), None)
    await summon.page(world.ctx, number, "user:alice", user="erin", reason="you know this")
    await handover.offer(world.ctx, number, "user:alice", "carol", "my shift ends")
    await world.fire("b", "critical", service="grouped", labels={"cluster": "x"})
    await world.wait(minutes=1)
    assert world.phone("erin").last.reason == "Someone asks for you. Alice: you know this"
    await world.wait(minutes=14)
    assert "handover_ended" in await world.kinds(number), "and the offer lapses in its time"


async def test_who_is_asked_for_hears_it_although_the_incident_rang_already(db: Database) -> None:
    """What their phone said half a minute ago is not what somebody asks of them now."""
    async with Night(db) as night:
        number = (await night.fire("a", "critical")).incident or 0
        await night.wait(seconds=20)
        await summon.page(night.ctx, number, "user:bob", user="alice", reason="customers call")
        await night.wait(minutes=1)
        assert [message.reason for message in night.sms.to(ALICE)] == [
            "You are on call (primary).", "Someone asks for you. Bob: customers call",
        ]  # fmt: skip


async def test_when_nobody_is_left_the_story_says_that_there_is_no_manager_either(world: World) -> None:
    await configure(world, teams=[{"id": "payments", "members": ["alice", "bob"]}])
    number = (await world.fire()).incident
    await world.wait(minutes=30)
    told = await world.row("SELECT details FROM timeline WHERE incident_id = $1 AND kind = 'exhausted'", number)
    assert told["details"].endswith("no one is answering; there is no manager to page as a last resort")


@pytest.mark.parametrize("steps", [(0,), (0, 2, 1)])
async def test_a_policy_that_changes_under_the_second_clock_leaves_it_going(
    world: World, steps: tuple[int, ...]
) -> None:
    """The step that came next is not there any more, or is one of on call now: nobody is paged by it, and nothing is stuck for good."""
    use(world)
    number = (await world.fire()).incident or 0
    await world.acknowledge(number)
    (policy,) = LADDER["escalation_policies"]
    use(world, escalation_policies=[{**policy, "steps": [policy["steps"][step] for step in steps]}])
    await world.wait(minutes=30)
    assert await world.rows("SELECT error FROM timers WHERE error <> ''") == []
    assert world.phone("bob").times == 0
    use(world)
    await respond.escalate(world.ctx, number, "user:alice", "it goes on", tier="architect")
    await world.settle()
    assert world.phone("dave").times == 1


async def test_who_is_late_to_be_tried_at_all_is_tried_again_for_a_minute(world: World) -> None:
    """Back from downtime the next step was due long ago, and the provider is just coming back as well."""
    late = {"id": "late", "contact_methods": [{"id": "phone", "type": "phone", "number": "late"}],
            "notification_rules": {"high": [{"after": "2m", "method": "phone"}]}}  # fmt: skip
    (policy,) = ORGANISATION["escalation_policies"]
    steps = [{"after": "0s", "targets": [{"user": "late"}]}, *policy["steps"][1:]]
    await configure(world, users=[*ORGANISATION["users"], late], escalation_policies=[{**policy, "steps": steps}])
    world.breaks("late", DeliveryError("busy", permanent=False), DeliveryError("busy", permanent=False), None)
    await world.fire()
    await world.sleep(minutes=30)
    await world.settle()
    await world.wait(minutes=1)
    assert world.phone("late").times == 1
    row = await world.row("SELECT state FROM pages WHERE user_id = 'late'")
    assert row["state"] == "delivered"
