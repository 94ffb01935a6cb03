"""The four clocks of an incident, each against its target: detection, acknowledgement, engagement, restoration (S0-5). Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from tocsin.core.matrix import Row, Rules, after, respond_by, restore_by
from tocsin.core.severity import Severity

ClockName = Literal["detection", "acknowledgement", "engagement", "restoration"]
DETECTION = timedelta(minutes=5)
"""From the beginning of the impact until we knew (S0-119)."""
ENGAGING = 2
"""Somebody begins to investigate within twice the time to acknowledge: 10 minutes at SEV1 (S0-87, S0-90)."""


class Stopwatch(msgspec.Struct, frozen=True, kw_only=True):
    """One clock: it runs from `start`, and stopped at `end` (None: it runs). `target`: when it should have stopped by. `over`: it did
    not. `unknown`: nobody said when it began."""

    name: ClockName
    start: datetime | None
    end: datetime | None
    target: datetime | None
    over: bool

    @property
    def unknown(self) -> bool:
        return self.start is None


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """The moments of an incident that its clocks need. `since`: when it got its severity, or began to page anew. `answered_at`: when the
    present cycle of paging was answered."""

    created_at: datetime
    since: datetime
    impact_started_at: datetime | None
    detected_at: datetime
    answered_at: datetime | None
    engaged_at: datetime | None
    restored_at: datetime | None
    resolved_at: datetime | None


def engage_by(row: Row, rules: Rules, since: datetime) -> datetime:
    """Until when somebody should have begun to investigate."""
    return after(row, rules.hours, since, ENGAGING * row.response_time.delta)


def stopwatches(rules: Rules, severity: Severity, times: Times, now: datetime) -> list[Stopwatch]:
    """The four clocks as they stand at `now`. One whose incident is over stopped with it."""
    row = rules.rows[severity]
    ended, began = times.resolved_at, times.impact_started_at
    noticed = times.detected_at if began is not None else None
    answered, engaged = times.answered_at or ended, times.engaged_at or ended
    restored = times.restored_at or ended
    return [
        _clock("detection", began, noticed, began + DETECTION if began else None, now),
        _clock("acknowledgement", times.since, answered, respond_by(row, rules.hours, times.since), now),
        _clock("engagement", times.since, engaged, engage_by(row, rules, times.since), now),
        _clock("restoration", times.detected_at, restored, restore_by(row, rules.hours, times.created_at), now),
    ]


def _clock(
    name: ClockName, start: datetime | None, end: datetime | None, target: datetime | None, now: datetime
) -> Stopwatch:
    over = target is not None and (end or now) > target
    return Stopwatch(name=name, start=start, end=end, target=target, over=over)
