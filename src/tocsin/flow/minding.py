"""Reviews that wait: whoever writes one is reminded of its day, and its meeting is put into calendars.

One timer of the kind `reviews` sweeps over those that wait, so that the end of an incident sets none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta

from tocsin.core.calendar import zone
from tocsin.core.configuration import User
from tocsin.core.due import LAST_REMINDER, reminder
from tocsin.core.escalation import manager_of
from tocsin.core.incident import display_name, public_id
from tocsin.core.notification import for_news
from tocsin.flow.context import Context
from tocsin.flow.meetings import invitation, participants
from tocsin.store import notices, reviews, timers
from tocsin.store import reading_incidents as reading
from tocsin.store.database import Tx
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.reading_incidents import Row
from tocsin.store.reviews import Review, Waiting
from tocsin.store.timers import Timer

TIMER = "reviews"
MEETING = "meeting"
"""The kind of the news of a meeting."""
SWEEP = timedelta(minutes=5)
SETTLED = timedelta(minutes=30)
"""So long after a review was begun nobody is asked to its meeting: the incident may come back."""
TRYING = timedelta(hours=12)
"""How long the news is tried."""
DAYTIME = range(8, 18)
"""Hours of a person's day in which they are reminded of something to write."""


async def keep_watch(ctx: Context) -> None:
    """The sweep is set, unless it is already."""
    async with ctx.db.transaction() as tx:
        await timers.ensure(tx, TIMER, 0, ctx.clock.now() + SWEEP)


async def look(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """Invite to meetings, call off those that will not be, remind of days, and set the next look."""
    async with ctx.db.transaction() as tx:
        if not await timers.finish(tx, ctx.node, batch):
            return []
        now = ctx.clock.now()
        invited = [one async for one in _invitations(ctx, tx, now)]
        called_off = [one async for one in _called_off(ctx, tx, now)]
        reminded = await _reminders(ctx, tx, now)
        await notices.add(tx, [*invited, *called_off, *reminded])
        await timers.set_timer(tx, TIMER, 0, None, now + SWEEP)
    ctx.wake.set("timers")
    return []


async def _invitations(ctx: Context, tx: Tx, now: datetime) -> AsyncIterator[NewNotice]:
    """Who is asked to meetings, or hears of their new time; who is not needed any more is told that, too."""
    for number in await reviews.to_invite(tx, now, now - SETTLED):
        row, found = await reading.get(tx, number), await reviews.get(tx, number)
        if row is None or found is None or found.meeting_at is None:
            continue
        asked = await _asked(tx, found)
        guests = participants(ctx, row, found.owner)
        words = (
            "The review of {} meets at another time: {}"
            if found.invited >= 0
            else "You are asked to the review of {}: {}"
        )
        for notice in _told_of(ctx, row, found, guests, words, invitation(ctx, row, found, "REQUEST"), now):
            yield notice
        if gone := [user for user in asked if user not in guests]:
            words = "The review of {} meets without you: {}"
            for notice in _told_of(ctx, row, found, gone, words, invitation(ctx, row, found, "CANCEL", gone), now):
                yield notice
        await reviews.change(tx, number, invited=found.meeting_sequence)


async def _called_off(ctx: Context, tx: Tx, now: datetime) -> AsyncIterator[NewNotice]:
    """Meetings that will not be are taken out of the calendars of those who were asked. The review may be taken up again: the next
    invitation outdoes this one."""
    for number in await reviews.to_call_off(tx, now):
        row, found = await reading.get(tx, number), await reviews.get(tx, number)
        if row is None or found is None:
            continue
        found.meeting_sequence += 1
        asked = await _asked(tx, found) or participants(ctx, row, found.owner)
        calendar = invitation(ctx, row, found, "CANCEL", asked)
        for notice in _told_of(ctx, row, found, asked, "The review of {} does not meet: {}", calendar, now):
            yield notice
        await reviews.change(tx, number, invited=-1, meeting_sequence=found.meeting_sequence + 1)


async def _asked(tx: Tx, found: Review) -> list[str]:
    """Whom the last invitation went to."""
    return await notices.told(tx, f"{MEETING}:{found.incident}:{found.invited}:") if found.invited >= 0 else []


def _told_of(
    ctx: Context, row: Row, found: Review, users: Sequence[str], words: str, calendar: str, now: datetime
) -> Iterator[NewNotice]:
    """The news of a meeting for each of them, with what their calendars read. `words`: of which incident, when."""
    number, at = row["id"], found.meeting_at or now
    name = display_name(number, row["created_at"])
    off = "METHOD:CANCEL" in calendar
    key = f"{MEETING}{'_off' if off else ''}:{number}:{found.meeting_sequence}"
    more = (
        found.reason
        if found.state == "waived"
        else ""
        if off
        else "It lasts an hour. The draft, with everything that was measured, can be read before."
    )
    for user in [ctx.directory.users[one] for one in users if one in ctx.directory.users]:
        for method in for_news(user):
            yield NewNotice(
                key=f"{key}:{user.id}:{method.id}", kind=MEETING, user_id=user.id,
                method=method.id, channel=method.type, heading=words.format(name, _when(user, at)),
                text="\n".join(part for part in (str(row["title"]), more) if part), path=f"/incidents/{public_id(number)}/review",
                created_at=now, due_at=now, deadline_at=min(at, now + TRYING), calendar=calendar,
            )  # fmt: skip


def _when(user: User, at: datetime) -> str:
    """`Mon 23 Nov 10:00 CET`, in the person's own zone."""
    local = at.astimezone(zone(user.time_zone))
    return f"{local:%a} {local.day} {local:%b %H:%M %Z}"


async def _reminders(ctx: Context, tx: Tx, now: datetime) -> list[NewNotice]:
    """One message for each person with all that waits for them, in their daytime."""
    due: dict[str, list[Waiting]] = {}
    for one in await reviews.to_remind(tx, now, LAST_REMINDER):
        level = reminder(one.publish_by, now)
        manager = manager_of(ctx.directory, one.service)
        people = [one.owner or manager, manager if level == LAST_REMINDER else None]
        known = [ctx.directory.users[name] for name in dict.fromkeys(people) if name and name in ctx.directory.users]
        awake = [user for user in known if now.astimezone(zone(user.time_zone)).hour in DAYTIME]
        if level <= one.reminded or (known and not awake):
            continue
        for user in awake:
            due.setdefault(user.id, []).append(one)
        await reviews.change(tx, one.incident, reminded=level)
    return [notice for name, found in due.items() for notice in _told(ctx.directory.users[name], found, now)]


def _told(user: User, found: Sequence[Waiting], now: datetime) -> Iterator[NewNotice]:
    lines = [f"{display_name(one.incident, one.created_at)}, {_day(user, one, now)}: {one.title}" for one in found]
    first = found[0]
    alone = f"The review of {display_name(first.incident, first.created_at)} is {_day(user, first, now)}"
    several = f"{len(found)} reviews wait to be written"
    for method in for_news(user):
        yield NewNotice(
            key=f"review_due:{user.id}:{method.id}:{now.isoformat()}", kind="review_due", user_id=user.id, method=method.id,
            channel=method.type, heading=alone if len(found) == 1 else several,
            text="\n".join(lines) + "\nPublish it, or say why none is written.",
            path=f"/incidents/{public_id(first.incident)}/review" if len(found) == 1 else "/reviews",
            created_at=now, due_at=now, deadline_at=now + TRYING,
        )  # fmt: skip


def _day(user: User, one: Waiting, now: datetime) -> str:
    return (
        f"due by {_when(user, one.publish_by)}"
        if one.publish_by > now
        else f"overdue since {_when(user, one.publish_by)}"
    )
