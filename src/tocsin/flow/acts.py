"""What every act of a person shares: the incident locked, words checked, one entry told, a sentence back."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid
from tocsin.core.incident import unknown
from tocsin.core.markup import blank
from tocsin.core.role import ROLES, holders
from tocsin.core.timeline import Entry, Kind
from tocsin.store import incidents
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.writing import Writing, write_story

LONGEST_TEXT = 10_000
"""Characters of a note, a reason or a description."""


class Result(msgspec.Struct):
    """What an action did: `changed` is False when it had been done before; `sentence` tells a person."""

    number: int
    changed: bool
    sentence: str


async def locked(tx: Tx, number: int) -> Incident:
    """The incident, ours until the transaction ends. Ask for the time after this, or the story is not in order of time."""
    found = await incidents.lock(tx, [number])
    if number not in found:
        raise unknown(number)
    return found[number]


async def locked_open(tx: Tx, number: int) -> Incident:
    """The same. Raises Conflict when it is over."""
    incident = await locked(tx, number)
    if not incident.open:
        raise Conflict(f"The incident is {incident.status}.")
    return incident


def checked(text: str, pointer: str, needed: bool = True) -> str:
    """What a person wrote, as it is kept. Raises Invalid when it is empty though needed, or too long."""
    text = text.replace("\x00", "\ufffd").strip()
    if needed and blank(text):
        raise Invalid("write something here", pointer)
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"shorten this to {LONGEST_TEXT} characters", pointer)
    return text


def known(directory: Directory, user: str, pointer: str = "/user") -> str:
    """The id of a user. Raises Invalid when there is none."""
    if user not in directory.users:
        raise Invalid(f"there is no user {user!r}", pointer)
    return user


async def tell(tx: Tx, incident: Incident, now: datetime, kind: Kind, actor: str, details: str, **data: object) -> None:
    """Append one entry to a locked incident's story."""
    writing = Writing()
    entry = Entry(at=now, kind=kind, actor=actor, details=details, data=dict(data))
    link = writing.tell(incident.id, incident.link, [entry])
    incident.timeline_seq, incident.timeline_head = link.seq, link.head
    await write_story(tx, writing)


def user_of(actor: str) -> str | None:
    """The user behind an actor (`user:alice` -> `alice`)."""
    return actor.removeprefix("user:") if actor.startswith("user:") else None


def label(directory: Directory, user: str | None) -> str:
    """What people call a user; the id of one who is gone; `nobody` for none."""
    one = directory.users.get(user) if user else None
    return one.label if one else user or "nobody"


def reads(directory: Directory, incident: Incident, user: str) -> bool:
    """May this user be told of the incident? Of a private one only whoever is on it, or was let in, and administrators."""
    if not incident.private:
        return True
    known = directory.users.get(user)
    held = [name for role in ROLES for name in holders(incident.roles, role)]
    on_it = (incident.assignee, *incident.responders, *held, *incident.readers, user_of(incident.acknowledged_by or ""))
    return user in on_it or incident.reporter in (user, f"user:{user}") or (known is not None and known.role == "admin")


async def engaged(tx: Tx, incident: Incident, actor: str, now: datetime) -> None:
    """A person did something that investigates: the first time counts as the engagement (S0-90). A source or we ourselves do not."""
    if incident.engaged_at is None and (user_of(actor) is not None or actor.startswith("token:")):
        await incidents.update(tx, incident, engaged_at=now)
