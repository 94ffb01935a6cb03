"""Plans pages for one node at one instant: who is paged by which contact method, and what is told. No database in here but for ids
and turns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tocsin.core.alert import NoPage
from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.escalation import (
    LAST_PATIENCE,
    Ladder,
    PageIntent,
    PageReason,
    Rung,
    Turn,
    deadline,
    forward,
    last_resort,
    round_length,
    start,
    turn,
)
from tocsin.core.matrix import matrix_of
from tocsin.core.notification import plan
from tocsin.core.preset import expanded
from tocsin.core.severity import Severity, Urgency
from tocsin.core.tier import Tier
from tocsin.core.timeline import Entry
from tocsin.flow.context import Context
from tocsin.flow.shadows import Copied, copies
from tocsin.flow.turns import OutOfTurns, Turns
from tocsin.store.database import Tx
from tocsin.store.ids import OutOfIds
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import (
    Clock,
    NewEscalation,
    NewNotification,
    NewPage,
    NewTimer,
    Writing,
)

ACTOR = "tocsin"
T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """What is being paged about."""

    incident: int
    cycle: int
    urgency: Urgency
    service: str | None
    because: PageReason | None = None
    """Why this is not an ordinary page (the severity rose, the incident came back, a person escalated)."""


@dataclass
class Climbed:
    """What became of one climb for now."""

    ladder: Ladder | None
    state: str
    alarm: str | None = None
    first: str | None = None
    """The first person paged."""
    tier: Tier | None = None
    """The tier on which that person stands."""
    entries: list[Entry] = field(default_factory=list)


class Pager:
    """Plans pages for one node at one instant, into one `Writing`. No database in here."""

    def __init__(self, ctx: Context, now: datetime, writing: Writing, turns: Turns | None = None) -> None:
        self.directory: Directory = ctx.directory
        self.loop = ctx.in_the_loop
        self.ids = ctx.ids
        self.node = ctx.node
        self.now = now
        self.leased = now + timedelta(seconds=ctx.lease)
        self.writing = writing
        self.turns = turns or Turns()
        self.turns.begin()
        self.already: Mapping[int, Collection[str]] = {}
        """By incident: people whom its ladder paged in this round, and who are passed over in what is left of it."""
        self.notes: Mapping[int, str] = {}
        """By incident: what its pages say besides, like why somebody escalated, or who was paged before."""
        self.last_resort: set[int] = set()
        """Incidents whose manager was paged already in their present cycle."""
        self._turned: dict[tuple[int, Ladder], tuple[EscalationPolicy, Turn]] = {}
        self._until: dict[tuple[int, str], tuple[Rung, datetime]] = {}
        """What is the same for all incidents of a batch, by identity; the values keep what the keys name."""
        self.held: list[Held] = []
        """Notifications born leased to this node: handed to the deliveries once committed."""

    def policies(self, services: Sequence[str], severity: Severity) -> list[EscalationPolicy]:
        """Each distinct policy of the affected services as it is for this severity, in their order; the default one when there are
        none."""
        found = self.directory.policies_of(services)
        return [policy_at(self.directory, policy, service, severity) for service, policy in found]

    def begin(self, subject: Subject, policies: Sequence[EscalationPolicy]) -> list[Climbed]:
        """Start one climb for each policy; its first rung fires now."""
        climbs = []
        for policy in policies:
            escalation = self.ids.next("escalations")
            climbed = self.climb(subject, policy, start(policy, self.now), escalation)
            at = climbed.ladder or Ladder(0, 0, self.now, None)
            self.writing.escalations.append(
                NewEscalation(
                    id=escalation, incident_id=subject.incident, policy=policy.id, cycle=subject.cycle, round=at.round,
                    step=at.step, round_started_at=at.round_started_at,
                    next_at=at.next_at if climbed.state == "running" else None, state=climbed.state,
                    ended_at=self.now if climbed.state == "exhausted" else None,
                    ended_reason="exhausted" if climbed.state == "exhausted" else None,
                )
            )  # fmt: skip
            self.time(subject, escalation, climbed)
            climbs.append(climbed)
        return climbs

    def time(self, subject: Subject, escalation: int, climbed: Climbed) -> None:
        """Set the timer of the next rung of a running climb."""
        if climbed.state == "running" and climbed.ladder and climbed.ladder.next_at:
            self.writing.timers.append(
                NewTimer(
                    kind="escalate", subject=escalation, incident_id=subject.incident, due_at=climbed.ladder.next_at
                )
            )

    def climb(self, subject: Subject, policy: EscalationPolicy, ladder: Ladder, escalation: int) -> Climbed:
        """Fire the rung that is due; while it reaches nobody at all, the next one comes forward, for one whole pass at most.

        Low urgency climbs no further than the first rung that reached somebody: the climb is held there.
        """
        climbed = Climbed(ladder, "running" if subject.urgency == "high" else "held")
        fired = 0
        while True:
            turned = self._turn(subject, policy, ladder)
            reached = self._pages(subject, policy, turned, escalation, climbed)
            fired += len(turned.rungs)
            if turned.next is None or (not reached and turned.rungs and fired >= len(policy.steps)):
                return self._exhaust(subject, policy, escalation, climbed)
            climbed.ladder = ladder = turned.next
            if reached or not turned.rungs:
                return climbed
            ladder = forward(policy, ladder, self.now)

    def _turn(self, subject: Subject, policy: EscalationPolicy, ladder: Ladder) -> Turn:
        """What fires now. A storm asks for the same policy again and again: where nothing of the incident counts, it is the same."""
        passed = self.already.get(subject.incident, ())
        alike = subject.because is None and not passed and not any(step.round_robin for step in policy.steps)
        known = self._turned.get((id(policy), ladder)) if alike else None
        if known is not None:
            return known[1]
        turned = turn(
            policy,
            ladder,
            self.directory,
            self.now,
            subject.because,
            passed,
            lambda step: self.turns.take(policy.id, step),
        )
        if alike:
            self._turned[id(policy), ladder] = policy, turned
        return turned

    def _pages(
        self, subject: Subject, policy: EscalationPolicy, turned: Turn, escalation: int, climbed: Climbed
    ) -> bool:
        reached = False
        for rung in turned.rungs:
            if rung.nobody:
                text = f"Step {rung.step + 1}: {rung.nobody}"
                climbed.entries.append(self._entry("nobody_on_call", text, round=rung.round, step=rung.step + 1))
            known = self._until.get((id(rung), climbed.state))
            until = known[1] if known else self._deadline(policy, rung, turned.next, climbed)
            self._until[id(rung), climbed.state] = rung, until
            for intent in rung.pages:
                reached |= self.page(subject, rung, intent, escalation, until, climbed)
        return reached

    def _deadline(self, policy: EscalationPolicy, rung: Rung, following: Ladder | None, climbed: Climbed) -> datetime:
        """Until when the pages of a rung are retried. On a held climb no next rung will come to help."""
        if following is None or climbed.state == "held":
            return self.now + LAST_PATIENCE
        started = following.round_started_at
        if following.round > rung.round:
            started -= round_length(policy)
        return deadline(policy, rung.round, rung.step, started, self.now)

    def _exhaust(self, subject: Subject, policy: EscalationPolicy, escalation: int, climbed: Climbed) -> Climbed:
        """The end of the ladder: raise the alarm and page the team's manager once."""
        climbed.ladder, climbed.state, climbed.alarm = None, "exhausted", "exhausted"
        rung = last_resort(policy, self.directory, subject.service)
        text = "The escalation policy is exhausted and no one is answering"
        climbed.entries.append(self._entry("exhausted", f"{text}; {rung.nobody}" if rung.nobody else text))
        if subject.incident in self.last_resort:
            return climbed
        self.last_resort.add(subject.incident)
        for intent in rung.pages:
            self.page(subject, rung, intent, escalation, self.now + LAST_PATIENCE, climbed)
        return climbed

    def page(
        self,
        subject: Subject,
        rung: Rung,
        intent: PageIntent,
        escalation: int | None,
        until: datetime,
        climbed: Climbed,
        clock: Clock = "response",
        note: str = "",
    ) -> bool:
        """One page with its notifications; False when the person has no contact method to use.

        `clock`: what sends it, `note`: what whoever asked for it says.
        """
        user = self.directory.users[intent.user]
        page = self.ids.next("pages")
        rules = plan(user, subject.urgency)
        for position, (after, method) in enumerate(rules):
            at = self.now + after.delta
            notification = NewNotification(
                id=self.ids.next("notifications"), page_id=page, incident_id=subject.incident, user_id=user.id,
                method=method.id, channel=method.type, position=position, scheduled_at=at,
                due_at=at if after else self.leased, owner=None if after else self.node,
            )  # fmt: skip
            self.writing.notifications.append(notification)
            if not after:
                self.held.append(Held(notification.id, user.id, method.id, method.type, at))
        self.writing.pages.append(
            NewPage(
                id=page, incident_id=subject.incident, escalation_id=escalation, user_id=user.id, cycle=subject.cycle,
                round=rung.round, step=rung.step + 1, tier=rung.tier, via=intent.via, reason=intent.reason.value,
                urgency=subject.urgency, state="pending" if rules else "undelivered", created_at=self.now,
                deadline_at=until, ended_at=None if rules else self.now, clock=clock, note=note or self.notes.get(subject.incident, ""),
            )
        )  # fmt: skip
        way = "the team's manager" if intent.reason is PageReason.MANAGER else self.directory.called(intent.via)
        data = {"page": page, "user": user.id, "step": rung.step + 1, "round": rung.round, "tier": rung.tier, "via": intent.via,
                "reason": intent.reason.value}  # fmt: skip
        climbed.entries.append(
            Entry(
                at=self.now,
                kind="paged",
                actor=ACTOR,
                details=f"{user.label} ({way})",
                data=data,
            )
        )
        if not rules:
            climbed.entries.append(
                self._entry("page_undelivered", f"{user.label} has no contact method for this", page=page, user=user.id)
            )
        if rules and climbed.first is None:
            climbed.first, climbed.tier = user.id, rung.tier
        self._copy(subject, rung, intent, page, climbed)
        return bool(rules)

    def _copy(self, subject: Subject, rung: Rung, intent: PageIntent, page: int, climbed: Climbed) -> None:
        copied = Copied(subject.incident, page, rung.step + 1, intent.user, intent.via, subject.urgency)
        made, told = copies(self.directory, copied, [each.user for each in rung.pages], self.now, self.loop)
        self.writing.notices += made
        climbed.entries += told

    def _entry(self, kind: str, details: str, **data: object) -> Entry:
        return Entry(at=self.now, kind=kind, actor=ACTOR, details=details, data=dict(data))  # type: ignore[arg-type]


def no_page(urgency: Urgency, policies: Sequence[EscalationPolicy]) -> NoPage | None:
    """Why nobody is paged at all, or None when somebody is."""
    if urgency == "none":
        return NoPage.SEVERITY
    return None if policies else NoPage.NO_POLICY


def response_entries(
    pager: Pager, now: datetime, assignee: str | None, unpaged: NoPage | None, climbs: Sequence[Climbed],
    room: tuple[str, str] | None = None,
) -> list[Entry]:  # fmt: skip
    """The entries that say how the response began: who is assigned and paged, or why nobody is; where they meet (`room`: its name and
    its address)."""
    if unpaged is not None:
        details = {
            NoPage.SEVERITY: "This severity pages nobody",
            NoPage.NO_POLICY: "No escalation policy: nobody is paged",
        }[unpaged]
        return [Entry(at=now, kind="no_page", actor=ACTOR, details=details, data={"reason": unpaged.value})]
    user = pager.directory.users.get(assignee) if assignee else None
    details = f"{user.label} is assigned" if user else "Nobody could be assigned"
    data: dict[str, Any] = {
        "assignee": assignee,
        "paged": sorted({e.data["user"] for c in climbs for e in c.entries if e.kind == "paged"}),
    }
    if room is not None:
        details += f"; the room is #{room[0]}"
        data["room"] = {"name": room[0], "url": room[1]}
    triggered = Entry(at=now, kind="response_triggered", actor=ACTOR, details=details, data=data)
    return [triggered, *(entry for climbed in climbs for entry in climbed.entries)]


def subject_of(incident: Incident, because: PageReason | None = None) -> Subject:
    """The incident as a subject of its present cycle of paging."""
    return Subject(incident.id, incident.cycle, incident.urgency, incident.service, because)


def policy_at(
    directory: Directory, policy: EscalationPolicy, service: str | None, severity: Severity
) -> EscalationPolicy:
    """The policy with its steps: a preset is scaled, and capped, as the severity says."""
    if policy.preset is None:
        return policy
    row = matrix_of(directory, service)[severity]
    return expanded(policy, row.escalation_time, row.top)


async def planned(ctx: Context, tx: Tx, now: datetime, make: Callable[[Pager], T], size: int = 1) -> tuple[Pager, T]:
    """Plan pages until there are ids and turns enough for all of them. `size`: how many incidents are paged about."""
    turns = Turns()
    while True:
        pager = Pager(ctx, now, Writing(), turns)
        try:
            made = make(pager)
        except OutOfIds:
            await ctx.ids.reserve(tx, escalations=50 + 4 * size, pages=500 + 20 * size, notifications=1000 + 60 * size)
        except OutOfTurns as missing:
            await turns.hold(tx, missing)
        else:
            await turns.keep(tx)
            return pager, made
