"""Hand an incident over: the other person is paged with the reason, and until they accept it stays with whoever had it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.core.errors import Conflict
from tocsin.core.escalation import PageIntent, PageReason
from tocsin.flow.acts import Result, checked, known, label, locked_open, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.flow.summon import call, said, sent
from tocsin.store import incidents, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.writing import notify

PATIENCE = timedelta(minutes=15)
"""How long a handover waits to be accepted, before it lapses and whoever has the incident is paged."""


async def offer(ctx: Context, number: int, actor: str, user: str, reason: str) -> Result:
    """Ask `user` to take the incident over. A new offer takes the place of one that is open.

    Raises NotFound; Invalid; Conflict when it is over, or is theirs already.
    """
    reason = checked(reason, "/reason")
    known(ctx.directory, user)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        if incident.assignee == user:
            raise Conflict(f"The incident is {label(ctx.directory, user)}'s already.")
        now = ctx.clock.now()
        if incident.handover is not None:
            await stopping.stop_asked(tx, number, incident.handover["to"], [PageReason.HANDOVER], now)
        offered = {
            "from": incident.assignee or user_of(actor) or "", "to": user, "by": actor, "reason": reason,
            "at": now.isoformat(),
        }  # fmt: skip
        await incidents.update(tx, incident, handover=offered)
        await timers.set_timer(tx, "handover", number, number, now + PATIENCE)
        text = f"{label(ctx.directory, user)} is asked to take over from {label(ctx.directory, incident.assignee)}. {reason}"
        await tell(tx, incident, now, "handover_offered", actor, text, **offered)
        intent = PageIntent(user, f"user:{user}", PageReason.HANDOVER)
        held = await call(ctx, tx, incident, now, [intent], said(ctx.directory, actor, reason))
        await notify(tx, "timeline")
    sent(ctx, held)
    return Result(number, True, f"{label(ctx.directory, user)} was paged, and has it once they accept")


async def accept(ctx: Context, tx: Tx, incident: Incident, user: str, now: datetime) -> bool:
    """Somebody acknowledges: if the incident was offered to them, it is theirs now. False when it was not."""
    offered = incident.handover
    if offered is None or offered["to"] != user:
        return False
    before = incident.assignee
    await incidents.update(tx, incident, handover=None, assignee=user)
    await timers.cancel(tx, "handover", incident.id)
    await stopping.stop_own(tx, incident.id, user, now)
    text = f"{label(ctx.directory, user)} took over from {label(ctx.directory, before)}"
    await tell(tx, incident, now, "handed_over", f"user:{user}", text, user=user, **{"from": before})
    return True


async def withdraw(ctx: Context, number: int, actor: str) -> Result:
    """Take an open offer back, or decline it. Raises NotFound; Conflict when there is none."""
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        if incident.handover is None:
            raise Conflict("No handover of this incident is open.")
        now, to = ctx.clock.now(), incident.handover["to"]
        declined = user_of(actor) == to
        text = f"{label(ctx.directory, to)} declined" if declined else "The handover was withdrawn"
        held = await _end(ctx, tx, incident, actor, text, now, page=declined)
        await notify(tx, "timeline")
    sent(ctx, held)
    return Result(number, True, f"{text}: it stays with {label(ctx.directory, incident.assignee)}")


async def forget(tx: Tx, incident: Incident, now: datetime) -> None:
    """The incident was assigned to somebody: an open offer is over, without a word."""
    if incident.handover is not None:
        await stopping.stop_asked(tx, incident.id, incident.handover["to"], [PageReason.HANDOVER], now)
        await incidents.update(tx, incident, handover=None)
        await timers.cancel(tx, "handover", incident.id)


async def lapse(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """Nobody accepted in time: the incident stays with whoever has it, who is paged to know it."""
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [timer.subject for timer in due])
        now = ctx.clock.now()
        ours = await timers.finish(tx, ctx.node, due)
        for timer in due:
            incident = locked.get(timer.subject)
            if timer.id in ours and incident is not None and incident.open and incident.handover is not None:
                text = f"{label(ctx.directory, incident.handover['to'])} did not accept within {PATIENCE.seconds // 60} minutes"
                held += await _end(ctx, tx, incident, ACTOR, text, now, page=True)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return held


async def _end(
    ctx: Context, tx: Tx, incident: Incident, actor: str, text: str, now: datetime, page: bool
) -> list[Held]:
    """An open offer comes to nothing. With `page` whoever has the incident is told by a page."""
    offered = incident.handover or {}
    await incidents.update(tx, incident, handover=None)
    await timers.cancel(tx, "handover", incident.id)
    await stopping.stop_asked(tx, incident.id, offered["to"], [PageReason.HANDOVER], now)
    await tell(tx, incident, now, "handover_ended", actor, text, user=offered["to"], **{"from": incident.assignee})
    asked = (incident.assignee, offered["from"], user_of(offered["by"]))
    owner = next((user for user in asked if user in ctx.directory.users), None)
    if not page or owner is None:
        return []
    intent = PageIntent(owner, f"user:{owner}", PageReason.HANDOVER_LAPSED)
    return await call(ctx, tx, incident, now, [intent], text)
