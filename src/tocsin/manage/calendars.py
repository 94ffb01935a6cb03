"""Shifts in people's own calendars: one event per shift (iCalendar, RFC 5545), behind secret links that can be revoked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from icalendar import Calendar, Event

from tocsin.core.configuration import Schedule
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.permission import Principal, allowed
from tocsin.core.rota import span
from tocsin.core.schedule import Shift, on_call, shifts
from tocsin.core.shape import short
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import access, calendar_links
from tocsin.store.calendar_links import CalendarLink

Kind = Literal["user", "team", "schedule"]
KINDS: tuple[Kind, ...] = get_args(Kind)

BEHIND = timedelta(days=28)
"""How much of the past a calendar shows."""
AHEAD = timedelta(days=366)
"""How much of the future."""
_SIGNED = 18
"""Bytes of a link's signature."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a calendar gets. `etag` changes whenever `body` does. `gone`: why there is nothing any more ('' when there is)."""

    body: bytes = b""
    etag: str = ""
    gone: str = ""


# --- links ----------------------------------------------------------------------------------------------------------------


async def list_links(ctx: Context, principal: Principal) -> dict[str, Any]:
    """`{"items": [{id, kind, subject, url, owner, created_at, read_at}], "next": null}`: your own.

    Who manages access also sees those of others, without their addresses.
    """
    everybody = allowed(principal.role, "manage_access")
    async with ctx.db.reading() as tx:
        found = await calendar_links.live(tx, None if everybody else principal.id)
    return {"items": [view(ctx, principal, link) for link in found], "next": None}


def view(ctx: Context, principal: Principal, link: CalendarLink) -> dict[str, Any]:
    own = link.owner == principal.id and link.revoked_at is None
    return {
        "id": link.id, "kind": link.kind, "subject": link.subject, "url": address(ctx, link.id) if own else None,
        "owner": link.owner, "created_at": time_text(link.created_at), "read_at": time_text(link.read_at),
        "revoked_at": time_text(link.revoked_at),
    }  # fmt: skip


def address(ctx: Context, link: int) -> str:
    """Where the calendar of a link is. Whoever knows it can read it."""
    return f"{ctx.settings.external_url}/ical/{link}-{_signature(ctx, link)}.ics"


def _signature(ctx: Context, link: int) -> str:
    digest = hmac.digest(ctx.secret, b"calendar:%d" % link, hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:_SIGNED]).decode()


async def create_link(ctx: Context, principal: Principal, named: Sequence[tuple[Kind, str]]) -> dict[str, Any]:
    """A link to one calendar; the one that you have already, when there is one. Raises Invalid, NotFound."""
    if len(named) != 1:
        raise Invalid("Name exactly one of user, team and schedule")
    [(kind, subject)] = named
    if subject not in _known(ctx.directory, kind):
        raise NotFound(f"There is no {kind} {short(subject)}.")
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        link = await calendar_links.make(tx, kind, subject, principal.id, now)
        await access.audit(tx, now, principal.id, "calendar_link.create", f"{kind}:{subject}", {"link": link.id})
    return view(ctx, principal, link)


def _known(directory: Directory, kind: str) -> Any:
    return {"user": directory.users, "team": directory.teams, "schedule": directory.schedules}[kind]


def number_of(text: str) -> int:
    """The number of a link as somebody wrote it; 0, which no link has, when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


async def revoke_link(ctx: Context, principal: Principal, id: int) -> dict[str, Any]:
    """The link as it is afterwards; twice changes nothing. Raises NotFound (also for a link of somebody else)."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        link = await calendar_links.find(tx, id) if 0 < id < 2**63 else None
        if link is None or not (link.owner == principal.id or allowed(principal.role, "manage_access")):
            raise NotFound(f"You have no calendar link {id}.")
        if await calendar_links.revoke(tx, id, principal.id, now):
            await access.audit(
                tx, now, principal.id, "calendar_link.revoke", f"{link.kind}:{link.subject}", {"link": id}
            )
        after = await calendar_links.find(tx, id)
    return view(ctx, principal, after or link)


# --- feeds ----------------------------------------------------------------------------------------------------------------


async def feed(ctx: Context, token: str) -> Feed:
    """The calendar behind the last part of a link. Raises NotFound when it is none of ours."""
    number, _, signature = token.partition("-")
    digits = number.isascii() and number.isdigit() and len(number) < 19
    if not digits or not hmac.compare_digest(signature.encode(), _signature(ctx, int(number)).encode()):
        raise NotFound("This calendar link is not one of ours, or was cut short on its way.")
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        link = await calendar_links.find(tx, int(number))
    if link is None:
        raise NotFound("This calendar link is not one of ours any more.")
    if link.revoked_at is not None:
        return Feed(gone="This calendar link was revoked. Make a new one in Tocsin, at the schedule.")
    if link.subject not in _known(ctx.directory, link.kind):
        return Feed(gone=f"The {link.kind} whose calendar this was does not exist any more.")
    if not _may_read(ctx.directory, link.owner):
        return Feed(gone="Who made this calendar link does not exist any more.")
    async with ctx.db.transaction() as tx:
        await calendar_links.read(tx, link.id, now)
    return await _kept(ctx, link, now)


def _may_read(directory: Directory, owner: str) -> bool:
    """A link ends with the person who made it, or with their right to see who is on call."""
    kind, _, name = owner.partition(":")
    if kind != "user" or name == "admin":
        return True
    user = directory.users.get(name)
    return user is not None and allowed(user.role, "see_on_call")


async def _kept(ctx: Context, link: CalendarLink, now: datetime) -> Feed:
    """Made once a day and configuration: calendars ask often."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    key, state = (link.kind, link.subject), (ctx.directory.revision, day)
    known = ctx.feeds.get(key)
    if known is None or known[0] != state:
        body = await asyncio.to_thread(write, ctx.directory, link.kind, link.subject, day, ctx.instance)
        known = ctx.feeds[key] = (state, body)
        while len(ctx.feeds) > 1000:
            ctx.feeds.pop(next(iter(ctx.feeds)))
    body = known[1]
    return Feed(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def write(directory: Directory, kind: str, subject: str, day: datetime, instance: str) -> bytes:
    """The calendar of a user, team or schedule around `day` (a midnight): one event in UTC per shift, with a stable UID."""
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", _title(directory, kind, subject))
    calendar.add("x-published-ttl", "PT1H")
    for schedule in _schedules(directory, kind, subject):
        for shift in _shifts(schedule, day):
            if kind != "user" or shift.user == subject:
                calendar.add_component(_event(directory, kind, schedule, shift, day, instance))
        for shift in _shadow_shifts(schedule, day):
            if kind != "user" or shift.user == subject:
                calendar.add_component(_event(directory, kind, schedule, shift, day, instance))
    text: bytes = calendar.to_ical()
    return text


def _title(directory: Directory, kind: str, subject: str) -> str:
    one = _known(directory, kind)[subject]
    return f"On call: {one.name or one.id}"


def _schedules(directory: Directory, kind: str, subject: str) -> list[Schedule]:
    if kind == "schedule":
        return [directory.schedules[subject]]
    every = sorted(directory.schedules.values(), key=lambda schedule: schedule.id)
    return [schedule for schedule in every if kind == "user" or schedule.team == subject]


def _shifts(schedule: Schedule, day: datetime) -> Iterator[Shift]:
    """Whole shifts: the first one begins where it really did, so that it stays the same event from day to day."""
    begin = day - BEHIND
    for shift in shifts(schedule, begin, day + AHEAD):
        if shift.start == begin and (whole := on_call(schedule, begin)) is not None and whole.user == shift.user:
            yield Shift(shift.user, whole.start, max(whole.end, shift.end), shift.layer)
        else:
            yield shift


SHADOW = "shadow"
"""The layer of a shadow shift in a calendar."""


def _shadow_shifts(schedule: Schedule, day: datetime) -> Iterator[Shift]:
    for one in schedule.shadows:
        start, end = span(schedule, one)
        if start < end and end > day - BEHIND and start < day + AHEAD:
            yield Shift(one.user, start, end, SHADOW)


def _event(directory: Directory, kind: str, schedule: Schedule, shift: Shift, day: datetime, instance: str) -> Event:
    name, label = schedule.name or schedule.id, _label(directory, shift.user)
    said = f"Shadow: {name}" if shift.layer == SHADOW else f"On call: {name}"
    event = Event()
    event.add("uid", _uid(schedule, shift, day, instance))
    event.add("dtstamp", day)
    event.add("dtstart", shift.start.astimezone(UTC))
    event.add("dtend", shift.end.astimezone(UTC))
    event.add("summary", said if kind == "user" else f"{label} · {said}")
    by = {"override": "by an override", SHADOW: "as a shadow: copies, nothing to answer"}
    event.add("description", f"{label}, {by.get(shift.layer, f'layer {shift.layer}')}. Schedule {schedule.id}.")
    event.add("categories", ["on call"])
    event.add("transp", "TRANSPARENT" if shift.layer == SHADOW or kind != "user" else "OPAQUE")
    return event


def _uid(schedule: Schedule, shift: Shift, day: datetime, instance: str) -> str:
    """The same for the same shift every day. A shift so long that its beginning is out of sight is known by its person alone."""
    endless = shift.start <= day - BEHIND - timedelta(days=365)
    begin = "always" if endless else f"{shift.start.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    said = f"{schedule.id}\0{shift.user}\0{shift.layer}\0{begin}"
    return f"{hashlib.sha256(said.encode()).hexdigest()[:32]}@{instance or 'tocsin'}"


def _label(directory: Directory, user: str) -> str:
    known = directory.users.get(user)
    return known.label if known else user
