"""What hides the new alerts of one batch: a firing alert by an inhibition, or an open incident of a service they depend on.

Nothing of this is asked of the database unless a rule or a dependency speaks of one of these very alerts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from tocsin.core.configuration import Service
from tocsin.core.directory import Directory, IntegrationRef
from tocsin.core.event import Event
from tocsin.core.inhibition import DEPENDENCY, GRAVE, Causes, concerned, dependencies, rules_of
from tocsin.core.matrix import matrix_of
from tocsin.core.severity import Severity
from tocsin.core.timeline import Entry
from tocsin.flow.pager import ACTOR
from tocsin.store import inhibitions
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.inhibitions import Source
from tocsin.store.writing import Writing, write_story

MOST_SOURCES = 20_000
"""Firing alerts looked at as causes; the oldest count."""


class Candidate(Protocol):
    """A new alert (flow.opening.Newcomer) as far as hiding goes."""

    ref: IntegrationRef
    event: Event
    severity: int
    alert: int | None


class Cause(msgspec.Struct, frozen=True):
    """What hides an alert: another one (its row, or its place in this batch), or an incident (likewise)."""

    by: str
    alert: int | None = None
    newcomer: int | None = None
    incident: int | None = None
    opened_with: int | None = None
    """Place in this batch of the newcomer whose incident it is."""


class Hiding:
    """The causes for one batch. Handles of alerts are their rows; newcomers stand as -1, -2, ... by their place.

    `sides`: for each newcomer whether it may hide others, and whether it may be hidden, by any rule.
    """

    def __init__(
        self, directory: Directory, newcomers: Sequence[Candidate], sides: Sequence[tuple[bool, bool]],
        sources: Sequence[Source], grave: Mapping[str, int],
    ) -> None:  # fmt: skip
        self.sources: list[int] = []
        """Places of the newcomers that may hide others."""
        self._directory = directory
        self._grave = dict(grave)
        self._opened: dict[str, int] = {}
        self._sides = sides
        self._causes: Causes[int] = Causes(rules_of(directory))
        for source in sources:
            self._causes.add(source.id, source.labels, source.under)
        self._services = {new.ref.service.id for new in newcomers}

    def order(self, newcomers: Sequence[Candidate]) -> list[int]:
        """The places of the newcomers, causes before what they may hide, else as they came."""
        return sorted(range(len(newcomers)), key=lambda place: self._rank(place, newcomers[place]))

    def _rank(self, place: int, new: Candidate) -> int:
        _, target = self._sides[place]
        return int(target) + len(dependencies(self._directory, new.ref.service.id) & self._services)

    def cause(self, place: int, new: Candidate) -> Cause | None:
        """What hides this newcomer, or None."""
        found = self._causes.of(new.event.labels, new.alert) if self._sides[place][1] else None
        if found is not None:
            rule, handle = found
            return Cause(rule.id, handle) if handle > 0 else Cause(rule.id, newcomer=-handle - 1)
        for service in sorted(dependencies(self._directory, new.ref.service.id)):
            if service in self._grave:
                return Cause(DEPENDENCY, incident=self._grave[service])
            if service in self._opened:
                return Cause(DEPENDENCY, opened_with=self._opened[service])
        return None

    def placed(self, place: int, new: Candidate, cause: Cause | None, opens: bool) -> None:
        """A newcomer has its place: from now on it hides others itself. `opens`: it opened an incident."""
        if self._sides[place][0]:
            self.sources.append(place)
            under = None if cause is None else cause.alert if cause.alert is not None else _handle(cause.newcomer)
            self._causes.add(new.alert or -place - 1, new.event.labels, under)
        if opens and self._wakes(new.ref.service.id, new.severity):
            self._opened.setdefault(new.ref.service.id, place)

    def _wakes(self, service: str, severity: int) -> bool:
        """Is an incident as grave as this one somebody's business at once? While nobody is paged for it, it must hide nothing."""
        paged = matrix_of(self._directory, service)[Severity(severity)].page != "never"
        return severity <= GRAVE and paged and self._directory.policy_of(service) is not None


def _handle(newcomer: int | None) -> int | None:
    return None if newcomer is None else -newcomer - 1


async def look(directory: Directory, tx: Tx, newcomers: Sequence[Candidate]) -> Hiding | None:
    """What could hide these alerts, or be hidden by them; None when nothing configured speaks of them."""
    rules = rules_of(directory)
    sides = [concerned(rules, new.event.labels) for new in newcomers] if rules else [(False, False)] * len(newcomers)
    source, target = any(side[0] for side in sides), any(side[1] for side in sides)
    needed: set[str] = set()
    for new in newcomers:
        if new.ref.service.hidden_by_dependencies:
            needed |= dependencies(directory, new.ref.service.id)
    if not (source or target or needed):
        return None
    sources = await inhibitions.sources(tx, MOST_SOURCES) if target else []
    grave = await inhibitions.grave(tx, needed, GRAVE) if needed else {}
    return Hiding(directory, newcomers, sides, sources, grave)


def holds(incident: Incident | None) -> bool:
    """Does this locked incident still hide what depends on its service? (As `inhibitions.grave` finds them.)"""
    if incident is None or incident.drill or incident.no_page_reason is not None:
        return False
    return incident.open and incident.status != "monitoring" and incident.severity <= GRAVE


async def write(
    tx: Tx, hidden: Sequence[tuple[int, int | None, int | None, str | None]], sources: Collection[int],
    causes: Mapping[int, Incident], services: Mapping[int, Service], now: datetime,
) -> None:  # fmt: skip
    """Write what hides what: (alert, hiding alert, hiding incident, by what). `causes` are locked, or born in this transaction;
    those that hide something for the first time say so in their story. `services`: for each cause what it hides first."""
    if hidden:
        await inhibitions.hide(tx, hidden)
    if sources:
        await inhibitions.mark_sources(tx, sorted(sources))
    if not causes:
        return
    writing = Writing()
    for number in sorted(await inhibitions.mark_causes(tx, list(causes))):
        text = f"Hides alerts of {services[number].label}, which depends on it, until it is over"
        data = {"service": services[number].id}
        entry = Entry(at=now, kind="alerts_hidden", actor=ACTOR, details=text, data=data)
        cause = causes[number]
        link = writing.tell(number, cause.link, [entry])
        cause.timeline_seq, cause.timeline_head = link.seq, link.head
    await write_story(tx, writing)
