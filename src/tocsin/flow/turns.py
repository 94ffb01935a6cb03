"""Round robin: each incident that comes to such a step takes a turn, and no two take the same, whichever node they come to."""

from __future__ import annotations

from tocsin.store import turns
from tocsin.store.database import Tx
from tocsin.store.turns import Key


class OutOfTurns(Exception):
    """A plan came to a step whose turns this transaction does not hold yet: hold them and plan again."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class Turns:
    """The turns that one transaction takes. A plan may be made several times; what the last one took counts."""

    def __init__(self) -> None:
        self._held: dict[Key, int] = {}
        self._taken: dict[Key, int] = {}

    def begin(self) -> None:
        """A plan begins (anew)."""
        self._taken = {}

    def take(self, policy: str, step: int) -> int:
        """The number of this turn. Raises OutOfTurns."""
        key = (policy, step)
        if key not in self._held:
            raise OutOfTurns(key)
        number = self._taken.get(key, self._held[key])
        self._taken[key] = number + 1
        return number

    async def hold(self, tx: Tx, missing: OutOfTurns) -> None:
        self._held[missing.key] = await turns.hold(tx, missing.key)

    async def keep(self, tx: Tx) -> None:
        """The plan is made: write which turns it took."""
        if self._taken:
            await turns.keep(tx, self._taken)
