"""The silences as this node holds them: read again when one was made, changed or ended, indexed once."""

from __future__ import annotations

from datetime import datetime

from tocsin.core.silencer import Silencer
from tocsin.store import mutes
from tocsin.store.database import Tx


class Silences:
    """One index for many batches. A stamp (count, sum of versions) says whether it still is what the database holds."""

    def __init__(self) -> None:
        self._stamp: tuple[int, int] | None = None
        self._held = Silencer()

    async def now(self, tx: Tx, stamp: tuple[int, int], now: datetime) -> Silencer:
        """The silences that have not ended, of which the database just said `stamp`."""
        if stamp != self._stamp:
            # Read after the stamp: what changes in between is read too early, and its new stamp makes us read again.
            self._held, self._stamp = Silencer(await mutes.standing(tx, now)), stamp
        return self._held

    async def current(self, tx: Tx, now: datetime) -> Silencer:
        """The same for whoever has not asked for the stamp yet."""
        return await self.now(tx, await mutes.stamp(tx, now), now)
