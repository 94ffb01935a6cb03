"""What is written once, when a database becomes Tocsin's."""

from __future__ import annotations

from typing import NamedTuple

from tocsin.store.database import Tx


class Installation(NamedTuple):
    """`instance` (a uuid) names this installation to the outside; `secret` (64 hex digits) signs its links.

    `push_key` (64 hex digits) is the private key by which push services know it.
    """

    instance: str
    secret: str
    push_key: str


async def installation(tx: Tx) -> Installation:
    """The installation that this migrated database belongs to."""
    row = await tx.fetchrow("SELECT instance::text, secret, push_key FROM configuration")
    return Installation(row["instance"], row["secret"], row["push_key"])
