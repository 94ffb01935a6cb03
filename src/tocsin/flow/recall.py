"""What a node remembers of what is open, so that a batch need not always look first.

A guess only: the one statement that acts on it proves it, and what is not as guessed is looked at like everything else. So most of a
storm costs one trip to the database instead of two, and so does an alert out of the blue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from tocsin.core.directory import Directory
from tocsin.core.inhibition import rules_of
from tocsin.flow.batch import Run
from tocsin.store.intake import Found

FRESH = timedelta(seconds=1)
"""How long after a look batches may go without one: what nobody told us (a change of the configuration) is seen then."""
MOST_SEEN = 20_000
"""Keys remembered as open."""
MOST_ROOMS = 5_000
MOST_NUMBERS = 64
"""Incident numbers at hand: those that a node does not use are left out for ever."""
LONGEST_PAUSE = 64
"""Batches that look first after guesses that went wrong."""

Group = tuple[str, str]


class Room(NamedTuple):
    """The open incident of a group; `opened`: seconds since 1970. How long new alerts join it is for the configuration to say."""

    incident: int
    severity: int
    opened: int


class Recall:
    """One node's memory. It forgets much, and may be wrong."""

    def __init__(self) -> None:
        self.numbers: deque[int] = deque()
        self._rooms: dict[Group, Room] = {}
        self._seen: dict[Group, None] = {}
        self._looked_at: datetime | None = None
        self._calm = False
        self._revision = 0
        self._pause = self._penalty = 0
        self._size = 1

    def wanted(self, runs: int) -> int:
        """How many incident numbers to fetch beforehand, for batches of this size."""
        self._size = min(MOST_NUMBERS, runs)
        return max(0, self._size - len(self.numbers))

    def guesses(self, directory: Directory, runs: Sequence[Run], now: datetime) -> bool:
        """May these alerts be written without a look? Not when one of their keys is known to be open."""
        if self._pause:
            self._pause -= 1
            return False
        fresh = self._calm and self._looked_at is not None and now - self._looked_at < FRESH
        if not fresh or self._revision != directory.revision or rules_of(directory):
            return False
        seen = self._seen
        return not any((run.service, run.key) in seen or run.first.ref.service.depends_on for run in runs)

    def rooms(self, runs: Sequence[Run], groups: Sequence[Group | None], now: datetime) -> list[Room | None] | None:
        """Where each of these new alerts belongs: all in a room that is known, or each in an incident of its own (None).

        None instead of the list: look first.
        """
        found: list[Room | None] = []
        at = now.timestamp()
        for run, group in zip(runs, groups, strict=True):
            room = None
            if group is not None:
                room, grouping = self._rooms.get(group), run.first.ref.service.grouping
                over = grouping is None or room is None or room.opened + grouping.window <= at
                if room is None or over or run.severity < room.severity:
                    return None
            found.append(room)
        alone = found.count(None)
        return found if alone == 0 or (alone == len(found) and alone <= len(self.numbers)) else None

    def learn(
        self, found: Found, asked: Sequence[tuple[str, str, datetime]], runs: Sequence[Run], now: datetime
    ) -> None:
        """What a look saw; `asked` are the groups it was asked with (service, key, opened since)."""
        if self._revision != found.revision or len(self._rooms) > MOST_ROOMS:
            self._rooms.clear()
        self._looked_at, self._revision = now, found.revision
        self._calm = not (found.mutes or found.watching)
        self.numbers.extend(found.spare)
        for position, (service, key, _) in enumerate(asked):
            self._rooms.pop((service, key), None)
            if position in found.opened and position not in found.resting:
                self._rooms[service, key] = Room(*found.groups[position], found.opened[position])
        self.remember(runs)

    def remember(self, runs: Sequence[Run]) -> None:
        """Alerts with these keys are open now."""
        self._seen.update(dict.fromkeys([(run.service, run.key) for run in runs]))
        if len(self._seen) > MOST_SEEN:
            for key in list(islice(self._seen, len(self._seen) - MOST_SEEN * 3 // 4)):
                del self._seen[key]

    def proved(self, right: int, of: int) -> None:
        """A guess about `of` alerts was right for so many: who is often wrong looks first for a while."""
        if 2 * right >= of:
            self._penalty //= 2
        else:
            self._penalty = min(LONGEST_PAUSE, 2 * self._penalty + 1)
            self._pause = self._penalty
