"""Somebody is knocking: senders with keys that we do not know. Counted in memory, written every few seconds at most, so that a
flood of wrong keys costs the database nothing."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime

import structlog

from tocsin.core.errors import Unavailable
from tocsin.flow.context import Context
from tocsin.store import knocks
from tocsin.store.knocks import Knock

log = structlog.get_logger("tocsin.knocks")

MOST_AT_ONCE = 256
"""Different keys remembered between two writes; further ones are counted together, without hint."""
LONGEST = 256
"""Characters of a key that are looked at."""
PAUSE = 2.0
"""Seconds between two writes."""


def hint(key: str) -> str:
    """Enough to recognise a key by, not enough to use it: the first and last four characters of a long one."""
    if len(key) < 16:
        return f"({len(key)} characters)"
    return "".join(c if c.isprintable() else "?" for c in f"{key[:4]}…{key[-4:]}")


class Knocking:
    """Counts knocks and writes them in batches. `stop` writes what is left."""

    def __init__(self, ctx: Context, pause: float = PAUSE) -> None:
        self._ctx = ctx
        self._pause = pause
        self._heard: dict[tuple[str, str], tuple[int, datetime, datetime]] = {}
        self._task: asyncio.Task[None] | None = None

    def heard(self, key: str, door: str) -> None:
        """Count one. Cheap; never fails."""
        now = self._ctx.clock.now()
        place = (key[:LONGEST], door)
        count, first, _ = self._heard.get(place, (0, now, now))
        if not count and len(self._heard) >= MOST_AT_ONCE:
            place = ("", door)
            count, first, _ = self._heard.get(place, (0, now, now))
        self._heard[place] = (count + 1, first, now)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_later())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._write()

    async def _write_later(self) -> None:
        while self._heard:
            await asyncio.sleep(self._pause)
            await self._write()

    async def _write(self) -> None:
        heard, self._heard = self._heard, {}
        rows = [
            Knock(hint(key) if key else "(many)", door, hashlib.sha256(key.encode(errors="replace")).digest(), *counted)
            for (key, door), counted in heard.items()
        ]
        if not rows:
            return
        try:
            async with self._ctx.db.transaction() as tx:
                await knocks.add(tx, rows)
        except Unavailable as error:
            log.warning("knocks not counted: the database is away", lost=len(rows), error=str(error))
