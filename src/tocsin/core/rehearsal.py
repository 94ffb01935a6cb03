"""Who would be paged, when, by what and why: the very decisions of a real incident, on a virtual clock, without side effects.

A rehearsal assumes that every notification is delivered and that nobody answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin.core.alert import NoPage
from tocsin.core.configuration import EscalationPolicy, Service, Tier
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.escalation import Rung, forward, last_resort, round_length, start, turn
from tocsin.core.matrix import matrix_of
from tocsin.core.matrix import urgency as urgency_at
from tocsin.core.notification import plan
from tocsin.core.preset import expanded
from tocsin.core.severity import Severity, Urgency


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
) -> Rehearsal:
    """The whole future of an incident of `service` that opens at `at` and pages by `policy`."""
    urgency = urgency_at(directory, service, severity, at)
    if urgency == "none":
        return Rehearsal(policy, urgency, no_page=NoPage.SEVERITY)
    if policy is None:
        return Rehearsal(policy, urgency, no_page=NoPage.NO_POLICY)
    row = matrix_of(directory, service)[severity]
    ladder = expanded(policy, row.escalation_time, row.top)
    rungs = tuple(climb(directory, ladder, service, urgency, at, until))
    items = [
        item
        for when, rung in rungs
        for item in _notifications(directory, rung, urgency, when)
        if until is None or item.at <= until
    ]
    return Rehearsal(ladder, urgency, rungs, tuple(sorted(items, key=lambda item: item.at)))


def climb(
    directory: Directory,
    policy: EscalationPolicy,
    service: str | None,
    urgency: Urgency,
    at: datetime,
    until: datetime | None = None,
) -> Iterator[tuple[datetime, Rung]]:
    """Each rung that fires, with its time, also those that find nobody; the last resort is the last one.

    A rung all of whose people have no contact method brings the next one forward. Low urgency climbs no further than the
    first rung that reaches somebody.
    """
    at = at.astimezone(UTC)
    pass_ends = at + round_length(policy)
    ladder = start(policy, at)
    while ladder.next_at is not None and ladder.next_at <= (until or pass_ends):
        now = ladder.next_at
        turned = turn(policy, ladder, directory, now)
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


def _notifications(directory: Directory, rung: Rung, urgency: Urgency, now: datetime) -> Iterator[RehearsalItem]:
    for page in rung.pages:
        rules = [(now + after.delta, method.id) for after, method in plan(directory.users[page.user], urgency)]
        for at, method in rules or [(now, "")]:
            yield RehearsalItem(at, page.user, method, rung.step + 1, rung.tier, page.reason.value)
