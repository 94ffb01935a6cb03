"""An incident of the past under today's policy: what happened beside what would happen."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.directory import Directory
from tocsin.core.incident import display_name, public_id, unknown
from tocsin.core.rehearsal import RehearsalItem, foresee
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage.foresight import LONGEST, ringing
from tocsin.manage.futures import item_view, rung_view
from tocsin.manage.lists import time_text
from tocsin.store import reading_incidents
from tocsin.store.reading_incidents import Row

CLOSE = 60.0
"""Seconds by which the same notification may differ and still be the same."""


async def replay(ctx: Context, number: int) -> dict[str, Any]:
    """`{"incident", "name", "title", "severity", "at", "until", "items", "happened", "would", "rungs", "sentence", "next"}`.

    `items` compares, in order of time: `{user, name, step, method, then, now, change}` with change same, earlier, later, gone (only
    then) or new (only now). Up to its end, or until now: an answer stops the first clock, not the one that watches whether it is
    restored. Raises NotFound.
    """
    async with ctx.db.reading() as tx:
        incident = await reading_incidents.get(tx, number)
        if incident is None:
            raise unknown(number)
        pages = [p for p in await reading_incidents.pages(tx, number, None, None) if p["cycle"] == 1]
        told = await reading_incidents.notifications(tx, [page["id"] for page in pages])
        (created,) = (await reading_incidents.timeline_of_kinds(tx, number, ("incident_created",)))[:1] or (None,)
    severity = _severity(incident, created)
    return await asyncio.to_thread(
        _compared, ctx.directory, incident, severity, pages, told, ctx.clock.now(), ringing(ctx.channels)
    )


def _severity(incident: Row, created: Row | None) -> Severity:
    """What it had at its beginning."""
    key = created["data"].get("severity") if created is not None else None
    return next((s for s in Severity if s.key == key), Severity(incident["severity"]))


def _compared(
    directory: Directory,
    incident: Row,
    severity: Severity,
    pages: Sequence[Row],
    told: Sequence[Row],
    now: datetime,
    rings: Collection[str],
) -> dict[str, Any]:
    began: datetime = incident["created_at"]
    ended = min((at for name in ("restored_at", "resolved_at") if (at := incident[name])), default=now)
    acknowledged = incident["acknowledged_at"]
    answered = max(acknowledged - began, timedelta()) if acknowledged and acknowledged < ended else None
    until = min(max(ended, began), began + LONGEST)
    happened = sorted((item for item in _happened(pages, told) if item.at <= until), key=lambda item: item.at)
    would, rungs = _would(directory, incident, severity, began, until, rings, answered)
    items = [_pair(directory, then, today) for then, today in _pairs(happened, would)]
    items.sort(key=lambda item: item["then"] or item["now"])
    return {
        "incident": public_id(incident["id"]),
        "name": display_name(incident["id"], began),
        "title": incident["title"],
        "severity": severity.key,
        "at": time_text(began),
        "until": time_text(until),
        "items": items,
        "happened": [item_view(item) for item in happened],
        "would": [item_view(item) for item in would],
        "rungs": rungs,
        "sentence": _sentence(items),
        "next": None,
    }


def _happened(pages: Sequence[Row], told: Sequence[Row]) -> Iterator[RehearsalItem]:
    """The notifications that went out, or were tried; pages that reached nobody have no method."""
    for page in pages:
        mine = [n for n in told if n["page_id"] == page["id"]]
        for one in mine:
            if one["state"] != "superseded" or one["started_at"] is not None:
                at = one["scheduled_at"]
                yield RehearsalItem(at, page["user_id"], one["method"], page["step"], page["tier"], page["reason"])
        if not mine:
            yield RehearsalItem(page["created_at"], page["user_id"], "", page["step"], page["tier"], page["reason"])


def _would(
    directory: Directory, incident: Row, severity: Severity, at: datetime, until: datetime, rings: Collection[str],
    answered: timedelta | None,
) -> tuple[list[RehearsalItem], list[dict[str, Any]]]:  # fmt: skip
    """Each distinct policy of its services pages, as it does when an incident opens."""
    policies = [policy for _, policy in directory.policies_of(incident["affected_services"] or [incident["service"]])]
    future = foresee(directory, incident["service"], policies, severity, at, until, rings, answered)
    return list(future.items), [rung_view(directory, when, rung) for when, rung in future.rungs]


def _pairs(
    happened: Sequence[RehearsalItem], would: Sequence[RehearsalItem]
) -> Iterator[tuple[RehearsalItem | None, RehearsalItem | None]]:
    """What happened with what would happen, matched by person, step and method, in order."""
    left = list(would)
    for then in happened:
        key = (then.user, then.step, then.method)
        match = next((item for item in left if (item.user, item.step, item.method) == key), None)
        if match is not None:
            left.remove(match)
        yield then, match
    yield from ((None, item) for item in left)


def _pair(directory: Directory, then: RehearsalItem | None, today: RehearsalItem | None) -> dict[str, Any]:
    one = then or today
    assert one is not None
    known = directory.users.get(one.user)
    return {
        "user": one.user,
        "name": known.label if known else one.user,
        "step": one.step,
        "tier": one.tier,
        "method": one.method,
        "reason": one.reason,
        "then": time_text(then.at) if then else None,
        "now": time_text(today.at) if today else None,
        "change": _change(then, today),
    }


def _change(then: RehearsalItem | None, today: RehearsalItem | None) -> str:
    if then is None or today is None:
        return "new" if then is None else "gone"
    seconds = (today.at - then.at).total_seconds()
    return "same" if abs(seconds) < CLOSE else "earlier" if seconds < 0 else "later"


def _sentence(items: Sequence[Mapping[str, Any]]) -> str:
    if not items:
        return "Nobody was paged, and nobody would be today."
    if all(item["change"] == "same" for item in items):
        return "Today the same people would be paged, by the same means, at the same times."
    then = {item["name"] for item in items if item["then"]}
    today = {item["name"] for item in items if item["now"]}
    said = [_people(today - then, "would be paged as well"), _people(then - today, "would not be paged any more")]
    for change, words in _CHANGED.items():
        said.append(_people({item["name"] for item in items if item["change"] == change} & then & today, words))
    return f"Today: {'; '.join(one for one in said if one)}."


_CHANGED = {"new": "in more ways", "gone": "in fewer ways", "earlier": "earlier", "later": "later"}


def _people(names: Collection[str], words: str) -> str:
    return f"{', '.join(sorted(names))} {words}" if names else ""
