"""Tells a URL every event of a room, signed as Standard Webhooks say: whoever has a chat of their own builds the room there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import aiohttp
import msgspec
from yarl import URL

from tocsin import __version__
from tocsin.plugins.channels.base import DeliveryError, Field, Receipt
from tocsin.plugins.channels.failures import network_error, retry_after
from tocsin.plugins.channels.names import Names
from tocsin.plugins.channels.public import PrivateAddressError, PublicNames, is_private_host
from tocsin.plugins.channels.webhook import WebhookChannel
from tocsin.plugins.rooms.base import Line, Opened, Person, Place, Summary, Topic
from tocsin.plugins.rooms.signatures import sign

MOST_OF_AN_ANSWER = 64 * 1024
"""Bytes of an answer that are read: one that opens a room may hold its address."""


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent. `order` counts the events of this incident in this room from 1, `reply_url` takes messages back."""

    type: str
    room: str
    name: str
    ref: str
    order: int
    incident: dict[str, Any]
    data: dict[str, Any]
    reply_url: str
    sent_at: datetime


class _Answer(msgspec.Struct):
    """What a receiver may say when it opened a room: how it calls it, and how people get there."""

    ref: str = ""
    url: str = ""


class WebhookRoom:
    """POSTs to `url`. 2xx is delivered; 429, 5xx, silence and network errors are temporary; the rest is permanent."""

    type = "webhook"
    label = "Webhook"
    fields: tuple[Field, ...] = (
        Field(
            name="url", label="URL", kind="url", help="http or https; gets a POST with JSON for every event of a room"
        ),
        Field(
            name="secret",
            label="Signing secret",
            kind="secret",
            required=False,
            help="whsec_ and 24 to 64 random bytes in base64; signs each event, and the messages that come back",
        ),
    )
    listens = True
    timeout = 5.0
    lane_limit = 8

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        """By whether they reach public places only (the address was typed by a person)."""

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return _CHECKS.problem(settings)

    def lane(self, settings: Mapping[str, str]) -> str:
        return _CHECKS.lane(settings)

    async def start(self) -> None:
        for public, names in ((False, Names()), (True, PublicNames())):
            self._sessions[public] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=names, limit=64),
                headers={"User-Agent": f"Tocsin/{__version__}"},
            )

    async def stop(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def open(self, place: Place, topic: Topic) -> Opened:
        receipt, body = await self._send(place, "room.opened", {"topic": msgspec.to_builtins(topic)})
        answer = _read_answer(body)
        return Opened(receipt=receipt, ref=answer.ref[:500], url=answer.url if _is_link(answer.url) else "")

    async def set_topic(self, place: Place, topic: Topic) -> Receipt:
        return (await self._send(place, "room.topic", {"topic": msgspec.to_builtins(topic)}))[0]

    async def invite(self, place: Place, people: Sequence[Person]) -> Receipt:
        return (await self._send(place, "room.invited", {"people": msgspec.to_builtins(people)}))[0]

    async def pin(self, place: Place, summary: Summary) -> Receipt:
        return (await self._send(place, "room.pinned", {"summary": summary.text}))[0]

    async def post(self, place: Place, line: Line) -> Receipt:
        return (await self._send(place, "room.message", {"message": msgspec.to_builtins(line)}))[0]

    async def close(self, place: Place, why: Literal["resolved", "closed", "merged", "private"]) -> Receipt:
        return (await self._send(place, "room.closed", {"why": why}))[0]

    async def _send(self, place: Place, type: str, data: dict[str, Any]) -> tuple[Receipt, bytes]:
        """The receipt and what the receiver answered. Raises DeliveryError."""
        if (problem := self.problem(place.settings)) is not None:
            raise DeliveryError(problem, permanent=True)
        session, url = self._sessions.get(place.public_only), URL(place.settings["url"])
        if session is None:
            raise DeliveryError("this process is stopping", permanent=False)
        name = f"{url.host_subcomponent}:{url.port}"
        if place.public_only and is_private_host(url.raw_host or ""):
            raise DeliveryError(f"{name} leads into a private network", permanent=True)
        body = _body(place, type, data)
        try:
            async with session.post(
                url, data=body, headers=_headers(place, body), allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self.timeout),
            ) as answered:  # fmt: skip
                said = await answered.content.read(MOST_OF_AN_ANSWER)
                return _judge(answered.status, answered.headers, name, place.sent_at), said
        except TimeoutError:
            raise DeliveryError(f"{name} did not answer within {self.timeout:g} s", permanent=False) from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__ or error, PrivateAddressError) or isinstance(
                getattr(error, "os_error", None), PrivateAddressError
            ):
                raise DeliveryError(f"{name} leads into a private network", permanent=True) from None
            raise network_error(name, error) from None


_CHECKS = WebhookChannel()
"""The same address and secret as a contact method's, checked alike. (Nothing is sent by it.)"""


def _body(place: Place, type: str, data: dict[str, Any]) -> bytes:
    incident = place.incident
    shown = ("id", "number", "name", "title", "severity", "status", "service", "url", "created_at")
    event = _Event(
        type=type, room=place.room, name=place.name, ref=place.ref, order=place.order,
        incident={field: getattr(incident, field) for field in shown}, data=data, reply_url=place.reply_url,
        sent_at=place.sent_at.astimezone(UTC),
    )  # fmt: skip
    return msgspec.json.encode(event)


def _headers(place: Place, body: bytes) -> dict[str, str]:
    secret = place.settings.get("secret", "")
    signed = sign(secret, place.key, place.sent_at, body) if secret else {"webhook-id": place.key}
    return {"Content-Type": "application/json", "Idempotency-Key": place.key, **signed}


def _judge(status: int, headers: Mapping[str, str], name: str, now: datetime) -> Receipt:
    if 200 <= status < 300:
        return Receipt(f"HTTP {status}")
    text = f"{name} answered HTTP {status}"
    if status == 429 or status >= 500:
        raise DeliveryError(text, permanent=False, retry_after=retry_after(headers, now))
    if 300 <= status < 400:
        text += ": redirects are not followed, set the address it leads to"
    elif status in (401, 403):
        text += ": it refuses the credentials"
    raise DeliveryError(text, permanent=True)


def _read_answer(body: bytes) -> _Answer:
    """What the receiver said of the room it made; nothing when it said something else."""
    try:
        return msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return _Answer()


def _is_link(url: str) -> bool:
    """Whether people can be led there."""
    return url.startswith(("https://", "http://")) and len(url) <= 2000 and url.isprintable() and " " not in url
