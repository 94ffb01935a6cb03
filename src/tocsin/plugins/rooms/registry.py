"""The list of rooms."""

from __future__ import annotations

from tocsin.core.room import BUILTIN
from tocsin.plugins.rooms.base import Room
from tocsin.plugins.rooms.builtin import BuiltinRoom
from tocsin.plugins.rooms.webhook import WebhookRoom


def create() -> dict[str, Room]:
    """Every kind of room by its type; nothing is opened or sent."""
    members: tuple[Room, ...] = (BuiltinRoom(), WebhookRoom())
    return {member.type: member for member in members}


CONFIGURED: dict[str, Room] = {type: member for type, member in create().items() if type != BUILTIN}
"""Those that a configuration may name, for whoever checks one. (These are never started.)"""
