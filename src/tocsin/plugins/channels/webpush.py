"""Carries a message to a browser by its push service: encrypted for that browser (RFC 8291), signed as ours (VAPID, RFC 8292)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import aiohttp
import msgspec
from yarl import URL

from tocsin.plugins.channels.base import DeliveryError, Field, Message, Receipt, field_problem
from tocsin.plugins.channels.failures import network_error, retry_after
from tocsin.plugins.channels.letters import clean
from tocsin.plugins.channels.names import Names
from tocsin.plugins.channels.public import PrivateAddressError, PublicNames, is_private_host

ALL = "all"
PAGE_SECONDS = 1800
"""How long a push service keeps a page for a browser that is away: as long as we would try ourselves on the last rung."""
UPDATE_SECONDS = 6 * 3600
_TITLE, _BODY = 120, 240
"""Letters: a payload must fit 4096 bytes, encrypted, whatever the letters are."""
_KEYS = {"p256dh": 65, "auth": 16}
"""Bytes of what a browser encrypts with."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the service worker gets. `kind` is `page`, `update` or `check`; `answer` is POSTed to when it arrives (check)."""

    kind: str
    title: str
    body: str
    tag: str
    url: str
    acknowledge_url: str = ""
    answer: str = ""
    at: str = ""


class Library(Protocol):
    """What this channel needs of the library, which loads a good deal of cryptography: only its users should pay."""

    def public_key(self) -> str:
        """What browsers subscribe to, in base64url."""
        ...

    def encrypt(self, keys: Mapping[str, str], text: bytes) -> bytes:
        """A body in the encoding `aes128gcm`. Raises ValueError when the keys are none."""
        ...

    def authorize(self, audience: str, expires: int) -> str:
        """The header `Authorization` for one push service (its origin), until a time in seconds since 1970."""
        ...


class WebPushChannel:
    """201 is delivered; 404 and 410 mean that the browser is gone; 429, 5xx, silence are temporary, the rest is permanent."""

    type = "webpush"
    label = "Web push"
    fields: tuple[Field, ...] = (
        Field(name="device", label="Device", kind="text", help="all: every browser that its owner subscribed"),
        Field(
            name="endpoint",
            label="Endpoint",
            kind="secret",
            required=False,
            help="of one browser, from its push service",
        ),
        Field(
            name="p256dh", label="Key", kind="secret", required=False, help="of one browser, as its subscription says"
        ),
        Field(
            name="auth", label="Secret", kind="secret", required=False, help="of one browser, as its subscription says"
        ),
        Field(name="subscribed", label="Subscribed", kind="text", required=False, help="written by Tocsin: yes"),
    )
    bundles = True
    rings = True

    def __init__(
        self,
        load: Callable[[], Library],
        concurrency: int = 64,
        lane_limit: int = 32,
        timeout: float = 10.0,
        *,
        allow_private: bool = False,
    ) -> None:
        """`allow_private`: browsers, too, may name push services in private networks (for tests)."""
        self.concurrency, self.lane_limit, self.timeout = concurrency, lane_limit, timeout
        self._load = load
        self._allow_private = allow_private
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    @property
    def public_key(self) -> str:
        """What browsers subscribe to. The first call loads the library."""
        return self._load().public_key()

    def problem(self, settings: Mapping[str, str]) -> str | None:
        if (problem := field_problem(self.fields, settings)) is not None:
            return problem
        if not any(settings.get(name) for name in ("endpoint", "p256dh", "auth")):
            return (
                None if settings["device"] == ALL else f"device: write {ALL}, or the endpoint and keys of one browser"
            )
        for name in ("endpoint", *_KEYS):
            if not settings.get(name):
                return f"device: {name} is missing (a browser's subscription has endpoint, p256dh and auth)"
        return self._endpoint_problem(settings) or _keys_problem(settings)

    def _endpoint_problem(self, settings: Mapping[str, str]) -> str | None:
        """Anybody who signs in can make us call an address: a public one, by https, and nothing else."""
        url = _url(settings["endpoint"])
        if url is None:
            return "endpoint: must be an address like https://push.example.com/abc"
        if self._is_guarded(settings) and (url.scheme != "https" or is_private_host(url.host or "")):
            return "endpoint: must be a public address that begins with https://"
        return None

    def _is_guarded(self, settings: Mapping[str, str]) -> bool:
        return settings.get("subscribed", "") != "" and not self._allow_private

    def lane(self, settings: Mapping[str, str]) -> str:
        url = _url(settings.get("endpoint", ""))
        return "invalid" if url is None else f"{url.host_subcomponent}:{url.port}"

    async def open(self) -> None:
        for guarded in (False, True):
            connector = aiohttp.TCPConnector(
                limit=self.concurrency,
                limit_per_host=self.lane_limit,
                resolver=PublicNames() if guarded else Names(),
                ttl_dns_cache=30,
            )
            self._sessions[guarded] = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
            )

    async def close(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        lifetime = PAGE_SECONDS if message.type == "page" else UPDATE_SECONDS
        urgency = "high" if message.type == "page" else "normal"
        if message.public_only:
            settings = {**settings, "subscribed": "yes"}
        return await self.push(settings, note(message), message.sent_at, lifetime, urgency)

    async def push(
        self, settings: Mapping[str, str], note: Note, now: datetime, lifetime: int, urgency: str
    ) -> Receipt:
        """Send one note to one browser, kept for `lifetime` seconds while it is away. Raises DeliveryError."""
        if (problem := self.problem(settings)) is not None:
            raise DeliveryError(problem, permanent=True)
        if not settings.get("endpoint"):
            text = "no browser is subscribed: open Your account on the phone or computer that shall be reached"
            raise DeliveryError(text, permanent=True)
        session = self._sessions.get(self._is_guarded(settings))
        if session is None:
            raise DeliveryError("this process is stopping", permanent=False)
        url, place = URL(settings["endpoint"], encoded=True), self.lane(settings)
        headers, body = self._sealed(settings, note, url, now)
        headers |= {"TTL": str(lifetime), "Urgency": urgency, "Topic": _topic(note.tag)}
        try:
            async with asyncio.timeout(self.timeout):
                async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                    return _judge(response, place, now)
        except TimeoutError:
            raise DeliveryError(f"{place} did not answer within {self.timeout:g} s", permanent=False) from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddressError):
                raise DeliveryError(f"{place} leads into a private network", permanent=True) from None
            raise network_error(place, error) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise network_error(place, error) from None

    def _sealed(self, settings: Mapping[str, str], note: Note, url: URL, now: datetime) -> tuple[dict[str, str], bytes]:
        """Headers and body that only this browser can read, and that its push service knows to be from us."""
        library = self._load()
        try:
            body = library.encrypt({name: settings[name] for name in _KEYS}, msgspec.json.encode(note))
        except ValueError:
            raise DeliveryError("p256dh: is not a public key of a browser", permanent=True) from None
        headers = {
            "Authorization": library.authorize(str(url.origin()), int(now.timestamp()) + 12 * 3600),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
        }
        return headers, body


def note(message: Message) -> Note:
    """A page or an update as a notification: severity and title, then the service and why."""
    case, at = message.incident, message.sent_at.isoformat()
    if message.news is not None:
        news = message.news
        return Note(
            kind="update", title=_short(news.heading, _TITLE), body=_short(news.text, _BODY), url=news.url, at=at,
            tag=f"news-{hashlib.sha256(message.key.encode()).hexdigest()[:12]}",
        )  # fmt: skip
    more = f" and {len(message.bundled)} more" if message.bundled else ""
    lines = [f"{case.service_name or case.service or 'No service'}, {case.name}{more}", message.reason]
    return Note(
        kind=message.type, title=_short(f"{case.severity[:4].upper()} {case.title}", _TITLE),
        body=_short("\n".join(clean(line) for line in lines if line), _BODY, lines=True), tag=case.id, url=case.url,
        acknowledge_url=message.acknowledge_url if message.type == "page" else "", at=at,
    )  # fmt: skip


def _short(text: str, most: int, *, lines: bool = False) -> str:
    text = text if lines else clean(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _topic(tag: str) -> str:
    """Of several waiting for a browser that is away, only the last about one incident is kept. At most 32 letters of base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(tag.encode()).digest()[:18]).decode()


def _url(text: str) -> URL | None:
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > 2000:
        return None
    try:
        url = URL(text, encoded=True)
        fine = url.scheme in ("http", "https") and bool(url.host) and bool(url.port) and not url.user
    except ValueError:
        return None
    return url if fine else None


def _keys_problem(settings: Mapping[str, str]) -> str | None:
    for name, size in _KEYS.items():
        text = settings[name]
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if text.isascii() else b""
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != size:
            return f"{name}: must be {size} bytes in base64url, as the browser's subscription has them"
    return None


def _judge(response: aiohttp.ClientResponse, place: str, now: datetime) -> Receipt:
    status = response.status
    if 200 <= status < 300:
        return Receipt(f"accepted by {place} (HTTP {status})")
    if status in (404, 410):
        raise DeliveryError(f"{place} no longer knows this browser (HTTP {status})", permanent=True, gone=True)
    text = f"{place} answered HTTP {status}"
    if status == 429 or status >= 500:
        raise DeliveryError(text, permanent=False, retry_after=retry_after(response.headers, now))
    if status in (401, 403):
        text += ": it does not take messages from this installation; subscribe the browser again"
    raise DeliveryError(text, permanent=True)
