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
