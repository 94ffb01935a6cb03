"""Row ids handed out before the rows are written, so that one statement can write rows that name each other."""

from __future__ import annotations

from collections import deque
from typing import Literal

from tocsin.store.database import Tx

Table = Literal["alerts", "escalations", "pages", "notifications"]

_BLOCK = 200


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
        """The next id; IndexError when `reserve` was not asked for enough. It gives twice as many the next time."""
        free = self._free[table]
        if not free:
            self._short[table] = 2 * self._given.get(table, _BLOCK)
        return free.popleft()

    async def reserve(self, tx: Tx, **counts: int) -> None:
        """Make sure that at least `counts[table]` ids of each named table are at hand.

        Who ran short and asks for the same again gets more each time: nobody knows beforehand how many people a batch pages.
        """
        for table, asked in counts.items():
            free = self._free[table]  # type: ignore[index]
            count = self._given[table] = max(asked, self._short.pop(table, 0))
            if len(free) < count:
                rows = await tx.fetch(
                    "SELECT nextval(pg_get_serial_sequence($1, 'id')::regclass) FROM generate_series(1, $2::int)",
                    table, max(_BLOCK, count),
                )  # fmt: skip
                free.extend(row[0] for row in rows)


async def incident_numbers(tx: Tx, count: int) -> list[int]:
    """The next `count` incident numbers."""
    rows = await tx.fetch(
        "SELECT nextval(pg_get_serial_sequence('incidents', 'id')::regclass) FROM generate_series(1, $1::int)", count
    )
    return [row[0] for row in rows]
