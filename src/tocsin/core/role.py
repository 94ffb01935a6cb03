"""Who does what in an incident: the roles, by which words they are known, and who commands while nobody has taken command. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import msgspec

from tocsin.core.errors import Invalid

RoomRole = Literal["incident_commander", "technical_lead", "comms_lead", "scribe", "deputy", "sme"]
ROLES: tuple[RoomRole, ...] = get_args(RoomRole)
COMMANDER: RoomRole = "incident_commander"
SEVERAL: frozenset[RoomRole] = frozenset({"sme"})
"""Roles that several people hold at once."""

PATIENCE = timedelta(minutes=5)
"""How long a SEV1 or SEV2 may go without anybody having taken command."""


SPAN = 7
"""More people than that nobody leads directly: they need sub-teams."""


class About(msgspec.Struct, frozen=True):
    """What people read of a role."""

    name: str
    short: str
    duty: str


ABOUT: dict[RoomRole, About] = {
    "incident_commander": About("Incident commander", "IC", "Coordinates, decides, delegates, escalates"),
    "technical_lead": About("Technical lead", "TL", "Leads debugging and the fix"),
    "comms_lead": About("Comms lead", "Comms", "Updates the status page and stakeholders"),
    "scribe": About("Scribe", "Scribe", "Writes down what happens and why"),
    "deputy": About("Deputy", "Deputy", "Backs the commander, takes over when needed"),
    "sme": About("Subject matter expert", "SME", "Knows a component deeply"),
}

_ALIASES: dict[str, RoomRole] = {
    "ic": "incident_commander", "commander": "incident_commander", "incident_command": "incident_commander",
    "lead": "technical_lead", "tl": "technical_lead", "tech_lead": "technical_lead", "technical": "technical_lead",
    "comms": "comms_lead", "communications_lead": "comms_lead", "communication_lead": "comms_lead",
    "communications": "comms_lead", "secretary": "scribe", "deputy_ic": "deputy", "expert": "sme", "smes": "sme",
    "subject_matter_expert": "sme", "subject_matter_experts": "sme",
}  # fmt: skip

Roles = Mapping[str, Any]
"""`{"incident_commander": "alice", "sme": ["bob", "carol"]}`; a role that nobody holds is absent."""


def parse(text: str) -> RoomRole:
    """The role that a word means: `incident_commander`, `Incident Commander`, `IC`, `comms`. Raises Invalid."""
    word = "_".join(text.strip().lower().replace("-", " ").replace("_", " ").split())
    for role in ROLES:
        if word == role:
            return role
    if word in _ALIASES:
        return _ALIASES[word]
    raise Invalid(f"{text[:60]!r} is not a role: use {', '.join(ROLES)}", "/role")


def holders(roles: Roles, role: RoomRole) -> list[str]:
    """Who holds it."""
    held = roles.get(role)
    return [held] if isinstance(held, str) and held else list(held) if isinstance(held, list) else []


def holder(roles: Roles, role: RoomRole) -> str | None:
    """Who holds it, of a role that one person holds (of several the first)."""
    return next(iter(holders(roles, role)), None)


def roles_of(roles: Roles, user: str) -> list[RoomRole]:
    """What a person is."""
    return [role for role in ROLES if user in holders(roles, role)]


def given(roles: Roles, role: RoomRole, user: str) -> dict[str, Any]:
    """The roles once `user` has this one too; of a role that one person holds nobody else has it then."""
    held = [*(one for one in holders(roles, role) if one != user), user]
    return {**roles, role: held if role in SEVERAL else user}


def without(roles: Roles, role: RoomRole, user: str | None = None) -> dict[str, Any]:
    """The roles once `user` (None: whoever holds it) has this one no more."""
    left = [one for one in holders(roles, role) if user is not None and one != user]
    rest = {name: held for name, held in roles.items() if name != role}
    return {**rest, role: left if role in SEVERAL else left[0]} if left else rest


def direct(roles: Roles, *others: Iterable[str | None]) -> int:
    """How many people work directly under the commander: whoever holds a role, helps, or has something to do."""
    people = {user for role in ROLES for user in holders(roles, role)} | {
        user for many in others for user in many if user
    }
    return len(people - {holder(roles, COMMANDER)})


def acting_commander(roles: Roles, acknowledged_by: str | None, assignee: str | None) -> str | None:
    """Who commands while nobody has taken command: whoever acknowledged, else whoever was on call (C-22)."""
    if holder(roles, COMMANDER) is not None:
        return None
    answered = (acknowledged_by or "").removeprefix("user:") if (acknowledged_by or "").startswith("user:") else None
    return answered or assignee


def needs_commander(severity: int) -> bool:
    """A SEV1 or SEV2 is to be commanded by somebody who has said so."""
    return severity <= 2


def commander_due(severity: int, roles: Roles, since: datetime, free_since: datetime | None) -> datetime | None:
    """By when somebody has to have taken command; None when somebody has, or nobody needs to.

    `since`: when it got its severity. `free_since`: when the last commander let go.
    """
    if not needs_commander(severity) or holder(roles, COMMANDER) is not None:
        return None
    return max(since, free_since or since) + PATIENCE
