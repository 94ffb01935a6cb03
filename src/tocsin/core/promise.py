"""What the severity of an incident promises, as moments of its life: each becomes a timer. Pure.

A promise that is broken is told on the timeline and shown; nothing here pages by itself, except that business hours begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tocsin.core.business import next_opening, open_at
from tocsin.core.calendar import LATEST
from tocsin.core.matrix import Row, Rules, escalate_by, respond_by, restore_by, working
from tocsin.core.role import commander_due
from tocsin.core.severity import Severity, Urgency


class Promise(StrEnum):
    """What comes due."""

    RESPONSE = "response"
    """It should have been acknowledged by now."""
    UPDATE = "update"
    """The next update is due."""
    DRAFT = "draft"
    """It is due in three minutes: a draft is to be ready."""
    MANAGER = "manager"
    """The team's manager is to know of it."""
    QUEUE = "queue"
    """What pages nobody was not looked at: whoever owns the queue, the team's manager, is to know."""
    OPENING = "opening"
    """Business hours begin, and nobody has answered what came outside them."""
    TARGET = "target"
    """It should have been restored by now."""
    COMMANDER = "commander"
    """Somebody should have taken command by now."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where an incident stands, as far as its promises go.

    `since`: when it got its present severity, or began to page anew. `answered`: somebody acknowledged since then.
    """

    severity: Severity
    urgency: Urgency
    since: datetime
    created_at: datetime
    answered: bool
    restored: bool
    open: bool
    next_update_at: datetime | None
    promised: tuple[datetime, ...] = ()
    """What audiences were promised: those times hold while it is watched, too."""
    commander_due: datetime | None = None
    """By when somebody has to have taken command (core/role.py); None when somebody has, or nobody needs to."""

    def row(self, rules: Rules) -> Row:
        return rules.rows[self.severity]


def due(rules: Rules, standing: Standing, start: datetime, now: datetime) -> list[tuple[datetime, Promise]]:
    """What came due from `start` to `now`, both included, in order; of several updates the last one."""
    found = [(at, promise) for at, promise in _once(rules, standing) if start <= at <= now]
    if any(start <= at <= now for at in _drafts(rules, standing)):
        found.append((now, Promise.DRAFT))
    if (update := _last_update(rules, standing, now)) is not None and start <= update:
        found.append((update, Promise.UPDATE))
    if _waits_for_hours(rules, standing) and open_at(rules.hours, now):
        found.append((now, Promise.OPENING))
    return sorted(found)


def following(rules: Rules, standing: Standing, now: datetime) -> datetime | None:
    """When the next promise comes due after `now`; None when none will."""
    ahead = [at for at, _ in _once(rules, standing) if at > now]
    ahead += [at for at in _drafts(rules, standing) if at > now]
    if (update := _next_update(rules, standing, now)) is not None:
        ahead.append(update)
    if _waits_for_hours(rules, standing):
        ahead.append(next_opening(rules.hours, now))
    first = min(ahead, default=LATEST)
    return first if first < LATEST else None


def _once(rules: Rules, standing: Standing) -> Iterator[tuple[datetime, Promise]]:
    """What comes due once."""
    row, hours, since = standing.row(rules), rules.hours, standing.since
    if not standing.open or standing.restored:
        return
    if not standing.answered:
        yield respond_by(row, hours, since), Promise.RESPONSE
        if row.page == "never":
            yield escalate_by(row, hours, since), Promise.QUEUE
    if row.inform_manager is not None:
        yield since + row.inform_manager.delta, Promise.MANAGER
    yield restore_by(row, hours, standing.created_at), Promise.TARGET
    if standing.commander_due is not None:
        yield standing.commander_due, Promise.COMMANDER


def _waits_for_hours(rules: Rules, standing: Standing) -> bool:
    """It came outside business hours, so it was told quietly and does not escalate."""
    waiting = standing.open and not standing.answered and not standing.restored
    return waiting and standing.urgency == "low" and standing.row(rules).page == "business_hours"


# Updates come due again and again while somebody is there to give them: when the first of all audiences waits, and after a third of an
# interval, one, two, four ... up to 32 of them; before, once. An audience whose time comes meanwhile is named by the next of these
# reminders; only when that is further off than an interval it gets one of its own, and never two within one. Drafts are ready a
# little before, when somebody is there to read them; what falls due soon after is drafted with them.

DRAFT_BEFORE = timedelta(minutes=3)
_AGAIN = (0.0, 1 / 3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def planned_updates(standing: Standing) -> list[datetime]:
    """When updates were planned: what was promised, and until it is restored what the severity asks for."""
    if not standing.open:
        return []
    asked = () if standing.restored or standing.next_update_at is None else (standing.next_update_at,)
    return sorted({*standing.promised, *asked})


def together(row: Row) -> timedelta:
    """What falls due within this after another update is drafted with it."""
    return row.communication_frequency.delta / 3


def _updates(rules: Rules, standing: Standing) -> list[datetime]:
    """Every moment at which an update is due, or due again, in order."""
    row, planned = standing.row(rules), planned_updates(standing)
    if not planned:
        return []
    every = row.communication_frequency.delta
    found = [planned[0] + turn * every for turn in (_AGAIN if standing.answered else _AGAIN[:1])]
    for own in planned[1:]:
        if not any(own <= at <= own + every for at in found):
            found.append(max(own, max(at for at in found if at < own) + every))
    return sorted({working(row, rules.hours, at) for at in found})


def _drafts(rules: Rules, standing: Standing) -> list[datetime]:
    found: list[datetime] = []
    if standing.answered:
        row = standing.row(rules)
        for planned in planned_updates(standing):
            at = working(row, rules.hours, planned) - DRAFT_BEFORE
            if not found or at - found[-1] >= together(row):
                found.append(at)
    return found


def draft_by_itself(rules: Rules, standing: Standing, promised: datetime, now: datetime) -> datetime | None:
    """When the draft for an update that was promised just now is to be ready, if the clock strikes for none before it: the time for
    it has passed already (then halfway), or belongs to what was drafted before this was promised."""
    if not standing.answered or any(now < at < promised for at in _drafts(rules, standing)):
        return None
    at = working(standing.row(rules), rules.hours, promised) - DRAFT_BEFORE
    return at if at > now else now + (promised - now) / 2


def _last_update(rules: Rules, standing: Standing, now: datetime) -> datetime | None:
    """When the latest update was due that is not in the future."""
    return max((at for at in _updates(rules, standing) if at <= now), default=None)


def _next_update(rules: Rules, standing: Standing, now: datetime) -> datetime | None:
    return min((at for at in _updates(rules, standing) if at > now), default=None)


def loudness(rules: Rules, standing: Standing, at: datetime) -> int:
    """How loud a reminder is that strikes at `at`: 0 when an update is due, 1 when it is late, 2 when it is late by a whole interval."""
    row = standing.row(rules)
    planned = (working(row, rules.hours, planned) for planned in planned_updates(standing))
    late = max((at - planned for planned in planned), default=timedelta(0))
    return 0 if late <= timedelta(0) else 1 if late < row.communication_frequency.delta else 2


def first(rules: Rules, severity: Severity, urgency: Urgency, now: datetime) -> tuple[datetime, datetime | None]:
    """(when the first update is due, when the first promise comes due) of an incident that begins now."""
    row = rules.rows[severity]
    update = working(row, rules.hours, now + row.communication_frequency.delta)
    standing = Standing(
        severity=severity, urgency=urgency, since=now, created_at=now, answered=False, restored=False, open=True,
        next_update_at=update, commander_due=commander_due(severity, {}, now, None),
    )  # fmt: skip
    return update, following(rules, standing, now)
