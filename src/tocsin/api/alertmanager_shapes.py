"""The JSON of Alertmanager's API: what it reads (filters, silences) and what it shows (alerts, groups, silences, configuration)."""

from __future__ import annotations

from datetime import datetime
from functools import cmp_to_key
from typing import Any

import msgspec

from tocsin.core.configuration import Service
from tocsin.core.errors import Invalid
from tocsin.core.mute import BadPattern, Matcher, Mute, matches_pattern, parse_matcher
from tocsin.manage.alertmanager import Shown
from tocsin.manage.silences import Draft
from tocsin.plugins.sources import go
from tocsin.plugins.sources.base import Refused
from tocsin.plugins.sources.labels import fingerprint
from tocsin.plugins.sources.text import encode, without_nul

_TRUE = frozenset(("true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"))
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _PostedMatcher(msgspec.Struct):
    name: str | None = None
    value: str | None = None
    isRegex: bool | None = None
    isEqual: bool | None = None


class _PostedSilence(msgspec.Struct):
    id: str | None = None
    matchers: list[_PostedMatcher | None] | None = None
    startsAt: str | None = None
    endsAt: str | None = None
    createdBy: str | None = None
    comment: str | None = None


class Filter(msgspec.Struct, frozen=True):
    """What a listing asked for. `receiver` is a pattern, empty for all."""

    matchers: tuple[Matcher, ...] = ()
    receiver: str = ""
    active: bool = True
    silenced: bool = True
    inhibited: bool = True

    def wants(self, shown: Shown) -> bool:
        silenced, inhibited = bool(shown.silenced_by), bool(shown.alert.inhibited_by)
        if not (self.active or silenced or inhibited):
            return False
        if (silenced and not self.silenced) or (inhibited and not self.inhibited):
            return False
        return all(matcher.matches(shown.alert.labels) for matcher in self.matchers)


def _flag(query: dict[str, list[str]], name: str) -> bool:
    value = query.get(name, [""])[-1]
    return value == "" or value.lower() in _TRUE


def read_filter(query: dict[str, list[str]]) -> Filter:
    """Raise Invalid for a matcher or a pattern that is none. Nothing here is ever unprocessed."""
    receiver = query.get("receiver", [""])[-1]
    try:
        matches_pattern(receiver, "")
    except BadPattern as error:
        raise Invalid(f"failed to parse receiver param: {error.anchored}") from None
    return Filter(
        matchers=tuple(parse_matcher(text) for text in query.get("filter", ())),
        receiver=receiver,
        active=_flag(query, "active"),
        silenced=_flag(query, "silenced"),
        inhibited=_flag(query, "inhibited"),
    )


def time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _alert(shown: Shown, receiver: str) -> dict[str, Any]:
    alert = shown.alert
    told: dict[str, Any] = {
        "annotations": alert.annotations,
        "endsAt": time(shown.ends_at),
        "fingerprint": alert.fingerprint or fingerprint(alert.labels),
        "receivers": [{"name": receiver}],
        "startsAt": time(alert.starts_at or alert.first_at),
        "status": {
            "inhibitedBy": [alert.inhibited_by] if alert.inhibited_by else [],
            "silencedBy": shown.silenced_by,
            "state": "suppressed" if shown.silenced_by or alert.inhibited_by else "active",
        },
        "updatedAt": time(alert.last_at),
    }
    if alert.generator_url:
        told["generatorURL"] = alert.generator_url
    told["labels"] = alert.labels
    return told


def listed(shown: list[Shown], service: Service) -> list[dict[str, Any]]:
    return sorted((_alert(one, service.id) for one in shown), key=lambda told: str(told["fingerprint"]))


def grouped(shown: list[Shown], service: Service) -> list[dict[str, Any]]:
    """Grouped as the service groups its incidents; without grouping each alert is a group."""
    groups: dict[tuple[tuple[str, str], ...], list[Shown]] = {}
    for one in shown:
        labels = one.alert.labels
        names = labels if service.grouping is None else service.grouping.by
        groups.setdefault(tuple(sorted((name, labels[name]) for name in names if name in labels)), []).append(one)
    told = [
        {"alerts": listed(members, service), "labels": dict(key), "receiver": {"name": service.id}}
        for key, members in groups.items()
    ]
    return sorted(told, key=cmp_to_key(_before))


def _before(first: dict[str, Any], second: dict[str, Any]) -> int:
    """Alertmanager's order of groups: fewer labels first, then whoever lacks the first name, then by value."""
    one, other = first["labels"], second["labels"]
    if len(one) != len(other):
        return len(one) - len(other)
    for name in sorted({**one, **other}):
        mine, theirs = one.get(name), other.get(name)
        if mine != theirs:
            return 1 if theirs is None or (mine is not None and mine > theirs) else -1
    return 0


def configuration(service: Service) -> str:
    """The service as an Alertmanager configuration that amtool can read."""
    by = ["..."] if service.grouping is None else list(service.grouping.by)
    return (
        "global:\n  resolve_timeout: 5m\n"
        f"route:\n  receiver: {encode(service.id).decode()}\n  group_by: {encode(by).decode()}\n"
        "  group_wait: 0s\n  continue: false\n"
        f"receivers:\n- name: {encode(service.id).decode()}\ntemplates: []\n"
    )


def silence(mute: Mute, now: datetime) -> dict[str, Any]:
    return {
        "id": mute.public_id,
        "status": {"state": mute.state(now)},
        "updatedAt": time(mute.updated_at),
        "comment": mute.comment,
        "createdBy": mute.created_by,
        "endsAt": time(mute.ends_at),
        "matchers": [
            {"isEqual": m.is_equal, "isRegex": m.is_regex, "name": m.name, "value": m.value} for m in mute.matchers
        ],
        "startsAt": time(mute.starts_at),
    }


def read_silence(body: bytes) -> Draft | Refused:
    """The body of a POST, or what Alertmanager says of it."""
    if not body.strip():
        return _required("silence")
    try:
        posted = msgspec.json.decode(go.json(without_nul(body)), type=_PostedSilence | None)
    except _UNREADABLE as error:
        return go.unparsable("silence", go.problem(error, "models.PostableSilence"))
    posted = posted or _PostedSilence()
    try:
        starts, ends = go.time(posted.startsAt), go.time(posted.endsAt)
    except go.BadTime as error:
        return go.unparsable("silence", str(error))
    if (missing := _missing(posted, starts, ends)) is not None:
        return missing
    assert starts is not None  # _missing has looked
    assert ends is not None
    return Draft(
        matchers=tuple(_matcher(m) for m in posted.matchers or () if m is not None),
        starts_at=starts,
        ends_at=ends,
        created_by=(posted.createdBy or "")[:255],
        comment=(posted.comment or "")[:4096],
        public_id=posted.id or "",
    )


def _matcher(posted: _PostedMatcher) -> Matcher:
    return Matcher(
        name=posted.name or "",
        value=posted.value or "",
        is_regex=bool(posted.isRegex),
        is_equal=posted.isEqual is not False,
    )


def _required(field: str) -> Refused:
    return go.coded(422, f"{field} in body is required", 602)


def _missing(posted: _PostedSilence, starts: datetime | None, ends: datetime | None) -> Refused | None:
    """The first required field that is absent, in the order in which Alertmanager looks."""
    present: dict[str, Any] = {
        "comment": posted.comment,
        "createdBy": posted.createdBy,
        "endsAt": ends,
        "matchers": posted.matchers,
        "startsAt": starts,
    }
    for field, value in present.items():
        if value is None:
            return _required(field)
    if not posted.matchers:
        return go.coded(422, "matchers in body should have at least 1 items", 612)
    for position, matcher in enumerate(posted.matchers):
        if matcher is None:
            return _required(f"matchers.{position}")
        for field in ("isRegex", "name", "value"):
            if getattr(matcher, field) is None:
                return _required(f"matchers.{position}.{field}")
    return None
