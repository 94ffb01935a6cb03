"""Open alerts are ended or marked, by their source, by time or by a person; what still fires, and how many there ever were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.store.database import Tx
from tocsin.store.writing import columns

Touched = dict[int, tuple[int, int | None, str]]
"""position -> (alert, incident, title)."""


async def _lock_incidents(tx: Tx, incidents: Sequence[int | None]) -> None:
    """Whoever ends or marks alerts locks their incidents first, as people's answers do: else two of them wait for each other."""
    await tx.fetch(
        "SELECT FROM incidents WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE",
        [i for i in incidents if i is not None],
    )


async def _open_alerts(tx: Tx, keys: Sequence[tuple[str, str]]) -> dict[int, int]:
    """The open alert of each key: alert -> position. Their incidents are locked."""
    rows = await tx.fetch(
        """SELECT r.position, a.id, a.incident_id FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r(service, key, position)
           CROSS JOIN LATERAL (
             SELECT id, incident_id FROM alerts WHERE service = r.service AND dedup_key = r.key AND resolved_at IS NULL LIMIT 1
           ) a""",
        *columns(keys, 2),
    )
    await _lock_incidents(tx, [row[2] for row in rows])
    return {row[1]: row[0] - 1 for row in rows}


async def end_alerts(tx: Tx, keys: Sequence[tuple[str, str]], now: datetime) -> Touched:
    """Resolve the open alerts of these keys by their source."""
    return await _touch(tx, keys, "resolved_at = $2, resolved_by = 'source'", now)


async def acknowledge_alerts(tx: Tx, keys: Sequence[tuple[str, str]], now: datetime) -> Touched:
    """Mark the open alerts of these keys acknowledged by their source."""
    return await _touch(tx, keys, "acknowledged_at = COALESCE(acknowledged_at, $2)", now)


async def _touch(tx: Tx, keys: Sequence[tuple[str, str]], change: str, now: datetime) -> Touched:
    """Their source speaks of the open alerts of these keys."""
    found = await _open_alerts(tx, keys)
    rows = await tx.fetch(
        f"""UPDATE alerts SET {change}, last_at = $2
            WHERE id = ANY($1::bigint[]) AND resolved_at IS NULL RETURNING id, incident_id, title""",
        list(found), now,
    )  # fmt: skip
    return {found[row[0]]: (row[0], row[1], row[2]) for row in rows}


async def expire_alerts(tx: Tx, alerts: Sequence[int], now: datetime) -> list[tuple[int, int | None, str, bool]]:
    """Resolve those of the open alerts whose `ends_at` has come: (alert, incident, title, whether for want of events).
    Their incidents are locked."""
    found = await tx.fetch(
        """SELECT DISTINCT incident_id FROM alerts
           WHERE id = ANY($1::bigint[]) AND resolved_at IS NULL AND ends_at <= $2 AND incident_id IS NOT NULL""",
        list(alerts), now,
    )  # fmt: skip
    await _lock_incidents(tx, [row[0] for row in found])
    rows = await tx.fetch(
        """UPDATE alerts SET resolved_at = $2, resolved_by = CASE WHEN body ? 'quiet' THEN 'quiet' ELSE 'expiry' END
           WHERE id = ANY($1::bigint[]) AND resolved_at IS NULL AND ends_at <= $2
           RETURNING id, incident_id, title, resolved_by = 'quiet'""",
        list(alerts), now,
    )  # fmt: skip
    return [(r[0], r[1], r[2], r[3]) for r in rows]


async def quiet_of(tx: Tx, service: str, seconds: int | None) -> None:
    """The quiet time after which alerts of a service resolve changed: those that are open follow (None: they wait for their source)."""
    if seconds is None:
        await tx.execute(
            """WITH freed AS (
                 UPDATE alerts SET ends_at = NULL, body = body - 'quiet'
                 WHERE service = $1 AND resolved_at IS NULL AND body ? 'quiet' RETURNING id
               )
               DELETE FROM timers WHERE kind = 'expire' AND subject IN (SELECT id FROM freed)""",
            service,
        )
        return
    await tx.execute(
        """WITH quiet AS (
             UPDATE alerts SET ends_at = last_at + make_interval(secs => $2), body = body || jsonb_build_object('quiet', $2::int)
             WHERE service = $1 AND resolved_at IS NULL AND (ends_at IS NULL OR body ? 'quiet') AND integration <> 'heartbeat'
             RETURNING id, incident_id, ends_at
           )
           INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
           SELECT 'expire', id, incident_id, ends_at, ends_at FROM quiet
           ON CONFLICT (kind, subject) DO UPDATE SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL""",
        service, seconds,
    )  # fmt: skip


async def open_ends(tx: Tx, alerts: Sequence[int]) -> dict[int, datetime]:
    """When each of these still open alerts will end by itself."""
    rows = await tx.fetch(
        "SELECT id, ends_at FROM alerts WHERE id = ANY($1::bigint[]) AND resolved_at IS NULL AND ends_at IS NOT NULL",
        list(alerts),
    )
    return {r[0]: r[1] for r in rows}


MOST_FIRING = 1_000
"""So far the alerts of an incident that still fire are counted when one of them ends: in a storm that recovers all others do."""


async def firing(tx: Tx, incidents: Sequence[int]) -> dict[int, int]:
    """How many alerts of each incident are still open, at most MOST_FIRING (incidents without any are absent)."""
    rows = await tx.fetch(
        """SELECT i.id, f.firing FROM unnest($1::bigint[]) AS i(id) CROSS JOIN LATERAL (
             SELECT count(*) AS firing FROM (
               SELECT FROM alerts WHERE incident_id = i.id AND (resolved_at IS NULL) LIMIT $2) a
           ) f WHERE f.firing > 0""",
        list(incidents), MOST_FIRING,
    )  # fmt: skip
    return {r[0]: r[1] for r in rows}


async def count_alerts(tx: Tx, incidents: Sequence[int]) -> dict[int, int]:
    """How many distinct alerts (by service and dedup key) ever joined each incident (incidents without any are absent).

    Open ones are distinct as they are (`alerts_open`), so that in a storm, when it matters, nothing has to be sorted.
    """
    rows = await tx.fetch(
        """SELECT incident_id, firing + CASE WHEN ended = 0 THEN 0 ELSE (
             SELECT count(*) FROM (
               SELECT DISTINCT service, dedup_key FROM alerts e
               WHERE e.incident_id = t.incident_id AND e.resolved_at IS NOT NULL AND NOT EXISTS (
                 SELECT FROM alerts o WHERE o.service = e.service AND o.dedup_key = e.dedup_key AND o.resolved_at IS NULL
                   AND o.incident_id = e.incident_id)
             ) only_ended
           ) END
           FROM (SELECT incident_id, count(*) FILTER (WHERE resolved_at IS NULL) AS firing, count(resolved_at) AS ended
                 FROM alerts WHERE incident_id = ANY($1::bigint[]) GROUP BY incident_id) t""",
        list(incidents),
    )
    return {r[0]: r[1] for r in rows}


async def close_alerts_of(tx: Tx, incident: int, now: datetime) -> int:
    """A person resolved the incident: its open alerts end with it. Returns how many."""
    done: str = await tx.execute(
        "UPDATE alerts SET resolved_at = $2, resolved_by = 'person' WHERE incident_id = $1 AND resolved_at IS NULL",
        incident, now,
    )  # fmt: skip
    return int(done.rsplit(" ", 1)[1])
