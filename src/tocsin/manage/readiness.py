"""What a check found, as people and programs read it. Serves a server and a file on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.directory import Directory
from tocsin.core.finding import LEVELS, Facts, Finding
from tocsin.core.readiness import DAYS, check
from tocsin.manage.lists import time_text

_KINDS = {
    "schedule": "schedules", "policy": "escalation_policies", "user": "users", "service": "services", "team": "teams",
    "integration": "services",
}  # fmt: skip

MOST_SPANS = 200
"""Spans of one finding that are listed; `span_count` says how many there are."""


def examine(directory: Directory, now: datetime, days: int = DAYS, facts: Facts | None = None) -> dict[str, Any]:
    """`{"items", "next", "at", "until", "days", "ok", "counts", "sentence", "runbooks"}`. Raises Invalid for a bad number of days.

    An item: `{kind, level, object, name, from, to, sentence, fix, spans, span_count, teams, file, line}`; `ok` is False when something
    would fail at night (an item of level `error`). `runbooks`: of the alerts of the last 30 days, by name, how many came with one:
    `{alerts, with_runbook, percent}`, null where no server knows.
    """
    findings = check(directory, now, days, facts)
    counts = Counter(finding.level for finding in findings)
    return {
        "items": [view(directory, finding) for finding in findings],
        "next": None,
        "at": time_text(now),
        "until": time_text(now + timedelta(days=days)),
        "days": days,
        "ok": not counts["error"],
        "counts": {level: counts[level] for level in LEVELS},
        "sentence": summary(findings, days) if directory.escalation_policies or findings else NOTHING,
        "runbooks": _runbooks(facts),
    }


def _runbooks(facts: Facts | None) -> dict[str, int] | None:
    """`percent` is rounded down: 100 means all of them."""
    told = [told for alerts in (facts.runbooks if facts else {}).values() for told in alerts.values()]
    return {"alerts": len(told), "with_runbook": sum(told), "percent": 100 * sum(told) // len(told)} if told else None


NOTHING = "There is no escalation policy yet, so nothing would page anybody."


def summary(findings: Sequence[Finding], days: int) -> str:
    counts = Counter(finding.level for finding in findings)
    if not counts["error"] and not counts["warning"]:
        return f"In the next {_days(days)} every page reaches somebody, at every minute."
    said = [
        _count(counts["error"], "thing would fail", "things would fail"),
        _count(counts["warning"], "risk", "risks"),
    ]
    return f"In the next {_days(days)}: {' and '.join(one for one in said if one)}."


def _days(days: int) -> str:
    return "day" if days == 1 else f"{days} days"


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}" if count else ""


def called(directory: Directory, object: str) -> str:
    """What people call what a finding is about: `schedule:primary` -> `Schedule Primary`."""
    kind, _, id = object.partition(":")
    id, _, part = id.partition("/")
    found = directory.kind(_KINDS[kind]).get(id) if kind in _KINDS else None
    name = (getattr(found, "name", "") if found is not None else "") or id
    if kind == "integration":
        return f"Integration {part} of {name}"
    return name if kind in ("user", "service") else f"{kind.replace('_', ' ').capitalize()} {name}"


def view(directory: Directory, finding: Finding) -> dict[str, Any]:
    kind, _, name = finding.object.partition(":")
    origin = directory.origins.get((_KINDS.get(kind, ""), name.partition("/")[0]))
    first = finding.spans[0] if finding.spans else (None, None)
    return {
        "kind": finding.kind,
        "level": finding.level,
        "object": finding.object,
        "name": called(directory, finding.object),
        "from": time_text(first[0]),
        "to": time_text(first[1]),
        "sentence": finding.sentence,
        "fix": finding.fix,
        "spans": [{"from": time_text(start), "to": time_text(end)} for start, end in finding.spans[:MOST_SPANS]],
        "span_count": len(finding.spans),
        "teams": list(finding.teams),
        "file": origin.file if origin and origin.file else None,
        "line": origin.line if origin and origin.file else None,
    }
