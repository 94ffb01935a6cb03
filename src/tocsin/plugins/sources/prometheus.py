"""Being an Alertmanager: `POST /api/v2/alerts`, as Prometheus and amtool send it, with the answers of Alertmanager 0.25.

An alert is identified by its labels, resolved by an `endsAt` that has passed, and ends by itself at `endsAt` unless it is sent
again. Good alerts of a batch are stored though others are bad; what is no list of alerts is refused whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from tocsin.core.event import Event
from tocsin.plugins.sources import go
from tocsin.plugins.sources.alertmanager import TYPES, texts, title_of
from tocsin.plugins.sources.base import Parsed, Refused, Snippet
from tocsin.plugins.sources.labels import LabelSet, LabelSets
from tocsin.plugins.sources.text import in_utc, link, without_nul

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""When an alert without `endsAt` ends by itself."""


class _Alert(msgspec.Struct, gc=False):
    labels: msgspec.Raw = msgspec.Raw(b"")
    annotations: dict[str, str | None] | None = None
    startsAt: datetime | None = None
    endsAt: datetime | None = None
    generatorURL: str | None = None


class _LooseAlert(msgspec.Struct, gc=False):
    """The same with the times as texts: not all that Go reads as a time is RFC 3339."""

    labels: msgspec.Raw = msgspec.Raw(b"")
    annotations: dict[str, str | None] | None = None
    startsAt: str | None = None
    endsAt: str | None = None
    generatorURL: str | None = None


_decode = msgspec.json.Decoder(list[_Alert] | None).decode
_decode_loose = msgspec.json.Decoder(list[_LooseAlert] | None).decode
_ABSENT = (b"", b"null")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Prometheus:
    """The Alertmanager v2 API's door for alerts."""

    name = "prometheus"
    label = "Prometheus (as its Alertmanager)"
    types = TYPES
    door = "/integrations/{key}/api/v2/alerts"
    accepted_status = 200
    key_field = ""
    insists_on_json = True

    def __init__(self) -> None:
        self._labels = LabelSets()

    def parse(self, body: bytes, now: datetime) -> Parsed:
        body = without_nul(body)
        try:
            alerts = _decode(body)
        except _UNREADABLE:
            return self._second_look(body, now)
        return self._events(alerts or [], now)

    def _events(self, alerts: list[_Alert], now: datetime) -> Parsed:
        known = []
        for position, alert in enumerate(alerts):
            raw = bytes(alert.labels)
            if raw in _ABSENT:
                return Parsed([], refusal=go.coded(422, f"{position}.labels in body is required", 602))
            try:
                known.append(self._labels.read(raw))
            except _UNREADABLE as error:
                told = go.problem(error, "models.LabelSet", "Alert.labels")
                return Parsed([], refusal=go.unparsable("alerts", told))
        events, problems = [], []
        expiry = now + RESOLVE_TIMEOUT
        for alert, labels in zip(alerts, known, strict=True):
            starts, ends = in_utc(alert.startsAt), in_utc(alert.endsAt)
            problem = labels.problem
            if starts is not None and ends is not None and ends < starts:
                problem = "start time must be before end time"
            if problem:
                problems.append(problem)
            else:
                events.append(_event(alert, labels, starts or ends or now, ends or expiry, now))
        return Parsed(events, refusal=go.quoted(400, "; ".join(problems)) if problems else None)

    def _second_look(self, body: bytes, now: datetime) -> Parsed:
        """Go reads more than RFC 3339 and UTF-8: try again as it would, or say why not as it would."""
        if not body.strip():
            return Parsed([], refusal=go.coded(422, "alerts in body is required", 602))
        try:
            alerts = _decode_loose(go.json(body)) or []
            timed = [_timed(alert) for alert in alerts]
        except go.BadTime as error:
            return Parsed([], refusal=go.unparsable("alerts", str(error)))
        except _UNREADABLE as error:
            return Parsed([], refusal=go.unparsable("alerts", go.problem(error, "models.PostableAlerts")))
        return self._events(timed, now)

    def accepted(self, parsed: Parsed) -> bytes:
        return b""

    def refused(self, status: int, problem: str) -> Refused:
        return go.coded(status, problem)

    def snippets(self, base_url: str, key: str) -> Sequence[Snippet]:
        url = urlsplit(base_url)
        prefix = f"{url.path}/integrations/{key}"
        return (
            Snippet(
                "prometheus.yml",
                f"alerting:\n  alertmanagers:\n    - scheme: {url.scheme}\n      path_prefix: {prefix}\n"
                f"      static_configs:\n        - targets: ['{url.netloc}']\n",
            ),
            Snippet("amtool", f"amtool --alertmanager.url={base_url}/integrations/{key} alert query"),
        )


def _event(alert: _Alert, labels: LabelSet, starts: datetime, ends: datetime, now: datetime) -> Event:
    annotations = texts(alert.annotations)
    return Event(
        action="trigger" if ends > now else "resolve",
        dedup_key=labels.fingerprint,
        title=title_of(annotations, labels),
        severity=labels.severity or None,
        source=labels.instance,
        labels=labels.labels,
        annotations=annotations,
        client_url=link(alert.generatorURL),
        starts_at=starts,
        ends_at=ends,
        fingerprint=labels.fingerprint,
    )


def _timed(alert: _LooseAlert) -> _Alert:
    return _Alert(
        labels=alert.labels,
        annotations=alert.annotations,
        startsAt=go.time(alert.startsAt),
        endsAt=go.time(alert.endsAt),
        generatorURL=alert.generatorURL,
    )
