"""The ladder of one incident: whom to page, in what order, and when to look again.

A policy has steps; a rung is one step in one round. `Ladder` says which rung fires next and when; `turn` fires it.
Waiting is a value (`Ladder.next_at`), never a sleep. Tiers are carried on each rung, for the progress clock
(core/progress.py), which goes up the same ladder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from tocsin.core.configuration import EscalationPolicy, Step, Target
from tocsin.core.directory import Directory
from tocsin.core.preset import Expanded
from tocsin.core.schedule import who
from tocsin.core.tier import Tier

SHORTEST_GAP = timedelta(minutes=5)
"""How long the last rung of a round lasts when no gap before it says so."""
LAST_PATIENCE = timedelta(minutes=30)
"""How long pages of the last rung of the last round are tried."""
LATE_PATIENCE = timedelta(minutes=1)
"""How long pages of a rung are tried that fired so late that the next one was due already."""


class PageReason(StrEnum):
    """Why a person is paged. docs/guide/escalation.md says what each means (a test compares)."""

    ON_CALL = "on_call_schedule"
    NAMED = "named_in_policy"
    TEAM_MEMBER = "team_member"
    MANAGER = "manager_last_resort"
    ESCALATED = "escalated_by_person"
    SEVERITY_ROSE = "severity_rose"
    RELAPSE = "relapse"
    NOT_RESTORED = "not_restored"
    NO_PROGRESS = "acknowledge_timeout"
    SNOOZE_OVER = "snooze_over"
    ASKED = "paged_by_person"
    ASSIGNED = "assigned"
    RESPONDER = "added_as_responder"
    HANDOVER = "handover"
    HANDOVER_LAPSED = "handover_not_accepted"
    ALL_HANDS = "all_hands"
    SHIFT_ENDED = "shift_ended"
    BUSINESS_HOURS = "business_hours_began"

    @property
    def sentence(self) -> str:
        """For the person paged: `You are on call in the schedule.`"""
        return _SENTENCES[self]

    @property
    def from_ladder(self) -> bool:
        """A rung pages for this reason, so its tier says more about why this person."""
        return self not in _FROM_PEOPLE


_SENTENCES = {
    PageReason.ON_CALL: "You are on call.",
    PageReason.NAMED: "The escalation policy names you.",
    PageReason.TEAM_MEMBER: "Your whole team is paged at this step.",
    PageReason.MANAGER: "Nobody answered, and you manage the team that owns this.",
    PageReason.ESCALATED: "Someone escalated this incident.",
    PageReason.SEVERITY_ROSE: "The incident became more severe.",
    PageReason.RELAPSE: "The incident came back after it was restored.",
    PageReason.NOT_RESTORED: "The incident was acknowledged, but it is not restored yet.",
    PageReason.NO_PROGRESS: "You acknowledged this incident, and nothing has happened since.",
    PageReason.SNOOZE_OVER: "The incident was snoozed; the snooze is over and it is still open.",
    PageReason.ASKED: "Someone asks for you.",
    PageReason.ASSIGNED: "This incident was assigned to you.",
    PageReason.RESPONDER: "You were added as a responder.",
    PageReason.HANDOVER: "You are asked to take over this incident: acknowledging accepts it.",
    PageReason.HANDOVER_LAPSED: "Nobody accepted your handover: the incident is still yours.",
    PageReason.ALL_HANDS: "All hands: everyone on call is asked to join.",
    PageReason.BUSINESS_HOURS: "Business hours began, and nobody has answered this yet.",
    PageReason.SHIFT_ENDED: "You took over the shift, and nobody has answered this yet.",
}
_FROM_PEOPLE = frozenset(
    {
        PageReason.MANAGER, PageReason.NO_PROGRESS, PageReason.ASKED, PageReason.ASSIGNED, PageReason.RESPONDER,
        PageReason.HANDOVER, PageReason.HANDOVER_LAPSED, PageReason.ALL_HANDS, PageReason.SHIFT_ENDED,
    }
)  # fmt: skip

Turns = Callable[[int], int]
"""The number of the turn that a step with `round_robin` takes now, by the step (from 0). Successive calls give successive
numbers; who keeps count is outside of here."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rung that fires next: step `step` of round `round` (both from 0), at `next_at`.

    `next_at` None: held, it fires only when brought forward. `step` equal to the number of steps is the top of the last
    round: nobody is left to page, and `next_at` is when to give up.
    """

    round: int
    step: int
    round_started_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageIntent:
    """One person to page. `via` is the target that led to them: `schedule:primary`, `team:payments`, `user:erin`."""

    user: str
    via: str
    reason: PageReason


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung that fired. `nobody` says why there was nobody to page ('' when there was)."""

    round: int
    step: int
    tier: Tier
    pages: tuple[PageIntent, ...]
    nobody: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of a look at the ladder: the rungs that fired, in order, and what comes next.

    At most the last rung has pages; those before it had nobody. `exhausted`: nobody is left, `next` is None.
    """

    rungs: tuple[Rung, ...]
    next: Ladder | None
    exhausted: bool = False


def start(policy: EscalationPolicy, now: datetime) -> Ladder:
    """The ladder of an incident that begins to page now."""
    return Ladder(0, 0, now, due(policy, 0, now))


def turn(
    policy: EscalationPolicy, ladder: Ladder, directory: Directory, now: datetime, because: PageReason | None = None,
    already: Collection[str] = (), turns: Turns | None = None,
) -> Turn:  # fmt: skip
    """Fire the rung that is due. Nothing happens before its time, or while the ladder is held.

    A rung that finds nobody brings the next one forward, into the same turn; later ones keep their times. When a whole
    pass finds nobody, so would all that follow: the ladder is exhausted at once. After downtime each overdue rung takes
    one turn, in order. `because` replaces the reason of the pages (a person escalated, the severity rose, a relapse).
    `already`: people who were paged in this round and are passed over in what is left of it. Without `turns` a step with
    `round_robin` begins with its first person.
    """
    ladder = _settle(policy, ladder)
    this_round = ladder.round
    if ladder.next_at is None or now < ladder.next_at:
        return Turn((), ladder)
    fired: list[Rung] = []
    while ladder.step < len(policy.steps) and len(fired) < len(policy.steps):
        paged = already if ladder.round == this_round else ()
        rung = fire(policy.steps[ladder.step], ladder, directory, now, because, paged, turns)
        fired.append(rung)
        ladder = _next(policy, ladder)
        if rung.pages:
            return Turn(tuple(fired), ladder)
    return Turn(tuple(fired), None, exhausted=True)


def forward(policy: EscalationPolicy, ladder: Ladder, now: datetime) -> Ladder:
    """The next rung comes forward to now: nobody could be reached, or a person escalates. Later ones keep their times.

    At the top of the last round it is giving up that comes forward.
    """
    ladder = _settle(policy, ladder)
    return replace(ladder, next_at=now if ladder.next_at is None else min(now, ladder.next_at))


def due(policy: EscalationPolicy, step: int, round_started_at: datetime) -> datetime:
    """When a step is due in the round that started then; for the number of steps: when that round ends."""
    if step >= len(policy.steps):
        return round_started_at + round_length(policy)
    return round_started_at + _offsets(policy)[step]


def round_length(policy: EscalationPolicy) -> timedelta:
    """The last `after` plus the gap before it; five minutes stand for that gap when there is none. A preset says it itself."""
    if isinstance(policy, Expanded):
        return policy.lasts.delta
    offsets = _offsets(policy)
    if not offsets:
        return timedelta()
    gap = offsets[-1] - offsets[-2] if len(offsets) > 1 else timedelta()
    return offsets[-1] + (gap or SHORTEST_GAP)


def deadline(
    policy: EscalationPolicy, round: int, step: int, round_started_at: datetime, fired_at: datetime | None = None
) -> datetime:
    """Until when the pages of a rung are tried: until the next rung is due; on the last one of all for 30 minutes.

    `fired_at` is when the rung really fired (default: when it was due), for rungs that came forward or fired late.
    """
    fired = due(policy, step, round_started_at) if fired_at is None else fired_at
    following = _next(policy, Ladder(round, step, round_started_at, None))
    if following.step >= len(policy.steps):
        return fired + LAST_PATIENCE
    ends = due(policy, following.step, following.round_started_at)
    return ends if ends > fired else fired + LATE_PATIENCE


def manager_of(directory: Directory, service: str | None) -> str | None:
    """The manager of the service's team, whom an exhausted ladder pages once; None when there is none (any more)."""
    team = directory.team_of(service)
    return team.manager if team and team.manager in directory.users else None


def last_resort(policy: EscalationPolicy, directory: Directory, service: str | None) -> Rung:
    """The page that an exhausted ladder ends with, as a rung behind the last step: the team's manager, once."""
    manager = manager_of(directory, service)
    pages = (PageIntent(manager, f"user:{manager}", PageReason.MANAGER),) if manager else ()
    nobody = "" if pages else "there is no manager to page as a last resort"
    return Rung(policy.repeat, len(policy.steps), "executive", pages, nobody)


def _offsets(policy: EscalationPolicy) -> list[timedelta]:
    """When each step is due, from the start of a round. Steps fire in their order, whatever their `after` says."""
    return [offset.delta for offset in accumulate((step.after for step in policy.steps), max)]


def _settle(policy: EscalationPolicy, ladder: Ladder) -> Ladder:
    """The ladder after an edit of the policy: what was the top may now be followed by a round, and keeps its time."""
    if policy.steps and ladder.step >= len(policy.steps) and ladder.round < policy.repeat:
        started = ladder.round_started_at + round_length(policy)
        return Ladder(ladder.round + 1, 0, started, ladder.next_at)
    return ladder


def _next(policy: EscalationPolicy, ladder: Ladder) -> Ladder:
    """The rung after the ladder's, at its own time: the next step, the next round, or the top."""
    round, step, started = ladder.round, ladder.step + 1, ladder.round_started_at
    if step >= len(policy.steps) and round < policy.repeat:
        round, step, started = round + 1, 0, started + round_length(policy)
    return Ladder(round, step, started, due(policy, step, started))


def fire(
    step: Step, ladder: Ladder, directory: Directory, now: datetime, because: PageReason | None = None,
    already: Collection[str] = (), turns: Turns | None = None,
) -> Rung:  # fmt: skip
    """Resolve the targets of a step as they are now; who is named twice is paged once, who is in `already` not again.

    With `round_robin` one of them is paged: the one whose turn it is.
    """
    pages: dict[str, PageIntent] = {}
    absent: list[str] = []
    for target in step.targets:
        users, reason, nobody = _resolve(target, directory, now)
        present = [user for user in users if user in directory.users]
        for user in present:
            pages.setdefault(user, PageIntent(user, target.name, because or reason))
        if not present:
            absent.append(nobody)
    left = tuple(page for page in pages.values() if page.user not in already)
    if step.round_robin and len(left) > 1:
        left = (left[(turns(ladder.step) if turns else 0) % len(left)],)
    nobody = "everybody here was paged before" if pages else "; ".join(absent) or "the step has no targets"
    return Rung(ladder.round, ladder.step, step.tier, left, "" if left else nobody)


def _resolve(target: Target, directory: Directory, now: datetime) -> tuple[tuple[str, ...], PageReason, str]:
    """(the people, why they are paged, what to say when there are none of them)."""
    if target.schedule is not None:
        schedule = directory.schedules.get(target.schedule)
        found = who(schedule, now) if schedule else None
        name = schedule.name or schedule.id if schedule else ""
        gone = f"{found[0]}, on call in schedule {name}, does not exist any more" if found else ""
        missing = f"nobody is on call in schedule {name}" if schedule else ""
        return (found[0],) if found else (), PageReason.ON_CALL, gone or missing or _no_longer(target)
    if target.team is not None:
        team = directory.teams.get(target.team)
        nobody = f"team {team.name or team.id} has no members" if team else _no_longer(target)
        return team.members if team else (), PageReason.TEAM_MEMBER, nobody
    return (target.user,) if target.user else (), PageReason.NAMED, _no_longer(target)


def _no_longer(target: Target) -> str:
    return f"{target.name.replace(':', ' ')} does not exist any more"
