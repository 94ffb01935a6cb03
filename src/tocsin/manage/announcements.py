"""What people want the status page to say of a maintenance window."""

from __future__ import annotations

from typing import Any

from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.planned import Announcement, MuteKind
from tocsin.core.shape import faults
from tocsin.core.spelling import decode, plain
from tocsin.core.status_checks import announce_faults


def announcement(directory: Directory, given: Any, kind: MuteKind) -> dict[str, Any] | None:
    """`{"title", "message", "components"}` as it is stored; None when nothing is to be announced. Raises Invalid."""
    if given in (None, "", {}):
        return None
    if kind != "maintenance":
        raise Invalid("only maintenance is announced: make it a maintenance window", "/announce")
    page = directory.status_page
    if page is None:
        raise Invalid("there is no status page to announce it on", "/announce")
    for path, message in faults(given, Announcement, ("announce",)):
        raise Invalid(message, "".join(f"/{step}" for step in path))
    wanted = decode(given, Announcement)
    for path, message in announce_faults(wanted, {one.id for one in page.components}):
        raise Invalid(message, "".join(f"/{step}" for step in path))
    made: dict[str, Any] = plain(wanted)
    return made
