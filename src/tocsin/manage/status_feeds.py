"""The status page as feeds: RSS 2.0 and Atom of incidents and maintenance, and maintenance for calendars."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape as _escape

from icalendar import Calendar, Event
from markupsafe import Markup
from markupsafe import escape as markup

from tocsin.core.status_view import IncidentView, PageView
from tocsin.manage.status_formats import moment

LISTED = 25
"""Items of a feed."""
_NS = "http://www.w3.org/2005/Atom"


def escape(text: str) -> str:
    """Safe in an element and in a quoted attribute."""
    return _escape(text, {'"': "&quot;"})


def entries(page: PageView) -> list[IncidentView]:
    """Incidents and maintenance, what changed last first."""
    every = sorted((*page.incidents, *page.maintenance), key=lambda one: one.updated_at, reverse=True)
    return every[:LISTED]


def _link(page: PageView, one: IncidentView) -> str:
    return f"{page.url}/incidents/{one.code}"


def _utc(at: datetime) -> str:
    local = at.astimezone(UTC)
    return f"{local.day} {local:%b %Y, %H:%M} UTC"


def _story(one: IncidentView) -> str:
    """All that was said, the newest first, as HTML."""
    when = Markup("")
    if one.scheduled_for is not None and one.scheduled_until is not None:
        when = Markup("<p>{} to {}</p>").format(_utc(one.scheduled_for), _utc(one.scheduled_until))
    parts = [
        Markup("<p><small>{}</small><br><strong>{}</strong> - {}</p>").format(
            _utc(update.at),
            update.status.replace("_", " ").capitalize(),
            Markup("<br>").join(markup(line) for line in update.body.split("\n")),
        )
        for update in one.updates
    ]
    return str(when + Markup("").join(parts))


def rss(page: PageView) -> bytes:
    items = "".join(
        f"<item><title>{escape(one.title)}</title><description>{escape(_story(one))}</description>"
        f"<pubDate>{format_datetime(one.updated_at.astimezone(UTC))}</pubDate><link>{escape(_link(page, one))}</link>"
        f'<guid isPermaLink="true">{escape(_link(page, one))}</guid></item>'
        for one in entries(page)
    )
    title = escape(f"{page.name} - Incident History")
    return _document(
        f'<rss version="2.0" xmlns:atom="{_NS}"><channel><title>{title}</title><link>{escape(page.url)}</link>'
        f"<description>{escape(page.description or page.name)}</description>"
        f'<atom:link href="{escape(page.url)}/history.rss" rel="self" type="application/rss+xml"/>'
        f"<lastBuildDate>{format_datetime(page.updated_at.astimezone(UTC))}</lastBuildDate>{items}</channel></rss>"
    )


def atom(page: PageView) -> bytes:
    items = "".join(
        f"<entry><id>{escape(_link(page, one))}</id><title>{escape(one.title)}</title>"
        f"<published>{moment(one.created_at)}</published><updated>{moment(one.updated_at)}</updated>"
        f'<link rel="alternate" type="text/html" href="{escape(_link(page, one))}"/>'
        f'<content type="html">{escape(_story(one))}</content></entry>'
        for one in entries(page)
    )
    return _document(
        f'<feed xmlns="{_NS}" xml:lang="en"><id>{escape(page.url)}/history.atom</id>'
        f"<title>{escape(f'{page.name} - Incident History')}</title><updated>{moment(page.updated_at)}</updated>"
        f"<author><name>{escape(page.name)}</name></author>"
        f'<link rel="alternate" type="text/html" href="{escape(page.url)}"/>'
        f'<link rel="self" type="application/atom+xml" href="{escape(page.url)}/history.atom"/>{items}</feed>'
    )


def _document(text: str) -> bytes:
    """XML 1.0 has no way to write some characters: they are left out."""
    allowed = "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{allowed}'.encode()


def calendar(page: PageView, windows: Iterable[IncidentView]) -> bytes:
    """Maintenance that is announced, runs or is over, one event each."""
    made = Calendar()
    made.add("prodid", "-//Tocsin//Maintenance//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", f"{page.name}: maintenance")
    made.add("x-published-ttl", "PT1H")
    for one in windows:
        event = Event()
        event.add("uid", f"{one.code}@{page.code}")
        event.add("dtstamp", one.updated_at.astimezone(UTC))
        event.add("last-modified", one.updated_at.astimezone(UTC))
        event.add("dtstart", (one.scheduled_for or one.started_at).astimezone(UTC))
        event.add("dtend", (one.scheduled_until or one.started_at).astimezone(UTC))
        event.add("summary", one.title)
        event.add("description", one.updates[-1].body)
        event.add("url", _link(page, one))
        event.add("transp", "TRANSPARENT")
        made.add_component(event)
    text: bytes = made.to_ical()
    return text
