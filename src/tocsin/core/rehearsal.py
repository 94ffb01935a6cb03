"""Who would be paged, when, by what and why: the very decisions of a real incident, on a virtual clock, without side effects.

A rehearsal assumes that every notification is delivered, and that nobody answers, or somebody does after a given time and the
incident is not restored: then the second clock (core/progress.py) goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tocsin.core import progress
from tocsin.core.alert import NoPage
from tocsin.core.business import business_hours_of, next_opening
from tocsin.core.calendar import LATEST
from tocsin.core.configuration import EscalationPolicy, Service, User
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.escalation import (
    SHORTEST_GAP,
    Ladder,
    PageIntent,
    PageReason,
    Rung,
    Turns,
    due,
    forward,
    last_resort,
    round_length,
    start,
    turn,
)
from tocsin.core.matrix import Rules, escalate_by, matrix_of, urgency_of
from tocsin.core.notification import Waiting, choose, is_calm, plan
from tocsin.core.preset import expanded
from tocsin.core.relief import taken_over
from tocsin.core.severity import Severity, Urgency
from tocsin.core.tier import Tier

_INSTANT = timedelta(microseconds=1)
BESIDE_THE_LADDER = -1
"""The step of pages that no rung of a ladder asked for."""
MOST_HOLDS = 10
"""How often one notification is held back before it goes: quiet hours, then company."""


@dataclass(frozen=True, slots=True)
class RehearsalItem:
    """One notification: at `at` (UTC) to `user` by contact method `method`, for step `step` (1 is the first).

    `reason` is a `PageReason`. `method` is empty when the person has none to be paged by: that page would be undelivered.
    """

    at: datetime
    user: str
    method: str
    step: int
    tier: Tier
    reason: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The future of one incident: how people are paged, every rung that fires, also those that find nobody, and the notifications.

    `no_page` says why nobody is paged at all.
    """

    policy: EscalationPolicy | None
    urgency: Urgency
    rungs: tuple[tuple[datetime, Rung], ...] = ()
    items: tuple[RehearsalItem, ...] = ()
    no_page: NoPage | None = None


def rehearse(
    directory: Directory,
    about: Service | EscalationPolicy,
    severity: Severity,
    at: datetime,
    until: datetime | None = None,
) -> list[RehearsalItem]:
    """The notifications of an incident that opens at `at`, in order of time.

    Up to and including `until`; without it one whole pass of the policy, with all notifications of its pages. Empty for a
    severity that does not page. Raises Invalid when there is no escalation policy.
    """
    service = about.id if isinstance(about, Service) else None
    policy = directory.policy_of(about.id) if isinstance(about, Service) else about
    if policy is None:
        raise Invalid(f"{about.id} has no escalation policy, and there is no default one", "/service")
    return list(foresee(directory, service, (policy,), severity, at, until).items)


@dataclass(frozen=True, slots=True)
class Anew:
    """An incident that exists is paged about anew: `because` of what, how loudly (None: as the severity says), by the `rules` that it
    keeps, and by all of its `policies`."""

    rules: Rules
    because: PageReason
    urgency: Urgency | None = None
    policies: tuple[EscalationPolicy, ...] = ()


class Taking:
    """Whose turn it is at each step with round robin, `next` being (policy, step from 0) -> the number of the turn that comes; those
    that are not named begin. This incident is at `place` (from 0) of so many, `among`, that take their turns side by side."""

    def __init__(self, next: Mapping[tuple[str, int], int], place: int = 0, among: int = 1) -> None:
        self._next, self._place, self._among = next, place, among
        self._taken: dict[tuple[str, int], int] = {}

    def by(self, policy: EscalationPolicy) -> Turns:
        def take(step: int) -> int:
            key = (policy.id, step)
            taken = self._taken.get(key, 0)
            self._taken[key] = taken + 1
            return self._next.get(key, 0) + taken * self._among + self._place

        return take


Fired = list[tuple[tuple[datetime, Rung], ...]]
"""What each of several ladders fires, in their order."""


def foresee(
    directory: Directory,
    service: str | None,
    policies: Sequence[EscalationPolicy],
    severity: Severity,
    at: datetime,
    until: datetime | None = None,
    rings: Collection[str] = (),
    answered: timedelta | None = None,
    rules: Rules | None = None,
    anew: Anew | None = None,
    taking: Taking | None = None,
) -> Rehearsal:
    """The whole future of an incident of `service` that opens at `at` and pages by each of `policies`; or is paged about `anew` then.

    `rings`: the types of contact methods that ring, for which quiet hours and bundling hold. `answered`: after how long somebody
    acknowledges (None: nobody does). `rules`: those that the incident keeps (None: today's of the service). `taking`: whose turn it is
    at steps with round robin (None: of the first person).
    """
    taking = taking or Taking({})
    at, rules = at.astimezone(UTC), anew.rules if anew else rules
    row = (rules.rows if rules else matrix_of(directory, service))[severity]
    hours = rules.hours if rules else business_hours_of(directory, service)
    urgency = (anew.urgency if anew else None) or urgency_of(row, hours, at)
    if urgency == "none":
        return Rehearsal(policies[0] if policies else None, urgency, no_page=NoPage.SEVERITY)
    if not policies:
        return Rehearsal(None, urgency, no_page=NoPage.NO_POLICY)
    ladders = [expanded(policy, row.escalation_time, row.top) for policy in policies]
    stop = None if answered is None else at + answered
    end = until if stop is None else stop if until is None else min(stop, until)
    because = anew.because if anew else None
    fired, items = _phase(directory, ladders, service, severity, urgency, at, end, rings, taking, because)
    opens = next_opening(hours, at) if urgency == "low" else LATEST
    if opens < LATEST and (end is None or opens <= end):
        began = PageReason.BUSINESS_HOURS
        again = _phase(directory, ladders, service, severity, "high", opens, end, rings, taking, began)
        fired, items = _joined(fired, again[0]), items + again[1]
    loud = at if urgency == "high" else opens
    passed = (loud if loud <= (end or loud) < LATEST else at) + max(round_length(ladder) for ladder in ladders)
    handed = tuple(taken_over(directory, _in_order(fired), at, passed if end is None else end, loud))
    told = {page.user for _, rung in _in_order(fired) for page in rung.pages}
    items += _told(directory, handed, severity, "high", rings, end, told)
    silent = None if stop is None or row.acknowledge_timeout is None else stop + row.acknowledge_timeout.delta
    if stop is not None and row.progress == "automatic" and urgency == "high":
        overdue = [escalate_by(row, hours, due(ladder, 0, at)) for ladder in ladders]
        last = until if silent is None else _earliest(silent - _INSTANT, until)
        later = onward_from(directory, ladders, fired, at, stop, overdue, row.top, last, told, taking)
        fired = _joined(fired, later)
        items += _told(directory, _in_order(later), severity, urgency, rings, last, told)
    if silent is not None and (until is None or silent <= until):
        later = _paged_again(directory, ladders, service, urgency, fired, at, silent, until, taking)
        fired = _joined(fired, later)
        items += _told(directory, _in_order(later), severity, urgency, rings, until, told)
    rungs = tuple(sorted((*_in_order(fired), *handed), key=lambda one: one[0]))
    return Rehearsal(ladders[0], urgency, rungs, tuple(sorted(items, key=lambda item: item.at)))


def _joined(fired: Fired, later: Fired) -> Fired:
    return [before + after for before, after in zip(fired, later, strict=True)]


def _in_order(fired: Fired) -> tuple[tuple[datetime, Rung], ...]:
    return tuple(sorted((one for rungs in fired for one in rungs), key=lambda one: one[0]))


def _once(ladders: Sequence[EscalationPolicy], fired: Fired) -> Fired:
    """The same with one last resort: an incident pages the team's manager once in a cycle, by whichever ladder gives up first."""
    ends = [
        (rungs[-1][0], n)
        for n, (ladder, rungs) in enumerate(zip(ladders, fired, strict=True))
        if rungs and rungs[-1][1].step == len(ladder.steps)
    ]
    spared = {n for _, n in sorted(ends)[1:]}
    return [rungs[:-1] if n in spared else rungs for n, rungs in enumerate(fired)]


def _earliest(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)


def _paged_again(
    directory: Directory, ladders: Sequence[EscalationPolicy], service: str | None, urgency: Urgency, fired: Fired,
    at: datetime, silent: datetime, until: datetime | None, taking: Taking,
) -> Fired:  # fmt: skip
    """The acknowledgement lapses at `silent`, because nothing happened: whoever was paged first is taken for who acknowledged and is
    paged again, and the ladders go on where they had stopped."""
    again = next((page.user for _, rung in _in_order(fired) for page in rung.pages), None)
    if again is None:
        return [() for _ in ladders]
    intent = PageIntent(again, f"user:{again}", PageReason.NO_PROGRESS)
    beside = (silent, Rung(0, BESIDE_THE_LADDER, "on_call", (intent,)))
    reached = _reachable(directory, again, urgency)
    later: Fired = []
    for policy, rungs in zip(ladders, fired, strict=True):
        ladder = _resumed(policy, rungs, at, silent)
        if not reached:
            ladder = replace(ladder, next_at=silent)
        climbs = not reached or urgency == "high"
        later.append(
            tuple(_going_on(directory, policy, service, urgency, ladder, until, taking.by(policy))) if climbs else ()
        )
    later = _once(ladders, later)
    return [(beside, *later[0]), *later[1:]]


def _resumed(
    policy: EscalationPolicy, rungs: Sequence[tuple[datetime, Rung]], at: datetime, silent: datetime
) -> Ladder:
    """Where a ladder that fired `rungs` goes on once the acknowledgement lapsed; one on which nobody was left begins anew."""
    if not rungs or rungs[-1][1].step >= len(policy.steps):
        return start(policy, silent + SHORTEST_GAP)
    return progress.resumed(policy, _stands(policy, rungs, at), silent)


def _stands(policy: EscalationPolicy, rungs: Sequence[tuple[datetime, Rung]], at: datetime) -> Ladder:
    """A ladder that began at `at`, behind the last of the rungs that it fired."""
    last = rungs[-1][1]
    return Ladder(last.round, last.step + 1, at + last.round * round_length(policy), None)


def onward_from(
    directory: Directory, ladders: Sequence[EscalationPolicy], fired: Fired, at: datetime, stop: datetime,
    overdue: Sequence[datetime], top: Tier, until: datetime | None, paged: Collection[str], taking: Taking,
) -> Fired:  # fmt: skip
    """What the second clock fires, for an incident whose first clock fired `fired` until it was answered at `stop`. `overdue`: when, for
    each ladder. `paged`: everybody who was paged until then; nobody whom it reached is paged twice, by whichever ladder."""
    reached, passed = {user for user in paged if _reachable(directory, user, "high")}, set[str]()
    later: list[list[tuple[datetime, Rung]]] = [[] for _ in ladders]
    standing: dict[int, Ladder | None] = {
        n: progress.onward(policy, _stands(policy, rungs, at), overdue[n], top)
        for n, (policy, rungs) in enumerate(zip(ladders, fired, strict=True))
        if rungs and rungs[-1][1].step < len(policy.steps)
    }
    while coming := [(one.next_at, n) for n, one in standing.items() if one is not None and one.next_at is not None]:
        due_at, n = min(coming)
        now, ladder = max(due_at, stop), standing[n]
        if ladder is None or (until is not None and now > until):
            break
        turns = taking.by(ladders[n])
        turned = progress.climb(ladders[n], ladder, directory, now, overdue[n], top, reached | passed, turns)
        later[n] += [(now, rung) for rung in turned.rungs]
        people = [page.user for rung in turned.rungs for page in rung.pages]
        met = {user for user in people if _reachable(directory, user, "high")}
        reached |= met
        passed = set() if met else passed | set(people)  # whom nothing reaches is passed over while rungs come forward
        standing[n] = turned.next
        if turned.next is not None and not met:
            standing[n] = replace(turned.next, next_at=now)
    return [tuple(rungs) for rungs in later]


def _phase(
    directory: Directory, ladders: Sequence[EscalationPolicy], service: str | None, severity: Severity, urgency: Urgency,
    at: datetime, until: datetime | None, rings: Collection[str], taking: Taking, because: PageReason | None = None,
) -> tuple[Fired, tuple[RehearsalItem, ...]]:  # fmt: skip
    """One cycle of paging: it begins when the incident opens, and again when business hours do."""
    climbs = [climb(directory, one, service, urgency, at, until, because, taking.by(one)) for one in ladders]
    fired = _once(ladders, [tuple(rungs) for rungs in climbs])
    return fired, _told(directory, _in_order(fired), severity, urgency, rings, until, set())


def _told(
    directory: Directory, rungs: Sequence[tuple[datetime, Rung]], severity: Severity, urgency: Urgency, rings: Collection[str],
    until: datetime | None, told: set[str],
) -> tuple[RehearsalItem, ...]:  # fmt: skip
    return tuple(
        item
        for when, rung in rungs
        for item in _notifications(directory, rung, severity, urgency, when, rings, told)
        if until is None or item.at <= until
    )


def climb(
    directory: Directory,
    policy: EscalationPolicy,
    service: str | None,
    urgency: Urgency,
    at: datetime,
    until: datetime | None = None,
    because: PageReason | None = None,
    turns: Turns | None = None,
) -> Iterator[tuple[datetime, Rung]]:
    """Each rung that fires, with its time, also those that find nobody; the last resort is the last one.

    A rung all of whose people have no contact method brings the next one forward. Low urgency climbs no further than the
    first rung that reaches somebody. `because` is why the pages of the first moment are no ordinary ones.
    """
    at = at.astimezone(UTC)
    yield from _going_on(directory, policy, service, urgency, start(policy, at), until, turns, at, because)


def _going_on(
    directory: Directory, policy: EscalationPolicy, service: str | None, urgency: Urgency, ladder: Ladder,
    until: datetime | None, turns: Turns | None, at: datetime | None = None, because: PageReason | None = None,
) -> Iterator[tuple[datetime, Rung]]:  # fmt: skip
    """A ladder from where it stands, as `climb`; `because` is of the pages at `at`."""
    pass_ends, fired = ladder.round_started_at + round_length(policy), 0
    while ladder.next_at is not None and ladder.next_at <= (until or pass_ends):
        now = ladder.next_at
        turned = turn(policy, ladder, directory, now, because if now == at else None, turns=turns)
        if until is None and now == pass_ends and turned.rungs:
            return
        yield from ((now, rung) for rung in turned.rungs)
        reached = any(_reachable(directory, page.user, urgency) for rung in turned.rungs for page in rung.pages)
        fired = 0 if reached else fired + len(turned.rungs)
        if turned.next is None or fired >= len(policy.steps):  # a whole pass found nobody whom a message reaches
            yield now, last_resort(policy, directory, service)
            return
        if reached and urgency != "high":
            return
        ladder = turned.next if reached else forward(policy, turned.next, now)


def _reachable(directory: Directory, user: str, urgency: Urgency) -> bool:
    return bool(plan(directory.users[user], urgency))


def _notifications(
    directory: Directory, rung: Rung, severity: Severity, urgency: Urgency, now: datetime, rings: Collection[str],
    told: set[str],
) -> Iterator[RehearsalItem]:  # fmt: skip
    """Those of one rung. `told` are the people whom earlier rungs paged; this one's are added."""
    for page in rung.pages:
        user = directory.users[page.user]
        first = page.user not in told
        told.add(page.user)
        rules = [
            (_goes_at(user, method.type, severity, urgency, first, now + after.delta, rings), method.id)
            for after, method in plan(user, urgency)
        ]
        for at, method in rules or [(now, "")]:
            yield RehearsalItem(at, page.user, method, rung.step + 1, rung.tier, page.reason.value)


def _goes_at(
    user: User, type: str, severity: Severity, urgency: Urgency, first: bool, at: datetime, rings: Collection[str]
) -> datetime:
    """When a notification due at `at` really goes, if nothing else rings this person: quiet hours and bundling decided."""
    if not is_calm(user, type, type in rings):
        return at
    waiting = Waiting(0, severity.value, urgency, first, at)
    for _ in range(MOST_HOLDS):
        choice = choose(user, type, [waiting], (), None, at)
        if not choice.wait:
            break
        at = choice.wait[0][1]
    return at
