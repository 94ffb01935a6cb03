"""What a stage of the story may touch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from tocsin.clock import Clock
from tocsin.core.directory import Directory
from tocsin.core.matrix import Rules
from tocsin.flow.recall import Recall
from tocsin.flow.silences import Silences
from tocsin.plugins.channels.base import Channel
from tocsin.plugins.probes.base import Probe
from tocsin.plugins.renderer import Renderer
from tocsin.plugins.rooms.base import Room
from tocsin.settings import Settings
from tocsin.store.database import Database
from tocsin.store.ids import Ids
from tocsin.store.notices import Notice
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer


class Wake:
    """Wakes whoever waits for new work on this node: the timers, the deliveries, the readers of the stream.

    `set(topic)` after a commit; other nodes hear it by NOTIFY (sent inside the transaction by the store functions).
    """

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    def on(self, topic: str, callback: Callable[[], None]) -> None:
        """Topics: `timers`, `timeline`, `configuration`, `announced`."""
        self._listeners.setdefault(topic, []).append(callback)

    def off(self, topic: str, callback: Callable[[], None]) -> None:
        self._listeners[topic].remove(callback)

    def set(self, *topics: str) -> None:
        for topic in topics:
            for callback in tuple(self._listeners.get(topic, ())):
                callback()

    def event(self, topic: str) -> asyncio.Event:
        """An event that is set whenever `topic` is woken."""
        event = asyncio.Event()
        self.on(topic, event.set)
        return event


@dataclass
class Context:
    """One node's things, made by the composition root. `directory` is replaced whole when the configuration changes."""

    settings: Settings
    clock: Clock
    db: Database
    channels: Mapping[str, Channel]
    secret: bytes
    instance: str
    directory: Directory = field(default_factory=Directory)
    node: UUID = field(default_factory=uuid4)
    wake: Wake = field(default_factory=Wake)
    ids: Ids = field(default_factory=Ids)
    announced: set[str] = field(default_factory=set)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    """What measures whether a service works, by type."""
    rules: dict[int, Rules] = field(default_factory=dict)
    """The rules of severities that this node knows to be in the database, by number (flow/rules)."""
    in_the_loop: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Who gets copies of the pages of a schedule, because the handoff of their shift is not signed (flow/relieve.py keeps it)."""
    silences: Silences = field(default_factory=Silences)
    recall: Recall = field(default_factory=Recall)
    hand_over: Callable[[Sequence[Held]], None] = lambda held: None
    """Where notifications leased to this node go once they are committed (without deliveries their lease runs out, and any
    node takes them)."""
    carry: Callable[[Timer, Notice], None] = lambda timer, notice: None
    """Where news goes whose timers are leased to this node (flow/notices)."""
    rooms: Mapping[str, Room] = field(default_factory=dict)
    """Kinds of rooms by type."""
    talk: Callable[[str, Timer], None] = lambda lane, timer: None
    """Where rooms go that have something to hear and whose timers are leased to this node, with what they block (flow/talking)."""
    talking: Counter[str] = field(default_factory=Counter)
    """How many rooms of each provider are being told something."""
    carrying: Counter[str] = field(default_factory=Counter)
    """How much news is on its way by each channel."""
    renderer: Renderer = field(default_factory=Renderer)
    """Renders templates that people wrote, where they can do no harm."""
    chores: set[asyncio.Task[None]] = field(default_factory=set)
    """Work of timers that takes too long to stand between the others, while it goes on."""
    beside: Counter[str] = field(default_factory=Counter)
    """How many timers of a kind this node has in hand beside the loop (flow/beside)."""
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Of them, how many at the same time: connections are for people who are paged."""
    samplers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(10))
    """Watched incidents whose probes are sampled at the same time: that waits for their services, not for the database."""
    letters: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Letters to subscribers on their way at the same time, whatever their news: the mail server's other places are for people who
    are paged (flow/mailings)."""
    subscribed: bool = False
    """Somebody asked to be told of incidents without being on call (flow/responding.py keeps it)."""
    finals: dict[str, Any] = field(default_factory=dict)
    """The final schedules around now, by schedule (manage/oncall)."""
    feeds: dict[tuple[str, str], tuple[tuple[int, datetime], bytes]] = field(default_factory=dict)
    """Calendars made today from this configuration, by kind and id (manage/calendars)."""

    def announce(self, topic: str) -> None:
        """Let the other nodes hear of `topic` within a moment. Not part of the transaction: a NOTIFY inside one makes all commits
        of the database take turns, and whoever misses it looks for himself."""
        self.announced.add(topic)
        self.wake.set("announced")

    def chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Let work of a leased timer go its way beside the others. Whatever ends it before its time, the lease brings it back."""
        task = asyncio.create_task(work)
        self.chores.add(task)
        task.add_done_callback(self.chores.discard)

    async def give_up_chores(self) -> None:
        """The node stops."""
        chores = list(self.chores)
        for task in chores:
            task.cancel()
        await asyncio.gather(*chores, return_exceptions=True)

    @property
    def lease(self) -> float:
        """Seconds for which claimed work belongs to the node that claimed it."""
        return self.settings.lease_seconds
