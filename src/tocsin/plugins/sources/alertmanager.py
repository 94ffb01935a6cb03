"""Alertmanager's webhook, version 4, and what looks like it.

Each alert of the group speaks for itself: its own status, identified by its fingerprint. The group's key is kept for people. An
alert of the webhook has no end of its own (`endsAt` of a firing one is the zero time): it lasts until it is sent as resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.event import Event
from tocsin.plugins.sources import go
from tocsin.plugins.sources.base import Parsed, Refused, Snippet
from tocsin.plugins.sources.labels import LabelSet, LabelSets
from tocsin.plugins.sources.text import TITLE, encode, in_utc, launder, link, moment, without_nul

TYPES = frozenset({"alertmanager", "prometheus"})
_HEX = frozenset("0123456789abcdef")


class _Alert(msgspec.Struct, gc=False):
    labels: msgspec.Raw
    status: str = "firing"
    annotations: dict[str, str | None] | None = None
    startsAt: datetime | None = None
    generatorURL: str | None = None
    fingerprint: str | None = None


class _Webhook(msgspec.Struct, gc=False):
    alerts: list[_Alert]
    version: str = "4"
    groupKey: str | None = None
    externalURL: str | None = None


_decode = msgspec.json.Decoder(_Webhook).decode
_decode_any = msgspec.json.Decoder().decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def title_of(annotations: dict[str, str], labels: LabelSet) -> str:
    """The annotation `summary`, else `alertname`, else the labels themselves."""
    title = annotations.get("summary") or labels.alertname
    if not title or title.isspace():
        title = "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.labels.items())) + "}"
    return title if len(title) <= TITLE else title[:TITLE]


def texts(annotations: dict[str, str | None] | None) -> dict[str, str]:
    """Annotations without nulls."""
    if not annotations:
        return {}
    if None in annotations.values():
        return {name: value or "" for name, value in annotations.items()}
    return annotations  # type: ignore[return-value]  # no value is None, as just seen


class Alertmanager:
    """Webhook v4."""

    name = "alertmanager"
    label = "Alertmanager webhook"
    types = TYPES
    door = "/integrations/{key}/alertmanager"
    accepted_status = 200
    key_field = ""
    insists_on_json = False

    def __init__(self) -> None:
        self._labels = LabelSets()

    def parse(self, body: bytes, now: datetime) -> Parsed:
        body = without_nul(body)
        try:
            sent = _decode(body)
        except _UNREADABLE:
            return self._second_look(body)
        if sent.version != "4":
            return Parsed([], refusal=self.refused(422, _version(sent.version)))
        return self._events(enumerate(sent.alerts), sent.groupKey or "", sent.externalURL, [])

    def _events(
        self, alerts: Iterable[tuple[int, _Alert]], group: str, external: str | None, problems: list[str]
    ) -> Parsed:
        """`alerts` with their positions in the body; `problems`: what was wrong with the others."""
        events = []
        for position, alert in alerts:
            try:
                labels = self._labels.read(bytes(alert.labels))
            except _UNREADABLE:
                problems.append(f"alerts[{position}].labels is not an object of texts")
                continue
            known = alert.fingerprint
            if known is None or len(known) != 16 or not _HEX.issuperset(known):
                if labels.problem:
                    problems.append(f"alerts[{position}]: {labels.problem}")
                    continue
                known = labels.fingerprint
            events.append(_event(alert, labels, known, group, external))
        return Parsed(events, refusal=self.refused(400, "; ".join(problems)) if problems else None)

    def _second_look(self, body: bytes) -> Parsed:
        """What the strict reading refused: mend it alert by alert, so that one odd field costs nothing."""
        washed = launder(body)
        try:
            sent = _decode_any(washed if washed is not None else body)
        except _UNREADABLE as error:
            return Parsed([], refusal=self.refused(400, f"The body is not JSON: {error}"))
        if not isinstance(sent, dict) or not isinstance(sent.get("alerts"), list):
            return Parsed(
                [], refusal=self.refused(422, "This is not an Alertmanager webhook of version 4: no list of alerts")
            )
        if sent.get("version", "4") != "4":
            return Parsed([], refusal=self.refused(422, _version(sent["version"])))
        alerts, problems = [], []
        for position, item in enumerate(sent["alerts"]):
            if isinstance(item, dict) and isinstance(item.get("labels"), dict):
                alerts.append((position, _mended(item)))
            else:
                problems.append(f"alerts[{position}] has no labels")
        return self._events(alerts, _text(sent.get("groupKey")) or "", _text(sent.get("externalURL")), problems)

    def accepted(self, parsed: Parsed) -> bytes:
        return b'{"status":"success"}'

    def refused(self, status: int, problem: str) -> Refused:
        return go.coded(status, problem)

    def snippets(self, base_url: str, key: str) -> Sequence[Snippet]:
        url = base_url + self.door.format(key=key)
        return (
            Snippet(
                "alertmanager.yml",
                "receivers:\n  - name: tocsin\n    webhook_configs:\n"
                f"      - url: {url}\n        send_resolved: true\n        max_alerts: 0\n",
            ),
        )


def _event(alert: _Alert, labels: LabelSet, fingerprint: str, group: str, external: str | None) -> Event:
    annotations = texts(alert.annotations)
    return Event(
        action="resolve" if alert.status == "resolved" else "trigger",
        dedup_key=fingerprint,
        title=title_of(annotations, labels),
        severity=labels.severity or None,
        source=labels.instance,
        labels=labels.labels,
        annotations=annotations,
        client="Alertmanager" if external else "",
        client_url=link(alert.generatorURL) or link(external),
        starts_at=in_utc(alert.startsAt),
        fingerprint=fingerprint,
        group=group,
    )


def _mended(item: dict[str, Any]) -> _Alert:
    annotations = item.get("annotations")
    starts = moment(item.get("startsAt"))
    return _Alert(
        labels=msgspec.Raw(encode({name: _told(value) for name, value in item["labels"].items()})),
        status="resolved" if item.get("status") == "resolved" else "firing",
        annotations={k: _told(v) for k, v in annotations.items()} if isinstance(annotations, dict) else None,
        startsAt=starts,
        generatorURL=_text(item.get("generatorURL")),
        fingerprint=_text(item.get("fingerprint")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _told(value: Any) -> str:
    """Any JSON value as text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()


def _version(version: Any) -> str:
    return f"This is not an Alertmanager webhook of version 4: it says version {str(version)[:40]!r}"
