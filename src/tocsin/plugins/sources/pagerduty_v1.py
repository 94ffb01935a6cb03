"""PagerDuty Events API v1 (`POST /generic/2010-04-15/create_event.json`), as healthchecks.io and Alertmanager's `service_key` speak it.

It has no severity, so an alert counts as SEV2. Labels: the scalar entries of `details`. Unknown and null fields are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.core.event import Event
from tocsin.plugins.sources.base import Parsed, Refused, Snippet
from tocsin.plugins.sources.pagerduty import (
    ACTIONS,
    DEDUP_KEY,
    TOO_DEEP,
    EventsFormat,
    blank,
    complain_dedup,
    complain_key,
    complain_texts,
    images_of,
    invalid,
    key_of,
    links_of,
    look_again,
    new_dedup_key,
)
from tocsin.plugins.sources.text import TITLE, deep, link, scalars, without_nul


class _Event(msgspec.Struct, gc=False):
    service_key: str
    event_type: Literal["trigger", "acknowledge", "resolve"]
    incident_key: str | None = None
    description: str | None = None
    details: Any = None
    client: str | None = None
    client_url: str | None = None
    contexts: Any = None


_decode = msgspec.json.Decoder(_Event).decode
_encode_text = msgspec.json.Encoder().encode


class PagerDutyV1(EventsFormat):
    """Events API v1: trigger, acknowledge, resolve."""

    name = "pagerduty_v1"
    label = "PagerDuty Events v1"
    door = "/generic/2010-04-15/create_event.json"
    accepted_status = 200
    key_field = "service_key"

    def parse(self, body: bytes, now: datetime) -> Parsed:
        body = without_nul(body)
        try:
            sent = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._second_look(body)
        if blank(sent.service_key) or len(sent.incident_key or "") > DEDUP_KEY or deep(body, sent.details):
            return self._second_look(body)
        if sent.event_type == "trigger":
            if blank(sent.description):
                return self._second_look(body)
            return Parsed([_trigger(sent)], sent.service_key)
        if not sent.incident_key:
            return self._second_look(body)
        return Parsed([Event(action=sent.event_type, dedup_key=sent.incident_key)], sent.service_key)

    def _second_look(self, body: bytes) -> Parsed:
        sent = look_again(body)
        if isinstance(sent, Refused):
            return Parsed([], refusal=sent)
        key = key_of(sent.get("service_key"))
        if complaints := _complaints(sent):
            return Parsed([], key, invalid(complaints))
        if sent["event_type"] == "trigger":
            return Parsed([], key, TOO_DEEP)
        return Parsed([Event(action=sent["event_type"], dedup_key=sent["incident_key"])], key)

    def accepted(self, parsed: Parsed) -> bytes:
        key = _encode_text(parsed.events[0].dedup_key)
        return b'{"status":"success","message":"Event processed","incident_key":%b}' % key

    def snippets(self, base_url: str, key: str) -> Sequence[Snippet]:
        event = (
            f'{{"service_key": "{key}", "event_type": "trigger", "incident_key": "test-1", '
            '"description": "A test from the shell"}'
        )
        return (Snippet("curl (v1)", f"curl -H 'Content-Type: application/json' {base_url}{self.door} -d '{event}'"),)


def _trigger(sent: _Event) -> Event:
    contexts = [c for c in sent.contexts if isinstance(c, dict)] if isinstance(sent.contexts, list) else []
    return Event(
        action="trigger",
        dedup_key=sent.incident_key or new_dedup_key(),
        title=(sent.description or "")[:TITLE],
        source=(sent.client or "")[:TITLE],
        labels=scalars(sent.details),
        details=sent.details,
        links=links_of([c for c in contexts if c.get("type") == "link"]),
        images=images_of([c for c in contexts if c.get("type") == "image"]),
        client=sent.client or "",
        client_url=link(sent.client_url),
    )


def _complaints(sent: dict[str, Any]) -> list[str]:
    """Everything that is wrong with an event, in the order of its fields."""
    action = sent.get("event_type")
    found = complain_key(sent.get("service_key"), "service_key")
    if action not in ACTIONS:
        found.append(f"event_type is invalid (must be one of: {' '.join(ACTIONS)})")
    found += complain_dedup(sent.get("incident_key"), action in ACTIONS[1:], "incident_key")
    if action == "trigger":
        if blank(sent.get("description")):
            found.append("'description' is missing or blank")
        found += complain_texts(sent, ("client", "client_url"))
    return found
