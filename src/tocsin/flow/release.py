"""What held alerts back is over: a silence ended, a cause resolved. Those that still fire open or join incidents now, unless
something else holds them back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta

from tocsin.core.alert import Reason, group_key
from tocsin.core.configuration import Integration, Service
from tocsin.core.directory import Directory, IntegrationRef
from tocsin.core.event import Event
from tocsin.core.mute import Mute
from tocsin.core.notification import for_news
from tocsin.flow import hiding, overrun, plans
from tocsin.flow.context import Context
from tocsin.flow.opening import Again, Newcomer, Opening
from tocsin.flow.overrun import overran
from tocsin.store import incidents, inhibitions, intake, merges, mutes, notices, timers
from tocsin.store.database import Tx
from tocsin.store.intake import HeldBy
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer

AT_ONCE = 500
"""Alerts let go in one transaction."""
LISTED = 100
"""Alerts that a report names; the others are counted."""
ATTEMPTS = 4
"""How often letting go is begun again because others changed the same things meanwhile."""


async def unmute(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """A silence or maintenance window ended: its report is written, the next window of its plan is set, and its alerts are let go."""
    return await _each(ctx, due, _unmute)


async def warn(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """A silence ends soon: while it holds back alerts that fire, whoever made it hears of it in time."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        for timer in due:
            if timer.id not in await timers.finish(tx, ctx.node, [timer]):
                continue
            mute = await mutes.by_row(tx, timer.subject)
            if mute is not None and mute.ends_at > now and (count := (await mutes.counts(tx, [mute.id])).get(mute.id)):
                await notices.add(tx, _warnings(ctx.directory, mute, count, now))
    ctx.wake.set("timers")
    return []


def _warnings(directory: Directory, mute: Mute, count: int, now: datetime) -> Iterator[NewNotice]:
    kind, _, who = mute.created_by.partition(":")
    maker = directory.users.get(who) if kind == "user" else None
    if maker is None:
        return
    what = "maintenance window" if mute.kind == "maintenance" else "silence"
    still = "1 alert still fires and pages" if count == 1 else f"{count} alerts still fire and page"
    minutes = max(1, round((mute.ends_at - now).total_seconds() / 60))
    for method in for_news(maker):
        yield NewNotice(
            key=f"mute:{mute.public_id}:{mute.ends_at.isoformat()}:{method.id}", kind="mute_ends", user_id=maker.id,
            method=method.id, channel=method.type, heading=f"Your {what} ends in {minutes} min",
            text=f"{mute.comment or ', '.join(map(str, mute.matchers))}\n{still} then, unless they resolve or you prolong it.",
            path=f"/mutes/{mute.public_id}", created_at=now, due_at=now, deadline_at=mute.ends_at,
        )  # fmt: skip


async def cause_alert(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """An alert that hid others ended, or may not hide them any more."""
    return await _each(ctx, due, _cause_alert)


async def cause_incident(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """An incident that hid alerts is over, or may not hide them any more."""
    return await _each(ctx, due, _cause_incident)


async def _each(
    ctx: Context, due: Sequence[Timer], work: Callable[[Context, Timer], Awaitable[list[Held]]]
) -> list[Held]:
    """One after the other; what each of them pages goes out when it is committed, whatever becomes of the next."""
    for timer in due:
        for attempt in range(ATTEMPTS):
            try:
                ctx.hand_over(await work(ctx, timer))
                break
            except (
                Again
            ):  # an event opened an incident for the same group, or a cause ended, meanwhile: it is found now
                if attempt == ATTEMPTS - 1:
                    raise
    ctx.wake.set("timeline", "timers")
    return []


async def _unmute(ctx: Context, timer: Timer) -> list[Held]:
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        mute = await mutes.by_row(tx, timer.subject)
        if not await timers.finish(tx, ctx.node, [timer]) or mute is None:
            return []
        if mute.ends_at > now:  # our clock followed the database's a little backwards
            await timers.set_timer(tx, mutes.UNMUTE, timer.subject, None, mute.ends_at)
            return []
        if mute.report is None:
            await mutes.write_report(tx, mute.id, await mutes.held_back(tx, mute.id, LISTED))
            if mute.rule is not None:
                await plans.go_on(tx, ctx.directory, mute.rule, now)
            if overran(ctx.directory, mute, (await mutes.counts(tx, [mute.id])).get(mute.id, 0)):
                await timers.set_timer(tx, overrun.TIMER, mute.id, None, now)
        held, done = await _let_go(ctx, tx, "mute", mute.id, Reason.UNMUTED, now)
        if not done:
            await timers.set_timer(tx, mutes.UNMUTE, timer.subject, None, now)
    return held


async def _cause_alert(ctx: Context, timer: Timer) -> list[Held]:
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        if not await timers.finish(tx, ctx.node, [timer]):
            return []
        held, done = await _let_go(ctx, tx, "inhibitor_alert", timer.subject, Reason.UNINHIBITED, now)
        if not done:
            await timers.set_timer(tx, inhibitions.CAUSE_ALERT, timer.subject, None, now)
    return held


async def _cause_incident(ctx: Context, timer: Timer) -> list[Held]:
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        found = await incidents.lock(tx, [timer.subject])
        if not await timers.finish(tx, ctx.node, [timer]):
            return []
        if not hiding.holds(found.get(timer.subject)):
            await inhibitions.unmark_cause(tx, timer.subject)
        held, done = await _let_go(ctx, tx, "inhibitor_incident", timer.subject, Reason.UNINHIBITED, now)
        if not done:
            await timers.set_timer(tx, inhibitions.CAUSE_INCIDENT, timer.subject, timer.subject, now)
    return held


async def _let_go(
    ctx: Context, tx: Tx, column: HeldBy, subject: int, reason: Reason, now: datetime
) -> tuple[list[Held], bool]:
    """(notifications leased to this node, whether all that it held back has been looked at). Raises Again."""
    held: list[Held] = []
    after = 0
    while True:
        rows = await intake.held_by(tx, column, subject, AT_ONCE, after)
        if not rows:
            return held, True
        newcomers = [await _newcomer(ctx.directory, tx, row, reason, now) for row in rows]
        await _take_home(tx, newcomers)
        await inhibitions.hide(tx, [(row.id, None, None, None) for row in rows])
        silences = await ctx.silences.current(tx, now)
        causes = await hiding.look(ctx.directory, tx, newcomers)
        opening = Opening(ctx, now, newcomers, silences if silences.all else None, causes=causes)
        await opening.write(tx)
        await intake.place(tx, [(n.alert or 0, n.incident, n.mute, _said(n, reason)) for n in newcomers])
        held += opening.held
        if len(rows) < AT_ONCE:
            return held, True
        if not all(new.cause is not None and _is(new.cause, column, subject) for new in newcomers):
            return held, False
        after = rows[-1].id


async def _take_home(tx: Tx, newcomers: Sequence[Newcomer]) -> None:
    """What was part of a merge joins the incident that it went into, and what had one that is being watched brings it back: as when
    it comes again (flow/triage)."""
    homes = await merges.homes(tx, [(new.ref.service.id, new.event.dedup_key) for new in newcomers])
    if not homes:
        return
    known = await incidents.lock(tx, sorted({number for numbers in homes.values() for number in numbers}))
    for position, numbers in homes.items():
        new = newcomers[position]
        for incident in (known[number] for number in numbers if number in known):
            if incident.status == "monitoring":
                new.watched = new.watched or incident.id
            elif incident.open and new.room is None:
                new.room = (incident.id, incident.severity)


def _is(cause: hiding.Cause, column: HeldBy, subject: int) -> bool:
    return (column == "inhibitor_alert" and cause.alert == subject) or (
        column == "inhibitor_incident" and cause.incident == subject
    )


def _said(new: Newcomer, reason: Reason) -> str:
    """Why it is where it is now: let go, unless something else holds it back."""
    return reason.value if new.incident is not None else new.reason.value


async def _newcomer(directory: Directory, tx: Tx, row: intake.Muted, reason: Reason, now: datetime) -> Newcomer:
    service = directory.services.get(row.service) or Service(id=row.service)
    integration = next((i for i in service.integrations if i.id == row.integration), None)
    ref = IntegrationRef(service, integration or Integration(id=row.integration, type="", key=""))
    event = Event(
        action="trigger", dedup_key=row.dedup_key, title=row.title, source=row.source, labels=row.labels,
        annotations=row.body.get("annotations", {}),
    )  # fmt: skip
    key = group_key(service.grouping, event)
    group = None if key is None else (service.id, key)
    new = Newcomer(ref, event, row.severity, 1, None, group=group, reason=reason)
    new.known, new.alert = True, row.id
    if group is not None:
        window = service.grouping.window if service.grouping else 0
        new.since = now - timedelta(seconds=window)
        room = await intake.room_of(tx, *group, new.since)
        new.room = room[:2] if room else None
        new.watched = room[0] if room and room[2] else None
    return new
