"""What rings a person: together, not too often, not at night for little things, and never too late for great ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.core.errors import NotFound
from tocsin.flow import closing, respond
from tocsin.flow.context import Context
from tocsin.flow.gather import gather
from tocsin.manage.explain import explain
from tocsin.plugins.channels.base import DeliveryError
from tocsin.store.database import Database
from tocsin.store.notifications import Held

from ..fakes.phones import Mail, Sms, titles
from .world import ORGANISATION, World, directory

ALICE = "+49301"


def people(**alice: Any) -> list[dict[str, Any]]:
    methods = [{"id": "sms", "type": "sms", "number": ALICE}]
    return [{"id": "alice", "contact_methods": methods, **alice}, *ORGANISATION["users"][1:]]


class Night(World):
    """A world where Alice has a phone for text messages."""

    def __init__(self, db: Database, **alice: Any) -> None:
        super().__init__(db, directory({"users": people(**alice)}))
        self.sms, self.mail = Sms(), Mail()
        self.ctx.channels = {**self.ctx.channels, "sms": self.sms, "email": self.mail}
        for node in self.nodes:
            node.channels = self.ctx.channels

    @property
    def texts(self) -> list[list[str]]:
        return [titles(message) for message in self.sms.to(ALICE)]


@pytest.fixture
async def night(db: Database) -> AsyncIterator[Night]:
    async with Night(db) as made:
        yield made


async def notifications(world: World) -> list[Any]:
    return await world.rows("SELECT n.*, p.state AS page FROM notifications n JOIN pages p ON p.id = n.page_id"
                            " WHERE n.user_id = 'alice' ORDER BY n.id")  # fmt: skip


async def low(world: World, key: str) -> Any:
    """A SEV3 incident; it waits for company on its way to a phone."""
    return await world.fire(key, "warning")


# --- bundling ---------------------------------------------------------------------------------------------------------


async def test_the_first_page_of_a_sev1_goes_at_once(night: Night) -> None:
    await night.fire("a", "critical")
    await night.wait(seconds=10)
    await night.fire("b", "error")
    assert night.texts == [["a is broken"], ["b is broken"]]


async def test_small_incidents_within_a_minute_are_one_message_that_names_them_all(night: Night) -> None:
    await low(night, "a")
    await night.wait(seconds=20)
    await low(night, "b")
    await night.wait(seconds=20)
    await low(night, "c")
    assert night.texts == []
    states = [(n["state"], n["held"], n["page"]) for n in await notifications(night)]
    assert states == [("pending", "bundle", "pending")] * 3, "nothing is called delivered that waits"
    await night.wait(seconds=20)
    assert night.texts == [["a is broken", "b is broken", "c is broken"]]
    assert [(n["state"], n["page"]) for n in await notifications(night)] == [("delivered", "delivered")] * 3
    await night.wait(minutes=30)
    assert len(night.texts) == 1


async def test_a_great_incident_takes_along_what_waits(night: Night) -> None:
    await low(night, "small")
    await night.wait(seconds=30)
    await night.fire("great", "critical")
    assert night.texts == [["great is broken", "small is broken"]]
    await night.wait(minutes=5)
    assert len(night.texts) == 1


async def test_incidents_of_one_moment_are_one_message_even_when_great(night: Night) -> None:
    await night.send(*(night.event(key=f"k{n}") for n in range(5)))
    assert sorted(t for text in night.texts for t in text) == [f"k{n} is broken" for n in range(5)]
    assert len(night.texts) == 1


async def test_one_link_acknowledges_all_that_a_message_names(night: Night) -> None:
    numbers = [(await low(night, key)).incident for key in "abc"]
    await night.wait(minutes=1)
    (message,) = night.sms.to(ALICE)
    token = message.acknowledge_url.rpartition("/")[2]
    assert token.startswith("m")
    await closing.resolve(night.ctx, numbers[1], "user:bob")
    done = await respond.acknowledge_link(night.ctx, token)
    assert [(one.number, one.changed) for one in done] == [(numbers[0], True), (numbers[2], True)]
    assert {(await night.incident(n))["acknowledged_by"] for n in (numbers[0], numbers[2])} == {"user:alice"}
    assert not any(one.changed for one in await respond.acknowledge_link(night.ctx, token)), "twice is no harm"


async def test_the_link_of_a_single_page_acknowledges_it(night: Night) -> None:
    outcome = await night.fire("a")
    token = night.sms.to(ALICE)[0].acknowledge_url.rpartition("/")[2]
    assert [one.number for one in await respond.acknowledge_link(night.ctx, token)] == [outcome.incident]
    for wrong in ("", "1.x", "m1.x", "m.", token[:-1], f"m{token}"):
        with pytest.raises(NotFound):
            await respond.acknowledge_link(night.ctx, wrong)


async def test_what_is_answered_while_it_waits_is_never_sent(night: Night) -> None:
    first = await low(night, "a")
    await low(night, "b")
    await night.wait(seconds=30)
    await night.acknowledge(first.incident, "bob")
    await night.wait(minutes=1)
    assert night.texts == [["b is broken"]]
    assert [n["page"] for n in await notifications(night)] == ["superseded", "delivered"]


async def test_a_webhook_gets_each_incident_on_its_own_and_at_once(db: Database) -> None:
    methods = [{"id": "sms", "type": "sms", "number": ALICE}, {"id": "phone", "type": "phone", "number": "alice"}]
    rules = {"low": [{"method": "sms"}, {"method": "phone"}]}
    async with Night(db, contact_methods=methods, notification_rules=rules) as night:
        await low(night, "a")
        await low(night, "b")
        assert [titles(message) for message in night.phone("alice").messages] == [["a is broken"], ["b is broken"]]
        assert night.texts == []


async def test_two_ways_to_one_person_name_an_incident_once(db: Database) -> None:
    policy = {"id": "payments", "steps": [{"after": "0s", "targets": [{"schedule": "primary"}]},
                                          {"after": "20s", "targets": [{"user": "alice"}]}]}  # fmt: skip
    async with Night(db) as night:
        night.ctx.directory = directory({"users": people(), "escalation_policies": [policy]})
        for node in night.nodes:
            node.directory = night.ctx.directory
        await night.fire("a")
        await night.wait(minutes=3)
        assert night.texts == [["a is broken"]], "a second step to the same person within a minute says nothing new"
        second = (await notifications(night))[1]
        assert (second["state"], second["page"]) == ("delivered", "delivered")
        assert second["receipt"].startswith("named in the message of 10:00:00")


async def test_a_policy_that_pages_the_same_person_again_and_again_is_heard_once_a_minute(db: Database) -> None:
    steps = [{"after": f"{30 * n}s", "targets": [{"user": "alice"}]} for n in range(5)]
    async with Night(db) as night:
        night.ctx.directory = directory(
            {"users": people(), "escalation_policies": [{"id": "payments", "steps": steps}]}
        )
        for node in night.nodes:
            node.directory = night.ctx.directory
        await night.fire("a")
        await night.wait(seconds=125)
        assert [message.sent_at.second + 60 * message.sent_at.minute for message in night.sms.to(ALICE)] == [0, 60, 120]
        assert {n["page"] for n in await notifications(night)} == {"delivered"}


async def test_bundling_can_be_turned_off(db: Database) -> None:
    async with Night(db, bundling={"within": "0s"}) as night:
        await low(night, "a")
        await low(night, "b")
        assert night.texts == [["a is broken"], ["b is broken"]]


async def test_mail_is_bundled_by_choice_only(db: Database) -> None:
    mail = [{"id": "mail", "type": "email", "number": "alice"}]
    async with Night(db, contact_methods=mail) as night:
        await low(night, "a")
        assert len(night.mail.to("alice")) == 1


async def test_mail_is_bundled_for_who_wants_that(db: Database) -> None:
    mail = [{"id": "mail", "type": "email", "number": "alice"}]
    async with Night(db, contact_methods=mail, bundling={"email": "true"}) as night:
        await low(night, "a")
        await low(night, "b")
        await night.wait(minutes=1)
        assert [titles(m) for m in night.mail.to("alice")] == [["a is broken", "b is broken"]]


async def test_a_mail_that_catches_up_after_downtime_answers_all_it_names(db: Database) -> None:
    mail = [{"id": "mail", "type": "email", "number": "alice"}]
    rules = {"high": [{"after": "1m", "method": "mail"}]}
    async with Night(db, contact_methods=mail, notification_rules=rules) as night:
        numbers = [(await night.fire(key)).incident for key in "ab"]
        await night.sleep(minutes=20)
        await night.settle()
        (message,) = night.mail.to("alice")
        assert sorted(titles(message)) == ["a is broken", "b is broken"]
        await respond.acknowledge_link(night.ctx, message.acknowledge_url.rpartition("/")[2])
        assert {(await night.incident(n))["status"] for n in numbers} == {"acknowledged"}


# --- limits -----------------------------------------------------------------------------------------------------------


async def test_a_storm_rings_no_more_than_the_limit_and_nothing_is_lost(db: Database) -> None:
    async with Night(db, limits=[{"type": "sms", "count": 3, "within": "10m"}]) as night:
        for n in range(8):
            await low(night, f"k{n}")
            await night.wait(seconds=61)
        assert len(night.texts) == 3
        waiting = [n for n in await notifications(night) if n["state"] == "pending"]
        assert {n["held"] for n in waiting} == {"limit"}
        await night.wait(minutes=10)
        assert len(night.texts) == 4
        assert night.texts[3] == [f"k{n} is broken" for n in range(3, 8)], "one summary shows all that was held"
        assert {n["page"] for n in await notifications(night)} == {"delivered"}


async def test_a_great_incident_rings_through_a_storm_of_small_ones(db: Database) -> None:
    async with Night(db, limits=[{"type": "sms", "count": 2, "within": "10m"}]) as night:
        for n in range(4):
            await low(night, f"k{n}")
            await night.wait(seconds=61)
        assert len(night.texts) == 2
        await night.fire("great", "critical")
        assert night.texts[2][0] == "great is broken"
        assert set(night.texts[2][1:]) == {"k2 is broken", "k3 is broken"}


async def test_beyond_the_limit_a_storm_of_great_incidents_rings_once_a_minute(db: Database) -> None:
    async with Night(db, limits=[{"type": "sms", "count": 4, "within": "10m"}]) as night:
        for n in range(10):
            await night.fire(f"k{n}", "critical")
            await night.wait(seconds=5)
        assert len(night.texts) == 4
        await night.wait(seconds=25)
        assert night.texts[4] == [f"k{n} is broken" for n in range(4, 10)]
        for n in range(10, 30):
            await night.fire(f"k{n}", "critical")
            await night.wait(seconds=5)
        assert len(night.texts) == 6
        await night.wait(minutes=9)
        assert len(night.texts) == 7
        assert {t for text in night.texts for t in text} == {f"k{n} is broken" for n in range(30)}


async def test_a_great_incident_rings_at_once_though_the_limit_was_used_up_by_its_like(db: Database) -> None:
    async with Night(db, limits=[{"type": "sms", "count": 1, "within": "1h"}]) as night:
        await night.fire("a", "critical")
        await night.wait(minutes=2)
        await night.fire("b", "critical")
        assert night.texts == [["a is broken"], ["b is broken"]]


async def test_a_message_that_rang_nobody_does_not_count(db: Database) -> None:
    methods = [{"id": "sms", "type": "sms", "number": ALICE}]
    async with Night(db, contact_methods=methods, limits=[{"type": "sms", "count": 1, "within": "10m"}]) as night:
        night.sms.broken[ALICE] = [DeliveryError("no such number", permanent=True), None]
        await night.fire("a")
        await night.fire("b")
        assert night.texts == [["b is broken"]]


# --- quiet hours ------------------------------------------------------------------------------------------------------

NIGHTLY = {"from": "22:00", "to": "07:00"}


async def test_low_urgency_waits_until_the_quiet_hours_end_where_the_person_is(db: Database) -> None:
    low_by_sms = {"low": [{"method": "sms"}]}
    async with Night(db, quiet_hours=NIGHTLY, time_zone="Asia/Tokyo", notification_rules=low_by_sms) as night:
        night.clock.advance(datetime(2026, 3, 2, 18, 0, tzinfo=UTC) - night.clock.now())  # 03:00 in Tokyo
        await low(night, "a")
        await night.wait(hours=1)
        await low(night, "b")
        assert night.texts == []
        held = {(n["held"], n["held_until"].isoformat(), n["page"]) for n in await notifications(night)}
        assert held == {("quiet", "2026-03-02T22:00:00+00:00", "pending")}
        await night.wait(hours=2, minutes=59)
        assert night.texts == []
        await night.wait(minutes=2)
        assert night.texts == [["a is broken", "b is broken"]]


async def test_the_explanation_says_what_a_notification_waited_for(night: Night) -> None:
    number = (await low(night, "a")).incident
    waits = [item["sentence"] for item in (await explain(night.ctx, number))["items"] if item["kind"] == "notification"]
    assert waits == ["alice will be told by sms (sms), together with what else came within the minute."]
    await night.wait(minutes=1)
    told = [item["sentence"] for item in (await explain(night.ctx, number))["items"] if item["kind"] == "notification"]
    assert told[0].startswith(
        "alice was told by sms (sms), together with what else came within the minute. The provider"
    )


async def test_high_urgency_never_waits_for_the_morning_and_leaves_small_things_asleep(db: Database) -> None:
    low_by_sms = {"low": [{"method": "sms"}]}
    async with Night(db, quiet_hours=NIGHTLY, notification_rules=low_by_sms) as night:
        night.clock.advance(timedelta(hours=13))
        await low(night, "small")
        await night.fire("great", "critical")
        assert night.texts == [["great is broken"]]


# --- crashes and failures ---------------------------------------------------------------------------------------------


async def test_a_message_tried_again_is_the_same_message(night: Night) -> None:
    night.sms.broken[ALICE] = [DeliveryError("busy", permanent=False), None]
    await night.send(*(night.event(key=key) for key in "ab"))
    keys = await night.rows("SELECT DISTINCT message FROM notifications")
    await night.wait(seconds=2)
    (message,) = night.sms.to(ALICE)
    assert sorted(titles(message)) == ["a is broken", "b is broken"]
    assert message.key == f"tocsin-test-m{keys[0][0]}"
    assert len(await night.rows("SELECT FROM messages")) == 1, "a repeat is no further ring"


async def test_after_a_crash_the_same_message_goes_out_again(night: Night) -> None:
    """The node dies after it decided and before it sent (or before it recorded): whoever takes over repeats that very message."""
    held: list[Held] = []
    for ctx, engine in zip(night.nodes, night.engines, strict=True):
        ctx.hand_over = held.extend
        engine.deliveries._stopping = True
    await night.send(*(night.event(key=key) for key in "ab"))
    owners = [ctx for ctx in night.nodes if await _owns(night, ctx, held)]
    found = await gather(owners[0], held)
    assert [sorted(one.title for one in letters) for letters in found.messages] == [["a is broken", "b is broken"]]
    for engine in night.engines:
        engine.deliveries._stopping = False
        engine._ctx.hand_over = engine.deliveries.hand_over
    await night.wait(seconds=12)
    (message,) = night.sms.to(ALICE)
    assert sorted(titles(message)) == ["a is broken", "b is broken"]
    assert message.key == f"tocsin-test-m{found.messages[0][0].message}"
    assert len(await night.rows("SELECT FROM messages")) == 1


async def _owns(world: World, ctx: Context, held: list[Held]) -> bool:
    owner = await world.row("SELECT owner FROM notifications WHERE id = $1", held[0].id)
    return bool(owner["owner"] == ctx.node)


async def test_what_fails_for_good_starts_each_persons_next_rule(db: Database) -> None:
    methods = [{"id": "sms", "type": "sms", "number": ALICE}, {"id": "phone", "type": "phone", "number": "alice"}]
    rules = {"high": [{"method": "sms"}, {"after": "5m", "method": "phone"}]}
    async with Night(db, contact_methods=methods, notification_rules=rules) as night:
        night.sms.broken[ALICE] = [DeliveryError("no such number", permanent=True)]
        await night.send(*(night.event(key=key) for key in "ab"))
        assert sorted(t for m in night.phone("alice").messages for t in titles(m)) == ["a is broken", "b is broken"]
