"""A person moves an incident along its lifecycle, forward, a step back, or back from its end."""

from __future__ import annotations

from datetime import datetime

from tocsin.core.incident import Status
from tocsin.core.lifecycle import check_move, parse_status
from tocsin.core.moment import without
from tocsin.flow import watching
from tocsin.flow.acts import Result, checked, engaged, locked, tell
from tocsin.flow.closing import closed, reopened, resolved
from tocsin.flow.context import Context
from tocsin.flow.respond import answered
from tocsin.flow.restore import restore
from tocsin.flow.transitions import moved
from tocsin.store import incidents, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.writing import notify


async def change(ctx: Context, number: int, actor: str, status: str, notes: str = "", force: str = "") -> Result:
    """Move it to `status`, as the lifecycle allows (core/lifecycle.py). Where it is already: no change.

    `monitoring` restores (with `force` also against its probes), `resolved` and `closed` end it, `investigating` after its end
    reopens it; whoever moves an unanswered incident has answered it. Raises NotFound; Invalid; Conflict, and nothing is changed.
    """
    wanted, notes = parse_status(status), checked(notes, "/notes", needed=False)
    if wanted == "monitoring":
        return await restore(ctx, number, actor, notes, force, stepped=True)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        result = await to(ctx, tx, incident, wanted, actor, notes)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return result


async def to(ctx: Context, tx: Tx, incident: Incident, wanted: Status, actor: str, notes: str = "") -> Result:
    """Move a locked incident anywhere but to `monitoring`, which is a matter of `restore.settle`. Raises Conflict."""
    now, old = ctx.clock.now(), incident.status
    if old == wanted:
        return Result(incident.id, False, f"It is {old} already")
    result = await _moved(ctx, tx, incident, wanted, actor, now, notes)
    text = f"from {old} to {wanted}." + (f" {notes}" if notes else "")
    await tell(tx, incident, now, "status_updated", actor, text, **{"from": old, "to": wanted})
    return result


async def _moved(
    ctx: Context, tx: Tx, incident: Incident, wanted: Status, actor: str, now: datetime, notes: str
) -> Result:
    if wanted == "closed":
        return await closed(ctx, tx, incident, actor, now, notes)
    check_move(incident.status, wanted)
    if wanted == "resolved":
        return await resolved(ctx, tx, incident, actor, now, notes)
    if not incident.open:
        return await reopened(ctx, tx, incident, actor, now, notes)
    await _stepped(ctx, tx, incident, wanted, actor, now)
    return Result(incident.id, True, f"It is {wanted} now")


async def _stepped(ctx: Context, tx: Tx, incident: Incident, wanted: Status, actor: str, now: datetime) -> None:
    """Among the open states. A step back from the watch goes on with the same clocks."""
    old = incident.status
    if not incident.answered:
        await answered(tx, incident, actor, now, "" if wanted == "acknowledged" else "Acknowledged by moving it on")
    changes: dict[str, object] = {"status": wanted}
    if wanted != "acknowledged":
        changes["moved_by_person"] = True
    if wanted == "identified":
        changes["identified_at"] = incident.identified_at or now
    elif incident.identified_at is not None:
        changes |= {"identified_at": None, "moments": without(incident.moments, "identified")}
    if old == "monitoring":
        gone = ("restored",) if wanted == "identified" else ("restored", "identified")
        changes |= {"restored_at": None, "moments": without(incident.moments, *gone)}
        await watching.end(tx, incident)
        await timers.set_timer(tx, "progress", incident.id, incident.id, now)
    await incidents.update(tx, incident, **changes)
    if wanted != "acknowledged":
        await engaged(tx, incident, actor, now)
    await moved(ctx, tx, incident, old, wanted, actor, now)
