"""Mutes as people make and see them: silences and maintenance windows, once or planned, and what each of them mutes.

A mute that is made for once is a row; one that recurs is a configured object (kind `mutes`), whose windows are rows. Both are listed
together: `id` is the UUID of a row, `rule` the id of the plan it is a window of.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import msgspec

from tocsin.core.directory import Directory, Origin
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.mute import Matcher, Mute, check_matchers, check_times, order, parse_matcher
from tocsin.core.permission import Principal, require
from tocsin.core.planned import MuteKind, MuteRule
from tocsin.core.shape import short, text_fault
from tocsin.core.spelling import Duration, plain
from tocsin.core.window import scope, windows
from tocsin.flow.context import Context
from tocsin.manage import objects, silences
from tocsin.manage.alerts import alert_view
from tocsin.manage.announcements import announcement
from tocsin.manage.lists import DEFAULT, check_limit, read_cursor, time_text, write_cursor
from tocsin.store import mutes, reading_alerts

STATES = ("active", "pending", "expired")
LISTED = 100
"""Alerts named in a preview or on a mute; the others are counted."""
LOOKED_AT = 20_000
"""Open alerts that a preview looks at."""
AT_ONCE = 1000
FORETOLD = 5
"""Windows of a plan that a preview tells."""
LONGEST_REASON = 1000

PLANNED = ("rrule", "during", "from", "to")
"""Fields that make a wish a plan, spelled as in the file."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A mute as somebody wants it, understood: made once (`draft`), or planned (`rule`)."""

    kind: MuteKind
    matchers: tuple[Matcher, ...]
    services: tuple[str, ...]
    draft: silences.Draft | None = None
    rule: dict[str, Any] | None = None


# --- what people write --------------------------------------------------------------------------------------------------


_FIELDS = {
    "id", "kind", "matchers", "service", "services", "team", "starts_at", "ends_at", "duration", "rrule", "during", "from", "to",
    "time_zone", "reason", "announce",
}  # fmt: skip


def read(ctx: Context, body: Any, actor: str, now: datetime) -> Wish:
    """A wish from JSON. Raises Invalid with JSON pointers."""
    if not isinstance(body, dict):
        raise Invalid("Write the mute as a JSON object")
    if strange := sorted(body.keys() - _FIELDS):
        raise Invalid(f"unknown field {short(strange[0])}: known are {', '.join(sorted(_FIELDS))}", f"/{strange[0]}")
    given = {name: value for name, value in body.items() if value not in (None, "", [])}
    reason = given.get("reason", "")
    if not isinstance(reason, str) or not reason.strip():
        raise Invalid("say why: others will wonder why nobody is paged", "/reason")
    if len(reason) > LONGEST_REASON or text_fault(reason):
        raise Invalid(f"shorten the reason to {LONGEST_REASON} printable characters", "/reason")
    kind: MuteKind = "maintenance" if given.get("kind", "silence") == "maintenance" else "silence"
    if given.get("kind", "silence") not in ("silence", "maintenance"):
        raise Invalid(f"{short(given['kind'])} is not a kind of mute: write silence or maintenance", "/kind")
    matchers = _matchers(given.get("matchers", []))
    services = _services(ctx.directory, given)
    scoped = bool(services)
    if kind == "maintenance" and not scoped:
        raise Invalid("a maintenance window is of services: name at least one", "/services")
    check_matchers(matchers, scoped)
    announce = announcement(ctx.directory, given.get("announce"), kind)
    if any(name in given for name in PLANNED):
        return Wish(kind=kind, matchers=matchers, services=services, rule=_rule(given, kind, matchers, reason.strip()))
    starts, ends = _times(given, now)
    draft = silences.Draft(
        matchers=matchers, starts_at=starts, ends_at=ends, created_by=actor, comment=reason.strip(), services=services, kind=kind,
        scoped=scoped, announce=announce,
    )  # fmt: skip
    return Wish(kind=kind, matchers=matchers, services=services, draft=draft)


def _matchers(given: Any) -> tuple[Matcher, ...]:
    if not isinstance(given, list):
        raise Invalid('write a list of matchers, like ["alertname=\\"Backup\\""]', "/matchers")
    found = []
    for position, one in enumerate(given):
        try:
            found.append(parse_matcher(one) if isinstance(one, str) else msgspec.convert(one, Matcher))
        except (Invalid, msgspec.ValidationError) as error:
            raise Invalid(f'{error} (write it like host="db-7" or cluster=~"eu|us")', f"/matchers/{position}") from None
    return tuple(found)


def _services(directory: Directory, given: dict[str, Any]) -> tuple[str, ...]:
    named = given.get("services", [])
    if not isinstance(named, list):
        raise Invalid("write a list of services", "/services")
    wanted = [*named, *([given["service"]] if "service" in given else [])]
    for position, name in enumerate(wanted):
        if not isinstance(name, str) or name not in directory.services:
            raise Invalid(f"there is no service {short(name)}", f"/services/{position}")
    if "team" in given:
        if given["team"] not in directory.teams:
            raise Invalid(f"there is no team {short(given['team'])}", "/team")
        own = [service.id for service in directory.services.values() if service.team == given["team"]]
        if not own:
            raise Invalid(f"the team {short(given['team'])} has no services", "/team")
        wanted += own
    return tuple(sorted(set(wanted)))


def _times(given: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    starts = _time(given, "starts_at") or now
    if "duration" in given and "ends_at" in given:
        raise Invalid("write ends_at or a duration, not both", "/duration")
    if "duration" in given:
        return starts, starts + timedelta(seconds=_duration(given["duration"]))
    ends = _time(given, "ends_at")
    if ends is None:
        raise Invalid("say until when: ends_at, or a duration like 2h", "/ends_at")
    check_times(starts, ends, now)
    return starts, ends


def _time(given: dict[str, Any], name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        at = datetime.fromisoformat(given[name])
    except (TypeError, ValueError):
        raise Invalid(f"{short(given[name])} is not a time: write it like 2026-01-05T09:00:00Z", f"/{name}") from None
    if at.tzinfo is None:
        raise Invalid(f"{short(given[name])} has no offset: write it like 2026-01-05T09:00:00Z", f"/{name}")
    return at


def _duration(text: Any) -> int:
    try:
        seconds = Duration.parse(text)
    except (TypeError, ValueError) as error:
        raise Invalid(str(error), "/duration") from None
    if not seconds:
        raise Invalid("a mute of 0s mutes nothing: write a duration like 2h", "/duration")
    return int(seconds)


def _rule(given: dict[str, Any], kind: MuteKind, matchers: Sequence[Matcher], reason: str) -> dict[str, Any]:
    for name in ("starts_at", "ends_at"):
        if name in given:
            raise Invalid(
                f"a planned mute is written in local time: use from, to and time_zone, not {name}", f"/{name}"
            )
    kept = ("service", "services", "team", "from", "to", "rrule", "duration", "during", "time_zone", "announce")
    return {
        "id": given.get("id") or _slug(reason),
        "kind": kind,
        "matchers": [str(matcher) for matcher in matchers],
        **{name: given[name] for name in kept if name in given},
        "reason": reason,
    }


def _slug(reason: str) -> str:
    """An id from the words of the reason, made unique."""
    words = re.sub(r"[^a-z0-9]+", "-", reason.lower()).strip("-")[:40].strip("-")
    return f"{words or 'mute'}-{uuid4().hex[:6]}"


# --- make, change, end --------------------------------------------------------------------------------------------------


async def create(ctx: Context, principal: Principal, body: Any) -> dict[str, Any]:
    """Make a mute; the view of it, or of the first window of a plan. Raises Invalid, Conflict, Forbidden."""
    require(principal, "mute")
    wish = await asyncio.to_thread(read, ctx, body, principal.id, ctx.clock.now())
    if wish.rule is not None:
        made = await objects.create(ctx, principal, "mutes", wish.rule, "mute")
        ctx.wake.set("timers")
        return await get(ctx, made.object.id)
    assert wish.draft is not None  # read gives one of the two
    return await get(ctx, await silences.create(ctx, None, wish.draft, principal.id))


async def change(ctx: Context, principal: Principal, id: str, body: Any) -> dict[str, Any]:
    """Change the end or the reason of a mute that was made once. Raises Invalid, NotFound, Conflict, Forbidden."""
    require(principal, "mute")
    if not isinstance(body, dict) or body.keys() - {"ends_at", "duration", "reason", "announce"} or not body:
        raise Invalid(
            "What can be changed is ends_at (or duration, from now), reason and announce: end the mute and make another"
        )
    now = ctx.clock.now()
    old = await silences.get(ctx, None, id)
    _, ends = _times({"ends_at": old.ends_at.isoformat(), **body} if "duration" not in body else body, now)
    draft = silences.Draft(
        matchers=old.matchers, starts_at=old.starts_at, ends_at=ends, created_by=old.created_by,
        comment=str(body.get("reason", old.comment))[:LONGEST_REASON], public_id=old.public_id, services=old.scope,
        kind=old.kind, scoped=bool(old.scope),
        announce=announcement(ctx.directory, body["announce"], old.kind) if "announce" in body else old.announce,
    )  # fmt: skip
    return await get(ctx, await silences.create(ctx, None, draft, principal.id))


async def end(ctx: Context, principal: Principal, id: str) -> dict[str, Any]:
    """End a mute now, or one window of a plan (the next ones come); or, by its id, a plan with all of it. What it was.

    Raises NotFound, Conflict (the plan is written in a file), Forbidden.
    """
    require(principal, "mute")
    if _is_uuid(id):
        await silences.expire(ctx, None, id, principal.id)
        return await get(ctx, id)
    before = await get(ctx, id)
    await objects.remove(ctx, principal, "mutes", id, "mute")
    ctx.wake.set("timers")
    return {**before, "status": "expired", "ends_at": time_text(ctx.clock.now())}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# --- look ---------------------------------------------------------------------------------------------------------------


async def list_mutes(
    ctx: Context,
    *,
    status: str | None = None,
    service: str | None = None,
    limit: int = DEFAULT,
    cursor: str | None = None,
) -> dict[str, Any]:
    """`{"items", "next"}`: active ones by their end, then those to come, then ended ones (of the last five days). Raises Invalid."""
    check_limit(limit)
    if status and status not in STATES:
        raise Invalid(f"{short(status)} is not a status of a mute: use {', '.join(STATES)}", "/status")
    (start,) = read_cursor(cursor, tuple[int]) or (0,)
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        found = order(await mutes.ended_after(tx, service or None, now - silences.KEPT), now)
        shown = [mute for mute in found if not status or mute.state(now) == status]
        page = shown[start : start + limit]
        counts = await mutes.counts(tx, [mute.id for mute in page])
    items = [view(ctx.directory, mute, now, counts.get(mute.id, 0)) for mute in page]
    return {"items": items, "next": write_cursor(start + limit) if len(shown) > start + limit else None}


async def get(ctx: Context, id: str) -> dict[str, Any]:
    """One mute with the alerts that it holds back right now; a plan by its id shows its present or next window. Raises NotFound."""
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        if _is_uuid(id):
            mute = await mutes.find(tx, None, id)
        else:
            mute = next(iter(order(await mutes.of_rule(tx, id), now)), None)
        if mute is None:
            if id in ctx.directory.mutes:
                return plan_view(ctx.directory, ctx.directory.mutes[id], now)
            raise NotFound(f"There is no mute {short(id)}")
        counts = await mutes.counts(tx, [mute.id])
        held = await reading_alerts.held_back(tx, mute.id, LISTED)
    shown = view(ctx.directory, mute, now, counts.get(mute.id, 0))
    return {**shown, "alerts": [alert_view(row) for row in held]}


def view(directory: Directory, mute: Mute, now: datetime, muted: int) -> dict[str, Any]:
    """One mute as JSON. `services` empty: all. `muting`: alerts held back right now. `plan`: what it is a window of."""
    rule = directory.mutes.get(mute.rule) if mute.rule else None
    return {
        "id": mute.public_id,
        "kind": mute.kind,
        "status": mute.state(now),
        "matchers": [str(matcher) for matcher in mute.matchers],
        "services": list(mute.scope),
        "starts_at": time_text(mute.starts_at),
        "ends_at": time_text(mute.ends_at),
        "ends_soon": mute.ends_soon(now),
        "reason": mute.comment,
        "created_by": mute.created_by,
        "created_at": time_text(mute.created_at),
        "updated_at": time_text(mute.updated_at),
        "muting": muted,
        "rule": mute.rule,
        "plan": None if rule is None else _plan(directory, rule),
        "report": mute.report,
        "announce": mute.announce,
    }


def plan_view(directory: Directory, rule: MuteRule, now: datetime) -> dict[str, Any]:
    """A plan that has no window any more, in the shape of a mute."""
    written = _plan(directory, rule)
    return {
        "id": rule.id, "kind": rule.kind, "status": "expired", "matchers": written["matchers"],
        "services": list(scope(rule, directory)), "starts_at": None, "ends_at": None, "ends_soon": False, "reason": rule.reason,
        "created_by": f"mute:{rule.id}", "created_at": None, "updated_at": None, "muting": 0, "rule": rule.id, "plan": written,
        "report": None, "announce": plain(rule.announce) if rule.announce is not None else None, "alerts": [],
    }  # fmt: skip


def _plan(directory: Directory, rule: MuteRule) -> dict[str, Any]:
    origin = directory.origins.get(("mutes", rule.id), Origin())
    written = {"matchers": [], **plain(rule)}
    return {**written, "origin": {"file": origin.file, "line": origin.line} if origin.file else None}


async def upcoming(ctx: Context, rule: str, count: int) -> list[dict[str, Any]]:
    """The next windows of a plan: `{"starts_at", "ends_at"}`. Raises NotFound."""
    found = ctx.directory.mutes.get(rule)
    if found is None:
        raise NotFound(f"There is no planned mute {short(rule)}")
    return await asyncio.to_thread(_foretold, ctx.directory, found, ctx.clock.now(), count)


def _foretold(directory: Directory, rule: MuteRule, now: datetime, count: int) -> list[dict[str, Any]]:
    return [
        {"starts_at": time_text(max(window.start, now)), "ends_at": time_text(window.end)}
        for window in islice(windows(rule, directory, now), count)
    ]


# --- what would it mute -------------------------------------------------------------------------------------------------


async def preview(ctx: Context, principal: Principal, body: Any) -> dict[str, Any]:
    """What a mute would match right now, before it is made: `{"count", "items", "in_incidents", "looked_at", "windows", "notes"}`.

    Alerts that have an incident already go on paging until it is answered; a mute holds back new ones. Raises Invalid, Forbidden.
    """
    require(principal, "mute")
    now = ctx.clock.now()
    wish = await asyncio.to_thread(read, ctx, body, principal.id, now)
    foretold: list[dict[str, Any]] = []
    if wish.rule is not None:
        rule = await asyncio.to_thread(objects.read, "mutes", wish.rule, ctx)
        foretold = await asyncio.to_thread(_foretold, ctx.directory, rule, now, FORETOLD)
    elif wish.draft is not None:
        foretold = [{"starts_at": time_text(max(wish.draft.starts_at, now)), "ends_at": time_text(wish.draft.ends_at)}]
    matched: list[Any] = []
    looked, after = 0, 0
    async with ctx.db.reading() as tx:
        while looked < LOOKED_AT:
            rows = await reading_alerts.open_page(tx, after, wish.services, AT_ONCE)
            matched += await asyncio.to_thread(_matching, rows, wish.matchers)
            looked += len(rows)
            if len(rows) < AT_ONCE:
                break
            after = rows[-1]["id"]
    return {
        "count": len(matched),
        "items": [alert_view(row) for row in matched[:LISTED]],
        "in_incidents": sum(row["incident_id"] is not None for row in matched),
        "looked_at": looked,
        "windows": foretold,
        "notes": list(_notes(wish, len(matched), looked, foretold, now)),
    }


def _matching(rows: Sequence[Any], matchers: Sequence[Matcher]) -> list[Any]:
    return [row for row in rows if all(matcher.matches(row["labels"]) for matcher in matchers)]


def _notes(wish: Wish, count: int, looked: int, foretold: Sequence[dict[str, Any]], now: datetime) -> list[str]:
    notes = []
    if not wish.services:
        notes.append("It is for every service.")
    if wish.services and not wish.matchers:
        notes.append("It mutes every alert of " + ", ".join(wish.services) + ".")
    if looked and count == looked and looked > 5:
        notes.append("It matches every alert that is open now: is that meant?")
    if not count:
        notes.append("It matches no alert that is open now.")
    if not foretold:
        notes.append("It never mutes anything: its windows are over.")
    if wish.draft is not None and wish.draft.ends_at - now > timedelta(days=30):
        notes.append("It lasts longer than a month: a rule at the source may be the better place.")
    return notes
