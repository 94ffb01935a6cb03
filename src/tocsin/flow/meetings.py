"""The meeting about an incident, for people's calendars (S0-105, S0-107, S2-21)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from email.utils import parseaddr
from typing import Literal

from icalendar import Calendar, Event, vCalAddress

from tocsin.core.incident import display_name
from tocsin.core.role import ROLES, holders
from tocsin.flow.acts import user_of
from tocsin.flow.context import Context
from tocsin.flow.message import incident_url
from tocsin.store.reading_incidents import Row
from tocsin.store.reviews import Review

LASTS = timedelta(hours=1)


Method = Literal["PUBLISH", "REQUEST", "CANCEL"]


def invitation(
    ctx: Context, row: Row, found: Review, method: Method = "PUBLISH", guests: Sequence[str] | None = None
) -> str:
    """The meeting as iCalendar text: whoever led, answered or responded and the manager of the team are asked to it. A later time
    replaces an earlier one: the UID stays, and the SEQUENCE rises.

    `REQUEST` goes out by mail, so that mail programs offer to enter it (answers are not asked for); `CANCEL` takes it out of the
    calendars of the `guests` (left out: of all). RFC 5546.
    """
    number = row["id"]
    url = f"{incident_url(ctx, number)}/review"
    event = Event()
    event.add("uid", f"review-{number}@{ctx.instance}")
    event.add("dtstamp", ctx.clock.now())
    event.add("sequence", found.meeting_sequence)
    event.add("dtstart", found.meeting_at)
    event.add("dtend", found.meeting_at + LASTS if found.meeting_at else None)
    event.add("summary", f"Review of {display_name(number, row['created_at'])}: {row['title']}")
    event.add("description", f"The draft, with everything that was measured: {url}")
    event.add("url", url)
    if method == "CANCEL" or found.state == "waived":
        event.add("status", "CANCELLED")
    if method != "PUBLISH":
        event.add("organizer", vCalAddress(f"mailto:{parseaddr(ctx.settings.mail_from)[1]}"))
    for user in participants(ctx, row, found.owner) if guests is None else guests:
        known = ctx.directory.users.get(user)
        if known is not None and known.email:
            guest = vCalAddress(f"mailto:{known.email}")
            guest.params["CN"] = known.label
            guest.params["RSVP"] = "FALSE"
            event.add("attendee", guest)
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//Review//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    return str(calendar.to_ical().decode())


def participants(ctx: Context, row: Row, owner: str | None) -> list[str]:
    """The commander and the others with a role, responders, and the owner of the service (S0-107), each once."""
    team = ctx.directory.team_of(row["service"])
    people = [
        owner, *(user for role in ROLES for user in holders(row["roles"], role)), row["assignee"], user_of(row["acknowledged_by"] or ""),
        *row["responders"], team.manager if team else None,
    ]  # fmt: skip
    return list(dict.fromkeys(user for user in people if user))
