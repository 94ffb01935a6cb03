"""Who does what in an incident: a role is given, taken, handed over with read-back, and let go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.escalation import PageIntent, PageReason
from tocsin.core.role import ABOUT, COMMANDER, SEVERAL, RoomRole, given, holder, holders, parse, without
from tocsin.core.schedule import who
from tocsin.flow import summon
from tocsin.flow.acts import Result, checked, engaged, known, label, locked_open, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.rules import CLOCK, rules_for, strike
from tocsin.store import incidents, room, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.room import Offer
from tocsin.store.writing import Writing, notify, write_paging


async def assign(
    ctx: Context, number: int, actor: str, role: str, user: str | None, *, take: bool = False, page: bool = False,
    reason: str = "",
) -> Result:  # fmt: skip
    """Give a role to `user`; None lets go of it. Twice: no change.

    A role that somebody else holds is theirs until `take` says otherwise, so that of two who take it at once the second hears
    who was first. With `page` whoever gets it is paged with the `reason`. Raises NotFound; Invalid for an unknown role or user;
    Conflict when the incident is over, or the role is somebody else's.
    """
    part, reason = parse(role), checked(reason, "/reason", needed=False)
    if user is None:
        return await release(ctx, number, actor, part)
    known(ctx.directory, user)
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        now, has = ctx.clock.now(), user in holders(incident.roles, part)
        if not has:
            _mine(ctx, incident, part, take)
            await _give(ctx, tx, incident, part, user, actor, now, reason, took_over=take)
        if page:
            note = summon.said(ctx.directory, actor, reason or f"You are {ABOUT[part].name.lower()}")
            intent = PageIntent(user, f"user:{user}", PageReason.ASKED)
            held = await summon.call(ctx, tx, incident, now, [intent], note)
        await notify(tx, "timeline", "timers")
    summon.sent(ctx, held)
    name, title = label(ctx.directory, user), ABOUT[part].name.lower()
    told = f"{name} is {title}" if not has else f"{name} is {title} already"
    return Result(number, not has or page, told + (" and was paged" if page else ""))


def _mine(ctx: Context, incident: Incident, role: RoomRole, take: bool) -> None:
    """Raise Conflict when the role is somebody else's and nobody said that it is taken over."""
    holding = holder(incident.roles, role)
    if holding is not None and role not in SEVERAL and not take:
        raise Conflict(
            f"{label(ctx.directory, holding)} is {ABOUT[role].name.lower()} already: take it over"
            " (`take`), or have it handed over."
        )


async def _give(
    ctx: Context, tx: Tx, incident: Incident, role: RoomRole, user: str, actor: str, now: datetime, reason: str,
    took_over: bool,
) -> None:  # fmt: skip
    before = holder(incident.roles, role) if role not in SEVERAL else None
    await room.drop_offer(tx, incident.id, role)
    await incidents.update(tx, incident, roles=given(incident.roles, role, user))
    name, title = label(ctx.directory, user), ABOUT[role].name.lower()
    verb = "took over as" if before else "is"
    text = f"{name} {verb} {title}" + (f" from {label(ctx.directory, before)}" if before else "")
    data: dict[str, Any] = {
        "role": role,
        "user": user,
        "from": before,
        "reason": reason,
        "took_over": took_over and bool(before),
    }
    await tell(tx, incident, now, "role_assigned", actor, f"{text}. {reason}" if reason else text, **data)
    await engaged(tx, incident, actor, now)
    await _watched(ctx, tx, incident, role, now)


async def _watched(ctx: Context, tx: Tx, incident: Incident, role: RoomRole, now: datetime) -> None:
    """Whether anybody commands is a promise of the clock: it is set anew when that changes."""
    if role != COMMANDER:
        return
    rules = await rules_for(ctx, tx, incident)
    await timers.cancel(tx, CLOCK, incident.id)
    writing = Writing()
    writing.timers += strike(rules, incident, now)
    await write_paging(tx, writing)


async def assign_on_call(
    ctx: Context, number: int, actor: str, role: str, schedule: str, *, take: bool = False, page: bool = True,
    reason: str = "",
) -> Result:  # fmt: skip
    """Give a role to whoever is on call in a schedule now, and page them. Raises as `assign`; Invalid without such a schedule;
    Conflict when nobody is on call there."""
    if schedule not in ctx.directory.schedules:
        raise Invalid(f"there is no schedule {schedule!r}", "/schedule")
    found = who(ctx.directory.schedules[schedule], ctx.clock.now())
    if found is None:
        raise Conflict(f"Nobody is on call in {ctx.directory.schedules[schedule].name or schedule} now.")
    return await assign(ctx, number, actor, role, found[0], take=take, page=page, reason=reason)


async def release(ctx: Context, number: int, actor: str, role: str, user: str | None = None) -> Result:
    """Somebody (None: whoever holds it) has the role no more. Nobody had it: no change. Raises NotFound; Invalid; Conflict when the
    incident is over, or `user` does not hold it."""
    part = parse(role)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        held, title = holders(incident.roles, part), ABOUT[part].name.lower()
        if user is not None and user not in held:
            raise Conflict(f"{label(ctx.directory, user)} is not {title} of this incident.")
        if not held:
            return Result(number, False, f"Nobody is {title}")
        now, gone = ctx.clock.now(), [user] if user else held
        await room.drop_offer(tx, number, part)
        free = {"uncommanded_at": now} if part == COMMANDER else {}
        await incidents.update(tx, incident, roles=without(incident.roles, part, user), **free)
        names = ", ".join(label(ctx.directory, one) for one in gone)
        text = f"{names} {'is' if len(gone) == 1 else 'are'} no longer {title}"
        await tell(tx, incident, now, "role_released", actor, text, role=part, users=gone)
        await _watched(ctx, tx, incident, part, now)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return Result(number, True, text)


# --- handover with read-back ------------------------------------------------------------------------------------------


async def offer(ctx: Context, number: int, actor: str, role: str, user: str, briefing: str) -> Result:
    """Ask `user` to take a role over, with what they have to know; they are paged, and have it once they have read it back.

    Raises NotFound; Invalid; Conflict when the incident is over, nobody holds the role, or `user` does already.
    """
    part, briefing = parse(role), checked(briefing, "/briefing")
    known(ctx.directory, user)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        now, title = ctx.clock.now(), ABOUT[part].name.lower()
        held, name = holders(incident.roles, part), label(ctx.directory, user)
        if user in held:
            raise Conflict(f"{name} is {title} already.")
        if not held:
            raise Conflict(f"Nobody is {title}: give the role instead of handing it over.")
        mine = user_of(actor)
        outgoing = mine if mine in held else held[0]
        made = Offer(
            incident_id=number, role=part, from_user=outgoing, to_user=user, briefing=briefing, by=actor, at=now
        )
        await room.put_offer(tx, made)
        text = f"{label(ctx.directory, outgoing)} hands over to {name} as {title}. {briefing}"
        await tell(
            tx,
            incident,
            now,
            "role_offered",
            actor,
            text,
            role=part,
            user=user,
            briefing=briefing,
            **{"from": outgoing},
        )
        intent = PageIntent(user, f"user:{user}", PageReason.ASKED)
        note = summon.said(ctx.directory, actor, f"take over as {title}: {briefing}")
        paged = await summon.call(ctx, tx, incident, now, [intent], note)
        await notify(tx, "timeline")
    summon.sent(ctx, paged)
    return Result(number, True, f"{name} is asked to take over as {title}")


async def accept(ctx: Context, number: int, actor: str, role: str, read_back: str = "") -> Result:
    """The incoming has read the briefing back, and holds the role from now on. `read_back`: in their own words.

    Raises NotFound; Invalid; Conflict when nothing is on offer, or it is offered to somebody else.
    """
    part, read_back = parse(role), checked(read_back, "/read_back", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        made, now, title = await room.offer(tx, number, part), ctx.clock.now(), ABOUT[part].name.lower()
        if made is None:
            raise Conflict(f"Nobody has offered you to take over as {title}.")
        if user_of(actor) not in (made.to_user, None):
            raise Conflict(
                f"{label(ctx.directory, made.to_user)} is asked to take over as {title}, and has to read back."
            )
        left = without(incident.roles, part, made.from_user) if part in SEVERAL else incident.roles
        await incidents.update(tx, incident, roles=given(left, part, made.to_user))
        await room.drop_offer(tx, number, part)
        name = label(ctx.directory, made.to_user)
        said = f". Read back: {read_back}" if read_back else ", and read back the briefing"
        data = {
            "role": part,
            "user": made.to_user,
            "from": made.from_user,
            "briefing": made.briefing,
            "read_back": read_back,
        }
        text = f"{name} took over as {title} from {label(ctx.directory, made.from_user)}{said}"
        await tell(tx, incident, now, "role_handed_over", actor, text, **data)
        await engaged(tx, incident, actor, now)
        await _watched(ctx, tx, incident, part, now)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return Result(number, True, f"{name} is {title} now")


async def withdraw(ctx: Context, number: int, actor: str, role: str) -> Result:
    """The offer is taken back, or declined: the role stays where it is. Raises NotFound; Invalid; Conflict when there is none."""
    part = parse(role)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        made, title = await room.offer(tx, number, part), ABOUT[part].name.lower()
        if made is None:
            raise Conflict(f"The role of {title} is not being handed over.")
        await room.drop_offer(tx, number, part)
        declined = user_of(actor) == made.to_user
        name = label(ctx.directory, made.to_user)
        text = f"{name} declined to take over as {title}" if declined else f"{name} need not take over as {title}"
        await tell(tx, incident, ctx.clock.now(), "role_offer_ended", actor, text, role=part, user=made.to_user)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, text)
