"""What the room says besides the words of every page: clocks, certainties, phases, and what stands out in a timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from tocsin.web.onsets import relative
from tocsin.web.words import moment, span

CLOCKS = {
    "detection": "Detection",
    "acknowledgement": "Acknowledgement",
    "engagement": "Engagement",
    "restoration": "Restoration",
}

CERTAINTIES = {
    "fact": ("good", "check", "Fact"),
    "hypothesis": ("busy", "lens", "Hypothesis"),
    "refuted": ("calm", "cross", "Refuted"),
}
"""Certainty of a finding -> (tone, icon, word)."""

CHECK_INS = (
    ("5m", "5 min"),
    ("10m", "10 min"),
    ("15m", "15 min"),
    ("30m", "30 min"),
    ("1h", "1 hour"),
    ("4h", "4 hours"),
)

MILESTONES = frozenset(
    ("incident_created", "acknowledged", "status_updated", "severity_changed", "escalated", "exhausted", "role_assigned",
     "role_handed_over", "no_commander", "all_hands", "finding_added", "finding_settled", "decision_made",
     "update_published", "communication_added", "restored", "relapsed", "resolved", "closed", "reopened", "merged"),
)  # fmt: skip
"""Kinds of entries by which the story can be told in short."""

PINNABLE = frozenset(("message_posted", "note_added", "alert_resolved", "status_updated", "incident_created"))
"""Kinds of entries with a button that pins them (their own page pins every kind)."""

PARTS = 1000


def between(start: str, end: str) -> str:
    """How long it was, like the moving clocks say it."""
    begun, ended = moment(start), moment(end)
    return span(ended - begun) if begun and ended else ""


def part(start: str, target: str, end: str | None, now: datetime) -> int:
    """How much of the time up to the target is used at `end` (None: now), of PARTS."""
    begun, due = moment(start), moment(target)
    if begun is None or due is None or due <= begun:
        return PARTS
    return min(PARTS, max(0, round(PARTS * (((moment(end) or now) - begun) / (due - begun)))))


def counted(findings: Iterable[Mapping[str, Any]]) -> str:
    """`2 facts, 1 hypothesis`."""
    every = [str(one["certainty"]) for one in findings]
    facts, guesses = every.count("fact"), every.count("hypothesis")
    said = [f"{facts} fact{'' if facts == 1 else 's'}"] if facts else []
    return ", ".join([*said, *([f"{guesses} hypothes{'is' if guesses == 1 else 'es'}"] if guesses else [])])


def phases(steps: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The steps of a checklist by their phase, in order."""
    return [(phase, list(found)) for phase, found in groupby(steps, key=lambda step: str(step["phase"]))]


def links(given: Any) -> list[dict[str, str]]:
    """The links of a change that lead to the web: `{href, text}`; what senders give may be anything."""
    found = []
    for link in given if isinstance(given, list) else []:
        href = str(link.get("href", "")) if isinstance(link, dict) else ""
        if href.startswith(("https://", "http://")):
            found.append({"href": href, "text": str(link.get("text") or href)})
    return found[:5]


__all__ = [
    "CERTAINTIES",
    "CHECK_INS",
    "CLOCKS",
    "MILESTONES",
    "PINNABLE",
    "between",
    "links",
    "part",
    "phases",
    "relative",
]
