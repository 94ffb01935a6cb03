"""What one configured object said before: every revision in which it was written or removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tocsin.store.database import Tx


class Version(msgspec.Struct, frozen=True):
    """An object as one revision left it. `body` is its plain form; None: removed in this revision."""

    revision: int
    at: datetime
    actor: str
    body: Any


_COLUMNS = "revision, at, actor, body"


async def newest_first(tx: Tx, kind: str, id: str, below: int | None, limit: int) -> list[Version]:
    """Up to `limit` versions older than the revision `below` (None: from the newest on)."""
    rows = await tx.fetch(
        f"""SELECT {_COLUMNS} FROM object_history WHERE kind = $1 AND id = $2 AND ($3::bigint IS NULL OR revision < $3)
            ORDER BY revision DESC LIMIT $4""",
        kind, id, below, limit,
    )  # fmt: skip
    return [Version(*row) for row in rows]


async def as_of(tx: Tx, kind: str, id: str, revision: int) -> Version | None:
    """The object as it was in force at a revision, or None when it was never written until then."""
    row = await tx.fetchrow(
        f"""SELECT {_COLUMNS} FROM object_history WHERE kind = $1 AND id = $2 AND revision <= $3
            ORDER BY revision DESC LIMIT 1""",
        kind, id, revision,
    )  # fmt: skip
    return Version(*row) if row else None
