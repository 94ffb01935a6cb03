"""Alerts and events as people see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tocsin.core import severity as severities
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.incident import display_name, public_id
from tocsin.core.mute import Mute
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage import privacy
from tocsin.manage.lists import (
    DEFAULT,
    Moment,
    RowId,
    check_limit,
    listing,
    read_cursor,
    time_text,
    words,
    write_cursor,
)
from tocsin.store import health, mutes
from tocsin.store import reading_alerts as reading
from tocsin.store.reading_alerts import Before, Filter, Row


class _EventCursor(msgspec.Struct, frozen=True, array_like=True):
    at: Moment
    origin: str
    id: RowId


def _state(row: Row) -> str:
    if row["resolved_at"] is not None:
        return "resolved"
    if row["mute"] is not None:
        return "muted"
    if row["inhibited_by"] is not None:
        return "inhibited"
    return "acknowledged" if row["acknowledged_at"] is not None else "firing"


def _incident(row: Row) -> str | None:
    return None if row["incident_id"] is None else public_id(row["incident_id"])


def _name(number: int | None, began: datetime | None) -> str | None:
    return None if number is None or began is None else display_name(number, began)


def alert_view(row: Row, verdict: str | None = None) -> dict[str, Any]:
    """One alert as JSON. `status`: firing, acknowledged, muted, inhibited, resolved. `reason`: what became of the event (core.alert)."""
    body = row["body"]
    return {
        "id": row["id"],
        "title": row["title"],
        "status": _state(row),
        "severity": Severity(row["severity"]).key,
        "service": row["service"],
        "integration": row["integration"],
        "dedup_key": row["dedup_key"],
        "incident": _incident(row),
        "incident_name": _name(row["incident_id"], row["incident_began"]),
        "source": row["source"],
        "labels": row["labels"],
        "details": body.get("details"),
        "annotations": body.get("annotations", {}),
        "runbook": row["runbook"],
        "links": body.get("links", []),
        "images": body.get("images", []),
        "client": body.get("client", ""),
        "client_url": body.get("client_url", ""),
        "fingerprint": row["fingerprint"],
        "reason": row["reason"],
        "inhibited_by": _inhibited_by(row),
        "count": row["count"],
        "first_at": time_text(row["first_at"]),
        "last_at": time_text(row["last_at"]),
        "starts_at": time_text(row["starts_at"]),
        "ends_at": time_text(row["ends_at"]),
        "acknowledged_at": time_text(row["acknowledged_at"]),
        "resolved_at": time_text(row["resolved_at"]),
        "resolved_by": row["resolved_by"],
        "verdict": verdict,
    }


def _inhibited_by(row: Row) -> dict[str, Any] | None:
    """What hides (or, once it ended, hid) the alert: `inhibition` is the id of the rule, or `depends_on`."""
    if row["inhibited_by"] is None:
        return None
    incident = row["inhibitor_incident"]
    return {
        "inhibition": row["inhibited_by"],
        "alert": row["inhibitor_alert"],
        "incident": None if incident is None else public_id(incident),
        "incident_name": _name(incident, row["inhibitor_began"]),
    }


_OPEN = {"open": True, "firing": True, "resolved": False}


def _is_open(status: str | None) -> bool | None:
    if not status:
        return None
    if status not in _OPEN:
        raise Invalid(f"{status!r} is not a status of an alert: use open or resolved", "/status")
    return _OPEN[status]


async def list_alerts(
    ctx: Context,
    *,
    status: str | None = None,
    service: str | None = None,
    incident: int | None = None,
    severity: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT,
) -> dict[str, Any]:
    """`{"items", "next"}`, newest first. `status` is `open` or `resolved`; `q` is looked for in title, key and source.

    Raises Invalid.
    """
    check_limit(limit)
    wanted = Filter(
        open=_is_open(status),
        service=service or None,
        incident=incident,
        severities=tuple(int(severities.parse(word)) for word in words(severity)),
        start=from_,
        end=to,
        text=(q or "").replace("\0", "").strip(),
        before=read_cursor(cursor, tuple[Moment, RowId]),
    )
    async with ctx.db.reading() as tx:
        wanted = msgspec.structs.replace(wanted, hidden=await privacy.hidden(tx))
        rows = await reading.alerts(tx, wanted, limit + 1)
        said = await health.verdicts(tx, [row["id"] for row in rows])
    return listing(
        rows,
        limit,
        lambda row: alert_view(row, said.get(row["id"])),
        lambda row: write_cursor(row["first_at"], row["id"]),
    )


async def get_alert(ctx: Context, id: int) -> dict[str, Any]:
    """One alert, with the silence that holds or held it back as `muted_by`. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading.alert(tx, id)
        if row is not None and row["incident_id"] in await privacy.hidden(tx):
            row = None
        mute = await mutes.seen(tx, row["mute"]) if row is not None and row["mute"] is not None else None
        said = await health.verdicts(tx, [id])
    if row is None:
        raise NotFound(f"There is no alert {id}")
    return {**alert_view(row, said.get(id)), "muted_by": None if mute is None else muted_by(mute)}


HIDDEN = 50
"""Alerts hidden under an incident that are shown."""


async def hidden_under(ctx: Context, incident: int) -> list[dict[str, Any]]:
    """The open alerts that an incident, or a firing alert of it, hides; the first ones."""
    async with ctx.db.reading() as tx:
        return [alert_view(row) for row in await reading.hidden_under(tx, incident, HIDDEN)]


def muted_by(mute: Mute) -> dict[str, Any]:
    """A silence as what it mutes names it."""
    return {
        "id": mute.public_id,
        "kind": mute.kind,
        "reason": mute.comment,
        "rule": mute.rule,
        "ends_at": time_text(mute.ends_at),
    }


def event_view(row: Row) -> dict[str, Any]:
    """One event as JSON. `id` is unique among events; `reason` says what became of it (core.alert)."""
    return {
        "id": f"{row['origin']}-{row['id']}",
        "at": time_text(row["at"]),
        "action": row["action"],
        "service": row["service"],
        "integration": row["integration"],
        "dedup_key": row["dedup_key"],
        "title": row["title"],
        "reason": row["reason"],
        "alert": row["alert_id"],
        "incident": _incident(row),
        "data": row["body"],
    }


async def list_events(
    ctx: Context,
    *,
    service: str | None = None,
    incident: int | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT,
) -> dict[str, Any]:
    """`{"items", "next"}`, newest first: the trigger that opened each alert, and events that left no alert of their own.

    Repeats of an open alert are counted on it and are no events here. Raises Invalid.
    """
    check_limit(limit)
    behind = read_cursor(cursor, _EventCursor)
    before = Before(behind.at, behind.origin, behind.id) if behind else None
    wanted = Filter(service=service or None, incident=incident, start=from_, end=to)
    async with ctx.db.reading() as tx:
        wanted = msgspec.structs.replace(wanted, hidden=await privacy.hidden(tx))
        rows = await reading.events(tx, wanted, before, limit + 1)
    return listing(rows, limit, event_view, lambda row: write_cursor(row["at"], row["origin"], row["id"]))
