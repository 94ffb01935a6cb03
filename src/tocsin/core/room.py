"""Rooms where responders talk: which rooms an incident gets besides its own page. Pure.

The page of the incident is always a room, and always the truth; what is configured here follows it (S0-37, S0-59, S0-88).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from tocsin.core.severity import Severity, parse
from tocsin.core.spelling import Written

BUILTIN = "builtin"
"""The id of the room that every incident has: its page."""


class Room(Written, frozen=True, kw_only=True):
    """A place outside that gets a room of its own for each incident of these `severities` and `services` (none named: of all).

    `url` and `secret` mean what the plug-in of that `type` says. `private`: private incidents may go there, too.
    """

    id: str
    type: str
    url: str = ""
    secret: str = ""
    severities: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    private: bool = False

    @property
    def settings(self) -> dict[str, str]:
        """What the plug-in is given: the fields that are filled."""
        return {name: value for name in ("url", "secret") if (value := getattr(self, name))}


State = Literal["opening", "open", "closed"]
EventKind = Literal["open", "topic", "invite", "pin", "message", "close"]
EventState = Literal["pending", "delivered", "failed", "superseded"]


def wanted(
    rooms: Mapping[str, Room], severity: Severity, services: Collection[str], *, private: bool = False
) -> list[Room]:
    """The configured rooms that an incident of this severity on these services gets."""
    return [
        room
        for room in rooms.values()
        if (not room.severities or severity in {parse(word) for word in room.severities})
        and (not room.services or any(service in room.services for service in services))
        and (room.private or not private)
    ]
