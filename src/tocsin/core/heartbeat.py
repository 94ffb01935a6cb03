"""Is a job alive? From its pings, its schedule and our own outages: a state, and when it would go down. Pure.

The rules are those of healthchecks.io: a heartbeat never heard of is `new` and alarms nobody; a ping is expected a period after the
last one, or at the next time of the cron expression; then it is `late` for the grace, and then `down`. A job that said it started
must say that it ended within the grace. A ping that we could not receive, because nobody of us ran, is not held against the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from cronsim import CronSim, CronSimError

from tocsin.core.calendar import zone
from tocsin.core.errors import Invalid
from tocsin.core.planned import Heartbeat

State = Literal["new", "up", "started", "late", "down", "paused"]
PingKind = Literal["success", "start", "fail", "log"]

Outage = tuple[datetime, datetime]
"""From and to when no node of ours ran."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one heartbeat. `last_at` is its last success or failure (or when it was resumed), `started_at` the start that
    has not ended yet."""

    last_at: datetime | None = None
    failed: bool = False
    started_at: datetime | None = None
    started_rid: UUID | None = None
    paused: bool = False


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of a job. `exit_status` is what it gave in the address (0 to 255)."""

    at: datetime
    kind: PingKind
    exit_status: int | None = None
    rid: UUID | None = None


class Look(msgspec.Struct, frozen=True):
    """How a heartbeat stands: its state, when its ping is or was expected (None: none is), and when it goes down unless it pings
    (None: it is down, or nothing is expected)."""

    state: State
    expected_at: datetime | None
    down_at: datetime | None


def next_time(beat: Heartbeat, after: datetime) -> datetime:
    """When the ping after one at `after` is expected (UTC)."""
    if beat.cron is None:
        return after + timedelta(seconds=beat.period or 0)
    place = zone(beat.time_zone)
    local = after.astimezone(place)
    for found in CronSim(beat.cron, local):
        at = found.astimezone(after.tzinfo)
        if at > after:  # a time named in a repeated hour means its first passing, which may be over
            return at
    raise Invalid(f"the cron expression {beat.cron!r} never comes again", "/cron")


def check_cron(text: str) -> None:
    """Raise Invalid when this is no cron expression of five fields, or one that never comes."""
    if len(text.split()) != 5:
        raise Invalid(
            f"{text[:80]!r} is not a cron expression: write five fields, like `30 2 * * *` for 02:30 every day"
        )
    try:
        next(CronSim(text, datetime(2026, 1, 1)))  # noqa: DTZ001 - only whether it ever comes
    except (CronSimError, ValueError) as error:
        raise Invalid(f"{text[:80]!r} is not a cron expression: {error}") from None
    except StopIteration:
        raise Invalid(f"the cron expression {text[:80]!r} never comes") from None


def look(beat: Heartbeat, facts: Facts, outages: Sequence[Outage], now: datetime) -> Look:
    """How the heartbeat stands at `now`. `outages` in order of time."""
    if facts.paused:
        return Look("paused", None, None)
    if facts.failed:
        return _started(beat, facts, outages, now) or Look("down", None, None)
    if facts.last_at is None:
        return _started(beat, facts, outages, now) or Look("new", None, None)
    grace = timedelta(seconds=beat.grace)
    expected = _expected(beat, facts.last_at, grace, outages)
    if now >= expected + grace:
        return Look("down", expected, None)
    if (started := _started(beat, facts, outages, now)) is not None:
        sooner = None if started.down_at is None else min(started.down_at, expected + grace)
        return msgspec.structs.replace(started, down_at=sooner)
    return Look("late" if now >= expected else "up", expected, expected + grace)


def _expected(beat: Heartbeat, last: datetime, grace: timedelta, outages: Sequence[Outage]) -> datetime:
    """When the next ping is expected, given that one lost in an outage may have come at its end."""
    expected = next_time(beat, last)
    for start, end in outages:
        if start <= expected + grace and end >= expected - grace and end > last:
            last = end
            expected = max(expected, next_time(beat, end))
    return expected


def _started(beat: Heartbeat, facts: Facts, outages: Sequence[Outage], now: datetime) -> Look | None:
    """The job runs, or ran for too long; None when it did not say that it started."""
    if facts.started_at is None:
        return None
    until = facts.started_at + timedelta(seconds=beat.grace)
    for start, end in outages:
        if start <= until and end > facts.started_at:
            until = max(until, end + timedelta(seconds=beat.grace))
    return Look("started", until, until) if now < until else Look("down", until, None)


def after_ping(facts: Facts, ping: Ping) -> Facts:
    """What is known after one more ping. Any ping but a log wakes a paused heartbeat."""
    if ping.kind == "log":
        return facts
    if ping.kind == "start":
        return msgspec.structs.replace(facts, started_at=ping.at, started_rid=ping.rid, paused=False)
    ends_run = facts.started_rid == ping.rid or ping.kind == "fail" or ping.rid is None
    fresh = Facts(last_at=ping.at, failed=ping.kind == "fail")
    if ends_run:
        return fresh
    return msgspec.structs.replace(fresh, started_at=facts.started_at, started_rid=facts.started_rid)


def kind_of(action: str | None, exit_status: int | None) -> PingKind:
    """What a ping says: nothing or exit 0 is success, another exit status a failure."""
    if exit_status is not None:
        return "success" if exit_status == 0 else "fail"
    match action:
        case "start" | "fail" | "log":
            return action
        case _:
            return "success"


def why_down(beat: Heartbeat, facts: Facts, look: Look) -> str:
    """The title of the alert."""
    if facts.failed and facts.started_at is None:
        return f"{beat.label} says that it failed"
    if facts.started_at is not None and look.expected_at is not None:
        return f"{beat.label} started and did not end within its grace"
    return f"{beat.label} did not ping in time"
