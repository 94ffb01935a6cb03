"""Places at providers: who may send next, so that a slow provider never holds up another."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection

from tocsin.plugins.channels.base import Channel
from tocsin.store.notifications import Held

CROWDED = 4
"""A lane is crowded when so many times its places wait for one."""
_MOST = 1000
"""Lanes remembered; more are forgotten when they rest."""


class Lane:
    """One provider: who waits for a place, and how many places are taken."""

    __slots__ = ("busy", "lanes", "people", "waiting")

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.busy = 0
        self.waiting: deque[Held] = deque()
        self.people: Counter[tuple[str, str]] = Counter()
        """Of those who wait: (user, method)."""

    def put(self, held: Held) -> None:
        self.waiting.append(held)
        self.people[held.user_id, held.method] += 1

    def take(self) -> Held:
        held = self.waiting.popleft()
        person = held.user_id, held.method
        self.people[person] -= 1
        if not self.people[person]:
            del self.people[person]
        return held


class Lanes:
    """The providers of one channel. They share its places: each may take at most `lane_limit`, and, once there are several, at
    most as many as are still free. So however many providers hang, a place is left for one that does not.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.busy = 0
        self._lanes: dict[str, Lane] = {}
        self._queues: dict[Lane, None] = {}
        """The lanes in which somebody waits."""

    def lane(self, name: str) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            if len(self._lanes) > _MOST:
                self._lanes = {name: lane for name, lane in self._lanes.items() if lane.busy or lane.waiting}
            lane = self._lanes[name] = Lane(self)
        return lane

    def put(self, lane: Lane, held: Held) -> None:
        """`held` waits for a place."""
        lane.put(held)
        self._queues[lane] = None

    def grant(self) -> list[tuple[Held, Lane]]:
        """Give what is free to who waits first in each lane, to the least busy lane before the others."""
        granted: list[tuple[Held, Lane]] = []
        queues = list(self._queues)
        if len(queues) > 1:
            queues.sort(key=lambda lane: lane.busy)
        for lane in queues:
            while lane.waiting and lane.busy < self._share():
                granted.append((lane.take(), lane))
                lane.busy += 1
                self.busy += 1
            if not lane.waiting:
                del self._queues[lane]
        return granted

    def _share(self) -> int:
        free = self.channel.concurrency - self.busy
        return min(self.channel.lane_limit, free if len(self._lanes) > 1 else self.channel.concurrency)

    def leave(self, lane: Lane) -> None:
        """A place is free again."""
        lane.busy -= 1
        self.busy -= 1

    def crowded(self) -> list[tuple[str, str]]:
        """(user, method) of those who wait in lanes so full that more of their kind had better wait in the database."""
        most = CROWDED * self.channel.lane_limit
        return [person for lane in self._queues if len(lane.waiting) >= most for person in lane.people]

    def waiting_in_crowds(self) -> int:
        """How many wait in such lanes."""
        most = CROWDED * self.channel.lane_limit
        return sum(len(lane.waiting) for lane in self._queues if len(lane.waiting) >= most)

    def drop(self, ids: Collection[int]) -> list[int]:
        """Forget those who wait no longer; returns their ids."""
        dropped: list[int] = []
        for lane in list(self._queues):
            gone = [held.id for held in lane.waiting if held.id in ids]
            if gone:
                dropped += gone
                left = [held for held in lane.waiting if held.id not in ids]
                lane.waiting.clear()
                lane.people.clear()
                for held in left:
                    lane.put(held)
        return dropped

    def pull(self, people: Collection[tuple[str, str]]) -> list[Held]:
        """Take out those who wait for one of these (user, method)."""
        found = [held for lane in self._queues for held in lane.waiting if (held.user_id, held.method) in people]
        if found:
            self.drop({held.id for held in found})
        return found

    def clear(self) -> None:
        """Nobody waits any more."""
        for lane in self._queues:
            lane.waiting.clear()
            lane.people.clear()
        self._queues.clear()
