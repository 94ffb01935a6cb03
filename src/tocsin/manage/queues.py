"""The queues of teams: what waits for people without ringing anybody, as page, API and command line show it."""

from __future__ import annotations

from typing import Any

from tocsin.core.business import hours_of_team, next_day
from tocsin.core.calendar import LATEST
from tocsin.core.directory import Directory
from tocsin.core.errors import NotFound
from tocsin.core.queue import NO_TEAM, keepers, name_of, owner_of
from tocsin.core.shape import unknown
from tocsin.flow.context import Context
from tocsin.flow.digesting import counts, rows_of
from tocsin.flow.rules import learn
from tocsin.manage import privacy
from tocsin.manage.incidents import seen, view
from tocsin.manage.lists import MAXIMUM, time_text
from tocsin.store.reading_incidents import Row


async def every(ctx: Context, team: str | None = None) -> dict[str, Any]:
    """`{"items": [{team, name, owner, keepers, next_digest_at, waiting, incidents}], "next": null}`: of one team, or of each.

    `team` is null for what belongs to none (there only while something does). `waiting` counts all, `incidents` are the first 200: what
    nobody acknowledged first, the oldest first. Raises NotFound.
    """
    directory = ctx.directory
    if team is not None and team not in directory.teams:
        raise NotFound(f"There is no such queue: {unknown('team', team, directory.teams)}")
    async with ctx.db.reading() as tx:
        hidden = await privacy.hidden(tx)
        counted = await counts(tx, directory, hidden)
        loose = [NO_TEAM] if counted.get(NO_TEAM) else []
        teams = [team] if team is not None else [*sorted(directory.teams, key=lambda id: _order(directory, id)), *loose]
        rows = {id: await rows_of(tx, directory, id, hidden, MAXIMUM) if counted.get(id) else [] for id in teams}
        await learn(ctx, tx, [row["matrix"] for found in rows.values() for row in found])
    shown = {id: [seen(row, hidden) for row in found] for id, found in rows.items()}
    return {"items": [_queue(ctx, id, counted.get(id, 0), shown[id]) for id in teams], "next": None}


def _order(directory: Directory, team: str) -> str:
    return name_of(directory, team).lower()


def _queue(ctx: Context, team: str, waiting: int, rows: list[Row]) -> dict[str, Any]:
    at = next_day(hours_of_team(ctx.directory, team), ctx.clock.now())
    return {
        "team": team or None,
        "name": name_of(ctx.directory, team),
        "owner": owner_of(ctx.directory, team),
        "keepers": keepers(ctx.directory, team),
        "next_digest_at": time_text(at) if at < LATEST else None,
        "waiting": waiting,
        "incidents": [view(row, ctx) for row in rows],
    }
