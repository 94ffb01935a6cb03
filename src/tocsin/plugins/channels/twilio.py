"""Twilio's REST API, as far as text messages and calls need it, and the signature by which its requests to us are known.

Two requests over our own HTTP client instead of the `twilio` library: that brings 24 MB of generated code, blocks while it sends, and
cannot be pointed to another address.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import aiohttp
from yarl import URL

from tocsin.plugins.channels.base import DeliveryError, Receipt, Word
from tocsin.plugins.channels.failures import network_error, retry_after
from tocsin.plugins.channels.names import Names
from tocsin.plugins.channels.public import is_private_host
from tocsin.settings import Settings

ACCEPTED = "accepted by Twilio as "
"""Begins the receipt of what was accepted; the message's or the call's id follows."""
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
_BODY_BYTES = 64 * 1024
UNCONFIGURED = "no telephone provider is configured: set TOCSIN_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM"
_REASONS = {
    20003: "the account or its token is wrong (TOCSIN_TWILIO_ACCOUNT_SID, TOCSIN_TWILIO_AUTH_TOKEN)",
    21210: "the sender is not a number of this account (TOCSIN_TWILIO_FROM)",
    21211: "there is no such number",
    21214: "there is no such number",
    21215: "calls to that country are not permitted for this account",
    21408: "messages to that country are not permitted for this account",
    21606: "the sender cannot send text messages (TOCSIN_TWILIO_FROM)",
    21610: "its owner answered STOP",
    21614: "the number cannot get text messages",
}
"""What Twilio's error codes mean to whoever has to mend it."""


class Account(NamedTuple):
    """One account at Twilio. `sender` is a number, or for text messages the id of a messaging service (`MG...`)."""

    sid: str
    token: str
    sender: str
    url: str
    external_url: str

    @classmethod
    def of(cls, settings: Settings) -> Account:
        return cls(
            settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from, settings.twilio_url,
            settings.external_url,
        )  # fmt: skip

    @property
    def configured(self) -> bool:
        return bool(self.sid and self.token and self.sender)

    @property
    def callback(self) -> str | None:
        """Where Twilio reports what became of something; None when it could never reach us there, and would refuse the message."""
        host = URL(self.external_url).host or ""
        emulated = is_private_host(URL(self.url).host or "")
        return None if is_private_host(host) and not emulated else f"{self.external_url}/twilio/status"


class Twilio:
    """The client: one POST for one message or call."""

    def __init__(self, account: Account, concurrency: int, timeout: float) -> None:
        self.account = account
        self.place = URL(account.url).host or account.url
        self._concurrency, self._timeout = concurrency, timeout
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        credentials = base64.b64encode(f"{self.account.sid}:{self.account.token}".encode()).decode()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency, resolver=Names(), ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"Authorization": f"Basic {credentials}"},
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def create(self, kind: str, form: Mapping[str, str], now: datetime) -> Receipt:
        """Make one of `Messages` or `Calls`. Raises DeliveryError; the receipt ends with its id."""
        if not self.account.configured:
            raise DeliveryError(UNCONFIGURED, permanent=True)
        if self._session is None:
            raise DeliveryError("this process is stopping", permanent=False)
        url = f"{self.account.url}/2010-04-01/Accounts/{self.account.sid}/{kind}.json"
        try:
            async with asyncio.timeout(self._timeout):
                async with self._session.post(url, data=dict(form), allow_redirects=False) as response:
                    return _judge(response, await response.content.read(_BODY_BYTES), self.place, now)
        except TimeoutError:
            text = f"{self.place} did not answer within {self._timeout:g} s"
            raise DeliveryError(text, permanent=False) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise network_error(self.place, error) from None


def _judge(response: aiohttp.ClientResponse, body: bytes, place: str, now: datetime) -> Receipt:
    status, said = response.status, _json(body)
    if 200 <= status < 300:
        sid = said.get("sid")
        known = isinstance(sid, str) and _SID.fullmatch(sid)
        return Receipt(f"{ACCEPTED}{sid}" if known else "accepted by Twilio")
    code = said.get("code")
    why = _REASONS.get(code) if isinstance(code, int) else None
    text = f"{place} answered HTTP {status}" + (f", error {code}" if isinstance(code, int) else "")
    if why is not None:
        text += f": {why}"
    permanent = status != 429 and status < 500
    raise DeliveryError(text, permanent=permanent, retry_after=retry_after(response.headers, now))


_RANKS = {
    "accepted": 1, "scheduled": 1, "queued": 2, "initiated": 3, "sending": 3, "sent": 4, "ringing": 4, "in-progress": 5,
    "delivered": 6, "completed": 6, "undelivered": 6, "failed": 6, "busy": 6, "no-answer": 6, "canceled": 6, "read": 7,
}  # fmt: skip
"""How late each stage is."""
_FAILED = ("undelivered", "failed", "busy", "no-answer", "canceled")
_ARRIVED = ("in-progress", "delivered", "completed", "read")


def word(form: Mapping[str, str]) -> Word | None:
    """What a status callback says; None when it speaks of nothing we know."""
    sid = form.get("MessageSid") or form.get("CallSid") or form.get("SmsSid") or ""
    status = form.get("MessageStatus") or form.get("CallStatus") or form.get("SmsStatus") or ""
    if not _SID.fullmatch(sid) or status not in _RANKS:
        return None
    code, message = form.get("ErrorCode", ""), form.get("ErrorMessage", "")
    why = f" ({f'error {code}' if code else ''}{f': {message[:200]}' if message else ''})" if code else ""
    outcome: Literal["", "arrived", "failed"] = (
        "failed" if status in _FAILED else "arrived" if status in _ARRIVED else ""
    )
    return Word(
        receipt=f"{ACCEPTED}{sid}", status=status, rank=_RANKS[status], outcome=outcome,
        text=f"Twilio reports: {status.replace('-', ' ')}{why}",
    )  # fmt: skip


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def signature(token: str, url: str, form: Iterable[tuple[str, str]]) -> str:
    """`X-Twilio-Signature` of a POST to `url`: HMAC-SHA1 over the address and the sorted fields, in base64."""
    text = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(token.encode(), text.encode("utf-8", "replace"), hashlib.sha1).digest()).decode()


def is_signed(token: str, url: str, form: Iterable[tuple[str, str]], given: str) -> bool:
    """Whether a request to `url` (as people outside write it) was signed by who holds our token. Never without a token."""
    return bool(token) and hmac.compare_digest(signature(token, url, form).encode(), given.encode("utf-8", "replace"))
