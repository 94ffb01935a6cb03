"""What moves when one incident goes into another, and what went where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.core.incident import display_name
from tocsin.store.database import Tx


async def merged_into(tx: Tx, incident: int) -> list[int]:
    """The incidents that went into this one, oldest first."""
    rows = await tx.fetch("SELECT id FROM incidents WHERE merged_into = $1 ORDER BY id", incident)
    return [row[0] for row in rows]


async def move_alerts(tx: Tx, one: int, other: int) -> int:
    """Every alert of `one`, open or not, belongs to `other` now, and what repeats it finds it there. Returns how many.

    The alerts of both are marked: whichever comes again after it ended joins `other` while that is open.
    """
    await tx.execute("UPDATE alerts SET merged = true WHERE incident_id = $1 AND NOT merged", other)
    done: str = await tx.execute("UPDATE alerts SET incident_id = $2, merged = true WHERE incident_id = $1", one, other)
    await tx.execute("UPDATE incidents SET gathers = true WHERE id = $1", other)
    await tx.execute("UPDATE timers SET incident_id = $2 WHERE incident_id = $1 AND kind = 'expire'", one, other)
    return int(done.rsplit(" ", 1)[1])


_HOMES = """
WITH k AS (SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (service, key, position))
SELECT k.position, i.id FROM k CROSS JOIN LATERAL (
  SELECT i.id FROM alerts a JOIN incidents i ON i.id = a.incident_id
  WHERE a.merged AND a.service = k.service AND a.dedup_key = k.key AND i.status NOT IN ('resolved', 'closed')
  ORDER BY i.id DESC LIMIT 1
) i
UNION ALL
SELECT k.position, max(w.id)
FROM (SELECT id FROM incidents WHERE status = 'monitoring' ORDER BY id LIMIT 1000) w
CROSS JOIN LATERAL (SELECT service, dedup_key FROM alerts WHERE incident_id = w.id OFFSET 0) a
JOIN k ON k.service = a.service AND k.key = a.dedup_key
GROUP BY k.position
"""


async def homes(tx: Tx, keys: Sequence[tuple[str, str]]) -> dict[int, list[int]]:
    """position of a (service, dedup key) -> the open incidents that an alert of this key belongs to when it comes again: the one that
    it was merged into, and one in its stability watch (see `intake.look`)."""
    found: dict[int, list[int]] = {}
    for position, incident in await tx.fetch(_HOMES, [service for service, _ in keys], [key for _, key in keys]):
        found.setdefault(position - 1, []).append(incident)
    return found


async def follow_words(tx: Tx, one: int, other: int) -> bool:
    """What the public was told of `one` is told of `other` from now on, which is known to it since then, by the name that it knows.

    False when the public knows nothing of `one`.
    """
    found = await tx.fetchval(
        """UPDATE incidents o SET
             public_title = COALESCE(o.public_title, CASE WHEN o.public_at IS NULL THEN COALESCE(NULLIF(m.public_title, ''), m.title) END),
             public_at = LEAST(o.public_at, m.public_at)
           FROM incidents m WHERE m.id = $1 AND o.id = $2 AND m.public_at IS NOT NULL AND NOT m.private RETURNING o.id""",
        one, other,
    )  # fmt: skip
    return found is not None


async def names(tx: Tx, incidents: Sequence[int]) -> dict[int, str]:
    """What people call them: `INC-2026-041`."""
    return {number: display_name(number, at) for number, (_, _, at) in (await titles(tx, incidents)).items()}


async def titles(tx: Tx, incidents: Sequence[int]) -> dict[int, tuple[str, str, datetime]]:
    """(title, status, when it was created) of each."""
    rows = await tx.fetch(
        "SELECT id, title, status, created_at FROM incidents WHERE id = ANY($1::bigint[])", sorted(set(incidents))
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}
