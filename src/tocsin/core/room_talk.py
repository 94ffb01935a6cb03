"""What a room outside is told: the timeline becomes messages, and what stands above the talk (topic, summary, people) follows. Pure.

A room remembers what it was told (`Said`), so a topic goes out when it has changed and not otherwise, whatever changed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tocsin.core.markup import visible
from tocsin.core.room import EventKind
from tocsin.core.severity import Severity

SILENT = frozenset(
    (
        "paged", "notified", "notification_failed", "page_undelivered", "copied", "alerts_joined", "alert_resolved",
        "alert_acknowledged", "alerts_hidden", "step_ticked", "response_step", "handover_offered", "snooze_ended",
    )
)  # fmt: skip
"""Kinds of entries that are not told: the machinery of paging and of alerts, which the incident's page shows."""
LONGEST_TOPIC = 250
"""Characters: what the strictest chat takes."""
LONGEST_MESSAGE = 4_000
LONGEST_SUMMARY = 3_000


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who belongs into the room, and why: `assignee`, `responder`, or the role they hold."""

    user: str
    name: str
    email: str
    why: str


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a room shows of an incident. `roles`, `known` and `actions` are lines for people."""

    title: str
    severity: Severity
    status: str
    commander: str
    since: datetime
    url: str
    impact: str = ""
    roles: Sequence[str] = ()
    known: Sequence[str] = ()
    actions: Sequence[str] = ()
    next_update_at: datetime | None = None
    guests: Sequence[Guest] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the timeline. `author` is what people call the actor."""

    id: int
    seq: int
    at: datetime
    kind: str
    actor: str
    author: str
    details: str
    data: Mapping[str, Any]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a room was told last."""

    topic: str = ""
    summary: str = ""
    invited: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell a room."""

    kind: EventKind
    body: dict[str, Any]


def talk(
    about: About, entries: Sequence[Entry], said: Said, origin: str, *, opening: bool, more: bool = False
) -> tuple[list[Event], Said]:
    """What a room is told now, in order, and what it was told then. `origin`: the room as messages name it; what was said there is
    not told there again. `opening`: it is opened first. `more`: there are more entries, so what stands above the talk can wait.
    """
    events: list[Event] = []
    topic = topic_of(about)
    if opening:
        events.append(Event(kind="open", body=topic))
        said = Said(topic=topic["text"])
        events += _above(about, said)
        said = _after(said, events)
    events += [_message(entry) for entry in entries if _told(entry, origin)]
    if not more:
        above = _above(about, said)
        events += above
        said = _after(said, above)
    return events, said


def topic_of(about: About) -> dict[str, str]:
    """`SEV1 · investigating · IC Alice Ng · Checkout is down`."""
    commander = f"IC {about.commander}" if about.commander else "no IC"
    parts = (about.severity.name, about.status, commander, one_line(about.title))
    text = " · ".join(parts)
    return {
        "text": text if len(text) <= LONGEST_TOPIC else f"{text[: LONGEST_TOPIC - 1]}…",
        "severity": about.severity.key,
        "status": about.status,
        "commander": about.commander,
    }


def summary_of(about: About) -> str:
    """What somebody who comes in needs to know, in lines."""
    lines = [
        f"{about.severity.name}, {about.status}, since {about.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC:"
        f" {one_line(about.title)}",
        f"Impact: {one_line(about.impact)}" if about.impact else "Impact: not known yet",
        *([", ".join(about.roles)] if about.roles else []),
        *(["What we know:", *(f"- {one_line(text)}" for text in about.known)] if about.known else []),
        *(["Who does what:", *(f"- {one_line(text)}" for text in about.actions)] if about.actions else []),
        *([f"Next update: {about.next_update_at.astimezone(UTC):%H:%M} UTC"] if about.next_update_at else []),
    ]
    text = "\n".join(lines)
    cut = text if len(text) <= LONGEST_SUMMARY else f"{text[:LONGEST_SUMMARY]}…"
    return f"{cut}\n{about.url}"


def one_line(text: str) -> str:
    """Without what cannot be seen, or would turn the direction of what follows."""
    return " ".join(visible(text).split())


def _above(about: About, said: Said) -> list[Event]:
    """Topic, summary and invitations, as far as the room has them otherwise."""
    topic, summary = topic_of(about), summary_of(about)
    people = [guest for guest in about.guests if guest.user not in said.invited]
    return [
        *([Event(kind="topic", body=topic)] if topic["text"] != said.topic else []),
        *([Event(kind="pin", body={"text": summary})] if summary != said.summary else []),
        *([Event(kind="invite", body={"people": msgspec.to_builtins(people)})] if people else []),
    ]


def _after(said: Said, events: Sequence[Event]) -> Said:
    for event in events:
        match event.kind:
            case "topic":
                said = msgspec.structs.replace(said, topic=event.body["text"])
            case "pin":
                said = msgspec.structs.replace(said, summary=event.body["text"])
            case "invite":
                invited = (*said.invited, *(one["user"] for one in event.body["people"]))
                said = msgspec.structs.replace(said, invited=invited)
    return said


def _told(entry: Entry, origin: str) -> bool:
    return entry.kind not in SILENT and entry.data.get("origin") != origin


def _message(entry: Entry) -> Event:
    text = visible(entry.details).strip()
    body = {
        "entry": entry.id,
        "at": entry.at.isoformat(),
        "kind": entry.kind,
        "actor": entry.actor,
        "author": entry.author,
        "text": text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…",
        "audience": _audience(entry),
    }
    return Event(kind="message", body=body)


def _audience(entry: Entry) -> str:
    """For whom a message was written, when it was not for those in the room: so nobody mistakes a public word for talk (S0-50)."""
    audience = entry.data.get("audience") or entry.data.get("channel") or ""
    return audience if isinstance(audience, str) else ""
