"""A rung is due: whom to page, by what, and when to look again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.escalation import (
    Ladder,
    PageReason,
    forward,
)
from tocsin.core.preset import expanded
from tocsin.core.severity import Severity
from tocsin.core.tier import Tier
from tocsin.core.timeline import Entry, Link
from tocsin.flow.context import Context
from tocsin.flow.pager import Climbed, Pager, planned, subject_of
from tocsin.flow.rules import known_rules, learn
from tocsin.store import escalations, incidents, timers
from tocsin.store.database import Tx
from tocsin.store.escalations import Escalation
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import (
    Writing,
    write_paging,
    write_story,
)


def ladder_of(escalation: Escalation) -> Ladder:
    return Ladder(escalation.round, escalation.step, escalation.round_started_at, escalation.next_at)


def _settled(escalation: Escalation, climbed: Climbed) -> Escalation:
    """The row of a climb after it moved."""
    escalation.state = climbed.state
    if climbed.ladder is None:
        escalation.next_at = None
    else:
        escalation.round, escalation.step = climbed.ladder.round, climbed.ladder.step
        escalation.round_started_at = climbed.ladder.round_started_at
        escalation.next_at = climbed.ladder.next_at if climbed.state == "running" else None
    return escalation


async def fire(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """The rungs of these timers are due: one transaction for all of them, timers removed with their outcome.

    A climb whose incident was answered meanwhile only loses its timer. Returns notifications leased to this node.
    """
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [t.incident_id for t in due if t.incident_id is not None])
        now = ctx.clock.now()
        ours = await timers.finish(tx, ctx.node, due)
        climbs = await escalations.escalations(tx, [t.subject for t in due if t.id in ours])
        running = [c for c in climbs.values() if c.state == "running" and _still_paging(locked.get(c.incident_id), c)]
        held = await move(ctx, tx, [(locked[c.incident_id], c, ladder_of(c), None) for c in running], now)
    return held


def _still_paging(incident: Incident | None, climb: Escalation) -> bool:
    return incident is not None and incident.open and not incident.answered and climb.cycle == incident.cycle


Move = tuple[Incident, Escalation, Ladder, PageReason | None]


def history(directory: Directory, reached: Sequence[escalations.Reached], cycle: int) -> str:
    """`Paged before, without an answer: Alice Ng, Bob.` Empty when nobody was."""
    users = dict.fromkeys(one.user for one in reached if one.cycle == cycle)
    names = ", ".join(directory.users[user].label if user in directory.users else user for user in users)
    return f"Paged before, without an answer: {names}." if names else ""


Preface = Callable[[str | None, Tier | None], Entry]
"""The entry that a story of paging begins with, once it is known who is paged first, and on which tier."""


async def move(
    ctx: Context,
    tx: Tx,
    moves: Sequence[Move],
    now: datetime,
    preface: Preface | None = None,
    already: Mapping[int, Collection[str]] | None = None,
    note: str = "",
) -> list[Held]:
    """Let climbs of locked incidents fire what is due on their ladders, and write all of it.

    With `preface` all of them belong to one incident. `already`: people who are passed over, by incident. `note`: what the pages
    say besides; when that is nothing, who was paged before.
    """
    if not moves:
        return []
    await learn(ctx, tx, [incident.matrix for incident, *_ in moves])
    resorted = await escalations.managers_paged(tx, [incident.id for incident, *_ in moves])

    reached = {} if note else await escalations.reached(tx, [incident.id for incident, *_ in moves])

    def make(pager: Pager) -> list[tuple[Incident, Climbed]]:
        pager.notes = {i.id: note or history(ctx.directory, reached[i.id], i.cycle) for i, *_ in moves}
        pager.last_resort |= resorted
        pager.already = already or {}
        return _plan_moves(ctx, pager, moves)

    pager, told = await planned(ctx, tx, now, make, len(moves))
    writing = pager.writing
    if preface is not None:
        incident, first = told[0][0], next((c for _, c in told if c.first), Climbed(None, ""))
        writing.tell(incident.id, incident.link, [preface(first.first, first.tier)])
    for incident, climbed in told:
        writing.tell(incident.id, _link(writing, incident), climbed.entries)
        alarm, assignee = climbed.alarm or incident.alarm, incident.assignee or climbed.first
        if (alarm, assignee) != (incident.alarm, incident.assignee):
            await incidents.update(tx, incident, alarm=alarm, assignee=assignee)
    await escalations.move_escalations(tx, [climb for _, climb, _, _ in moves], now)
    await write_paging(tx, writing)
    await write_story(tx, writing)
    return pager.held


def _plan_moves(ctx: Context, pager: Pager, moves: Sequence[Move]) -> list[tuple[Incident, Climbed]]:
    told = []
    for incident, escalation, ladder, because in moves:
        subject = subject_of(incident, because)
        policy = policy_of(ctx, incident, escalation)
        climbed = pager.climb(subject, policy, ladder, escalation.id)
        told.append((incident, climbed))
        _settled(escalation, climbed)
        pager.time(subject, escalation.id, climbed)
    return told


def policy_of(ctx: Context, incident: Incident, escalation: Escalation) -> EscalationPolicy:
    """The policy that a climb follows now: its own; when that was removed, the service's; without one, nobody is left to page."""
    own = ctx.directory.escalation_policies.get(escalation.policy) or ctx.directory.policy_of(incident.service)
    if own is None:
        return EscalationPolicy(id=escalation.policy, steps=())
    row = known_rules(ctx, incident.matrix, incident.service).rows[Severity(incident.severity)]
    return expanded(own, row.escalation_time, row.top)


def _link(writing: Writing, incident: Incident) -> Link:
    """Where the incident's chain ends, counting what `writing` already tells."""
    for number, seq, _, head in reversed(writing.entries):
        if number == incident.id:
            return Link(seq, head)
    return incident.link


async def come_forward(
    ctx: Context, tx: Tx, climbs: Sequence[int], locked: Mapping[int, Incident], now: datetime
) -> list[Held]:
    """The latest rungs of these climbs reached nobody: the next ones fire now. Their incidents are locked by the caller."""
    found = await escalations.escalations(tx, climbs)
    moves: list[Move] = []
    for climb in found.values():
        incident = locked[climb.incident_id]
        if climb.state == "progress":
            climb.next_at = now
            await escalations.move_escalations(tx, [climb], now)
            await timers.set_timer(tx, "progress", incident.id, incident.id, now)
        if _still_paging(incident, climb):
            policy = policy_of(ctx, incident, climb)
            moves.append((incident, climb, forward(policy, ladder_of(climb), now), None))
    return await move(ctx, tx, moves, now)
