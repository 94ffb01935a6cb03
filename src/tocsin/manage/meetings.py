"""The meeting about an incident, for people's calendars (S0-105, S0-107, S2-21)."""

from __future__ import annotations

from datetime import timedelta

from icalendar import Calendar, Event, vCalAddress

from tocsin.core.errors import Conflict, NotFound
from tocsin.core.incident import public_id
from tocsin.core.review import NOT_FOUND
from tocsin.core.role import ROLES, holders
from tocsin.flow.acts import user_of
from tocsin.flow.context import Context
from tocsin.manage.incidents import incident_url
from tocsin.store import reading_incidents as reading
from tocsin.store import reviews
from tocsin.store.reading_incidents import Row

LASTS = timedelta(hours=1)


async def meeting_of(ctx: Context, number: int) -> bytes:
    """The meeting as an iCalendar file: whoever led, answered or responded and the manager of the team are asked to it. A later time
    replaces an earlier one. Raises NotFound; Conflict while there is none.
    """
    async with ctx.db.reading() as tx:
        row, found = await reading.get(tx, number), await reviews.get(tx, number)
    if row is None:
        raise NotFound(NOT_FOUND)
    if found is None or found.meeting_at is None:
        raise Conflict("No meeting is planned: give the review a time for it first.")
    url = f"{incident_url(ctx, number)}/review"
    event = Event()
    event.add("uid", f"review-{number}@{ctx.instance}")
    event.add("dtstamp", ctx.clock.now())
    event.add("sequence", found.meeting_sequence)
    event.add("dtstart", found.meeting_at)
    event.add("dtend", found.meeting_at + LASTS)
    event.add("summary", f"Review of {public_id(number)}: {row['title']}")
    event.add("description", f"The draft, with everything that was measured: {url}")
    event.add("url", url)
    for user in participants(ctx, row, found.owner):
        known = ctx.directory.users.get(user)
        if known is not None and known.email:
            guest = vCalAddress(f"mailto:{known.email}")
            guest.params["CN"] = known.label
            event.add("attendee", guest)
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//Review//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    made: bytes = calendar.to_ical()
    return made


def participants(ctx: Context, row: Row, owner: str | None) -> list[str]:
    """The commander and the others with a role, responders, and the owner of the service (S0-107), each once."""
    team = ctx.directory.team_of(row["service"])
    people = [
        owner, *(user for role in ROLES for user in holders(row["roles"], role)), row["assignee"], user_of(row["acknowledged_by"] or ""),
        *row["responders"], team.manager if team else None,
    ]  # fmt: skip
    return list(dict.fromkeys(user for user in people if user))
