"""PagerDuty Events API v2: events (`POST /v2/enqueue`) and changes (`POST /v2/change/enqueue`).

What is wrong with an event is said as the real one says it. Optional fields never cost a page: a timestamp that is no time and
links that are no links are left out; texts that are too long are cut, except the dedup key, which would become another alert.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.core.event import Event
from tocsin.plugins.sources.base import Parsed, Refused, Snippet
from tocsin.plugins.sources.text import LABEL, TITLE, deep, encode, link, moment, scalars, without_nul

DEDUP_KEY = 255
KEY = 32
SEVERITIES = ("critical", "error", "warning", "info")
ACTIONS = ("trigger", "acknowledge", "resolve")


class _Payload(msgspec.Struct, gc=False):
    summary: str | None = None
    source: str | None = None
    severity: Literal["critical", "error", "warning", "info"] | None = None
    timestamp: Any = None
    component: str | None = None
    group: str | None = None
    class_: str | None = msgspec.field(name="class", default=None)
    custom_details: Any = None


class _Enqueue(msgspec.Struct, gc=False):
    routing_key: str
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: str | None = None
    payload: _Payload | None = None
    client: str | None = None
    client_url: str | None = None
    links: Any = None
    images: Any = None


class _ChangePayload(msgspec.Struct, gc=False):
    summary: str
    source: str | None = None
    timestamp: Any = None
    custom_details: Any = None


class _Change(msgspec.Struct, gc=False):
    routing_key: str
    payload: _ChangePayload
    links: Any = None
    images: Any = None


_decode_event = msgspec.json.Decoder(_Enqueue).decode
_decode_change = msgspec.json.Decoder(_Change).decode
_decode_any = msgspec.json.Decoder().decode
_encode_text = msgspec.json.Encoder().encode

_WORDS = {
    400: ("invalid event", "Event object is invalid"),
    405: ("method not allowed", "Send events with POST"),
    413: ("invalid event", "Event object is too large"),
    415: ("unsupported media type", "Event object cannot be read in this form"),
    503: ("unavailable", "The event was not stored: send it again"),
}


class EventsFormat:
    """The answers that all three PagerDuty formats share."""

    types = frozenset({"pagerduty"})
    insists_on_json = False

    def refused(self, status: int, problem: str) -> Refused:
        return invalid([problem], status)


def invalid(errors: Sequence[str], status: int = 400) -> Refused:
    """The three-field error body."""
    word, message = _WORDS.get(status, ("error", "The event was not stored"))
    return Refused(status, encode({"status": word, "message": message, "errors": list(errors)}))


def unrecognized(error: str = "JSON parse error") -> Refused:
    """What does not even look like an event object."""
    body = {"status": "Unrecognized object", "message": "Event object format is unrecognized", "errors": [error]}
    return Refused(400, encode(body))


UNRECOGNIZED = unrecognized()
NOT_AN_OBJECT = unrecognized("Event object is not a JSON object")
TOO_DEEP = unrecognized("JSON parse error: nested too deeply")


def new_dedup_key() -> str:
    """For a trigger without one: always a new alert."""
    return os.urandom(16).hex()


def look_again(body: bytes) -> dict[str, Any] | Refused:
    """The body as an untyped object, for finding out what is wrong with it."""
    try:
        sent = _decode_any(body)
    except RecursionError:
        return TOO_DEEP
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UNRECOGNIZED
    return sent if isinstance(sent, dict) else NOT_AN_OBJECT


def blank(value: Any) -> bool:
    """Anything but a text with something in it."""
    return not isinstance(value, str) or not value.strip()


def key_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def links_of(value: Any) -> list[dict[str, str]]:
    """Those of the links that lead somewhere, as `{href, text}`."""
    return [
        {"href": href, "text": key_of(item.get("text"))[:TITLE]}
        for item in _objects(value)
        if (href := link(key_of(item.get("href"))))
    ]


def images_of(value: Any) -> list[dict[str, str]]:
    """Those of the images that can be shown, as `{src, href, alt}`."""
    return [
        {"src": src, "href": link(key_of(item.get("href"))), "alt": key_of(item.get("alt"))[:TITLE]}
        for item in _objects(value)
        if (src := link(key_of(item.get("src"))))
    ]


def _objects(value: Any) -> Iterable[dict[str, Any]]:
    return (item for item in value[:100] if isinstance(item, dict)) if isinstance(value, list) else ()


def complain_key(value: Any, name: str) -> list[str]:
    return [f"'{name}' is missing or blank"] if blank(value) else []


def complain_dedup(value: Any, required: bool, name: str) -> list[str]:
    if value is not None and not isinstance(value, str):
        return [f"'{name}' is invalid (must be a string)"]
    if required and not value:
        return [f"'{name}' is missing or blank"]
    if value and len(value) > DEDUP_KEY:
        return [f"Length of '{name}' is incorrect (should be at most {DEDUP_KEY} characters)"]
    return []


def complain_texts(sent: dict[str, Any], names: Iterable[str], prefix: str = "") -> list[str]:
    return [
        f"'{prefix}{name}' is invalid (must be a string)"
        for name in names
        if sent.get(name) is not None and not isinstance(sent[name], str)
    ]


def _complaints(sent: dict[str, Any]) -> list[str]:
    """Everything that is wrong with an event, in the order of its fields. The payload counts for triggers only."""
    action = sent.get("event_action")
    found = complain_key(sent.get("routing_key"), "routing_key")
    if action not in ACTIONS:
        found.append(f"event_action is invalid (must be one of: {' '.join(ACTIONS)})")
    found += complain_dedup(sent.get("dedup_key"), action in ACTIONS[1:], "dedup_key")
    if action == "trigger":
        found += _payload_complaints(sent.get("payload"))
        found += complain_texts(sent, ("client", "client_url"))
    return found


def _payload_complaints(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank" if payload is None else "'payload' is invalid (must be an object)"]
    found = [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if blank(payload.get(name))]
    if payload.get("severity") is None:
        found.append("'payload.severity' is missing or blank")
    elif payload["severity"] not in SEVERITIES:
        found.append(f"'payload.severity' is invalid (must be one of: {' '.join(SEVERITIES)})")
    return found + complain_texts(payload, ("component", "group", "class"), "payload.")


class PagerDuty(EventsFormat):
    """Events API v2: trigger, acknowledge, resolve."""

    name = "pagerduty"
    label = "PagerDuty Events v2"
    door = "/v2/enqueue"
    accepted_status = 202
    key_field = "routing_key"

    def parse(self, body: bytes, now: datetime) -> Parsed:
        if b"\\u0000" in body:
            body = without_nul(body)
        try:
            sent = _decode_event(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._second_look(body)
        dedup = sent.dedup_key
        if not sent.routing_key or (dedup is not None and len(dedup) > DEDUP_KEY):
            return self._second_look(body)
        if sent.event_action == "trigger":
            event = _trigger(sent, body)
            return self._second_look(body) if event is None else Parsed([event], sent.routing_key)
        if not dedup:
            return self._second_look(body)
        return Parsed([Event(action=sent.event_action, dedup_key=dedup)], sent.routing_key)

    def _second_look(self, body: bytes) -> Parsed:
        sent = look_again(body)
        if isinstance(sent, Refused):
            return Parsed([], refusal=sent)
        key = key_of(sent.get("routing_key"))
        if complaints := _complaints(sent):
            return Parsed([], key, invalid(complaints))
        if sent["event_action"] == "trigger":
            return Parsed([], key, TOO_DEEP)
        return Parsed([Event(action=sent["event_action"], dedup_key=sent["dedup_key"])], key)

    def accepted(self, parsed: Parsed) -> bytes:
        dedup = _encode_text(parsed.events[0].dedup_key)
        return b'{"status":"success","message":"Event processed","dedup_key":%b}' % dedup

    def snippets(self, base_url: str, key: str) -> Sequence[Snippet]:
        event = (
            f'{{"routing_key": "{key}", "event_action": "trigger", "dedup_key": "test-1", '
            '"payload": {"summary": "A test from the shell", "source": "my laptop", "severity": "warning"}}'
        )
        return (
            Snippet("curl", f"curl -H 'Content-Type: application/json' {base_url}{self.door} -d '{event}'"),
            Snippet(
                "Alertmanager",
                f"receivers:\n  - name: tocsin\n    pagerduty_configs:\n"
                f"      - url: {base_url}{self.door}\n        routing_key: {key}\n        send_resolved: true\n"
                + _SAID_BY_ALERTMANAGER,
            ),
            Snippet(
                "Python (pdpyras)",
                f'import pdpyras\n\nsession = pdpyras.EventsAPISession("{key}")\nsession.url = "{base_url}"\n'
                'session.trigger("A test from Python", "my laptop")\n',
            ),
        )


_SAID_BY_ALERTMANAGER = """\
        severity: >-
          {{ if eq .CommonLabels.severity "critical" "error" "warning" "info" }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}
        description: >-
          {{ with .CommonAnnotations.summary }}{{ . }}{{ else }}{{ template "pagerduty.default.description" . }}{{ end }}
"""
"""Left to itself Alertmanager calls every alert an `error`, by a title like `[FIRING:1] DiskFull (critical)`."""


def _trigger(sent: _Enqueue, body: bytes) -> Event | None:
    """None when the event is not complete."""
    payload = sent.payload
    if payload is None:
        return None
    summary, source, severity, details = payload.summary, payload.source, payload.severity, payload.custom_details
    if not summary or not source or severity is None or summary.isspace() or source.isspace() or deep(body, details):
        return None
    labels = scalars(details)
    labels["source"] = source[:LABEL]
    labels["severity"] = severity
    if payload.component:
        labels["component"] = payload.component[:LABEL]
    if payload.group:
        labels["group"] = payload.group[:LABEL]
    if payload.class_:
        labels["class"] = payload.class_[:LABEL]
    return Event(
        action="trigger",
        dedup_key=sent.dedup_key or new_dedup_key(),
        title=summary if len(summary) <= TITLE else summary[:TITLE],
        severity=severity,
        source=source if len(source) <= TITLE else source[:TITLE],
        labels=labels,
        details=details,
        links=links_of(sent.links) if sent.links else [],
        images=images_of(sent.images) if sent.images else [],
        client=sent.client or "",
        client_url=link(sent.client_url),
        starts_at=moment(payload.timestamp),
    )


class PagerDutyChange(EventsFormat):
    """Change events: kept with the service, never page anybody."""

    name = "pagerduty_change"
    label = "PagerDuty change events"
    door = "/v2/change/enqueue"
    accepted_status = 202
    key_field = "routing_key"

    def parse(self, body: bytes, now: datetime) -> Parsed:
        body = without_nul(body)
        try:
            sent = _decode_change(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._refuse(body)
        payload = sent.payload
        if blank(sent.routing_key) or blank(payload.summary) or deep(body, payload.custom_details):
            return self._refuse(body)
        event = Event(
            action="change",
            dedup_key=new_dedup_key(),
            title=payload.summary[:TITLE],
            source=(payload.source or "")[:TITLE],
            labels={"source": payload.source[:LABEL]} if payload.source else {},
            details=payload.custom_details,
            links=links_of(sent.links),
            images=images_of(sent.images),
            starts_at=moment(payload.timestamp) or now,
        )
        return Parsed([event], sent.routing_key)

    def _refuse(self, body: bytes) -> Parsed:
        sent = look_again(body)
        if isinstance(sent, Refused):
            return Parsed([], refusal=sent)
        payload = sent.get("payload")
        found = complain_key(sent.get("routing_key"), "routing_key")
        if not isinstance(payload, dict):
            found.append("'payload' is missing or blank")
        else:
            found += ["'payload.summary' is missing or blank"] if blank(payload.get("summary")) else []
            found += complain_texts(payload, ("source",), "payload.")
        return Parsed([], key_of(sent.get("routing_key")), invalid(found) if found else TOO_DEEP)

    def accepted(self, parsed: Parsed) -> bytes:
        return b'{"status":"success","message":"Change event processed"}'

    def snippets(self, base_url: str, key: str) -> Sequence[Snippet]:
        change = f'{{"routing_key": "{key}", "payload": {{"summary": "Deployed 1.2.3", "source": "ci"}}}}'
        return (
            Snippet(
                "Tell of a deployment",
                f"curl -H 'Content-Type: application/json' {base_url}{self.door} -d '{change}'",
            ),
        )
