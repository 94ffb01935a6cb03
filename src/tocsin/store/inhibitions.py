"""Alerts that others hide: what may hide, what is hidden, and what comes forth when its cause is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tocsin.store.database import Tx
from tocsin.store.writing import columns

CAUSE_ALERT = "cause_alert"
"""Kind of the timer due when an alert that hides others ended; its subject is that alert."""
CAUSE_INCIDENT = "cause_incident"
"""Kind of the timer due when an incident that hides alerts is over; its subject is that incident."""


class Source(msgspec.Struct, gc=False):
    """A firing alert that may hide others. `under`: the alert that hides it."""

    id: int
    labels: dict[str, str]
    under: int | None


async def sources(tx: Tx, limit: int) -> list[Source]:
    """The firing alerts that may hide others, oldest first."""
    rows = await tx.fetch(
        "SELECT id, labels, inhibitor_alert FROM alerts WHERE inhibits AND resolved_at IS NULL ORDER BY id LIMIT $1",
        limit,
    )
    return [Source(row[0], row[1], row[2]) for row in rows]


async def grave(tx: Tx, services: Iterable[str], least: int) -> dict[str, int]:
    """Of these services those with an open, not yet restored incident at least that severe: service -> its oldest one.

    Not a drill, in which nothing is broken; nor one that pages nobody, because then nobody would be woken at all.
    """
    rows = await tx.fetch(
        """SELECT s.id, min(i.id) FROM incidents i JOIN unnest($1::text[]) AS s(id) ON s.id = ANY(i.affected_services)
           WHERE i.status NOT IN ('resolved', 'closed') AND i.status <> 'monitoring' AND i.severity <= $2
             AND NOT i.drill AND i.no_page_reason IS NULL GROUP BY s.id""",
        sorted(services), least,
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def still_firing(tx: Tx, alerts: Sequence[int]) -> bool:
    """Keep these alerts from ending until the transaction does; False when one of them ended already."""
    rows = await tx.fetch(
        "SELECT FROM alerts WHERE id = ANY($1::bigint[]) AND resolved_at IS NULL ORDER BY id FOR SHARE", list(alerts)
    )
    return len(rows) == len(alerts)


async def mark_sources(tx: Tx, alerts: Sequence[int]) -> None:
    """These alerts may hide others."""
    await tx.execute("UPDATE alerts SET inhibits = true WHERE id = ANY($1::bigint[])", list(alerts))


async def hide(tx: Tx, hidden: Sequence[tuple[int, int | None, int | None, str | None]]) -> None:
    """(alert, the alert or the incident that hides it, by which inhibition); None, None, None: by nothing any more."""
    await tx.execute(
        """UPDATE alerts a SET inhibitor_alert = r.alert, inhibitor_incident = r.incident, inhibited_by = r.by
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS r(id, alert, incident, by)
           WHERE a.id = r.id AND a.id = ANY($1::bigint[])""",
        *columns(hidden, 4),
    )


async def mark_causes(tx: Tx, incidents: Sequence[int]) -> set[int]:
    """These locked incidents hide alerts; returns those that did not so far."""
    rows = await tx.fetch(
        "UPDATE incidents SET hides = true WHERE id = ANY($1::bigint[]) AND NOT hides RETURNING id", list(incidents)
    )
    return {row[0] for row in rows}


async def unmark_cause(tx: Tx, incident: int) -> None:
    """This incident hides nothing any more."""
    await tx.execute("UPDATE incidents SET hides = false WHERE id = $1 AND hides", incident)


async def open_labels(tx: Tx, after: int, limit: int) -> list[tuple[int, dict[str, str]]]:
    """(id, labels) of open alerts behind the id `after`."""
    rows = await tx.fetch(
        "SELECT id, labels FROM alerts WHERE resolved_at IS NULL AND id > $1 ORDER BY id LIMIT $2", after, limit
    )
    return [(row[0], row[1]) for row in rows]


async def remark(tx: Tx, sources: Sequence[int]) -> None:
    """Of the open alerts exactly these may hide others."""
    await tx.execute(
        """UPDATE alerts SET inhibits = (id = ANY($1::bigint[]))
           WHERE resolved_at IS NULL AND inhibits <> (id = ANY($1::bigint[]))""",
        list(sources),
    )


async def look_again(tx: Tx, now: Any) -> None:
    """Whatever hides alerts is to be looked at again: the configuration changed."""
    await tx.execute(
        """INSERT INTO timers (kind, subject, due_at, set_for)
           SELECT DISTINCT $1::text, inhibitor_alert, $3::timestamptz, $3::timestamptz FROM alerts
           WHERE inhibitor_alert IS NOT NULL AND resolved_at IS NULL
           UNION SELECT DISTINCT $2::text, inhibitor_incident, $3::timestamptz, $3::timestamptz FROM alerts
           WHERE inhibitor_incident IS NOT NULL AND resolved_at IS NULL
           ON CONFLICT (kind, subject) DO NOTHING""",
        CAUSE_ALERT, CAUSE_INCIDENT, now,
    )  # fmt: skip
