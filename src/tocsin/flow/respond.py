"""People answer: acknowledge, escalate, assign, note, declare. Compare-and-set; timers end in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.escalation import Ladder, PageIntent, PageReason, due, forward
from tocsin.core.severity import Severity
from tocsin.core.tier import ABOUT, TIERS, Tier, rank
from tocsin.core.timeline import Entry
from tocsin.flow import handover, summon
from tocsin.flow.acts import Result, checked, engaged, known, label, locked, locked_open, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.escalate import Preface, ladder_of, move, policy_of
from tocsin.flow.message import message_of_link, page_of_link
from tocsin.flow.pager import Pager
from tocsin.flow.restart import restart
from tocsin.flow.rules import learn
from tocsin.flow.transitions import moved
from tocsin.store import escalations, incidents, messages, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.escalations import Escalation, Reached
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import Writing, notify


async def answer(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, note: str = "") -> bool:
    """Acknowledge a locked incident: stops the response clock. False when its present cycle was answered before.

    Raises Conflict when it is resolved or closed.
    """
    old = incident.status
    if not await answered(tx, incident, actor, now, note):
        return False
    await moved(ctx, tx, incident, old, incident.status, actor, now)
    return True


async def answered(tx: Tx, incident: Incident, actor: str, now: datetime, note: str = "") -> bool:
    """The same, for an act that moves the incident further itself, and says so."""
    if not incident.open:
        raise Conflict(f"The incident is {incident.status}; there is nothing to acknowledge.")
    if incident.answered:
        return False
    await stopping.stop_response(tx, incident.id, now, user_of(actor))
    first = incident.acknowledged_at is None
    await incidents.update(
        tx, incident, acknowledged_cycle=incident.cycle, alarm=None, prompted_at=None,
        status="acknowledged" if incident.status == "detected" else incident.status,
        acknowledged_at=incident.acknowledged_at or now, acknowledged_by=incident.acknowledged_by or actor,
        assignee=(user_of(actor) if first else None) or incident.assignee,
    )  # fmt: skip
    await tell(tx, incident, now, "acknowledged", actor, note or "Acknowledged", cycle=incident.cycle)
    return True


async def acknowledge(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Acknowledge; of two at once one wins and the other hears who. Raises NotFound; Conflict when resolved."""
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        result = await _acknowledged(ctx, tx, incident, actor, ctx.clock.now(), notes)
        if result.changed:
            await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return result


async def _acknowledged(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, notes: str = "") -> Result:
    """Answer; what was asked of this very person in particular (to take over, to join) is answered with it."""
    changed, user = await answer(ctx, tx, incident, actor, now, notes), user_of(actor)
    if user is not None and await handover.accept(ctx, tx, incident, user, now):
        return Result(incident.id, True, f"{label(ctx.directory, user)} has the incident now")
    joined = user is not None and not changed and await summon.join(ctx, tx, incident, user, now)
    if changed or joined:
        return Result(incident.id, True, "Acknowledged" if changed else "Answered: you are a responder now")
    first = incident.acknowledged_by or "somebody"
    who = label(ctx.directory, user_of(first)) if user_of(first) else first.replace(":", " ", 1)
    return Result(incident.id, False, f"Already acknowledged by {who}")


async def acknowledge_page(ctx: Context, page: int) -> Result:
    """The person who got this page acknowledges through its link. Raises NotFound; Conflict when resolved."""
    async with ctx.db.reading(reserved=True) as tx:
        found = await escalations.page_incident(tx, page)
    if found is None:
        raise NotFound("There is no such page")
    return await acknowledge(ctx, found[0], f"user:{found[1]}")


async def acknowledge_link(ctx: Context, token: str) -> list[Result]:
    """Acknowledge what a signed link is about, in the name of the person who got it: the incident of one page, or every open incident
    that one message named. Raises NotFound; Conflict when the only one is resolved.
    """
    page, message = page_of_link(ctx, token), message_of_link(ctx, token)
    if page is not None:
        return [await acknowledge_page(ctx, page)]
    if message is None:
        raise NotFound("This link is not one of ours, or was cut short on its way.")
    results = []
    async with ctx.db.transaction() as tx:
        carried = await messages.pages_of(tx, message)
        found = await incidents.lock(tx, [number for number, _ in carried])
        now = ctx.clock.now()
        for number, user in dict(carried).items():
            if number in found and found[number].open:
                results.append(await _acknowledged(ctx, tx, found[number], f"user:{user}", now))
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return results


async def note(ctx: Context, number: int, actor: str, text: str) -> Result:
    """Add a note to the story. Raises NotFound; Invalid when it is empty or too long."""
    text = checked(text, "/text")
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        await tell(tx, incident, now, "note_added", actor, text)
        await engaged(tx, incident, actor, now)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, "Noted")


async def assign(ctx: Context, number: int, actor: str, user: str, *, page: bool = False) -> Result:
    """Make `user` the assignee; with `page` they are paged, too. An open handover is over with it.

    Raises NotFound; Invalid when there is no such user; Conflict when resolved.
    """
    known(ctx.directory, user)
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        name = label(ctx.directory, user)
        if incident.assignee == user and not page:
            return Result(number, False, f"Already assigned to {label(ctx.directory, user)}")
        now, old = ctx.clock.now(), incident.assignee
        if incident.handover is not None:
            await handover.forget(tx, incident, now)
        await incidents.update(tx, incident, assignee=user)
        await tell(tx, incident, now, "assigned", actor, f"Assigned to {name}", user=user, page=page, **{"from": old})
        if page:
            intent = PageIntent(user, f"user:{user}", PageReason.ASSIGNED)
            held = await summon.call(ctx, tx, incident, now, [intent], "")
        await notify(tx, "timeline")
    summon.sent(ctx, held)
    return Result(number, True, f"Assigned to {name}" + (", who was paged" if page else ""))


async def escalate(ctx: Context, number: int, actor: str, reason: str, tier: str | None = None) -> Result:
    """Page the next rung of every climb now, but whoever was paged in this round already; an incident that paged nobody yet begins
    to. An answered one pages in a new cycle. It is loud, whatever the hour. A snooze is over with it. `tier`: rungs below that tier
    are passed over.

    Raises NotFound; Invalid without a reason or for an unknown tier; Conflict when resolved or nobody is left.
    """
    reason, least = checked(reason, "/reason"), _least(tier)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        now = ctx.clock.now()
        await learn(ctx, tx, [incident.matrix])
        climbs = [c for c in await escalations.escalations_of(tx, number) if c.cycle == incident.cycle]
        moves = [(climb, ladder) for climb in climbs if (ladder := _next_rung(ctx, incident, climb, now, least))]
        if climbs and not moves:
            raise Conflict(_exhausted(ctx, incident, climbs))
        reached = (await escalations.reached(tx, [number]))[number]
        preface = _preface(ctx, incident, actor, reason, now, moves, reached)
        before, note = incident.assignee, summon.said(ctx.directory, actor, reason)
        await incidents.update(
            tx, incident, escalations_count=incident.escalations_count + 1, assignee=None, prompted_at=None,
            snoozed_at=None, snoozed_until=None, snoozed_by=None, urgency="high", no_page_reason=None,
        )  # fmt: skip
        await timers.cancel(tx, "snooze", number)
        rounds = {(climb.cycle, climb.round) for climb, _ in moves}
        already = {one.user for one in reached if (one.cycle, one.round) in rounds}
        held = await (
            _climb_on(ctx, tx, incident, moves, now, preface, already, note)
            if moves
            else _begin(ctx, tx, incident, now, preface, note)
        )
        await incidents.update(tx, incident, assignee=incident.assignee or before)
        await notify(tx, "timeline")
    summon.sent(ctx, held)
    to = label(ctx.directory, incident.assignee)
    return Result(number, True, f"Escalated to {to}" if incident.assignee else "Escalated")


def _exhausted(ctx: Context, incident: Incident, climbs: Sequence[Escalation]) -> str:
    """Which ladders have no rung left, and where each ended."""
    ends = []
    for climb in climbs:
        steps = policy_of(ctx, incident, climb).steps
        last = f" after step {len(steps)} ({ABOUT[steps[-1].tier].name.lower()})" if steps else ""
        known = ctx.directory.escalation_policies.get(climb.policy)
        ends.append(f"{(known.name if known else '') or climb.policy}{last}")
    return (
        f"The escalation policy is exhausted: {', '.join(ends)}; nobody is left to page."
        " Assign somebody instead, or page a person or a team."
    )


def _preface(
    ctx: Context, incident: Incident, actor: str, reason: str, now: datetime, moves: list[tuple[Escalation, Ladder]],
    reached: Sequence[Reached],
) -> Preface:  # fmt: skip
    """`Escalated (on call to senior) from alice to bob. The reason`."""
    stood: Tier = max((one.tier for one in reached), key=rank, default="on_call")
    before, rungs = incident.assignee, [[c.policy, ladder.round, ladder.step + 1] for c, ladder in moves]

    def entry(to: str | None, tier: Tier | None) -> Entry:
        tiers = " to ".join(dict.fromkeys(ABOUT[one].name.lower() for one in (stood, tier) if one))
        text = f"Escalated ({tiers}) from {before or 'nobody'} to {to or 'nobody'}. {reason}"
        data = {
            "reason": reason, "cause": "person", "rungs": rungs, "from": before, "to": to, "from_tier": stood,
            "to_tier": tier,
        }  # fmt: skip
        return Entry(at=now, kind="escalated", actor=actor, details=text, data=data)

    return entry


async def _begin(ctx: Context, tx: Tx, incident: Incident, now: datetime, preface: Preface, note: str) -> list[Held]:
    """A person wants somebody paged although the severity pages nobody."""
    if not Pager(ctx, now, Writing()).policies(incident.affected_services, Severity(incident.severity)):
        raise Conflict("There is no escalation policy to page by: assign somebody instead.")
    return await restart(
        ctx,
        tx,
        incident,
        now,
        PageReason.ESCALATED,
        Severity(incident.severity),
        urgency="high",
        preface=preface,
        note=note,
    )


async def _climb_on(
    ctx: Context, tx: Tx, incident: Incident, moves: list[tuple[Escalation, Ladder]], now: datetime, preface: Preface,
    already: Collection[str], note: str,
) -> list[Held]:  # fmt: skip
    if incident.answered:
        await incidents.update(tx, incident, cycle=incident.cycle + 1)
        await escalations.renew_cycle(tx, [climb.id for climb, _ in moves], incident.cycle)
    for climb, _ in moves:
        climb.cycle, climb.state = incident.cycle, "running"
    asked = [(incident, climb, ladder, PageReason.ESCALATED) for climb, ladder in moves]
    return await move(ctx, tx, asked, now, preface, {incident.id: already}, note)


def _least(tier: str | None) -> int:
    """The rank of the lowest tier that is wanted."""
    if tier is not None and tier not in TIERS:
        raise Invalid(f"{tier!r} is not a tier: use one of {', '.join(TIERS)}", "/tier")
    return next((rank(known) for known in TIERS if known == tier), 0)


def _next_rung(ctx: Context, incident: Incident, climb: Escalation, now: datetime, least: int) -> Ladder | None:
    """The climb's ladder with its next rung (on the tier of rank `least` or above) due now; None at its end.

    While nobody answered, later rungs keep their times. After an answer those times are long past, so the round is moved: the
    rungs after this one follow at the distances that the policy gives.
    """
    policy = policy_of(ctx, incident, climb)
    wanted = [n for n, step in enumerate(policy.steps) if n >= climb.step and rank(step.tier) >= least]
    if climb.state == "exhausted" or not wanted:
        return None
    ladder = replace(ladder_of(climb), step=wanted[0])
    if not incident.answered and climb.state == "running":
        return forward(policy, ladder, now)
    offset = due(policy, ladder.step, climb.round_started_at) - climb.round_started_at
    return replace(ladder, round_started_at=now - offset, next_at=now)
