"""Carries a message as a text message. Its reader answers it with one digit."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.plugins.channels.base import Brief, DeliveryError, Field, Message, Receipt, field_problem
from tocsin.plugins.channels.letters import clean
from tocsin.plugins.channels.numbers import e164, number_problem
from tocsin.plugins.channels.twilio import UNCONFIGURED, Account, Twilio

HELP = "Reply 1 to acknowledge, 5 to escalate, 6 to resolve"
_TITLE = 100
_LETTERS = 1500
"""A text message may have 1600."""


class SmsChannel:
    """Accepted by Twilio is delivered; what it reports later counts, too. 429, 5xx and silence are temporary."""

    type = "sms"
    label = "Text message"
    fields: tuple[Field, ...] = (
        Field(name="number", label="Number", kind="text", help="with its country, for example +49 30 901820"),
        Field(
            name="stopped",
            label="Stopped",
            kind="text",
            required=False,
            help="written by Tocsin: its owner answered STOP",
        ),
    )
    bundles = True
    rings = True

    def __init__(self, account: Account, concurrency: int = 16, lane_limit: int = 16, timeout: float = 10.0) -> None:
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
        if settings.get("stopped"):
            raise DeliveryError(
                "its owner answered STOP: send START from that phone to get pages again", permanent=True
            )
        account = self._twilio.account
        sender = "MessagingServiceSid" if account.sender.startswith("MG") else "From"
        form = {"To": e164(settings["number"]), sender: account.sender, "Body": text_message(message)}
        if account.callback:
            form["StatusCallback"] = account.callback
        return await self._twilio.create("Messages", form, message.sent_at)


def text_message(message: Message) -> str:
    """A few short lines: what broke, where, what to reply, and the link for who wants to see more."""
    if message.news is not None:
        news = message.news
        return _short(f"{_short(clean(news.heading), _TITLE)}\n{news.text.strip()}\n{news.url}", _LETTERS)
    if message.bundled:
        briefs = (message.incident, *message.bundled)
        lines = [f"{len(briefs)} incidents wait for you:", *(_line(brief) for brief in briefs[:8])]
        if len(briefs) > 8:
            lines.append(f"and {len(briefs) - 8} more")
        lines.append(f"{HELP} the first; 1 {briefs[1].number}: that one; 1 all: all")
    else:
        case = message.incident
        lines = [
            f"{case.severity[:4].upper()} {_short(clean(case.title), _TITLE)}",
            f"{_short(clean(case.service_name or case.service or 'No service'), 40)}, {case.name}",
        ]
        if message.type == "page":
            lines.append(HELP)
    lines.append(message.acknowledge_url or message.incident.url)
    return "\n".join(lines)[:_LETTERS]


def _line(brief: Brief) -> str:
    return f"{brief.number}: {brief.severity[:4].upper()} {_short(clean(brief.title), 60)}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
