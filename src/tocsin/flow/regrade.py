"""A person changes how severe an incident is: its clocks count anew, and paging follows."""

from __future__ import annotations

from datetime import datetime

from tocsin.core.alert import NoPage
from tocsin.core.configuration import Tier
from tocsin.core.escalation import PageReason
from tocsin.core.matrix import Rules, update_by, urgency_of
from tocsin.core.severity import Severity
from tocsin.core.timeline import Entry
from tocsin.flow.acts import Result, checked, locked_open, tell
from tocsin.flow.context import Context
from tocsin.flow.restart import restart
from tocsin.flow.rules import rules_for, strike
from tocsin.store import incidents, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import Writing, notify, write_paging


async def regrade(ctx: Context, number: int, actor: str, severity: Severity, reason: str = "") -> Result:
    """Change the severity. Where nobody has answered yet a worse one pages anew, and one that does not page stops the paging.

    An answered incident pages nobody; its other clocks follow. Raises NotFound; Invalid; Conflict when it is over.
    """
    reason = checked(reason, "/reason", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        now, old = ctx.clock.now(), Severity(incident.severity)
        if severity == old:
            return Result(number, False, f"It is {old.name} already")
        said = f"from {old.name} to {severity.name}" + (f". {reason}" if reason else "")
        data = {"from": old.key, "to": severity.key, "reason": reason}
        told = Entry(at=now, kind="severity_changed", actor=actor, details=said, data=data)
        rules = await rules_for(ctx, tx, incident)
        held: list[Held] = []
        if severity < old and not incident.answered and rules.rows[severity].page != "never":

            def preface(to: str | None, tier: Tier | None) -> Entry:
                return told

            held = await restart(
                ctx, tx, incident, now, PageReason.SEVERITY_ROSE, severity, preface=preface, note=reason
            )
        else:
            await tell(tx, incident, now, told.kind, actor, said, **data)
            await _follow(tx, rules, incident, severity, now)
        await notify(tx, "timeline", "timers")
    ctx.hand_over(held)
    ctx.wake.set("timeline", "timers")
    return Result(number, True, f"It is {severity.name} now")


async def _follow(tx: Tx, rules: Rules, incident: Incident, severity: Severity, now: datetime) -> None:
    """The clocks count anew under the new severity. Of paging that runs, what it does not want ends."""
    row = rules.rows[severity]
    urgency = urgency_of(row, rules.hours, now)
    quieter = urgency != "high" and incident.urgency == "high" and not incident.answered
    changes: dict[str, object] = {}
    if quieter and urgency == "none":
        await incidents.stop_paging(tx, [incident.id], now, "severity_fell", None)
        changes = {"no_page_reason": NoPage.SEVERITY.value, "alarm": None}
    elif quieter:
        await incidents.hold(tx, incident.id)
    await incidents.update(
        tx, incident, severity=severity.value, urgency=urgency, clocks_since=now,
        next_update_at=update_by(row, rules.hours, now), **changes,
    )  # fmt: skip
    writing = Writing()
    writing.timers += strike(rules, incident, now)
    await write_paging(tx, writing)
    if incident.answered and not incident.restored:
        await timers.set_timer(tx, "progress", incident.id, incident.id, now)
