"""What intake asks and writes for a batch of events: set-based, one statement per question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.store.database import Tx
from tocsin.store.rows import TEXTS, numbers, texts, times
from tocsin.store.writing import columns


class Found(msgspec.Struct, gc=False):
    """What is open for a batch of triggers. Keys are positions in the arrays that were asked with."""

    repeated: dict[int, tuple[int, int | None, int, int | None]]
    """position -> (alert, incident, its severity so far, the silence that mutes it): open alerts, already counted."""
    groups: dict[int, tuple[int, int]]
    """position of the group -> (incident, severity): where new alerts of the group belong."""
    resting: set[int]
    """Positions of the groups whose incident is in its stability watch."""
    watched: dict[int, int]
    """position -> incident in its stability watch that had this very alert."""
    back: dict[int, tuple[int, int]]
    """position -> (incident, severity) into which the incident that had this very alert was merged, or that took part in it."""
    numbers: list[int]
    """Numbers for the incidents that keys open on their own; none while silences exist, which may leave them nothing to open."""
    mutes: int
    """How many silences exist that have not ended."""
    revision: int
    """The configuration's revision in the database."""
    mutes_version: int = 0
    """The sum of the versions of these silences."""
    watching: bool = False
    """Some incident is in its stability watch, or takes back the alerts of those that were merged into it."""
    opened: dict[int, int] = {}
    """position of the group -> when its incident was opened, in whole seconds since 1970 (UTC)."""
    spare: list[int] = []
    """Incident numbers fetched beforehand."""


_KEYS = f"""unnest({TEXTS.format(1)}, {TEXTS.format(2)}, $3::text::int[], $4::text::timestamptz[])
  WITH ORDINALITY AS r(service, key, count, ends_at, position)"""

_ROOM = """SELECT id, severity, status, created_at FROM incidents
  WHERE service = {0} AND group_key = {1} AND created_at > {2} AND status NOT IN ('resolved', 'closed')
  UNION ALL
  SELECT i.id, i.severity, i.status, one.created_at FROM incidents one JOIN incidents i ON i.id = one.merged_into
  WHERE one.service = {0} AND one.group_key = {1} AND one.created_at > {2} AND one.merged_into IS NOT NULL
    AND i.status NOT IN ('resolved', 'closed')
  ORDER BY created_at DESC LIMIT 1"""
"""The open incident of a group (service, key, opened since), or the one into which it was merged."""

_LOOK = f"""
WITH repeated AS (
  -- Each row is found by its key and then by its place, whatever the planner believes about the size of the table: its statistics
  -- lag behind a storm. A row that somebody changes meanwhile counts as not found, and is looked at again.
  UPDATE alerts SET count = alerts.count + k.count, last_at = $5, ends_at = COALESCE(k.ends_at, alerts.ends_at)
  FROM (
    SELECT r.position, r.count, r.ends_at, a.place, a.ended FROM {_KEYS}
    CROSS JOIN LATERAL (
      SELECT ctid AS place, ends_at AS ended FROM alerts
      WHERE service = r.service AND dedup_key = r.key AND resolved_at IS NULL FOR NO KEY UPDATE
    ) a
    WHERE r.count IS NOT NULL
  ) k
  WHERE alerts.ctid = k.place
  RETURNING k.position, alerts.id, incident_id, severity, mute, CASE WHEN k.ended IS NULL THEN k.ends_at END AS first_end
), ending AS (
  INSERT INTO timers (kind, subject, due_at, set_for)
  SELECT 'expire', id, first_end, first_end FROM repeated WHERE first_end IS NOT NULL
  ON CONFLICT (kind, subject) DO NOTHING
)
SELECT 'r', position, id, incident_id, severity, mute FROM repeated
UNION ALL
SELECT 'n', nextval('incidents_id_seq'), NULL, NULL, NULL, NULL FROM unnest($9::text::int[]) AS o(position)
WHERE NOT EXISTS (SELECT FROM repeated WHERE repeated.position = o.position)
  AND NOT EXISTS (SELECT FROM mutes WHERE ends_at > $5)
UNION ALL
SELECT 's', nextval('incidents_id_seq'), NULL, NULL, NULL, NULL FROM generate_series(1, $10)
UNION ALL
SELECT 'g', g.position, i.id, floor(extract(epoch FROM i.created_at))::bigint, i.severity, CASE WHEN i.status = 'monitoring' THEN 1 END
FROM unnest($6::text[], $7::text[], $8::timestamptz[]) WITH ORDINALITY AS g(service, group_key, since, position)
CROSS JOIN LATERAL (
  {_ROOM.format("g.service", "g.group_key", "g.since")}
) i
UNION ALL
SELECT 'b', r.position, i.id, i.severity, NULL, NULL
FROM (SELECT FROM incidents WHERE gathers AND status NOT IN ('resolved', 'closed') LIMIT 1) gathering
CROSS JOIN {_KEYS}
CROSS JOIN LATERAL (
  SELECT i.id, i.severity FROM alerts a JOIN incidents i ON i.id = a.incident_id
  WHERE a.merged AND a.service = r.service AND a.dedup_key = r.key AND i.status NOT IN ('resolved', 'closed', 'monitoring')
  ORDER BY i.id DESC LIMIT 1
) i
WHERE r.count IS NOT NULL
UNION ALL
SELECT 'w', r.position, max(w.id), NULL, NULL, NULL
FROM (SELECT id FROM incidents WHERE status = 'monitoring' ORDER BY id LIMIT 1000) w
CROSS JOIN LATERAL (SELECT service, dedup_key FROM alerts WHERE incident_id = w.id OFFSET 0) a
JOIN {_KEYS} ON r.service = a.service AND r.key = a.dedup_key AND r.count IS NOT NULL
GROUP BY r.position
UNION ALL
SELECT 'm', count(*), COALESCE(sum(version), 0)::bigint, NULL, NULL,
       COALESCE((SELECT 1 FROM incidents WHERE status = 'monitoring' LIMIT 1),
                (SELECT 1 FROM incidents WHERE gathers AND status NOT IN ('resolved', 'closed') LIMIT 1)) FROM mutes WHERE ends_at > $5
UNION ALL
SELECT 'c', revision, NULL, NULL, NULL, NULL FROM configuration
"""


async def look(
    tx: Tx,
    keys: Sequence[tuple[str, str, int, datetime | None]],
    groups: Sequence[tuple[str, str, datetime]],
    now: datetime,
    own: Sequence[int] = (),
    spare: int = 0,
) -> Found:
    """Count repeats of open alerts (`keys`: service, dedup key, how often, new end) and say what else is open.

    `groups`: service, group key, opened since. `own`: positions of keys that open an incident of their own unless they repeat.
    `spare`: how many incident numbers to fetch besides.
    """
    found = Found({}, {}, set(), {}, {}, [], 0, 0)
    services, dedup_keys, counts, ends = columns(keys, 4)
    rows = await tx.fetch(
        _LOOK, texts(services), texts(dedup_keys), numbers(counts), times(ends), now, *columns(groups, 3),
        numbers([position + 1 for position in own]), spare,
    )  # fmt: skip
    for what, position, one, two, three, four in rows:
        match what:
            case "r":
                found.repeated[position - 1] = (one, two, three, four)
            case "n":
                found.numbers.append(position)
            case "s":
                found.spare.append(position)
            case "g":
                found.groups[position - 1], found.opened[position - 1] = (one, three), two
                if four:
                    found.resting.add(position - 1)
            case "b":
                found.back[position - 1] = (one, two)
            case "w":
                found.watched[position - 1] = one
            case "m":
                found.mutes, found.mutes_version, found.watching = position, one, bool(four)
            case _:
                found.revision = position
    return found


async def lock_groups(tx: Tx, groups: Sequence[tuple[str, str]]) -> None:
    """Serialise the opening of incidents for these (service, group key) among all nodes, until the transaction ends."""
    for service, key in sorted(groups):
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1 || E'\\x1f' || $2, 7))", service, key)


async def group_opened(tx: Tx, service: str, group_key: str, since: datetime) -> bool:
    """Did somebody open an incident for the group meanwhile?"""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM incidents WHERE service = $1 AND group_key = $2 AND created_at > $3
           AND status NOT IN ('resolved', 'closed'))""",
        service, group_key, since,
    )  # fmt: skip
    return found


async def worsen(tx: Tx, alerts: Sequence[tuple[int, int]]) -> None:
    """Give open alerts (id, severity) a worse severity; a better one changes nothing."""
    await tx.execute(
        """UPDATE alerts a SET severity = r.severity FROM unnest($1::bigint[], $2::smallint[]) AS r(id, severity)
           WHERE a.id = r.id AND a.id = ANY($1::bigint[]) AND r.severity < a.severity""",
        *columns(alerts, 2),
    )


class Muted(msgspec.Struct, gc=False):
    """An open alert that a silence or its cause held back."""

    id: int
    service: str
    dedup_key: str
    integration: str
    severity: int
    title: str
    source: str
    labels: dict[str, str]
    body: dict[str, Any]


HeldBy = Literal["mute", "inhibitor_alert", "inhibitor_incident"]


async def held_by(tx: Tx, column: HeldBy, row: int, limit: int, after: int = 0) -> list[Muted]:
    """Open alerts without incident behind the id `after` that this silence, alert or incident held back, locked, oldest first."""
    rows = await tx.fetch(
        f"""SELECT id, service, dedup_key, integration, severity, title, source, labels, body FROM alerts
           WHERE {column} = $1 AND incident_id IS NULL AND resolved_at IS NULL AND id > $3 ORDER BY id LIMIT $2 FOR UPDATE""",
        row, limit, after,
    )  # fmt: skip
    return [Muted(*row) for row in rows]


async def place(tx: Tx, alerts: Sequence[tuple[int, int | None, int | None, str]]) -> None:
    """Give held back alerts their incident, or the other silence that mutes them now: (alert, incident, silence, reason)."""
    await tx.execute(
        """UPDATE alerts a SET incident_id = r.incident, mute = r.mute, reason = r.reason
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS r(id, incident, mute, reason)
           WHERE a.id = r.id AND a.id = ANY($1::bigint[])""",
        *columns(alerts, 4),
    )
    await tx.execute(
        """INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
           SELECT 'tally', id, id, now(), now() FROM unnest($1::bigint[]) AS r(id) WHERE id IS NOT NULL
           ON CONFLICT (kind, subject) DO NOTHING""",
        sorted({incident for _, incident, _, _ in alerts if incident is not None}),
    )


async def room_of(tx: Tx, service: str, group_key: str, since: datetime) -> tuple[int, int, bool] | None:
    """(incident, severity, whether it is in its stability watch) of the open incident of a group opened after `since`, locked."""
    row = await tx.fetchrow(
        f"""SELECT id, severity, status = 'monitoring' FROM incidents WHERE status NOT IN ('resolved', 'closed') AND id = (
             SELECT id FROM ({_ROOM.format("$1", "$2", "$3")}) room) FOR UPDATE""",
        service, group_key, since,
    )  # fmt: skip
    return (row[0], row[1], row[2]) if row else None


class NewEvent(msgspec.Struct, kw_only=True, gc=False):
    """A row of `events`."""

    at: datetime
    service: str
    integration: str
    action: str
    dedup_key: str
    title: str
    reason: str
    alert_id: int | None
    incident_id: int | None
    body: str


async def write_events(tx: Tx, events: Sequence[NewEvent]) -> None:
    """Keep events that left no alert of their own, and changes."""
    if events:
        await tx.execute(
            """INSERT INTO events (at, service, integration, action, dedup_key, title, reason, alert_id, incident_id, body)
               SELECT r.at, r.service, r.integration, r.action, r.dedup_key, r.title, r.reason, r.alert_id, r.incident_id,
                      r.body::jsonb
               FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                           $8::bigint[], $9::bigint[], $10::text[])
                 AS r(at, service, integration, action, dedup_key, title, reason, alert_id, incident_id, body)""",
            *columns(events, 10),
        )
