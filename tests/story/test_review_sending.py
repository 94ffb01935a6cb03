"""Odd providers, odd moments: each notification is sent and recorded once."""

from __future__ import annotations

import asyncio

import pytest

from tocsin.core.errors import Unavailable
from tocsin.flow import deliver, intake
from tocsin.plugins.channels.base import DeliveryError, Message, Receipt
from tocsin.store import notifications
from tocsin.store.database import Database

from .test_severities import subscribed
from .world import World, directory


@pytest.mark.parametrize("odd", ["nul \x00", "half a pair \ud800"])
async def test_whatever_a_provider_says_can_be_recorded(world: World, odd: str, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    async def send(settings, message):  # type: ignore[no-untyped-def]
        real.append(message.key)
        return Receipt(odd)

    real: list[str] = []
    monkeypatch.setattr(world.provider, "send", send)
    world.breaks("bob", DeliveryError(odd, permanent=True))
    await world.fire()
    await world.wait(minutes=1)
    assert len(real) == 1, "delivered once, recorded once"
    assert (await world.row("SELECT state FROM notifications"))[0] == "delivered"


async def test_news_whose_receipt_is_odd_goes_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail servers answer in any alphabet: what is no UTF-8 arrives as halves of pairs."""
    async with World(db, subscribed("erin")) as world:
        sent: list[str] = []

        async def send(settings: object, message: Message) -> Receipt:
            sent.append(message.key)
            return Receipt("250 Gr\udcf6\udcdfe")

        monkeypatch.setattr(world.provider, "send", send)
        number = (await world.fire()).incident or 0
        await world.acknowledge(number)
        await world.wait(minutes=14)
        assert len(sent) == len(set(sent)) > 1


async def test_an_error_without_words_is_still_an_error(world: World) -> None:
    world.breaks("alice", DeliveryError("", permanent=True))
    await world.fire()
    assert world.phone("bob").rang()


async def test_what_was_delivered_is_not_forgotten_when_the_database_goes_while_it_is_recorded(
    world: World, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    real, failures = deliver.record, [RuntimeError("a bug"), Unavailable("gone"), None]

    async def record(ctx, done):  # type: ignore[no-untyped-def]
        if failures and (failure := failures.pop(0)) is not None:
            raise failure
        return await real(ctx, done)

    monkeypatch.setattr(deliver, "record", record)
    await world.fire()
    await world.wait(minutes=1)
    assert world.phone("alice").times == 1
    assert (await world.row("SELECT state FROM notifications"))[0] == "delivered"


async def test_a_contact_method_that_became_another_kind_is_not_sent_to_the_old_channel(world: World) -> None:
    world.provider.lane_limit = 1
    world.provider.slow["alice"] = 0.05
    ref = world.ctx.directory.integrations["k" * 32]
    await world.intake.accept(ref, [world.event(key="one"), world.event(key="two")], world.clock.now())
    users = [{"id": "alice", "contact_methods": [{"id": "phone", "type": "pager", "number": "alice"}]},
             {"id": "bob", "contact_methods": [{"id": "phone", "type": "phone", "number": "bob"}]},
             {"id": "carol"}, {"id": "erin"}]  # fmt: skip
    world.ctx.directory = directory({"users": users})
    await world.settle()
    assert world.phone("alice").times <= 1
    assert world.phone("bob").times >= 1, "who cannot be told so any more is not waited for"


async def test_renewing_leases_waits_for_nobody(world: World) -> None:
    await world.fire()
    world.breaks("alice", DeliveryError("HTTP 503", permanent=False))
    await world.fire("other")
    row = await world.row("SELECT id FROM notifications WHERE state = 'pending'")
    now = world.clock.now()
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE notifications SET owner = $1", world.ctx.node)
    async with world.db.transaction() as answering:
        await answering.execute("UPDATE notifications SET state = 'superseded' WHERE id = $1", row[0])
        async with asyncio.timeout(2), world.db.transaction() as tx:
            assert await notifications.renew(tx, [row[0]], world.ctx.node, now) == {row[0]}
    async with world.db.transaction() as tx:
        assert await notifications.renew(tx, [row[0]], world.ctx.node, now) == set()


async def test_an_intake_that_stops_leaves_nobody_waiting(world: World, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(intake, "PATIENCE", 0.2)
    hang = asyncio.Event()

    async def triage(*_: object) -> None:
        await hang.wait()

    monkeypatch.setattr(intake, "triage", triage)
    ref = world.ctx.directory.integrations["k" * 32]
    first = asyncio.create_task(world.intake.accept(ref, [world.event()], world.clock.now()))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(world.intake.accept(ref, [world.event(key="b")], world.clock.now()))
    await asyncio.sleep(0.05)
    await world.intake.stop()
    async with asyncio.timeout(2):
        heard = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(h) for h in heard] == [Unavailable, Unavailable]


async def test_a_failure_starts_the_next_rule_only_where_it_has_not_begun(world: World) -> None:
    methods = [{"id": n, "type": "phone", "number": f"alice-{n}"} for n in ("hook", "mail", "sms")]
    rules = [{"after": "0s", "method": "hook"}, {"after": "0s", "method": "mail"}, {"after": "5m", "method": "sms"}]
    users = [
        {"id": "alice", "contact_methods": methods, "notification_rules": {"high": rules}},
        {"id": "bob"},
        {"id": "carol"},
    ]
    world.ctx.directory = directory({"users": users, "teams": []})
    world.breaks("alice-hook", DeliveryError("gone", permanent=True))
    await world.fire("one")
    assert (world.phone("alice-mail").times, world.phone("alice-sms").times) == (1, 0)
    world.breaks("alice-mail", DeliveryError("gone", permanent=True))
    await world.fire("two")
    assert world.phone("alice-sms").times == 1, "nothing before it is left"
