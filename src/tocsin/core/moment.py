"""The nine times of an incident, each with where it is known from and how certain it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal, get_args

import msgspec

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.incident import Status

Name = Literal[
    "impact_started", "detected", "declared", "acknowledged", "engaged", "identified", "restored", "resolved", "closed"
]
NAMES: tuple[Name, ...] = get_args(Name)
"""In the order in which they usually pass."""
Certainty = Literal["exact", "estimated", "unknown"]
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Before it there was nothing to go wrong; years near 1 cannot be shown in every zone."""

MEANS: dict[Name, str] = {
    "impact_started": "when people first felt it",
    "detected": "when somebody or something noticed",
    "declared": "when it became an incident",
    "acknowledged": "when somebody first answered",
    "engaged": "when somebody began to work on it",
    "identified": "when the cause was found",
    "restored": "when it worked again",
    "resolved": "when it was over",
    "closed": "when nothing was left to do",
}
"""What each time says."""

_NEEDS: dict[Name, tuple[Status, ...]] = {
    "restored": ("monitoring", "resolved", "closed"),
    "resolved": ("resolved", "closed"),
    "closed": ("closed",),
}
"""The states in which an incident has these times; only then can they be corrected."""


class Moment(msgspec.Struct, frozen=True):
    """`source`: `alert`, `alerts`, `probes`, `declaration`, `user:alice` ...; `certainty` is `unknown` without a time."""

    at: datetime | None
    source: str
    certainty: Certainty


class Change(msgspec.Struct, frozen=True):
    """What a person says of one time; `at` None: nobody knows."""

    name: Name
    at: datetime | None
    certainty: Certainty


def column(name: Name) -> str:
    return f"{name}_at"


def moments(row: Mapping[str, Any]) -> dict[Name, Moment]:
    """All nine of a row of `incidents` (columns `*_at`, `moments`, `created_at`, `origin`, `acknowledged_by`)."""
    stored: Mapping[str, Mapping[str, str]] = row["moments"]
    found: dict[Name, Moment] = {}
    for name in NAMES:
        at = row[column(name)] or (row["created_at"] if name == "declared" else None)
        source, certainty = _usual(name, row)
        if kept := stored.get(name):
            source, certainty = kept["source"], msgspec.convert(kept["certainty"], Certainty)
        found[name] = Moment(at, source, certainty) if at else Moment(None, "", "unknown")
    return found


def _usual(name: Name, row: Mapping[str, Any]) -> tuple[str, Certainty]:
    """Where a time is known from when nobody said otherwise."""
    by_event = row["origin"] == "event"
    match name:
        case "impact_started":
            return "alert", "estimated"
        case "detected":
            return ("alert", "exact") if by_event else ("declaration", "estimated")
        case "declared":
            return ("alert" if by_event else "declaration"), "exact"
        case "acknowledged":
            return row["acknowledged_by"] or "", "exact"
        case "engaged":
            return "first act", "exact"
        case "restored":
            return "", "estimated"
        case _:
            return "", "exact"


Kept = dict[str, dict[str, str]]


def kept(stored: Mapping[str, Mapping[str, str]], name: Name, source: str, certainty: Certainty) -> Kept:
    """The stored sources with one more, or another one."""
    return {**{key: dict(value) for key, value in stored.items()}, name: {"source": source, "certainty": certainty}}


def without(stored: Mapping[str, Mapping[str, str]], *names: Name) -> Kept:
    """The stored sources without those of times that are cleared."""
    return {key: dict(value) for key, value in stored.items() if key not in names}


def read_change(name: str, at: datetime | None, certainty: str | None) -> Change:
    """What a person wrote of one time. Raises Invalid."""
    known = next((one for one in NAMES if one == name.removesuffix("_at")), None)
    if known is None:
        raise Invalid(f"there is no such time: use one of {', '.join(NAMES)}", f"/{name}")
    if certainty is not None and certainty not in CERTAINTIES:
        raise Invalid(f"how certain is it? Write {', '.join(CERTAINTIES)}", f"/{name}/certainty")
    sure = next((one for one in CERTAINTIES if one == certainty), "unknown" if at is None else "exact")
    if (at is None) != (sure == "unknown"):
        raise Invalid("a time that is unknown has no `at`, and the others have one", f"/{name}")
    return Change(known, at, sure)


def check_past(at: datetime, now: datetime, pointer: str) -> None:
    """Can something have happened then? Raises Invalid."""
    if at > now:
        raise Invalid("this lies in the future", pointer)
    if at < EARLIEST:
        raise Invalid("this is before 1970", pointer)


def check_changes(
    status: Status, times: Mapping[Name, datetime | None], changes: Mapping[Name, Change], now: datetime
) -> None:
    """Can these times be? Raises Invalid for a time that lies ahead or the wrong way round; Conflict for one that the incident, as it
    stands, does not have.
    """
    for name, change in changes.items():
        needed = _NEEDS.get(name)
        if needed is not None and status not in needed:
            raise Conflict(f"The incident is {status}, so it has no time of {name}: move it there first.")
        if change.at is None and (needed or name in ("detected", "declared")):
            raise Invalid(f"every incident that is {status} has this time: write one, even estimated", f"/{name}")
        if change.at is not None:
            check_past(change.at, now, f"/{name}")
        if name == "acknowledged" and times["acknowledged"] is None:
            raise Conflict("Nobody has acknowledged it yet: acknowledge it first.")
    after = {name: changes[name].at if name in changes else at for name, at in times.items()}
    order: tuple[Name, ...] = ("impact_started", "detected", "restored", "resolved", "closed")
    known = [(name, at) for name in order if (at := after[name]) is not None]
    for (first, one), (then, other) in pairwise(known):
        if one > other and (first in changes or then in changes) and (first, then) != ("impact_started", "detected"):
            raise Invalid(f"{then} cannot be before {first}", f"/{then if then in changes else first}")
