"""Which private incidents somebody may not see. A private one is seen by whoever is on it, was asked about it, or was let in."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.store.database import Tx

_SEES = """(
  i.assignee = $1 OR $1 = ANY(i.responders) OR $1 = ANY(i.readers) OR $2 = ANY(i.readers)
  OR i.reporter = $2 OR i.reporter = $1 OR i.acknowledged_by = $2
  OR jsonb_path_exists(i.roles, '$.*[*] ? (@ == $user)', jsonb_build_object('user', $1::text))
  OR i.handover ->> 'to' = $1
  OR EXISTS (SELECT FROM pages p WHERE p.incident_id = i.id AND p.user_id = $1)
)"""
"""Of a private incident, for user $1 (NULL for a token) whose name on timelines is $2. Whom it paged must be able to read it."""


async def hidden(tx: Tx, user: str | None, actor: str) -> list[int]:
    """The private incidents that this person or token may not see."""
    rows = await tx.fetch(f"SELECT i.id FROM incidents i WHERE i.private AND {_SEES} IS NOT TRUE", user, actor)
    return [row[0] for row in rows]


async def is_hidden(tx: Tx, incident: int, user: str | None, actor: str) -> bool:
    """May they not see this incident?"""
    return bool(
        await tx.fetchval(
            f"SELECT true FROM incidents i WHERE i.id = $3 AND i.private AND {_SEES} IS NOT TRUE", user, actor, incident
        )
    )


async def private_among(tx: Tx, incidents: Sequence[int]) -> set[int]:
    """Those of the incidents that are private."""
    rows = await tx.fetch("SELECT id FROM incidents WHERE private AND id = ANY($1::bigint[])", sorted(set(incidents)))
    return {row[0] for row in rows}
