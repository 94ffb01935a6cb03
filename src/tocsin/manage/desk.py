"""What a person sees first: everything open, worst first, who was paged for it and when the next rung fires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tocsin.core.configuration import Role
from tocsin.core.errors import NotFound
from tocsin.core.permission import allowed, hidden_kinds
from tocsin.flow.context import Context
from tocsin.flow.message import message_of_link, page_of_link
from tocsin.flow.rules import learn
from tocsin.manage import privacy
from tocsin.manage.incidents import entry_view, view
from tocsin.manage.lists import time_text
from tocsin.store import escalations, messages, reading_room, reviews, room
from tocsin.store import reading_desk as reading
from tocsin.store.database import Tx
from tocsin.store.stream import snapshot

MOST = 50
"""Incidents shown at once; the rest is a list."""
LATEST = 100
"""Timeline entries shown at once."""


async def overview(ctx: Context, role: Role) -> dict[str, Any]:
    """`{"open": [...], "open_count", "ended": [...], "place"}`.

    `open` are incident views, worst first, each with `waiting: [{user, name, state, at}]` (who did not answer their pages yet: the
    best that became of any, and when the last was made) and `next_at` (when the next rung fires), both left empty for roles that
    may not see pages. `ended` are the last few that are over. `place` is where a stream of the timeline carries on, so that nothing
    is missed in between.
    """
    async with ctx.db.reading() as tx:
        place = await snapshot(tx)
        hidden = await privacy.hidden(tx)
        rows = await reading.worst_open(tx, MOST, hidden)
        count = len(rows) if len(rows) < MOST else await reading.count_open(tx, hidden)
        ended = await reading.last_ended(tx, 3, hidden) if len(rows) <= 3 else []
        await learn(ctx, tx, [row["matrix"] for row in (*rows, *ended)])
        numbers = [row["id"] for row in rows] if allowed(role, "see_pages") else []
        pages = await reading.waiting_pages(tx, numbers) if numbers else []
        rungs = {r["incident_id"]: r["next_at"] for r in await reading.next_rungs(tx, numbers)} if numbers else {}
    waiting: dict[int, dict[str, dict[str, Any]]] = {}
    for page in pages:
        people = waiting.setdefault(page["incident_id"], {})
        before = people.pop(page["user_id"], None)
        reached = before is not None and before["state"] == "delivered"
        people[page["user_id"]] = {
            "user": page["user_id"], "name": person(ctx, page["user_id"]),
            "state": "delivered" if reached else page["state"], "at": time_text(page["created_at"]),
        }  # fmt: skip
    shown = [
        {
            **view(row, ctx),
            "waiting": list(waiting.get(row["id"], {}).values()),
            "next_at": time_text(rungs.get(row["id"])),
        }
        for row in rows
    ]
    return {"open": shown, "open_count": count, "ended": [view(row, ctx) for row in ended], "place": place}


async def latest_entries(
    ctx: Context, number: int, role: Role, before: int | None = None, limit: int = LATEST
) -> dict[str, Any]:
    """`{"items", "earlier", "place"}`: the newest entries that `role` may see, newest first, each with its `corrections`.

    `earlier` is the `before` for more, or None; `place` is where a stream carries on.
    """
    async with ctx.db.reading() as tx:
        place = await snapshot(tx)
        rows = await reading.latest_entries(tx, number, before, sorted(hidden_kinds(role)), limit + 1)
        shown = await privacy.veiled(tx, rows[:limit])
        later = await _corrections(tx, number, [row["id"] for row in shown])
    earlier = shown[-1]["id"] if len(rows) > limit else None
    items = [{**entry_view(row), "corrections": later.get(row["id"], [])} for row in shown]
    return {"items": items, "earlier": earlier, "place": place}


async def _corrections(tx: Tx, number: int, entries: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """What was said later of these entries: by entry, `{id, at, actor, details}`, oldest first."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in await reading_room.corrections(tx, number, entries):
        said = {"id": row["id"], "at": time_text(row["at"]), "actor": row["actor"], "details": row["details"]}
        found.setdefault(row["entry"], []).append(said)
    return found


async def one_entry(ctx: Context, number: int, entry: int) -> dict[str, Any]:
    """One entry with its `corrections`. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await room.entry(tx, number, entry)
        shown = await privacy.veiled(tx, [row] if row else [])
        later = await _corrections(tx, number, [entry]) if row else {}
    if not shown:
        raise NotFound("There is no such entry.")
    return {**entry_view(shown[0]), "corrections": later.get(entry, [])}


class Paged(msgspec.Struct, frozen=True):
    """What a page was about and for whom."""

    number: int
    user: str


async def linked(ctx: Context, token: str) -> list[Paged]:
    """What a signed link is about: the incident of one page, or all that one message named, the worst first. Raises NotFound."""
    page, message = page_of_link(ctx, token), message_of_link(ctx, token)
    if page is not None:
        return [await paged(ctx, page)]
    if message is not None:
        async with ctx.db.reading(reserved=True) as tx:
            carried = dict(await messages.pages_of(tx, message))
        if carried:
            return [Paged(number, user) for number, user in carried.items()]
    raise NotFound("This link is not one of ours, or was cut short on its way.")


async def runbooks(ctx: Context, number: int) -> list[str]:
    """Where the sources of its alerts say what to do first: addresses, a few."""
    async with ctx.db.reading() as tx:
        told = await reviews.runbooks(tx, number, 3, among=50)
    return [address for address in told if address.startswith(("https://", "http://"))]


async def waiting_for(ctx: Context, user: str, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Which of these incidents still wait for this very person, and why: `{number: {reason, note}}`."""
    async with ctx.db.reading() as tx:
        found = await reading.waiting_for(tx, user, numbers)
    return {number: {"reason": row["reason"], "note": row["note"]} for number, row in found.items()}


async def paged(ctx: Context, page: int) -> Paged:
    """Raises NotFound."""
    async with ctx.db.reading() as tx:
        found = await escalations.page_incident(tx, page)
    if found is None:
        raise NotFound("There is no such page any more.")
    return Paged(*found)


def person(ctx: Context, user: str) -> str:
    """A user's name, or the id of one who is gone."""
    known = ctx.directory.users.get(user)
    return known.label if known else user
