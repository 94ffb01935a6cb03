"""Once a day, before the night, each team is told what would go wrong: what is new, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from tocsin.core.calendar import zone
from tocsin.core.configuration import Team
from tocsin.core.directory import Directory
from tocsin.core.errors import Unavailable
from tocsin.core.finding import Facts, Finding, unheard
from tocsin.core.notification import for_news
from tocsin.core.readiness import DAYS, check
from tocsin.flow.context import Context
from tocsin.store import health, newcomers, notices, readiness, timers
from tocsin.store.database import Tx
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.readiness import Report
from tocsin.store.timers import Timer

log = structlog.get_logger(__name__)

TIMER = "check"
"""Kind of the one timer that looks, every hour, for which teams the afternoon begins (subject 0)."""
AFTERNOON = 15
"""The hour of a team's own day at which it is told: while there is time to mend things before the night."""
HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=5)
"""How long a check that was begun belongs to this node."""
RECENT = timedelta(days=30)
"""How far back alerts without runbooks and messages that failed are looked for."""
PATIENCE = timedelta(hours=6)
"""How long the news is tried."""
MOST_TOLD = 12
"""Findings spelt out in one message."""
NO_TEAM = ""
"""Findings that belong to no team are told to the administrators."""


async def keep_watch(ctx: Context) -> None:
    """There is something configured: the hourly look is set, unless it is already."""
    if ctx.directory.services:
        async with ctx.db.transaction() as tx:
            await readiness.set_watch(tx, TIMER, _next_hour(ctx.clock.now()))


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + HOUR


async def look(ctx: Context, due: Sequence[Timer]) -> list[Held]:
    """An hour is full. Where the afternoon begins for some team, the check goes its way beside the timers: it takes a while."""
    async with ctx.db.transaction() as tx:
        teams = teams_due(ctx.directory, due[0].set_for, ctx.clock.now())
        if not teams:
            if await timers.finish(tx, ctx.node, due):
                await timers.set_timer(tx, TIMER, 0, None, _next_hour(ctx.clock.now()))
            return []
        ours = await notices.lease(tx, ctx.node, due, ctx.clock.now() + LEASE)
    for timer in ours:
        ctx.chore(_check(ctx, timer, teams))
    return []


def teams_due(directory: Directory, since: datetime, now: datetime) -> list[str]:
    """The teams whose afternoon began at a full hour from `since` to `now` (a day at most); whoever belongs to none goes by UTC."""
    hours = [at for n in range(24) if (at := since + n * HOUR) <= max(since, now)]
    zones = {team.id: zone(_zone(directory, team)) for team in directory.teams.values()}
    found = [team for team, place in zones.items() if any(at.astimezone(place).hour == AFTERNOON for at in hours)]
    return [*found, NO_TEAM] if any(at.astimezone(UTC).hour == AFTERNOON for at in hours) else found


def _zone(directory: Directory, team: Team) -> str:
    if team.business_hours is not None and team.business_hours.time_zone:
        return team.business_hours.time_zone
    own = [schedule for schedule in directory.schedules.values() if schedule.team == team.id]
    return min(own, key=lambda schedule: schedule.id).time_zone if own else "UTC"


async def _check(ctx: Context, timer: Timer, teams: Sequence[str]) -> None:
    try:
        directory, now = ctx.directory, ctx.clock.now()
        async with ctx.db.reading() as tx:
            facts = await facts_of(ctx, tx, directory, now)
        findings = await asyncio.to_thread(check, directory, now, DAYS, facts)
        async with ctx.db.transaction() as tx:
            if not await timers.finish(tx, ctx.node, [timer]):
                return
            await readiness.remember_heard(tx, facts.heard, now)
            await _tell(tx, directory, teams, findings, now)
            await timers.set_timer(tx, TIMER, 0, None, _next_hour(now))
        ctx.wake.set("timers")
    except Unavailable:
        log.warning("the check could not be finished; it is done again in a few minutes")
    except Exception:  # it is done again when its lease runs out
        log.exception("the check failed")


async def facts_of(ctx: Context, tx: Tx, directory: Directory, now: datetime) -> Facts:
    """What a server knows that a file does not."""
    known = await newcomers.everybody(tx)
    return Facts(
        ready={newcomer for newcomer, row in known.items() if row.signed_at is not None},
        opened={newcomer for newcomer, row in known.items() if row.opened_by is not None},
        veterans=await newcomers.veterans(tx, now),
        night_pages=await health.page_times(tx, list(directory.users), now - timedelta(days=1), now),
        heard=await readiness.heard(tx),
        since=await readiness.integrations_since(tx),
        runbooks=await readiness.runbooks(tx, now - RECENT),
        failing=await readiness.failing_methods(tx, now - RECENT),
        idle={name: why for name, channel in ctx.channels.items() if (why := getattr(channel, "unable", ""))},
    )


async def _tell(tx: Tx, directory: Directory, teams: Sequence[str], findings: Sequence[Finding], now: datetime) -> None:
    """Write what each team is told now, and remember it."""
    reports = await readiness.reports(tx)
    until = now + timedelta(days=DAYS)
    for team in teams:
        theirs = [f for f in findings if f.level != "note" and (team in f.teams if team else not f.teams)]
        fresh = unheard(theirs, *_told(reports.get(team)))
        await notices.add(tx, list(_news(directory, team, fresh, len(theirs), now)))
        spans: dict[str, list[list[str]]] = {}
        for finding in theirs:  # two findings may have one key, as the two nights of a year in which clocks change
            spans.setdefault(finding.key, []).extend([a.isoformat(), b.isoformat()] for a, b in finding.spans)
        await readiness.save_report(tx, team, spans, until, now)


def _told(report: Report | None) -> tuple[Mapping[str, list[tuple[datetime, datetime]]], datetime | None]:
    if report is None:
        return {}, None
    spans = {
        key: [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in found]
        for key, found in report.findings.items()
    }
    return spans, report.until


def audience(directory: Directory, team: str) -> list[str]:
    """Who is told: manager and members of a team; for what belongs to none, the administrators."""
    if team == NO_TEAM:
        return [user.id for user in directory.users.values() if user.role == "admin"]
    known = directory.teams[team]
    people = [*((known.manager,) if known.manager else ()), *known.members]
    return [user for user in dict.fromkeys(people) if user in directory.users]


def _news(
    directory: Directory, team: str, fresh: Sequence[Finding], all_in_all: int, now: datetime
) -> Iterator[NewNotice]:
    if not fresh:
        return
    failing = sum(finding.level == "error" for finding in fresh)
    name = (directory.teams[team].name or team) if team else "the organisation"
    what = "would fail at night" if failing else "is a risk"
    heading = f"{name}: {len(fresh)} new finding{'s' if len(fresh) > 1 else ''} of the check"
    heading += f", {failing} of them {what}" if failing else f": {what}" if len(fresh) == 1 else ""
    lines = [f"{finding.sentence}\n  -> {finding.fix}" for finding in fresh[:MOST_TOLD]]
    if len(fresh) > MOST_TOLD:
        lines.append(f"... and {len(fresh) - MOST_TOLD} more.")
    if all_in_all > len(fresh):
        lines.append(f"{all_in_all - len(fresh)} that you know of are still there.")
    for user in audience(directory, team):
        for method in for_news(directory.users[user]):
            yield NewNotice(
                key=f"check:{team}:{now:%Y-%m-%dT%H}:{user}:{method.id}", kind="check", user_id=user, method=method.id,
                channel=method.type, heading=heading, text="\n".join(lines), path=f"/check?team={team}" if team else "/check",
                created_at=now, due_at=now, deadline_at=now + PATIENCE,
            )  # fmt: skip
