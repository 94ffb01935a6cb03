"""The second clock: an incident was acknowledged and is not restored. Its timer strikes when the next thing about that is due: a rung
above on call, a question to whoever leads it, or an acknowledgement after which nothing happened.

What is due is worked out anew each time from the incident as it is, so the timer may strike too often, never too seldom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.escalation import LAST_PATIENCE, SHORTEST_GAP, Ladder, PageIntent, PageReason, Rung, Turn, start
from tocsin.core.matrix import Row, Rules, escalate_by
from tocsin.core.notification import subscribed
from tocsin.core.progress import climb, first_due, onward, resumed
from tocsin.core.severity import Severity
from tocsin.core.tier import ABOUT, rank
from tocsin.core.timeline import Entry
from tocsin.flow import suggested
from tocsin.flow.acts import label, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.escalate import ladder_of, policy_of
from tocsin.flow.handover import forget
from tocsin.flow.pager import ACTOR, Climbed, Pager, planned, subject_of
from tocsin.flow.rules import known_rules, learn
from tocsin.flow.summon import BESIDE_THE_LADDER
from tocsin.store import escalations, incidents, notices, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.escalations import Escalation, Reached
from tocsin.store.incidents import Incident
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import NewTimer, Writing, notify, write_paging, write_story

PROMPT_PATIENCE = timedelta(minutes=30)
"""How long the question to whoever leads an incident is tried."""
YES = "Open the link to escalate, or to see what it is about. Nobody is paged unless you say so."


@dataclass
class Case:
    """One acknowledged incident with what its second clock needs to know."""

    incident: Incident
    rules: Rules
    climbs: list[Escalation]
    exhausted: list[Escalation]
    """Ladders of the present cycle on which nobody was left to page."""
    policies: dict[int, EscalationPolicy]
    reached: list[Reached]
    last_act: datetime | None
    answered_by: str
    """The user who acknowledged it last; empty when that was no user."""
    again: list[datetime] = field(default_factory=list)
    """When to look again."""

    @property
    def row(self) -> Row:
        return self.rules.rows[Severity(self.incident.severity)]

    def overdue_at(self, escalation: Escalation) -> datetime:
        """The escalation time of the severity, from the first page."""
        first = first_due(self.policies[escalation.id], ladder_of(escalation))
        return escalate_by(self.row, self.rules.hours, first)

    @property
    def paged(self) -> set[str]:
        """Who was paged in the present cycle, or has it in hand: nobody is paged twice."""
        first = user_of(self.incident.acknowledged_by or "")
        on_it = {self.incident.assignee or "", first or "", self.answered_by}
        return {one.user for one in self.reached if one.cycle == self.incident.cycle} | on_it


def presses(incident: Incident) -> bool:
    """Acknowledged, not restored, and nobody put it to sleep."""
    return incident.open and incident.answered and not incident.restored and incident.snoozed_until is None


async def fire(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """The second clocks of these incidents strike; each incident by itself, in one transaction."""
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [timer.subject for timer in due])
        now = ctx.clock.now()
        ours = await timers.finish(tx, ctx.node, due)
        pressing = [
            locked[t.subject] for t in due if t.id in ours and t.subject in locked and presses(locked[t.subject])
        ]
        if not pressing:
            return []
        for case in await _cases(ctx, tx, pressing):
            held += await _strike(ctx, tx, case, now)
        await notify(tx, "timeline")
    ctx.wake.set("timeline", "timers")
    return held


async def _cases(ctx: Context, tx: Tx, pressing: Sequence[Incident]) -> list[Case]:
    numbers = [incident.id for incident in pressing]
    await learn(ctx, tx, [incident.matrix for incident in pressing])
    climbs = await escalations.escalations_of_all(tx, numbers)
    reached = await escalations.reached(tx, numbers)
    acts = await escalations.last_acts(tx, numbers)
    answers = await escalations.last_answers(tx, numbers)
    made = []
    for incident in pressing:
        present = [c for c in climbs[incident.id] if c.cycle == incident.cycle and c.state in ("stopped", "progress")]
        spent = [c for c in climbs[incident.id] if c.cycle == incident.cycle and c.state == "exhausted"]
        policies = {c.id: policy_of(ctx, incident, c) for c in (*present, *spent)}
        rules = known_rules(ctx, incident.matrix, incident.service)
        by = user_of(answers.get(incident.id) or incident.acknowledged_by or "") or ""
        made.append(Case(incident, rules, present, spent, policies, reached[incident.id], acts.get(incident.id), by))
    return made


async def _strike(ctx: Context, tx: Tx, case: Case, now: datetime) -> list[Held]:
    """Whatever is due for one incident, and the time of the next look."""
    if (silent := _silent_since(case)) is not None:
        if silent <= now:
            return await _page_again(ctx, tx, case, now)
        case.again.append(silent)
    held: list[Held] = []
    if case.row.progress == "automatic":
        held = await _climb(ctx, tx, case, now)
    elif case.row.progress == "prompt":
        await _prompt(ctx, tx, case, now)
    if case.again:
        await timers.set_timer(tx, "progress", case.incident.id, case.incident.id, min(case.again))
    return held


# --- by itself --------------------------------------------------------------------------------------------------------


async def _climb(ctx: Context, tx: Tx, case: Case, now: datetime) -> list[Held]:
    """Fire the rungs above on call that are due, on each ladder of the incident."""
    pager, climbed = await planned(ctx, tx, now, lambda pager: _plan(pager, case))
    writing, incident = pager.writing, case.incident
    moved = [one for one, at in zip(case.climbs, climbed, strict=True) if _settle(one, at, case.policies[one.id])]
    case.again += [one.next_at for one in case.climbs if one.next_at is not None]
    fired = [one for one in climbed if one.first is not None]
    entries = [*(_escalated(ctx, case, one, now) for one in fired), *(e for one in climbed for e in one.entries)]
    writing.tell(incident.id, incident.link, entries)
    if fired:
        await incidents.update(tx, incident, escalations_count=incident.escalations_count + len(fired))
    await escalations.move_escalations(tx, moved, now)
    await write_paging(tx, writing)
    await write_story(tx, writing)
    return pager.held


def _plan(pager: Pager, case: Case) -> list[Climbed]:
    paged = set(case.paged)
    return [_climb_one(pager, case, escalation, paged) for escalation in case.climbs]


def _climb_one(pager: Pager, case: Case, escalation: Escalation, paged: set[str]) -> Climbed:
    """One ladder: the rung that is due; while it reaches nobody at all, the next one comes forward."""
    policy, overdue, now = case.policies[escalation.id], case.overdue_at(escalation), pager.now
    ladder: Ladder | None = ladder_of(escalation)
    if escalation.state != "progress" and ladder is not None:
        ladder = onward(policy, ladder, overdue, case.row.top)
    climbed = Climbed(ladder, "progress")
    while ladder is not None:
        turned = climb(
            policy, ladder, pager.directory, now, overdue, case.row.top, paged,
            lambda step: pager.turns.take(policy.id, step),
        )  # fmt: skip
        reached = _page(pager, case, escalation, turned, paged, climbed)
        ladder = climbed.ladder = turned.next
        if reached or not turned.rungs:
            break
        if ladder is not None:
            ladder = Ladder(ladder.round, ladder.step, ladder.round_started_at, now)
    return climbed


def _page(pager: Pager, case: Case, escalation: Escalation, turned: Turn, paged: set[str], climbed: Climbed) -> bool:
    subject, reached = subject_of(case.incident, PageReason.NOT_RESTORED), False
    for rung in turned.rungs:
        if rung.nobody:
            text = f"Step {rung.step + 1} ({ABOUT[rung.tier].name.lower()}): {rung.nobody}"
            data = {"round": rung.round, "step": rung.step + 1}
            climbed.entries.append(Entry(at=pager.now, kind="nobody_on_call", actor=ACTOR, details=text, data=data))
        following = turned.next.next_at if turned.next and turned.next.next_at else None
        until = following if following and following > pager.now else pager.now + LAST_PATIENCE
        for intent in rung.pages:
            reached |= pager.page(subject, rung, intent, escalation.id, until, climbed, "progress")
            paged.add(intent.user)
    return reached


def _settle(escalation: Escalation, climbed: Climbed, policy: EscalationPolicy) -> bool:
    """The row of a ladder after the second clock looked at it: at its next rung, or at the top. False when it never began."""
    if climbed.ladder is not None:
        escalation.state, escalation.step, escalation.next_at = "progress", climbed.ladder.step, climbed.ladder.next_at
        return True
    if escalation.state == "stopped" and not climbed.entries:
        return False
    escalation.state, escalation.step, escalation.next_at = "stopped", len(policy.steps), None
    return True


def _escalated(ctx: Context, case: Case, climbed: Climbed, now: datetime) -> Entry:
    """`from on call to senior: acknowledged, but not restored for 15 min`."""
    stood = max((one.tier for one in case.reached if one.tier in ABOUT), key=lambda tier: rank(tier), default="on_call")
    tier = climbed.tier or "senior"
    since = int((now - case.incident.created_at).total_seconds() // 60)
    text = (
        f"Escalated from {ABOUT[stood].name.lower()} to {ABOUT[tier].name.lower()}"  # type: ignore[index]
        f" ({label(ctx.directory, climbed.first)}). Acknowledged, and not restored after {since} min"
    )
    data = {"cause": "progress", "from_tier": stood, "to_tier": tier, "to": climbed.first, "reason": "not_restored"}
    return Entry(at=now, kind="escalated", actor=ACTOR, details=text, data=data)


# --- a question to whoever leads it -----------------------------------------------------------------------------------


def leader(incident: Incident) -> str | None:
    """Who is asked: the commander, else the assignee."""
    return incident.roles.get("incident_commander") or incident.roles.get("commander") or incident.assignee


async def _prompt(ctx: Context, tx: Tx, case: Case, now: datetime) -> None:
    """Once in a cycle, when the escalation time has passed: does this need the next tier?"""
    if case.incident.prompted_at is not None:
        return
    coming = [
        (case.overdue_at(one), at, case.policies[one.id]) for one in case.climbs
        if (at := onward(case.policies[one.id], ladder_of(one), case.overdue_at(one), case.row.top)) is not None
    ]  # fmt: skip
    if not coming:
        return
    overdue, ladder, policy = min(coming, key=lambda found: found[0])
    if overdue > now:
        case.again.append(overdue)
        return
    incident, user = case.incident, leader(case.incident)
    tier = policy.steps[ladder.step].tier
    asked = f"Not restored after {case.row.escalation_time}. Escalate to {ABOUT[tier].name.lower()}?"
    made = _notices(ctx, incident, user, asked, now)
    await notices.add(tx, made)
    await incidents.update(tx, incident, prompted_at=now)
    data = {"user": user, "tier": tier, "methods": [notice.method for notice in made]}
    await tell(
        tx, incident, now, "escalation_suggested", ACTOR, f"{asked} {label(ctx.directory, user)} decides", **data
    )


def _notices(ctx: Context, incident: Incident, user: str | None, heading: str, now: datetime) -> list[NewNotice]:
    person = ctx.directory.users.get(user) if user else None
    return [
        NewNotice(
            key=f"escalate?:{incident.id}:{incident.cycle}:{method.id}", kind="escalation_suggested", user_id=person.id,
            method=method.id, channel=method.type, heading=heading, text=YES, path=suggested.path(ctx, incident, person.id),
            incident_id=incident.id, created_at=now, due_at=now, deadline_at=now + PROMPT_PATIENCE,
        )
        for method in (subscribed(person) if person else ())
        if person is not None
    ]  # fmt: skip


# --- acknowledged, and nothing since ----------------------------------------------------------------------------------


def _silent_since(case: Case) -> datetime | None:
    """When an acknowledgement after which nothing happened counts no more; None when the severity has no such time, or somebody moved
    the incident on."""
    if case.row.acknowledge_timeout is None or case.incident.status not in ("detected", "acknowledged"):
        return None
    return (case.last_act or case.incident.created_at) + case.row.acknowledge_timeout.delta


async def _page_again(ctx: Context, tx: Tx, case: Case, now: datetime) -> list[Held]:
    """Page whoever acknowledged, in a new cycle; the ladders go on above them when they stay silent, exhausted ones anew."""
    incident = case.incident
    await forget(tx, incident, now)
    await stopping.stop_paging(tx, [incident.id], now, PageReason.NO_PROGRESS.value, None, asked=False)
    await incidents.update(tx, incident, cycle=incident.cycle + 1, **incidents.AT_REST)
    await escalations.renew_cycle(tx, list(case.policies), incident.cycle)
    after = f"{case.row.acknowledge_timeout}"
    text = f"Acknowledged, and nothing happened for {after}: paging starts again"
    await tell(tx, incident, now, "acknowledge_timeout", ACTOR, text)
    again = case.answered_by if case.answered_by in ctx.directory.users else incident.assignee

    def make(pager: Pager) -> Climbed:
        climbed = Climbed(None, "")
        if again in pager.directory.users and again is not None:
            intent = PageIntent(again, f"user:{again}", PageReason.NO_PROGRESS)
            rung = Rung(0, BESIDE_THE_LADDER, "on_call", (intent,))
            pager.page(subject_of(incident), rung, intent, None, now + LAST_PATIENCE, climbed)
        return climbed

    pager, climbed = await planned(ctx, tx, now, make)
    _take_up(case, pager.writing, now, reached=climbed.first is not None)
    pager.writing.tell(incident.id, incident.link, climbed.entries)
    await escalations.move_escalations(tx, [*case.climbs, *case.exhausted], now)
    await write_paging(tx, pager.writing)
    await write_story(tx, pager.writing)
    return pager.held


def _take_up(case: Case, writing: Writing, now: datetime, reached: bool) -> None:
    """The response clock goes on where it had stopped, after its gap; at once when the first person cannot be reached."""
    ladders = [(one, resumed(case.policies[one.id], ladder_of(one), now)) for one in case.climbs]
    ladders += [(one, start(case.policies[one.id], now + SHORTEST_GAP)) for one in case.exhausted]
    for climb_, ladder in ladders:
        at = (ladder.next_at or now) if reached else now
        climb_.cycle, climb_.state = case.incident.cycle, "running"
        climb_.round, climb_.step = ladder.round, ladder.step
        climb_.round_started_at, climb_.next_at = ladder.round_started_at, at
        writing.timers.append(NewTimer(kind="escalate", subject=climb_.id, incident_id=case.incident.id, due_at=at))
