"""Imported incidents: which are there already, and what they have besides the columns of every incident."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tocsin.store.database import Tx


async def known(tx: Tx, external_ids: Sequence[str]) -> dict[str, int]:
    """The numbers of incidents that were imported before, by their external id."""
    rows = await tx.fetch(
        "SELECT external_id, id FROM incidents WHERE external_id = ANY($1::text[])", list(external_ids)
    )
    return {row[0]: row[1] for row in rows}


async def lock(tx: Tx) -> None:
    """Imports take turns, so that two of the same file do not both think that they are the first."""
    await tx.execute("SELECT FROM search FOR UPDATE")


async def complete(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Columns of incidents that were written in this transaction; each row has `id` and all of the columns below."""
    await tx.execute(
        """UPDATE incidents i SET external_id = r.external_id, imported_at = r.imported_at, responders = r.responders,
                  roles = r.roles, impact = r.impact, public_title = r.public_title, private = r.private, moments = r.moments,
                  hand_tags = r.hand_tags, acknowledged_cycle = 1, acknowledged_at = r.acknowledged_at,
                  acknowledged_by = r.acknowledged_by, engaged_at = r.engaged_at, identified_at = r.identified_at,
                  restored_at = r.restored_at, resolved_at = r.resolved_at, closed_at = r.closed_at, declared_at = r.declared_at,
                  moved_by_person = true
           FROM jsonb_to_recordset($1) AS r(id bigint, external_id text, imported_at timestamptz, responders text[], roles jsonb,
                  impact jsonb, public_title text, private boolean, moments jsonb, hand_tags jsonb, acknowledged_at timestamptz,
                  acknowledged_by text, engaged_at timestamptz, identified_at timestamptz, restored_at timestamptz,
                  resolved_at timestamptz, closed_at timestamptz, declared_at timestamptz)
           WHERE i.id = r.id""",
        list(rows),
    )
