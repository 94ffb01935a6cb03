"""The silence alarm: a SEV1 or SEV2 is open, and the status page has been green for too long.

One timer of the kind `silence` sweeps over the open ones, so that their birth costs nothing: it is due when the next of them has been
open for as long as the page allows, and once a minute. It rings once for each incident, and ends when a public update shows a component
not operational, or somebody says why nothing is published.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.directory import Directory
from tocsin.core.incident import display_name
from tocsin.core.notification import for_news
from tocsin.core.public_word import states_now
from tocsin.core.role import acting_commander, holder
from tocsin.core.status_page import StatusPage
from tocsin.core.timeline import Entry
from tocsin.flow.acts import Result, checked, locked_open, tell
from tocsin.flow.context import Context
from tocsin.flow.crowds import bundled
from tocsin.store import incidents, notices, status, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.status import Loud
from tocsin.store.timers import Timer
from tocsin.store.writing import Writing, write_story

TIMER = "silence"
SWEEP = timedelta(minutes=1)
TRYING = timedelta(minutes=30)
"""How long the news is tried."""
ACTOR = "tocsin"


async def keep_watch(ctx: Context) -> None:
    """There is a page with an alarm: the sweep is set, unless it is already."""
    page = ctx.directory.status_page
    if page is not None and page.silence_alarm:
        async with ctx.db.transaction() as tx:
            await timers.ensure(tx, TIMER, 0, ctx.clock.now() + SWEEP)


async def look(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """Ring for those about which the page has been silent for too long, and set the next look."""
    rang = False
    async with ctx.db.transaction() as tx:
        if not await timers.finish(tx, ctx.node, batch):
            return []
        now, page = ctx.clock.now(), ctx.directory.status_page
        if page is None or not page.silence_alarm:
            return []
        loud = await status.loud(tx, rang=False)
        silent = await _silent(ctx.directory, tx, page, loud, now)
        waiting = {
            one.number: max(one.since, one.said_at or one.since) + page.silence_alarm.delta
            for one in silent
            if not one.silence
        }
        late = [number for number, at in waiting.items() if at <= now]
        if late:
            rang = await _ring(ctx, tx, page, late, now)
        await timers.set_timer(tx, TIMER, 0, None, min([now + SWEEP, *(at for at in waiting.values() if at > now)]))
    if rang:
        ctx.wake.set("timers", "timeline")
        ctx.announce("timeline")
    return []


async def _silent(directory: Directory, tx: Tx, page: StatusPage, loud: Sequence[Loud], now: datetime) -> list[Loud]:
    """Those of whose components, by what anybody told the public, all are operational."""
    if not loud:
        return []
    shown = states_now(await status.told(tx, now), [], now)
    found = []
    for one in loud:
        concerned = concerned_by(directory, page, one.services)
        if concerned is None:
            continue
        red = [name for name in concerned if shown.get(name, "operational") != "operational"]
        said = one.said_at is not None and not page.components
        if not red and not said:
            found.append(one)
    return found


def concerned_by(directory: Directory, page: StatusPage, services: Collection[str]) -> list[str] | None:
    """The components that an incident of these services may show on: those that stand for one of them, or for a service that depends
    on one. All of them when the incident or the page names no services; None when it is none of the page's business."""
    key = ("concerned by", frozenset(services))
    if key not in directory.memo:
        directory.memo[key] = _concerned_by(directory, page, services)
    found: list[str] | None = directory.memo[key]
    return found


def _concerned_by(directory: Directory, page: StatusPage, services: Collection[str]) -> list[str] | None:
    every = [one.id for one in page.components]
    mapped = {service for one in page.components for service in one.services}
    if not services or not mapped:
        return every
    reached = _dependents(directory, services)
    return list(page.of_services(reached)) if reached & mapped else None


def _dependents(directory: Directory, services: Collection[str]) -> set[str]:
    """These services, and all that depend on them, however indirectly."""
    reached, fresh = set(services), set(services)
    while fresh:
        fresh = {
            one.id
            for one in directory.services.values()
            if one.id not in reached and not fresh.isdisjoint(one.depends_on)
        }
        reached |= fresh
    return reached


async def _ring(ctx: Context, tx: Tx, page: StatusPage, numbers: Sequence[int], now: datetime) -> bool:
    """All at once: in a storm there are many."""
    found = [one for one in (await incidents.lock(tx, numbers)).values() if one.open and one.severity <= 2]
    rings = await status.ring(tx, [one.id for one in found], now)
    writing, news = Writing(), list[NewNotice]()
    for incident in (one for one in found if one.id in rings):
        people = audience(ctx.directory, incident)
        made = [notice for user in people for notice in _news(ctx, page, incident, user, now)]
        told = ", ".join(ctx.directory.users[user].label for user in people if any(n.user_id == user for n in made))
        text = f"SEV{incident.severity} has been open for {page.silence_alarm}, and the status page shows everything operational"
        entry = Entry(
            at=now, kind="silence_alarm", actor=ACTOR, details=f"{text}. {f'{told} told' if told else 'There was nobody to tell'}",
            data={"users": people, "due_at": now.isoformat()},
        )  # fmt: skip
        writing.tell(incident.id, incident.link, [entry])
        news += made
    await write_story(tx, writing)
    await notices.add(tx, bundled(news, {one.id: one for one in found}))
    return bool(rings)


def audience(directory: Directory, incident: Incident) -> list[str]:
    """Who is told: the comms lead, the commander (or who acts as one), and who is assigned."""
    acting = acting_commander(incident.roles, incident.acknowledged_by, incident.assignee)
    roles = incident.roles
    people = (holder(roles, "comms_lead"), holder(roles, "incident_commander"), acting, incident.assignee)
    return [user for user in dict.fromkeys(people) if user is not None and user in directory.users]


def _news(ctx: Context, page: StatusPage, incident: Incident, user: str, now: datetime) -> Iterator[NewNotice]:
    for method in for_news(ctx.directory.users[user]):
        yield NewNotice(
            key=f"silence:{incident.id}:{now.isoformat()}:{user}:{method.id}", kind="silence", user_id=user, method=method.id,
            channel=method.type, incident_id=incident.id, created_at=now, due_at=now, deadline_at=now + TRYING,
            heading=f"The status page is green although this has been open for {page.silence_alarm}: publish a public update, or say"
            " in the incident why not.",
        )  # fmt: skip


async def hush(ctx: Context, tx: Tx, numbers: Sequence[int], now: datetime) -> None:
    """The public was told something of these: alarms that rang for incidents which the page shows now are over."""
    page = ctx.directory.status_page
    ringing_now = [one for one in await status.loud(tx, rang=True) if "reason" not in one.silence]
    if page is None or not ringing_now:
        return
    silent = {one.number for one in await _silent(ctx.directory, tx, page, ringing_now, now)}
    over = [one.number for one in ringing_now if one.number not in silent]
    locked, writing = (await incidents.lock(tx, over)).values(), Writing()
    for incident in locked:
        entry = Entry(at=now, kind="silence_ended", actor=ACTOR, details="The status page shows it now")
        writing.tell(incident.id, incident.link, [entry])
    await status.hush(tx, [incident.id for incident in locked])
    await write_story(tx, writing)


async def explain(ctx: Context, number: int, actor: str, reason: str) -> Result:
    """A person says why the public is told nothing: the alarm ends, or does not ring. Raises NotFound, Conflict, Invalid."""
    reason = checked(reason, "/reason")
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        now = ctx.clock.now()
        await status.write_silence(tx, number, {"by": actor, "reason": reason, "settled_at": now.isoformat()})
        await tell(tx, incident, now, "silence_explained", actor, f"The public is not told: {reason}", reason=reason)
    ctx.wake.set("timeline")
    ctx.announce("timeline")
    return Result(number, True, "The reason is recorded")


async def ringing(ctx: Context, tx: Tx, now: datetime) -> list[dict[str, Any]]:
    """The alarms that ring now: `{"incident", "name", "title", "severity", "since", "rang_at"}`, the first to ring first."""
    if ctx.directory.status_page is None:
        return []
    return [_ringing(row) for row in await status.ringing(tx)]


def _ringing(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "incident": row["id"], "name": display_name(row["id"], row["created_at"]), "title": row["title"],
        "severity": f"SEV{row['severity']}", "since": row["created_at"].isoformat(), "rang_at": row["rang_at"],
    }  # fmt: skip
