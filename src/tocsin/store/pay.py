"""Rates of pay, each from its first day on."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from tocsin.core.pay import InForce, Rates
from tocsin.store.database import Tx


async def rates(tx: Tx) -> list[InForce]:
    """All rates that ever held or will, by their first day."""
    rows = await tx.fetch("SELECT valid_from, body FROM pay_rates ORDER BY valid_from")
    return [InForce(row[0], msgspec.convert(row[1], Rates)) for row in rows]


async def put(tx: Tx, since: date, body: Rates, actor: str, now: datetime) -> None:
    """Rates from that day on; those that began on the same day are replaced."""
    await tx.execute(
        """INSERT INTO pay_rates (valid_from, body, updated_at, updated_by) VALUES ($1, $2, $3, $4)
           ON CONFLICT (valid_from) DO UPDATE
             SET body = EXCLUDED.body, updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by""",
        since, msgspec.to_builtins(body), now, actor,
    )  # fmt: skip


async def remove(tx: Tx, since: date) -> bool:
    """False when no rates begin on that day."""
    done: str = await tx.execute("DELETE FROM pay_rates WHERE valid_from = $1", since)
    return done.endswith(" 1")
