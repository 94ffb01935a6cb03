"""On-call health: one's own figures in full, a team's only as a group of three or more; verdicts on alerts; improvements.

Nobody sees another person's figures, whatever their role: they are for the person first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import msgspec

from tocsin.core.configuration import Team
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.handoff import turns
from tocsin.core.health import ENOUGH_PEOPLE, MOST, Offender, Struck, heat, offenders, once, shifts_of, strain
from tocsin.core.hours import PARTS, hours_of
from tocsin.core.load import length
from tocsin.core.past_duty import Past, duties_then, shifts_then
from tocsin.core.permission import Principal
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.flow.improve import struck
from tocsin.manage.lists import DEFAULT, Moment, RowId, check_limit, read_cursor, time_text, write_cursor
from tocsin.store import health, history
from tocsin.store import reading_alerts as reading
from tocsin.store.health import Improvement, PagedRow

USUAL = timedelta(days=28)
LONGEST = timedelta(days=367)
WORST = 5
"""Alert rules that are named."""
_REACH = timedelta(days=45)

Verdict = Literal["useful", "noise", "tune"]
ImprovementState = Literal["open", "done", "dropped"]


async def overview(
    ctx: Context,
    principal: Principal,
    team: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> dict[str, Any]:
    """`{"from", "to", "limit", "mine", "team", "rules"}`.

    `mine` is null for who is no person on call. `team` is the group: of one team, or of everybody; its figures are null when fewer
    than three people were on call. `rules` are the alert rules that people judged, least wanted first. Raises NotFound, Invalid.
    """
    known = _team(ctx.directory, team)
    until = end or ctx.clock.now()
    begin = start or until - USUAL
    if not timedelta() < until - begin <= LONGEST:
        raise Invalid("Ask for a range of at most a year, `from` before `to`", "/from")
    members = _members(ctx.directory, known)
    users = sorted({*members, *([principal.user] if principal.user else [])})
    async with ctx.db.reading() as tx:
        rows = await health.pages(tx, users, begin, until)
        rules = await health.judged_rules(tx, begin, until, 20)
        past = await history.past(tx, begin - _REACH, until, ctx.directory)
    mine, group = await asyncio.to_thread(_figures, ctx.directory, past, principal.user, members, rows, begin, until)
    return {
        "from": time_text(begin),
        "to": time_text(until),
        "limit": {"incidents": MOST, "hours": 12, "source": "SRE book"},
        "mine": mine,
        "team": {
            "id": known.id if known else None,
            "name": (known.name or known.id) if known else "Everybody",
            **group,
        },
        "rules": [dict(row) for row in rules],
    }


def _team(directory: Directory, id: str | None) -> Team | None:
    if not id:
        return None
    found = directory.teams.get(id)
    if found is None:
        raise NotFound(f"There is no team {id!r}")
    return found


def _members(directory: Directory, team: Team | None) -> list[str]:
    return list(dict.fromkeys(team.members)) if team else list(directory.users)


def _figures(
    directory: Directory,
    past: Past,
    me: str | None,
    members: Sequence[str],
    rows: Iterable[PagedRow],
    start: datetime,
    end: datetime,
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    per_person: dict[str, list[PagedRow]] = {}
    for row in rows:
        per_person.setdefault(row.user, []).append(row)
    on_duty = duties_then(past, past.schedules, start, end)
    mine = None
    if me in directory.users and me is not None:
        mine = _own(directory, past, me, per_person.get(me, []), start, end)
        mine["on_call_hours"] = _hours(length(on_duty[me].spans)) if me in on_duty else 0.0
    served = [user for user in members if user in on_duty]
    return mine, _group(directory, past, served, per_person, start, end)


def _hours(span: timedelta) -> float:
    return round(span.total_seconds() / 3600, 1)


def _own(
    directory: Directory, past: Past, user: str, rows: Sequence[PagedRow], start: datetime, end: datetime
) -> dict[str, Any]:
    """One person's figures, all of their pages; and shift by shift, with the pages that each schedule brought."""
    hours, strikes = hours_of(directory, user), struck(rows)
    found = strain(hours, strikes)
    return {
        "user": user,
        "time_zone": hours.time_zone,
        "pages": len(rows),
        **_strain_view(found),
        "heat": heat(hours, strikes),
        "shifts": _shifts(directory, past, user, rows, start, end),
        "worst": [_offender_view(one) for one in offenders({user: hours}, strikes)[:WORST]],
    }


def _strain_view(found: Any) -> dict[str, Any]:
    return {
        "incidents": found.incidents,
        "by_part": found.by_part,
        "by_severity": found.by_severity,
        "worst_12_hours": found.worst,
        "nights_disturbed": found.nights,
        "over_limit": found.over,
        "painful": found.painful,
    }


def _offender_view(one: Offender) -> dict[str, Any]:
    return {
        "service": one.service,
        "rule": one.rule,
        "incidents": one.strikes,
        "asleep": one.asleep,
        "alert": one.alert,
    }


def _shifts(
    directory: Directory, past: Past, user: str, rows: Sequence[PagedRow], start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """The person's shifts that touch the span, latest first."""
    made = []
    hours = hours_of(directory, user)
    for schedule, versions in past.schedules.items():
        strikes = struck(row for row in rows if row.via == f"schedule:{schedule}")
        for turn in shifts_of(turns(shifts_then(versions, start - _REACH, end))):
            if turn.user == user and turn.end > start:
                own = [one for one in strikes if turn.start <= one.at < turn.end]
                made.append(
                    {
                        "schedule": schedule, "from": time_text(turn.start), "to": time_text(turn.end),
                        **_strain_view(strain(hours, own)),
                    }
                )  # fmt: skip
    return sorted(made, key=lambda one: one["from"], reverse=True)


def _group(
    directory: Directory,
    past: Past,
    served: Sequence[str],
    per_person: Mapping[str, Sequence[PagedRow]],
    start: datetime,
    end: datetime,
) -> dict[str, Any]:
    """The figures of several people together; null each when they are too few."""
    names = ("incidents", "by_part", "by_severity", "shifts", "shifts_over_limit", "per_shift", "heat", "worst")
    if len(served) < ENOUGH_PEOPLE:
        return {"people": len(served), "enough": False, **dict.fromkeys(names)}
    hours = {user: hours_of(directory, user) for user in served}
    strikes: dict[str, list[Struck]] = {user: struck(per_person.get(user, ())) for user in served}
    strains = [strain(hours[user], strikes[user]) for user in served]
    every = [shift for user in served for shift in _shifts(directory, past, user, per_person.get(user, ()), start, end)]
    maps = [heat(hours[user], strikes[user]) for user in served]
    together = [one for user in served for one in once(strikes[user])]
    return {
        "people": len(served),
        "enough": True,
        "incidents": sum(one.incidents for one in strains),
        "by_part": {name: sum(one.by_part[name] for one in strains) for name in PARTS},
        "by_severity": {s.key: sum(one.by_severity[s.key] for one in strains) for s in Severity},
        "shifts": len(every),
        "shifts_over_limit": sum(one["over_limit"] for one in every),
        "per_shift": round(sum(one["incidents"] for one in every) / len(every), 2) if every else 0.0,
        "heat": [[sum(one[day][hour] for one in maps) for hour in range(24)] for day in range(7)],
        "worst": [_offender_view(one) for one in offenders(hours, together)[:WORST]],
    }


# --- verdicts ---------------------------------------------------------------------------------------------------------


async def judge(ctx: Context, alert: int, verdict: str, actor: str) -> dict[str, Any]:
    """One tap on an alert: useful, noise or tune; an empty verdict takes it back. `{"alert", "verdict"}`. Raises NotFound, Invalid."""
    if verdict and verdict not in get_args(Verdict):
        raise Invalid(
            f"{verdict!r} is not a verdict: say {', '.join(get_args(Verdict))}, or nothing to take it back", "/verdict"
        )
    async with ctx.db.transaction() as tx:
        if not 0 < alert < 2**63 or await reading.alert(tx, alert) is None:
            raise NotFound(f"There is no alert {alert}")
        if verdict:
            await health.judge(tx, alert, verdict, actor, ctx.clock.now())
        else:
            await health.take_back(tx, alert)
    return {"alert": alert, "verdict": verdict or None}


# --- improvements -----------------------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; an empty owner is nobody."""

    state: ImprovementState | None = None
    owner: str | None = None
    title: str | None = None
    note: str | None = None


def improvement_view(ctx: Context, one: Improvement) -> dict[str, Any]:
    owner = ctx.directory.users.get(one.owner) if one.owner else None
    schedule = ctx.directory.schedules.get(one.schedule)
    return {
        "id": one.id,
        "schedule": one.schedule,
        "schedule_name": (schedule.name if schedule else "") or one.schedule,
        "shift": {"from": time_text(one.shift_start), "to": time_text(one.shift_end)},
        "title": one.title,
        "alerts": one.alerts,
        "incidents": one.pages,
        "asleep": one.asleep,
        "owner": one.owner,
        "owner_name": owner.label if owner else one.owner,
        "state": one.state,
        "note": one.note,
        "created_at": time_text(one.created_at),
        "updated_at": time_text(one.updated_at),
        "updated_by": one.updated_by,
    }


async def list_improvements(
    ctx: Context,
    *,
    state: str | None = None,
    schedule: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT,
) -> dict[str, Any]:
    """`{"items", "next"}`, newest first. Raises Invalid."""
    check_limit(limit)
    if state and state not in get_args(ImprovementState):
        raise Invalid(f"{state!r} is not a state: use {', '.join(get_args(ImprovementState))}", "/state")
    before = read_cursor(cursor, tuple[Moment, RowId])
    async with ctx.db.reading() as tx:
        rows = await health.improvements(tx, state or None, schedule or None, before, limit + 1)
    last = rows[:limit][-1] if len(rows) > limit else None
    following = write_cursor(last.created_at, last.id) if last else None
    return {"items": [improvement_view(ctx, row) for row in rows[:limit]], "next": following}


async def change_improvement(ctx: Context, id: int, wanted: Change, actor: str) -> dict[str, Any]:
    """Give it an owner, write a note, close it. Raises NotFound, Invalid."""
    for pointer, text, most in (("/title", wanted.title, 300), ("/note", wanted.note, 10_000)):
        if text is not None and len(text) > most:
            raise Invalid(f"Shorten this to {most} characters", pointer)
    if wanted.title is not None and not wanted.title.strip():
        raise Invalid("An improvement needs a title", "/title")
    if wanted.owner and wanted.owner not in ctx.directory.users:
        raise Invalid(f"there is no user {wanted.owner!r}", "/owner")
    async with ctx.db.transaction() as tx:
        found = await health.improvement(tx, id, lock=True) if 0 < id < 2**63 else None
        if found is None:
            raise NotFound(f"There is no improvement {id}")
        found.state = wanted.state or found.state
        found.owner = found.owner if wanted.owner is None else wanted.owner or None
        found.title = found.title if wanted.title is None else _clean(wanted.title)
        found.note = found.note if wanted.note is None else _clean(wanted.note)
        found.updated_at, found.updated_by = ctx.clock.now(), actor
        await health.change(tx, found)
    return improvement_view(ctx, found)


def _clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
