"""What a check asks of a running server: what was heard, what has no runbook, which messages fail, and what teams were told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.store.database import Tx
from tocsin.store.reading_alerts import RUNBOOK

LATEST = 20_000
"""How many of the newest alerts are looked at for runbooks."""
LATEST_NOTIFICATIONS = 50_000
"""How many of the newest notifications are looked at for methods that fail."""
OVERLAP = timedelta(days=1)
"""Alerts older than what was remembered are looked at again for so long: an open one may have been sent again since."""

_HEARD = """
SELECT service, integration, max(at) AS at FROM (
  SELECT service, integration, last_at AS at FROM heard
  UNION ALL
  SELECT service, integration, last_at FROM alerts
    WHERE first_at >= COALESCE((SELECT at FROM heard_until) - $1::interval, '-infinity')
  UNION ALL
  SELECT service, integration, last_at FROM alerts WHERE resolved_at IS NULL
  UNION ALL
  SELECT service, integration, at FROM events WHERE at >= COALESCE((SELECT at FROM heard_until) - $1::interval, '-infinity')
) AS sent GROUP BY service, integration
"""


async def heard(tx: Tx) -> dict[tuple[str, str], datetime]:
    """(service, integration) -> when it last sent anything."""
    return {(row[0], row[1]): row[2] for row in await tx.fetch(_HEARD, OVERLAP)}


async def remember_heard(tx: Tx, found: Mapping[tuple[str, str], datetime], now: datetime) -> None:
    """Keep what `heard` found, so that the next one looks at what is newer only."""
    await tx.execute(
        """INSERT INTO heard (service, integration, last_at)
           SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
           ON CONFLICT (service, integration) DO UPDATE SET last_at = GREATEST(heard.last_at, excluded.last_at)""",
        [service for service, _ in found], [integration for _, integration in found], list(found.values()),
    )  # fmt: skip
    await tx.execute("INSERT INTO heard_until (at) VALUES ($1) ON CONFLICT (one) DO UPDATE SET at = excluded.at", now)


async def integrations_since(tx: Tx) -> dict[tuple[str, str], datetime]:
    """(service, integration) -> since when it is configured."""
    rows = await tx.fetch(
        """SELECT h.id, i ->> 'id', min(h.at) FROM object_history h
           CROSS JOIN LATERAL jsonb_array_elements(COALESCE(h.body -> 'integrations', '[]')) AS i
           WHERE h.kind = 'services' GROUP BY h.id, i ->> 'id'"""
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def runbooks(tx: Tx, since: datetime) -> dict[str, dict[str, bool]]:
    """service -> its recent alerts by name, those that came most often without a runbook first, and whether each always had one.

    Tests and drills do not count, nor what belongs to private incidents; a heartbeat says in its description what to do."""
    rows = await tx.fetch(
        f"""SELECT service, name, bool_and(told), count(*) FILTER (WHERE NOT told) AS bare FROM (
             SELECT service, COALESCE(NULLIF(labels ->> 'alertname', ''), title) AS name, labels ? 'test' AS test,
                    {RUNBOOK} IS NOT NULL
                    OR integration = 'heartbeat' AND COALESCE(body -> 'annotations', '{{}}') ? 'description' AS told
             FROM alerts WHERE first_at >= $1
               AND NOT EXISTS (SELECT FROM incidents i WHERE i.id = incident_id AND i.private) ORDER BY first_at DESC, id DESC LIMIT $2
           ) AS recent WHERE NOT test GROUP BY service, name ORDER BY bare DESC, name""",
        since, LATEST,
    )  # fmt: skip
    found: dict[str, dict[str, bool]] = {}
    for service, name, told, _ in rows:
        found.setdefault(service, {})[name] = told
    return found


async def failing_methods(tx: Tx, since: datetime) -> dict[tuple[str, str], str]:
    """(user, method) -> its latest error, for methods by which nothing has gone through after it failed at least twice."""
    rows = await tx.fetch(
        """SELECT user_id, method, (array_agg(error ORDER BY ended_at DESC) FILTER (WHERE state = 'failed'))[1]
           FROM (SELECT user_id, method, state, ended_at, error FROM notifications ORDER BY id DESC LIMIT $2) AS recent
           WHERE ended_at >= $1 AND state IN ('delivered', 'failed') GROUP BY user_id, method
           HAVING count(*) FILTER (WHERE state = 'failed') >= 2
              AND max(ended_at) FILTER (WHERE state = 'failed')
                  > COALESCE(max(ended_at) FILTER (WHERE state = 'delivered'), '-infinity')""",
        since, LATEST_NOTIFICATIONS,
    )  # fmt: skip
    return {(row[0], row[1]): row[2] or "no answer" for row in rows}


# --- what teams were told ---------------------------------------------------------------------------------------------


class Report(msgspec.Struct, frozen=True):
    """What one team was told: findings by their key, each with its spans as texts, and how far that check looked."""

    findings: dict[str, list[tuple[str, str]]]
    until: datetime
    told_at: datetime


async def reports(tx: Tx) -> dict[str, Report]:
    """By team; locked until the transaction ends, so that two nodes do not tell the same."""
    rows = await tx.fetch("SELECT team, findings, until, told_at FROM check_reports FOR UPDATE")
    return {row[0]: Report(row[1], row[2], row[3]) for row in rows}


async def last_told(tx: Tx) -> list[tuple[str, datetime, int]]:
    """(team, when it was last looked at, how many findings there were)."""
    rows = await tx.fetch(
        "SELECT team, told_at, (SELECT count(*) FROM jsonb_object_keys(findings)) AS n FROM check_reports ORDER BY team"
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def save_report(tx: Tx, team: str, findings: Mapping[str, Any], until: datetime, now: datetime) -> None:
    await tx.execute(
        """INSERT INTO check_reports (team, findings, until, told_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (team) DO UPDATE SET findings = excluded.findings, until = excluded.until, told_at = excluded.told_at""",
        team, dict(findings), until, now,
    )  # fmt: skip


async def set_watch(tx: Tx, kind: str, at: datetime) -> None:
    """Set the one timer of `kind`, unless it is set already."""
    await tx.execute(
        """INSERT INTO timers (kind, subject, due_at, set_for) VALUES ($1, 0, $2, $2) ON CONFLICT (kind, subject) DO NOTHING""",
        kind, at,
    )  # fmt: skip
