"""A severity falls: what that means, and whose it is to decide (C-8: de-escalation needs the commander). Pure."""

from __future__ import annotations

from tocsin.core.matrix import Matrix
from tocsin.core.role import COMMANDER, Roles, acting_commander, holder, holders, needs_commander
from tocsin.core.severity import Severity


def decides(severity: Severity, roles: Roles, acknowledged_by: str | None, assignee: str | None) -> str | None:
    """Who decides that an incident of this severity becomes milder: its commander; of a SEV1 or SEV2 without one, whoever stands in
    once somebody answered. None: everybody may."""
    if (commander := holder(roles, COMMANDER)) is not None:
        return commander
    return acting_commander(roles, acknowledged_by, assignee) if needs_commander(severity) and acknowledged_by else None


def may_decide(user: str, leader: str, roles: Roles) -> bool:
    """The leader decides, and the deputy, who backs them."""
    return user == leader or user in holders(roles, "deputy")


def meaning(rows: Matrix, old: Severity, new: Severity) -> str:
    """What there is less of then, as one sentence without its end; empty when nothing."""
    before, after = rows[old], rows[new]
    found = []
    if after.page != before.page:
        found.append("it pages nobody" if after.page == "never" else "it pages loudly in business hours only")
    if after.progress != before.progress and before.progress == "automatic":
        found.append("nobody above on call is paged by itself when it is not restored")
    if needs_commander(old) and not needs_commander(new):
        found.append("nobody has to command it")
    if after.communication_frequency > before.communication_frequency:
        found.append(
            f"updates are due every {after.communication_frequency} instead of {before.communication_frequency}"
        )
    if lost := [name for name in before.audiences.names if name not in after.audiences.names]:
        *others, last = lost
        found.append(
            f"{', '.join(others)} and {last} are no longer told by rule"
            if others
            else f"{last} are no longer told by rule"
        )
    if before.review == "required" != after.review:
        found.append("it can be closed without a published review")
    return ", ".join(found)
