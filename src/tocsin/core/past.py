"""Incidents of the past, as somebody imports them: what is given is kept, what is left out is worked out from the rest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, get_args

import msgspec

from tocsin.core import role
from tocsin.core.criteria import BY_ID
from tocsin.core.errors import Invalid, Problem
from tocsin.core.impact import NOTHING, Impact, read_impact
from tocsin.core.incident import Status
from tocsin.core.lifecycle import parse_status
from tocsin.core.markup import blank
from tocsin.core.moment import NAMES, Name, column
from tocsin.core.severity import Severity, parse
from tocsin.core.timeline import Entry, Kind
from tocsin.core.wrong_kind import in_words

LONGEST = {"title": 1024, "external_id": 200, "reporter": 200, "public_title": 200, "description": 100_000}
MOST_ENTRIES = 5000
MOST_NAMES = 100
LONGEST_NAME = 100
LONGEST_DETAILS = 10_000
DISTANT = datetime(1970, 1, 1, tzinfo=UTC)
KINDS: tuple[str, ...] = get_args(Kind)


class PastEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of an old timeline. `kind` defaults to a note."""

    at: str
    details: str
    kind: str = "note_added"
    actor: str = "import"
    data: dict[str, Any] = {}


class PastItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One incident as it is sent. Times are RFC 3339, without offset in UTC. Everything but the title may be left out; an incident
    without an end names its `status`."""

    title: str
    external_id: str | None = None
    description: str | None = None
    severity: str | int | None = None
    status: str | None = None
    service: str | None = None
    affected_services: list[str] | None = None
    reporter: str | None = None
    assignee: str | None = None
    responders: list[str] | None = None
    roles: dict[str, Any] | None = None
    tags: list[str] | None = None
    impact: dict[str, Any] | None = None
    public_title: str | None = None
    private: bool = False
    acknowledged_by: str | None = None
    created_at: str | None = None
    detected_at: str | None = None
    declared_at: str | None = None
    impact_started_at: str | None = None
    acknowledged_at: str | None = None
    engaged_at: str | None = None
    identified_at: str | None = None
    restored_at: str | None = None
    resolved_at: str | None = None
    closed_at: str | None = None
    certainty: dict[str, str] | None = None
    timeline: list[PastEntry] | None = None


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One incident of the past, ready to be written."""

    external_id: str | None
    title: str
    description: str
    severity: Severity
    status: Status
    services: list[str]
    reporter: str
    assignee: str | None
    responders: list[str]
    roles: dict[str, Any]
    tags: list[str]
    impact: Impact
    public_title: str | None
    private: bool
    acknowledged_by: str | None
    created_at: datetime
    times: dict[Name, datetime]
    moments: dict[str, dict[str, str]]
    entries: list[Entry]


def read_past(raw: Any, pointer: str, now: datetime, reporter: str) -> Past:
    """One item of an import. Raises Invalid with every problem, each with the pointer of its field."""
    item = _shaped(raw, pointer)
    problems: list[Problem] = []

    def field(name: str, read: Any, otherwise: Any) -> Any:
        try:
            return read()
        except Invalid as error:
            problems.extend(
                Problem(one.message, one.pointer if one.pointer.startswith(pointer) else f"{pointer}/{name}")
                for one in error.problems
            )
            return otherwise

    texts = {name: field(name, lambda name=name: _text(item, name), "") for name in LONGEST}
    if blank(texts["title"]) and not any(one.pointer == f"{pointer}/title" for one in problems):
        problems.append(Problem("an incident needs a title", f"{pointer}/title"))
    severity = field(
        "severity", lambda: Severity.SEV2 if item.severity is None else parse(item.severity), Severity.SEV2
    )
    impact = field(
        "impact",
        lambda: NOTHING if item.impact is None else read_impact(item.impact, BY_ID, f"{pointer}/impact"),
        NOTHING,
    )
    roles = field("roles", lambda: _roles(item.roles or {}, pointer), {})
    every: tuple[str, ...] = ("created_at", *(column(name) for name in NAMES))
    given = {
        name: field(name, lambda name=name: _time(getattr(item, name), f"{pointer}/{name}", now), None)
        for name in every
    }
    entries = field("timeline", lambda: _entries(item.timeline or [], pointer, now), [])
    created, times = _times(given, entries, now)
    status = field("status", lambda: _status(item.status, times, pointer), "resolved")
    field("times", lambda: _ordered(times, created, pointer), None)
    certainty = field("certainty", lambda: _certainties(item.certainty or {}, pointer), {})
    services = field(
        "affected_services",
        lambda: _names([*([item.service] if item.service else []), *(item.affected_services or [])]),
        [],
    )
    responders = field("responders", lambda: _names(item.responders or []), [])
    if problems:  # of each field the first: what cannot be read is not missed besides
        found: dict[str, Problem] = {}
        for one in problems:
            found.setdefault(one.pointer, one)
        raise Invalid(problems[0].message, problems[0].pointer, tuple(found.values()))
    return Past(
        external_id=texts["external_id"] or None, title=texts["title"], description=texts["description"], severity=severity,
        status=status, services=services, reporter=texts["reporter"] or reporter, assignee=_name(item.assignee),
        responders=responders, roles=roles, tags=_names(item.tags or []), impact=impact, public_title=texts["public_title"] or None,
        private=item.private, acknowledged_by=_actor(item.acknowledged_by), created_at=created, times=times,
        moments={name: {"source": "import", "certainty": certainty.get(name, "exact")} for name in times}, entries=entries,
    )  # fmt: skip


def _shaped(raw: Any, pointer: str) -> PastItem:
    try:
        return msgspec.convert(raw, PastItem)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        below = place.strip("`").replace("[", "/").replace("]", "").replace(".", "/")
        raise Invalid(in_words(message), f"{pointer}{below}") from None


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode().strip()


def _text(item: PastItem, name: str) -> str:
    text = _clean(getattr(item, name) or "")
    if len(text) > LONGEST[name]:
        raise Invalid(f"shorten this to {LONGEST[name]} characters")
    return text


def _name(text: str | None) -> str | None:
    return _clean(text)[:LONGEST_NAME] or None if text else None


def _names(given: list[str]) -> list[str]:
    if len(given) > MOST_NAMES:
        raise Invalid(f"at most {MOST_NAMES}")
    return list(dict.fromkeys(name for one in given if (name := _name(one))))


def _actor(text: str | None) -> str | None:
    name = _name(text)
    return name if name is None or ":" in name else f"user:{name}"


def _time(text: str | None, pointer: str, now: datetime) -> datetime | None:
    if text is None or not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text[:60]!r} is not a time: write it like 2026-01-05T09:00:00Z", pointer) from None
    if at > now:
        raise Invalid("this lies in the future, and only incidents of the past are imported", pointer)
    if at < DISTANT:
        raise Invalid("this is before 1970", pointer)
    return at


def _roles(raw: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, who in raw.items():
        try:
            part = role.parse(name)
        except Invalid as error:
            raise Invalid(str(error), f"{pointer}/roles/{name[:60]}") from None
        for user in who if isinstance(who, list) else [who]:
            if not isinstance(user, str):
                raise Invalid("write the id of a user", f"{pointer}/roles/{name[:60]}")
            if known := _name(user):
                found = role.given(found, part, known)
    return found


def _entries(given: list[PastEntry], pointer: str, now: datetime) -> list[Entry]:
    if len(given) > MOST_ENTRIES:
        raise Invalid(f"at most {MOST_ENTRIES} entries", f"{pointer}/timeline")
    found = []
    for position, one in enumerate(given):
        place = f"{pointer}/timeline/{position}"
        at = _time(one.at, f"{place}/at", now)
        if at is None:
            raise Invalid("when was this? Write a time", f"{place}/at")
        kind = next((known for known in get_args(Kind) if known == one.kind), None)
        if kind is None:
            raise Invalid(f"there is no kind of entry {one.kind[:60]!r}: leave it out for a note", f"{place}/kind")
        details = _clean(one.details)[:LONGEST_DETAILS]
        data = {_clean(name): _deep(value) for name, value in one.data.items()}
        found.append(Entry(at=at, kind=kind, actor=_name(one.actor) or "import", details=details, data=data))
    return sorted(found, key=lambda entry: entry.at)


def _deep(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, list):
        return [_deep(one) for one in value]
    return {_clean(name): _deep(one) for name, one in value.items()} if isinstance(value, dict) else value


def _times(
    given: Mapping[str, datetime | None], entries: list[Entry], now: datetime
) -> tuple[datetime, dict[Name, datetime]]:
    """When it was created, and the nine times as far as they are known."""
    known = {name: at for name in NAMES if (at := given[column(name)]) is not None}
    began = [at for at in (known.get("declared"), known.get("detected")) if at]
    every = [*known.values(), *(entry.at for entry in entries)]
    created = given["created_at"] or (min(began) if began else min(every, default=now))
    known.setdefault("detected", created)
    if "closed" in known:
        known.setdefault("resolved", known.get("restored", known["closed"]))
    if "resolved" in known:
        known.setdefault("restored", known["resolved"])
    return created, known


def _status(text: str | None, times: Mapping[Name, datetime], pointer: str) -> Status:
    if text is not None:
        status = parse_status(text, f"{pointer}/status")
        needed: Name | None = "resolved" if status in ("resolved", "closed") else None
        if needed and needed not in times:
            raise Invalid(f"an incident that is {status} has an end: write resolved_at", f"{pointer}/resolved_at")
        return status
    if "closed" in times:
        return "closed"
    if "resolved" in times:
        return "resolved"
    if "restored" in times:
        return "monitoring"
    raise Invalid("when was it over? Write resolved_at, or its status when it is still open", f"{pointer}/resolved_at")


_ORDER: tuple[Name, ...] = ("detected", "restored", "resolved", "closed")


def _ordered(times: Mapping[Name, datetime], created: datetime, pointer: str) -> None:
    """What ends cannot have ended before it began."""
    known = [(name, times[name]) for name in _ORDER if name in times]
    for (first, one), (then, other) in pairwise(known):
        if one > other:
            raise Invalid(f"{then} cannot be before {first}", f"{pointer}/{column(then)}")
    if "resolved" in times and times["resolved"] < created:
        raise Invalid("it cannot be resolved before it was created", f"{pointer}/resolved_at")


def _certainties(given: Mapping[str, str], pointer: str) -> dict[str, str]:
    for name, certainty in given.items():
        if name.removesuffix("_at") not in NAMES:
            raise Invalid(f"there is no such time: use one of {', '.join(NAMES)}", f"{pointer}/certainty/{name[:60]}")
        if certainty not in ("exact", "estimated"):
            raise Invalid("how certain is it? Write exact or estimated", f"{pointer}/certainty/{name[:60]}")
    return {name.removesuffix("_at"): certainty for name, certainty in given.items()}
