"""The contract of a source: bytes of one wire format in, events out, and the exact words in which that format refuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from tocsin.core.event import Event

LIMIT = 524_288
"""Bodies larger than this many bytes (512 KB) are refused with 413 at every door."""

JSON = "application/json"


class Refused(msgspec.Struct, frozen=True):
    """An answer other than success: HTTP status, the whole body in the sender's own format, and its content type."""

    status: int
    body: bytes
    content_type: str = JSON


class Parsed(msgspec.Struct, gc=False):
    """What a body held. Events are stored even when `refusal` is set (one bad alert never costs its neighbours theirs).

    `key` is the integration key when the format carries it in the body, else empty (the path has it).
    The `labels` of events may be shared between events: read them, never change them.
    """

    events: list[Event]
    key: str = ""
    refusal: Refused | None = None


class Snippet(NamedTuple):
    """Something to paste into the sender: a title for people and the text."""

    title: str
    text: str


class Source(Protocol):
    """One wire format. `name` is unique; keys of integrations whose type is in `types` may use its door.

    `parse` has no side effects; it draws a random dedup key only when a trigger came without one.
    """

    name: str
    label: str
    types: frozenset[str]
    door: str
    """The path, with `{key}` where the integration key stands."""
    accepted_status: int
    key_field: str
    """The field of the body that holds the key; empty when the path does."""
    insists_on_json: bool
    """Refuse with 415 what is not declared as JSON."""

    def parse(self, body: bytes, now: datetime) -> Parsed: ...

    def accepted(self, parsed: Parsed) -> bytes:
        """The body of the success answer, after the events are committed."""
        ...

    def refused(self, status: int, problem: str) -> Refused:
        """`problem` (a sentence) in the format's own error shape."""
        ...

    def snippets(self, base_url: str, key: str) -> Sequence[Snippet]:
        """How to point a sender at this door; `base_url` is ours, without trailing slash."""
        ...
