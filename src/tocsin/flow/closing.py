"""An incident ends, and comes back: resolve, reopen."""

from __future__ import annotations

from datetime import datetime

from tocsin.core.errors import Conflict
from tocsin.core.lifecycle import check_move, mttr_minutes
from tocsin.core.matrix import update_by
from tocsin.core.severity import Severity
from tocsin.flow.acts import Result, checked, locked, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.rules import CLOCK, rules_for, strike
from tocsin.flow.transitions import moved
from tocsin.store import incidents, intake, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.writing import Writing, notify, write_paging


async def finish(
    ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, note: str, certainty: str
) -> None:
    """Resolve a locked, open incident."""
    old = incident.status
    await incidents.stop_paging(tx, [incident.id], now, "resolved", user_of(actor))
    await timers.cancel(tx, "watch", incident.id)
    await timers.cancel(tx, CLOCK, incident.id)
    human: dict[str, object] = {}
    if user_of(actor) or actor.startswith("token:"):
        human = {
            "acknowledged_at": incident.acknowledged_at or now,
            "acknowledged_by": incident.acknowledged_by or actor,
        }
    await incidents.update(
        tx, incident, status="resolved", resolved_at=now, restored_at=incident.restored_at or now, alarm=None,
        acknowledged_cycle=incident.cycle, **incidents.AT_REST, **human,
    )  # fmt: skip
    await tell(tx, incident, now, "resolved", actor, note or "Resolved", certainty=certainty)
    await moved(ctx, tx, incident, old, "resolved", actor, now)


async def resolve(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Resolve from any open state; its open alerts end too. Again when resolved: no change. Raises NotFound; Conflict when closed."""
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        if incident.status == "resolved":
            return Result(number, False, "Already resolved")
        check_move(incident.status, "resolved")
        ended = await intake.close_alerts_of(tx, number, now)
        await finish(ctx, tx, incident, actor, now, notes, "observed" if incident.restored_at else "estimated")
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, f"Resolved; {ended} open alerts ended with it" if ended else "Resolved")


async def reopen(ctx: Context, number: int, actor: str, notes: str = "") -> Result:
    """Back to `investigating`, keeping created_at and detected_at. Pages nobody. Raises NotFound; Conflict when it is open."""
    notes = checked(notes, "/notes", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now, old = ctx.clock.now(), incident.status
        if incident.open:
            raise Conflict(f"The incident is {incident.status}: only a resolved or closed one can be reopened.")
        rules = await rules_for(ctx, tx, incident)
        was = {
            "was": incident.status, "restored_at": incident.restored_at, "resolved_at": incident.resolved_at,
            "closed_at": incident.closed_at, "mttr_minutes": mttr_minutes(incident.created_at, incident.resolved_at),
        }  # fmt: skip
        await incidents.update(
            tx, incident, status="investigating", resolved_at=None, restored_at=None, closed_at=None, moved_by_person=True,
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
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, "Reopened")
