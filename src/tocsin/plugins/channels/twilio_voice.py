"""Calls a telephone and says what broke. The keypad answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from tocsin.plugins.channels.base import DeliveryError, Field, Message, Receipt, field_problem
from tocsin.plugins.channels.letters import clean
from tocsin.plugins.channels.numbers import e164, number_problem
from tocsin.plugins.channels.twilio import UNCONFIGURED, Account, Twilio

KEYS = "Press 4 to acknowledge, 5 to escalate, 6 to resolve, star to hear it again."
TIMES = 3
"""How often it is said when nobody presses a key (a phone that was just picked up is not at the ear yet)."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class VoiceChannel:
    """Accepted by Twilio is delivered; busy, no answer and failed are reported later. 429, 5xx and silence are temporary."""

    type = "voice"
    label = "Phone call"
    fields: tuple[Field, ...] = (
        Field(name="number", label="Number", kind="text", help="with its country, for example +49 30 901820"),
    )
    bundles = True
    rings = True

    def __init__(self, account: Account, concurrency: int = 8, lane_limit: int = 8, timeout: float = 10.0) -> None:
        self.concurrency, self.lane_limit, self.timeout = concurrency, lane_limit, timeout
        self._twilio = Twilio(account, concurrency, timeout)

    @property
    def unable(self) -> str:
        """Why it can send nothing at all."""
        return "" if self._twilio.account.configured else UNCONFIGURED

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return field_problem(self.fields, settings) or number_problem(settings["number"])

    def lane(self, settings: Mapping[str, str]) -> str:
        return self._twilio.place

    async def open(self) -> None:
        await self._twilio.open()

    async def close(self) -> None:
        await self._twilio.close()

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        if (problem := self.problem(settings)) is not None:
            raise DeliveryError(problem, permanent=True)
        account = self._twilio.account
        if account.sender.startswith("MG"):
            raise DeliveryError(
                "TOCSIN_TWILIO_FROM: calls need a number of their own, not a messaging service", permanent=True
            )
        form = {
            "To": e164(settings["number"]),
            "From": account.sender,
            "Twiml": twiml(message, account.external_url),
            "Timeout": "40",
        }
        if account.callback:
            form |= {
                "StatusCallback": account.callback,
                "StatusCallbackMethod": "POST",
                "StatusCallbackEvent": "completed",
            }
        return await self._twilio.create("Calls", form, message.sent_at)


def twiml(message: Message, external_url: str) -> str:
    """What Twilio shall do with the call."""
    if message.news is not None or not message.acknowledge_url:
        return _response(_say(f"{spoken(message)} {spoken(message)}"))
    token = message.acknowledge_url.rpartition("/")[2]
    return asking(spoken(message), f"{external_url}/twilio/voice/{token}")


def asking(words: str, action: str) -> str:
    """Say it, and wait for a key; again when none is pressed."""
    gather = (
        f'<Gather numDigits="1" timeout="6" method="POST" action={quoteattr(action)}>{_say(f"{words} {KEYS}")}</Gather>'
    )
    return _response(gather * TIMES + _say("Nothing was pressed. Goodbye."))


def saying(words: str) -> str:
    """Say it and hang up."""
    return _response(_say(words))


def spoken(message: Message) -> str:
    """The message as it is said: severity, title, service."""
    if message.news is not None:
        return _readable(f"{message.news.heading}. {message.news.text}")
    case = message.incident
    return spoken_case(case.severity, case.title, case.service_name or case.service or "", len(message.bundled))


def spoken_case(severity: str, title: str, service: str, more: int = 0) -> str:
    """An incident, and how many beside it. `severity` is a key like `sev1_critical`."""
    level, _, word = severity.partition("_")
    others = f" {more} more {'incident waits' if more == 1 else 'incidents wait'} for you." if more else ""
    return _readable(
        f"Tocsin. Severity {level[3:4]}, {word}. {clean(title)}. Service {clean(service) or 'none'}.{others}"
    )


def _readable(text: str) -> str:
    """Short, and codes digit by digit."""
    return re.sub(r"\d{4,}", lambda found: ", ".join(found[0]), clean(text))[:600]


def _say(text: str) -> str:
    return f'<Say language="en-US">{escape(_CONTROL.sub(" ", clean(text)))}</Say>'


def _response(inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'
