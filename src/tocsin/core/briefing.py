"""What a template may say of an incident: one set of facts, of which each audience sees the part that is meant for it. Pure.

All numbers are put into words here, once, so that they cannot differ between audiences. The public gets no internal name, no
hypothesis and no person; of the cause it gets the kind, once that is confirmed (C-22, S1-50).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.impact import NOTHING, Impact, number
from tocsin.core.incident import display_name, public_id
from tocsin.core.severity import Severity
from tocsin.core.update import CAUSES

UNKNOWN = "not known yet"

PHASES = {
    "detected": "investigating", "acknowledged": "investigating", "investigating": "investigating", "identified": "identified",
    "monitoring": "monitoring", "resolved": "resolved", "closed": "resolved",
}  # fmt: skip


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known, in plain values. `known`: (fact or hypothesis, text); `actions`: (person, task).

    `affected`: what the public calls the components that are hit. `own_words`: ids and names that mean nothing outside.
    """

    number: int
    title: str
    public_title: str
    severity: Severity
    status: str
    created_at: datetime
    detected_at: datetime
    impact_started_at: datetime | None
    ended_at: datetime | None
    impact: Impact
    known: list[tuple[str, str]]
    actions: list[tuple[str, str]]
    commander: str
    contact: str
    frequency: str
    next_update_at: datetime | None
    channel: str
    url: str
    cause: str | None
    resolution: str
    review_by: datetime | None
    services: list[str]
    affected: list[str]
    own_words: list[str]
    now: datetime


def values(material: Material, audience: str) -> dict[str, Any]:
    """The values of a template by name; docs/guide/updates.md says what each means (a test compares)."""
    shared = _shared(material)
    return {**shared, **(_public(material) if audience == "public" else _internal(material))}


def _shared(m: Material) -> dict[str, Any]:
    start = m.impact_started_at or m.detected_at
    ended = m.ended_at or m.now
    return {
        "id": public_id(m.number),
        "name": display_name(m.number, m.created_at),
        "severity": f"SEV-{m.severity.value}",
        "severity_word": m.severity.key.partition("_")[2],
        "status": m.status.title(),
        "phase": PHASES.get(m.status, "investigating"),
        "time": clock(m.now),
        "date": day(m.now),
        "minutes": max(0, int((m.now - m.detected_at).total_seconds() // 60)),
        "since": moment(start, m.now),
        "until": moment(ended, m.now) if m.ended_at else "",
        "duration": length(ended - start),
        "users": f"{m.impact.users:,}" if m.impact.users is not None else "",
        "percent": f"{number(m.impact.percent)}%" if m.impact.percent is not None else "",
        "regions": ", ".join(m.impact.regions),
        "next_update": moment(m.next_update_at, m.now) if m.next_update_at else "",
        "update_frequency": m.frequency,
        "pir_date": day(m.review_by) if m.review_by else "a date to be set",
        "cause": CAUSES.get(m.cause or "", ""),
    }


def _internal(m: Material) -> dict[str, Any]:
    return {
        "title": m.title,
        "impact": m.impact.sentence() or UNKNOWN,
        "impact_lines": _impact_lines(m),
        "money": money(m.impact),
        "workaround": m.impact.workaround,
        "known": [{"certainty": certainty, "text": text} for certainty, text in m.known],
        "actions": [{"person": person, "task": task} for person, task in m.actions],
        "channel": m.channel,
        "url": m.url,
        "commander": m.commander or "nobody yet",
        "contact": m.contact,
        "resolution": m.resolution or "not written down yet",
        "affected": ", ".join(m.services),
    }


def _impact_lines(m: Material) -> list[str]:
    """Since when, what, how many users, where, how much money and who says so (S1-37)."""
    impact, since = m.impact, moment(m.impact_started_at or m.detected_at, m.now)
    known = "" if m.impact_started_at else " (when it was detected; the start is not known yet)"
    lines = [f"since {since}{known}"]
    if impact.what or impact.who:
        lines.append("; ".join(part for part in (impact.what, impact.who) if part))
    count = [
        f"~{impact.users:,} users" if impact.users is not None else "",
        f"{number(impact.percent)}% of users" if impact.percent is not None else "",
    ]
    if any(count):
        lines.append(", ".join(part for part in count if part))
    if impact.regions:
        lines.append(f"regions: {', '.join(impact.regions)}")
    if cost := money(impact):
        lines.append(cost + (f" (source: {impact.source})" if impact.source else ""))
    if len(lines) == 1:
        lines.append(f"scope {UNKNOWN}")
    if impact.workaround:
        lines.append(f"workaround: {impact.workaround}")
    return lines


def money(impact: Impact) -> str:
    """`$15K/hour`, `12.5K EUR/hour`; empty when nobody said."""
    if impact.money_per_hour is None:
        return ""
    amount = impact.money_per_hour
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if amount >= limit:
            short = f"{amount / limit:.3g}{unit}"
            break
    else:
        short = f"{amount:g}"
    currency = impact.currency.strip() or "USD"
    return f"${short}/hour" if currency.upper() in ("USD", "$") else f"{short} {currency}/hour"


# --- for the public ---------------------------------------------------------------------------------------------------


def _public(m: Material) -> dict[str, Any]:
    title = m.public_title or outside(m.title, m.own_words)
    affected = ", ".join(m.affected)
    return {
        "title": title or (f"Problems with {affected}" if affected else "Service disruption"),
        "impact": public_impact(m.impact if m.impact else NOTHING, m.affected, m.own_words),
        "impact_lines": [],
        "money": "",
        "workaround": outside(m.impact.workaround, m.own_words),
        "known": [],
        "actions": [],
        "channel": "",
        "url": "",
        "commander": "",
        "contact": "",
        "resolution": "",
        "affected": affected,
    }


def public_impact(impact: Impact, affected: Collection[str], own_words: Collection[str]) -> str:
    """Sentences on what people notice, from the impact as far as it speaks of nothing internal."""
    who, what = outside(impact.who, own_words), outside(impact.what, own_words)
    who = who[:1].upper() + who[1:] if who else "Some users"
    where = f" in {', '.join(impact.regions)}" if impact.regions and not outside_any(impact.regions, own_words) else ""
    if what:
        return f"{who}{where} {_noticed(what.rstrip('.'))}."
    things = f" with {', '.join(affected)}" if affected else ""
    return f"{who}{where} may experience problems{things}."


_NOT = ("cannot ", "can't ", "can not ", "are unable to ")
_DOING = frozenset(
    ("access", "add", "book", "buy", "call", "change", "check", "complete", "connect", "create", "download", "find", "get", "load", "log",
     "make", "open", "order", "pay", "place", "reach", "receive", "register", "save", "search", "see", "send", "sign", "start",
     "submit", "update", "upload", "use", "view", "watch"),
)  # fmt: skip


def _noticed(what: str) -> str:
    """What people cannot do, as somebody wrote it: `pay by card`, `Cannot pay` or `payments are declined`, behind who they are."""
    small = what[:1].lower() + what[1:]
    if small.startswith(_NOT):
        return small
    says = any(f" {verb} " in small for verb in ("is", "are", "was", "were", "has", "have", "does", "do"))
    return f"cannot {small}" if small.split(" ")[0] in _DOING and not says else f"are affected: {what}"


def outside(text: str, own_words: Collection[str]) -> str:
    """The text, when it holds no internal name; else nothing."""
    return "" if any(_holds(text, word) for word in own_words) else text.strip()


def outside_any(texts: Collection[str], own_words: Collection[str]) -> bool:
    """Whether one of these holds an internal name."""
    return any(text and not outside(text, own_words) for text in texts)


def _holds(text: str, word: str) -> bool:
    return len(word) > 1 and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, re.IGNORECASE) is not None


# --- times in words ---------------------------------------------------------------------------------------------------


def clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC"


def day(at: datetime) -> str:
    """`Mon 23 Nov 2026`."""
    at = at.astimezone(UTC)
    return f"{at:%a} {at.day} {at:%b %Y}"


def moment(at: datetime, now: datetime) -> str:
    """The time, with the day when it is another one than now."""
    return clock(at) if at.astimezone(UTC).date() == now.astimezone(UTC).date() else f"{clock(at)} on {day(at)}"


def retimed(message: str, old: datetime, new: datetime, now: datetime) -> str:
    """The message with another time of the next update, wherever a line speaks of that: text and promise never differ."""
    before, after = moment(old, now), moment(new, now)
    return "\n".join(line.replace(before, after) if "next" in line.lower() else line for line in message.split("\n"))


def length(delta: timedelta) -> str:
    """`43 minutes`, `2 hours 5 minutes`, `3 days 4 hours`."""
    minutes = max(0, round(delta.total_seconds() / 60))
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return " ".join(said[:2]) or "less than a minute"


def example(now: datetime) -> Material:
    """An incident that never was, for previews."""
    return Material(
        number=41, title="Card payments fail", public_title="Some card payments fail", severity=Severity.SEV1,
        status="identified", created_at=now - timedelta(minutes=13), detected_at=now - timedelta(minutes=13),
        impact_started_at=now - timedelta(minutes=15), ended_at=None,
        impact=Impact(
            what="card payments are declined", who="shoppers", users=1200, money_per_hour=15000, currency="USD",
            source="revenue dashboard",
        ),
        known=[
            ("fact", "The connection pool of the database is exhausted"),
            ("hypothesis", "A deploy at 14:25 leaks connections"),
        ],
        actions=[("Alice Ng", "Roll back the deploy"), ("Bob Ray", "Raise the limit of the pool")],
        commander="Carol Diaz", contact="carol@example.com", frequency="15 minutes", next_update_at=now + timedelta(minutes=15),
        channel="#inc-20240315-payments-041", url="https://tocsin.example.com/incidents/INC-1A2B3C4D", cause="capacity",
        resolution="The deploy was rolled back", review_by=now + timedelta(days=2), services=["Payments API"],
        affected=["Payments"], own_words=["payments-api"], now=now,
    )  # fmt: skip


NAMES: Mapping[str, str] = {
    "id": "INC-1A2B3C4D",
    "name": "INC-2026-041",
    "title": "what it is called; for the public its public title",
    "severity": "SEV-1",
    "severity_word": "critical",
    "status": "Identified",
    "phase": "investigating, identified, monitoring or resolved",
    "time": "now, as 14:45 UTC",
    "date": "today, as Sat 21 Nov 2026",
    "minutes": "whole minutes since it was detected",
    "since": "when the impact began, as 14:32 UTC",
    "until": "when it was restored; empty until then",
    "duration": "from then to then, as 43 minutes",
    "impact": "the impact in a sentence",
    "impact_lines": "the impact line by line (a list; empty for the public)",
    "users": "1,200; empty when nobody counted",
    "percent": "12%; empty when nobody knows",
    "regions": "regions, joined by commas",
    "money": "$15K/hour; empty for the public",
    "workaround": "what helps meanwhile",
    "known": "findings, each with certainty and text (a list; empty for the public)",
    "actions": "open tasks, each with person and task (a list; empty for the public)",
    "next_update": "the time that this update promises, as 15:00 UTC",
    "update_frequency": "how often this severity is told, as 15 minutes",
    "channel": "the incident's channel; empty for the public",
    "url": "the room; empty for the public",
    "commander": "who is in command; empty for the public",
    "contact": "how to reach them; empty for the public",
    "cause": "the kind of cause, once it is confirmed",
    "resolution": "how it was resolved; empty for the public",
    "affected": "what is hit: services, for the public components of the status page",
    "pir_date": "when the review is due",
}
"""What a template may use."""
