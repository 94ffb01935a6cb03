"""The second clock: acknowledged, but not restored. It goes up the same ladder as the response clock, with the tiers above on call.

Where the response clock stopped, the progress clock goes on: its rungs keep their times from the first page, but none fires before
the escalation time of the severity has passed. It pages by itself, or asks whoever leads the incident, as the severity says (C-3).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.escalation import SHORTEST_GAP, Ladder, PageReason, Rung, Turn, Turns, due, fire
from tocsin.core.tier import Tier, within


def first_due(policy: EscalationPolicy, ladder: Ladder) -> datetime:
    """When the first page of this round was due: what the escalation time counts from."""
    return due(policy, 0, ladder.round_started_at)


def onward(policy: EscalationPolicy, ladder: Ladder, overdue_at: datetime, top: Tier) -> Ladder | None:
    """The next rung of the progress clock, from the rung at which the ladder stands; None when none is left.

    `overdue_at`: the first page and the escalation time after it. `top`: the highest tier that the severity asks for. After
    the first round every rung fired already, and nobody is paged twice for the same rung.
    """
    if ladder.round > 0:
        return None
    for step in range(ladder.step, len(policy.steps)):
        tier = policy.steps[step].tier
        if tier != "on_call" and within(tier, top):
            return replace(ladder, step=step, next_at=max(due(policy, step, ladder.round_started_at), overdue_at))
    return None


def climb(
    policy: EscalationPolicy, ladder: Ladder, directory: Directory, now: datetime, overdue_at: datetime, top: Tier,
    already: Collection[str] = (), turns: Turns | None = None,
) -> Turn:  # fmt: skip
    """Fire the rung that is due. Nothing happens before its time.

    A tier in which everybody was paged already, or nobody is there, is skipped: the next one comes forward, later ones keep
    their times. `Turn.exhausted`: no tier is left above.
    """
    at = onward(policy, ladder, overdue_at, top)
    if at is not None and at.step == ladder.step and ladder.next_at is not None:
        at = ladder  # where it stood, unless the policy was edited meanwhile and has no such step any more
    if at is None or at.next_at is None or now < at.next_at:
        return Turn((), at, exhausted=at is None)
    fired: list[Rung] = []
    while at is not None:
        rung = fire(policy.steps[at.step], at, directory, now, PageReason.NOT_RESTORED, already, turns)
        fired.append(rung)
        at = onward(policy, replace(at, step=at.step + 1), overdue_at, top)
        if rung.pages:
            return Turn(tuple(fired), at, exhausted=at is None)
    return Turn(tuple(fired), None, exhausted=True)


def shifted(ladder: Ladder, by: timedelta) -> Ladder:
    """The ladder after a pause: what the pause took does not count."""
    next_at = None if ladder.next_at is None else ladder.next_at + by
    return replace(ladder, round_started_at=ladder.round_started_at + by, next_at=next_at)


def resumed(policy: EscalationPolicy, ladder: Ladder, now: datetime) -> Ladder:
    """The response clock takes up a ladder that an acknowledgement had stopped: the rung that is next has its gap from now.

    At the top it is giving up that has the gap.
    """
    step = min(ladder.step, len(policy.steps))
    at = due(policy, step, ladder.round_started_at)
    before = due(policy, step - 1, ladder.round_started_at) if step else at
    gap = max(at - before, SHORTEST_GAP)
    return replace(ladder, step=step, round_started_at=now + gap - (at - ladder.round_started_at), next_at=now + gap)
