"""Once on every working day each team hears what waits in its queue, and audiences hear of its minor incidents (C-6, C-17).

One timer stands for all teams: it is due when the next working day of any of them begins, so the birth of an incident costs nothing.
What audiences are told of the minor incidents of one team goes out together, one message for each address.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from tocsin.core.directory import Directory
from tocsin.core.incident import display_name
from tocsin.core.matrix import respond_by
from tocsin.core.notification import for_news
from tocsin.core.queue import (
    NO_TEAM,
    Waiting,
    digests_due,
    heading,
    keepers,
    late,
    name_of,
    next_digest,
    queue_of,
    told,
)
from tocsin.core.severity import Severity
from tocsin.flow.acts import label, user_of
from tocsin.flow.beside import beside
from tocsin.flow.context import Context
from tocsin.flow.rules import known_rules, learn
from tocsin.flow.telling import addresses, digest_notices
from tocsin.store import incidents, notices, queues, timers, updates
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.reading_incidents import Row
from tocsin.store.timers import Timer
from tocsin.store.updates import DIGEST, Update
from tocsin.store.writing import notify

MOST = 1_000
"""Incidents of one queue that a digest looks at."""
KIND = "queue"
"""The kind of the notices that tell of a queue."""
PATIENCE = timedelta(hours=6)
"""How long the news is tried."""


async def keep_watch(ctx: Context) -> None:
    """The configuration changed: the timer stands no later than the next working day of any team."""
    if not ctx.directory.services:
        return
    at = next_digest(ctx.directory, ctx.clock.now())
    async with ctx.db.transaction() as tx:
        stands = await timers.set_for(tx, DIGEST, 0)
        if at is not None and (stands is None or at < stands):
            await timers.set_timer(tx, DIGEST, 0, None, at)


async def fire(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """A working day begins for some team: what is told is put together beside the timers, because a day may have had many incidents."""
    await beside(ctx, batch, _put_together)
    return []


async def _put_together(ctx: Context, timer: Timer) -> None:
    async with ctx.db.transaction() as tx:
        if not await timers.finish(tx, ctx.node, [timer]):
            return
        now = ctx.clock.now()
        teams = digests_due(ctx.directory, timer.set_for, now)
        if teams:
            await _audiences(ctx, tx, teams, now)
            await _queues(ctx, tx, teams, now)
            await notify(tx, "timers")
        if (at := next_digest(ctx.directory, now)) is not None:
            await timers.set_timer(tx, DIGEST, 0, None, at)


async def _audiences(ctx: Context, tx: Tx, teams: Collection[str], now: datetime) -> None:
    """What audiences are to hear of the minor incidents of these teams: one message for each team and address."""
    waiting = await updates.digested(tx)
    known = {number: await incidents.read(tx, number) for number in {one.incident for one in waiting}}
    done: list[int] = []
    by_team: dict[str, dict[tuple[str, str, str], list[tuple[Incident, Update]]]] = {}
    for one in waiting:
        incident = known[one.incident]
        team = queue_of(ctx.directory, incident.service if incident else None)
        if team not in teams:
            continue
        done.append(one.id)
        if incident is not None:
            for address in await addresses(ctx, tx, incident, one):
                by_team.setdefault(team, {}).setdefault(address, []).append((incident, one))
    for team, by_address in by_team.items():
        made = list(
            digest_notices(name_of(ctx.directory, team), f"digest:{team}:{now:%Y-%m-%dT%H:%M}", by_address, now)
        )
        await notices.add(tx, [notice for notice, _ in made])
        for notice, carried in made:
            await updates.expect(tx, [notice.key], updates=carried)
    await updates.digest_done(tx, done)


# --- the queue --------------------------------------------------------------------------------------------------------


async def rows_of(tx: Tx, directory: Directory, team: str, hidden: Sequence[int], limit: int = MOST) -> list[Row]:
    """What waits in the queue of a team, first what nobody acknowledged, the oldest first."""
    if team == NO_TEAM:
        owned = [service.id for service in directory.services.values() if queue_of(directory, service.id) != NO_TEAM]
        return await queues.waiting(tx, None, owned, hidden, limit)
    return await queues.waiting(tx, services_of(directory, team), (), hidden, limit)


def services_of(directory: Directory, team: str) -> list[str]:
    return [service.id for service in directory.services.values() if queue_of(directory, service.id) == team]


async def counts(tx: Tx, directory: Directory, hidden: Sequence[int]) -> dict[str, int]:
    """How many wait, by team."""
    found: dict[str, int] = {}
    for service, count in (await queues.counts(tx, hidden)).items():
        team = queue_of(directory, service)
        found[team] = found.get(team, 0) + count
    return found


async def _queues(ctx: Context, tx: Tx, teams: Collection[str], now: datetime) -> None:
    """Tell those who look after these queues what waits, where anything does."""
    hidden = await queues.private(tx)
    for team, count in (await counts(tx, ctx.directory, hidden)).items():
        if team in teams:
            await _queue(ctx, tx, team, count, hidden, now)


async def _queue(ctx: Context, tx: Tx, team: str, count: int, hidden: Sequence[int], now: datetime) -> None:
    directory = ctx.directory
    rows = await rows_of(tx, directory, team, hidden)
    await learn(ctx, tx, [row["matrix"] for row in rows])
    waiting = [_waiting(ctx, row) for row in rows]
    title = heading(name_of(directory, team), count, sum(late(one, now) for one in waiting))
    text = told(directory, team, waiting, count, now)
    await notices.add(tx, list(_news(directory, team, title, text, now)))


def _waiting(ctx: Context, row: Row) -> Waiting:
    rules, answered = known_rules(ctx, row["matrix"], row["service"]), row["acknowledged_cycle"] >= row["cycle"]
    policy, since = rules.rows[Severity(row["severity"])], row["clocks_since"] or row["created_at"]
    holder = row["assignee"] or user_of(row["acknowledged_by"] or "")
    service = ctx.directory.services.get(row["service"] or "")
    return Waiting(
        name=display_name(row["id"], row["created_at"]), title=row["title"], severity=Severity(row["severity"]).name,
        service=service.label if service else row["service"] or "no service", status=row["status"],
        respond_by=respond_by(policy, rules.hours, since),
        by=(label(ctx.directory, holder) if holder else "Somebody") if answered else None,
    )  # fmt: skip


def _news(directory: Directory, team: str, title: str, text: str, now: datetime) -> Iterator[NewNotice]:
    for user in keepers(directory, team):
        for method in for_news(directory.users[user]):
            yield NewNotice(
                key=f"{KIND}:{team}:{now:%Y-%m-%dT%H:%M}:{user}:{method.id}", kind=KIND, user_id=user, method=method.id,
                channel=method.type, heading=title, text=text, path=f"/queues?team={team}" if team else "/queues",
                created_at=now, due_at=now, deadline_at=now + PATIENCE,
            )  # fmt: skip
