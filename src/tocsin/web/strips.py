"""Drawings in time: where windows and pings lie on a line. Only numbers; the templates draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.core.calendar import instant, wall_of
from tocsin.web.words import moment

WIDTH = 1000
BEFORE = timedelta(hours=12)
AFTER = timedelta(hours=36)
FURTHEST = timedelta(days=14)
MARGIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Bar:
    """From `x`, `width` wide, of WIDTH. `tone` is a class of the stylesheet."""

    x: float
    width: float
    tone: str


@dataclass(frozen=True)
class Mark:
    """A line or stroke at `x` of WIDTH, with words for it."""

    x: float
    tone: str
    text: str = ""


@dataclass(frozen=True)
class Scale:
    start: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        """Where `at` lies, kept within the drawing."""
        part = (at - self.start) / (self.end - self.start)
        return round(min(1.0, max(0.0, part)) * WIDTH, 1)

    def bar(self, start: datetime, end: datetime, tone: str) -> Bar | None:
        if end <= self.start or start >= self.end:
            return None
        left = self.x(start)
        return Bar(left, max(3.0, self.x(end) - left), tone)


def around(now: datetime) -> Scale:
    """Half a day back, a day and a half ahead."""
    return Scale(now - BEFORE, now + AFTER)


def spanning(mutes: Sequence[dict[str, Any]], now: datetime) -> Scale:
    """What is to come, or is over: from its first window to its last one, and now; at most a fortnight to either side."""
    times = [at for mute in mutes for name in ("starts_at", "ends_at") if (at := moment(mute[name])) is not None]
    first = max(min([now, *times]), now - FURTHEST)
    last = min(max([now, *times]), now + FURTHEST)
    pad = max((last - first) * 0.06, MARGIN)
    return Scale(first - pad, last + pad)


def midnights(scale: Scale, zone: ZoneInfo) -> list[Mark]:
    """The beginnings of days in the viewer's zone; of a long time those of every second or fourth day."""
    wall = wall_of(scale.start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (scale.end - scale.start).days + 1
    marks = []
    for day in range(1, days + 1, 1 + days // 8):
        at = instant(wall + timedelta(days=day), zone)
        if scale.start < at < scale.end:
            local = wall + timedelta(days=day)
            marks.append(Mark(scale.x(at), "day", f"{local:%a} {local.day}"))
    return marks


def windows(scale: Scale, mute: dict[str, Any], upcoming: Sequence[dict[str, Any]]) -> list[Bar]:
    """A mute's window and those that its plan foretells."""
    tone = "maintenance" if mute["kind"] == "maintenance" else "silence"
    spans = [(mute["starts_at"], mute["ends_at"]), *((w["starts_at"], w["ends_at"]) for w in upcoming)]
    seen: set[datetime] = set()
    bars = []
    for span in spans:
        start, end = moment(span[0]), moment(span[1])
        if start is None or end is None or end in seen:
            continue
        seen.add(end)
        over = " over" if mute["status"] == "expired" else ""
        if (bar := scale.bar(start, end, tone + over)) is not None:
            bars.append(bar)
    return bars


@dataclass(frozen=True)
class Pulse:
    """A heartbeat's last pings, what is expected next, and now."""

    strokes: list[Mark]
    now: float
    expected: float | None
    grace: Bar | None
    label: str


TONES = {"success": "good", "fail": "bad", "start": "begun", "log": "said"}
SHARE = 0.78
"""The part of the drawing that is past."""


def pulse(beat: dict[str, Any], now: datetime) -> Pulse:
    """The drawing of one heartbeat. The past takes most of it; ahead lie the expected ping and its grace."""
    times = [(moment(one["at"]) or now, one["kind"]) for one in beat["recent"]]
    expected, down = moment(beat["expected_at"]), moment(beat["down_at"])
    first = min([at for at, _ in times], default=now - timedelta(hours=1))
    past = max(now - first, timedelta(minutes=1)) * 1.04
    ahead = past * (1 - SHARE) / SHARE
    if expected is not None and expected > now:
        ahead = max(ahead, (expected - now) * 1.15)
    scale = Scale(now - past, now + min(ahead, past))
    grace = scale.bar(expected, down, "grace") if expected is not None and down is not None else None
    return Pulse(
        strokes=[Mark(scale.x(at), TONES[kind]) for at, kind in times],
        now=scale.x(now),
        expected=scale.x(expected) if expected is not None and scale.start < expected < scale.end else None,
        grace=grace,
        label=_label(beat),
    )


def _label(beat: dict[str, Any]) -> str:
    kinds = [one["kind"] for one in beat["recent"]]
    if not kinds:
        return "It has never pinged."
    failed = kinds.count("fail")
    told = f"{kinds.count('success')} good" + (f", {failed} failed" if failed else "")
    return f"The last {len(kinds)} signals: {told}."
