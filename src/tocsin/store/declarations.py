"""What a declared incident has besides the columns that every incident is born with."""

from __future__ import annotations

from typing import Any

from tocsin.store.database import Tx


async def complete(
    tx: Tx, number: int, *, impact: dict[str, Any], roles: dict[str, Any], private: bool, readers: list[str],
    public_title: str | None, moments: dict[str, dict[str, str]], hand_tags: dict[str, list[str]],
) -> None:  # fmt: skip
    """In the transaction in which the incident was written."""
    await tx.execute(
        """UPDATE incidents SET impact = $2, roles = $3, private = $4, readers = $5, public_title = $6, moments = $7,
                  hand_tags = $8 WHERE id = $1""",
        number, impact, roles, private, readers, public_title, moments, hand_tags,
    )  # fmt: skip
