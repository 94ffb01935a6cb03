"""Paging starts over for an incident that exists: its severity rose, it came back, or a person wants it."""

from __future__ import annotations

from datetime import datetime

from tocsin.core.escalation import PageReason
from tocsin.core.severity import Severity, Urgency
from tocsin.core.timeline import Entry
from tocsin.flow.context import Context
from tocsin.flow.escalate import ACTOR, Pager, Preface, no_page, subject_of
from tocsin.store import incidents, timers
from tocsin.store.database import Tx
from tocsin.store.ids import OutOfIds
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import Writing, write_paging, write_story


async def restart(
    ctx: Context, tx: Tx, incident: Incident, now: datetime, because: PageReason, severity: Severity,
    urgency: Urgency | None = None, preface: Preface | None = None,
) -> list[Held]:  # fmt: skip
    """A new cycle of paging for a locked, open incident, from the first rung. Returns notifications leased to this node.

    `urgency` (default: the severity's) is how people are paged, when a person wants more than the severity asks for.
    """
    entries = _why(incident, severity, because, now)
    await incidents.stop_paging(tx, [incident.id], now, because.value, None)
    changes: dict[str, object] = {
        "cycle": incident.cycle + 1,
        "severity": severity.value,
        "urgency": urgency or severity.urgency,
    }
    if because is PageReason.RELAPSE:
        changes |= {"status": "investigating", "restored_at": None}
        await timers.cancel(tx, "watch", incident.id)
    await incidents.update(tx, incident, **changes)
    writing = Writing()
    while True:
        pager = Pager(ctx, now, writing)
        policies = pager.policies(incident.affected_services)
        unpaged = no_page(incident.urgency, policies)
        try:
            climbs = [] if unpaged else pager.begin(subject_of(incident, because), policies)
        except OutOfIds:
            await ctx.ids.reserve(tx, escalations=50, pages=500, notifications=1000)
            writing = Writing()
            continue
        break
    alarm = next((c.alarm for c in climbs if c.alarm), None)
    first = next((c.first for c in climbs if c.first), None)
    prefaced = [preface(first)] if preface is not None else []
    told = [*prefaced, *entries, *(entry for climbed in climbs for entry in climbed.entries)]
    writing.tell(incident.id, incident.link, told)
    await incidents.update(
        tx,
        incident,
        alarm=alarm,
        assignee=incident.assignee or first,
        no_page_reason=unpaged.value if unpaged else None,
    )
    await write_paging(tx, writing)
    await write_story(tx, writing)
    return pager.held


def _why(incident: Incident, severity: Severity, because: PageReason, now: datetime) -> list[Entry]:
    entries = []
    if because is PageReason.RELAPSE:
        entries.append(
            Entry(at=now, kind="relapsed", actor=ACTOR, details="Its alert came back during the stability watch")
        )
    if severity != incident.severity:
        old = Severity(incident.severity)
        details, data = f"from {old.name} to {severity.name}", {"from": old.key, "to": severity.key, "reason": "alert"}
        entries.append(Entry(at=now, kind="severity_changed", actor=ACTOR, details=details, data=data))
    return entries
