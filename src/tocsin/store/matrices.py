"""The rules that incidents keep, by their number. A row is written once and never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from tocsin.core.matrix import Rules, read_rules
from tocsin.store.database import Tx


async def keep(tx: Tx, rules: Mapping[int, Rules], now: datetime) -> None:
    """Write those that are not there yet."""
    for number in sorted(rules):
        await tx.execute(
            "INSERT INTO matrices (id, body, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
            number, rules[number].plain(), now,
        )  # fmt: skip


async def load(tx: Tx, numbers: Iterable[int]) -> dict[int, Rules]:
    """The rules with these numbers, as far as they are there."""
    rows = await tx.fetch("SELECT id, body FROM matrices WHERE id = ANY($1::bigint[])", sorted(set(numbers)))
    return {row["id"]: read_rules(row["body"]) for row in rows}
