"""A person changes how severe an incident is: its clocks count anew, and paging follows."""

from __future__ import annotations

from datetime import datetime

from tocsin.core.alert import NoPage
from tocsin.core.errors import Unconfirmed
from tocsin.core.escalation import PageReason
from tocsin.core.matrix import Rules, update_by, urgency_of
from tocsin.core.milder import decides, may_decide, meaning
from tocsin.core.severity import Severity
from tocsin.core.tier import Tier
from tocsin.core.timeline import Entry
from tocsin.flow import rooms
from tocsin.flow.acts import Result, checked, label, locked_open, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.pager import Pager, planned
from tocsin.flow.restart import restart
from tocsin.flow.rules import rules_for, strike
from tocsin.store import escalations, incidents, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import NewEscalation, Writing, notify, write_paging


async def regrade(
    ctx: Context, number: int, actor: str, severity: Severity, reason: str = "", confirm: bool = False
) -> Result:
    """Change the severity. Where nobody has answered yet a worse one pages anew, and one that does not page stops the paging.

    An answered incident pages nobody; its other clocks follow. A milder one is for whoever commands to decide: anybody else is asked
    first. Raises NotFound; Invalid; Conflict when it is over; Unconfirmed where somebody has to mean it (`confirm`).
    """
    reason = checked(reason, "/reason", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        now, old = ctx.clock.now(), Severity(incident.severity)
        if severity == old:
            return Result(number, False, f"It is {old.name} already")
        rules = await rules_for(ctx, tx, incident)
        over = _passed_over(incident, actor, severity)
        if over is not None and not confirm:
            raise Unconfirmed(_question(ctx, rules, over, old, severity))
        besides = f". {label(ctx.directory, over)}, who leads, did not decide this" if over else ""
        said = f"from {old.name} to {severity.name}" + (f". {reason}" if reason else "") + besides
        data = {"from": old.key, "to": severity.key, "reason": reason, **({"over": over} if over else {})}
        told = Entry(at=now, kind="severity_changed", actor=actor, details=said, data=data)
        held: list[Held] = []
        if severity < old and not incident.answered and rules.rows[severity].page != "never":

            def preface(to: str | None, tier: Tier | None) -> Entry:
                return told

            held = await restart(
                ctx, tx, incident, now, PageReason.SEVERITY_ROSE, severity, preface=preface, note=reason
            )
        else:
            await tell(tx, incident, now, told.kind, actor, said, **data)
            await _follow(ctx, tx, rules, incident, severity, now)
        await rooms.consider(ctx, tx, incident, now)
        await notify(tx, "timeline", "timers")
    ctx.hand_over(held)
    ctx.wake.set("timeline", "timers")
    return Result(number, True, f"It is {severity.name} now")


def _passed_over(incident: Incident, actor: str, severity: Severity) -> str | None:
    """Who should decide this instead of the person who does it; None when they may (a program follows its own rules)."""
    user, now = user_of(actor), Severity(incident.severity)
    leader = decides(now, incident.roles, incident.acknowledged_by, incident.assignee)
    if user is None or leader is None or severity < now or may_decide(user, leader, incident.roles):
        return None
    return leader


def _question(ctx: Context, rules: Rules, leader: str, old: Severity, severity: Severity) -> str:
    name = label(ctx.directory, leader)
    means = meaning(rules.rows, old, severity)
    follows = f" With {severity.name} {means}." if means else ""
    return f"{name} leads this incident, and decides whether it is milder.{follows} Ask {name}; or confirm that you mean it."


async def _follow(ctx: Context, tx: Tx, rules: Rules, incident: Incident, severity: Severity, now: datetime) -> None:
    """The clocks count anew under the new severity. Of paging that runs, what it does not want ends."""
    row = rules.rows[severity]
    urgency = urgency_of(row, rules.hours, now)
    changes: dict[str, object] = {}
    if urgency == "none" != incident.urgency and not incident.answered:
        await stopping.stop_paging(tx, [incident.id], now, "severity_fell", None, asked=False)
        changes = {"no_page_reason": NoPage.SEVERITY.value, "alarm": None}
    elif urgency == "low" and incident.urgency == "high" and not incident.answered:
        await stopping.hold(tx, incident.id)
    await incidents.update(
        tx, incident, severity=severity.value, urgency=urgency, clocks_since=now,
        next_update_at=update_by(row, rules.hours, now), **changes,
    )  # fmt: skip
    writing = Writing()
    writing.timers += strike(rules, incident, now)
    await write_paging(tx, writing)
    if incident.answered and not incident.restored:
        if row.progress != "off":
            await _ladders(ctx, tx, incident, severity, now)
        await timers.set_timer(tx, "progress", incident.id, incident.id, now)


async def _ladders(ctx: Context, tx: Tx, incident: Incident, severity: Severity, now: datetime) -> None:
    """An answered incident that never paged gets the ladders on which its second clock goes up from now on."""
    if any(climb.cycle == incident.cycle for climb in await escalations.escalations_of(tx, incident.id)):
        return

    def make(pager: Pager) -> None:
        for policy in pager.policies(incident.affected_services, severity):
            pager.writing.escalations.append(
                NewEscalation(
                    id=pager.ids.next("escalations"), incident_id=incident.id, policy=policy.id, cycle=incident.cycle,
                    round=0, step=0, round_started_at=now, next_at=None, state="stopped", ended_at=now,
                    ended_reason="acknowledged",
                )
            )  # fmt: skip

    pager, _ = await planned(ctx, tx, now, make)
    await write_paging(tx, pager.writing)
