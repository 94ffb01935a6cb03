"""Updates really arrive: by mail and webhook on real sockets, and after the death of a node at any line."""

from __future__ import annotations

from typing import Any

from tocsin.flow import communicate, notices, updates
from tocsin.flow.tick import Engine
from tocsin.plugins.channels.email import EmailChannel
from tocsin.plugins.channels.webhook import WebhookChannel
from tocsin.store import updates as stored
from tocsin.store.database import Database

from ..fakes.mail import MailServer
from ..fakes.sink import OK, Sink, status
from .test_updates import organisation, subscribe
from .world import ORGANISATION, World

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def test_by_mail_and_webhook_each_with_its_receipt(db: Database) -> None:
    async with MailServer() as mail, Sink() as sink:
        channels = [
            {
                "id": "briefing", "name": "#executive-briefing", "audience": "executives", "type": "webhook",
                "url": sink.url("/board"), "secret": SECRET,
            },
            {"id": "support", "audience": "support", "type": "email", "address": "support@example.com"},
        ]  # fmt: skip
        users = [
            *ORGANISATION["users"],
            {"id": "charlie", "name": "Charlie", "email": "charlie@example.com", "role": "stakeholder"},
        ]
        async with World(db, organisation(channels=channels, users=users)) as world:
            real: dict[str, Any] = {
                "email": EmailChannel(mail.url, "Tocsin <tocsin@example.com>"),
                "webhook": WebhookChannel(),
            }
            for channel in real.values():
                await channel.open()
            for ctx in world.nodes:
                ctx.channels = {**ctx.channels, **real}
            await world.fire()
            await subscribe(world, "charlie")
            told = await updates.publish(
                world.ctx, 1, "user:alice", "stakeholders", "Cards are declined.\n\nWe roll back."
            )
            sink.script("/board", status(503), OK)
            briefed = await updates.publish(world.ctx, 1, "user:alice", "executives", "SEV1: cards.")
            await world.settle()
            (letter,) = await mail.wait(1)
            assert letter.recipients == ("charlie@example.com",)
            assert letter.message["Subject"] == "[SEV1] disk is broken: detected (INC-2026-001)"
            assert "Cards are declined." in letter.text
            assert "Next update by 10:15 UTC" in letter.text
            await world.wait(seconds=10)
            first, second = [
                one for one in await sink.wait(2, "/board") if "SEV1: cards." in one.json()["news"]["text"]
            ]
            body = second.json()
            assert (body["type"], body["user"], body["incident"]["severity"]) == (
                "update",
                "channel:briefing",
                "sev1_critical",
            )
            assert body["news"]["text"].startswith("SEV1: cards.")
            assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == second.headers["webhook-id"]
            async with db.reading() as tx:
                receipts = {row["update_id"]: row for row in await stored.receipts(tx, updates=[told.id, briefed.id])}
            assert receipts[told.id]["receipt"].startswith("250")
            assert (receipts[briefed.id]["receipt"], receipts[briefed.id]["attempts"]) == ("HTTP 204", 2)
            made = await communicate.communicate(world.ctx, 1, "user:alice", "Tell callers to wait.", "support")
            await communicate.approve(world.ctx, 1, made.id, "user:alice")
            await world.settle()
            assert "Tell callers to wait." in (await mail.wait(2))[1].text
            for channel in real.values():
                await channel.close()


async def test_a_node_that_dies_after_the_commit_loses_nothing(db: Database) -> None:
    async with World(db, organisation()) as world:
        await world.fire()
        await subscribe(world, "carol")
        await updates.publish(world.ctx, 1, "user:alice", "stakeholders", "Cards are declined.")
        assert world.phone("carol").times == 0, "the node died before it looked"
        await world.sleep(minutes=5)
        await world.settle()
        assert world.phone("carol").times == 1
        await world.wait(minutes=5)
        assert world.phone("carol").times == 1


async def test_what_was_on_its_way_is_repeated_once_with_its_key(db: Database) -> None:
    async with World(db, organisation()) as world:
        await world.fire()
        await subscribe(world, "carol")
        living, carried = world.ctx.carry, []
        world.ctx.carry = lambda timer, notice: carried.append(notice)  # it dies while it sends
        await updates.publish(world.ctx, 1, "user:alice", "stakeholders", "Cards are declined.")
        await world.engine.turn()
        assert len([one for one in carried if one.kind == "told"]) == 1
        key = notices.compose(world.ctx, carried[-1]).key
        world.ctx.carry = living
        await world.wait(seconds=95)
        assert [message.key for message in world.phone("carol").messages] == [key]


async def test_drafts_whose_composing_was_cut_short_are_composed_again(db: Database) -> None:
    async with World(db, organisation()) as world:
        await world.fire()
        await world.acknowledge(1)
        await updates.publish(world.ctx, 1, "user:alice", "stakeholders", "Cards are declined.")
        await world.sleep(minutes=12)
        async with db.transaction() as tx:  # another node took the timer and died
            await tx.execute(
                "UPDATE timers SET owner = gen_random_uuid(), due_at = $1 WHERE kind = 'clock'", world.clock.now()
            )
        await world.settle()
        await Engine(world.ctx).turn()
        rows = await world.rows("SELECT audience FROM updates WHERE state = 'draft' ORDER BY audience")
        assert "stakeholders" in [row[0] for row in rows]
        assert len(await world.rows("SELECT 1 FROM timeline WHERE kind = 'update_drafted'")) == 1
