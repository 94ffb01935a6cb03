"""The contract of a channel: it describes its fields, sends one message, and says of an error whether it is permanent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

import msgspec


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a contact method; forms, validation, CLI help and docs are made from it."""

    name: str
    label: str
    kind: Literal["text", "url", "email", "secret"]
    required: bool = True
    help: str = ""


def field_problem(fields: tuple[Field, ...], settings: Mapping[str, str]) -> str | None:
    """What every channel refuses: a required field that is missing or empty, a field that it does not have."""
    for field in fields:
        if field.required and not settings.get(field.name, "").strip():
            hint = f" ({field.help})" if field.help else ""
            return f"{field.name}: is missing{hint}"
    known = [field.name for field in fields]
    for name in settings:
        if name not in known:
            return f"{name}: there is no such field here; known are {', '.join(known)}"
    return None


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says of an incident. `service` is an id, `url` leads to the room, texts are plain and may hold
    anything."""

    id: str
    number: int
    name: str
    title: str
    severity: str
    status: str
    service: str | None
    service_name: str
    url: str
    created_at: datetime
    description: str = ""
    alerts_count: int = 0


class News(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """News that somebody wrote, or that is about no incident (a shift that changed): plain text, of which `text` may have several
    lines."""

    heading: str
    text: str
    url: str
    sender: str = ""
    """For a letter to a subscriber, who is no user: in whose name it comes. Then `unsubscribe` is an address to which a POST ends it
    (RFC 8058), letters of one `thread` answer each other, and `button` says where `url` leads."""
    unsubscribe: str = ""
    thread: str = ""
    button: str = ""
    calendar: str = ""
    """An appointment (iCalendar, METHOD:REQUEST or CANCEL) that comes along."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One notification. `key` is the idempotency key: the same on every retry of this notification.

    `reason` is a sentence for the person ("You are on call for Payments primary"). `step` counts from 1.
    `acknowledge_url` is empty when there is nothing to acknowledge. `bundled` holds further incidents that travel in
    the same message (only for channels with `bundles`), which the one link answers too. `sent_at` is the time of this attempt.
    `public_only`: a person typed the address, so it may not lead into a private network.
    """

    type: Literal["page", "update"]
    key: str
    page_id: str
    reason: str
    step: int
    user: str
    user_name: str
    time_zone: str
    incident: Brief
    acknowledge_url: str
    sent_at: datetime
    instance: str = ""
    bundled: tuple[Brief, ...] = ()
    public_only: bool = False
    role: str = ""
    """Why this very person: who stands on their tier, what they know and can do (empty when no tier paged them)."""
    news: News | None = None
    """What the message says instead: an update that somebody wrote, or news that is about no incident (`incident` then only repeats
    its heading and address, and has no id)."""


class Receipt(msgspec.Struct, frozen=True):
    """The provider's yes: `text` is shown to people (`HTTP 200`, `250 2.0.0 OK`)."""

    text: str


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says later of what it accepted. `receipt` is the text of its Receipt.

    Such words come in any order: of two the one with the higher `rank` holds. `text` is shown to people.
    """

    receipt: str
    status: str
    rank: int
    outcome: Literal["", "arrived", "failed"]
    text: str


class DeliveryError(Exception):
    """Not delivered. `permanent`: trying again the same way is pointless. `retry_after` (seconds): the provider's wish.
    `gone`: the provider says that this device does not exist any more, so that it can be forgotten.

    The message is shown to people: it never holds a secret or a URL's path, query or credentials.
    """

    def __init__(self, message: str, *, permanent: bool, retry_after: float | None = None, gone: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.gone = gone


class Bounced(DeliveryError):
    """Refused for good because of the address itself: it does not exist, or takes nothing from us."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class Channel(Protocol):
    """One kind of contact method, made by the registry.

    `lane` names what a send may block: sends of one lane share `lane_limit` places, all sends of the channel share
    `concurrency`, so a slow provider never delays another. `timeout` (seconds) bounds one send. `bundles`: one message may
    carry several incidents. `rings`: it disturbs (SMS, voice, push), so incidents are bundled, and people's limits and quiet hours
    hold (flow/gather). One that needs settings of the process may say with `unable` (a text, else empty) why it can send nothing.
    """

    type: str
    label: str
    fields: tuple[Field, ...]
    bundles: bool
    rings: bool
    concurrency: int
    lane_limit: int
    timeout: float

    def problem(self, settings: Mapping[str, str]) -> str | None:
        """Why these settings can never work (None: they may), naming the field and the fix. No network."""
        ...

    def lane(self, settings: Mapping[str, str]) -> str:
        """The provider behind these settings (a host name)."""
        ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        """Carry it; raise DeliveryError when the provider did not take it. Called outside any transaction."""
        ...
