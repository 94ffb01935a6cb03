"""What moves when one incident goes into another, and what went where."""

from __future__ import annotations

from collections.abc import Sequence

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


async def titles(tx: Tx, incidents: Sequence[int]) -> dict[int, tuple[str, str]]:
    """(title, status) of each."""
    rows = await tx.fetch(
        "SELECT id, title, status FROM incidents WHERE id = ANY($1::bigint[])", sorted(set(incidents))
    )
    return {row[0]: (row[1], row[2]) for row in rows}
