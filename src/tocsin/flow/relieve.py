"""A shift ends: its handoff was drafted ahead, unanswered work moves to the incoming, and while nobody signs the outgoing stays in the
loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog

from tocsin.core.configuration import User
from tocsin.core.directory import Directory
from tocsin.core.escalation import LAST_PATIENCE, PageIntent, PageReason, Rung
from tocsin.core.handoff import ABSENCE, LONGEST_AHEAD, Handover, clock, handovers, rotates
from tocsin.core.notification import for_news
from tocsin.core.schedule import who
from tocsin.core.timeline import Entry
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR, Climbed, Pager, subject_of
from tocsin.store import handoffs, incidents, notices, timers
from tocsin.store.database import Tx
from tocsin.store.handoffs import TIMER, Handoff
from tocsin.store.ids import OutOfIds
from tocsin.store.incidents import Incident
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import Writing, notify, write_paging, write_story

log = structlog.get_logger(__name__)

ROTATION = "rotation"
"""Kind of the one timer that looks for the next handovers of all schedules (subject 0)."""
LOOK_AGAIN = timedelta(hours=12)
"""How long after a look the next one comes at the latest; a change of the configuration brings it at once."""
REMIND = timedelta(hours=12)
"""How often the incoming is reminded of an unsigned handoff."""
AT_ONCE = 200
"""Incidents that change hands in one transaction."""
PATIENCE = timedelta(hours=6)
"""How long news of a handoff is tried."""


# --- ahead: the next handovers ----------------------------------------------------------------------------------------


async def keep_watch(ctx: Context) -> None:
    """The configuration is new: look for handovers now, if anybody ever hands over."""
    if any(rotates(schedule) for schedule in ctx.directory.schedules.values()):
        async with ctx.db.transaction() as tx:
            await timers.set_timer(tx, ROTATION, 0, None, ctx.clock.now())
        ctx.wake.set("timers")
    await refresh_loop(ctx)


async def rotation(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Draft the handoffs whose time has come, forget those that will not be, and look again when the next one is to be drafted."""
    now = ctx.clock.now()
    drafted, again = await asyncio.to_thread(_coming, ctx.directory, now)
    async with ctx.db.transaction() as tx:
        if not await timers.finish(tx, ctx.node, due):
            return []
        for schedule, handover in drafted:
            id, fresh = await handoffs.draft(tx, schedule, handover, now)
            if fresh:
                await timers.set_timer(tx, TIMER, id, None, handover.at)
                await _tell_both(ctx, tx, id, schedule, handover, now)
        await _forget(ctx, tx, now)
        if any(rotates(schedule) for schedule in ctx.directory.schedules.values()):
            await timers.set_timer(tx, ROTATION, 0, None, again)
    ctx.wake.set("timers")
    return []


def _coming(directory: Directory, now: datetime) -> tuple[list[tuple[str, Handover]], datetime]:
    """(schedule, handover) to be drafted by now, and when to look again."""
    drafted, again = [], now + LOOK_AGAIN
    for schedule in directory.schedules.values():
        for handover in handovers(schedule, now, now + LONGEST_AHEAD + LOOK_AGAIN):
            if not {handover.outgoing, handover.incoming} <= directory.users.keys():
                continue
            if handover.at - handover.ahead <= now < handover.at:
                drafted.append((schedule.id, handover))
            elif handover.at > now:
                again = min(again, handover.at - handover.ahead)
    return drafted, again


async def _forget(ctx: Context, tx: Tx, now: datetime) -> None:
    """Drafts of moments at which the schedule, as it is now, changes no hands."""
    for draft in await handoffs.waiting(tx):
        if draft.state == "draft" and draft.at > now and not _holds(ctx.directory, draft):
            await handoffs.move(tx, draft.id, "void")
            await timers.cancel(tx, TIMER, draft.id)


def _holds(directory: Directory, handoff: Handoff) -> bool:
    """Does the incoming really take over from the outgoing at that moment?"""
    schedule = directory.schedules.get(handoff.schedule)
    if schedule is None or not {handoff.outgoing, handoff.incoming} <= directory.users.keys():
        return False
    taking = who(schedule, handoff.at)
    leaving = who(schedule, handoff.at - timedelta(seconds=1))
    return taking is not None and taking[0] == handoff.incoming and (leaving is None or leaving[0] == handoff.outgoing)


# --- the moment itself ------------------------------------------------------------------------------------------------


async def relieve(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Shifts end, or a handoff still waits for its signature. What each of them pages goes out when it is committed, whatever becomes
    of the next."""
    for timer in due:
        ctx.hand_over(await _relieve(ctx, timer))
    await refresh_loop(ctx)
    ctx.wake.set("timeline", "timers")
    return []


async def _relieve(ctx: Context, timer: Timer) -> list[Held]:
    async with ctx.db.transaction() as tx:
        handoff = (await handoffs.lock(tx, [timer.subject])).get(timer.subject)
        now = ctx.clock.now()
        if not await timers.finish(tx, ctx.node, [timer]) or handoff is None or handoff.state in ("void", "lapsed"):
            return []
        if not _holds(ctx.directory, handoff):
            await handoffs.move(tx, handoff.id, "void" if handoff.state == "draft" else handoff.state)
            return []
        held, more = await _transfer(ctx, tx, handoff, now)
        await _turn_page(ctx, tx, handoff, now, more)
        if held:
            await notify(tx, "timeline")
    return held


async def _turn_page(ctx: Context, tx: Tx, handoff: Handoff, now: datetime, more: bool) -> None:
    """The state after the shift's end, and when to look at this handoff again."""
    if more:
        await timers.set_timer(tx, TIMER, handoff.id, None, now)
    if handoff.state == "signed":
        return
    if now >= handoff.until:
        await handoffs.move(tx, handoff.id, "lapsed")
        return
    if handoff.state == "draft":
        await handoffs.move(tx, handoff.id, "unsigned")
    await _tell_unsigned(ctx, tx, handoff, now)
    if not more:
        await timers.set_timer(tx, TIMER, handoff.id, None, min(now + REMIND, handoff.until))


async def _transfer(ctx: Context, tx: Tx, handoff: Handoff, now: datetime) -> tuple[list[Held], bool]:
    """What nobody answered moves to the incoming, who is paged for it; whether there is more of it."""
    numbers = await handoffs.unanswered_of(tx, handoff.outgoing, handoff.schedule, handoff.at - ABSENCE, AT_ONCE)
    locked = await incidents.lock(tx, numbers)
    moving = [i for i in locked.values() if i.open and not i.answered and i.assignee == handoff.outgoing]
    if not moving:
        return [], False
    told = await handoffs.paged_since(tx, [incident.id for incident in moving], handoff)
    while True:
        writing = Writing()
        pager = Pager(ctx, now, writing)
        try:
            stories = [(incident, _taken_over(pager, incident, handoff, incident.id in told)) for incident in moving]
            break
        except OutOfIds:
            await ctx.ids.reserve(tx, pages=2 * len(moving), notifications=10 * len(moving))
    for incident, story in stories:
        writing.tell(incident.id, incident.link, story)
        await incidents.update(tx, incident, assignee=handoff.incoming)
    await write_paging(tx, writing)
    await write_story(tx, writing)
    await handoffs.note_transferred(tx, handoff.id, [incident.id for incident in moving])
    log.info("unanswered incidents changed hands", schedule=handoff.schedule, count=len(moving))
    return pager.held, len(numbers) == AT_ONCE


def _taken_over(pager: Pager, incident: Incident, handoff: Handoff, told: bool) -> list[Entry]:
    """The incoming is assigned, and paged, unless business hours that begin with the shift did that already (`told`); what is not
    urgent pages whoever is on call once they begin."""
    people = pager.directory.users
    moved = Entry(
        at=pager.now, kind="assigned", actor=ACTOR,
        details=f"The shift ended: {people[handoff.incoming].label} takes over from {people[handoff.outgoing].label}",
        data={"user": handoff.incoming, "from": handoff.outgoing, "handoff": handoff.id, "reason": "shift_end"},
    )  # fmt: skip
    if incident.urgency != "high" or told:
        return [moved]
    climbed = Climbed(None, "running")
    intent = PageIntent(handoff.incoming, f"schedule:{handoff.schedule}", PageReason.SHIFT_ENDED)
    rung = Rung(0, 0, "on_call", (intent,))
    pager.page(subject_of(incident, PageReason.SHIFT_ENDED), rung, intent, None, pager.now + LAST_PATIENCE, climbed)
    return [moved, *climbed.entries]


# --- who is told ------------------------------------------------------------------------------------------------------


async def _tell_both(ctx: Context, tx: Tx, id: int, schedule: str, handover: Handover, now: datetime) -> None:
    """The draft is there: the outgoing fills in what only they know, the incoming knows what is coming."""
    people = ctx.directory.users
    outgoing, incoming = people[handover.outgoing], people[handover.incoming]
    name = ctx.directory.schedules[schedule].name or schedule
    ends, begins = clock(handover.at, outgoing.time_zone), clock(handover.at, incoming.time_zone)
    leaving = (
        f"Your shift ends {ends}; {incoming.label} takes over. Open incidents, changes, planned events and silences are in the"
        " handoff already: add what only you know."
    )
    coming = (
        f"Your shift begins {begins}; you take over from {outgoing.label}. Read the handoff and sign it when you do."
    )
    await notices.add(
        tx,
        [
            *news(outgoing, f"handoff:{id}:draft", f"Handoff of {name}", leaving, id, now),
            *news(incoming, f"handoff:{id}:draft", f"Handoff of {name}", coming, id, now),
        ],
    )


async def _tell_unsigned(ctx: Context, tx: Tx, handoff: Handoff, now: datetime) -> None:
    """The incoming is reminded; the outgoing hears, once, that they stay in the loop."""
    people = ctx.directory.users
    outgoing, incoming = people[handoff.outgoing], people[handoff.incoming]
    schedule = ctx.directory.schedules[handoff.schedule]
    name = schedule.name or schedule.id
    heading = f"Handoff of {name} is not signed"
    key = f"handoff:{handoff.id}:unsigned"
    sign = f"You took over from {outgoing.label}. Until you sign, {outgoing.label} gets a copy of each page of this schedule."
    stay = f"{incoming.label} has not signed yet: until then you get a copy of each page of {name}."
    await notices.add(
        tx,
        [
            *news(incoming, f"{key}:{now:%Y%m%dT%H%M}", heading, sign, handoff.id, now),
            *news(outgoing, key, heading, stay, handoff.id, now),
        ],
    )


def news(user: User, key: str, heading: str, text: str, handoff: int, now: datetime) -> Iterator[NewNotice]:
    """One piece of news for one person, by each contact method that gets updates; told once by its key."""
    for method in for_news(user):
        yield NewNotice(
            key=f"{key}:{user.id}:{method.id}", kind="handoff", user_id=user.id, method=method.id, channel=method.type,
            heading=heading, text=text, path=f"/handoffs/{handoff}", created_at=now, due_at=now, deadline_at=now + PATIENCE,
        )  # fmt: skip


# --- who is kept in the loop ------------------------------------------------------------------------------------------


async def refresh_loop(ctx: Context) -> None:
    """Take anew who gets copies of the pages of which schedule, because their handoff is not signed."""
    async with ctx.db.reading(reserved=True) as tx:
        found = await handoffs.unsigned(tx)
    loop: dict[str, tuple[str, ...]] = {}
    for schedule, user in found:
        loop[schedule] = (*loop.get(schedule, ()), user)
    ctx.in_the_loop = loop
