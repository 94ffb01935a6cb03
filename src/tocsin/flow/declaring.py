"""A person declares an incident: severity, roles and pages at once, and what each first step came to stands in the story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.criteria import Assessment
from tocsin.core.errors import Invalid
from tocsin.core.escalation import PageIntent, manager_of
from tocsin.core.impact import NOTHING, Impact
from tocsin.core.incident import room_name
from tocsin.core.moment import kept as kept_moment
from tocsin.core.response import Outcome, people
from tocsin.core.role import ABOUT, COMMANDER, RoomRole, given, holder, holders, needs_commander
from tocsin.core.severity import Severity
from tocsin.core.tag import by_hand, tags
from tocsin.core.timeline import Entry, Link
from tocsin.flow import responding, rooms, summon
from tocsin.flow.acts import checked, label, user_of
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR, Climbed, Pager, Subject, no_page, planned, response_entries
from tocsin.flow.rules import Beginning, beginning, keep, kept
from tocsin.store import declarations
from tocsin.store.database import Tx
from tocsin.store.ids import incident_numbers
from tocsin.store.rows import SEPARATOR, Words
from tocsin.store.writing import NewIncident, notify, write_incidents, write_paging

LONGEST_TITLE = 1024
Roles = Mapping[str, Any]


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """What a person knows of an incident from the start. `assessed`: what the guide makes of the impact; `reason`: why the severity is
    another one. `roles` as in `incidents.roles`."""

    impact: Impact = NOTHING
    assessed: Assessment | None = None
    reason: str = ""
    roles: Roles = msgspec.field(default_factory=dict)
    private: bool = False
    public_title: str | None = None
    impact_started_at: datetime | None = None
    tags: tuple[str, ...] = ()

    def columns(self, actor: str) -> dict[str, Any]:
        """As `store/declarations.complete` takes it. Whoever declares a private incident may see it."""
        reader, started = user_of(actor), self.impact_started_at
        return {
            "impact": self.impact.plain(),
            "roles": dict(self.roles),
            "private": self.private,
            "readers": [reader] if self.private and reader else [],
            "public_title": self.public_title,
            "moments": kept_moment({}, "impact_started", actor, "estimated") if started else {},
            "hand_tags": by_hand({}, self.tags, ()) if self.tags else {},
        }

    @property
    def plain(self) -> bool:
        """Nothing but title, severity and services is known."""
        return self == _PLAIN


_PLAIN = Birth()


async def declare(
    ctx: Context,
    actor: str,
    title: str,
    description: str,
    severity: Severity,
    services: list[str],
    reporter: str | None = None,
    also: Callable[[Tx, int], Awaitable[None]] | None = None,
    asked: Sequence[PageIntent] = (),
    note: str = "",
    birth: Birth = _PLAIN,
    drill: bool = False,
) -> int:
    """A person declares an incident; it pages like any other, and besides whoever is `asked`. `also` is done in the same transaction.
    Returns its number. A `drill` has no first steps besides its pages.

    Raises Invalid for an empty title, an unknown service, or when there is neither a service nor a default escalation policy.
    """
    title, description = checked(title, "/title"), checked(description, "/description", needed=False)
    if len(title) > LONGEST_TITLE:
        raise Invalid(f"shorten the title to {LONGEST_TITLE} characters", "/title")
    for position, service in enumerate(services):
        if service not in ctx.directory.services:
            raise Invalid(f"there is no service {service!r}", f"/affected_services/{position}")
    if not services and ctx.directory.policy_of(None) is None:
        raise Invalid("name an affected service, or configure default_escalation_policy", "/affected_services")
    services = list(dict.fromkeys(services))
    now = ctx.clock.now()
    begun = beginning(ctx, services[0] if services else None, severity, now)
    async with ctx.db.transaction() as tx:
        (number,) = await incident_numbers(tx, 1)
        told = _Told(ctx, number, actor, title, description, severity, services, reporter, begun, birth, drill)

        def make(pager: Pager) -> None:
            called = summon.calling(pager, Subject(number, 1, "high", services[0] if services else None), asked, note)
            told.write(pager, called)

        pager, _ = await planned(ctx, tx, now, make)
        fresh = await keep(ctx, tx, [begun], now)
        await write_incidents(tx, pager.writing)
        await write_paging(tx, pager.writing)
        if not birth.plain:
            await declarations.complete(tx, number, **birth.columns(actor))
        if also is not None:
            await also(tx, number)
        await notify(tx, "timeline", "timers")
    kept(ctx, fresh)
    ctx.hand_over(pager.held)
    ctx.wake.set("timeline", "timers")
    return number


class _Told(msgspec.Struct):
    """One declaration, as rows and entries."""

    ctx: Context
    number: int
    actor: str
    title: str
    description: str
    severity: Severity
    services: list[str]
    reporter: str | None
    begun: Beginning
    birth: Birth
    drill: bool

    @property
    def first(self) -> str | None:
        return self.services[0] if self.services else None

    def write(self, pager: Pager, called: Climbed) -> None:
        now, writing, begun, birth = pager.now, pager.writing, self.begun, self.birth
        policies = pager.policies(self.services, self.severity)
        unpaged = no_page(begun.urgency, policies)
        climbs = [] if unpaged else pager.begin(Subject(self.number, 1, begun.urgency, self.first), policies)
        assignee = next((c.first for c in climbs if c.first), None)
        response = response_entries(pager, now, assignee, unpaged, climbs)
        entries = [
            self._created(now), *self._with_steps(response, assignee, climbs, now), *called.entries,
            *self._role_entries(now),
        ]  # fmt: skip
        link = writing.tell(self.number, Link(), entries)
        found = tags(self.ctx.directory, [self.title, self.description, birth.impact.what], self.services)
        writing.incidents.append(
            NewIncident(
                id=self.number, title=self.title, description=self.description, severity=self.severity.value,
                urgency=begun.urgency, status="detected", service=self.first,
                affected_services=Words(SEPARATOR.join(self.services)), assignee=assignee,
                tags=Words(SEPARATOR.join(dict.fromkeys([*found, *birth.tags]))), origin="person", reporter=self.reporter or self.actor,
                group_key=None, no_page_reason=unpaged.value if unpaged else None,
                alarm=next((c.alarm for c in climbs if c.alarm), None), created_at=now, detected_at=now,
                impact_started_at=birth.impact_started_at, alerts_count=0, timeline_seq=link.seq,
                timeline_head=link.head, matrix=begun.number, next_update_at=begun.next_update_at,
            )
        )  # fmt: skip
        writing.timers += begun.timer(self.number)
        if not self.drill:
            writing.timers += responding.born(self.ctx, self.number, self.services, self.severity, now, birth.private)
            writing.timers += rooms.born(self.ctx, self.number, self.services, self.severity, now, birth.private)

    def _created(self, now: datetime) -> Entry:
        birth = self.birth
        data: dict[str, Any] = {
            "severity": self.severity.key, "services": self.services, "reporter": self.reporter or self.actor, "reason": "declared",
        }  # fmt: skip
        details = f"{self.title} ({self.severity.name})"
        if birth.impact:
            data["impact"] = birth.impact.plain()
        if birth.assessed is not None:
            data |= {"computed": birth.assessed.severity.key, "sentence": birth.assessed.sentence}
            if birth.assessed.severity != self.severity:
                details += f". The guide says {birth.assessed.severity.name}: {birth.assessed.because}"
        if birth.reason:
            data["severity_reason"] = birth.reason
            details += f". Chosen because: {birth.reason}"
        if birth.private:
            data["private"] = True
        return Entry(at=now, kind="incident_created", actor=self.actor, details=details, data=data)

    def _with_steps(
        self, response: list[Entry], assignee: str | None, climbs: Sequence[Climbed], now: datetime
    ) -> list[Entry]:
        """The entry `response_triggered` says what each first step came to so far; what pages nobody has one as well."""
        steps = [] if self.drill else [one.plain() for one in self._steps(assignee, climbs, response, now)]
        found = [one for one in response if one.kind != "response_triggered"]
        old = next((one for one in response if one.kind == "response_triggered"), None)
        data = {**(old.data if old else {"assignee": None, "paged": []}), "steps": steps}
        details = old.details if old else "Nobody is assigned"
        told = Entry(at=now, kind="response_triggered", actor=ACTOR, details=details, data=data)
        return [told, *found] if old else [*found, told]

    def _steps(
        self, assignee: str | None, climbs: Sequence[Climbed], response: Sequence[Entry], now: datetime
    ) -> Iterator[Outcome]:
        yield self._page(climbs, response)
        yield Outcome("room", "delivered", room_name(self.number, now, self.first))
        yield self._escalation(climbs, now)
        if needs_commander(self.severity):
            yield self._commander(assignee)
        if (within := self.begun.rules.rows[self.severity].inform_manager) is not None:
            manager = manager_of(self.ctx.directory, self.first)
            yield (
                Outcome("manager", "waiting", f"{label(self.ctx.directory, manager)} is informed after {within}")
                if manager
                else Outcome("manager", "skipped", "the team has no manager")
            )
        wanted = responding.asked(self.ctx, self.services, self.severity, self.birth.private)
        yield from (Outcome(step, "waiting", "") for step in wanted.jobs)
        yield from wanted.reasons

    def _page(self, climbs: Sequence[Climbed], response: Sequence[Entry]) -> Outcome:
        paged = [e.data["user"] for c in climbs for e in c.entries if e.kind == "paged"]
        if paged:
            return Outcome("page", "sent", people([label(self.ctx.directory, user) for user in dict.fromkeys(paged)]))
        if (why := next((e.details for e in response if e.kind == "no_page"), None)) is not None:
            return Outcome("page", "skipped", why[0].lower() + why[1:])
        return Outcome("page", "failed", "nobody could be reached: everybody sees the alarm")

    def _escalation(self, climbs: Sequence[Climbed], now: datetime) -> Outcome:
        ahead = [c.ladder.next_at for c in climbs if c.state == "running" and c.ladder and c.ladder.next_at]
        if ahead:
            minutes = max(0, round((min(ahead) - now).total_seconds() / 60))
            return Outcome(
                "escalation", "delivered", f"the next step follows in {minutes} min unless somebody acknowledges"
            )
        if any(c.state == "held" for c in climbs):
            return Outcome("escalation", "skipped", "low urgency goes no further by itself")
        return Outcome("escalation", "skipped", "there is no further step")

    def _commander(self, assignee: str | None) -> Outcome:
        named = holder(self.birth.roles, COMMANDER)
        if named is not None:
            return Outcome("commander", "delivered", f"{label(self.ctx.directory, named)} commands")
        if assignee is not None:
            who = label(self.ctx.directory, assignee)
            return Outcome("commander", "delivered", f"{who} is acting commander until somebody takes command")
        return Outcome("commander", "failed", "nobody is there to command: take command")

    def _role_entries(self, now: datetime) -> Iterator[Entry]:
        roles: dict[str, Any] = {}
        for name in self.birth.roles:
            role: RoomRole = name  # type: ignore[assignment]
            for user in holders(self.birth.roles, role):
                roles = given(roles, role, user)
                text = f"{label(self.ctx.directory, user)} is {ABOUT[role].name.lower()}"
                data = {"role": role, "user": user, "from": None, "reason": "", "took_over": False}
                yield Entry(at=now, kind="role_assigned", actor=self.actor, details=text, data=data)
