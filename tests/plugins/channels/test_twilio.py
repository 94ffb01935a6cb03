"""Text messages and calls: whom they go to, what they say, what Twilio's answers mean, and whose requests we believe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.fakes.messages import brief, message
from tests.fakes.sink import HANG, Sink, status
from tests.fakes.twilio import ACCOUNT, NUMBER, TOKEN, Twilio

from tocsin.plugins.channels.base import DeliveryError, News
from tocsin.plugins.channels.numbers import e164, number_problem
from tocsin.plugins.channels.twilio import Account, is_signed, signature, word
from tocsin.plugins.channels.twilio_sms import SmsChannel, text_message
from tocsin.plugins.channels.twilio_voice import VoiceChannel, asking, spoken, twiml

ALICE = {"number": "+1 212 555 0123"}
OUTSIDE = "https://tocsin.example.com"


@asynccontextmanager
async def sms(url: str, sender: str = NUMBER, outside: str = OUTSIDE, **options: Any) -> AsyncIterator[SmsChannel]:
    made = SmsChannel(Account(ACCOUNT, TOKEN, sender, url, outside), **options)
    await made.open()
    yield made
    await made.close()


async def refused(made: Any, settings: dict[str, str]) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await made.send(settings, message())
    return caught.value


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("030 901820", "does not begin with + and a country: write it with its country, like +49 30 901820"),
        ("", "does not begin with +"),
        ("+49 30", "the area code is missing"),
        ("+1 212 555 01234", "it is too long"),
        ("+999 123 456 789", "no country code that exists"),
        ("+49 thirty", "is not a telephone number"),
        ("+49 (0)30 901820", "digits that are not dialled from abroad: write +4930901820"),
        ("+1 555 123 4567", "no such number is given out in its country"),
        ("+49 30 901820; drop table", "is not a telephone number"),
        ("+" + "1" * 500, "is not a telephone number"),
    ],
)
def test_a_number_that_is_none_is_told_with_the_fix(text: str, why: str) -> None:
    problem = number_problem(text)
    assert problem is not None
    assert problem.startswith("number: ")
    assert why in problem
    assert len(problem) < 200


@pytest.mark.parametrize(
    "text", ["+49 30 901820", "+4930901820", "+1 (212) 555-0123", " +44 20 7946 0018 ", "+33 1 23 45 67 89"]
)
def test_people_may_write_numbers_as_they_like(text: str) -> None:
    assert number_problem(text) is None
    assert e164(text) == "+" + "".join(c for c in text if c.isdigit())


# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_text_message_is_short_and_says_what_to_reply() -> None:
    assert text_message(message()) == (
        "SEV1 Checkout is failing\nPayments API, INC-2026-041\nReply 1 to acknowledge, 5 to escalate, 6 to resolve\n"
        "https://tocsin.example.com/a/77.sig"
    )
    nasty = text_message(message(incident=brief(title="a\nb\x00" + "y" * 3000, service_name="z" * 3000)))
    assert nasty.splitlines()[0].startswith("SEV1 a b yyy")
    assert nasty.endswith("https://tocsin.example.com/a/77.sig")
    assert len(nasty) < 320
    update = text_message(message(type="update", acknowledge_url=""))
    assert "Reply" not in update
    assert update.endswith(brief().url)


def test_several_incidents_are_one_text_message() -> None:
    text = text_message(message(bundled=tuple(brief(n, title=f"Number {n} broke") for n in range(42, 60))))
    lines = text.splitlines()
    assert lines[:3] == ["19 incidents wait for you:", "41: SEV1 Checkout is failing", "42: SEV1 Number 42 broke"]
    assert "and 11 more" in lines
    assert "1 42: that one; 1 all: all" in text
    assert len(text) < 1500


def test_news_is_told_whole() -> None:
    news = News(
        heading="Your shift changed",
        text="Mon 09:00 to Tue 09:00\nis Bob's now",
        url="https://tocsin.example.com/schedules/a",
    )
    told = message(type="update", news=news, acknowledge_url="")
    assert text_message(told) == f"Your shift changed\n{news.text}\n{news.url}"
    assert spoken(told) == "Your shift changed. Mon 09:00 to Tue 09:00 is Bob's now"
    assert ElementTree.fromstring(twiml(told, OUTSIDE)).find("Gather") is None


def test_a_code_is_spoken_digit_by_digit() -> None:
    told = message(type="update", news=News(heading="Your code", text="It is 482913", url=""), acknowledge_url="")
    assert spoken(told).endswith("It is 4, 8, 2, 9, 1, 3")


def test_a_call_says_severity_title_and_service_and_asks_for_a_key() -> None:
    tree = ElementTree.fromstring(twiml(message(incident=brief(title="<b>&\x01 \U0001f525 down")), OUTSIDE))
    gathers = tree.findall("Gather")
    assert len(gathers) == 3
    assert {g.attrib["action"] for g in gathers} == {f"{OUTSIDE}/twilio/voice/77.sig"}
    said = gathers[0].findtext("Say", "")
    assert said.startswith(
        "Tocsin. Severity 1, critical. <b>& \U0001f525 down. Service Payments API. Press 4 to acknowledge"
    )
    long = twiml(message(incident=brief(title="&" * 5000, service_name="<" * 5000)), OUTSIDE)
    ElementTree.fromstring(long)
    assert len(asking("x" * 600, f"{OUTSIDE}/twilio/voice/77.sig")) < 4000


# --- what Twilio answers ----------------------------------------------------------------------------------------------


async def test_accepted_is_delivered_with_its_id() -> None:
    async with Twilio() as twilio, sms(twilio.url) as made:
        receipt = await made.send(ALICE, message())
        (sent,) = twilio.messages
        assert receipt.text == f"accepted by Twilio as {sent.sid}"
        assert sent.form == {
            "To": "+12125550123", "From": NUMBER, "Body": text_message(message()), "StatusCallback": f"{OUTSIDE}/twilio/status",
        }  # fmt: skip


async def test_a_messaging_service_sends_in_our_place() -> None:
    async with Twilio() as twilio, sms(twilio.url, sender="MG" + "0" * 32) as made:
        await made.send(ALICE, message())
        assert twilio.messages[0].form["MessagingServiceSid"] == "MG" + "0" * 32
        voice = VoiceChannel(Account(ACCOUNT, TOKEN, "MG" + "0" * 32, twilio.url, OUTSIDE))
        assert "calls need a number" in str(await refused(voice, ALICE))


@pytest.mark.parametrize(
    ("code", "error", "permanent", "said"),
    [
        (400, 21211, True, "there is no such number"),
        (400, 21610, True, "answered STOP"),
        (401, 20003, True, "TOCSIN_TWILIO_AUTH_TOKEN"),
        (400, 99999, True, "error 99999"),
        (429, 20429, False, "HTTP 429"),
        (503, 20503, False, "HTTP 503"),
    ],
)
async def test_what_a_refusal_means(code: int, error: int, permanent: bool, said: str) -> None:
    async with Twilio() as twilio, sms(twilio.url) as made:
        twilio.refuse["+12125550123"] = (code, error)
        failure = await refused(made, ALICE)
        assert failure.permanent == permanent
        assert said in str(failure)
        assert TOKEN not in str(failure)


async def test_a_wrong_token_and_no_account_are_told() -> None:
    async with Twilio() as twilio:
        made = SmsChannel(Account(ACCOUNT, "wrong", NUMBER, twilio.url, OUTSIDE))
        await made.open()
        assert "the account or its token is wrong" in str(await refused(made, ALICE))
        await made.close()
    nobody = SmsChannel(Account("", "", "", "https://api.twilio.com", OUTSIDE))
    await nobody.open()
    failure = await refused(nobody, ALICE)
    assert failure.permanent
    assert "TOCSIN_TWILIO_ACCOUNT_SID" in str(failure)
    await nobody.close()


async def test_silence_is_bounded() -> None:
    async with Sink() as sink, sms(sink.url(""), timeout=0.3) as made:
        sink.always(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", HANG)
        assert not (await refused(made, ALICE)).permanent
        sink.always(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", status(200, body=b"<html>"))
        assert (await made.send(ALICE, message())).text == "accepted by Twilio"


async def test_a_number_that_answered_stop_is_left_alone() -> None:
    async with Twilio() as twilio, sms(twilio.url) as made:
        failure = await refused(made, {**ALICE, "stopped": "yes"})
        assert failure.permanent
        assert "START" in str(failure)
        assert not twilio.messages


@pytest.mark.parametrize(
    ("outside", "asked"),
    [("http://127.0.0.1:8420", None), ("http://tocsin.lan.internal", None), (OUTSIDE, f"{OUTSIDE}/twilio/status")],
)
def test_reports_are_asked_for_only_where_they_can_arrive(outside: str, asked: str | None) -> None:
    """Twilio refuses the whole message when it cannot call back at a private address."""
    assert Account(ACCOUNT, TOKEN, NUMBER, "https://api.twilio.com", outside).callback == asked
    assert Account(ACCOUNT, TOKEN, NUMBER, "http://127.0.0.1:4000", outside).callback == f"{outside}/twilio/status"


# --- what Twilio sends us ---------------------------------------------------------------------------------------------


def test_the_signature_is_the_one_of_the_documentation() -> None:
    """https://www.twilio.com/docs/usage/security (the example that its libraries are tested with)."""
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = [
        ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"), ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]  # fmt: skip
    good = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert signature("12345", url, form) == good
    assert is_signed("12345", url, reversed(form), good)
    for token, at, fields, given in (
        ("12346", url, form, good),
        ("", url, form, signature("", url, form)),
        ("12345", url + "x", form, good),
        ("12345", url, [*form, ("Digits", "4")], good),
        ("12345", url, form, ""),
        ("12345", url, form, "\u2603"),
    ):
        assert not is_signed(token, at, fields, given)


def test_reports_are_understood_and_nonsense_is_not() -> None:
    sid = "SM" + "0" * 32
    said = word({"MessageSid": sid, "MessageStatus": "undelivered", "ErrorCode": "30005", "ErrorMessage": "Unknown"})
    assert said is not None
    assert (said.receipt, said.outcome) == (f"accepted by Twilio as {sid}", "failed")
    assert said.text == "Twilio reports: undelivered (error 30005: Unknown)"
    arrived = word({"CallSid": "CA" + "0" * 32, "CallStatus": "in-progress"})
    assert arrived is not None
    assert arrived.outcome == "arrived"
    queued, sent = (word({"MessageSid": sid, "MessageStatus": name}) for name in ("queued", "sent"))
    assert queued is not None
    assert sent is not None
    assert queued.rank < sent.rank < said.rank
    for nonsense in ({}, {"MessageSid": "x", "MessageStatus": "sent"}, {"MessageSid": sid, "MessageStatus": "eaten"}):
        assert word(nonsense) is None
