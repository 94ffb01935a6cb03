"""Carries a message as a mail to one address, over the mail server of the settings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from email.headerregistry import Address
from email.utils import parseaddr

from tocsin.core.errors import Invalid
from tocsin.plugins.channels.base import DeliveryError, Field, Message, Receipt, field_problem
from tocsin.plugins.channels.letters import write
from tocsin.plugins.channels.smtp import Pool, helo_name, parse_server

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


class EmailChannel:
    """250 is delivered; 4xx, silence and network errors are temporary; 5xx and a missing mail server are permanent."""

    type = "email"
    label = "E-mail"
    fields: tuple[Field, ...] = (
        Field(name="address", label="Address", kind="email", help="for example alice@example.com"),
    )
    bundles = True
    rings = False

    def __init__(
        self, smtp_url: str, mail_from: str, concurrency: int = 4, lane_limit: int = 4, timeout: float = 20.0
    ) -> None:
        """Raises Invalid when the server's address or the sender's cannot be used."""
        self.concurrency, self.lane_limit, self.timeout = concurrency, lane_limit, timeout
        self._server = parse_server(smtp_url) if smtp_url else None
        self._sender = _sender(mail_from)
        self._pool: Pool | None = None

    @property
    def unable(self) -> str:
        """Why it can send nothing at all."""
        return "" if self._server is not None else "no mail server is configured: set TOCSIN_SMTP_URL"

    def problem(self, settings: Mapping[str, str]) -> str | None:
        if (problem := field_problem(self.fields, settings)) is not None:
            return problem
        if not is_address(settings["address"]):
            return "address: must be a mail address like alice@example.com (a domain with accents in its xn-- form)"
        return None

    def lane(self, settings: Mapping[str, str]) -> str:
        return self._server.place if self._server else "none"

    async def open(self) -> None:
        if self._server is not None:
            self._pool = Pool(self._server, helo_name(self._sender.domain), self.concurrency, self.timeout)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        if (problem := self.problem(settings)) is not None:
            raise DeliveryError(problem, permanent=True)
        if self._server is None:
            raise DeliveryError(self.unable, permanent=True)
        if self._pool is None:
            raise DeliveryError("this process is stopping", permanent=False)
        recipient = settings["address"]
        content = write(message, self._sender, recipient).as_bytes()
        try:
            async with asyncio.timeout(self.timeout):
                said = await self._pool.send(self._sender.addr_spec, recipient, content)
        except TimeoutError:
            text = f"mail server {self._server.place} did not take the mail within {self.timeout:g} s"
            raise DeliveryError(text, permanent=False) from None
        return Receipt(f"250 {said}"[:200])


def is_address(text: str) -> bool:
    local = text.rpartition("@")[0]
    return bool(_ADDRESS.fullmatch(text)) and ".." not in text and local.strip(".") == local


def _sender(text: str) -> Address:
    name, address = parseaddr(text)
    if not is_address(address) or not text.isprintable():
        raise Invalid("TOCSIN_MAIL_FROM must be a mail address like tocsin@example.com, or Name <tocsin@example.com>")
    return Address(display_name=name or "Tocsin", addr_spec=address)
