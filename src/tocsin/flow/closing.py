"""An incident ends, and comes back: resolve, close, reopen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.core.errors import Conflict
from tocsin.core.incident import display_name
from tocsin.core.lifecycle import check_move, mttr_minutes
from tocsin.core.matrix import update_by
from tocsin.core.moment import kept, without
from tocsin.core.severity import Severity
from tocsin.flow import watching
from tocsin.flow.acts import Result, checked, locked, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.review import form_of
from tocsin.flow.rules import CLOCK, learn, rules_for, strike
from tocsin.flow.transitions import moved
from tocsin.store import endings, incidents, merges, reviews, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.writing import Writing, notify, write_paging


async def finish(
    ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, note: str, certainty: str
) -> None:
    """Resolve a locked, open incident. A time of restoration that nobody told is estimated to be this one."""
    old = incident.status
    await stopping.stop_paging(tx, [incident.id], now, "resolved", user_of(actor))
    await watching.end(tx, incident)
    await timers.cancel(tx, CLOCK, incident.id)
    more: dict[str, object] = {}
    if user_of(actor) or actor.startswith("token:"):
        more = {
            "acknowledged_at": incident.acknowledged_at or now,
            "acknowledged_by": incident.acknowledged_by or actor,
        }
    if incident.restored_at is None:
        more |= {"restored_at": now, "moments": kept(incident.moments, "restored", actor, "estimated")}
    await incidents.update(
        tx, incident, status="resolved", resolved_at=now, alarm=None, acknowledged_cycle=incident.cycle,
        **incidents.AT_REST, **more,
    )  # fmt: skip
    await tell(tx, incident, now, "resolved", actor, note or "Resolved", certainty=certainty)
    await moved(ctx, tx, incident, old, "resolved", actor, now)


async def resolve(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Resolve from any open state; its open alerts end too. Again when resolved: no change. Raises NotFound; Conflict when closed."""
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        result = await resolved(ctx, tx, incident, actor, ctx.clock.now(), notes)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return result


async def resolved(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, notes: str) -> Result:
    """Resolve a locked incident."""
    if incident.status == "resolved":
        return Result(incident.id, False, "Already resolved")
    check_move(incident.status, "resolved")
    ended = await endings.close_alerts_of(tx, incident.id, now)
    await finish(ctx, tx, incident, actor, now, notes, "observed" if incident.restored_at else "estimated")
    sentence = f"Resolved; {ended} open alert{'' if ended == 1 else 's'} ended with it" if ended else "Resolved"
    return Result(incident.id, True, sentence)


async def close(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Nothing is left to do about a resolved incident. Again: no change.

    Raises NotFound; Conflict when it is not resolved, or when its severity requires a review (SEV1 and SEV2
    unless the matrix says otherwise) that is neither published nor waived.
    """
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        result = await closed(ctx, tx, incident, actor, ctx.clock.now(), notes)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return result


async def closed(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, notes: str) -> Result:
    """Close a locked incident."""
    if incident.status == "closed":
        return Result(incident.id, False, "Already closed")
    if incident.open:
        raise Conflict(f"The incident is {incident.status}: closing needs it to be resolved. Resolve it first.")
    await learn(ctx, tx, [incident.matrix])
    gated = form_of(ctx, incident) == "required" and not incident.drill
    if gated and not await reviews.settled(tx, incident.id):
        raise Conflict(
            f"A {Severity(incident.severity).name} is closed once its review is published, or waived with a reason:"
            f" see the review of {display_name(incident.id, incident.created_at)}."
        )
    await incidents.update(tx, incident, status="closed", closed_at=now)
    await tell(tx, incident, now, "closed", actor, notes or "Closed")
    await moved(ctx, tx, incident, "resolved", "closed", actor, now)
    return Result(incident.id, True, "Closed")


async def reopen(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Back to `investigating`, keeping created_at and detected_at. Pages nobody. Raises NotFound; Conflict when it is open or merged."""
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        if incident.open:
            raise Conflict(f"The incident is {incident.status}: only a resolved or closed one can be reopened.")
        result = await reopened(ctx, tx, incident, actor, ctx.clock.now(), notes)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return result


async def reopened(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, notes: str) -> Result:
    """Reopen a locked, resolved or closed incident."""
    if incident.merged_into is not None:
        (into,) = (await merges.names(tx, [incident.merged_into])).values()
        raise Conflict(f"It was merged into {into}: reopen that one, or declare a new one.")
    old, rules = incident.status, await rules_for(ctx, tx, incident)
    was: dict[str, Any] = {
        "was": incident.status, "restored_at": incident.restored_at, "resolved_at": incident.resolved_at,
        "closed_at": incident.closed_at, "mttr_minutes": mttr_minutes(incident.created_at, incident.resolved_at),
        "moments": {name: incident.moments[name] for name in ("restored", "resolved", "closed") if name in incident.moments},
    }  # fmt: skip
    await incidents.update(
        tx, incident, status="investigating", resolved_at=None, restored_at=None, closed_at=None, moved_by_person=True,
        moments=without(incident.moments, "restored", "resolved", "closed"),
        acknowledged_cycle=incident.cycle, acknowledged_at=incident.acknowledged_at or now,
        acknowledged_by=incident.acknowledged_by or actor,
        next_update_at=update_by(rules.rows[Severity(incident.severity)], rules.hours, now),
    )  # fmt: skip
    writing = Writing()
    writing.timers += strike(rules, incident, now)
    await write_paging(tx, writing)
    data = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in was.items()}
    await tell(tx, incident, now, "reopened", actor, notes or "Reopened", **data)
    await moved(ctx, tx, incident, old, "investigating", actor, now)
    return Result(incident.id, True, "Reopened")
