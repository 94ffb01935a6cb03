"""Rooms outside follow the timeline: opened with the incident, told in order what happens, never waited for.

An incident that is to have rooms is born with a timer, whose handler writes a row for each. From then on a room is
told whatever the timeline has beyond what it was told (core/room_talk.py makes events of it): events are rows, sent one after the other
outside any transaction by flow/talking.py, under the lease of the room's timer. Nobody calls this when something happens: the timeline
is all that is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.core import room as configured
from tocsin.core.directory import Directory
from tocsin.core.impact import stored_impact
from tocsin.core.incident import room_name
from tocsin.core.role import ABOUT, COMMANDER, ROLES
from tocsin.core.room import Room
from tocsin.core.room_talk import About, Entry, Event, Guest, Said, talk
from tocsin.core.severity import Severity
from tocsin.core.spelling import plain
from tocsin.flow.acts import label
from tocsin.flow.context import Context
from tocsin.flow.facts import Facts, facts_of
from tocsin.flow.message import incident_url
from tocsin.store import incidents, rooms, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.reading_incidents import Row
from tocsin.store.rooms import OPENING, Followed
from tocsin.store.timers import Timer
from tocsin.store.writing import NewTimer

AT_ONCE = 100
"""Entries of a timeline that become events in one transaction."""
NOT_CONFIGURED = "The room is not configured any more"


def asked(ctx: Context, services: Sequence[str], severity: Severity, private: bool = False) -> list[Room]:
    """The rooms that an incident of these services gets. Worked out once for each configuration."""
    directory = ctx.directory
    if not directory.rooms:
        return []
    key = ("rooms", tuple(services), severity, private)
    if key not in directory.memo:
        directory.memo[key] = configured.wanted(directory.rooms, severity, services, private=private)
    found: list[Room] = directory.memo[key]
    return found


def born(
    ctx: Context, number: int, services: Sequence[str], severity: Severity, now: datetime, private: bool = False
) -> list[NewTimer]:
    """The timer of an incident that begins now; none when it gets no room but its page."""
    if not asked(ctx, services, severity, private):
        return []
    return [NewTimer(kind=OPENING, subject=number, incident_id=number, due_at=now)]


async def consider(ctx: Context, tx: Tx, incident: Incident, now: datetime) -> None:
    """A locked incident changed its severity: it may get rooms that it had not. Nothing is asked of the database without need."""
    if asked(ctx, incident.affected_services, Severity(incident.severity), incident.private):
        await timers.ensure(tx, OPENING, incident.id, now)


async def begin(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """These incidents are to get their rooms, as far as they have them not: rows and timers only, the network comes later."""
    async with ctx.db.transaction() as tx:
        found = await incidents.lock(tx, [timer.subject for timer in batch])
        ours = await timers.finish(tx, ctx.node, batch)
        born = [
            incident
            for timer in batch
            if timer.id in ours
            and (incident := found.get(timer.subject)) is not None
            and incident.open
            and not incident.drill
        ]
        wanted = [(one.id, room.id, _name(one)) for one in born for room in _asked_by(ctx, one)]
        await rooms.begin(tx, wanted, ctx.clock.now())
    ctx.wake.set("timers")
    return []


def _asked_by(ctx: Context, incident: Incident) -> list[Room]:
    return asked(ctx, incident.affected_services, Severity(incident.severity), incident.private)


def _name(incident: Incident) -> str:
    return room_name(incident.id, incident.created_at, incident.service)


async def listen(ctx: Context, tx: Tx, room: Followed, row: Row, now: datetime) -> None:
    """Make events of what the timeline has beyond what a locked room was told. The room may be closed afterwards."""
    config = ctx.directory.rooms.get(room.room)
    if config is None:
        await rooms.drop(tx, room.id, now, NOT_CONFIGURED, as_failed=True)
        await rooms.update(tx, room, state="closed", closed_at=now, told=row["timeline_seq"], error=NOT_CONFIGURED)
    elif row["private"] and not config.private:
        await _leave(tx, room, row, now)
    elif room.state != "closed":
        await _follow(ctx, tx, room, row, now)


async def _leave(tx: Tx, room: Followed, row: Row, now: datetime) -> None:
    """The incident became private: the room hears nothing more but that."""
    if room.state == "closed" or await rooms.has_pending(tx, room.id, "close"):
        return
    await rooms.drop(tx, room.id, now, "The incident is private now")
    if room.opened_at is None:
        await rooms.update(tx, room, state="closed", closed_at=now, told=row["timeline_seq"])
    else:
        await rooms.add(tx, room, [Event(kind="close", body={"why": "private"})], row["timeline_seq"], room.said, now)


async def _follow(ctx: Context, tx: Tx, room: Followed, row: Row, now: datetime) -> None:
    opening = room.state == "opening" and not await rooms.has_pending(tx, room.id, "open")
    new = await rooms.entries(tx, room.incident_id, room.told, AT_ONCE)
    if not new and not opening:
        return
    more = len(new) == AT_ONCE
    about = about_of(ctx, row, await facts_of(tx, row))
    entries = [_entry(ctx.directory, one) for one in new]
    before = Said(**{**room.said, "invited": tuple(room.said.get("invited", ()))})
    events, said = talk(about, entries, before, origin_of(room.room), opening=opening, more=more)
    if row["status"] == "closed" and not more:
        events.append(Event(kind="close", body={"why": "merged" if row["merged_into"] else "closed"}))
    told = new[-1]["seq"] if new else room.told
    await rooms.add(tx, room, events, told, plain(said), now)
    room.told, room.said = told, plain(said)


def origin_of(room: str) -> str:
    """How messages say in which room they were said."""
    return f"room:{room}"


def about_of(ctx: Context, row: Row, facts: Facts) -> About:
    """An incident as its rooms show it."""
    directory = ctx.directory
    holders = {role: [label(directory, user) for user in users] for role, users in facts.roles.items()}
    commander = next(iter(holders.get(COMMANDER, ())), "")
    acting = label(directory, facts.acting_commander) if facts.acting_commander and not commander else ""
    return About(
        title=row["title"], severity=Severity(row["severity"]), status=row["status"],
        commander=commander or (f"{acting} (acting)" if acting else ""), since=row["detected_at"] or row["created_at"],
        url=incident_url(ctx, row["id"]), impact=stored_impact(row["impact"]).sentence(),
        roles=[f"{ABOUT[role].name}: {', '.join(holders[role])}" for role in ROLES if role in holders],
        known=[f"{finding.certainty}: {finding.text}" for finding in facts.known],
        actions=[f"[{label(directory, task.owner)}] {task.text}" for task in facts.open_tasks],
        next_update_at=row["next_update_at"], guests=_guests(directory, row, facts),
    )  # fmt: skip


def _guests(directory: Directory, row: Row, facts: Facts) -> list[Guest]:
    """Everybody who belongs into the room, once, by their first reason."""
    why: dict[str, str] = {}
    for role, users in facts.roles.items():
        for user in users:
            why.setdefault(user, role)
    if row["assignee"]:
        why.setdefault(row["assignee"], "assignee")
    for user in row["responders"]:
        why.setdefault(user, "responder")
    return [
        Guest(user=user, name=directory.users[user].label, email=directory.users[user].email, why=reason)
        for user, reason in why.items()
        if user in directory.users
    ]


def _entry(directory: Directory, row: Mapping[str, Any]) -> Entry:
    kind, _, name = row["actor"].partition(":")
    author = label(directory, name) if kind == "user" else f"{name} ({kind})" if name else "Tocsin"
    return Entry(
        id=row["id"], seq=row["seq"], at=row["at"], kind=row["kind"], actor=row["actor"], author=row["data"].get("author") or author,
        details=row["details"], data=row["data"],
    )  # fmt: skip
