"""Handing over a shift: whose turn ends when, who takes over, and what the outgoing leaves the incoming.

A handoff is gathered anew from what is known until it is signed; what people wrote into it (`Edits`) lies over that, so
that nobody's words are lost when an incident moves on. Signing keeps it as it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

import msgspec

from tocsin.core.calendar import zone
from tocsin.core.configuration import Schedule
from tocsin.core.schedule import OVERRIDE, Shift, shifts

Section = Literal["ongoing", "changes", "watch", "alerts"]
SECTIONS: dict[Section, str] = {
    "ongoing": "ONGOING ISSUES",
    "changes": "RECENT CHANGES",
    "watch": "THINGS TO WATCH",
    "alerts": "ALERT UPDATES",
}
"""The sections in their order, with their headings."""

State = Literal["draft", "unsigned", "signed", "lapsed", "void"]
"""`draft`: the shift goes on. `unsigned`: it ended and the incoming has not signed: the outgoing stays in the loop.
`lapsed`: the incoming's own shift ended before anybody signed. `void`: the schedule was changed, nobody hands over then."""

ABSENCE = timedelta(hours=4)
"""Somebody who steps in by an override for less than this, between two shifts of one person, makes no handoff."""
LONGEST_AHEAD = timedelta(hours=24)
SHORTEST_AHEAD = timedelta(minutes=15)
_REACHES = tuple(timedelta(days=days) for days in (10, 45, 400))
"""How far either way the ends of a turn are looked for, widening."""

LONGEST_TEXT = 10_000
MOST_ADDED = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """One person's time on call with nobody else in between, from `start` to `end`; pauses may lie within."""

    user: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Handover:
    """`outgoing` was on call from `start`; at `at` `incoming` takes over, until `until`. All UTC.

    After hours in which nobody is on call `at` is when the incoming begins.
    """

    outgoing: str
    incoming: str
    start: datetime
    at: datetime
    until: datetime

    @property
    def ahead(self) -> timedelta:
        """How long before the handover it is drafted: an eighth of the turn, at most a day."""
        return min(LONGEST_AHEAD, max(SHORTEST_AHEAD, (self.at - self.start) / 8))


def turns(shifts: Iterable[Shift]) -> tuple[Turn, ...]:
    """The final shifts of one schedule joined per person; a short absence of one person, by an override, is part of their turn."""
    given = list(shifts)
    joined = _joined(Turn(shift.user, shift.start, shift.end) for shift in given)
    rostered = {shift.start for shift in given if shift.layer != OVERRIDE}
    kept = [
        turn
        for position, turn in enumerate(joined)
        if turn.end - turn.start >= ABSENCE
        or turn.start in rostered
        or not 0 < position < len(joined) - 1
        or joined[position - 1].user != joined[position + 1].user
    ]
    return _joined(kept)


def _joined(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    found: list[Turn] = []
    for turn in turns:
        if found and found[-1].user == turn.user:
            found[-1] = Turn(turn.user, found[-1].start, turn.end)
        else:
            found.append(turn)
    return tuple(found)


def handovers(schedule: Schedule, start: datetime, end: datetime) -> tuple[Handover, ...]:
    """Those of a schedule whose moment lies in [start, end), in order."""
    if not rotates(schedule):
        return ()
    for reach in _REACHES:
        lowest, highest = start - reach, end + reach
        found = turns(shifts(schedule, lowest, highest))
        pairs = [
            Handover(one.user, other.user, one.start, other.start, other.end)
            for one, other in pairwise(found)
            if start <= other.start < end
        ]
        if all(pair.start > lowest and pair.until < highest for pair in pairs):
            break
    return tuple(pairs)


def rotates(schedule: Schedule) -> bool:
    """Does it name more than one person, so that there is somebody to hand over to?"""
    people = {user for layer in schedule.layers for user in layer.users}
    return len(people | {override.user for override in schedule.overrides}) > 1


def next_handover(schedule: Schedule, now: datetime, within: timedelta) -> Handover | None:
    """The first handover after `now`, if it comes within that time."""
    return next(iter(handovers(schedule, now, now + within)), None)


# --- what it says -----------------------------------------------------------------------------------------------------


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `key` names it (`incident:12`, `change:7`, `silence:UUID`, `rule:...`, `planned:3`, `added:1`).

    `at` and `until` date it; `severity`, `status` and `unanswered` are an incident's; `load` is what a planned event is
    expected to bring (`2x`); `ticket` and `remark` are what people wrote beside it.
    """

    key: str
    title: str
    at: datetime | None = None
    until: datetime | None = None
    severity: str = ""
    status: str = ""
    service: str = ""
    who: str = ""
    load: str = ""
    ticket: str = ""
    remark: str = ""
    unanswered: bool = False


Sections = Mapping[Section, Sequence[Item]]


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """A line that a person wrote. `id` counts within the handoff."""

    id: int
    section: Section
    text: str


class Edits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people wrote into a handoff: keys of lines left out, tickets and remarks by key, lines of their own, notes."""

    dropped: tuple[str, ...] = ()
    tickets: dict[str, str] = {}
    remarks: dict[str, str] = {}
    added: tuple[Added, ...] = ()
    notes: str = ""


def laid_over(gathered: Sections, edits: Edits) -> dict[Section, list[Item]]:
    """The sections as people left them: what was gathered, less what they left out, with their words."""
    dropped = set(edits.dropped)
    made: dict[Section, list[Item]] = {}
    for section in SECTIONS:
        own = [Item(key=f"added:{one.id}", title=one.text) for one in edits.added if one.section == section]
        lines = [item for item in gathered.get(section, ()) if item.key not in dropped]
        made[section] = [
            msgspec.structs.replace(
                item,
                ticket=edits.tickets.get(item.key, item.ticket),
                remark=edits.remarks.get(item.key, item.remark),
            )
            for item in (*lines, *own)
        ]
    return made


_TICKET = re.compile(r"\b(?!INC-|SEV-?\d|UTF-|CVE-|SHA-|ISO-|RFC-|TLS-|HTTP-)[A-Z][A-Z0-9]{1,9}-\d{1,7}\b")


def ticket_in(*texts: str) -> str:
    """The first thing that looks like a ticket (`INFRA-4521`); empty when nothing does."""
    return next((match[0] for text in texts if (match := _TICKET.search(text))), "")


# --- as text ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """A span of time as one person reads it."""

    name: str
    time_zone: str


def days(start: datetime, end: datetime, time_zone: str) -> str:
    """`11–17 March 2024`: the days of a span, the last one counted only when it is more than begun at midnight."""
    place = zone(time_zone)
    first, last = start.astimezone(place).date(), (end - timedelta(microseconds=1)).astimezone(place).date()
    if end.astimezone(place).hour < 12 and (end - start) >= timedelta(days=2):
        last = (end.astimezone(place) - timedelta(days=1)).date()
    return _days(first, max(first, last))


def _days(first: date, last: date) -> str:
    if first == last:
        return f"{first.day} {first:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%B %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%B} – {last.day} {last:%B %Y}"
    return f"{first.day} {first:%B %Y} – {last.day} {last:%B %Y}"


def clock(at: datetime, time_zone: str) -> str:
    """`Mon 11 Mar 2024 09:00 +01:00`."""
    local = at.astimezone(zone(time_zone))
    offset = f"{local:%z}"
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} {offset[:3]}:{offset[3:5]}"


def markdown(
    title: str,
    handover: Handover,
    outgoing: Period,
    incoming: Period,
    sections: Sections,
    notes: str = "",
    signed: str = "",
) -> str:
    """The whole handoff as Markdown, with the headings that people know; times in the outgoing's zone.

    `signed` is a sentence about who signed it when; without one it says that it is not signed.
    """
    zone_name = outgoing.time_zone
    lines = [
        f"# On-call handoff: {_plain(title)}, {days(handover.start, handover.at, zone_name)}",
        "",
        f"{_plain(outgoing.name)} → {_plain(incoming.name)}",
        "",
    ]
    for person in {outgoing.time_zone: outgoing, incoming.time_zone: incoming}.values():
        span = f"{clock(handover.start, person.time_zone)} to {clock(handover.at, person.time_zone)}"
        lines.append(f"- {span} ({person.time_zone}, {_plain(person.name)})")
    for section, heading in SECTIONS.items():
        lines += ["", f"## {heading}", ""]
        lines += [_line(section, item, zone_name) for item in sections.get(section, ())] or ["Nothing."]
    if notes:
        lines += ["", "## NOTES", "", notes.replace("\r\n", "\n").rstrip()]
    lines += ["", "---", "", signed or "Not signed yet."]
    return "\n".join(lines) + "\n"


def _line(section: Section, item: Item, time_zone: str) -> str:
    if item.key.startswith("added:"):
        parts = [_plain(item.title)]
    elif section == "ongoing":
        parts = [f"**{_plain(item.title)}**", item.severity[:4].upper(), item.ticket or "no ticket", item.status]
        parts += ["nobody has answered"] if item.unanswered else [_plain(item.who)] if item.who else []
    elif section == "changes":
        parts = [clock(item.at, time_zone) if item.at else "", _plain(item.service), _plain(item.title)]
    elif section == "watch":
        parts = [_span(item, time_zone), f"**{_plain(item.title)}**"]
        parts += [f"expected load: {_plain(item.load)}"] if item.load else []
    else:
        parts = [f"**{item.status}**" if item.status else "", _plain(item.title), _span(item, time_zone)]
        parts += [_plain(item.service)] if item.service else []
    if section != "ongoing" and item.ticket:
        parts.append(item.ticket)
    if item.remark:
        parts.append(_plain(item.remark))
    return "- " + " · ".join(part for part in parts if part)


def _span(item: Item, time_zone: str) -> str:
    if item.at and item.until:
        return f"{clock(item.at, time_zone)} to {clock(item.until, time_zone)}"
    if item.until:
        return f"until {clock(item.until, time_zone)}"
    return clock(item.at, time_zone) if item.at else ""


def _plain(text: str) -> str:
    """Text of people and alerts on one line that cannot make headings, lists or markup of its own."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(text.split()))
