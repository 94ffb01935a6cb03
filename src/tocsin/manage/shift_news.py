"""A shift that changes is news for both sides: who loses it, and who gains it. Written to the outbox with the change itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tocsin.core.calendar import zone
from tocsin.core.configuration import Schedule, User
from tocsin.core.directory import Directory
from tocsin.core.notification import for_news
from tocsin.core.rota import Change, changes, interruption
from tocsin.core.rota import span as span_of
from tocsin.store.notices import NewNotice

AHEAD = timedelta(weeks=8)
"""How far ahead a shift must lie at most to be told of when it changes."""
BEYOND = timedelta(weeks=8)
"""How much further we look for the end of such a shift."""
PATIENCE = timedelta(days=1)
"""How long a provider is tried."""
MOST = 12
"""Lines of each kind in one message."""


def news(old: Directory, new: Directory, revision: int, actor: str, now: datetime) -> list[NewNotice]:
    """One message for each person and schedule, by each of their methods for news. Takes a while: call it in a thread.

    A new schedule is no change of anybody's shift; a removed one is.
    """
    made: list[NewNotice] = []
    for name, before in old.schedules.items():
        after = new.schedules.get(name)
        if after == before:
            continue
        end = now + AHEAD + BEYOND
        told = Told(
            [one for one in changes(before, after, now, end) if one.start < now + AHEAD],
            [one for one in _watches(before, after) if one.end > now],
        )
        for person in dict.fromkeys(p for one in (*told.shifts, *told.watches) for p in (one.before, one.after) if p):
            if person in new.users:
                made += _notices(new, before, person, told, (revision, actor, now))
    return made


class Told(NamedTuple):
    """What differs: who is on call, and who shadows (each entry is one shadow shift that began or ended to be planned)."""

    shifts: Sequence[Change]
    watches: Sequence[Change]


def _watches(before: Schedule, after: Schedule | None) -> Iterator[Change]:
    """Shadow shifts that only one of the two has."""
    old = {(*span_of(before, one), one.user) for one in before.shadows}
    new = {(*span_of(after, one), one.user) for one in after.shadows} if after else set()
    for start, end, user in sorted(old - new):
        yield Change(start, end, user, None)
    for start, end, user in sorted(new - old):
        yield Change(start, end, None, user)


def interrupted(old: Directory, new: Directory, now: datetime) -> tuple[str, ...]:
    """Who would lose the shift that is running, as a sentence for each schedule."""
    told = []
    for name, before in old.schedules.items():
        after = new.schedules.get(name)
        if after != before and (lost := interruption(before, after, now)) is not None:
            until = lost.until.strftime("%Y-%m-%d %H:%M UTC")
            taker = lost.taken_by or "nobody"
            told.append(f"{name}: {lost.user} is on call now, until {until}, and loses this shift to {taker}")
    return tuple(told)


def _notices(
    directory: Directory, schedule: Schedule, person: str, told: Told, by: tuple[int, str, datetime]
) -> Iterator[NewNotice]:
    revision, actor, now = by
    user, label = directory.users[person], schedule.name or schedule.id
    text = _text(directory, user, told, actor, now + AHEAD + BEYOND)
    for method in for_news(user):
        yield NewNotice(
            key=f"shifts:{schedule.id}:{revision}:{person}:{method.id}", kind="shift_change", user_id=person,
            method=method.id, channel=method.type, heading=f"Your shifts changed: {label}", text=text,
            path=f"/schedules/{schedule.id}", created_at=now, due_at=now, deadline_at=now + PATIENCE,
        )  # fmt: skip


def _text(directory: Directory, user: User, told: Told, actor: str, sight: datetime) -> str:
    def name(person: str | None) -> str:
        known = directory.users.get(person) if person else None
        return known.label if known else person or "nobody"

    place = zone(user.time_zone)
    lost = [one for one in told.shifts if one.before == user.id]
    gained = [one for one in told.shifts if one.after == user.id]
    ended = [one for one in told.watches if one.before == user.id]
    begun = [one for one in told.watches if one.after == user.id]
    parts = [
        *_listed("These shifts are not yours any more:", lost, lambda c: f"{name(c.after)} is on call", place, sight),
        *_listed("These shifts are yours now:", gained, lambda c: f"instead of {name(c.before)}", place, sight),
        *_listed("You do not shadow any more:", ended, lambda c: "no copies", place, sight),
        *_listed("You shadow:", begun, lambda c: "copies of the pages, nothing to answer", place, sight),
    ]
    kind, _, who = actor.partition(":")
    return "\n".join([*parts, f"Changed by {name(who) if kind == 'user' else actor}."])


def _listed(
    head: str, several: Sequence[Change], said: Callable[[Change], str], place: ZoneInfo, sight: datetime
) -> Iterator[str]:
    if not several:
        return
    yield head
    for change in several[:MOST]:
        when = span(change.start, change.end if change.end < sight else None, place)
        yield f"- {when}: {said(change)}"
    if len(several) > MOST:
        yield f"- and {len(several) - MOST} more within the next {AHEAD.days // 7} weeks"
    yield ""


def span(start: datetime, end: datetime | None, place: ZoneInfo) -> str:
    """`Mon 9 Mar 2026 09:00 to Mon 16 Mar 2026 09:00 (UTC+01:00)`; with both offsets when the clocks change in between.

    Without an end: `Mon 9 Mar 2026 09:00 (UTC+01:00) and from then on`.
    """
    a = start.astimezone(place)
    if end is None:
        return f"{_moment(a)} ({_offset(a)}) and from then on"
    b = end.astimezone(place)
    first, last = _offset(a), _offset(b)
    zones = first if first == last else f"{first} to {last}"
    until = f"{b:%H:%M}" if a.date() == b.date() else _moment(b)
    return f"{_moment(a)} to {until} ({zones})"


def _moment(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %Y %H:%M}"


def _offset(at: datetime) -> str:
    text = at.strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"
