"""Carries a message as JSON to a URL, signed as Standard Webhooks say when a secret is set."""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec
from standardwebhooks import Webhook
from yarl import URL

from tocsin import __version__
from tocsin.plugins.channels.base import Brief, DeliveryError, Field, Message, News, Receipt, field_problem
from tocsin.plugins.channels.courier import Answered, Closed, Courier, NotHttp, Place, Unresolved
from tocsin.plugins.channels.failures import retry_after
from tocsin.plugins.channels.names import Names
from tocsin.plugins.channels.public import PrivateAddressError, PublicNames, is_private_host

_ENCODER = msgspec.json.Encoder()


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
    """News: the fields of `_Body`, and what it says. `incident` is null when it is about none."""

    type: str
    page_id: str
    reason: str
    step: int
    user: str
    incident: _Incident | None
    acknowledge_url: str
    sent_at: datetime
    news: News


class _Target(NamedTuple):
    """Where to and how signed; `name` (host and port) is all that people are shown. `head` is how each request begins."""

    place: Place
    name: str
    head: bytes
    signer: Webhook | None


@lru_cache(maxsize=4096)
def _target(url: str, secret: str) -> _Target:
    parsed = URL(url)
    if not parsed.raw_host or not parsed.port:
        raise ValueError("no host")
    lines = [
        f"POST {parsed.raw_path_qs or '/'} HTTP/1.1",
        f"Host: {parsed.host_port_subcomponent}",
        "Accept: */*",
        "Content-Type: application/json",
        f"User-Agent: Tocsin/{__version__}",
    ]
    if parsed.user is not None:
        credentials = f"{parsed.user}:{parsed.password or ''}".encode()
        lines.append(f"Authorization: Basic {base64.b64encode(credentials).decode()}")
    place = Place(parsed.raw_host, parsed.port, parsed.scheme == "https")
    head = "".join(f"{line}\r\n" for line in lines).encode()
    return _Target(place, f"{parsed.host_subcomponent}:{parsed.port}", head, Webhook(secret) if secret else None)


@lru_cache(maxsize=4096)
def _problem(url: str, secret: str) -> str | None:
    return _url_problem(url) or _secret_problem({"secret": secret})


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
        self._courier: Courier | None = None
        self._public: Courier | None = None
        """For addresses that people typed: it connects to public places only."""

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return field_problem(self.fields, settings) or _problem(settings["url"], settings.get("secret", ""))

    def lane(self, settings: Mapping[str, str]) -> str:
        try:
            return _target(settings.get("url", ""), "").name
        except ValueError:
            return "invalid"

    async def open(self) -> None:
        self._courier, self._public = Courier(Names()), Courier(PublicNames())

    async def close(self) -> None:
        couriers, self._courier, self._public = (self._courier, self._public), None, None
        for courier in couriers:
            if courier is not None:
                courier.close()

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        """The key tells a receiver that gets it twice that it is the same notification."""
        if (problem := self.problem(settings)) is not None:
            raise DeliveryError(problem, permanent=True)
        target = _target(settings["url"], settings.get("secret", ""))
        courier = self._public if message.public_only else self._courier
        if courier is None:
            raise DeliveryError("this process is stopping", permanent=False)
        if message.public_only and is_private_host(target.place.host):
            raise DeliveryError(f"{target.name} leads into a private network", permanent=True)
        try:
            answered = await courier.post(target.place, _request(target, message), self.timeout)
        except TimeoutError:
            raise DeliveryError(f"{target.name} did not answer within {self.timeout:g} s", permanent=False) from None
        except (OSError, NotHttp) as error:
            raise _undelivered(target.name, error) from None
        return _judge(answered, target.name, message.sent_at)


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
            type=message.type, page_id="", reason=news.heading, step=message.step, user=message.user,
            incident=_incident(message.incident) if message.incident.id else None,
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


def _request(target: _Target, message: Message) -> bytes:
    body = encode(message)
    key = message.key.encode()
    parts = [target.head, b"Idempotency-Key: ", key, b"\r\nContent-Length: %d\r\n" % len(body)]
    if target.signer is not None:
        signature = target.signer.sign(message.key, message.sent_at.astimezone(UTC), body.decode())
        parts.append(b"webhook-id: %b\r\nwebhook-timestamp: %d\r\n" % (key, int(message.sent_at.timestamp())))
        parts.append(b"webhook-signature: %b\r\n" % signature.encode())
    return b"".join((*parts, b"\r\n", body))


def _judge(answered: Answered, place: str, now: datetime) -> Receipt:
    status = answered.status
    if 200 <= status < 300:
        return Receipt(f"HTTP {status}")
    text = f"{place} answered HTTP {status}"
    if status == 429 or status >= 500:
        raise DeliveryError(text, permanent=False, retry_after=retry_after(answered.headers, now))
    if 300 <= status < 400:
        text += ": redirects are not followed, set the address it leads to"
    elif status == 410:
        text += ": the address is gone"
    elif status in (401, 403):
        text += ": it refuses the credentials"
    raise DeliveryError(text, permanent=True)


def _undelivered(place: str, error: Exception) -> DeliveryError:
    """What went wrong, without what the address may hold besides the place."""
    match error:
        case PrivateAddressError():
            return DeliveryError(f"{place} leads into a private network", permanent=True)
        case ssl.SSLCertVerificationError():
            return DeliveryError(f"{place}: its TLS certificate is not trusted", permanent=True)
        case Unresolved():
            return DeliveryError(f"{place}: the host name cannot be resolved", permanent=False)
        case ssl.SSLError():
            return DeliveryError(f"{place}: TLS cannot be agreed on", permanent=False)
        case Closed():
            return DeliveryError(f"{place} closed the connection without an answer", permanent=False)
        case OSError():
            return DeliveryError(f"{place}: cannot connect ({error.strerror or 'no answer'})", permanent=False)
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
