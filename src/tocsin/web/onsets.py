"""The drawing of an onset: alerts and changes on one line of time. Only numbers; the template draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.web.strips import WIDTH, Bar, Mark, Scale
from tocsin.web.words import moment

NEAR = timedelta(minutes=10)
"""How much is shown around the onset at least."""
SHOWN = 12
"""Changes that are drawn and listed, the likeliest."""


@dataclass(frozen=True)
class Drawing:
    """`changes` stand above the line, `alerts` below; `onset` where it began. `before` and `after` say how far the drawing reaches."""

    onset: float
    now: float
    changes: list[Mark]
    alerts: list[Bar]
    before: str
    after: str


def drawing(found: Mapping[str, Any], now: datetime) -> Drawing | None:
    """From `manage/onsets`; None when there is neither an alert nor a change."""
    changes, alerts = found["changes"][:SHOWN], found["alerts"]
    onset = moment(found["onset"])
    if onset is None or not (changes or alerts):
        return None
    at = [moment(one["at"]) or onset for one in (*changes, *alerts)]
    start = min(onset - NEAR, *at)
    end = max(onset + NEAR, min(now, onset + timedelta(hours=1)), *(one for one in at if one <= now), onset)
    margin = (end - start) / 40
    scale = Scale(start - margin, end + margin)
    bars = [_bar(scale, one, now) for one in alerts]
    before, after = ((onset - end).total_seconds() for end in (scale.start, scale.end))
    return Drawing(
        onset=scale.x(onset), now=scale.x(now), changes=[_mark(scale, one) for one in changes],
        alerts=[bar for bar in bars if bar], before=relative(round(before)), after=relative(round(after)),
    )  # fmt: skip


def _mark(scale: Scale, change: Mapping[str, Any]) -> Mark:
    at = moment(change["at"]) or scale.start
    return Mark(scale.x(at), "before" if change["seconds_before"] >= 0 else "after", change["title"])


def _bar(scale: Scale, alert: Mapping[str, Any], now: datetime) -> Bar | None:
    start = moment(alert["at"]) or now
    end = moment(alert["resolved_at"]) or now
    return scale.bar(start, max(start, end), f"sev{alert['severity']}")


def relative(seconds: int) -> str:
    """`12 min before`, `at once`, `3 h after` the onset."""
    length, word = abs(seconds), "before" if seconds > 0 else "after"
    if length < 60:
        return "at the onset"
    text = f"{length // 60} min" if length < 7200 else f"{length // 3600} h"
    return f"{text} {word}"


__all__ = ["WIDTH", "Drawing", "drawing", "relative"]
