"""What a readiness check says: one thing that would go wrong, where, when, and how to mend it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from tocsin.core.coverage import Span

Kind = Literal[
    "coverage_gap", "empty_step", "dead_end", "unreachable_person", "unknown_user", "no_policy", "single_person",
    "expiring_override", "dead_integration", "silent_integration", "failing_method", "idle_channel", "no_runbook", "dst_night",
    "not_ready", "strain",
]  # fmt: skip
"""docs/guide/foresight.md says what each means (a test compares)."""

Level = Literal["error", "warning", "note"]
"""error: it would fail at night. warning: a risk. note: good to know."""

LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`object` is `schedule:primary`, `policy:payments`, `user:bob` ...; `spans` are all times it is about (none: always).

    `teams` are those who should know. `fix` says what to do about it. `about` tells apart findings of one kind about one object.
    """

    kind: Kind
    level: Level
    object: str
    sentence: str
    fix: str
    spans: tuple[Span, ...] = ()
    teams: tuple[str, ...] = ()
    about: str = ""

    @property
    def key(self) -> str:
        """The same finding tomorrow has the same key."""
        return f"{self.kind} {self.object} {self.about}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What only a running server knows. Without one nothing is held against the configuration on these grounds.

    `heard`: (service, integration) -> when it last sent; `since`: the same -> since when it is configured;
    `runbooks`: service -> its recent alerts by name, and whether each came with a runbook; `failing`: (user, method) -> its latest
    error, when nothing has gone through since; `idle`: type of contact method -> why this server sends nothing by it.
    `ready`: (user, team) whose checklist a mentor signed; `opened`: those who have one though they do not shadow;
    `veterans`: (schedule, user) whose shift ended before. `night_pages`: (user, when) of late, which ask for rest.
    """

    heard: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    since: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    runbooks: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    failing: Mapping[tuple[str, str], str] = field(default_factory=dict)
    idle: Mapping[str, str] = field(default_factory=dict)
    ready: Collection[tuple[str, str]] | None = None
    opened: Collection[tuple[str, str]] = ()
    veterans: Collection[tuple[str, str]] = ()
    night_pages: Sequence[tuple[str, datetime]] = ()


def said(at: datetime, zone: ZoneInfo) -> str:
    """`Sat 28 Nov 2026 20:00 +01:00`."""
    local = at.astimezone(zone)
    offset = local.strftime("%z")
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year} {local:%H:%M} {offset[:3]}:{offset[3:5]}"


def ends(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`until Sat 28 Nov 2026 20:00 +01:00`, or that no end is in sight (shifts are followed for a year)."""
    return "with no end in sight" if at - now >= timedelta(days=360) else f"until {said(at, zone)}"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def times(spans: Sequence[Span], zone: ZoneInfo) -> str:
    """`from A to B`, and how many more such times there are."""
    start, end = spans[0]
    more = f", and {len(spans) - 1} more time{'s' if len(spans) > 2 else ''}" if len(spans) > 1 else ""
    return f"from {said(start, zone)} to {said(end, zone)}{more}"


def unheard(findings: Iterable[Finding], told: Mapping[str, Sequence[Span]], until: datetime | None) -> list[Finding]:
    """Those that nobody was told of: a new kind of fault, or a time that an earlier check, which looked as far as `until`, had
    found in order."""
    return [finding for finding in findings if finding.key not in told or _grew(finding, told[finding.key], until)]


def _grew(finding: Finding, told: Sequence[Span], until: datetime | None) -> bool:
    if finding.kind == "unreachable_person":  # its span is only the first of many
        return False
    within = [span for span in finding.spans if until is None or span[0] < until]
    return any(all(end <= begin or stop <= start for begin, stop in told) for start, end in within if start < end)
