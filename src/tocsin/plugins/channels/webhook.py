"""Carries a message as JSON to a URL, signed as Standard Webhooks say when a secret is set."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

import aiohttp
import msgspec
from standardwebhooks import Webhook
from yarl import URL

from tocsin import __version__
from tocsin.plugins.channels.base import Brief, DeliveryError, Field, Message, News, Receipt, field_problem
from tocsin.plugins.channels.names import Names
from tocsin.plugins.channels.public import PrivateAddressError, PublicNames, is_private_host

MOST_RETRY_AFTER = 900.0
"""Seconds: a provider may ask for patience, not for oblivion."""
_BODY_BYTES = 16 * 1024
_BODY_SECONDS = 0.5
_ENCODER = msgspec.json.Encoder()
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class _Incident(msgspec.Struct, frozen=True):
    id: str
    title: str
    severity: str
    status: str
    service: str | None
    url: str


class _Body(msgspec.Struct, frozen=True):
    """The contract's body, field by field."""

    type: str
    page_id: str
    reason: str
    step: int
    user: str
    incident: _Incident
    acknowledge_url: str
    sent_at: datetime


class _NewsBody(msgspec.Struct, frozen=True):
    """News that is about no incident: the fields of `_Body`, and what it says."""

    type: str
    page_id: str
    reason: str
    step: int
    user: str
    incident: None
    acknowledge_url: str
    sent_at: datetime
    news: News


class _Target(NamedTuple):
    """Where to and how signed; `place` (host and port) is all that people are shown."""

    url: URL
    place: str
    signer: Webhook | None


@lru_cache(maxsize=4096)
def _target(url: str, secret: str) -> _Target:
    parsed = URL(url)
    if not parsed.host:
        raise ValueError("no host")
    return _Target(parsed, f"{parsed.host_subcomponent}:{parsed.port}", Webhook(secret) if secret else None)


class WebhookChannel:
    """POSTs to `url`. 2xx is delivered; 429, 5xx, silence and network errors are temporary; the rest is permanent."""

    type = "webhook"
    label = "Webhook"
    fields: tuple[Field, ...] = (
        Field(name="url", label="URL", kind="url", help="http or https; gets a POST with JSON for each page"),
        Field(
            name="secret",
            label="Signing secret",
            kind="secret",
            required=False,
            help="whsec_ and 24 to 64 random bytes in base64; signs each request (Standard Webhooks)",
        ),
    )
    bundles = False
    rings = False

    def __init__(self, concurrency: int = 256, lane_limit: int = 64, timeout: float = 5.0) -> None:
        self.concurrency, self.lane_limit, self.timeout = concurrency, lane_limit, timeout
        self._session: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._public: aiohttp.ClientSession | None = None
        """For addresses that people typed: it connects to public places only."""

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return field_problem(self.fields, settings) or _url_problem(settings["url"]) or _secret_problem(settings)

    def lane(self, settings: Mapping[str, str]) -> str:
        try:
            return _target(settings.get("url", ""), "").place
        except ValueError:
            return "invalid"

    async def open(self) -> None:
        self._session = self._new_session(keep_alive=True)
        self._fresh = self._new_session(keep_alive=False)
        self._public = self._new_session(keep_alive=False, names=PublicNames())

    async def close(self) -> None:
        sessions = (self._session, self._fresh, self._public)
        self._session = self._fresh = self._public = None
        for session in sessions:
            if session is not None:
                await session.close()

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        if (problem := self.problem(settings)) is not None:
            raise DeliveryError(problem, permanent=True)
        target = _target(settings["url"], settings.get("secret", ""))
        body = encode(message)
        headers = _headers(target, message, body)
        try:
            async with asyncio.timeout(self.timeout):
                if message.public_only:
                    return await self._post_outside(target, headers, body, message.sent_at)
                return await self._post(target, headers, body, message.sent_at)
        except TimeoutError:
            raise DeliveryError(f"{target.place} did not answer within {self.timeout:g} s", permanent=False) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise network_error(target.place, error) from None

    async def _post(self, target: _Target, headers: dict[str, str], body: bytes, now: datetime) -> Receipt:
        """One request; a second one, on a new connection, when a kept connection turns out to have been closed by the
        other side before any answer (the key tells the receiver that it is the same notification)."""
        if self._session is None or self._fresh is None:
            raise DeliveryError("this process is stopping", permanent=False)
        seen = SimpleNamespace(reused=False)
        try:
            return await _exchange(self._session, target, headers, body, now, seen)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not seen.reused or isinstance(error, aiohttp.ClientConnectorError):
                raise
        return await _exchange(self._fresh, target, headers, body, now, seen)

    async def _post_outside(self, target: _Target, headers: dict[str, str], body: bytes, now: datetime) -> Receipt:
        """To where a person typed: never into a private network, whatever the name resolves to at this moment."""
        if self._public is None:
            raise DeliveryError("this process is stopping", permanent=False)
        if is_private_host(target.url.host or ""):
            raise DeliveryError(f"{target.place} leads into a private network", permanent=True)
        try:
            return await _exchange(self._public, target, headers, body, now, SimpleNamespace(reused=False))
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddressError):
                raise DeliveryError(f"{target.place} leads into a private network", permanent=True) from None
            raise

    def _new_session(self, *, keep_alive: bool, names: Names | None = None) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self.concurrency,
            limit_per_host=self.lane_limit,
            resolver=names or Names(),
            ttl_dns_cache=30,
            force_close=not keep_alive,
        )
        reuse = aiohttp.TraceConfig()
        reuse.on_connection_reuseconn.append(_mark_reused)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
            trace_configs=[reuse],
        )


def encode(message: Message) -> bytes:
    """The body of the contract as JSON."""
    if message.news is not None:
        return _encode_news(message, message.news)
    brief = message.incident
    body = _Body(
        type=message.type,
        page_id=message.page_id,
        reason=f"{message.reason} {message.role}" if message.role else message.reason,
        step=message.step,
        user=message.user,
        incident=_incident(brief),
        acknowledge_url=message.acknowledge_url,
        sent_at=message.sent_at.astimezone(UTC),
    )
    try:
        return _ENCODER.encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair: escaped, as JSON allows
        return json.dumps(msgspec.to_builtins(body)).encode()


def _encode_news(message: Message, news: News) -> bytes:
    return _ENCODER.encode(
        _NewsBody(
            type=message.type, page_id="", reason=news.heading, step=message.step, user=message.user, incident=None,
            acknowledge_url="", sent_at=message.sent_at.astimezone(UTC), news=news,
        )
    )  # fmt: skip


def _incident(brief: Brief) -> _Incident:
    return _Incident(
        id=brief.id,
        title=brief.title,
        severity=brief.severity,
        status=brief.status,
        service=brief.service,
        url=brief.url,
    )


def _headers(target: _Target, message: Message, body: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Tocsin/{__version__}",
        "Idempotency-Key": message.key,
    }
    if target.signer is not None:
        headers["webhook-id"] = message.key
        headers["webhook-timestamp"] = str(int(message.sent_at.timestamp()))
        headers["webhook-signature"] = target.signer.sign(message.key, message.sent_at.astimezone(UTC), body.decode())
    return headers


async def _mark_reused(_session: object, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.reused = True


async def _exchange(
    session: aiohttp.ClientSession,
    target: _Target,
    headers: dict[str, str],
    body: bytes,
    now: datetime,
    seen: SimpleNamespace,
) -> Receipt:
    response = await session.post(target.url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=seen)
    try:
        await _drain(response)
        return _judge(response, target.place, now)
    finally:
        response.close()  # does nothing to a connection that is already back in the pool


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Take the rest of a short answer, so that the connection can be used again. What counts is the status: a long or slow
    body is left unread, and its connection closed."""
    if response.content.at_eof():
        return
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            left = _BODY_BYTES
            while left > 0 and (chunk := await response.content.read(left)):
                left -= len(chunk)
    except (TimeoutError, aiohttp.ClientError, OSError):
        return


def _judge(response: aiohttp.ClientResponse, place: str, now: datetime) -> Receipt:
    status = response.status
    if 200 <= status < 300:
        return Receipt(f"HTTP {status}")
    text = f"{place} answered HTTP {status}"
    if status == 429 or status >= 500:
        raise DeliveryError(text, permanent=False, retry_after=retry_after(response.headers, now))
    if 300 <= status < 400:
        text += ": redirects are not followed, set the address it leads to"
    elif status == 410:
        text += ": the address is gone"
    elif status in (401, 403):
        text += ": it refuses the credentials"
    raise DeliveryError(text, permanent=True)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, 0 to MOST_RETRY_AFTER; None when it asks nothing readable.

    A date is read against the answer's own Date, for the two come from one clock; else against `now`.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MOST_RETRY_AFTER)
    until, since = _date(text), _date(headers.get("Date", "")) or now
    return None if until is None else min(max((until - since).total_seconds(), 0.0), MOST_RETRY_AFTER)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def network_error(place: str, error: Exception) -> DeliveryError:
    """What went wrong, in words of our own: the library's may quote the address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return DeliveryError(f"{place}: its TLS certificate is not trusted", permanent=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return DeliveryError(f"{place}: the host name cannot be resolved", permanent=False)
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return DeliveryError(f"{place}: TLS cannot be agreed on", permanent=False)
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return DeliveryError(f"{place}: the address cannot be used", permanent=True)
    if isinstance(error, aiohttp.ClientConnectorError):
        return DeliveryError(f"{place}: cannot connect ({error.os_error.strerror or 'no answer'})", permanent=False)
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError):
        return DeliveryError(f"{place} closed the connection without an answer", permanent=False)
    return DeliveryError(f"{place} answered something that is not HTTP", permanent=False)


def _url_problem(url: str) -> str | None:
    wrong = "url: must be an address like https://example.com/hook"
    if not url.isprintable() or any(c.isspace() for c in url) or len(url) > 4000:
        return f"{wrong} (at most 4000 characters, no spaces)"
    try:
        parsed = URL(url)
        port = parsed.port
    except ValueError:
        return wrong
    if parsed.scheme not in ("http", "https") or not parsed.host or not port:
        return f"{wrong}, beginning with http:// or https://"
    return None


def _secret_problem(settings: Mapping[str, str]) -> str | None:
    secret = settings.get("secret", "")
    if not secret:
        return None
    prefix, _, rest = secret.partition("whsec_")
    try:
        key = base64.b64decode(rest + "=" * (-len(rest) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if prefix or not key:
        return "secret: must be whsec_ followed by 24 to 64 random bytes in base64"
    return None
