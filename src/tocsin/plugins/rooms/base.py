"""The contract of a room: it opens one for an incident, names and describes it, invites people, pins a summary, carries messages.

Each call carries one event of one incident, in order, outside any transaction, and either returns or raises DeliveryError, which
says whether trying again is of use; when to try again is not the room's business (flow/rooms.py). A call may come twice with the
same key, when it is not known whether the first one arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from tocsin.plugins.channels.base import Brief, Field, Receipt


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event goes. `room` is the id of the configured room, `name` what this incident's is called (`inc-20261120-payments-041`).

    `ref` and `url` are what `open` gave back (empty before). `reply_url` takes messages from there. `public_only`: a person typed the
    address, so it may not lead into a private network. `key` is the same on every retry of this event; `order` rises with the events
    of this incident in this room from 1.
    """

    room: str
    settings: Mapping[str, str]
    incident: Brief
    name: str
    ref: str
    url: str
    key: str
    order: int
    sent_at: datetime
    reply_url: str = ""
    public_only: bool = False


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """The line above the room: `SEV1 · investigating · IC Alice Ng · Checkout is down`. `text` is all of it."""

    text: str
    severity: str
    status: str
    commander: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to be invited. `why`: `responder`, `assignee`, or a role in the incident."""

    user: str
    name: str
    email: str
    why: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `kind` is the kind of the timeline entry behind it, `audience` for whom it was written (empty: responders)."""

    entry: int
    at: datetime
    kind: str
    actor: str
    author: str
    text: str
    audience: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What is known now, for whoever comes in: pinned above the talk, replaced as a whole. `text` has several lines."""

    text: str


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The room stands. `ref` is how its provider calls it, `url` how people get there (may be empty)."""

    receipt: Receipt
    ref: str = ""
    url: str = ""


class Room(Protocol):
    """One kind of room, made by the registry. `timeout` (seconds) bounds one call; calls of one `lane` share `lane_limit` places.

    `listens`: people may talk back from there, through the signed door `POST /talk/{room}`.
    """

    type: str
    label: str
    fields: tuple[Field, ...]
    listens: bool
    timeout: float
    lane_limit: int

    def problem(self, settings: Mapping[str, str]) -> str | None:
        """Why these settings can never work (None: they may), naming the field and the fix. No network."""
        ...

    def lane(self, settings: Mapping[str, str]) -> str:
        """The provider behind these settings (a host name)."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def open(self, place: Place, topic: Topic) -> Opened:
        """Make the room called `place.name`, or find the one that an earlier call made."""
        ...

    async def set_topic(self, place: Place, topic: Topic) -> Receipt: ...

    async def invite(self, place: Place, people: Sequence[Person]) -> Receipt: ...

    async def pin(self, place: Place, summary: Summary) -> Receipt: ...

    async def post(self, place: Place, line: Line) -> Receipt: ...

    async def close(self, place: Place, why: Literal["resolved", "closed", "merged", "private"]) -> Receipt:
        """The talk is over: archive it. What was said stays readable."""
        ...
