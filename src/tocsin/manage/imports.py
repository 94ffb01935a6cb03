"""Past incidents come in from elsewhere: all or nothing, each once, and nobody is paged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.core.errors import Invalid, Problem
from tocsin.core.incident import display_name, public_id
from tocsin.core.matrix import rules_of
from tocsin.core.past import Past, read_past
from tocsin.core.tag import by_hand, tags
from tocsin.core.timeline import Entry, Kind, Link
from tocsin.flow.context import Context
from tocsin.flow.rules import beginning as begun_with
from tocsin.flow.rules import keep, kept
from tocsin.store import imports, search
from tocsin.store.ids import incident_numbers
from tocsin.store.rows import SEPARATOR, Words
from tocsin.store.writing import NewIncident, Writing, notify, write_incidents

MOST_ITEMS = 2000
MOST_PROBLEMS = 100


async def take(ctx: Context, actor: str, items: Any, source: str = "") -> dict[str, Any]:
    """Import these incidents. One whose `external_id` is known already stays as it is.

    `{"items": [{id, number, name, external_id, created}], "created", "known"}` in the order given. Raises Invalid with the pointer of
    every field that is wrong; then nothing was imported.
    """
    now = ctx.clock.now()
    pasts = _read(items, now, actor)
    async with ctx.db.transaction() as tx:
        await imports.lock(tx)
        there = await imports.known(tx, [one.external_id for one in pasts if one.external_id])
        fresh = [one for one in pasts if one.external_id not in there]
        numbers = await incident_numbers(tx, len(fresh)) if fresh else []
        writing, rows = Writing(), []
        for number, one in zip(numbers, fresh, strict=True):
            _write(ctx, writing, number, one, actor, source, now)
            rows.append(_row(number, one, now))
        services = {one.services[0] if one.services else None: one for one in fresh}
        learned = await keep(ctx, tx, [begun_with(ctx, name, one.severity, now) for name, one in services.items()], now)
        await write_incidents(tx, writing)
        await imports.complete(tx, rows)
        await search.write(tx, numbers)
        await notify(tx, "timeline")
    kept(ctx, learned)
    ctx.wake.set("timeline")
    made = {id(one): number for number, one in zip(numbers, fresh, strict=True)}
    answers = [_answer(one, made.get(id(one)), there) for one in pasts]
    return {"items": answers, "created": len(numbers), "known": len(pasts) - len(numbers)}


def _read(items: Any, now: datetime, actor: str) -> list[Past]:
    if not isinstance(items, list) or not items:
        raise Invalid("write a list of incidents", "/items")
    if len(items) > MOST_ITEMS:
        raise Invalid(f"at most {MOST_ITEMS} incidents at once: send the rest after these", "/items")
    found: list[Past] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for position, raw in enumerate(items):
        try:
            one = read_past(raw, f"/items/{position}", now, actor)
        except Invalid as error:
            problems += error.problems
            continue
        if one.external_id is not None and seen.setdefault(one.external_id, position) != position:
            where = f"/items/{position}/external_id"
            problems.append(Problem(f"this one stands here twice, first as /items/{seen[one.external_id]}", where))
        found.append(one)
    if problems:
        raise Invalid(problems[0].message, problems[0].pointer, tuple(problems[:MOST_PROBLEMS]))
    return found


def _answer(one: Past, number: int | None, there: Mapping[str, int]) -> dict[str, Any]:
    at = number if number is not None else there[one.external_id or ""]
    return {
        "id": public_id(at), "number": at, "name": display_name(at, one.created_at), "external_id": one.external_id,
        "created": number is not None,
    }  # fmt: skip


def _write(ctx: Context, writing: Writing, number: int, one: Past, actor: str, source: str, now: datetime) -> None:
    first = one.services[0] if one.services else None
    found = tags(ctx.directory, [one.title, one.description, one.impact.what], one.services)
    link = writing.tell(number, Link(), _story(one, actor, source, now))
    writing.incidents.append(
        NewIncident(
            id=number, title=one.title, description=one.description, severity=one.severity.value, urgency="none",
            status=one.status, service=first, affected_services=Words(SEPARATOR.join(one.services)), assignee=one.assignee,
            tags=Words(SEPARATOR.join(dict.fromkeys([*found, *one.tags]))), origin="person", reporter=one.reporter, group_key=None,
            no_page_reason=None, alarm=None, created_at=one.created_at, detected_at=one.times["detected"],
            impact_started_at=one.times.get("impact_started"), alerts_count=0, timeline_seq=link.seq, timeline_head=link.head,
            matrix=rules_of(ctx.directory, first)[0], next_update_at=None,
        )
    )  # fmt: skip


def _story(one: Past, actor: str, source: str, now: datetime) -> list[Entry]:
    """The timeline that came with it, with the milestones that it does not tell, then that it was imported."""
    told = {entry.kind for entry in one.entries}
    milestones: Sequence[tuple[Kind, datetime | None, str, str]] = (
        ("incident_created", one.created_at, one.reporter, f"{one.title} ({one.severity.name})"),
        ("acknowledged", one.times.get("acknowledged"), one.acknowledged_by or "import", "Acknowledged"),
        ("restored", one.times.get("restored"), "import", "Restored"),
        ("resolved", one.times.get("resolved"), "import", "Resolved"),
        ("closed", one.times.get("closed"), "import", "Closed"),
    )
    data = {"severity": one.severity.key, "services": one.services, "reporter": one.reporter, "reason": "imported"}
    missing = [
        Entry(at=at, kind=kind, actor=who, details=details, data=data if kind == "incident_created" else {})
        for kind, at, who, details in milestones
        if at is not None and kind not in told
    ]
    story = sorted([*missing, *one.entries], key=lambda entry: (entry.at, entry.kind != "incident_created"))
    details = "Imported" + (f" from {source}" if source else "")
    details += f", where it is {one.external_id}" if one.external_id else ""
    origin = {"external_id": one.external_id, "source": source}
    return [*story, Entry(at=now, kind="imported", actor=actor, details=details, data=origin)]


def _row(number: int, one: Past, now: datetime) -> dict[str, Any]:
    columns = ("acknowledged", "engaged", "identified", "restored", "resolved", "closed", "declared")
    times = {f"{name}_at": at.isoformat() if (at := one.times.get(name)) else None for name in columns}  # type: ignore[call-overload]
    return {
        "id": number, "external_id": one.external_id, "imported_at": now.isoformat(), "responders": one.responders,
        "roles": one.roles, "impact": one.impact.plain(), "public_title": one.public_title, "private": one.private,
        "moments": one.moments, "hand_tags": by_hand({}, one.tags, ()) if one.tags else {},
        "acknowledged_by": one.acknowledged_by, **times,
    }  # fmt: skip
