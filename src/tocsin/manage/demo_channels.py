"""Channels that stand in for real ones in the demo: nothing leaves the house."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.plugins.channels.base import Channel, DeliveryError, Message, Receipt

DOMAIN = "@demo.invalid"
"""Where everybody of the demo has their mail: a domain that never exists (RFC 6761)."""


class StandIn:
    """A channel that behaves like the one it stands for."""

    def __init__(self, real: Channel) -> None:
        self.type, self.label, self.fields = real.type, real.label, real.fields
        self.bundles, self.rings = real.bundles, real.rings
        self.concurrency, self.lane_limit, self.timeout = real.concurrency, real.lane_limit, real.timeout
        self.real = real

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return self.real.problem(settings)

    def lane(self, settings: Mapping[str, str]) -> str:
        return self.real.lane(settings)

    async def open(self) -> None:
        await self.real.open()

    async def close(self) -> None:
        await self.real.close()

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        return await self.real.send(settings, message)


class Quiet(StandIn):
    """Sends nothing, while the month is lived through. Now and then the first attempt fails, as in life."""

    def __init__(self, real: Channel) -> None:
        super().__init__(real)
        self._tried: set[str] = set()

    def lane(self, settings: Mapping[str, str]) -> str:
        return self.type

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        first = message.key not in self._tried
        self._tried.add(message.key)
        if first and len(self._tried) % 9 == 0:
            raise DeliveryError("451 try again later", permanent=False, retry_after=20)
        return Receipt("250 OK")


class Kept(StandIn):
    """The mail of the people of the demo is taken and kept: else whoever looks around would see nothing but failures that are no
    holes of the organisation. Everybody else's goes where it always goes."""

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        if settings.get("address", "").endswith(DOMAIN):
            return Receipt("taken by the demo, which sends no mail")
        return await super().send(settings, message)


def keeping_mail(channels: Mapping[str, Channel]) -> dict[str, Channel]:
    """The channels of a running demo."""
    return {name: Kept(channel) if name == "email" else channel for name, channel in channels.items()}
