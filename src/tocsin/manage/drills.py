"""Drills as people see them: started, watched, and what came of them: who was reached, by what, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.core import severity as severities
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.incident import display_name, parse_id, public_id
from tocsin.core.severity import Severity
from tocsin.core.spelling import Duration
from tocsin.flow import drill
from tocsin.flow.context import Context
from tocsin.manage.lists import (
    DEFAULT,
    Moment,
    RowId,
    check_limit,
    listing,
    read_cursor,
    time_text,
    write_cursor,
)
from tocsin.store import drills, reading_incidents
from tocsin.store.drills import Row


async def start(
    ctx: Context, actor: str, service: str, severity: str = "sev2_high", lasts: str | None = None
) -> dict[str, Any]:
    """Start one, and show it as `get` does. `lasts` is a duration such as `15m`. Raises NotFound, Invalid, Conflict."""
    length = drill.USUAL if lasts is None else _length(lasts)
    number = await drill.start(ctx, actor, service, severities.parse(severity), length)
    return await get(ctx, public_id(number))


def _length(text: str) -> timedelta:
    try:
        return Duration.parse(text).delta
    except ValueError as error:
        raise Invalid(str(error), "/for") from None


async def stop(ctx: Context, id: str, actor: str) -> dict[str, Any]:
    """End one now, and show it. Raises NotFound."""
    await drill.stop(ctx, parse_id(id), actor)
    return await get(ctx, id)


async def get(ctx: Context, id: str) -> dict[str, Any]:
    """One drill with its people: `{id, incident, name, service, severity, urgency, state, started_by, started_at, until, ended_at,
    ended_because, answered_at, answered_by, seconds_to_answer, reached, unreached, sentence, people}`.

    `state`: running or over. A person: `{user, name, step, via, through, state, paged_at, reached_at, seconds_to_reach, notifications:
    [{method, channel, state, at, receipt, error, attempts}]}`. Raises NotFound.
    """
    number = parse_id(id)
    async with ctx.db.reading() as tx:
        row = await drills.get(tx, number)
        if row is None:
            raise NotFound(f"There is no drill {public_id(number)}")
        pages = await reading_incidents.pages(tx, number, None, None)
        told = await reading_incidents.notifications(tx, [page["id"] for page in pages])
    people = [_person(ctx.directory, page, [n for n in told if n["page_id"] == page["id"]]) for page in pages]
    return {**_view(ctx.directory, row), "people": people, **_outcome(ctx.directory, row, people)}


async def list_drills(ctx: Context, limit: int = DEFAULT, cursor: str | None = None) -> dict[str, Any]:
    """`{"items", "next"}`, newest first, without their people. Raises Invalid."""
    before = read_cursor(cursor, tuple[Moment, RowId])
    async with ctx.db.reading() as tx:
        rows = await drills.newest(tx, before, check_limit(limit) + 1)
    return listing(
        rows,
        limit,
        lambda row: _view(ctx.directory, row),
        lambda row: write_cursor(row["started_at"], row["incident_id"]),
    )


def _view(directory: Directory, row: Row) -> dict[str, Any]:
    service = directory.services.get(row["service"])
    return {
        "id": public_id(row["incident_id"]),
        "incident": public_id(row["incident_id"]),
        "name": display_name(row["incident_id"], row["created_at"]),
        "service": row["service"],
        "service_name": service.label if service else row["service"],
        "severity": Severity(row["severity"]).key,
        "urgency": row["urgency"],
        "state": "running" if row["ended_at"] is None else "over",
        "started_by": row["started_by"],
        "started_at": time_text(row["started_at"]),
        "until": time_text(row["until"]),
        "ended_at": time_text(row["ended_at"]),
        "ended_because": row["ended_because"],
        "answered_at": time_text(row["acknowledged_at"]),
        "answered_by": row["acknowledged_by"],
        "seconds_to_answer": _seconds(row["started_at"], row["acknowledged_at"]),
    }


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else round((end - start).total_seconds(), 1)


def _person(directory: Directory, page: Any, told: Sequence[Any]) -> dict[str, Any]:
    known = directory.users.get(page["user_id"])
    return {
        "user": page["user_id"],
        "name": known.label if known else page["user_id"],
        "step": page["step"],
        "via": page["via"],
        "through": directory.called(page["via"]),
        "state": page["state"],
        "paged_at": time_text(page["created_at"]),
        "reached_at": time_text(page["delivered_at"]),
        "seconds_to_reach": _seconds(page["created_at"], page["delivered_at"]),
        "notifications": [
            {
                "method": n["method"],
                "channel": n["channel"],
                "state": n["state"],
                "at": time_text(n["ended_at"] or n["started_at"] or n["scheduled_at"]),
                "receipt": n["receipt"],
                "error": n["error"],
                "attempts": n["attempts"],
            }
            for n in told
        ],
    }


def _outcome(directory: Directory, row: Row, people: Sequence[dict[str, Any]]) -> dict[str, Any]:
    reached = list(dict.fromkeys(p["user"] for p in people if p["reached_at"]))
    unreached = list(dict.fromkeys(p["user"] for p in people if p["state"] == "undelivered"))
    return {"reached": reached, "unreached": unreached, "sentence": _sentence(directory, row, people, unreached)}


def _sentence(directory: Directory, row: Row, people: Sequence[dict[str, Any]], unreached: Sequence[str]) -> str:
    """What came of it, in one breath."""
    names = {p["user"]: p["name"] for p in people}
    lost = f" {', '.join(names[user] for user in unreached)} could not be reached." if unreached else ""
    fastest = min((p for p in people if p["reached_at"]), key=lambda p: p["reached_at"], default=None)
    if fastest is None:
        still = "yet" if row["ended_at"] is None else "at all"
        return f"Nobody was reached {still}.{lost}"
    reached = f"{fastest['name']} was reached first, after {_took(row, fastest['reached_at'])}"
    if row["acknowledged_at"] is not None:
        by = (row["acknowledged_by"] or "").partition(":")[2]
        known = directory.users.get(by)
        answered = f"{known.label if known else by} answered after {_span(row['acknowledged_at'] - row['started_at'])}"
        return f"{reached}; {answered}.{lost}"
    return f"{reached}; nobody {'has answered yet' if row['ended_at'] is None else 'answered'}.{lost}"


def _took(row: Row, at: str) -> str:
    return _span(datetime.fromisoformat(at) - row["started_at"])


def _span(length: timedelta) -> str:
    seconds = max(0, round(length.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min {seconds % 60} s"
