"""Checklists of those who are new on call: who has one, how far it is, ticks by hand, and a mentor's signature."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.newcomer import (
    NO_TEAM,
    Mark,
    Newcomer,
    Point,
    items_of,
    points,
    shadowed_shifts,
    shadowing,
    verified_methods,
)
from tocsin.core.permission import Principal, allowed
from tocsin.core.readiness_item import Observed
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import newcomers
from tocsin.store.access import audit
from tocsin.store.database import Tx
from tocsin.store.newcomers import Row

LONGEST_NOTE = 2000


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A checklist for `user`. `team` may be left out where it is clear; `mentor` is who goes through it with them."""

    user: str
    team: str | None = None
    mentor: str | None = None


class Tick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`item` was done, or (`done: false`) was not. What was observed stays ticked."""

    item: str
    done: bool = True
    team: str | None = None


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`note` says what the next reader should know."""

    note: str = ""
    team: str | None = None


# --- reading ----------------------------------------------------------------------------------------------------------


async def list_newcomers(ctx: Context, *, team: str | None = None, signed: bool | None = None) -> dict[str, Any]:
    """`{"items", "next"}`: everybody who shadows (did, will) or has a checklist, those without a signature first."""
    async with ctx.db.reading() as tx:
        rows = await newcomers.everybody(tx)
        wanted = [one for one in _all(ctx.directory, rows) if team in (None, one[1])]
        items = [view for one in wanted for view in [await _view(ctx, tx, one, rows.get(one))]]
    kept = [item for item in items if signed is None or (item["signed_at"] is not None) == signed]
    return {"items": sorted(kept, key=lambda item: (item["signed_at"] is not None, item["name"].lower())), "next": None}


async def get(ctx: Context, user: str, team: str | None = None) -> dict[str, Any]:
    """One checklist: `{user, name, team, team_name, mentor, items: [{id, text, done, observe, seen, count, by, at}], done, of, ready,
    signed_by, signed_at, note, shadows}`. `ready`: signed. Raises NotFound; Invalid when the team is not clear."""
    async with ctx.db.reading() as tx:
        rows = await newcomers.everybody(tx)
        one = _which(ctx.directory, rows, user, team)
        return await _view(ctx, tx, one, rows.get(one))


def _all(directory: Directory, rows: Collection[Newcomer]) -> list[Newcomer]:
    """Those who exist, of teams that exist and ask for something."""
    return sorted(
        one
        for one in {*shadowing(directory), *rows}
        if one[0] in directory.users
        and (one[1] == NO_TEAM or one[1] in directory.teams)
        and items_of(directory.teams.get(one[1]))
    )


def _which(directory: Directory, rows: Collection[Newcomer], user: str, team: str | None) -> Newcomer:
    if user not in directory.users:
        raise NotFound(f"There is no user {user!r}")
    mine = [one for one in _all(directory, rows) if one[0] == user and team in (None, one[1])]
    if not mine:
        raise NotFound(f"{directory.users[user].label} has no checklist{f' in {team}' if team else ''}: open one first")
    if len(mine) > 1:
        names = ", ".join(one[1] or "none" for one in mine)
        raise Invalid(f"Which team? {directory.users[user].label} has a checklist in {names}", "/team")
    return mine[0]


async def _points(ctx: Context, tx: Tx, one: Newcomer, row: Row | None) -> tuple[Point, ...]:
    user, team = one
    seen: dict[Observed, int] = {
        **(await newcomers.observed(tx, [user]))[user],
        "shadowed_shifts": shadowed_shifts(ctx.directory, one, ctx.clock.now()),
        "verified_methods": verified_methods(ctx.directory, user),
    }
    return points(items_of(ctx.directory.teams.get(team)), seen, row.marks if row else {})


async def _view(ctx: Context, tx: Tx, one: Newcomer, row: Row | None) -> dict[str, Any]:
    user, team = one
    listed = await _points(ctx, tx, one, row)
    known, group = ctx.directory.users[user], ctx.directory.teams.get(team)
    return {
        "user": user,
        "name": known.label,
        "team": team or None,
        "team_name": (group.name or group.id) if group else None,
        "mentor": row.mentor if row else None,
        "items": [_point_view(point) for point in listed],
        "done": sum(point.done for point in listed),
        "of": len(listed),
        "ready": bool(row and row.signed_at),
        "signed_by": row.signed_by if row else None,
        "signed_at": time_text(row.signed_at) if row else None,
        "note": row.note if row else "",
        "shadows": [
            schedule.id
            for schedule in ctx.directory.schedules.values()
            if (schedule.team or NO_TEAM) == team and any(shadow.user == user for shadow in schedule.shadows)
        ],
    }


def _point_view(point: Point) -> dict[str, Any]:
    item = point.item
    return {
        "id": item.id,
        "text": item.text,
        "done": point.done,
        "observe": item.observe,
        "seen": point.seen,
        "count": item.count,
        "by": point.mark.by if point.mark else None,
        "at": time_text(point.mark.at) if point.mark else None,
    }


# --- writing ----------------------------------------------------------------------------------------------------------


async def open_one(ctx: Context, wanted: Opening, principal: Principal) -> dict[str, Any]:
    """Open a checklist for somebody who does not shadow, or name the mentor of one. Raises Invalid, Conflict."""
    directory = ctx.directory
    for name, field in ((wanted.user, "user"), (wanted.mentor, "mentor")):
        if name is not None and name not in directory.users:
            raise Invalid(f"There is no user {name!r}", f"/{field}")
    if wanted.mentor == wanted.user:
        raise Invalid("A mentor is somebody else", "/mentor")
    team = wanted.team if wanted.team is not None else _own_team(directory, wanted.user)
    if team and team not in directory.teams:
        raise Invalid(f"There is no team {team!r}", "/team")
    if not items_of(directory.teams.get(team)):
        raise Conflict(f"The team {team} asks nothing of newcomers: its `readiness` is empty")
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        row = await newcomers.lock(tx, (wanted.user, team), now)
        row.mentor, row.opened_by = wanted.mentor or row.mentor, row.opened_by or principal.id
        await newcomers.save(tx, row)
        await _log(tx, now, principal, "open", row, {"mentor": row.mentor})
        return await _view(ctx, tx, (wanted.user, team), row)


def _own_team(directory: Directory, user: str) -> str:
    """The team of what they shadow, else the one they belong to."""
    teams = {team for who, team in shadowing(directory) if who == user}
    teams = teams or {team.id for team in directory.teams.values() if user in team.members}
    if len(teams) > 1:
        raise Invalid(f"Which team? {user} belongs to {', '.join(sorted(teams))}", "/team")
    return next(iter(teams), NO_TEAM)


async def tick(ctx: Context, user: str, wanted: Tick, principal: Principal) -> dict[str, Any]:
    """Tick an item by hand, or take the tick back. The newcomer may, and whoever may sign. Raises NotFound, Invalid, Forbidden,
    Conflict once it is signed."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        one, row = await _mine(ctx, tx, user, wanted.team, now)
        if principal.user != user:
            _check_mentor(ctx.directory, one, row, principal)
        if row.signed_at is not None:
            raise Conflict("It is signed: take the signature back first")
        if wanted.item not in {item.id for item in items_of(ctx.directory.teams.get(one[1]))}:
            raise Invalid(f"There is no item {wanted.item!r} on this checklist", "/item")
        if wanted.done:
            row.marks.setdefault(wanted.item, Mark(by=principal.id, at=now))
        else:
            row.marks.pop(wanted.item, None)
        await newcomers.save(tx, row)
        return await _view(ctx, tx, one, row)


async def sign(ctx: Context, user: str, wanted: Signature, principal: Principal) -> dict[str, Any]:
    """A mentor says: ready to be on call alone. Signing twice changes nothing.

    Raises NotFound, Invalid; Forbidden for the newcomer and for whom the team is not theirs; Conflict while something is open.
    """
    if len(wanted.note) > LONGEST_NOTE:
        raise Invalid(f"Shorten this to {LONGEST_NOTE} characters", "/note")
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        one, row = await _mine(ctx, tx, user, wanted.team, now)
        _check_mentor(ctx.directory, one, row, principal)
        if row.signed_at is None:
            left = [point.item.text for point in await _points(ctx, tx, one, row) if not point.done]
            if left:
                raise Conflict(f"Not yet: {'; '.join(left)}. Tick what was done otherwise by hand.")
            row.signed_by, row.signed_at = principal.id, now
            row.note = wanted.note.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
            await newcomers.save(tx, row)
            await _log(tx, now, principal, "sign", row, {})
        return await _view(ctx, tx, one, row)


async def withdraw(ctx: Context, user: str, team: str | None, principal: Principal) -> dict[str, Any]:
    """Take a signature back: they are to be accompanied again. Raises NotFound, Invalid, Forbidden."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        one, row = await _mine(ctx, tx, user, team, now)
        _check_mentor(ctx.directory, one, row, principal)
        if row.signed_at is not None:
            row.signed_by = row.signed_at = None
            await newcomers.save(tx, row)
            await _log(tx, now, principal, "withdraw", row, {})
        return await _view(ctx, tx, one, row)


async def _mine(ctx: Context, tx: Tx, user: str, team: str | None, now: datetime) -> tuple[Newcomer, Row]:
    one = _which(ctx.directory, await newcomers.everybody(tx), user, team)
    return one, await newcomers.lock(tx, one, now)


def may_sign(directory: Directory, one: Newcomer, mentor: str | None, principal: Principal) -> bool:
    """Never the newcomer; the named mentor, the team's other people, or whoever may configure."""
    user, team = one
    if principal.user == user:
        return False
    group = directory.teams.get(team)
    people = {*group.members, group.manager} if group else set()
    return allowed(principal.role, "configure") or (principal.user is not None and principal.user in {mentor, *people})


def _check_mentor(directory: Directory, one: Newcomer, row: Row, principal: Principal) -> None:
    if not may_sign(directory, one, row.mentor, principal):
        team = f"somebody of the team {one[1]}" if one[1] else "a manager"
        raise Forbidden(f"A checklist is signed by the mentor, {team}, or a manager, never by the newcomer")


async def _log(tx: Tx, now: datetime, principal: Principal, verb: str, row: Row, data: dict[str, Any]) -> None:
    subject = f"user:{row.user_id}"
    await audit(tx, now, principal.id, f"newcomer.{verb}", subject, {"team": row.team, **data})
