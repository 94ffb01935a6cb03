"""The status page in the JSON that readers of statuspage.io pages know: field for field, in their words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from tocsin.core.status_view import Affected, ComponentView, Group, IncidentView, PageView, UpdateView

LISTED = 50
"""Incidents and maintenance in a list, the newest first, as many as such pages give."""


def documents(page: PageView) -> dict[str, bytes]:
    """Every document below `/api/v2/`, by its name."""
    made: dict[str, Callable[[PageView], dict[str, Any]]] = {
        "summary.json": summary,
        "status.json": lambda p: {"status": _status(p)},
        "components.json": lambda p: {"components": components(p)},
        "incidents.json": lambda p: {"incidents": [incident(p, one) for one in p.incidents[:LISTED]]},
        "incidents/unresolved.json": lambda p: {"incidents": [incident(p, one) for one in p.unresolved]},
        "scheduled-maintenances.json": lambda p: _maintenance(p, p.maintenance[:LISTED]),
        "scheduled-maintenances/upcoming.json": lambda p: _maintenance(p, p.upcoming),
        "scheduled-maintenances/active.json": lambda p: _maintenance(p, p.active),
    }
    return {name: msgspec.json.encode({"page": _page(page), **make(page)}) for name, make in made.items()}


def summary(page: PageView) -> dict[str, Any]:
    return {
        "components": components(page),
        "incidents": [incident(page, one) for one in page.unresolved],
        "scheduled_maintenances": [incident(page, one) for one in (*page.active, *page.upcoming)],
        "status": _status(page),
    }


def moment(at: datetime | None) -> str | None:
    """`2026-01-05T09:00:00.000Z`: with milliseconds, as these pages write it."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def subscriber(page: PageView, address: str) -> dict[str, Any]:
    """What whoever gave an address is told: the same whether it is known or not."""
    return {"email": address, "mode": "email", "can_select_components": bool(page.components), "page": _page(page)}


def _page(page: PageView) -> dict[str, Any]:
    return {
        "id": page.code, "name": page.name, "url": page.url, "time_zone": page.time_zone,
        "updated_at": moment(page.updated_at),
    }  # fmt: skip


def _status(page: PageView) -> dict[str, Any]:
    return {"indicator": page.indicator, "description": page.sentence}


def components(page: PageView) -> list[dict[str, Any]]:
    """Components and, as such pages have it, groups between them as components of their own."""
    found: list[dict[str, Any]] = []
    for position, group in enumerate(page.groups, 1):
        if group.name is not None:
            found.append(_group(page, group, position))
        for place, one in enumerate(group.components, 1):
            found.append(_component(page, one, group, place if group.name is not None else position))
    return found


def _group(page: PageView, group: Group, position: int) -> dict[str, Any]:
    first = min((one.since or one.changed_at for one in group.components), default=page.updated_at)
    return {
        **_line(page, group.code, group.name or "", group.state, first, max(one.changed_at for one in group.components), position),
        "description": None, "showcase": False, "start_date": None, "group_id": None, "group": True,
        "components": [one.code for one in group.components],
    }  # fmt: skip


def _component(page: PageView, one: ComponentView, group: Group, position: int) -> dict[str, Any]:
    created = one.since or one.changed_at
    return {
        **_line(page, one.code, one.name, one.state, created, one.changed_at, position),
        "description": one.description or None, "showcase": True,
        "start_date": created.date().isoformat() if one.since else None,
        "group_id": group.code if group.name is not None else None, "group": False,
    }  # fmt: skip


def _line(
    page: PageView, code: str, name: str, state: str, created: datetime, changed: datetime, position: int
) -> dict[str, Any]:
    return {
        "id": code, "name": name, "status": state, "created_at": moment(created), "updated_at": moment(changed),
        "position": position, "page_id": page.code, "only_show_if_degraded": False,
    }  # fmt: skip


def _maintenance(page: PageView, several: Iterable[IncidentView]) -> dict[str, Any]:
    return {"scheduled_maintenances": [incident(page, one) for one in several]}


def incident(page: PageView, one: IncidentView) -> dict[str, Any]:
    """An incident; maintenance has `scheduled_for` and `scheduled_until` besides."""
    planned = {"scheduled_for": moment(one.scheduled_for), "scheduled_until": moment(one.scheduled_until)}
    every = {component["id"]: component for component in components(page)}
    return {
        "id": one.code, "name": one.title, "status": one.status, "created_at": moment(one.created_at),
        "updated_at": moment(one.updated_at), "monitoring_at": moment(one.monitoring_at),
        "resolved_at": moment(one.resolved_at), "impact": one.impact, "shortlink": f"{page.url}/incidents/{one.code}",
        "started_at": moment(one.started_at), "page_id": page.code,
        "incident_updates": [_update(one, update) for update in one.updates],
        "components": [every[code] for code in one.components if code in every],
        "reminder_intervals": None, **(planned if one.scheduled_for is not None else {}),
    }  # fmt: skip


def _update(one: IncidentView, update: UpdateView) -> dict[str, Any]:
    return {
        "id": update.code, "status": update.status, "body": update.body, "incident_id": one.code,
        "created_at": moment(update.at), "updated_at": moment(update.at), "display_at": moment(update.at),
        "affected_components": [_affected(affected) for affected in update.affected] or None,
        "deliver_notifications": True, "custom_tweet": None, "tweet_id": None,
    }  # fmt: skip


def _affected(one: Affected) -> dict[str, Any]:
    return {"code": one.code, "name": one.name, "old_status": one.old, "new_status": one.new}
