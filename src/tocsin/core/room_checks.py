"""What can be wrong with a configured room. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from tocsin.core.errors import Invalid
from tocsin.core.room import BUILTIN, Room
from tocsin.core.severity import parse
from tocsin.core.shape import Fault, unknown


class Member(Protocol):
    """What the checks need to know of a kind of room (`plugins.rooms.base.Room`)."""

    def problem(self, settings: Mapping[str, str]) -> str | None: ...


def room_faults(room: Room, members: Mapping[str, Member]) -> Iterator[Fault]:
    """What is wrong with one, besides the services that it names."""
    if room.id == BUILTIN:
        yield Fault(("id",), f"{BUILTIN!r} is the room that every incident has: choose another id")
    for position, word in enumerate(room.severities):
        try:
            parse(word)
        except Invalid as error:
            yield Fault(("severities", position), str(error))
    member = members.get(room.type)
    if member is None:
        yield Fault(("type",), unknown("type of room", room.type, members))
    elif (problem := member.problem(room.settings)) is not None:
        field, _, said = problem.partition(": ")
        yield Fault((field,), said) if field in ("url", "secret") else Fault((), problem)
