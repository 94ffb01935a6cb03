"""Reading open alerts as an Alertmanager shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tocsin.store.database import Tx


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is open. `fingerprint` is empty for alerts that did not come from Alertmanager or Prometheus.
    `inhibited_by` names what hides it: the fingerprint (or id) of an alert, or `incident:` and its number; empty: nothing does."""

    id: int
    dedup_key: str
    labels: dict[str, str]
    annotations: dict[str, str]
    generator_url: str
    fingerprint: str
    first_at: datetime
    last_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    inhibited_by: str = ""


async def open_of_service(tx: Tx, service: str, after: str, limit: int) -> list[OpenAlert]:
    """The next open alerts of one service in the order of their dedup keys, beginning behind the key `after`."""
    rows = await tx.fetch(
        """SELECT id, dedup_key, labels, body->'annotations' AS annotations, body->>'client_url' AS generator_url, fingerprint,
                  first_at, last_at, starts_at, ends_at,
                  CASE WHEN inhibitor_incident IS NOT NULL THEN 'incident:' || inhibitor_incident
                       WHEN inhibitor_alert IS NOT NULL THEN COALESCE(
                         (SELECT NULLIF(c.fingerprint, '') FROM alerts c WHERE c.id = a.inhibitor_alert), inhibitor_alert::text)
                       ELSE '' END AS inhibited_by
           FROM alerts a WHERE service = $1 AND resolved_at IS NULL AND dedup_key > $2 ORDER BY dedup_key LIMIT $3""",
        service, after, limit,
    )  # fmt: skip
    return [_alert(row) for row in rows]


def _alert(row: Any) -> OpenAlert:
    return OpenAlert(
        id=row["id"],
        dedup_key=row["dedup_key"],
        labels=row["labels"],
        annotations=row["annotations"] or {},
        generator_url=row["generator_url"] or "",
        fingerprint=row["fingerprint"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        inhibited_by=row["inhibited_by"],
    )
