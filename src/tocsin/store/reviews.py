"""Reviews: one for each incident that was resolved, with what people wrote into it."""

from __future__ import annotations

from tocsin.store.database import Tx


async def settled(tx: Tx, number: int) -> bool:
    """Is the review of this incident published or waived?"""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM reviews WHERE incident = $1 AND state IN ('published', 'waived'))", number
    )
    return found
