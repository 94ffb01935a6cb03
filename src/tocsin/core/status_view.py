"""The status page as it reads at one moment: everything that its pages, its JSON and its feeds show, in the words of the public. Pure.

Ids that leave are codes of twelve letters and digits made with the installation's secret: they tell nothing of how many incidents there
are, and of nothing inside.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from tocsin.core.calendar import zone
from tocsin.core.markup import visible
from tocsin.core.public_word import (
    RESOLVED,
    MaintenanceStatus,
    PublicStatus,
    Told,
    Window,
    public_status,
    public_title,
    states_now,
    stretches,
)
from tocsin.core.status_page import (
    SENTENCES,
    Component,
    ComponentState,
    Impact,
    Indicator,
    StatusPage,
    impact_of,
    indicator_of,
    worst,
)
from tocsin.core.uptime import DAYS, History, histories

Code = Callable[[str], str]
_MAINTENANCE: tuple[MaintenanceStatus, ...] = ("scheduled", "in_progress", "completed")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def coder(secret: bytes) -> Code:
    """What makes the public code of a thing (`incident:41`, `component:payments`) of this installation."""

    def code(thing: str) -> str:
        number = int.from_bytes(hmac.digest(secret, f"status\0{thing}".encode(), hashlib.sha256)[:12], "big")
        letters = []
        for _ in range(12):
            number, rest = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[rest])
        return "".join(letters)

    return code


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A component that an update spoke of."""

    code: str
    name: str
    old: ComponentState
    new: ComponentState


class UpdateView(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    at: datetime
    status: PublicStatus | MaintenanceStatus
    body: str
    affected: tuple[Affected, ...] = ()


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """An incident or (`scheduled_for` set) maintenance. `updates` the newest first, `components` codes. `former`: the codes of incidents
    that went into it."""

    code: str
    title: str
    status: PublicStatus | MaintenanceStatus
    impact: Impact
    created_at: datetime
    started_at: datetime
    updated_at: datetime
    updates: tuple[UpdateView, ...]
    components: tuple[str, ...]
    monitoring_at: datetime | None = None
    resolved_at: datetime | None = None
    scheduled_for: datetime | None = None
    scheduled_until: datetime | None = None
    former: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.status not in ("resolved", "completed")


class ComponentView(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: from when on it was listed (None: it is so new that nothing is known)."""

    code: str
    name: str
    description: str
    group: str | None
    state: ComponentState
    since: datetime | None
    changed_at: datetime
    history: History


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Components under one heading (`name` None: without one, which are then alone)."""

    code: str
    name: str | None
    components: tuple[ComponentView, ...]

    @property
    def state(self) -> ComponentState:
        return worst(one.state for one in self.components)


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page. `incidents` and `maintenance` the newest first, ended ones as well."""

    code: str
    name: str
    description: str
    time_zone: str
    url: str
    public: bool
    indicator: Indicator
    sentence: str
    groups: tuple[Group, ...]
    incidents: tuple[IncidentView, ...]
    maintenance: tuple[IncidentView, ...]
    updated_at: datetime
    days: int = DAYS

    @property
    def components(self) -> tuple[ComponentView, ...]:
        return tuple(one for group in self.groups for one in group.components)

    @property
    def unresolved(self) -> tuple[IncidentView, ...]:
        return tuple(one for one in self.incidents if one.open)

    @property
    def active(self) -> tuple[IncidentView, ...]:
        return tuple(one for one in self.maintenance if one.status == "in_progress")

    @property
    def upcoming(self) -> tuple[IncidentView, ...]:
        """The nearest first."""
        return tuple(one for one in reversed(self.maintenance) if one.status == "scheduled")

    def entry(self, code: str) -> IncidentView | None:
        """The incident or maintenance of a code; also by that of an incident that went into it."""
        every = (*self.incidents, *self.maintenance)
        return next((one for one in every if code == one.code or code in one.former), None)

    def component(self, code: str) -> ComponentView | None:
        return next((one for one in self.components if one.code == code), None)


def view_of(
    page: StatusPage,
    told: Sequence[Told],
    windows: Sequence[Window],
    listed: Mapping[str, datetime],
    code: Code,
    url: str,
    now: datetime,
) -> PageView:
    """The page from its facts. `told` as store/status gives it, `listed`: since when each component is configured."""
    states = states_now(told, windows, now)
    since = _since(page, told, windows, listed)
    places = histories(
        [one.id for one in page.components], since, list(stretches(told, windows, now)), zone(page.time_zone), now
    )
    touched = _touched(told, windows, now)
    incidents = tuple(_incident(page, one, code) for one in told)
    maintenance = tuple(
        _maintenance(page, one, code, now) for one in sorted(windows, key=lambda w: w.starts_at, reverse=True)
    )
    views = [
        _component(
            one, states.get(one.id, "operational"), since.get(one.id), touched.get(one.id), places[one.id], code, now
        )
        for one in page.components
    ]
    indicator = indicator_of(
        [one.state for one in views], [one.impact for one in incidents if one.open and not one.components]
    )
    return PageView(
        code=code(f"page:{page.id}"), name=public_title(page.label), description=visible(page.description),
        time_zone=page.time_zone, url=url, public=page.public, indicator=indicator, sentence=SENTENCES[indicator],
        groups=_groups(views, code), incidents=incidents, maintenance=maintenance,
        updated_at=max([*touched.values(), *(one.updated_at for one in (*incidents, *maintenance)), *listed.values()], default=now),
    )  # fmt: skip


def _since(
    page: StatusPage, told: Sequence[Told], windows: Sequence[Window], listed: Mapping[str, datetime]
) -> dict[str, datetime]:
    """From when on something is known of each component: it was listed, or spoken of."""
    found = {one.id: listed[one.id] for one in page.components if one.id in listed}
    spoken = [(name, one.onset) for one in told for name in one.named]
    spoken += [(name, one.starts_at) for one in windows for name in one.components]
    for name, at in spoken:
        found[name] = min(at, found.get(name, at))
    return found


def _touched(told: Sequence[Told], windows: Sequence[Window], now: datetime) -> dict[str, datetime]:
    """When each component was last spoken of."""
    found: dict[str, datetime] = {}

    def touch(name: str, at: datetime) -> None:
        found[name] = max(at, found.get(name, at))

    for incident in told:
        for one in incident.said:
            for name in one.components:
                touch(name, one.at)
        for name in incident.named:
            if incident.ended_at is not None:
                touch(name, incident.ended_at)
    for window in windows:
        for name in window.components:
            for at in (window.starts_at, window.ends_at):
                if at <= now:
                    touch(name, at)
    return found


def _component(
    one: Component,
    state: ComponentState,
    since: datetime | None,
    touched: datetime | None,
    history: History,
    code: Code,
    now: datetime,
) -> ComponentView:
    return ComponentView(
        code=code(f"component:{one.id}"), name=public_title(one.label), description=visible(one.description),
        group=public_title(one.group) if one.group else None, state=state, since=since, changed_at=touched or since or now,
        history=history,
    )  # fmt: skip


def _groups(views: Sequence[ComponentView], code: Code) -> tuple[Group, ...]:
    """In the order in which each group, or component without one, comes first."""
    found: dict[str, list[ComponentView]] = {}
    for one in views:
        found.setdefault(f"group:{one.group}" if one.group else f"alone:{one.code}", []).append(one)
    return tuple(
        Group(code=code(key), name=members[0].group, components=tuple(members)) for key, members in found.items()
    )


def _incident(page: StatusPage, told: Told, code: Code) -> IncidentView:
    updates: list[UpdateView] = []
    running: dict[str, ComponentState] = {}
    for one in told.said:
        affected = _affected(page, running, one.components, code)
        running.update(one.components)
        updates.append(
            UpdateView(
                code=code(f"update:{one.id}"), at=one.at, status=public_status(one.status),
                body=visible(one.message).strip(), affected=affected,
            )
        )  # fmt: skip
    if told.ended_at is not None and updates[-1].status != "resolved":
        released: dict[str, ComponentState] = {
            name: "operational" for name, state in running.items() if state != "operational"
        }
        updates.append(
            UpdateView(
                code=code(f"end:{told.number}:{told.ended_at.isoformat()}"), at=max(told.ended_at, updates[-1].at),
                status="resolved", body=RESOLVED, affected=_affected(page, running, released, code),
            )
        )  # fmt: skip
    named = [name for name in told.named if page.component(name)]
    watched = [one.at for one in updates if one.status == "monitoring"]
    return IncidentView(
        code=code(f"incident:{told.number}"), title=told.title, status=told.status,
        impact=impact_of(told.all_states, bool(told.named)), created_at=told.said[0].at, started_at=min(told.onset, told.said[0].at),
        updated_at=updates[-1].at, updates=tuple(reversed(updates)), components=tuple(code(f"component:{name}") for name in named),
        monitoring_at=watched[-1] if watched else None, resolved_at=told.ended_at,
        former=tuple(code(f"incident:{number}") for number in told.former),
    )  # fmt: skip


def _affected(
    page: StatusPage, before: Mapping[str, ComponentState], after: Mapping[str, ComponentState], code: Code
) -> tuple[Affected, ...]:
    return tuple(
        Affected(
            code=code(f"component:{one.id}"),
            name=public_title(one.label),
            old=before.get(one.id, "operational"),
            new=after[one.id],
        )
        for one in page.components
        if one.id in after
    )


def _maintenance(page: StatusPage, window: Window, code: Code, now: datetime) -> IncidentView:
    status = window.status(now)
    components = [name for name in window.components if page.component(name)]
    under: dict[str, ComponentState] = dict.fromkeys(components, "under_maintenance")
    back: dict[str, ComponentState] = dict.fromkeys(components, "operational")
    title, message = public_title(window.title), visible(window.message).strip()
    begun = max(window.starts_at, window.announced_at)
    steps: list[tuple[MaintenanceStatus, datetime, str, tuple[Affected, ...]]] = [
        ("scheduled", window.announced_at, message or title, _affected(page, {}, {}, code)),
        ("in_progress", begun, "The maintenance has begun.", _affected(page, {}, under, code)),
        ("completed", window.ends_at, "The maintenance is completed.", _affected(page, under, back, code)),
    ]
    past = steps[: 1 + _MAINTENANCE.index(status)]
    updates = [
        UpdateView(code=code(f"window:{window.key}:{kind}"), at=at, status=kind, body=body, affected=affected)
        for kind, at, body, affected in past
    ]
    changed = max(updates[-1].at, min(window.changed_at, now)) if status == "scheduled" else updates[-1].at
    return IncidentView(
        code=code(f"window:{window.key}"), title=title, status=status, impact="maintenance", created_at=window.announced_at,
        started_at=window.starts_at, updated_at=changed, updates=tuple(reversed(updates)),
        components=tuple(code(f"component:{name}") for name in components),
        resolved_at=window.ends_at if status == "completed" else None, scheduled_for=window.starts_at,
        scheduled_until=window.ends_at,
    )  # fmt: skip


def next_change(windows: Sequence[Window], now: datetime) -> datetime:
    """When the page next reads differently though nobody says anything: maintenance begins or ends, an hour of the history is full."""
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return min([hour, *(at for one in windows for at in (one.starts_at, one.ends_at) if at > now)])
