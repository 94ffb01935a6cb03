"""Row ids handed out before the rows are written, so that one statement can write rows that name each other."""

from __future__ import annotations

from collections import deque
from typing import Literal

from tocsin.store.database import Tx


class OutOfIds(Exception):
    """More rows were planned than ids were reserved for: reserve and plan again."""


Table = Literal["alerts", "escalations", "pages", "notifications"]

_BLOCK = 1000


class Ids:
    """Blocks of ids taken from the sequences of the hot tables. Ids that are not used leave gaps, which nobody sees.

    Incident numbers are not among them: people say those, so they are taken one by one.
    """

    def __init__(self) -> None:
        self._free: dict[Table, deque[int]] = {
            "alerts": deque(),
            "escalations": deque(),
            "pages": deque(),
            "notifications": deque(),
        }
        self._given: dict[str, int] = {}
        self._short: dict[str, int] = {}

    def next(self, table: Table) -> int:
        """The next id. Raises OutOfIds when `reserve` was not asked for enough; it gives twice as many the next time."""
        free = self._free[table]
        if not free:
            self._short[table] = 2 * self._given.get(table, _BLOCK)
            raise OutOfIds(table)
        return free.popleft()

    async def reserve(self, tx: Tx, **counts: int) -> None:
        """Make sure that at least `counts[table]` ids of each named table are at hand.

        Who ran short and asks for the same again gets more each time: nobody knows beforehand how many people a batch pages.
        """
        for table, asked in counts.items():
            free = self._free[table]  # type: ignore[index]
            count = self._given[table] = max(asked, self._short.pop(table, 0))
            if len(free) < count:
                free.extend(await _take(tx, table, max(_BLOCK, count)))


async def incident_numbers(tx: Tx, count: int) -> list[int]:
    """The next `count` incident numbers."""
    return await _take(tx, "incidents", count)


async def _take(tx: Tx, table: str, count: int) -> list[int]:
    rows = await tx.fetch(
        """WITH s AS MATERIALIZED (SELECT pg_get_serial_sequence($1, 'id')::regclass AS name)
           SELECT nextval(s.name) FROM s, generate_series(1, $2::int)""",
        table, count,
    )  # fmt: skip
    return [row[0] for row in rows]
