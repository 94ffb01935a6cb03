"""The status page as HTML: what its templates show, and the drawing of ninety days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from tocsin.core.calendar import zone
from tocsin.core.status_page import STATE_WORDS, Indicator
from tocsin.core.status_view import ComponentView, IncidentView, PageView
from tocsin.core.uptime import RULES, Day, percent
from tocsin.web.pages import templates

SUBPAGES = {"": "status/page.html", "/history": "status/history.html"}
"""The pages that are made beforehand, by their path below `/status`."""

SHAPES = {
    "operational": "ok", "under_maintenance": "care", "degraded_performance": "slow", "partial_outage": "part",
    "major_outage": "out", "no_data": "none",
}  # fmt: skip
"""How each state is drawn: a class of the stylesheet and a symbol of `status/symbols.html`."""
TONES: dict[Indicator, str] = {
    "none": "ok", "maintenance": "care", "minor": "slow", "major": "part", "critical": "out",
}  # fmt: skip
STATUS_WORDS = {
    "investigating": "Investigating", "identified": "Identified", "monitoring": "Monitoring", "resolved": "Resolved",
    "scheduled": "Scheduled", "in_progress": "In progress", "completed": "Completed",
}  # fmt: skip
RECENT = 7
"""Days of ended incidents on the first page; the others are in the history."""


@dataclass(frozen=True)
class Bar:
    """One day of a drawing."""

    x: int
    tone: str
    text: str


class Words:
    """What the templates ask for: times in the page's zone, states in words."""

    def __init__(self, page: PageView, now: datetime) -> None:
        self.place: ZoneInfo = zone(page.time_zone)
        self.now = now

    def time(self, at: datetime | None) -> Markup:
        """`21 Nov 2026, 14:05 UTC+01:00`, with the instant for machines."""
        if at is None:
            return Markup("")
        local = at.astimezone(self.place)
        text = f"{local.day} {local:%b %Y, %H:%M} {_offset(local)}"
        return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)

    def span(self, start: datetime, end: datetime) -> Markup:
        """From a time to another one; the day is said once when it is the same."""
        first, last = start.astimezone(self.place), end.astimezone(self.place)
        if first.date() != last.date():
            return self.time(start) + Markup(" to ") + self.time(end)
        text = f"{first.day} {first:%b %Y, %H:%M} to {last:%H:%M} {_offset(last)}"
        return Markup('<time datetime="{}">{}</time>').format(start.isoformat(), text)

    def day(self, at: datetime) -> str:
        local = at.astimezone(self.place)
        return f"{local:%A}, {local.day} {local:%B %Y}"

    def month(self, at: datetime) -> str:
        return f"{at.astimezone(self.place):%B %Y}"

    def state(self, state: str) -> str:
        return STATE_WORDS.get(state, "No data")  # type: ignore[call-overload,no-any-return]

    def shape(self, state: str) -> str:
        return SHAPES[state]

    def status(self, status: str) -> str:
        return STATUS_WORDS[status]

    def percent(self, value: float | None) -> str:
        return percent(value)

    def lines(self, text: str) -> Markup:
        """Paragraphs of what a person wrote; it can make no markup of its own."""
        paragraphs = [part.split("\n") for part in text.split("\n\n") if part.strip()]
        return Markup("").join(
            Markup("<p>{}</p>").format(Markup("<br>").join(Markup.escape(line) for line in lines))
            for lines in paragraphs
        )

    def bars(self, component: ComponentView) -> list[Bar]:
        return [
            Bar(place, SHAPES[day.state], f"{_date(day)}: {self.told(day)}")
            for place, day in enumerate(component.history.days)
        ]

    def worse_days(self, component: ComponentView) -> list[tuple[str, str]]:
        """Days with something to tell, the newest first, in words: for whoever cannot point at a bar."""
        return [(_date(day), self.told(day)) for day in reversed(component.history.days) if day.spent]

    def told(self, day: Day) -> str:
        if not day.watched:
            return "no data"
        told = [f"{STATE_WORDS[state].lower()} for {_length(seconds)}" for state, seconds in day.spent.items()]
        return ", ".join(reversed(told)) or "no incidents"

    def summary(self, component: ComponentView) -> str:
        """The drawing in a sentence."""
        days = component.history.days
        without = sum(not day.watched for day in days)
        bad = sum(bool(day.down) for day in days)
        text = f"Uptime of the last {len(days)} days: {percent(component.history.uptime)}."
        text += f" Downtime on {bad} day{'' if bad == 1 else 's'}." if bad else ""
        return text + (f" No data for {without} days." if without else "")

    def offset(self) -> str:
        return _offset(self.now.astimezone(self.place))


def _offset(local: datetime) -> str:
    text = f"{local:%z}"
    return "UTC" if text == "+0000" else f"UTC{text[:3]}:{text[3:5]}"


def _date(day: Day) -> str:
    return f"{day.date.day} {day.date:%b %Y}"


def _length(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def render_page(page: PageView, template: str, now: datetime, stale_since: datetime | None, takes_mail: bool) -> bytes:
    """One page as it is served. `stale_since`: the database has been away since then, and the page says so."""
    words = Words(page, now)
    today = now.astimezone(words.place).date()
    recent = [
        one
        for one in page.incidents
        if not one.open and (today - one.updated_at.astimezone(words.place).date()).days < RECENT
    ]
    return _render(
        template, page, words, stale_since=stale_since, takes_mail=takes_mail, recent=recent, rules=RULES, tone=TONES[page.indicator],
        months=_months(page, words),
    )  # fmt: skip


def incident_page(page: PageView, code: str) -> bytes:
    """The page of one incident or maintenance. Raises LookupError when there is none."""
    one = page.entry(code)
    if one is None:
        raise LookupError(code)
    names = {component.code: component for component in page.components}
    words = Words(page, page.updated_at)
    return _render(
        "status/incident.html", page, words, one=one, components=[names[c] for c in one.components if c in names], stale_since=None
    )  # fmt: skip


def bare_page(page: PageView, template: str, now: datetime, **data: Any) -> bytes:
    """A small page about a subscription, in the same frame."""
    return _render(template, page, Words(page, now), stale_since=None, **data)


def _render(template: str, page: PageView, words: Words, **data: Any) -> bytes:
    return templates().get_template(template).render(page=page, w=words, **data).encode()


def _months(page: PageView, words: Words) -> list[tuple[str, list[IncidentView]]]:
    """Everything there was, by month, the newest first."""
    every = sorted((*page.incidents, *page.maintenance), key=lambda one: one.started_at, reverse=True)
    found: dict[str, list[IncidentView]] = {}
    for one in every:
        if one.status != "scheduled":
            found.setdefault(words.month(one.started_at), []).append(one)
    return list(found.items())
