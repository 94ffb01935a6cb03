"""Rooms outside that follow incidents: what each was told and is still to be told. Each has a timer of the kind `room` while it has
something to hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.room import EventKind, State
from tocsin.core.room_talk import Event
from tocsin.store.database import Tx

TIMER = "room"
"""A room has something to hear; the subject is the row in incident_rooms."""
OPENING = "rooms"
"""An incident is to get its rooms; the subject is the incident."""


class Followed(msgspec.Struct, kw_only=True):
    """One incident's room in one configured room."""

    id: int
    incident_id: int
    room: str
    name: str
    state: State
    ref: str
    url: str
    told: int
    said: dict[str, Any]
    troubled_at: datetime | None
    complained: bool
    error: str
    created_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None


class Due(msgspec.Struct, kw_only=True):
    """An event on its way. `position` counts from 1."""

    id: int
    position: int
    kind: EventKind
    body: dict[str, Any]
    attempts: int
    created_at: datetime


_FOLLOWED = ", ".join(f.name for f in msgspec.structs.fields(Followed))
_DUE = ", ".join(f.name for f in msgspec.structs.fields(Due))


async def begin(tx: Tx, wanted: Sequence[tuple[int, str, str]], now: datetime) -> None:
    """Give incidents these rooms (incident, id of the configured room, name), as far as they have them not; each is to be told."""
    if not wanted:
        return
    numbers, found, names = zip(*wanted, strict=True)
    await tx.execute(
        """WITH new AS (
             INSERT INTO incident_rooms (incident_id, room, name, created_at)
             SELECT r.incident, r.room, r.name, $4 FROM unnest($1::bigint[], $2::text[], $3::text[]) AS r(incident, room, name)
             ON CONFLICT (incident_id, room) DO NOTHING RETURNING id, incident_id)
           INSERT INTO timers (kind, subject, incident_id, due_at, set_for) SELECT 'room', id, incident_id, $4, $4 FROM new
           ON CONFLICT (kind, subject) DO NOTHING""",
        numbers, found, names, now,
    )  # fmt: skip


async def reopen(tx: Tx, incidents: Sequence[int]) -> None:
    """Rooms that were closed are to be opened again."""
    await tx.execute(
        "UPDATE incident_rooms SET state = 'opening', closed_at = NULL WHERE incident_id = ANY($1::bigint[]) AND state = 'closed'",
        list(incidents),
    )


async def stir(tx: Tx, now: datetime) -> int:
    """Set the timers of rooms whose incident went on since they were told; how many."""
    done: str = await tx.execute(
        """INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
           SELECT 'room', r.id, r.incident_id, $1, $1 FROM incident_rooms r JOIN incidents i ON i.id = r.incident_id
           WHERE r.state <> 'closed' AND i.timeline_seq > r.told
           ON CONFLICT (kind, subject) DO NOTHING""",
        now,
    )
    return int(done.rpartition(" ")[2])


async def of_timers(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """The configured room of each of these rows."""
    rows = await tx.fetch("SELECT id, room FROM incident_rooms WHERE id = ANY($1::bigint[])", list(ids))
    return {row["id"]: row["room"] for row in rows}


async def lock(tx: Tx, id: int) -> Followed | None:
    """The row, ours until the transaction ends."""
    row = await tx.fetchrow(f"SELECT {_FOLLOWED} FROM incident_rooms WHERE id = $1 FOR UPDATE", id)
    return Followed(**row) if row else None


async def entries(tx: Tx, incident: int, after: int, limit: int) -> list[Mapping[str, Any]]:
    """Entries of the timeline with a number above `after`, oldest first."""
    return list(
        await tx.fetch(
            """SELECT id, seq, at, kind, actor, details, data FROM timeline
               WHERE incident_id = $1 AND seq > $2 ORDER BY seq LIMIT $3""",
            incident, after, limit,
        )
    )  # fmt: skip


async def add(
    tx: Tx, room: Followed, events: Sequence[Event], told: int, said: Mapping[str, Any], now: datetime
) -> None:
    """Put events behind those that wait. A topic, summary or closing that has not gone yet makes room for a newer word."""
    kinds = {event.kind for event in events}
    overtaken = sorted(kinds & {"topic", "pin"} | ({"close"} if "open" in kinds else set()))
    if overtaken:
        await tx.execute(
            """UPDATE room_events SET state = 'superseded', ended_at = $3
               WHERE incident_room = $1 AND state = 'pending' AND kind = ANY($2::text[])""",
            room.id, overtaken, now,
        )  # fmt: skip
    if events:
        await tx.execute(
            """INSERT INTO room_events (incident_room, position, kind, body, created_at)
               SELECT $1, COALESCE((SELECT max(position) FROM room_events WHERE incident_room = $1), 0) + e.ordinality,
                      e.value ->> 'kind', e.value -> 'body', $3
               FROM jsonb_array_elements($2) WITH ORDINALITY AS e""",
            room.id, [msgspec.to_builtins(event) for event in events], now,
        )  # fmt: skip
    await tx.execute("UPDATE incident_rooms SET told = $2, said = $3 WHERE id = $1", room.id, told, dict(said))


async def head(tx: Tx, room: int) -> Due | None:
    """The event that is to go next."""
    row = await tx.fetchrow(
        f"SELECT {_DUE} FROM room_events WHERE incident_room = $1 AND state = 'pending' ORDER BY position LIMIT 1", room
    )
    return Due(**row) if row else None


async def has_pending(tx: Tx, room: int, kind: EventKind) -> bool:
    """Does an event of this kind wait?"""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM room_events WHERE incident_room = $1 AND kind = $2 AND state = 'pending')",
        room,
        kind,
    )
    return found


async def delivered(tx: Tx, event: int, receipt: str, now: datetime) -> None:
    await tx.execute(
        "UPDATE room_events SET state = 'delivered', receipt = $2, error = '', ended_at = $3, attempts = attempts + 1 WHERE id = $1",
        event, receipt, now,
    )  # fmt: skip


async def failed(tx: Tx, event: int, error: str, now: datetime | None) -> None:
    """An attempt failed; for good when `now` says so."""
    await tx.execute(
        """UPDATE room_events SET attempts = attempts + 1, error = $2, ended_at = $3,
                  state = CASE WHEN $3::timestamptz IS NULL THEN state ELSE 'failed' END WHERE id = $1""",
        event, error, now,
    )  # fmt: skip


async def drop(tx: Tx, room: int, now: datetime, why: str, *, as_failed: bool = False) -> None:
    """Nothing that waits is sent any more."""
    await tx.execute(
        """UPDATE room_events SET state = $4, ended_at = $2, error = $3 WHERE incident_room = $1 AND state = 'pending'""",
        room, now, why, "failed" if as_failed else "superseded",
    )  # fmt: skip


async def again(tx: Tx, room: int) -> int:
    """Events that failed wait once more, and whatever waits is tried now; how many had failed."""
    done: str = await tx.execute(
        "UPDATE room_events SET state = 'pending', attempts = 0, ended_at = NULL WHERE incident_room = $1 AND state = 'failed'",
        room,
    )
    return int(done.rpartition(" ")[2])


async def update(tx: Tx, room: Followed, **changes: Any) -> None:
    """Set columns of a locked row, in the database and on the value."""
    names = sorted(changes)
    if not set(names) <= set(Followed.__struct_fields__):
        raise ValueError(f"not columns of a room: {names}")
    assignments = ", ".join(f"{name} = ${i}" for i, name in enumerate(names, 2))
    await tx.execute(f"UPDATE incident_rooms SET {assignments} WHERE id = $1", room.id, *(changes[n] for n in names))
    for name in names:
        setattr(room, name, changes[name])


# --- what people look at ----------------------------------------------------------------------------------------------

_COUNTS = """
  (SELECT count(*) FROM room_events e WHERE e.incident_room = r.id AND e.state = 'delivered') AS delivered,
  (SELECT count(*) FROM room_events e WHERE e.incident_room = r.id AND e.state = 'pending') AS waiting,
  (SELECT count(*) FROM room_events e WHERE e.incident_room = r.id AND e.state = 'failed') AS failed
"""
_SHOWN = ", ".join(f"r.{f.name}" for f in msgspec.structs.fields(Followed))


async def of_incident(tx: Tx, incident: int) -> list[Mapping[str, Any]]:
    """The rooms of an incident with the counts of their events."""
    return list(
        await tx.fetch(
            f"SELECT {_SHOWN}, {_COUNTS} FROM incident_rooms r WHERE r.incident_id = $1 ORDER BY r.id", incident
        )
    )


async def find(tx: Tx, incident: int, room: str) -> int | None:
    """The row of an incident's room."""
    found: int | None = await tx.fetchval(
        "SELECT id FROM incident_rooms WHERE incident_id = $1 AND room = $2", incident, room
    )
    return found


async def events(tx: Tx, incident: int, room: str, after: int, limit: int) -> list[Mapping[str, Any]]:
    """What a room was told, in order, from the position after `after`."""
    return list(
        await tx.fetch(
            """SELECT e.* FROM room_events e JOIN incident_rooms r ON r.id = e.incident_room
               WHERE r.incident_id = $1 AND r.room = $2 AND e.position > $3 ORDER BY e.position LIMIT $4""",
            incident, room, after, limit,
        )
    )  # fmt: skip


async def open_by_room(tx: Tx, without: Sequence[int]) -> dict[str, Mapping[str, Any]]:
    """By configured room: how many incidents it follows, and since when nothing arrives there."""
    rows = await tx.fetch(
        """SELECT room, count(*) AS open, min(troubled_at) AS troubled_at,
                  (array_agg(error ORDER BY troubled_at NULLS LAST))[1] AS error, max(opened_at) AS last_opened_at
           FROM incident_rooms WHERE state <> 'closed' AND incident_id <> ALL($1::bigint[]) GROUP BY room""",
        list(without),
    )
    return {row["room"]: row for row in rows}


async def troubled(tx: Tx, without: Sequence[int], limit: int) -> list[Mapping[str, Any]]:
    """Events that failed for good, newest first, with where they were to go."""
    return list(
        await tx.fetch(
            """SELECT e.id, e.position, e.kind, e.attempts, e.ended_at, e.error, r.room, r.name, r.incident_id, i.created_at
               FROM room_events e JOIN incident_rooms r ON r.id = e.incident_room JOIN incidents i ON i.id = r.incident_id
               WHERE e.state = 'failed' AND r.incident_id <> ALL($1::bigint[]) ORDER BY e.ended_at DESC, e.id DESC LIMIT $2""",
            list(without), limit,
        )
    )  # fmt: skip
