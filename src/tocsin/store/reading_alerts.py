"""What people look at: alerts and events. Only reading; `tx` is any connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.store.conditions import Conditions, like
from tocsin.store.database import Tx

Row = Mapping[str, Any]

RUNBOOK = """COALESCE(NULLIF(body -> 'annotations' ->> 'runbook_url', ''), NULLIF(body -> 'annotations' ->> 'runbook', ''),
  NULLIF(labels ->> 'runbook_url', ''), NULLIF(labels ->> 'runbook', ''))"""
"""What to do first, as the source of an alert says it: an address, as a rule; NULL when it does not."""

_ALERT = f"""
  id, service, dedup_key, integration, incident_id, severity, title, source, labels, body, fingerprint, reason, mute, count,
  first_at, last_at, starts_at, ends_at, acknowledged_at, resolved_at, resolved_by, inhibitor_alert, inhibitor_incident,
  inhibited_by, (SELECT i.created_at FROM incidents i WHERE i.id = alerts.incident_id) AS incident_began,
  (SELECT i.created_at FROM incidents i WHERE i.id = alerts.inhibitor_incident) AS inhibitor_began,
  {RUNBOOK} AS runbook
"""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts or events; None means all. `start` is included, `end` not. `before`: (at, id) of a list's last row."""

    open: bool | None = None
    service: str | None = None
    incident: int | None = None
    severities: tuple[int, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    text: str = ""
    before: tuple[datetime, int] | None = None
    hidden: Sequence[int] = ()
    """Incidents that whoever asks may not see; nor their alerts."""


async def alerts(tx: Tx, wanted: Filter, limit: int) -> list[Row]:
    """At most `limit` alerts, newest first."""
    made = Conditions()
    if wanted.open is not None:
        made.add(f"resolved_at IS {'' if wanted.open else 'NOT '}NULL")
    made.add_given("service = {0}", wanted.service)
    made.add_given("incident_id = {0}", wanted.incident)
    if wanted.severities:
        made.add("severity = ANY({0}::smallint[])", list(wanted.severities))
    made.add_given("first_at >= {0}", wanted.start)
    made.add_given("first_at < {0}", wanted.end)
    if wanted.hidden:
        made.add("(incident_id IS NULL OR incident_id <> ALL({0}::bigint[]))", list(wanted.hidden))
    if wanted.text:
        made.add("(title ILIKE {0} OR dedup_key ILIKE {0} OR source ILIKE {0})", like(wanted.text))
    if wanted.before is not None:
        made.add("(first_at, id) < ({0}, {1})", *wanted.before)
    return list(
        await tx.fetch(
            f"SELECT {_ALERT} FROM alerts {made.where} ORDER BY first_at DESC, id DESC LIMIT {made.value(limit)}",
            *made.values,
        )
    )


async def alert(tx: Tx, id: int) -> Row | None:
    row: Row | None = await tx.fetchrow(f"SELECT {_ALERT} FROM alerts WHERE id = $1", id)
    return row


async def open_page(tx: Tx, after: int, services: Sequence[str], limit: int) -> list[Row]:
    """The next open alerts behind the id `after`, of these services (none named: of all)."""
    return list(
        await tx.fetch(
            f"""SELECT {_ALERT} FROM alerts WHERE resolved_at IS NULL AND id > $1 AND (cardinality($2::text[]) = 0
                OR service = ANY($2::text[])) ORDER BY id LIMIT $3""",
            after, list(services), limit,
        )
    )  # fmt: skip


async def held_back(tx: Tx, mute: int, limit: int) -> list[Row]:
    """The open alerts that a silence holds back right now, oldest first."""
    return list(
        await tx.fetch(
            f"SELECT {_ALERT} FROM alerts WHERE mute = $1 AND resolved_at IS NULL AND incident_id IS NULL ORDER BY id LIMIT $2",
            mute, limit,
        )
    )  # fmt: skip


async def hidden_under(tx: Tx, incident: int, limit: int) -> list[Row]:
    """The open alerts that this incident, or a firing alert of it, hides; oldest first."""
    return list(
        await tx.fetch(
            f"""SELECT {_ALERT} FROM alerts WHERE resolved_at IS NULL AND (inhibitor_incident = $1
                OR inhibitor_alert IN (SELECT id FROM alerts WHERE incident_id = $1 AND inhibits AND resolved_at IS NULL))
                ORDER BY id LIMIT $2""",
            incident, limit,
        )
    )  # fmt: skip


_EVENTS = """
SELECT * FROM (
  (SELECT at, id, 'event' AS origin, service, integration, action, dedup_key, title, reason, alert_id, incident_id, body
   FROM events {events} ORDER BY at DESC, id DESC LIMIT {limit})
  UNION ALL
  (SELECT first_at, id, 'alert', service, integration, 'trigger', dedup_key, title, reason, id, incident_id, body
   FROM alerts {alerts} ORDER BY first_at DESC, id DESC LIMIT {limit})
) AS sent ORDER BY at DESC, origin, id DESC LIMIT {limit}
"""


class Before(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of events goes on: behind this row. Rows of one instant come alerts first, each kind by falling id."""

    at: datetime
    origin: str
    id: int


async def events(tx: Tx, wanted: Filter, before: Before | None, limit: int) -> list[Row]:
    """What sources sent, newest first: the trigger that opened each alert, and the events that left no alert of their own."""
    made = Conditions()
    made.add_given("service = {0}", wanted.service)
    made.add_given("incident_id = {0}", wanted.incident)
    made.add_given("{time} >= {0}", wanted.start)
    made.add_given("{time} < {0}", wanted.end)
    if wanted.hidden:
        made.add("(incident_id IS NULL OR incident_id <> ALL({0}::bigint[]))", list(wanted.hidden))
    texts = {origin: list(made.texts) for origin in ("alert", "event")}
    if before is not None:
        at, id = made.value(before.at), made.value(before.id)
        seen = {"alert": f"({{time}}, id) < ({at}, {id})", "event": f"{{time}} <= {at}"}
        if before.origin == "event":
            seen = {"alert": f"{{time}} < {at}", "event": f"({{time}}, id) < ({at}, {id})"}
        for origin, text in seen.items():
            texts[origin].append(text)
    query = _EVENTS.format(
        events=_where(texts["event"], "at"), alerts=_where(texts["alert"], "first_at"), limit=made.value(limit)
    )
    return list(await tx.fetch(query, *made.values))


def _where(texts: list[str], time: str) -> str:
    return f"WHERE {' AND '.join(texts)}".replace("{time}", time) if texts else ""


async def last_alerts(tx: Tx, service: str, since: datetime) -> dict[str, datetime]:
    """Per integration of the service that opened an alert since then: when its latest came."""
    rows = await tx.fetch(
        "SELECT integration, max(last_at) AS at FROM alerts WHERE first_at >= $2 AND service = $1 GROUP BY integration",
        service, since,
    )  # fmt: skip
    return {row["integration"]: row["at"] for row in rows}
