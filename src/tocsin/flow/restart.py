"""Paging starts over for an incident that exists: its severity rose, it came back, or a person wants it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.core.alert import NoPage
from tocsin.core.escalation import PageReason
from tocsin.core.matrix import Rules, update_by, urgency_of
from tocsin.core.moment import without
from tocsin.core.severity import Severity, Urgency
from tocsin.core.timeline import Entry
from tocsin.flow import rooms
from tocsin.flow.context import Context
from tocsin.flow.escalate import Preface
from tocsin.flow.pager import ACTOR, Climbed, Pager, no_page, planned, subject_of
from tocsin.flow.rules import rules_for, strike
from tocsin.flow.transitions import moved
from tocsin.store import incidents, stopping, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import write_paging, write_story


async def restart(
    ctx: Context, tx: Tx, incident: Incident, now: datetime, because: PageReason, severity: Severity,
    urgency: Urgency | None = None, preface: Preface | None = None, note: str = "",
    because_of: tuple[str, list[dict[str, Any]]] | None = None,
) -> list[Held]:  # fmt: skip
    """A new cycle of paging for a locked, open incident, from the first rung; what people asked of others goes on. Returns
    notifications leased to this node.

    `urgency` (default: the severity's, under the rules that the incident keeps; what rings loudly gets no quieter because it became
    worse) is how people are paged, when a person wants more than the severity asks for. `preface` is the entry of a person's act,
    and stands for that of a changed severity. `because_of`: why it came back (in words, and what probes showed), when it was no alert.
    """
    entries = _why(incident, severity if preface is None else Severity(incident.severity), because, now, because_of)
    rules, old = await rules_for(ctx, tx, incident), incident.status
    row = rules.rows[severity]
    await stopping.stop_paging(tx, [incident.id], now, because.value, None, asked=False)
    changes: dict[str, object] = {
        "cycle": incident.cycle + 1,
        "severity": severity.value,
        "urgency": urgency or urgency_anew(rules, severity, incident, because, now),
        "clocks_since": now,
    }
    if severity != incident.severity:
        changes["next_update_at"] = update_by(row, rules.hours, now)
    if because is PageReason.RELAPSE:
        changes |= {"status": "investigating", "restored_at": None, "moments": without(incident.moments, "restored")}
        await timers.cancel(tx, "watch", incident.id)
        await timers.cancel(tx, "probe", incident.id)
    await incidents.update(tx, incident, **incidents.AWAKE, **changes)

    def make(pager: Pager) -> tuple[NoPage | None, list[Climbed]]:
        pager.notes = {incident.id: note} if note else {}
        policies = pager.policies(incident.affected_services, severity)
        unpaged = no_page(incident.urgency, policies)
        return unpaged, [] if unpaged else pager.begin(subject_of(incident, because), policies)

    pager, (unpaged, climbs) = await planned(ctx, tx, now, make)
    writing = pager.writing
    alarm = next((c.alarm for c in climbs if c.alarm), None)
    first = next((c for c in climbs if c.first), Climbed(None, ""))
    prefaced = [preface(first.first, first.tier)] if preface is not None else []
    told = [*prefaced, *entries, *(entry for climbed in climbs for entry in climbed.entries)]
    link = writing.tell(incident.id, incident.link, told)
    await incidents.update(
        tx,
        incident,
        alarm=alarm,
        assignee=incident.assignee or first.first,
        no_page_reason=unpaged.value if unpaged else None,
    )
    writing.timers += strike(rules, incident, now)
    await write_paging(tx, writing)
    await write_story(tx, writing)
    incident.timeline_seq, incident.timeline_head = link.seq, link.head
    await moved(ctx, tx, incident, old, incident.status, ACTOR, now)
    await rooms.consider(ctx, tx, incident, now)
    return pager.held


def urgency_anew(rules: Rules, severity: Severity, incident: Incident, because: PageReason, now: datetime) -> Urgency:
    """How loudly an incident is paged about anew: what rings loudly, unanswered, gets no quieter because it became worse."""
    row = rules.rows[severity]
    loud = incident.urgency == "high" and not incident.answered and because is PageReason.SEVERITY_ROSE
    return "high" if loud and row.page != "never" else urgency_of(row, rules.hours, now)


def _why(
    incident: Incident, severity: Severity, because: PageReason, now: datetime,
    because_of: tuple[str, list[dict[str, Any]]] | None,
) -> list[Entry]:  # fmt: skip
    entries = []
    if because is PageReason.RELAPSE:
        text, probes = because_of or ("Its alert came back during the stability watch", [])
        was = incident.restored_at.isoformat() if incident.restored_at else None
        data: dict[str, Any] = {"restored_at": was, "cause": "probe" if probes else "alert", "probes": probes}
        entries.append(Entry(at=now, kind="relapsed", actor=ACTOR, details=text, data=data))
    if because is PageReason.BUSINESS_HOURS:
        entries.append(
            Entry(at=now, kind="business_hours_began", actor=ACTOR, details="Business hours began: it pages loudly now")
        )
    if severity != incident.severity:
        old = Severity(incident.severity)
        details, data = f"from {old.name} to {severity.name}", {"from": old.key, "to": severity.key, "reason": "alert"}
        entries.append(Entry(at=now, kind="severity_changed", actor=ACTOR, details=details, data=data))
    return entries
