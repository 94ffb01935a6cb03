"""A provider of text messages in memory: what each number got, and a provider that fails on demand."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.plugins.channels.base import DeliveryError, Field, Message, Receipt
from tocsin.store.database import in_transaction


class Sms:
    """Rings a phone, and carries several incidents at once. `broken[number]` is raised in turn, the last one for ever."""

    type = "sms"
    label = "Text message"
    fields = (Field(name="number", label="Number", kind="text"),)
    bundles = True
    rings = True
    concurrency = 100
    lane_limit = 10
    timeout = 5.0

    def __init__(self) -> None:
        self.sent: dict[str, list[Message]] = {}
        self.broken: dict[str, list[DeliveryError | None]] = {}

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return (
            None
            if settings.get("number", "").startswith("+")
            else "number: begin with + and the country, like +4930123456"
        )

    def lane(self, settings: Mapping[str, str]) -> str:
        return "provider"

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        assert not in_transaction.get(), "no network inside a transaction"
        script = self.broken.get(settings["number"])
        error = None if not script else script[0] if len(script) == 1 else script.pop(0)
        if error is not None:
            raise error
        self.sent.setdefault(settings["number"], []).append(message)
        return Receipt(f"SM{len(self.sent[settings['number']])}")

    def to(self, number: str) -> list[Message]:
        """What this number got, in order."""
        return self.sent.get(number, [])


class Mail(Sms):
    """Carries several incidents at once, and disturbs nobody."""

    type = "email"
    label = "E-mail"
    rings = False

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return None


def titles(message: Message) -> list[str]:
    """The incidents that a message names, in its order."""
    return [message.incident.title, *(brief.title for brief in message.bundled)]
