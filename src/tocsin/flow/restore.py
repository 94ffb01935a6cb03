"""A person says that it works again: their check and the probes of its services together make it restored, and start the watch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.core.errors import Conflict
from tocsin.core.lifecycle import WATCH, check_move
from tocsin.core.moment import kept
from tocsin.flow import watching
from tocsin.flow.acts import Result, checked, engaged, label, locked, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.probing import Measured, measure, probes_of
from tocsin.flow.respond import answered
from tocsin.flow.transitions import moved
from tocsin.store import endings, incidents, stopping
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.writing import notify


class Check(NamedTuple):
    """What somebody checked, what the probes showed, and why it counts although they failed."""

    notes: str
    measured: Sequence[Measured]
    force: str = ""

    @property
    def failing(self) -> list[Measured]:
        return [one for one in self.measured if not one.good]

    @property
    def proved(self) -> bool:
        return bool(self.measured) and not self.failing


class Settled(NamedTuple):
    """What became of it, or why it was refused: a refusal is told on the timeline, so it is raised after the commit."""

    done: Result | None
    refusal: str = ""

    def result(self) -> Result:
        """Raises Conflict with the refusal."""
        if self.done is None:
            raise Conflict(self.refusal)
        return self.done


async def restore(
    ctx: Context, number: int, actor: str, notes: str = "", force: str = "", *, stepped: bool = False
) -> Result:
    """It works again: sampled, then watched for 30 minutes. `force`: why it counts as restored although a probe fails. `stepped`: it
    is told as a change of the status, too. Again while it is watched: no change.

    Raises NotFound; Conflict when it is over, or when a probe fails (which is told on the timeline).
    """
    check = await look(ctx, number, notes, force)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        done = await settle(ctx, tx, incident, actor, check, stepped=stepped)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return done.result()


async def look(ctx: Context, number: int, notes: str = "", force: str = "") -> Check:
    """Samples the probes, in no transaction; nothing is sampled where nothing is to be done. Raises NotFound; Conflict when it is over."""
    notes, force = checked(notes, "/notes", needed=False), checked(force, "/force", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
    if _before(incident) is not None:
        return Check(notes, (), force)
    return Check(notes, await measure(ctx, probes_of(ctx.directory, incident.affected_services), want=True), force)


async def settle(
    ctx: Context, tx: Tx, incident: Incident, actor: str, check: Check, *, stepped: bool = False
) -> Settled:
    """What becomes of a locked incident by a check: restored; or refused, which is told. Raises Conflict when it is over."""
    now, old = ctx.clock.now(), incident.status
    if (known := _before(incident)) is not None:
        return Settled(known)
    if check.failing and not check.force:
        return Settled(None, await _refused(ctx, tx, incident, actor, now, check))
    await _restored(ctx, tx, incident, actor, now, check)
    if stepped:
        text = f"from {old} to monitoring." + (f" {check.notes}" if check.notes else "")
        await tell(tx, incident, now, "status_updated", actor, text, **{"from": old, "to": "monitoring"})
    firing = (await endings.firing(tx, [incident.id])).get(incident.id, 0)
    return Settled(Result(incident.id, True, _sentence(check, firing)))


def _before(incident: Incident) -> Result | None:
    """Nothing is to be done, or nothing may be."""
    if incident.status == "monitoring":
        return Result(incident.id, False, "Already restored; it is being watched")
    check_move(incident.status, "monitoring")
    return None


def _sentence(check: Check, firing: int) -> str:
    said = f"Restored; watched for {WATCH.seconds // 60} minutes"
    if not check.measured:
        said += ". No probe is configured for its services, so the time is kept as estimated"
    elif not check.proved:
        said += ", though a probe fails; the time is kept as estimated"
    if firing:
        many = f"{firing:,} or more" if firing == endings.MOST_FIRING else firing
        said += f". {many} of its alerts still fire{'s' if firing == 1 else ''}: the watch goes on until they end"
    return said


async def _refused(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, check: Check) -> str:
    """It stays where it is; what the probes showed is kept. Returns what to say."""
    said = "; ".join(one.sentence(ctx.directory) for one in check.failing)
    data = {"probes": [one.view() for one in check.measured], "notes": check.notes}
    await tell(tx, incident, now, "not_restored", actor, f"Not restored yet: {said}", **data)
    return (
        f"Not restored: {said}. The incident stays {incident.status}. Look again, or say why it counts as restored all the same"
        " (`force` with a reason; its time is then kept as estimated)."
    )


async def _restored(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, check: Check) -> None:
    old = incident.status
    if not incident.answered:
        await answered(tx, incident, actor, now, "Acknowledged by restoring")
    await stopping.stop_paging(tx, [incident.id], now, "restored", user_of(actor))
    source, certainty = ("probes", "exact") if check.proved else (actor, "estimated")
    await incidents.update(
        tx, incident, status="monitoring", restored_at=now, moved_by_person=True, acknowledged_cycle=incident.cycle, alarm=None,
        moments=kept(incident.moments, "restored", source, "exact" if certainty == "exact" else "estimated"),
        **incidents.AT_REST,
    )  # fmt: skip
    await engaged(tx, incident, actor, now)
    await watching.begin(ctx, tx, incident, now)
    await _tell(ctx, tx, incident, actor, now, check)
    await moved(ctx, tx, incident, old, "monitoring", actor, now)


async def _tell(ctx: Context, tx: Tx, incident: Incident, actor: str, now: datetime, check: Check) -> None:
    """Who checked what, and what the probes showed."""
    who = label(ctx.directory, user_of(actor)) if user_of(actor) else actor.partition(":")[2] or actor
    parts = [
        f"Restored; watched for {WATCH.seconds // 60} minutes",
        f"Checked by {who}" + (f": {check.notes}" if check.notes else ""),
    ]
    parts += [one.sentence(ctx.directory) for one in check.measured]
    if check.force and check.failing:
        parts.append(f"It counts although a probe fails: {check.force}")
    data = {
        "certainty": "observed" if check.proved else "estimated", "checked_by": actor, "notes": check.notes,
        "probes": [one.view() for one in check.measured], "force": check.force if check.failing else "",
    }  # fmt: skip
    await tell(tx, incident, now, "restored", actor, ". ".join(parts), **data)
