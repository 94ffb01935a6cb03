"""People correct the times of an incident; what was said before stays on the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tocsin.core.errors import Invalid
from tocsin.core.moment import Change, Name, check_changes, column, kept, without
from tocsin.flow.acts import Result, checked, locked, tell
from tocsin.flow.context import Context
from tocsin.store import incidents
from tocsin.store.incidents import Incident
from tocsin.store.writing import notify


async def correct(ctx: Context, number: int, actor: str, changes: Sequence[Change], notes: str = "") -> Result:
    """Set times with their certainty. Those that are as they were change nothing.

    Raises NotFound; Invalid for a time that cannot be; Conflict for one that the incident does not have in its present state.
    """
    notes = checked(notes, "/notes", needed=False)
    if not changes:
        raise Invalid("name at least one time", "")
    wanted = {change.name: change for change in changes}
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now, times = ctx.clock.now(), _times(incident)
        check_changes(incident.status, times, wanted, now)
        fresh = [change for change in wanted.values() if not _same(incident, times, change)]
        if not fresh:
            return Result(number, False, "These times are what is known already")
        columns: dict[str, object] = {column(change.name): change.at for change in fresh}
        moments = incident.moments
        for change in fresh:
            moments = (
                kept(moments, change.name, actor, change.certainty) if change.at else without(moments, change.name)
            )
        await incidents.update(tx, incident, moments=moments, **columns)
        told = "; ".join(_sentence(change, times[change.name]) for change in fresh)
        data = {
            "changes": [
                {"time": c.name, "from": _text(times[c.name]), "to": _text(c.at), "certainty": c.certainty} for c in fresh
            ],
            "notes": notes,
        }  # fmt: skip
        await tell(tx, incident, now, "times_corrected", actor, told + (f". {notes}" if notes else ""), **data)
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, "Corrected; what was said before stays on the timeline")


def _times(incident: Incident) -> dict[Name, datetime | None]:
    return {
        "impact_started": incident.impact_started_at, "detected": incident.detected_at,
        "declared": incident.declared_at or incident.created_at, "acknowledged": incident.acknowledged_at,
        "engaged": incident.engaged_at, "identified": incident.identified_at, "restored": incident.restored_at,
        "resolved": incident.resolved_at, "closed": incident.closed_at,
    }  # fmt: skip


def _same(incident: Incident, times: dict[Name, datetime | None], change: Change) -> bool:
    known = incident.moments.get(change.name)
    said = known["certainty"] if known else None
    return times[change.name] == change.at and (change.at is None or said == change.certainty)


def _sentence(change: Change, before: datetime | None) -> str:
    name = change.name.replace("_", " ").capitalize()
    was = f"{before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if before else "unknown"
    now = f"{change.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({change.certainty})" if change.at else "unknown"
    return f"{name} from {was} to {now}"


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
