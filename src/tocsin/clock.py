"""The only reader of time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The database's time, as this node estimates it: an anchor read from the database plus monotonic time since.

    The node's own wall clock may jump either way without any timer firing early or late.
    """

    def __init__(self) -> None:
        self._anchor = datetime.now(UTC)
        self._at = time.monotonic()
        self.offset = timedelta()
        """The database's clock minus this node's wall clock, at the last synchronisation."""

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=time.monotonic() - self._at)

    def wall(self) -> datetime:
        """This node's own wall clock: only for telling how far it is off."""
        return datetime.now(UTC)

    def synchronise(self, database_time: datetime, asked: float, answered: float) -> timedelta:
        """Follow `database_time`, read between the monotonic instants `asked` and `answered` (seconds).

        When the answer came, that time was as old as the question at most. An estimate within these bounds stays: a slow answer
        knows less than we do. Any other is replaced by the lower bound, so that no timer fires early.
        Returns how far the estimate was off (positive: we were behind).
        """
        estimate = self._anchor + timedelta(seconds=answered - self._at)
        slip = database_time - estimate
        if slip > timedelta() or -slip > timedelta(seconds=answered - asked):
            self._anchor, self._at = database_time, answered
        else:
            slip = timedelta()
        self.offset = self.now() - self.wall()
        return slip


class TravelClock(Clock):
    """A clock that stories can move. It never follows the database's time."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta) -> None:
        self._now += delta

    def synchronise(self, database_time: datetime, asked: float, answered: float) -> timedelta:
        return timedelta()
