"""New alerts: each is muted, joins an incident, brings one back, or opens one that pages at once. One transaction for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from tocsin.core.alert import Reason
from tocsin.core.directory import IntegrationRef
from tocsin.core.escalation import PageReason
from tocsin.core.event import Event
from tocsin.core.mute import Mute, matching
from tocsin.core.severity import Severity
from tocsin.core.tag import tags
from tocsin.core.timeline import Entry, Link
from tocsin.flow.context import Context
from tocsin.flow.escalate import Pager, Subject, no_page, response_entries
from tocsin.flow.restart import restart
from tocsin.store import incidents, intake, mutes
from tocsin.store.database import Tx
from tocsin.store.ids import OutOfIds, incident_numbers
from tocsin.store.notifications import Held
from tocsin.store.writing import (
    SEPARATOR,
    NewAlert,
    NewIncident,
    Writing,
    write_alerts,
    write_incidents,
    write_paging,
)

TALLY = timedelta(seconds=2)
"""How long after alerts joined an incident they are counted and told, all at once."""


class Newcomer(msgspec.Struct, gc=False):
    """A new alert and what is known of where it belongs; `reason`, `alert` and `incident` say what became of it."""

    ref: IntegrationRef
    event: Event
    severity: int
    count: int
    ends_at: datetime | None
    group: tuple[str, str] | None = None
    since: datetime | None = None
    room: tuple[int, int] | None = None
    watched: int | None = None
    reason: Reason = Reason.OPENED
    alert: int | None = None
    incident: int | None = None
    mute: int | None = None
    fresh: bool = False
    placed: bool = False
    """It is written."""
    known: bool = False
    """The alert's row exists already (a silence held it back until now)."""


class Draft(msgspec.Struct):
    """An incident about to be opened by one or more newcomers."""

    first: Newcomer
    severity: int
    alerts: int = 1
    number: int = 0


class Again(Exception):
    """Somebody else was faster: roll back and look again."""


class Opening:
    """One attempt to commit newcomers (and worse repeats: alert, incident, severity)."""

    def __init__(
        self, ctx: Context, now: datetime, newcomers: Sequence[Newcomer], active: Sequence[Mute],
        worse: Sequence[tuple[int, int | None, int]] = (),
    ) -> None:  # fmt: skip
        self.ctx = ctx
        self.now = now
        self.newcomers = newcomers
        self.active = active
        self.worse = worse
        self.held: list[Held] = []
        self.drafts: list[Draft] = []
        self.raised: dict[int, int] = {}
        self.relapsed: set[int] = set()
        self._members: list[tuple[Newcomer, Draft]] = []
        self._place()

    def _place(self) -> None:
        """Decide for each newcomer, in order: mute, stability watch, open incident of its group, new incident."""
        groups: dict[tuple[str, str], Draft] = {}
        for new in self.newcomers:
            new.mute, new.incident, new.fresh = None, None, False
            mute = matching(self.active, new.event.labels, new.ref.service.id, self.now) if self.active else None
            if mute is not None:
                new.reason, new.mute = Reason.MUTED, mute.id
            elif new.watched is not None:
                new.reason, new.incident = Reason.RELAPSED, new.watched
                self.relapsed.add(new.watched)
                self.raised[new.watched] = min(self.raised.get(new.watched, 4), new.severity)
            elif new.room is not None:
                self._join(new, *new.room)
            elif new.group is not None and (draft := groups.get(new.group)) is not None:
                new.reason, new.fresh = Reason.JOINED, True
                draft.severity, draft.alerts = min(draft.severity, new.severity), draft.alerts + 1
                self._members.append((new, draft))
            else:
                self._open(new, groups)
        for _, incident, severity in self.worse:
            if incident is not None:
                self.raised[incident] = min(self.raised.get(incident, 4), severity)

    def _join(self, new: Newcomer, incident: int, severity: int) -> None:
        new.reason, new.incident = Reason.JOINED, incident
        if new.severity < severity:
            self.raised[incident] = min(self.raised.get(incident, 4), new.severity)

    def _open(self, new: Newcomer, groups: dict[tuple[str, str], Draft]) -> None:
        new.reason, new.fresh = Reason.OPENED, True
        draft = Draft(new, new.severity)
        self.drafts.append(draft)
        self._members.append((new, draft))
        if new.group is not None:
            groups[new.group] = draft

    async def commit(self, tx: Tx) -> bool:
        """Write it all; False when somebody else was faster: only the newcomers that are `placed` are written then."""
        if not self.newcomers and not self.worse:
            return True
        try:
            if self._plain:
                return await self._join_only(tx)
            async with tx.transaction():
                await self.write(tx)
        except (Again, asyncpg.DeadlockDetectedError):
            return False
        for new in self.newcomers:
            new.placed = True
        return True

    @property
    def _plain(self) -> bool:
        """Only alerts that join open incidents and change nothing else: the whole of a storm but its beginning."""
        other = self.drafts or self.raised or self.relapsed or self.worse
        return not other and all(new.reason is Reason.JOINED and not new.known for new in self.newcomers)

    async def _join_only(self, tx: Tx) -> bool:
        """One statement, which is its own transaction."""
        await self.ctx.ids.reserve(tx, alerts=len(self.newcomers))
        written = await write_alerts(tx, [self._alert(new) for new in self.newcomers], (), self.now + TALLY)
        for new in self.newcomers:
            new.placed = new.alert in written
        return len(written) == len(self.newcomers)

    async def write(self, tx: Tx) -> None:
        """The body of the transaction. Raises Again when the world is not as it was looked at."""
        muting = sorted({new.mute for new in self.newcomers if new.mute is not None})
        if muting and not await mutes.hold(tx, muting):
            raise Again
        await self._claim_groups(tx)
        await self._number(tx)
        touched = await incidents.lock(tx, [*self.raised, *self.relapsed]) if self.raised or self.relapsed else {}
        writing = await self._plan(tx)
        await write_incidents(tx, writing)
        alerts = [self._alert(new) for new in self.newcomers if not new.known]
        if alerts and len(await write_alerts(tx, alerts, self.relapsed, self.now + TALLY)) < len(alerts):
            raise Again
        await write_paging(tx, writing)
        if self.worse:
            await intake.worsen(tx, [(alert, severity) for alert, _, severity in self.worse])
        for number, incident in touched.items():
            severity = self.raised.get(number, incident.severity)
            relapsed = number in self.relapsed and incident.status == "monitoring"
            because = PageReason.RELAPSE if relapsed else PageReason.SEVERITY_ROSE
            if incident.open and (severity < incident.severity or relapsed):
                self.held += await restart(
                    self.ctx, tx, incident, self.now, because, Severity(min(severity, incident.severity))
                )
        if self.drafts or touched:
            self.ctx.announce("timeline")

    async def _claim_groups(self, tx: Tx) -> None:
        opening = [d.first for d in self.drafts if d.first.group is not None]
        if opening:
            await intake.lock_groups(tx, [new.group for new in opening if new.group])
            for new in opening:
                if new.group and new.since and await intake.group_opened(tx, *new.group, new.since):
                    raise Again

    async def _number(self, tx: Tx) -> None:
        if self.drafts:
            for draft, number in zip(self.drafts, await incident_numbers(tx, len(self.drafts)), strict=True):
                draft.number = number
        for new, draft in self._members:
            new.incident = draft.number
        await self.ctx.ids.reserve(tx, alerts=len(self.newcomers))

    async def _plan(self, tx: Tx) -> Writing:
        """The rows of all drafts; ids run out only when policies page many people, then more are fetched."""
        while True:
            writing = Writing()
            pager = Pager(self.ctx, self.now, writing)
            try:
                for draft in self.drafts:
                    self._draft(pager, writing, draft)
            except OutOfIds:
                n = len(self.drafts)
                await self.ctx.ids.reserve(tx, escalations=200 + 4 * n, pages=500 + 20 * n, notifications=1000 + 60 * n)
                continue
            self.held = pager.held
            return writing

    def _draft(self, pager: Pager, writing: Writing, draft: Draft) -> None:
        event, service = draft.first.event, draft.first.ref.service
        severity = Severity(draft.severity)
        policies = pager.policies([service.id])
        unpaged = no_page(severity.urgency, policies)
        subject = Subject(draft.number, 1, severity.urgency, service.id)
        climbs = [] if unpaged else pager.begin(subject, policies)
        assignee = next((c.first for c in climbs if c.first), None)
        reporter = f"integration:{service.id}/{draft.first.ref.integration.id}"
        created = Entry(
            at=self.now, kind="incident_created", actor=reporter, details=f"{event.title} ({severity.name})",
            data={"severity": severity.key, "service": service.id, "dedup_key": event.dedup_key, "reason": "opened"},
        )  # fmt: skip
        entries = [created, *response_entries(pager, self.now, assignee, unpaged, climbs)]
        link = writing.tell(draft.number, Link(), entries)
        writing.incidents.append(
            NewIncident(
                id=draft.number, title=event.title, description=event.annotations.get("description", ""),
                severity=severity.value, urgency=severity.urgency, status="detected", service=service.id,
                affected_services=service.id, assignee=assignee,
                tags=SEPARATOR.join(tags([event.title, *event.labels.values()], [service.id])), origin="event",
                reporter=reporter, group_key=draft.first.group[1] if draft.first.group else None,
                no_page_reason=unpaged.value if unpaged else None,
                alarm=next((c.alarm for c in climbs if c.alarm), None), created_at=self.now, detected_at=self.now,
                impact_started_at=event.starts_at, alerts_count=draft.alerts, timeline_seq=link.seq,
                timeline_head=link.head,
            )
        )  # fmt: skip

    def _alert(self, new: Newcomer) -> NewAlert:
        event = new.event
        new.alert = self.ctx.ids.next("alerts")
        body = {
            name: value
            for name in ("details", "annotations", "links", "images", "client", "client_url", "group")
            if (value := getattr(event, name))
        }
        return NewAlert(
            id=new.alert, service=new.ref.service.id, dedup_key=event.dedup_key, integration=new.ref.integration.id,
            incident_id=new.incident, severity=new.severity, title=event.title, source=event.source,
            labels=msgspec.json.encode(event.labels).decode(), body=msgspec.json.encode(body).decode(),
            fingerprint=event.fingerprint, reason=new.reason.value, mute=new.mute, count=new.count, first_at=self.now,
            starts_at=event.starts_at, ends_at=new.ends_at, fresh=new.fresh,
        )  # fmt: skip
