"""What happened around the onset of an incident: its alerts, and changes of what it hits or depends on, the likeliest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.configuration import Service
from tocsin.core.incident import unknown
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import reading_incidents as reading
from tocsin.store import reading_room
from tocsin.store.database import Tx
from tocsin.store.reading_incidents import Row

BEFORE = timedelta(hours=24)
AFTER = timedelta(hours=1)
MOST = 50
"""Changes and alerts looked at."""
FARTHEST = 3
"""How many dependencies away a change may be."""
A_STEP = timedelta(hours=2)
"""A dependency more counts as much as this much time more."""


def near(services: Mapping[str, Service], hit: list[str]) -> dict[str, int]:
    """Every service that the hit ones depend on, with how many steps it is away (0: hit itself)."""
    found, layer = dict.fromkeys(hit, 0), list(hit)
    for distance in range(1, FARTHEST + 1):
        layer = [below for one in layer if one in services for below in services[one].depends_on if below not in found]
        found.update(dict.fromkeys(layer, distance))
    return found


async def onset_of(ctx: Context, tx: Tx, row: Row) -> dict[str, Any]:
    """`{"onset", "from", "to", "alerts": [...], "changes": [...]}` of an incident whose row has been read.

    `alerts` are in order of time: `{id, title, service, severity, at, resolved_at}`. `changes` have the likeliest first: near in
    time, before the onset, near in the graph of services: `{id, at, service, distance, seconds_before, title, source, links}`.
    """
    onset: datetime = row["impact_started_at"] or row["detected_at"]
    distances = near(ctx.directory.services, list(row["affected_services"]))
    start, end = onset - BEFORE, onset + AFTER
    found = await reading_room.changes(tx, list(distances), start, end, MOST)
    alerts = await reading_room.alerts_around(tx, row["id"], MOST)
    changes = [_change(one, distances[one["service"]], onset) for one in found]
    return {
        "onset": time_text(onset),
        "from": time_text(start),
        "to": time_text(end),
        "alerts": [
            {**{key: one[key] for key in ("id", "title", "service", "severity")}, "at": time_text(one["at"]),
             "resolved_at": time_text(one["resolved_at"])}
            for one in alerts
        ],
        "changes": sorted(changes, key=_unlikeliness),
    }  # fmt: skip


def _change(row: Row, distance: int, onset: datetime) -> dict[str, Any]:
    body = row["body"]
    return {
        "id": row["id"],
        "at": time_text(row["at"]),
        "service": row["service"],
        "distance": distance,
        "seconds_before": round((onset - row["at"]).total_seconds()),
        "title": row["title"],
        "source": body.get("source", ""),
        "links": body.get("links", []),
    }


def _unlikeliness(change: dict[str, Any]) -> tuple[bool, float]:
    seconds: int = change["seconds_before"]
    return seconds < 0, abs(seconds) + change["distance"] * A_STEP.total_seconds()


async def onset(ctx: Context, number: int) -> dict[str, Any]:
    """What happened around the onset of an incident. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading.get(tx, number)
        if row is None:
            raise unknown(number)
        return await onset_of(ctx, tx, row)
