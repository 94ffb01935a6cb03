"""The one store of facts of an incident: what we know, who does what, what was decided, who holds which role, what the impact is.

Updates, the report, the review and the summary of a room are rendered from this, so that their numbers cannot drift apart.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.core.incident import unknown
from tocsin.core.role import ROLES, acting_commander, holders
from tocsin.flow.context import Context
from tocsin.store import reading_incidents as reading
from tocsin.store import room
from tocsin.store.database import Tx
from tocsin.store.reading_incidents import Row
from tocsin.store.room import Decision, Finding, Task


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything oldest first. `roles`: who holds each role that somebody holds. `acting_commander`: who stands in while nobody has
    taken command. `impact` as it was given (core/impact.py)."""

    findings: list[Finding]
    tasks: list[Task]
    decisions: list[Decision]
    roles: dict[str, list[str]]
    acting_commander: str | None
    impact: dict[str, Any]

    @property
    def known(self) -> list[Finding]:
        """What holds, and what is still believed; not what was refuted."""
        return [finding for finding in self.findings if finding.certainty != "refuted"]

    @property
    def open_tasks(self) -> list[Task]:
        """Current actions."""
        return [task for task in self.tasks if task.state == "open"]


async def facts(ctx: Context, tx: Tx, number: int) -> Facts:
    """What is known of an incident now. Raises NotFound."""
    row = await reading.get(tx, number)
    if row is None:
        raise unknown(number)
    return await facts_of(tx, row)


async def facts_of(tx: Tx, row: Row) -> Facts:
    """The same, of an incident whose row has been read."""
    number, roles = row["id"], row["roles"]
    return Facts(
        findings=await room.findings(tx, number),
        tasks=await room.tasks(tx, number),
        decisions=await room.decisions(tx, number),
        roles={role: held for role in ROLES if (held := holders(roles, role))},
        acting_commander=acting_commander(roles, row["acknowledged_by"], row["assignee"]),
        impact=row["impact"],
    )
