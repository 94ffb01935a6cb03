"""Whoever shadows a shift, or is still in its loop because the handoff is not signed, gets a copy of each of its pages: an update, which
nobody waits for and nobody can answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from tocsin.core.directory import Directory
from tocsin.core.notification import plan
from tocsin.core.schedule import shadows
from tocsin.core.severity import Urgency
from tocsin.core.timeline import Entry
from tocsin.store.notices import NewNotice

PATIENCE = timedelta(minutes=30)
"""How long a copy is tried."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The page that is copied. `via` is what led to its person (`schedule:payments-primary`); `step` counts from 1."""

    incident: int
    page: int
    step: int
    user: str
    via: str
    urgency: Urgency


def copies(
    directory: Directory,
    page: Copied,
    paged: Collection[str],
    now: datetime,
    loop: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[list[NewNotice], list[Entry]]:
    """The copies of one page and what the incident tells of them. Who is paged as well (`paged`) needs no copy.

    `loop`: per schedule those whose handoff nobody signed yet (flow/relieve).
    """
    kind, _, name = page.via.partition(":")
    schedule = directory.schedules.get(name) if kind == "schedule" else None
    if schedule is None or not (schedule.shadows or name in loop):
        return [], []
    notices: list[NewNotice] = []
    entries: list[Entry] = []
    person = directory.users.get(page.user)
    label, title = person.label if person else page.user, schedule.name or name
    readers = dict.fromkeys(loop.get(name, ()), (f"{label} has not signed the handoff of {title}", "handed over"))
    readers |= dict.fromkeys(shadows(schedule, now), (f"you shadow {label} ({title})", "shadows"))
    for reader, (why, does) in readers.items():
        if reader in paged or reader not in directory.users:
            continue
        notices += _notices(directory, page, reader, f"A copy for you, nothing to answer: {why}.", now)
        user = directory.users[reader]
        data = {"page": page.page, "user": reader, "via": page.via}
        entries.append(Entry(at=now, kind="copied", actor="tocsin", details=f"{user.label} {does} {title}", data=data))
    return notices, entries


def _notices(directory: Directory, page: Copied, shadow: str, heading: str, now: datetime) -> Iterator[NewNotice]:
    """By the reader's own rules; later ones only as long as nobody answered."""
    for after, method in plan(directory.users[shadow], page.urgency):
        yield NewNotice(
            key=f"copy:{page.page}:{shadow}:{method.id}:{after}", kind="copy", user_id=shadow, method=method.id,
            channel=method.type, heading=heading, incident_id=page.incident, page_id=page.page, step=page.step,
            waits=bool(after), created_at=now, due_at=now + after.delta, deadline_at=now + after.delta + PATIENCE,
        )  # fmt: skip
