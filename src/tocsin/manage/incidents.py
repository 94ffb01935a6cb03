"""Incidents as people see them: one view for API, web and CLI; lists, timelines, pages, proof of whole timelines."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core import severity as severities
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.incident import OPEN, STATUSES, display_name, parse_id, public_id, unknown
from tocsin.core.matrix import respond_by, restore_by, row_view
from tocsin.core.severity import Severity
from tocsin.core.tier import ABOUT
from tocsin.core.timeline import Entry, Link, first_break
from tocsin.flow.context import Context
from tocsin.flow.rules import known_rules, learn
from tocsin.manage import privacy
from tocsin.manage.birth import birth_view
from tocsin.manage.command import command_view
from tocsin.manage.lifecycle import belongings_view, durations_view, moves_view, times_view
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
from tocsin.store import reading_incidents as reading
from tocsin.store.reading_incidents import Filter, Row

_TIMES = (
    "created_at", "detected_at", "impact_started_at", "acknowledged_at", "engaged_at", "identified_at", "restored_at",
    "resolved_at", "closed_at", "next_update_at",
)  # fmt: skip


def incident_url(ctx: Context, number: int) -> str:
    """Where the incident's room is."""
    return f"{ctx.settings.external_url.rstrip('/')}/incidents/{public_id(number)}"


def view(row: Row, ctx: Context) -> dict[str, Any]:
    """One incident as JSON. `duration_seconds` and `mttr_minutes` count from creation to resolution; else null."""
    number = row["id"]
    ended = row["resolved_at"]
    seconds = None if ended is None else (ended - row["created_at"]).total_seconds()
    return {
        "id": public_id(number),
        "number": number,
        "name": display_name(number, row["created_at"]),
        "title": row["title"],
        "description": row["description"],
        "severity": Severity(row["severity"]).key,
        "urgency": row["urgency"],
        "status": row["status"],
        "service": row["service"],
        "affected_services": list(row["affected_services"]),
        "assignee": row["assignee"],
        "responders": list(row["responders"]),
        "roles": row["roles"],
        **command_view(row, ctx.clock.now()),
        "tags": list(row["tags"]),
        "impact": row["impact"],
        "reporter": row["reporter"],
        "drill": row["drill"],
        **{name: time_text(row[name]) for name in _TIMES},
        "acknowledged_by": row["acknowledged_by"],
        "duration_seconds": seconds,
        "mttr_minutes": None if seconds is None else round(seconds / 60, 2),
        "alerts_count": row["alerts_count"],
        "escalations_count": row["escalations_count"],
        "alarm": row["alarm"],
        "no_page_reason": row["no_page_reason"],
        "snoozed_until": time_text(row["snoozed_until"]),
        "snoozed_by": row["snoozed_by"],
        "handover": row["handover"],
        "escalation_suggested_at": time_text(row["prompted_at"]),
        "next_moves": moves_view(row),
        "times": times_view(row),
        "durations": durations_view(row),
        **belongings_view(row),
        **birth_view(row, ctx),
        "severity_policy": policy_view(row, ctx),
        "url": incident_url(ctx, number),
    }


def policy_view(row: Row, ctx: Context) -> dict[str, Any]:
    """The row of the severity matrix that the incident keeps, with what its clocks say.

    `respond_by`, `response_late`: until when somebody should have acknowledged, and whether nobody had. `restore_by`,
    `restore_late` likewise. `since` is when these clocks began.
    """
    now, rules = ctx.clock.now(), known_rules(ctx, row["matrix"], row["service"])
    policy, since = rules.rows[Severity(row["severity"])], row["clocks_since"] or row["created_at"]
    answered = row["acknowledged_at"] if row["acknowledged_cycle"] >= row["cycle"] else None
    respond, restore = respond_by(policy, rules.hours, since), restore_by(policy, rules.hours, row["created_at"])
    return {
        **row_view(policy),
        "since": time_text(since),
        "respond_by": time_text(respond),
        "response_late": (answered or row["resolved_at"] or now) > respond,
        "restore_by": time_text(restore),
        "restore_late": (row["restored_at"] or row["resolved_at"] or now) > restore,
        "business_hours": str(rules.hours) if policy.page != "now" else None,
    }


def _statuses(text: str | None) -> list[str]:
    found: list[str] = []
    for word in words(text):
        if word != "open" and word not in STATUSES:
            raise Invalid(f"{word!r} is not a status: use open, {', '.join(STATUSES)}", "/status")
        found += OPEN if word == "open" else [word]
    return found


def _number(text: str) -> int | None:
    """The incident that a search text names, if it does."""
    try:
        number = parse_id(text)
    except NotFound:
        return None
    return number if 0 < number < 2**32 else None


async def list_incidents(
    ctx: Context,
    *,
    status: str | None = None,
    severity: str | None = None,
    service: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT,
) -> dict[str, Any]:
    """`{"items", "next"}`, newest first.

    `status` is a state, several joined by commas, or `open`; `severity` likewise, in any spelling. Of the creation,
    `from_` is included and `to` is not. `q` is looked for in title, description, service and tags, and may be an
    incident's name. Raises Invalid.
    """
    check_limit(limit)
    wanted = Filter(
        open_only=status == "open",
        statuses=[] if status == "open" else _statuses(status),
        severities=[int(severities.parse(word)) for word in words(severity)],
        service=service or None,
        start=from_,
        end=to,
        text=(q or "").replace("\0", "").strip(),
        number=_number(q) if q else None,
        before=read_cursor(cursor, tuple[Moment, RowId]),
    )
    async with ctx.db.reading() as tx:
        wanted = msgspec.structs.replace(wanted, hidden=await privacy.hidden(tx))
        rows = [seen(row, wanted.hidden) for row in await reading.find(tx, wanted, limit + 1)]
        await learn(ctx, tx, [row["matrix"] for row in rows])
    return listing(rows, limit, lambda row: view(row, ctx), lambda row: write_cursor(row["created_at"], row["id"]))


async def get(ctx: Context, number: int) -> dict[str, Any]:
    """One incident. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading.get(tx, number)
        if row is not None:
            await learn(ctx, tx, [row["matrix"]])
        asked = row is not None and (row["related"] or row["private"] or row["merged_into"])
        hidden = await privacy.hidden(tx) if asked else []
    if row is None or number in hidden:
        raise unknown(number)
    return view(seen(row, hidden), ctx)


def seen(row: Row, hidden: Collection[int]) -> Row:
    """A row without what it says of incidents that whoever asks may not see."""
    if not hidden:
        return row
    into = row["merged_into"]
    related = [other for other in row["related"] if other not in hidden]
    return {**row, "related": related, "merged_into": None if into in hidden else into}


def entry_view(row: Row) -> dict[str, Any]:
    """One timeline entry: `{id, at, kind, actor, details, data}`."""
    return {
        "id": row["id"],
        "at": time_text(row["at"]),
        "kind": row["kind"],
        "actor": row["actor"],
        "details": row["details"],
        "data": row["data"],
    }


async def timeline(
    ctx: Context, number: int, after: int = 0, limit: int = DEFAULT, without: Collection[str] = ()
) -> dict[str, Any]:
    """`{"items", "next"}`, oldest first, from the entry after the one whose id is `after`.

    `next` is a cursor that `read_timeline_cursor` reads. `without`: kinds to leave out. Raises NotFound.
    """
    check_limit(limit)
    async with ctx.db.reading() as tx:
        rows = await privacy.veiled(tx, await reading.timeline(tx, number, after, limit + 1, without))
        if not rows and not await reading.exists(tx, number):
            raise unknown(number)
    return listing(rows, limit, entry_view, lambda row: write_cursor(row["id"]))


def read_timeline_cursor(cursor: str | None) -> int:
    """The id of the entry after which a list of entries goes on; 0 without cursor. Raises Invalid."""
    read = read_cursor(cursor, tuple[RowId])
    return read[0] if read else 0


async def last_entry(ctx: Context, number: int, kind: str, actor: str) -> dict[str, Any]:
    """The latest entry of a kind by one actor. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading.last_entry(tx, number, kind, actor)
    if row is None:
        raise NotFound(f"There is no such entry in the timeline of {public_id(number)}")
    return entry_view(row)


def _notification_view(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "method": row["method"],
        "channel": row["channel"],
        "state": row["state"],
        "attempts": row["attempts"],
        "receipt": row["receipt"],
        "report": row["report"],
        "error": row["error"],
        "scheduled_at": time_text(row["scheduled_at"]),
        "started_at": time_text(row["started_at"]),
        "ended_at": time_text(row["ended_at"]),
        "held": row["held"] or None,
        "held_until": time_text(row["held_until"]),
        "arrived_at": time_text(row["arrived_at"]),
        "message": row["message"],
    }


def page_view(row: Row, notifications: list[Row]) -> dict[str, Any]:
    """One page with its notifications. `step` counts from 1, `round` is how often the policy was repeated before.

    `via` is the target that led to the person: `schedule:payments-primary`, `team:payments` or `user:erin`. `clock` is what sends
    it: response, progress, or person (then step 0, and no tier). `role` says who stands on the tier; `note` is what whoever asked
    for the page said.
    """
    from_ladder = row["step"] > 0
    return {
        "id": row["id"],
        "user": row["user_id"],
        "step": row["step"],
        "round": row["round"],
        "cycle": row["cycle"],
        "clock": row["clock"],
        "tier": row["tier"] if from_ladder else None,
        "role": ABOUT[row["tier"]].sentence if from_ladder and row["tier"] in ABOUT else None,
        "note": row["note"],
        "via": row["via"],
        "reason": row["reason"],
        "urgency": row["urgency"],
        "state": row["state"],
        "created_at": time_text(row["created_at"]),
        "deadline_at": time_text(row["deadline_at"]),
        "delivered_at": time_text(row["delivered_at"]),
        "ended_at": time_text(row["ended_at"]),
        "notifications": [_notification_view(n) for n in notifications],
    }


async def pages(ctx: Context, number: int, cursor: str | None = None, limit: int = DEFAULT) -> dict[str, Any]:
    """`{"items", "next"}` of pages, oldest first, each with its notifications. Raises NotFound."""
    check_limit(limit)
    async with ctx.db.reading() as tx:
        rows = await reading.pages(tx, number, read_cursor(cursor, tuple[Moment, RowId]), limit + 1)
        if not rows and not await reading.exists(tx, number):
            raise unknown(number)
        carried = await reading.notifications(tx, [row["id"] for row in rows])
    by_page: dict[int, list[Row]] = {}
    for notification in carried:
        by_page.setdefault(notification["page_id"], []).append(notification)
    return listing(
        rows,
        limit,
        lambda row: page_view(row, by_page.get(row["id"], [])),
        lambda row: write_cursor(row["created_at"], row["id"]),
    )


async def verify(ctx: Context, number: int) -> dict[str, Any]:
    """Whether the timeline is as it was written: `{ok, entries, broken_at, head}`.

    `broken_at` is the sequence number of the first entry that was changed, removed or slipped in; `head` is the last
    link's hash in hexadecimal. Raises NotFound.
    """
    async with ctx.db.reading() as tx:
        stored = await reading.chain(tx, number)
    if not stored:
        raise unknown(number)
    end = Link(stored[0]["timeline_seq"], stored[0]["timeline_head"])
    rows = [row for row in stored if row["seq"] is not None]
    entries = (
        (e["seq"], Entry(at=e["at"], kind=e["kind"], actor=e["actor"], details=e["details"], data=e["data"]), e["hash"])
        for e in rows
    )
    broken = first_break(number, entries, end)
    return {"ok": broken is None, "entries": len(rows), "broken_at": broken, "head": end.head.hex()}
