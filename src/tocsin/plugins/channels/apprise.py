"""Carries a message over any of Apprise's services. Their yes means no more than: accepted."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from tocsin.plugins.channels.base import DeliveryError, Field, Message, Receipt, field_problem
from tocsin.plugins.channels.letters import push, subject
from tocsin.plugins.channels.public import leads_inside
from tocsin.plugins.channels.threads import in_thread

Tone = Literal["info", "warning", "failure"]
_PLACE = re.compile(r"(?:localhost|\[[0-9a-f:]+\]|(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63})(?::\d{1,5})?")
_TONES: dict[str, Tone] = {"sev1": "failure", "sev2": "failure", "sev3": "warning"}


class Outcome(NamedTuple):
    """`status`: `accepted`, `failed` or `timeout`. `code`: the provider's HTTP status, 0 when it is not known."""

    status: Literal["accepted", "failed", "timeout"]
    service: str
    code: int = 0


class Library(Protocol):
    """What this channel needs of the library, which costs too much time and memory to load before somebody uses it."""

    def problem(self, url: str) -> str | None: ...

    def notify(self, url: str, title: str, body: str, tone: Tone, timeout: float) -> Outcome:
        """Blocks. Raises ValueError when no service knows the URL."""
        ...


class AppriseChannel:
    """Refused addresses and credentials are permanent, everything else is temporary."""

    type = "apprise"
    label = "Apprise"
    fields: tuple[Field, ...] = (
        Field(name="url", label="Apprise URL", kind="secret", help="for example ntfys://ntfy.example.com/topic"),
    )
    bundles = True
    rings = True

    def __init__(
        self, load: Callable[[], Library], concurrency: int = 32, lane_limit: int = 8, timeout: float = 15.0
    ) -> None:
        self.concurrency, self.lane_limit, self.timeout = concurrency, lane_limit, timeout
        self._load = load
        self._running: Counter[str] = Counter()

    def problem(self, settings: Mapping[str, str]) -> str | None:
        """The first call loads the library and takes about a second: call it in a thread where others wait."""
        return field_problem(self.fields, settings) or self._load().problem(settings["url"])

    def lane(self, settings: Mapping[str, str]) -> str:
        """The URL's scheme, with the host when what stands in its place is one (it may be a token)."""
        try:
            parts = urlsplit(settings.get("url", ""))
        except ValueError:
            return "invalid"
        scheme, place = parts.scheme or "invalid", parts.netloc.rpartition("@")[2].lower()
        return f"{scheme}://{place}" if _PLACE.fullmatch(place) else scheme

    async def open(self) -> None:
        """Nothing is kept open."""

    async def close(self) -> None:
        """Nothing is kept open."""

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        if (problem := field_problem(self.fields, settings)) is not None:
            raise DeliveryError(problem, permanent=True)
        lane = self.lane(settings)
        if message.public_only and await leads_inside(settings["url"], named=False):
            raise DeliveryError(f"{lane} leads into a private network", permanent=True)
        if self._running[lane] >= self.lane_limit or self._running.total() >= self.concurrency:
            raise DeliveryError(f"{lane}: earlier messages are still under way", permanent=False)
        work = self._start(settings["url"], lane, message)
        try:
            async with asyncio.timeout(self.timeout):
                outcome = await asyncio.shield(work)
        except TimeoutError:
            text = f"{lane} did not answer within {self.timeout:g} s (the message may still arrive)"
            raise DeliveryError(text, permanent=False) from None
        except ValueError:
            text = "url: Apprise knows no such service, or the URL is not complete"
            raise DeliveryError(text, permanent=True) from None
        return _judge(outcome, lane, self.timeout)

    def _start(self, url: str, lane: str, message: Message) -> asyncio.Future[Outcome]:
        """Send in a thread. It keeps its place until it really ends, even when nobody waits for it any more."""
        title, body = subject(message), push(message)
        tone = _TONES.get(message.incident.severity[:4].lower(), "info") if message.type == "page" else "info"
        work = in_thread(lambda: self._load().notify(url, title, body, tone, self.timeout), "apprise")
        self._running[lane] += 1
        work.add_done_callback(lambda done: self._ended(lane, done))
        return work

    def _ended(self, lane: str, work: asyncio.Future[Outcome]) -> None:
        self._running[lane] -= 1
        if not self._running[lane]:
            del self._running[lane]
        if not work.cancelled():
            work.exception()  # heard by whoever waited; when nobody did, there is nobody to tell


def _judge(outcome: Outcome, lane: str, timeout: float) -> Receipt:
    if outcome.status == "accepted":
        return Receipt(f"accepted by {outcome.service}")
    if outcome.status == "timeout":
        raise DeliveryError(f"{lane} did not answer within {timeout:g} s", permanent=False)
    said = f" (HTTP {outcome.code})" if outcome.code else ""
    refused = 400 <= outcome.code < 500 and outcome.code not in (408, 429)
    raise DeliveryError(f"{outcome.service} ({lane}) did not take the message{said}", permanent=refused)
