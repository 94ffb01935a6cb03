"""Whose turn it is at a step with round robin: one row for each step, locked until the turn that was taken is committed."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.store.database import Tx

Key = tuple[str, int]
"""A policy and one of its steps (from 0)."""


async def hold(tx: Tx, key: Key) -> int:
    """The number of the next turn. Nobody else gets it until this transaction ends."""
    number: int = await tx.fetchval(
        """INSERT INTO turns (policy, step) VALUES ($1, $2)
           ON CONFLICT (policy, step) DO UPDATE SET next = turns.next RETURNING next""",
        *key,
    )
    return number


async def keep(tx: Tx, taken: Mapping[Key, int]) -> None:
    """Turns were taken: the number of the next one, by step. The rows are held by this transaction."""
    for (policy, step), number in sorted(taken.items()):
        await tx.execute("UPDATE turns SET next = $3 WHERE policy = $1 AND step = $2", policy, step, number)


async def standing(tx: Tx) -> dict[Key, int]:
    """The number of the turn that comes next, by step; nothing is held."""
    rows = await tx.fetch("SELECT policy, step, next FROM turns")
    return {(row[0], row[1]): row[2] for row in rows}
