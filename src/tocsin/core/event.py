"""What a source sent, in one shape whatever the wire format was."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

Action = Literal["trigger", "acknowledge", "resolve", "change"]


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event. Texts are already cleaned (no NUL, no lone surrogates, cut to their limits) by the source that made it.

    `severity` is the source's own word (`critical`, `P2`, `page`) or None; `core.severity.from_source` reads it.
    `details` is any JSON value. `ends_at` is when the alert resolves by itself unless it is sent again (None: never).
    `group` is the sender's own group key (Alertmanager's `groupKey`), kept for people, not used for dedup.
    """

    action: Action
    dedup_key: str
    title: str = ""
    severity: str | None = None
    source: str = ""
    labels: dict[str, str] = {}
    details: Any = None
    annotations: dict[str, str] = {}
    links: list[dict[str, str]] = []
    images: list[dict[str, str]] = []
    client: str = ""
    client_url: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    fingerprint: str = ""
    group: str = ""
