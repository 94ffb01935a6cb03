"""Mean time to resolve, and what a mean hides: median, tail, uncertainty, and what is still open (S0-61 to S0-63). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil, comb
from typing import Any

import msgspec

NOTHING = "No resolved incidents in time period"
CONFIDENCE = 0.95


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One incident. `severity` is its key (`sev1_critical`)."""

    severity: str
    created_at: datetime
    resolved_at: datetime | None

    @property
    def minutes(self) -> float | None:
        """From creation to resolution; an end before the beginning counts as 0."""
        if self.resolved_at is None:
            return None
        return max(0.0, (self.resolved_at - self.created_at).total_seconds() / 60)


def metrics(cases: Sequence[Case], targets: Mapping[str, float], days: int, now: datetime) -> dict[str, Any]:
    """What was resolved in the last `days` days. `targets`: minutes by severity key. All figures are minutes.

    With nothing resolved in that time: `{"error": ...}`. `target_met`: the mean is within the target. Open incidents are counted
    beside, because a mean over what has ended flatters.
    """
    since = now - timedelta(days=days)
    ended = [(case.severity, case.minutes) for case in cases if case.resolved_at and case.resolved_at >= since]
    spans = [(severity, minutes) for severity, minutes in ended if minutes is not None]
    if not spans:
        return {"error": NOTHING}
    opened = [case.severity for case in cases if case.resolved_at is None]
    return {"time_period_days": days, "total_incidents": len(spans), **figures(spans, opened, targets)}


def figures(spans: Sequence[tuple[str, float]], opened: Sequence[str], targets: Mapping[str, float]) -> dict[str, Any]:
    """Every figure of these durations (severity, minutes) and of the severities of what is still open; unknown ones are None."""
    by_severity = {
        key: _group([minutes for severity, minutes in spans if severity == key], targets[key], opened.count(key))
        for key in targets
        if any(severity == key for severity, _ in spans)
    }
    every = [minutes for _, minutes in spans]
    return {
        "overall_mttr_minutes": _mean(every) if every else None,
        "mttr_by_severity": by_severity,
        "slo_compliance": _compliance(spans, targets),
        **_spread(every),
        "open_incidents": len(opened),
    }


def _group(minutes: Sequence[float], target: float, still_open: int) -> dict[str, Any]:
    mean = _mean(minutes)
    return {
        "average_mttr_minutes": mean,
        "incident_count": len(minutes),
        "target_met": mean <= target,
        "target_minutes": target,
        **_spread(minutes),
        "open_incidents": still_open,
    }


def _compliance(spans: Sequence[tuple[str, float]], targets: Mapping[str, float]) -> dict[str, Any]:
    """How many incidents were resolved within the target of their severity: of all, and by severity (S0-63)."""

    def share(chosen: Sequence[tuple[str, float]]) -> float:
        return round(100 * sum(minutes <= targets[severity] for severity, minutes in chosen) / len(chosen), 2)

    grouped = {key: [span for span in spans if span[0] == key] for key in targets}
    return {
        "incidents_within_target": sum(minutes <= targets[severity] for severity, minutes in spans),
        "incidents_within_target_percent": share(spans) if spans else None,
        "within_target_percent_by_severity": {key: share(group) for key, group in grouped.items() if group},
    }


def _spread(minutes: Sequence[float]) -> dict[str, Any]:
    if not minutes:
        return {"median_minutes": None, "median_ci": [None, None], "p90_minutes": None}
    low, high = median_interval(minutes)
    return {
        "median_minutes": round(quantile(minutes, 0.5), 2),
        "median_ci": [None if low is None else round(low, 2), None if high is None else round(high, 2)],
        "p90_minutes": round(quantile(minutes, 0.9), 2),
    }


def _mean(minutes: Sequence[float]) -> float:
    return round(sum(minutes) / len(minutes), 2)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, interpolated between neighbours (Hyndman and Fan's type 7). Needs a value."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below, above = ordered[int(place)], ordered[min(ceil(place), len(ordered) - 1)]
    return below + (above - below) * (place - int(place))


def median_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Two of the values between which the true median lies with at least 95 % probability, whatever the distribution.

    From the binomial distribution of how many of n values lie below the median. (None, None): fewer than six cannot say.
    """
    ordered, n = sorted(values), len(values)
    below, rank = 0.0, 0
    while rank < n // 2:
        below += comb(n, rank) / 2**n
        if 2 * below > 1 - CONFIDENCE:
            break
        rank += 1
    return (ordered[rank - 1], ordered[n - rank]) if rank else (None, None)
