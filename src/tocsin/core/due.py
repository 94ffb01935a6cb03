"""When what follows an incident is due (C-11): the timeline confirmed, the meeting held, the review published."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from tocsin.core.business import Hours, windows
from tocsin.core.calendar import LATEST, wall_of, zone
from tocsin.core.severity import Severity
from tocsin.core.severity_policy import Review

TIMELINE = timedelta(hours=2)
"""S0-104."""
MEETING = timedelta(hours=48)
"""S0-105: of a SEV1; the meeting about a SEV2 has five business days."""
BUSINESS_DAYS = 5
"""S0-107: until then it is published."""
AHEAD = timedelta(hours=16)
"""A meeting is proposed no sooner than this after the end: people sleep first, and read."""


REMINDERS = (timedelta(days=-1), timedelta(0), timedelta(days=3), timedelta(days=7))
"""When its owner is reminded of a review, counted from the day on which it is to be published; the last time the manager is, too."""
LAST_REMINDER = len(REMINDERS)


def reminder(publish_by: datetime, now: datetime) -> int:
    """How many reminders are due by now (0: none yet)."""
    return sum(publish_by + after <= now for after in REMINDERS)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """`meet_by` and `meeting_at` (the time proposed) are None where no meeting is asked for."""

    timeline_by: datetime
    meet_by: datetime | None
    publish_by: datetime
    meeting_at: datetime | None


def due(severity: Severity, form: Review, hours: Hours, resolved_at: datetime) -> Due:
    """The dates of the review of an incident that was resolved then."""
    publish_by = business_days_after(hours, resolved_at, BUSINESS_DAYS)
    meet_by = None
    if form == "required":
        meet_by = resolved_at + MEETING if severity == Severity.SEV1 else publish_by
    return Due(
        timeline_by=resolved_at + TIMELINE,
        meet_by=meet_by,
        publish_by=publish_by,
        meeting_at=proposed(hours, resolved_at, meet_by) if meet_by else None,
    )


def business_days_after(hours: Hours, at: datetime, days: int) -> datetime:
    """The end of business on the `days`-th business day after the day of `at`. Hours that never open: as many plain days."""
    place = zone(hours.time_zone)
    today, last = wall_of(at, place).date(), at
    counted: list[object] = []
    for begin, end in windows(hours, at):
        day = wall_of(begin, place).date()
        if day <= today:
            continue
        if day not in counted:
            if len(counted) == days:
                return last
            counted.append(day)
        last = end
    return last if counted and last < LATEST else at + timedelta(days=days)


def proposed(hours: Hours, resolved_at: datetime, by: datetime) -> datetime:
    """An hour into the first business hours that begin well after the end; where that is too late, the last hour of a day before it."""
    earliest = resolved_at + AHEAD
    for begin, end in windows(hours, earliest):
        at = _whole_hour(begin + timedelta(hours=1) if begin > earliest else begin)
        if at > by:
            break
        if at < end:
            return at
    return _by_day(by, hours.time_zone)


def _by_day(by: datetime, time_zone: str) -> datetime:
    """The last whole hour until then that lies in the middle of somebody's day."""
    at = by.replace(minute=0, second=0, microsecond=0)
    while not 10 <= wall_of(at, zone(time_zone)).hour <= 16:
        at -= timedelta(hours=1)
    return at


def _whole_hour(at: datetime) -> datetime:
    floor = at.replace(minute=0, second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(hours=1)
