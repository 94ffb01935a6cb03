"""Who would be paged, when, by what and why: the very decisions of a real incident, on a virtual clock, without side effects.

A rehearsal assumes that every notification is delivered, and that nobody answers, or somebody does after a given time and the
incident is not restored: then the second clock (core/progress.py) goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
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
    Ladder,
    PageIntent,
    PageReason,
    Rung,
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
    return list(foresee(directory, service, policy, severity, at, until).items)


def foresee(
    directory: Directory,
    service: str | None,
    policy: EscalationPolicy | None,
    severity: Severity,
    at: datetime,
    until: datetime | None = None,
    rings: Collection[str] = (),
    answered: timedelta | None = None,
    rules: Rules | None = None,
    because: PageReason | None = None,
) -> Rehearsal:
    """The whole future of an incident of `service` that opens at `at` and pages by `policy`; or pages anew then, `because` of something.

    `rings`: the types of contact methods that ring, for which quiet hours and bundling hold. `answered`: after how long somebody
    acknowledges (None: nobody does). `rules`: those that the incident keeps (None: today's of the service).
    """
    at = at.astimezone(UTC)
    row = (rules.rows if rules else matrix_of(directory, service))[severity]
    hours = rules.hours if rules else business_hours_of(directory, service)
    urgency = urgency_of(row, hours, at)
    if urgency == "none":
        return Rehearsal(policy, urgency, no_page=NoPage.SEVERITY)
    if policy is None:
        return Rehearsal(policy, urgency, no_page=NoPage.NO_POLICY)
    ladder = expanded(policy, row.escalation_time, row.top)
    stop = None if answered is None else at + answered
    end = until if stop is None else stop if until is None else min(stop, until)
    rungs, items = _phase(directory, ladder, service, severity, urgency, at, end, rings, because)
    opens = next_opening(hours, at) if urgency == "low" else LATEST
    if opens < LATEST and (end is None or opens <= end):
        again = _phase(directory, ladder, service, severity, "high", opens, end, rings, PageReason.BUSINESS_HOURS)
        rungs, items = rungs + again[0], items + again[1]
    loud = at if urgency == "high" else opens
    passed = (loud if loud <= (end or loud) < LATEST else at) + round_length(ladder)
    handed = tuple(taken_over(directory, rungs, at, passed if end is None else end, loud))
    told = {page.user for _, rung in rungs for page in rung.pages}
    items += _told(directory, handed, severity, "high", rings, end, told)
    silent = None if stop is None or row.acknowledge_timeout is None else stop + row.acknowledge_timeout.delta
    if stop is not None and row.progress == "automatic" and urgency == "high":
        overdue = escalate_by(row, hours, due(ladder, 0, at))
        last = until if silent is None else _earliest(silent - _INSTANT, until)
        later = tuple(onward_from(directory, ladder, rungs, at, stop, overdue, row.top, last, told))
        rungs += later
        items += _told(directory, later, severity, urgency, rings, last, told)
    if silent is not None and (until is None or silent <= until):
        later = tuple(_paged_again(directory, ladder, service, urgency, rungs, at, silent, until))
        rungs += later
        items += _told(directory, later, severity, urgency, rings, until, told)
    rungs = tuple(sorted(rungs + handed, key=lambda one: one[0]))
    return Rehearsal(ladder, urgency, rungs, tuple(sorted(items, key=lambda item: item.at)))


def _earliest(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)


def _paged_again(
    directory: Directory, policy: EscalationPolicy, service: str | None, urgency: Urgency,
    rungs: Sequence[tuple[datetime, Rung]], at: datetime, silent: datetime, until: datetime | None,
) -> Iterator[tuple[datetime, Rung]]:  # fmt: skip
    """The acknowledgement lapses at `silent`, because nothing happened: whoever was paged first is taken for who acknowledged and is
    paged again, and the ladder goes on where it had stopped."""
    again = next((page.user for _, rung in rungs for page in rung.pages), None)
    if again is None:
        return
    intent = PageIntent(again, f"user:{again}", PageReason.NO_PROGRESS)
    yield silent, Rung(0, BESIDE_THE_LADDER, "on_call", (intent,))
    reached = _reachable(directory, again, urgency)
    if reached and urgency != "high":
        return
    last = rungs[-1][1]
    begun = at + last.round * round_length(policy)
    ladder = progress.resumed(policy, Ladder(last.round, last.step + 1, begun, None), silent)
    if not reached:
        ladder = replace(ladder, next_at=silent)
    yield from _going_on(directory, policy, service, urgency, ladder, until)


def onward_from(
    directory: Directory, policy: EscalationPolicy, rungs: Sequence[tuple[datetime, Rung]], at: datetime, stop: datetime,
    overdue: datetime, top: Tier, until: datetime | None, paged: Collection[str],
) -> Iterator[tuple[datetime, Rung]]:  # fmt: skip
    """The rungs of the second clock, for an incident whose first clock fired `rungs` until it was answered at `stop`. `paged`:
    everybody who was paged until then."""
    last = rungs[-1][1] if rungs else None
    if last is None or last.step >= len(policy.steps):
        return
    begun = at + last.round * round_length(policy)
    everybody = set(paged)
    ladder = progress.onward(policy, Ladder(last.round, last.step + 1, begun, None), overdue, top)
    while ladder is not None and ladder.next_at is not None:
        now = max(ladder.next_at, stop)
        if until is not None and now > until:
            return
        turned = progress.climb(policy, ladder, directory, now, overdue, top, everybody)
        yield from ((now, rung) for rung in turned.rungs)
        people = [page.user for rung in turned.rungs for page in rung.pages]
        everybody.update(people)
        ladder = turned.next
        if ladder is not None and not any(_reachable(directory, user, "high") for user in people):
            ladder = replace(ladder, next_at=now)


def _phase(
    directory: Directory, policy: EscalationPolicy, service: str | None, severity: Severity, urgency: Urgency, at: datetime,
    until: datetime | None, rings: Collection[str], because: PageReason | None = None,
) -> tuple[tuple[tuple[datetime, Rung], ...], tuple[RehearsalItem, ...]]:  # fmt: skip
    """One cycle of paging: it begins when the incident opens, and again when business hours do."""
    rungs = tuple(climb(directory, policy, service, urgency, at, until, because))
    return rungs, _told(directory, rungs, severity, urgency, rings, until, set())


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
) -> Iterator[tuple[datetime, Rung]]:
    """Each rung that fires, with its time, also those that find nobody; the last resort is the last one.

    A rung all of whose people have no contact method brings the next one forward. Low urgency climbs no further than the
    first rung that reaches somebody. `because` is why the pages of the first moment are no ordinary ones.
    """
    at = at.astimezone(UTC)
    yield from _going_on(directory, policy, service, urgency, start(policy, at), until, at, because)


def _going_on(
    directory: Directory, policy: EscalationPolicy, service: str | None, urgency: Urgency, ladder: Ladder,
    until: datetime | None, at: datetime | None = None, because: PageReason | None = None,
) -> Iterator[tuple[datetime, Rung]]:  # fmt: skip
    """A ladder from where it stands, as `climb`; `because` is of the pages at `at`."""
    pass_ends = ladder.round_started_at + round_length(policy)
    while ladder.next_at is not None and ladder.next_at <= (until or pass_ends):
        now = ladder.next_at
        turned = turn(policy, ladder, directory, now, because if now == at else None)
        if until is None and now == pass_ends and turned.rungs:
            return
        yield from ((now, rung) for rung in turned.rungs)
        if turned.next is None:
            yield now, last_resort(policy, directory, service)
            return
        reached = any(_reachable(directory, page.user, urgency) for rung in turned.rungs for page in rung.pages)
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
