"""An incident is over: its review is drafted, with its dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.core.due import due
from tocsin.core.incident import Status
from tocsin.core.severity import Severity
from tocsin.core.timeline import Entry
from tocsin.flow.context import Context
from tocsin.flow.rules import known_rules, learn
from tocsin.store import reviews
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.reviews import Draft
from tocsin.store.writing import Writing, write_story


async def follow(ctx: Context, tx: Tx, moves: Sequence[tuple[Incident, Status, Status]], now: datetime) -> None:
    """The moves that end an incident whose severity asks for a review begin one: two statements, however many they are."""
    over = [incident for incident, _, new in moves if new == "resolved" and not incident.drill]
    if not over:
        return
    await learn(ctx, tx, [incident.matrix for incident in over])
    drafts = {incident.id: made for incident in over if (made := draft_of(ctx, incident, now)) is not None}
    if not drafts:
        return
    await reviews.draft(tx, list(drafts.values()))
    writing = Writing()
    for incident in over:
        if incident.id in drafts and form_of(ctx, incident) == "required":
            link = writing.tell(incident.id, incident.link, [_entry(drafts[incident.id], now)])
            incident.timeline_seq, incident.timeline_head = link.seq, link.head
    await write_story(tx, writing)


def form_of(ctx: Context, incident: Incident) -> str:
    """`required`, `short` or `optional`."""
    return known_rules(ctx, incident.matrix, incident.service).rows[Severity(incident.severity)].review


def draft_of(ctx: Context, incident: Incident, now: datetime) -> Draft | None:
    """The review as it begins; None where the severity asks for none."""
    form = form_of(ctx, incident)
    return None if form == "optional" else begun(ctx, incident, now)


def begun(ctx: Context, incident: Incident, now: datetime) -> Draft:
    """The same, asked for or not. Its dates count from the end of the incident; whoever commanded it writes it."""
    rules = known_rules(ctx, incident.matrix, incident.service)
    severity = Severity(incident.severity)
    dates = due(severity, rules.rows[severity].review, rules.hours, incident.resolved_at or now)
    commander = incident.roles.get("incident_commander")
    return Draft(
        incident=incident.id, drafted_at=now, timeline_by=dates.timeline_by, meet_by=dates.meet_by, publish_by=dates.publish_by,
        meeting_at=dates.meeting_at, owner=commander if isinstance(commander, str) else incident.assignee,
    )  # fmt: skip


def _entry(draft: Draft, now: datetime) -> Entry:
    meeting = f"; the meeting is held by {draft.meet_by:%a %d %b %H:%M} UTC" if draft.meet_by else ""
    return Entry(
        at=now, kind="review_drafted", actor="tocsin",
        details=f"Review drafted, to be published by {draft.publish_by:%a %d %b %Y}{meeting}",
        data={
            "publish_by": draft.publish_by.isoformat(),
            "meet_by": draft.meet_by.isoformat() if draft.meet_by else None,
            "meeting_at": draft.meeting_at.isoformat() if draft.meeting_at else None,
        },
    )  # fmt: skip
