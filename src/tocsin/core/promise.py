"""What the severity of an incident promises, as moments of its life: each becomes a timer. Pure.

A promise that is broken is told on the timeline and shown; nothing here pages by itself, except that business hours begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
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
    commander_due: datetime | None = None
    """By when somebody has to have taken command (core/role.py); None when somebody has, or nobody needs to."""

    def row(self, rules: Rules) -> Row:
        return rules.rows[self.severity]


def due(rules: Rules, standing: Standing, start: datetime, now: datetime) -> list[tuple[datetime, Promise]]:
    """What came due from `start` to `now`, both included, in order; of several updates the last one."""
    found = [(at, promise) for at, promise in _once(rules, standing) if start <= at <= now]
    if (update := _last_update(rules, standing, now)) is not None and start <= update:
        found.append((update, Promise.UPDATE))
    if _waits_for_hours(rules, standing) and open_at(rules.hours, now):
        found.append((now, Promise.OPENING))
    return sorted(found)


def following(rules: Rules, standing: Standing, now: datetime) -> datetime | None:
    """When the next promise comes due after `now`; None when none will."""
    ahead = [at for at, _ in _once(rules, standing) if at > now]
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


# Updates come due again and again while somebody is there to give them, after one, two, four ... intervals more; before, once.


def _update(rules: Rules, standing: Standing, planned: datetime, turn: int) -> datetime:
    row = standing.row(rules)
    return working(row, rules.hours, planned + turn * row.communication_frequency.delta)


def _turns(rules: Rules, standing: Standing, now: datetime) -> tuple[datetime, list[int]] | None:
    """When the next update was planned, and after how many intervals it comes due again: those by `now`, and the one after them."""
    planned = standing.next_update_at
    if planned is None or not standing.open or standing.restored:
        return None
    if not standing.answered:
        return planned, [0]
    passed = (now - planned) // standing.row(rules).communication_frequency.delta
    return planned, [0, *(2**power for power in range(max(0, passed).bit_length() + 1))]


def _last_update(rules: Rules, standing: Standing, now: datetime) -> datetime | None:
    """When the latest update was due that is not in the future."""
    if (turns := _turns(rules, standing, now)) is None:
        return None
    due = (_update(rules, standing, turns[0], turn) for turn in reversed(turns[1]))
    return next((at for at in due if at <= now), None)


def _next_update(rules: Rules, standing: Standing, now: datetime) -> datetime | None:
    if (turns := _turns(rules, standing, now)) is None:
        return None
    due = (_update(rules, standing, turns[0], turn) for turn in turns[1])
    return next((at for at in due if at > now), None)


def first(rules: Rules, severity: Severity, urgency: Urgency, now: datetime) -> tuple[datetime, datetime | None]:
    """(when the first update is due, when the first promise comes due) of an incident that begins now."""
    row = rules.rows[severity]
    update = working(row, rules.hours, now + row.communication_frequency.delta)
    standing = Standing(
        severity=severity, urgency=urgency, since=now, created_at=now, answered=False, restored=False, open=True,
        next_update_at=update, commander_due=commander_due(severity, {}, now, None),
    )  # fmt: skip
    return update, following(rules, standing, now)
