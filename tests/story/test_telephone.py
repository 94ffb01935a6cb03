"""Paged by text message and by call: answered from the phone, and what the provider says later."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from litestar import Litestar
from litestar.datastructures import State

from tocsin.api.twilio import create_twilio_routes
from tocsin.manage import configuration, incidents
from tocsin.manage.files import File
from tocsin.plugins.channels.twilio import Account
from tocsin.plugins.channels.twilio_sms import SmsChannel
from tocsin.plugins.channels.twilio_voice import VoiceChannel
from tocsin.store.database import Database

from ..fakes.twilio import ACCOUNT, NUMBER, TOKEN, Sent, Twilio
from .world import ORGANISATION, World

ALICE, BOB = "+12125550123", "+12125550124"


def people(**of_alice: Any) -> list[dict[str, Any]]:
    """Alice is texted, and called two minutes later; Bob is texted; the others have the phone of all stories."""
    users = {user["id"]: dict(user) for user in ORGANISATION["users"]}
    users["alice"]["contact_methods"] = [
        {"id": "text", "type": "sms", "number": "+1 212 555 0123"},
        {"id": "call", "type": "voice", "number": "+1 (212) 555-0123"},
    ]
    users["alice"]["notification_rules"] = {
        "high": [{"after": "0s", "method": "text"}, {"after": "2m", "method": "call"}]
    }
    users["alice"] |= of_alice
    users["bob"]["contact_methods"] = [{"id": "text", "type": "sms", "number": BOB}]
    return list(users.values())


@dataclass
class House:
    world: World
    twilio: Twilio

    @property
    def texts(self) -> list[Sent]:
        return self.twilio.messages

    @property
    def calls(self) -> list[Sent]:
        return self.twilio.calls

    async def configure(self, users: list[dict[str, Any]]) -> None:
        """The organisation with these users, in the database."""
        body = {**ORGANISATION, "users": users, "default_escalation_policy": "payments", "version": "1"}
        await configuration.apply(self.world.ctx, configuration.ITSELF, [File("organisation.yml", json.dumps(body))])

    async def number(self, title: str) -> int:
        return int((await self.world.row("SELECT id FROM incidents WHERE title = $1", title))["id"])

    async def status(self) -> str:
        return str((await self.world.incident())["status"])


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with Twilio() as twilio, World(db) as world:
        account = Account(ACCOUNT, TOKEN, NUMBER, twilio.url, "http://tocsin.test")
        channels = {"sms": SmsChannel(account), "voice": VoiceChannel(account)}
        for channel in channels.values():
            await channel.open()
        for ctx in world.nodes:
            ctx.settings = replace(
                ctx.settings, twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN, twilio_from=NUMBER
            )
            ctx.channels = {**ctx.channels, **channels}
        twilio.app = Litestar([create_twilio_routes()], state=State({"ctx": world.ctx}), openapi_config=None)
        made = House(world, twilio)
        await made.configure(people())
        yield made
        for channel in channels.values():
            await channel.close()


async def test_a_text_message_says_what_broke_and_a_1_acknowledges(house: House) -> None:
    await house.world.fire(title="Checkout is failing")
    (text,) = house.texts
    assert text.form["To"] == ALICE
    assert text.form["From"] == NUMBER
    assert text.form["StatusCallback"] == "http://tocsin.test/twilio/status"
    assert text.body.startswith("SEV1 Checkout is failing\nPayments API, INC-2026-001\nReply 1 to acknowledge")
    assert "http://tocsin.test/a/" in text.body
    said = await house.twilio.replies(ALICE, " 1 ")
    assert said == "Acknowledged: INC-2026-001 Checkout is failing"
    incident = await house.world.incident()
    assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "user:alice")
    await house.world.wait(minutes=30)
    assert not house.calls
    assert len(house.texts) == 1, "nobody is paged after the answer"


async def test_a_call_says_it_and_a_4_acknowledges(house: House) -> None:
    await house.world.fire(title="Checkout is <failing> & burning")
    await house.world.wait(minutes=2)
    (call,) = house.calls
    assert "Severity 1, critical. Checkout is <failing> & burning. Service Payments API." in call.said
    assert "Press 4 to acknowledge" in call.said
    again = await house.twilio.presses(call, "*")
    assert "Checkout is <failing> & burning. Service Payments API." in again
    assert "This key does nothing" in await house.twilio.presses(call, "9")
    assert await house.status() == "detected"
    assert "Acknowledged. Goodbye." in await house.twilio.presses(call, "4")
    assert await house.status() == "acknowledged"
    assert "Already acknowledged" in await house.twilio.presses(call, "4")


async def test_a_6_resolves_and_a_5_escalates(house: House) -> None:
    await house.world.fire(title="Checkout is failing")
    assert (await house.twilio.replies(ALICE, "5")).startswith("Escalated: INC-2026-001")
    await house.world.settle()
    assert [text.form["To"] for text in house.texts] == [ALICE, BOB]
    assert (await house.twilio.replies(BOB, "Resolve.")).startswith("Resolved: INC-2026-001")
    assert await house.status() == "resolved"
    assert await house.twilio.replies(ALICE, "1") == "Nothing that is open was sent to this number."


async def test_a_reply_names_the_page_when_several_wait(house: House) -> None:
    for key in ("one", "two", "three"):
        await house.world.fire(key=key)
        await house.world.wait(seconds=90)
    said = await house.twilio.replies(ALICE, "1")
    assert re.fullmatch(r"Acknowledged: INC-2026-\d{3} three is broken", said.splitlines()[0])
    assert "2 more wait" in said
    one = await house.number("one is broken")
    assert await house.twilio.replies(ALICE, f"1 {one}") == f"Acknowledged: INC-2026-{one:03d} one is broken"
    assert await house.twilio.replies(ALICE, "1 99") == "No open incident 99 was sent to this number."
    assert (await house.twilio.replies(ALICE, "1 all")).endswith(" two is broken")
    assert "Nothing waits for you" in await house.twilio.replies(ALICE, "1")
    assert "Reply 1 to acknowledge" in await house.twilio.replies(ALICE, "what is going on?")


async def test_the_same_reply_twice_acts_once(house: House) -> None:
    """Twilio repeats what we did not answer in time, and anybody may replay what was signed once."""
    await house.world.fire(key="one")
    said = await house.twilio.replies(ALICE, "1", sid="SM" + "7" * 32)
    await house.world.fire(key="two")
    assert await house.twilio.replies(ALICE, "1", sid="SM" + "7" * 32) == said
    assert await house.status() == "detected"


async def test_strangers_are_not_answered_and_cannot_answer(house: House) -> None:
    await house.world.fire()
    assert await house.twilio.replies("+12125559999", "1") == ""
    assert await house.twilio.replies(BOB, "1") == "Nothing that is open was sent to this number."
    assert await house.status() == "detected"


@pytest.mark.parametrize("path", ["/twilio/sms", "/twilio/status", "/twilio/voice/1.abc"])
async def test_what_is_not_signed_by_our_account_changes_nothing(house: House, path: str) -> None:
    await house.world.fire()
    form = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "failed", "From": ALICE, "Body": "1", "Digits": "4"}
    assert (await house.twilio.call(path, form, token="another")).status_code == 403
    assert (await house.twilio.call(path, form, url=f"http://elsewhere.test{path}")).status_code == 403
    for ctx in house.world.nodes:
        ctx.settings = replace(ctx.settings, twilio_auth_token="")
    assert (await house.twilio.call(path, form, token="")).status_code == 403, "no account: nothing can be signed"
    assert await house.status() == "detected"


async def test_a_key_for_a_call_that_was_never_made_is_refused(house: House) -> None:
    await house.world.fire()
    assert (await house.twilio.call("/twilio/voice/1.forged", {"Digits": "4"})).status_code == 404
    assert await house.status() == "detected"


# --- what the provider says later -------------------------------------------------------------------------------------


async def test_undelivered_brings_the_next_rule_at_once(house: House) -> None:
    await house.world.fire()
    await house.world.wait(seconds=20)
    await house.twilio.reports(house.texts[0], "sent")
    await house.world.settle()
    assert not house.calls
    await house.twilio.reports(house.texts[0], "undelivered", ErrorCode="30003")
    await house.world.settle()
    assert len(house.calls) == 1, "the call that was due after two minutes"
    row = await house.world.row("SELECT state, error FROM notifications WHERE channel = 'sms'")
    assert tuple(row) == ("failed", "Twilio reports: undelivered (error 30003)")
    number = (await house.world.incident())["id"]
    assert (await house.world.kinds(number)).count("notification_failed") == 1


async def test_when_the_last_way_fails_later_the_next_rung_comes_at_once(house: House) -> None:
    await house.world.fire()
    await house.twilio.reports(house.texts[0], "failed", ErrorCode="30008")
    await house.world.settle()
    await house.world.wait(seconds=30)
    assert len(house.texts) == 1
    await house.twilio.reports(house.calls[0], "busy")
    await house.world.settle()
    assert [text.form["To"] for text in house.texts] == [ALICE, BOB], "Bob, ten minutes before his time"
    incident = await house.world.incident()
    assert incident["alarm"] == "undelivered"
    assert "page_undelivered" in await house.world.kinds(incident["id"])


async def test_reports_in_any_order_and_twice_are_one_story(house: House) -> None:
    await house.world.fire()
    text = house.texts[0]
    for status in ("delivered", "queued", "sent", "delivered", "undelivered"):
        assert (await house.twilio.reports(text, status)).status_code == 204
    await house.world.settle()
    assert not house.calls, "what arrived did arrive"
    row = await house.world.row("SELECT state, arrived_at FROM notifications WHERE channel = 'sms'")
    assert row["state"] == "delivered"
    assert row["arrived_at"] == house.world.clock.now()
    pages = await incidents.pages(house.world.ctx, (await house.world.incident())["id"])
    shown = pages["items"][0]["notifications"][0]
    assert shown["receipt"] == f"accepted by Twilio as {text.sid}"
    assert shown["report"] == "Twilio reports: delivered"


async def test_a_report_that_comes_before_the_acceptance_is_recorded_is_not_lost(house: House) -> None:
    """Twilio calls back while it still answers our request."""
    early = Sent("SM" + "0" * 31 + "0", {"To": ALICE})
    await house.twilio.reports(early, "undelivered")
    await house.world.settle()
    await house.world.fire()
    assert house.texts[0].sid == early.sid
    await house.world.wait(seconds=2)
    assert len(house.calls) == 1


async def test_a_failure_after_the_answer_pages_nobody(house: House) -> None:
    await house.world.fire()
    await house.twilio.replies(ALICE, "1")
    await house.twilio.reports(house.texts[0], "failed")
    await house.world.wait(minutes=30)
    assert not house.calls
    assert (await house.world.incident())["alarm"] is None


async def test_a_report_about_something_unknown_is_forgotten_after_a_while(house: House) -> None:
    await house.twilio.reports(Sent("SM" + "f" * 32, {"To": ALICE}), "failed")
    assert (
        await house.twilio.call("/twilio/status", {"MessageSid": "nonsense", "MessageStatus": "sent"})
    ).status_code == 204
    await house.world.wait(minutes=10)
    assert not await house.world.rows("SELECT * FROM timers WHERE kind = 'bounce'")


async def test_a_number_that_the_provider_refuses_brings_the_next_rule_at_once(house: House) -> None:
    house.twilio.refuse[ALICE] = (400, 21614)
    await house.world.fire()
    row = await house.world.row("SELECT state, error FROM notifications WHERE channel = 'sms'")
    assert row["state"] == "failed"
    assert row["error"].endswith("error 21614: the number cannot get text messages")


# --- STOP and START ---------------------------------------------------------------------------------------------------


async def test_stop_ends_text_messages_and_start_brings_them_back(house: House) -> None:
    world = house.world
    assert await house.twilio.replies(ALICE, "STOP") == ""
    await world.fire()
    assert not house.texts
    assert len(house.calls) == 1, "the next rule, at once"
    row = await world.row("SELECT error FROM notifications WHERE channel = 'sms'")
    assert "STOP" in row["error"]
    assert await house.twilio.replies(ALICE, "stop") == "", "twice is fine"
    exported = await configuration.export(world.ctx, configuration.ITSELF)
    assert "stopped" not in exported
    assert "reach you again" in await house.twilio.replies(ALICE, "Start")
    await world.fire(key="another")
    assert len(house.texts) == 1
    told = await world.rows("SELECT action FROM audit WHERE subject = 'user:alice' ORDER BY id")
    assert [row[0] for row in told] == ["number.stop", "number.start"]


async def test_a_stranger_cannot_stop_a_number(house: House) -> None:
    assert await house.twilio.replies("+12125559999", "STOP") == ""
    assert not await house.world.rows("SELECT * FROM stopped_numbers")


# --- several at once --------------------------------------------------------------------------------------------------


async def test_several_incidents_are_one_message_and_one_call_answered_together(house: House) -> None:
    """SEV3 in business hours waits a minute for company."""
    for key in ("first", "second", "third"):
        await house.world.fire(key=key, severity="warning")
        await house.world.wait(seconds=5)
    await house.world.wait(minutes=1)
    (text,) = house.texts
    assert text.body.startswith("3 incidents wait for you:")
    assert {"first", "second", "third"} <= set(text.body.split())
    await house.world.wait(minutes=4)
    (call,) = house.calls
    assert "2 more incidents wait for you" in call.said
    assert "2 more incidents wait" in await house.twilio.presses(call, "*")
    assert await house.twilio.presses(call, "4") == "Acknowledged. Goodbye."
    rows = await house.world.rows("SELECT status, acknowledged_by FROM incidents")
    assert {tuple(row) for row in rows} == {("acknowledged", "user:alice")}


async def test_one_text_acknowledges_everything(house: House) -> None:
    for key in ("first", "second"):
        await house.world.fire(key=key, severity="warning")
    await house.world.wait(minutes=2)
    said = await house.twilio.replies(ALICE, "1 all")
    assert len(said.splitlines()) == 2
    rows = await house.world.rows("SELECT status FROM incidents")
    assert {row[0] for row in rows} == {"acknowledged"}


async def test_who_may_only_look_may_acknowledge_but_not_resolve(house: House) -> None:
    await house.configure(people(role="observer"))
    await house.world.fire()
    assert "you may acknowledge, and not resolve" in await house.twilio.replies(ALICE, "6")
    assert "you may acknowledge, and not escalate" in await house.twilio.replies(ALICE, "5")
    assert await house.status() == "detected"
    assert (await house.twilio.replies(ALICE, "1")).startswith("Acknowledged")
