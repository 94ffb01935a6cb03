"""Who may do what: one table, the same for web, API and CLI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tocsin.core.configuration import Role
from tocsin.core.errors import Forbidden
from tocsin.core.timeline import Kind

Permission = Literal[
    "see_incidents", "see_alerts", "see_pages", "see_on_call", "see_services", "see_configuration", "see_keys",
    "respond", "declare", "mute", "cover", "send_test_alert", "rehearse", "reach_self", "configure", "manage_access",
    "import_incidents", "see_pay", "publish", "publish_public", "see_reviews",
]  # fmt: skip
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
ROLES: tuple[Role, ...] = get_args(Role)

_STAKEHOLDER: frozenset[Permission] = frozenset({"see_incidents", "reach_self"})
_OBSERVER: frozenset[Permission] = _STAKEHOLDER | {
    "see_alerts", "see_pages", "see_on_call", "see_services", "see_configuration", "rehearse", "see_reviews",
}  # fmt: skip
_RESPONDER: frozenset[Permission] = _OBSERVER | {"respond", "declare", "mute", "cover", "send_test_alert", "publish"}
_MANAGER: frozenset[Permission] = _RESPONDER | {"see_keys", "configure", "see_pay", "publish_public"}
_ADMIN: frozenset[Permission] = frozenset(PERMISSIONS)

MAY: dict[Role, frozenset[Permission]] = {
    "admin": _ADMIN,
    "manager": _MANAGER,
    "responder": _RESPONDER,
    "observer": _OBSERVER,
    "stakeholder": _STAKEHOLDER,
}
"""The table. Each role holds all that the one below it holds."""

SAID: dict[Permission, str] = {
    "see_incidents": "see incidents",
    "see_alerts": "see alerts",
    "see_pages": "see who was paged, by what and why",
    "see_on_call": "see who is on call",
    "see_services": "see services",
    "see_configuration": "see the configuration",
    "see_keys": "see integration keys",
    "respond": "respond to incidents",
    "declare": "declare an incident",
    "mute": "silence alerts",
    "cover": "hand shifts from one person to another",
    "send_test_alert": "send a test alert or start a drill",
    "rehearse": "rehearse who would be paged",
    "reach_self": "say how they themselves are reached",
    "configure": "change the configuration",
    "manage_access": "manage tokens and sign-in links",
    "import_incidents": "import past incidents",
    "see_pay": "see everybody's on-call pay",
    "see_reviews": "see reviews",
    "publish": "tell people of an incident",
    "publish_public": "tell the public of an incident in which they have no leading role",
}


NEEDED_FOR: dict[Kind, Permission] = {
    **dict.fromkeys(
        (
            "paged", "notified", "notification_failed", "page_undelivered", "nobody_on_call", "no_page", "exhausted",
            "response_triggered", "response_step", "copied", "manager_informed",
        ),
        "see_pages",
    ),
    "update_drafted": "see_pages",
    **dict.fromkeys(("alerts_joined", "alerts_hidden", "alert_resolved", "alert_acknowledged"), "see_alerts"),
}  # fmt: skip
"""Kinds of timeline entries that need more than `see_incidents`: they tell of pages and alerts."""


@dataclass(frozen=True)
class Principal:
    """Who asks. `id` is the actor written to timelines (`user:alice`, `token:deploy`); `user` is None for tokens."""

    id: str
    role: Role
    user: str | None
    name: str


def allowed(role: Role, permission: Permission) -> bool:
    return permission in MAY[role]


def hidden_kinds(role: Role) -> frozenset[Kind]:
    """The kinds of timeline entries that this role does not get to see."""
    return frozenset(kind for kind, needed in NEEDED_FOR.items() if not allowed(role, needed))


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """The roles that hold `permission`, the mightiest first."""
    return tuple(role for role in ROLES if allowed(role, permission))


def require(principal: Principal, permission: Permission) -> None:
    """Raise Forbidden, saying what was wanted, who asked and which role it needs."""
    if not allowed(principal.role, permission):
        needed = roles_with(permission)[-1]
        raise Forbidden(
            f"{principal.name} has the role {principal.role} and may not {SAID[permission]}: "
            f"that needs the role {needed}."
        )
