"""New alerts: each is muted, joins an incident, brings one back, or opens one that pages at once. One transaction for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from tocsin.core.alert import Reason
from tocsin.core.configuration import Service
from tocsin.core.directory import IntegrationRef
from tocsin.core.escalation import PageReason
from tocsin.core.event import Event
from tocsin.core.incident import room_name
from tocsin.core.matrix import Rules, rules_of
from tocsin.core.role import needs_commander
from tocsin.core.severity import Severity
from tocsin.core.silencer import Silencer
from tocsin.core.tag import tags
from tocsin.core.timeline import Entry, Link
from tocsin.flow import hiding, responding, rooms
from tocsin.flow.context import Context
from tocsin.flow.hiding import Cause, Hiding
from tocsin.flow.message import incident_url
from tocsin.flow.newborn import FEW, meanwhile, newborn
from tocsin.flow.pager import Pager, Subject, no_page, response_entries
from tocsin.flow.restart import restart
from tocsin.flow.rules import Beginning, beginning, keep, kept
from tocsin.flow.turns import OutOfTurns, Turns
from tocsin.store import incidents, inhibitions, intake, mutes
from tocsin.store.database import Tx
from tocsin.store.ids import OutOfIds, incident_numbers
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.openings import write_opening
from tocsin.store.rows import SEPARATOR, Json, Words
from tocsin.store.writing import (
    NewAlert,
    NewIncident,
    Writing,
    write_alerts,
    write_guessed,
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
    number: int = 0
    """Of the incident that it opens on its own, when that is taken already."""
    fresh: bool = False
    placed: bool = False
    """It is written."""
    known: bool = False
    """The alert's row exists already (a silence or its cause held it back until now)."""
    cause: Cause | None = None


class Draft(msgspec.Struct):
    """An incident about to be opened by one or more newcomers."""

    first: Newcomer
    severity: int
    alerts: int = 1
    number: int = 0


class Again(Exception):
    """Somebody else was faster: roll back and look again."""


class Opening:
    """One attempt to commit newcomers (and worse repeats: alert, incident, severity). `silences` and `causes`: None when there are
    none."""

    def __init__(
        self, ctx: Context, now: datetime, newcomers: Sequence[Newcomer], silences: Silencer | None,
        worse: Sequence[tuple[int, int | None, int]] = (), causes: Hiding | None = None, guessed: bool = False,
    ) -> None:  # fmt: skip
        self.ctx = ctx
        self.now = now
        self.newcomers = newcomers
        self.silences = silences
        self.causes = causes
        self.guessed = guessed
        """Nobody looked: what is written is written by the one statement that proves the guess, or not at all."""
        self.worse = worse
        self.held: list[Held] = []
        self.drafts: list[Draft] = []
        self.raised: dict[int, int] = {}
        self.relapsed: set[int] = set()
        self._members: list[tuple[Newcomer, Draft]] = []
        self._begun: dict[tuple[int, int], Beginning] = {}
        self._fresh: dict[int, Rules] = {}
        self._place()

    def _place(self) -> None:
        """Decide for each newcomer, in order: mute, stability watch, cause, open incident of its group, new incident."""
        groups: dict[tuple[str, str], Draft] = {}
        silences, causes = self.silences, self.causes
        places = range(len(self.newcomers)) if causes is None else causes.order(self.newcomers)
        for place in places:
            new = self.newcomers[place]
            new.mute, new.incident, new.fresh, new.cause = None, None, False, None
            if silences and (mute := silences.find(new.event.labels, new.ref.service.id, self.now)) is not None:
                new.reason = Reason.MAINTENANCE if mute.kind == "maintenance" else Reason.MUTED
                new.mute = mute.id
            elif new.watched is not None:
                new.reason, new.incident = Reason.RELAPSED, new.watched
                self.relapsed.add(new.watched)
                self.raised[new.watched] = min(self.raised.get(new.watched, 4), new.severity)
            elif causes is not None and (cause := causes.cause(place, new)) is not None:
                new.reason, new.cause = Reason.INHIBITED, cause
            elif new.room is not None:
                self._join(new, *new.room)
            elif new.group is not None and (draft := groups.get(new.group)) is not None:
                new.reason, new.fresh = Reason.JOINED, True
                draft.severity, draft.alerts = min(draft.severity, new.severity), draft.alerts + 1
                self._members.append((new, draft))
            else:
                self._open(new, groups)
            if causes is not None:
                causes.placed(place, new, new.cause, new.fresh)
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
            if not (self._own and await self._open_only(tx)):
                if self.guessed:
                    return False
                async with tx.transaction():
                    await self.write(tx)
        except (Again, OutOfIds, asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            return False  # nothing of it is written (ids: somebody else on this node took those that were reserved)
        kept(self.ctx, self._fresh)
        for new in self.newcomers:
            new.placed = True
        return True

    @property
    def _plain(self) -> bool:
        """Only alerts that join open incidents and change nothing else: the whole of a storm but its beginning."""
        other = self.drafts or self.raised or self.relapsed or self.worse or (self.causes and self.causes.sources)
        return not other and all(new.reason is Reason.JOINED and not new.known for new in self.newcomers)

    async def _join_only(self, tx: Tx) -> bool:
        """One statement, which is its own transaction."""
        await self.ctx.ids.reserve(tx, alerts=len(self.newcomers))
        alerts, tally_at = [self._alert(new) for new in self.newcomers], self.now + TALLY
        if self.guessed:
            written = await write_guessed(tx, alerts, self.now, tally_at)
        else:
            written = await write_alerts(tx, alerts, (), tally_at)
        for new in self.newcomers:
            new.placed = new.alert in written
        return len(written) == len(self.newcomers)

    @property
    def _own(self) -> bool:
        """Only alerts that open an incident each, all of which have their number."""
        other = self.raised or self.relapsed or self.worse or self.causes
        return not other and all(new.fresh and new.number and not new.known for new in self.newcomers)

    async def _open_only(self, tx: Tx) -> bool:
        """One statement, which is its own transaction; False when it takes more than that, and nothing is written.

        Raises SerializationError when somebody else opened one of them.
        """
        for new, draft in self._members:
            new.incident = draft.number = new.number
        await self.ctx.ids.reserve(tx, alerts=len(self.newcomers))
        try:
            writing = await self._plan(tx, None)
        except OutOfTurns:
            return False
        if any(begun.number not in self.ctx.rules for begun in self._begun.values()) or writing.notices:
            return False
        recall, calm_at = self.ctx.recall, self.now if self.guessed else None
        alerts = [self._alert(new) for new in self.newcomers]
        written = write_opening(tx, writing, alerts, calm_at, recall.wanted(len(alerts)))
        if len(self.held) > FEW:
            recall.numbers.extend(await written)
            self.held = newborn(self.ctx, writing, self.held)
        else:
            spare, self.held = await meanwhile(written, lambda: newborn(self.ctx, writing, self.held))
            recall.numbers.extend(spare)
        self.ctx.announce("timeline")
        return True

    async def write(self, tx: Tx) -> None:
        """The body of the transaction. Raises Again when the world is not as it was looked at."""
        muting = sorted({new.mute for new in self.newcomers if new.mute is not None})
        if muting and not await mutes.hold(tx, muting):
            raise Again
        hidden_by = await self._hold_causes(tx) if self.causes is not None else {}
        await self._claim_groups(tx)
        await self._number(tx)
        touched = await incidents.lock(tx, [*self.raised, *self.relapsed]) if self.raised or self.relapsed else {}
        touched |= {number: cause for number, cause in hidden_by.items() if number in touched}
        writing = await self._plan(tx, Turns())
        self._fresh = await keep(self.ctx, tx, self._begun.values(), self.now)
        await write_incidents(tx, writing)
        alerts = [self._alert(new) for new in self.newcomers if not new.known]
        if alerts and len(await write_alerts(tx, alerts, self.relapsed, self.now + TALLY)) < len(alerts):
            raise Again
        await write_paging(tx, writing)
        if self.causes is not None:
            await self._write_causes(tx, hidden_by)
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

    async def _hold_causes(self, tx: Tx) -> dict[int, Incident]:
        """What hides newcomers goes on doing so until we committed; the hiding incidents that exist already. Raises Again."""
        causes = [new.cause for new in self.newcomers if new.cause is not None]
        found = await incidents.lock(tx, [cause.incident for cause in causes if cause.incident is not None])
        if not all(hiding.holds(found.get(c.incident)) for c in causes if c.incident is not None):
            raise Again
        alerts = sorted({cause.alert for cause in causes if cause.alert is not None})
        if alerts and not await inhibitions.still_firing(tx, alerts):
            raise Again
        return found

    async def _write_causes(self, tx: Tx, hidden_by: dict[int, Incident]) -> None:
        """Which alert is hidden by what, now that all have their numbers."""
        assert self.causes is not None
        hidden: list[tuple[int, int | None, int | None, str | None]] = []
        services: dict[int, Service] = {}
        for new in self.newcomers:
            if (cause := new.cause) is None:
                continue
            alert = cause.alert if cause.newcomer is None else self.newcomers[cause.newcomer].alert
            incident = cause.incident if cause.opened_with is None else self.newcomers[cause.opened_with].incident
            hidden.append((new.alert or 0, alert, incident, cause.by))
            if incident is not None:
                services.setdefault(incident, new.ref.service)
        fresh = [number for number in services if number not in hidden_by]
        grown = await incidents.lock(tx, fresh) if fresh else {}
        sources = [self.newcomers[place].alert or 0 for place in self.causes.sources]
        await hiding.write(tx, hidden, sources, {**hidden_by, **grown}, services, self.now)

    async def _claim_groups(self, tx: Tx) -> None:
        opening = [d.first for d in self.drafts if d.first.group is not None]
        if opening:
            await intake.lock_groups(tx, [new.group for new in opening if new.group])
            for new in opening:
                if new.group and new.since and await intake.group_opened(tx, *new.group, new.since):
                    raise Again

    async def _number(self, tx: Tx) -> None:
        unnumbered = [draft for draft in self.drafts if not draft.first.number]
        if unnumbered:
            for draft, number in zip(unnumbered, await incident_numbers(tx, len(unnumbered)), strict=True):
                draft.first.number = number
        for draft in self.drafts:
            draft.number = draft.first.number
        for new, draft in self._members:
            new.incident = draft.number
        await self.ctx.ids.reserve(tx, alerts=len(self.newcomers))

    async def _plan(self, tx: Tx, turns: Turns | None) -> Writing:
        """The rows of all drafts; ids run out only when policies page many people, then more are fetched.

        Without `turns` none can be taken: raises OutOfTurns where somebody's turn it is.
        """
        while True:
            writing = Writing()
            pager = Pager(self.ctx, self.now, writing, turns or Turns())
            try:
                for draft in self.drafts:
                    self._draft(pager, writing, draft)
            except OutOfTurns as missing:
                if turns is None:
                    raise
                await turns.hold(tx, missing)
                continue
            except OutOfIds:
                n = len(self.drafts)
                await self.ctx.ids.reserve(tx, escalations=200 + 4 * n, pages=500 + 20 * n, notifications=1000 + 60 * n)
                continue
            if turns is not None:
                await turns.keep(tx)
            self.held = pager.held
            return writing

    def _draft(self, pager: Pager, writing: Writing, draft: Draft) -> None:
        event, service = draft.first.event, draft.first.ref.service
        severity = Severity(draft.severity)
        policies = pager.policies([service.id], severity)
        begun = self._beginning(service.id, severity)
        unpaged = no_page(begun.urgency, policies)
        subject = Subject(draft.number, 1, begun.urgency, service.id)
        climbs = [] if unpaged else pager.begin(subject, policies)
        assignee = next((c.first for c in climbs if c.first), None)
        reporter = f"integration:{service.id}/{draft.first.ref.integration.id}"
        created = Entry(
            at=self.now, kind="incident_created", actor=reporter, details=f"{event.title} ({severity.name})",
            data={"severity": severity.key, "service": service.id, "dedup_key": event.dedup_key, "reason": "opened"},
        )  # fmt: skip
        entries = [created, *response_entries(pager, self.now, assignee, unpaged, climbs, self._room(draft))]
        link = writing.tell(draft.number, Link(), entries)
        writing.incidents.append(
            NewIncident(
                id=draft.number, title=event.title, description=event.annotations.get("description", ""),
                severity=severity.value, urgency=begun.urgency, status="detected", service=service.id,
                affected_services=Words(service.id), assignee=assignee,
                tags=Words(SEPARATOR.join(tags(self.ctx.directory, [event.title, *event.labels.values()], [service.id]))), origin="event",
                reporter=reporter, group_key=draft.first.group[1] if draft.first.group else None,
                no_page_reason=unpaged.value if unpaged else None,
                alarm=next((c.alarm for c in climbs if c.alarm), None), created_at=self.now, detected_at=self.now,
                impact_started_at=event.starts_at, alerts_count=draft.alerts, timeline_seq=link.seq,
                timeline_head=link.head, matrix=begun.number, next_update_at=begun.next_update_at,
            )
        )  # fmt: skip
        writing.timers += begun.timer(draft.number)
        writing.timers += responding.born(self.ctx, draft.number, (service.id,), severity, self.now)
        writing.timers += rooms.born(self.ctx, draft.number, (service.id,), severity, self.now)

    def _room(self, draft: Draft) -> tuple[str, str] | None:
        """Where whoever is paged for a SEV1 or SEV2 meets: its built-in room, which is there with it (S0-37, S0-88)."""
        if not needs_commander(draft.severity):
            return None
        name = room_name(draft.number, self.now, draft.first.ref.service.id)
        return name, incident_url(self.ctx, draft.number)

    def _beginning(self, service: str, severity: Severity) -> Beginning:
        """Worked out once for all incidents of this batch that have the same rules and severity."""
        key = (rules_of(self.ctx.directory, service)[0], severity.value)
        if key not in self._begun:
            self._begun[key] = beginning(self.ctx, service, severity, self.now)
        return self._begun[key]

    def _alert(self, new: Newcomer) -> NewAlert:
        event = new.event
        new.alert = self.ctx.ids.next("alerts")
        body = {
            name: value
            for name in ("details", "annotations", "links", "images", "client", "client_url", "group")
            if (value := getattr(event, name))
        }
        if event.ends_at is None and new.ends_at is not None:
            body["quiet"] = int(new.ref.service.auto_resolve or 0)
        return NewAlert(
            id=new.alert, service=new.ref.service.id, dedup_key=event.dedup_key, integration=new.ref.integration.id,
            incident_id=new.incident, severity=new.severity, title=event.title, source=event.source,
            labels=Json(msgspec.json.encode(event.labels).decode()), body=Json(msgspec.json.encode(body).decode()),
            fingerprint=event.fingerprint, reason=new.reason.value, mute=new.mute, count=new.count, first_at=self.now,
            starts_at=event.starts_at, ends_at=new.ends_at, fresh=new.fresh,
        )  # fmt: skip
