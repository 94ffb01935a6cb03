"""The configuration as one immutable value: what every decision looks things up in."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.core.audience import Channel
from tocsin.core.configuration import (
    ContactMethod,
    EscalationPolicy,
    Integration,
    Object,
    Schedule,
    Service,
    Team,
    User,
)
from tocsin.core.planned import Heartbeat, Inhibition, MuteRule
from tocsin.core.room import Room
from tocsin.core.severity_policy import Severities
from tocsin.core.status_page import StatusPage
from tocsin.core.tag import TagRule
from tocsin.core.update_template import UpdateTemplate
from tocsin.core.wording import WordingRule

NOTHING_CHANGED = Severities({})
SEVERITIES = ("settings", "severities")
"""Where `origins` says from which file the organisation's severities came."""


@dataclass(frozen=True)
class Origin:
    """Where a configured object came from: a line of a file (then read-only in the browser), or a person (`file` empty)."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class IntegrationRef:
    """One integration with the service it belongs to."""

    service: Service
    integration: Integration


@dataclass(frozen=True)
class Directory:
    """Everything configured, by id. `revision` is the configuration's version in the database (0: empty)."""

    users: Mapping[str, User] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    escalation_policies: Mapping[str, EscalationPolicy] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    default_escalation_policy: str | None = None
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict)
    revision: int = 0
    integrations: Mapping[str, IntegrationRef] = field(default_factory=dict)
    written: Mapping[str, User] = field(default_factory=dict)
    """Users as they are configured, where `users` holds them with their devices (store/devices.py)."""
    severities: Severities = NOTHING_CHANGED
    inhibitions: Mapping[str, Inhibition] = field(default_factory=dict)
    mutes: Mapping[str, MuteRule] = field(default_factory=dict)
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
    heartbeat_keys: Mapping[str, Heartbeat] = field(default_factory=dict)
    status_pages: Mapping[str, StatusPage] = field(default_factory=dict)
    rooms: Mapping[str, Room] = field(default_factory=dict)
    tags: Mapping[str, TagRule] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    update_templates: Mapping[str, UpdateTemplate] = field(default_factory=dict)
    wording: Mapping[str, WordingRule] = field(default_factory=dict)
    memo: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What was worked out of this directory once and holds as long as it does (it never changes)."""

    @classmethod
    def of(
        cls,
        objects: Mapping[str, Iterable[Object]],
        default_escalation_policy: str | None = None,
        origins: Mapping[tuple[str, str], Origin] | None = None,
        revision: int = 0,
        severities: Severities = NOTHING_CHANGED,
    ) -> Directory:
        """Index objects given per kind (the keys of `configuration.KINDS`)."""
        by_id: dict[str, dict[str, Any]] = {kind: {o.id: o for o in items} for kind, items in objects.items()}
        services: dict[str, Service] = by_id.get("services", {})
        return cls(
            users=by_id.get("users", {}),
            teams=by_id.get("teams", {}),
            schedules=by_id.get("schedules", {}),
            escalation_policies=by_id.get("escalation_policies", {}),
            services=services,
            default_escalation_policy=default_escalation_policy,
            origins=origins or {},
            revision=revision,
            integrations={i.key: IntegrationRef(s, i) for s in services.values() for i in s.integrations},
            severities=severities,
            inhibitions=by_id.get("inhibitions", {}),
            mutes=by_id.get("mutes", {}),
            heartbeats=by_id.get("heartbeats", {}),
            heartbeat_keys={beat.key: beat for beat in by_id.get("heartbeats", {}).values()},
            status_pages=by_id.get("status_pages", {}),
            rooms=by_id.get("rooms", {}),
            tags=by_id.get("tags", {}),
            channels=by_id.get("channels", {}),
            update_templates=by_id.get("update_templates", {}),
            wording=by_id.get("wording", {}),
        )

    def kind(self, kind: str) -> Mapping[str, Any]:
        """The objects of one kind (a key of `configuration.KINDS`) by id."""
        found: Mapping[str, Any] = getattr(self, kind)
        return found

    @property
    def status_page(self) -> StatusPage | None:
        """The one status page, or None while there is none (core/status_checks.py keeps it at one)."""
        return next(iter(self.status_pages.values()), None)

    def policy_of(self, service: str | None) -> EscalationPolicy | None:
        """The escalation policy of a service, else the default one, else None."""
        owner = self.services.get(service) if service else None
        chosen = owner.escalation_policy if owner and owner.escalation_policy else self.default_escalation_policy
        return self.escalation_policies.get(chosen) if chosen else None

    def policies_of(self, services: Sequence[str | None]) -> list[tuple[str | None, EscalationPolicy]]:
        """Each distinct policy of these services with the first that has it, in their order; the default one when there are none."""
        found: dict[str, tuple[str | None, EscalationPolicy]] = {}
        for service in services or (None,):
            policy = self.policy_of(service)
            if policy is not None:
                found.setdefault(policy.id, (service, policy))
        return list(found.values())

    def team_of(self, service: str | None) -> Team | None:
        owner = self.services.get(service) if service else None
        return self.teams.get(owner.team) if owner and owner.team else None

    def called(self, target: str) -> str:
        """What people call `schedule:night`, `team:ops` or `user:bo` (`by name`: somebody asked for this very person)."""
        kind, _, id = target.partition(":")
        if kind == "user":
            return "by name"
        found = self.schedules.get(id) if kind == "schedule" else self.teams.get(id) if kind == "team" else None
        return (found.name or id) if found is not None else target.replace(":", " ")

    def method(self, user: str, method: str) -> ContactMethod | None:
        """The contact method `method` of `user`, or None when either is gone."""
        owner = self.users.get(user)
        return next((m for m in owner.contact_methods if m.id == method), None) if owner else None
