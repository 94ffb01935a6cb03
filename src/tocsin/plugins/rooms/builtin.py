"""The room that every incident has: its own page. It is the timeline itself, so whatever is told to it stands there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tocsin.core.room import BUILTIN
from tocsin.plugins.channels.base import Field, Receipt, field_problem
from tocsin.plugins.rooms.base import Line, Opened, Person, Place, Summary, Topic

_HERE = Receipt("on the timeline")


class BuiltinRoom:
    """Needs nothing, never fails."""

    type = BUILTIN
    label = "Built-in room"
    fields: tuple[Field, ...] = ()
    listens = False
    timeout = 1.0
    lane_limit = 100

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return field_problem(self.fields, settings)

    def lane(self, settings: Mapping[str, str]) -> str:
        return self.type

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def open(self, place: Place, topic: Topic) -> Opened:
        return Opened(receipt=_HERE, ref=place.incident.id, url=place.incident.url)

    async def set_topic(self, place: Place, topic: Topic) -> Receipt:
        return _HERE

    async def invite(self, place: Place, people: Sequence[Person]) -> Receipt:
        return _HERE

    async def pin(self, place: Place, summary: Summary) -> Receipt:
        return _HERE

    async def post(self, place: Place, line: Line) -> Receipt:
        return _HERE

    async def close(self, place: Place, why: Literal["resolved", "closed", "merged", "private"]) -> Receipt:
        return _HERE
