"""The configuration over the days that are checked: swept once, and asked by every rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from tocsin.core.calendar import zone
from tocsin.core.configuration import EscalationPolicy, Schedule
from tocsin.core.coverage import Rosters, Span, Stretch
from tocsin.core.directory import Directory
from tocsin.core.escalation import manager_of
from tocsin.core.finding import Facts
from tocsin.core.preset import steps_of

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Use:
    """A policy with the services that page by it. `managers` are those who are paged as a last resort (None: nobody)."""

    policy: EscalationPolicy
    services: tuple[str, ...]
    teams: tuple[str, ...]
    managers: frozenset[str | None]


class Sweep:
    """The configuration over [start, end), looked at once and asked by every rule."""

    def __init__(self, directory: Directory, start: datetime, end: datetime, facts: Facts) -> None:
        self.directory, self.start, self.end, self.facts = directory, start, end, facts
        self.rosters = Rosters(directory, start, end)

    @cached_property
    def uses(self) -> list[Use]:
        """Every policy; one that no service has is there as well, for incidents without a service or for later."""
        owners: dict[str, list[str]] = {policy: [] for policy in self.directory.escalation_policies}
        for service in self.directory.services:
            policy = self.directory.policy_of(service)
            if policy is not None:
                owners[policy.id].append(service)
        return [self._use(self.directory.escalation_policies[id], services) for id, services in owners.items()]

    def _use(self, policy: EscalationPolicy, services: Sequence[str]) -> Use:
        known = self.directory.services
        teams = tuple(dict.fromkeys(team for s in services if (team := known[s].team)))
        managers = frozenset(manager_of(self.directory, service) for service in services)
        return Use(policy, tuple(services), teams, managers or frozenset((None,)))

    @cached_property
    def lines(self) -> dict[str, list[Stretch]]:
        """Every policy's stretches."""
        return {use.policy.id: self.rosters.stretches(use.policy) for use in self.uses}

    @cached_property
    def first_paged(self) -> dict[str, Span]:
        """Everybody who can be paged, with the first stretch in which they can."""
        found: dict[str, Span] = {}
        for line in self.lines.values():
            mine: set[str] = set()
            for stretch in line:
                if not stretch.people <= mine:
                    for user in stretch.people - mine:
                        if user not in found or stretch.start < found[user][0]:
                            found[user] = (stretch.start, stretch.end)
                    mine |= stretch.people
        for manager in {manager for use in self.uses for manager in use.managers if manager}:
            found.setdefault(manager, (self.start, self.end))
        return found

    def zone_of(self, policy: EscalationPolicy) -> ZoneInfo:
        """The zone in which people think about a policy: its first schedule's."""
        for step in steps_of(policy):
            for target in step.targets:
                if (schedule := self.directory.schedules.get(target.schedule or "")) is not None:
                    return zone(schedule.time_zone)
        return _UTC

    def teams_of_user(self, user: str) -> tuple[str, ...]:
        return tuple(t.id for t in self.directory.teams.values() if user in t.members or user == t.manager)

    def teams_of_schedule(self, schedule: Schedule, policies: Sequence[EscalationPolicy]) -> tuple[str, ...]:
        """Its own team, and those whose services page by one of the policies."""
        own = [schedule.team] if schedule.team else []
        named = {policy.id for policy in policies}
        return tuple(
            dict.fromkeys([*own, *(team for use in self.uses if use.policy.id in named for team in use.teams)])
        )

    def label(self, user: str) -> str:
        known = self.directory.users.get(user)
        return known.label if known else user

    def where(self, kind: str, id: str) -> str:
        """` (tocsin.yml:12)`, or nothing for what no file holds."""
        origin = self.directory.origins.get((kind, id))
        return f" ({origin.file}:{origin.line})" if origin and origin.file else ""

    def within(self, *names: str) -> list[EscalationPolicy]:
        """The policies that name a target such as `schedule:primary`."""
        return [
            use.policy
            for use in self.uses
            if any(t.name in names for step in steps_of(use.policy) for t in step.targets)
        ]
