"""People answer: acknowledge, resolve, reopen, escalate, assign, note. Compare-and-set; timers end in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.escalation import Ladder, PageReason, due, forward
from tocsin.core.incident import check_move, mttr_minutes
from tocsin.core.severity import Severity
from tocsin.core.tag import tags
from tocsin.core.timeline import Entry, Kind, Link
from tocsin.flow.context import Context
from tocsin.flow.escalate import ACTOR, Pager, Preface, Subject, ladder_of, move, no_page, policy_of, response_entries
from tocsin.flow.restart import restart
from tocsin.store import incidents, intake, timers
from tocsin.store.database import Tx
from tocsin.store.ids import OutOfIds, incident_numbers
from tocsin.store.incidents import Escalation, Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import SEPARATOR, NewIncident, Writing, notify, write_incidents, write_paging, write_story

LONGEST_TEXT = 10_000
"""Characters of a note, a reason or a description."""


class Result(msgspec.Struct):
    """What an action did: `changed` is False when it had been done before; `sentence` tells a person."""

    number: int
    changed: bool
    sentence: str


async def _locked(tx: Tx, number: int) -> Incident:
    """The incident, ours until the transaction ends. Ask for the time after this, or the story is not in order of time."""
    found = await incidents.lock(tx, [number])
    if number not in found:
        raise NotFound(f"There is no incident {number}")
    return found[number]


def _text(text: str, pointer: str, needed: bool = True) -> str:
    text = text.replace("\x00", "\ufffd").strip()
    if needed and not text:
        raise Invalid("write something here", pointer)
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"shorten this to {LONGEST_TEXT} characters", pointer)
    return text


async def tell(tx: Tx, incident: Incident, now: datetime, kind: Kind, actor: str, details: str, **data: object) -> None:
    """Append one entry to a locked incident's story."""
    writing = Writing()
    entry = Entry(at=now, kind=kind, actor=actor, details=details, data=dict(data))
    link = writing.tell(incident.id, incident.link, [entry])
    incident.timeline_seq, incident.timeline_head = link.seq, link.head
    await write_story(tx, writing)


def user_of(actor: str) -> str | None:
    """The user behind an actor (`user:alice` -> `alice`)."""
    return actor.removeprefix("user:") if actor.startswith("user:") else None


async def answer(tx: Tx, incident: Incident, actor: str, now: datetime, note: str = "") -> bool:
    """Acknowledge a locked incident: stops the response clock. False when its present cycle was answered before.

    Raises Conflict when it is resolved or closed.
    """
    if not incident.open:
        raise Conflict(f"The incident is {incident.status}; there is nothing to acknowledge.")
    if incident.answered:
        return False
    await incidents.stop_paging(tx, [incident.id], now, "acknowledged", user_of(actor))
    first = incident.acknowledged_at is None
    await incidents.update(
        tx, incident, acknowledged_cycle=incident.cycle, alarm=None,
        status="acknowledged" if incident.status == "detected" else incident.status,
        acknowledged_at=incident.acknowledged_at or now, acknowledged_by=incident.acknowledged_by or actor,
        engaged_at=incident.engaged_at or now, assignee=(user_of(actor) if first else None) or incident.assignee,
    )  # fmt: skip
    await tell(tx, incident, now, "acknowledged", actor, note or "Acknowledged", cycle=incident.cycle)
    return True


async def acknowledge(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Acknowledge; of two at once one wins and the other hears who. Raises NotFound; Conflict when resolved."""
    notes = _text(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await _locked(tx, number)
        changed = await answer(tx, incident, actor, ctx.clock.now(), notes)
        if changed:
            await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, changed, "Acknowledged" if changed else f"Already acknowledged by {incident.acknowledged_by}")


async def acknowledge_page(ctx: Context, page: int) -> Result:
    """The person who got this page acknowledges through its link. Raises NotFound; Conflict when resolved."""
    async with ctx.db.reading(reserved=True) as tx:
        found = await incidents.page_incident(tx, page)
    if found is None:
        raise NotFound("There is no such page")
    return await acknowledge(ctx, found[0], f"user:{found[1]}")


async def finish(tx: Tx, incident: Incident, actor: str, now: datetime, note: str, certainty: str) -> None:
    """Resolve a locked, open incident."""
    await incidents.stop_paging(tx, [incident.id], now, "resolved", user_of(actor))
    await timers.cancel(tx, "watch", incident.id)
    human: dict[str, object] = {}
    if user_of(actor) or actor.startswith("token:"):
        human = {
            "acknowledged_at": incident.acknowledged_at or now,
            "acknowledged_by": incident.acknowledged_by or actor,
        }
    await incidents.update(
        tx, incident, status="resolved", resolved_at=now, restored_at=incident.restored_at or now, alarm=None,
        acknowledged_cycle=incident.cycle, **human,
    )  # fmt: skip
    await tell(tx, incident, now, "resolved", actor, note or "Resolved", certainty=certainty)


async def resolve(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Resolve from any open state; its open alerts end too. Again when resolved: no change. Raises NotFound; Conflict when closed."""
    notes = _text(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await _locked(tx, number)
        now = ctx.clock.now()
        if incident.status == "resolved":
            return Result(number, False, "Already resolved")
        check_move(incident.status, "resolved")
        ended = await intake.close_alerts_of(tx, number, now)
        await finish(tx, incident, actor, now, notes, "observed" if incident.restored_at else "estimated")
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, f"Resolved; {ended} open alerts ended with it" if ended else "Resolved")


async def reopen(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Back to `investigating`, keeping created_at and detected_at. Pages nobody. Raises NotFound; Conflict when it is open."""
    notes = _text(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await _locked(tx, number)
        now = ctx.clock.now()
        if incident.open:
            raise Conflict(f"The incident is {incident.status}: only a resolved or closed one can be reopened.")
        was = {
            "was": incident.status, "restored_at": incident.restored_at, "resolved_at": incident.resolved_at,
            "closed_at": incident.closed_at, "mttr_minutes": mttr_minutes(incident.created_at, incident.resolved_at),
        }  # fmt: skip
        await incidents.update(
            tx, incident, status="investigating", resolved_at=None, restored_at=None, closed_at=None, moved_by_person=True,
            acknowledged_cycle=incident.cycle, acknowledged_at=incident.acknowledged_at or now,
            acknowledged_by=incident.acknowledged_by or actor,
        )  # fmt: skip
        data = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in was.items()}
        await tell(tx, incident, now, "reopened", actor, notes or "Reopened", **data)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, "Reopened")


async def note(ctx: Context, number: int, actor: str, text: str) -> Result:
    """Add a note to the story. Raises NotFound; Invalid when it is empty or too long."""
    text = _text(text, "/text")
    async with ctx.db.transaction() as tx:
        incident = await _locked(tx, number)
        await tell(tx, incident, ctx.clock.now(), "note_added", actor, text)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, "Noted")


async def assign(ctx: Context, number: int, actor: str, user: str) -> Result:
    """Make `user` the assignee. Raises NotFound; Invalid when there is no such user; Conflict when resolved."""
    if user not in ctx.directory.users:
        raise Invalid(f"there is no user {user!r}", "/user")
    async with ctx.db.transaction() as tx:
        incident = await _locked(tx, number)
        if not incident.open:
            raise Conflict(f"The incident is {incident.status}.")
        if incident.assignee == user:
            return Result(number, False, f"Already assigned to {user}")
        old = incident.assignee
        await incidents.update(tx, incident, assignee=user)
        label = ctx.directory.users[user].label
        await tell(tx, incident, ctx.clock.now(), "assigned", actor, f"Assigned to {label}", user=user, **{"from": old})
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, f"Assigned to {label}")


async def escalate(ctx: Context, number: int, actor: str, reason: str) -> Result:
    """Page the next rung of every climb now; an incident that paged nobody yet begins to. An answered one pages in a new cycle.

    Raises NotFound; Invalid without a reason; Conflict when resolved or nobody is left.
    """
    reason = _text(reason, "/reason")
    async with ctx.db.transaction() as tx:
        incident = await _locked(tx, number)
        now = ctx.clock.now()
        if not incident.open:
            raise Conflict(f"The incident is {incident.status}.")
        climbs = [c for c in await incidents.escalations_of(tx, number) if c.cycle == incident.cycle]
        moves = [(climb, ladder) for climb in climbs if (ladder := _next_rung(ctx, incident, climb, now)) is not None]
        if climbs and not moves:
            raise Conflict("The escalation policy is exhausted: nobody is left to page. Assign somebody instead.")
        before = incident.assignee
        rungs = [[c.policy, ladder.round, ladder.step + 1] for c, ladder in moves]

        def preface(to: str | None) -> Entry:
            text = f"Escalated from {before or 'nobody'} to {to or 'nobody'}. {reason}"
            data = {"reason": reason, "rungs": rungs, "from": before, "to": to}
            return Entry(at=now, kind="escalated", actor=actor, details=text, data=data)

        await incidents.update(tx, incident, escalations_count=incident.escalations_count + 1, assignee=None)
        held = await (
            _climb_on(ctx, tx, incident, moves, now, preface) if moves else _begin(ctx, tx, incident, now, preface)
        )
        await incidents.update(tx, incident, assignee=incident.assignee or before)
        await notify(tx, "timeline")
    ctx.hand_over(held)
    ctx.wake.set("timeline")
    return Result(number, True, f"Escalated to {incident.assignee}" if incident.assignee else "Escalated")


async def _begin(ctx: Context, tx: Tx, incident: Incident, now: datetime, preface: Preface) -> list[Held]:
    """A person wants somebody paged although the severity pages nobody."""
    if not Pager(ctx, now, Writing()).policies(incident.affected_services):
        raise Conflict("There is no escalation policy to page by: assign somebody instead.")
    return await restart(
        ctx, tx, incident, now, PageReason.ESCALATED, Severity(incident.severity), urgency="high", preface=preface
    )


async def _climb_on(
    ctx: Context, tx: Tx, incident: Incident, moves: list[tuple[Escalation, Ladder]], now: datetime, preface: Preface
) -> list[Held]:
    if incident.answered:
        await incidents.update(tx, incident, cycle=incident.cycle + 1)
        await incidents.renew_cycle(tx, [climb.id for climb, _ in moves], incident.cycle)
    for climb, _ in moves:
        climb.cycle, climb.state = incident.cycle, "running"
    return await move(ctx, tx, [(incident, c, ladder, PageReason.ESCALATED) for c, ladder in moves], now, preface)


def _next_rung(ctx: Context, incident: Incident, climb: Escalation, now: datetime) -> Ladder | None:
    """The climb's ladder with its next rung due now; None at its end.

    While nobody answered, later rungs keep their times. After an answer those times are long past, so the round is moved: the
    rungs after this one follow at the distances that the policy gives.
    """
    policy = policy_of(ctx.directory, incident, climb)
    if climb.state == "exhausted" or climb.step >= len(policy.steps):
        return None
    ladder = ladder_of(climb)
    if not incident.answered and climb.state == "running":
        return forward(policy, ladder, now)
    offset = due(policy, climb.step, climb.round_started_at) - climb.round_started_at
    return replace(ladder, round_started_at=now - offset, next_at=now)


WATCH = timedelta(minutes=30)
"""How long a restored incident is watched before it counts as resolved."""


async def declare(
    ctx: Context,
    actor: str,
    title: str,
    description: str,
    severity: Severity,
    services: list[str],
    reporter: str | None = None,
) -> int:
    """A person declares an incident; it pages like any other. Returns its number.

    Raises Invalid for an empty title, an unknown service, or when there is neither a service nor a default escalation policy.
    """
    title, description = _text(title, "/title"), _text(description, "/description", needed=False)
    if len(title) > 1024:
        raise Invalid("shorten the title to 1024 characters", "/title")
    for position, service in enumerate(services):
        if service not in ctx.directory.services:
            raise Invalid(f"there is no service {service!r}", f"/affected_services/{position}")
    if not services and ctx.directory.policy_of(None) is None:
        raise Invalid("name an affected service, or configure default_escalation_policy", "/affected_services")
    services = list(dict.fromkeys(services))
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        (number,) = await incident_numbers(tx, 1)
        while True:
            writing = Writing()
            pager = Pager(ctx, now, writing)
            try:
                _declared(pager, number, actor, title, description, severity, services, reporter)
                break
            except OutOfIds:
                await ctx.ids.reserve(tx, escalations=50, pages=500, notifications=1000)
        await write_incidents(tx, writing)
        await write_paging(tx, writing)
        await notify(tx, "timeline", "timers")
    ctx.hand_over(pager.held)
    ctx.wake.set("timeline", "timers")
    return number


def _declared(
    pager: Pager, number: int, actor: str, title: str, description: str, severity: Severity, services: list[str],
    reporter: str | None,
) -> None:  # fmt: skip
    now, writing = pager.now, pager.writing
    policies: list[EscalationPolicy] = pager.policies(services)
    unpaged = no_page(severity.urgency, policies)
    first = services[0] if services else None
    climbs = [] if unpaged else pager.begin(Subject(number, 1, severity.urgency, first), policies)
    assignee = next((c.first for c in climbs if c.first), None)
    created = Entry(
        at=now, kind="incident_created", actor=actor, details=f"{title} ({severity.name})",
        data={"severity": severity.key, "services": services, "reporter": reporter or actor, "reason": "declared"},
    )  # fmt: skip
    link = writing.tell(number, Link(), [created, *response_entries(pager, now, assignee, unpaged, climbs)])
    writing.incidents.append(
        NewIncident(
            id=number, title=title, description=description, severity=severity.value, urgency=severity.urgency,
            status="detected", service=first, affected_services=SEPARATOR.join(services), assignee=assignee,
            tags=SEPARATOR.join(tags([title, description], services)), origin="person", reporter=reporter or actor,
            group_key=None, no_page_reason=unpaged.value if unpaged else None,
            alarm=next((c.alarm for c in climbs if c.alarm), None), created_at=now, detected_at=now, impact_started_at=None,
            alerts_count=0, timeline_seq=link.seq, timeline_head=link.head,
        )
    )  # fmt: skip


async def settle(tx: Tx, found: Sequence[Incident], now: datetime) -> None:
    """The last alerts of these locked incidents ended by their source: each resolves, or is watched when a person leads it.

    Those that resolve do so together: when everything recovers at once there are many.
    """
    open_ones = [incident for incident in found if incident.open and incident.status != "monitoring"]
    over = [incident for incident in open_ones if _ends_by_itself(incident)]
    if over:
        ids = [incident.id for incident in over]
        await incidents.stop_paging(tx, ids, now, "resolved", None)
        await incidents.end(tx, ids, now)
        writing = Writing()
        for incident in over:
            data = {"certainty": "observed"}
            entry = Entry(at=now, kind="resolved", actor=ACTOR, details="All alerts resolved", data=data)
            writing.tell(incident.id, incident.link, [entry])
        await write_story(tx, writing)
    for incident in open_ones:
        if not _ends_by_itself(incident):
            await _watch(tx, incident, now)


def _ends_by_itself(incident: Incident) -> bool:
    """Nobody leads it: what its source says is all there is to say."""
    return (
        incident.status in ("detected", "acknowledged") and incident.origin == "event" and not incident.moved_by_person
    )


async def _watch(tx: Tx, incident: Incident, now: datetime) -> None:
    await incidents.stop_paging(tx, [incident.id], now, "restored", None)
    await incidents.update(
        tx, incident, status="monitoring", restored_at=now, acknowledged_cycle=incident.cycle, alarm=None
    )
    await timers.set_timer(tx, "watch", incident.id, incident.id, now + WATCH)
    await tell(
        tx, incident, now, "restored", ACTOR, "All alerts resolved; watched for 30 minutes", certainty="observed"
    )
