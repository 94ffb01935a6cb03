"""Reviews as people see and write them: the draft with measured answers, their own words, publishing and waiving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec

from tocsin.core import review, review_text
from tocsin.core.configuration import Role
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.incident import display_name, public_id
from tocsin.core.language import lint_review
from tocsin.core.record import Record
from tocsin.core.review import SECTIONS, TASKS, Action, Section, State, Task, Written
from tocsin.core.severity import Severity
from tocsin.flow.acts import Result, checked, known, locked, tell
from tocsin.flow.context import Context
from tocsin.flow.review import begun
from tocsin.flow.rules import learn
from tocsin.manage import privacy, rendering
from tocsin.manage.language import view as finding_view
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
from tocsin.manage.records import record_of, short
from tocsin.manage.reports import UTC_ZONE, Form, as_json, plain
from tocsin.store import reading_incidents as reading
from tocsin.store import reviews, search
from tocsin.store.access import audit
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.reading_incidents import Row
from tocsin.store.reviews import Review
from tocsin.store.writing import notify

FURTHEST_MEETING = timedelta(days=10 * 366)
"""Imported incidents were reviewed long ago; further away is a slip of the hand."""

# --- reading ----------------------------------------------------------------------------------------------------------


async def review_of(ctx: Context, number: int, role: Role, form: Form, place: ZoneInfo = UTC_ZONE) -> bytes:
    """The review: as it was published, else from what is known now; HTML with times in the zone `place`. Raises NotFound; Conflict
    while the incident is open."""
    if form == "json":
        return as_json(await get(ctx, number, role))
    async with ctx.db.reading() as tx:
        record, found, written = await read(ctx, tx, number, role)
    if found is not None and found.state == "published" and found.kept is not None:
        text = str(found.kept["markdown"])
    else:
        text = await asyncio.to_thread(review_text.markdown, record, written, ctx.clock.now())
    if form == "html":
        text = await asyncio.to_thread(rendering.page, f"Post-Incident Review: {record.title}", text, place)
    return text.encode()


async def get(ctx: Context, number: int, role: Role) -> dict[str, Any]:
    """The review as data: its document (`core/review_text.document`; as published once it is), `review` (state, dates, who), `written`
    (each section with its version and what the language check says of it). Raises NotFound; Conflict while the incident is open.
    """
    async with ctx.db.reading() as tx:
        record, found, written = await read(ctx, tx, number, role)
        versions = await reviews.sections(tx, number)
    if found is not None and found.state == "published" and found.kept is not None:
        document = found.kept["document"]
    else:
        document = plain(await asyncio.to_thread(review_text.document, record, written, ctx.clock.now()))
    people = [user.label for user in ctx.directory.users.values()]
    return {
        "id": public_id(number),
        "name": display_name(number, record.created_at),
        **document,
        "review": head(record, found, ctx.clock.now()),
        "written": [
            {
                "section": name, "heading": heading, "text": versions[name].text if name in versions else "",
                "version": versions[name].version if name in versions else 0,
                "by": short(versions[name].actor) if name in versions else None,
                "at": time_text(versions[name].at) if name in versions else None,
                "findings": [finding_view(one) for one in lint_review(versions[name].text, people=people)] if name in versions else [],
            }
            for name, heading in SECTIONS.items()
        ],
        "follow_up_actions": [follow_up_view(one) for one in written.follow_ups],
    }  # fmt: skip


def follow_up_view(one: review.FollowUp) -> dict[str, Any]:
    """`{task, text, due_at, done_at, done_by}`."""
    return {
        "task": one.task, "text": TASKS[one.task], "due_at": time_text(one.due_at), "done_at": time_text(one.done_at),
        "done_by": short(one.done_by) or None,
    }  # fmt: skip


def head(record: Record, found: Review | None, now: datetime) -> dict[str, Any]:
    """State and dates. `none`: nobody asked for a review, and nobody wrote one."""
    if found is None:
        return {"state": "none", "incident_status": record.status, **dict.fromkeys(_HEAD), "overdue": False}
    return {
        "state": found.state,
        "incident_status": record.status,
        **{name: time_text(getattr(found, name)) for name in _HEAD if name not in ("owner", "settled_by", "reason")},
        "owner": found.owner,
        "settled_by": short(found.settled_by or "") or None,
        "reason": found.reason or None,
        "overdue": found.state in ("draft", "in_review") and found.publish_by < now,
    }


_HEAD = (
    "drafted_at", "timeline_by", "meet_by", "publish_by", "meeting_at", "owner", "settled_at", "settled_by", "reason",
)  # fmt: skip


async def read(ctx: Context, tx: Tx, number: int, role: Role) -> tuple[Record, Review | None, Written]:
    """All that a review is made from. Raises NotFound; Conflict while the incident is open."""
    row = await reading.get(tx, number)
    if row is None:
        raise NotFound(review.NOT_FOUND)
    _check_over(row["status"])
    record, found = await record_of(ctx, tx, number, role), await reviews.get(tx, number)
    return record, found, await _written(tx, number, found)


def _check_over(status: str) -> None:
    if status not in ("resolved", "closed"):
        raise Conflict(f"{review.REFUSAL}: it is {status}. The draft is there as soon as it is resolved.")


async def _written(tx: Tx, number: int, found: Review | None) -> Written:
    versions, actions = await reviews.sections(tx, number), await reviews.actions(tx, number)
    dates: dict[str, Any] = {"timeline_by": None, "meet_by": None, "publish_by": None, "published_at": None}
    if found is not None:
        dates = {"timeline_by": found.timeline_by, "meet_by": found.meet_by, "publish_by": found.publish_by,
                 "published_at": found.settled_at if found.state == "published" else None}  # fmt: skip
    return Written(
        sections={name: one.text for name, one in versions.items() if one.text},
        factors=await reviews.factors(tx, number),
        actions=actions,
        follow_ups=review.follow_ups(await reviews.done(tx, number), actions, **dates),
        owner=found.owner if found else None,
        meeting_at=found.meeting_at if found else None,
        publish_by=found.publish_by if found and found.state != "published" else None,
    )


async def list_reviews(
    ctx: Context, *, state: str | None = None, cursor: str | None = None, limit: int = DEFAULT
) -> dict[str, Any]:
    """`{"items", "next"}`, the one drafted last first; of those that wait alone, the one that is due first. `state`: several by comma, or
    `open` for those that wait. Raises Invalid."""
    check_limit(limit)
    states: list[str] = []
    for one in words(state):
        if one != "open" and one not in get_args(State):
            raise Invalid(f"{one!r} is not a state of a review: use open, {', '.join(get_args(State))}", "/state")
        states += ("draft", "in_review") if one == "open" else (one,)
    before = read_cursor(cursor, tuple[Moment, RowId])
    by_due = bool(states) and set(states) <= {"draft", "in_review"}
    async with ctx.db.reading() as tx:
        rows = await reviews.listed(tx, states, await privacy.hidden(tx), before, limit + 1, by_due=by_due)
    now = ctx.clock.now()
    return listing(
        rows,
        limit,
        lambda row: _item(row, now),
        lambda row: write_cursor(row["publish_by" if by_due else "drafted_at"], row["incident"]),
    )


def _item(row: Row, now: datetime) -> dict[str, Any]:
    times = ("drafted_at", "meet_by", "publish_by", "meeting_at", "settled_at", "created_at", "resolved_at")
    return {
        "incident": public_id(row["incident"]),
        "name": display_name(row["incident"], row["created_at"]),
        "title": row["title"],
        "severity": Severity(row["severity"]).key,
        "status": row["status"],
        "service": row["service"],
        "state": row["state"],
        "owner": row["owner"],
        **{name: time_text(row[name]) for name in times},
        "settled_by": short(row["settled_by"] or "") or None,
        "reason": row["reason"] or None,
        "overdue": row["state"] in ("draft", "in_review") and row["publish_by"] < now,
    }


async def section_versions(ctx: Context, number: int, section: str) -> dict[str, Any]:
    """`{"items": [{version, text, by, at}], "next": null}`, the newest first. Raises NotFound."""
    name = section_of(section)
    async with ctx.db.reading() as tx:
        if not await reading.exists(tx, number):
            raise NotFound(review.NOT_FOUND)
        found = await reviews.versions(tx, number, name)
    items = [
        {"version": one.version, "text": one.text, "by": short(one.actor), "at": time_text(one.at)} for one in found
    ]
    return {"items": items, "next": None}


def section_of(text: str) -> Section:
    """Raises NotFound naming the sections."""
    for name in SECTIONS:
        if name == text.replace("-", "_"):
            return name
    raise NotFound(f"There is no section {text!r}: use {', '.join(SECTIONS)}")


async def state_of(ctx: Context, number: int) -> dict[str, Any] | None:
    """State and dates of the review of an incident, for its room; None while there is none."""
    async with ctx.db.reading() as tx:
        found = await reviews.get(tx, number)
    if found is None:
        return None
    times = {name: time_text(getattr(found, name)) for name in ("meet_by", "publish_by", "meeting_at", "settled_at")}
    overdue = found.state in ("draft", "in_review") and found.publish_by < ctx.clock.now()
    return {"state": found.state, "owner": found.owner, "reason": found.reason, **times, "overdue": overdue}


# --- settling ---------------------------------------------------------------------------------------------------------

Do = Callable[[Tx, Incident, Review, datetime], Awaitable[Result]]


async def changed(ctx: Context, number: int, do: Do, *, settled: bool = False) -> Result:
    """Change the review of a locked incident that is over; it is begun if nobody has yet.

    Raises NotFound; Conflict while the incident is open or, unless `settled`, when the review is published or waived.
    """
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        _check_over(incident.status)
        now = ctx.clock.now()
        await learn(ctx, tx, [incident.matrix])
        found = await reviews.get(tx, number)
        if found is None:
            await reviews.draft(tx, [begun(ctx, incident, now)])
            found = await reviews.get(tx, number)
        assert found is not None  # it was just made
        if found.state in ("published", "waived") and not settled:
            raise Conflict(f"The review is {found.state}. Take it up again before you change it.")
        result = await do(tx, incident, found, now)
        await search.write(tx, [number])  # what the review says is found, too
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return result


async def publish(ctx: Context, number: int, actor: str, incomplete: str = "") -> Result:
    """Publish the review as it is now; it is kept word for word. `incomplete`: why it is published with gaps.

    Raises NotFound; Conflict while the incident is open, or when a root cause, action items or lessons learned are missing (S0-107)
    and no reason is given.
    """
    reason = checked(incomplete, "/incomplete", needed=False)

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        if found.state == "published":
            return Result(number, False, f"Already published by {short(found.settled_by or '')}")
        missing = review.incomplete(Severity(incident.severity).key, await _written(tx, number, found))
        if missing and not reason:
            names = ", ".join(SECTIONS[name] for name in missing)
            raise Conflict(f"The review has no {names} yet: write that first, or say why it is published without it.")
        await reviews.change(
            tx, number, state="published", settled_at=now, settled_by=actor, reason=reason if missing else ""
        )
        published = await reviews.get(tx, number)
        record, written = await record_of(ctx, tx, number, "admin"), await _written(tx, number, published)
        text = await asyncio.to_thread(partial(review_text.markdown, record, written, now, published=True))
        kept = {"markdown": text, "document": plain(review_text.document(record, written, now))}
        await reviews.change(tx, number, kept=msgspec.to_builtins(kept))
        gaps = {"missing": missing, "reason": reason} if missing else {}
        await tell(tx, incident, now, "review_published", actor, "Review published", **gaps)
        return Result(number, True, "Review published")

    return await changed(ctx, number, do, settled=True)


async def waive(ctx: Context, number: int, actor: str, reason: str) -> Result:
    """No review is written, for a reason. Raises NotFound; Invalid without a reason; Conflict while it is open or once it is published."""
    reason = checked(reason, "/reason")

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        if found.state == "published":
            raise Conflict("The review is published already.")
        if found.state == "waived":
            return Result(number, False, f"Already waived by {short(found.settled_by or '')}")
        await reviews.change(tx, number, state="waived", settled_at=now, settled_by=actor, reason=reason)
        await tell(tx, incident, now, "review_waived", actor, f"Review waived: {reason}", reason=reason)
        await audit(tx, now, actor, "review.waive", f"incident:{number}", {"reason": reason})
        return Result(number, True, "Review waived")

    return await changed(ctx, number, do, settled=True)


async def take_up(ctx: Context, number: int, actor: str) -> Result:
    """A published or waived review is a draft again, made from what is known then.

    Raises NotFound; Conflict while the incident is open, or closed.
    """

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        if found.state not in ("published", "waived"):
            return Result(number, False, "It is a draft already")
        if incident.status == "closed" and incident.severity <= Severity.SEV2:
            raise Conflict("The incident is closed on the strength of this review: reopen the incident first.")
        await reviews.change(tx, number, state="draft", settled_at=None, settled_by=None, reason="")
        await audit(tx, now, actor, "review.take_up", f"incident:{number}", {"was": found.state})
        return Result(number, True, "The review is a draft again")

    return await changed(ctx, number, do, settled=True)


async def plan(
    ctx: Context,
    number: int,
    actor: str,
    *,
    owner: str | None = None,
    meeting_at: datetime | None = None,
    state: str | None = None,
) -> Result:
    """Who writes it, when the meeting is, whether others read it now (`in_review`) or it is a `draft`. What is None stays.

    Raises NotFound; Invalid; Conflict.
    """
    if owner is not None:
        known(ctx.directory, owner, "/owner")
    if state is not None and state not in ("draft", "in_review"):
        raise Invalid("use draft or in_review; publishing and waiving have acts of their own", "/state")

    if meeting_at is not None and abs(meeting_at - ctx.clock.now()) > FURTHEST_MEETING:
        raise Invalid("that is years away: write the day of the meeting, like 2026-01-05T09:00:00Z", "/meeting_at")

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        changes: dict[str, Any] = {}
        if owner is not None:
            changes["owner"] = owner
        if state is not None:
            changes["state"] = state
        if meeting_at is not None and meeting_at != found.meeting_at:
            changes |= {"meeting_at": meeting_at, "meeting_sequence": found.meeting_sequence + 1}
        if changes:
            await reviews.change(tx, number, **changes)
        return Result(number, bool(changes), "Saved" if changes else "Nothing changed")

    return await changed(ctx, number, do)


__all__ = ["Action", "Task", "get", "list_reviews", "plan", "publish", "review_of", "take_up", "waive"]
