"""What on-call does to people: how often a shift is struck, when in the person's own day, and whether that is more than is healthy.

The measure is that of Google's SRE book: at most two incidents in a shift of twelve hours. Who is paged twice for one incident is struck
once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.core.business import Hours
from tocsin.core.calendar import wall_of, zone
from tocsin.core.handoff import Turn
from tocsin.core.hours import PARTS, Part, part
from tocsin.core.severity import Severity

MOST = 2
"""Incidents in `WINDOW` that one person can take."""
WINDOW = timedelta(hours=12)
DISTURBED = 2
"""Nights disturbed in one shift that make it painful, however few the incidents."""
LONGEST_SHIFT = timedelta(days=7)
"""A longer turn is looked at week by week."""
ENOUGH_PEOPLE = 3
"""Fewer people than this are never shown as a group: the figures would be somebody's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """One person paged about one incident. `rule` names the alert behind it, `alert` one such alert's number."""

    user: str
    at: datetime
    incident: int
    severity: int
    service: str
    rule: str
    alert: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """What became of a stretch of time. `incidents` counts each once; `worst` is the most of them within twelve hours.

    `nights` is in how many nights the person was woken.
    """

    incidents: int
    by_part: dict[Part, int]
    by_severity: dict[str, int]
    worst: int
    nights: int

    @property
    def over(self) -> bool:
        """More than the limit: two in twelve hours."""
        return self.worst > MOST

    @property
    def painful(self) -> bool:
        return self.over or self.nights >= DISTURBED


def once(strikes: Iterable[Struck]) -> list[Struck]:
    """The first page of each incident, in order of time."""
    first: dict[tuple[str, int], Struck] = {}
    for strike in sorted(strikes, key=lambda one: one.at):
        first.setdefault((strike.user, strike.incident), strike)
    return list(first.values())


def strain(hours: Hours, strikes: Iterable[Struck]) -> Strain:
    """The strain of one person's strikes, in their own hours."""
    counted = once(strikes)
    parts = Counter(part(hours, one.at) for one in counted)
    severities = Counter(Severity(one.severity).key for one in counted)
    place = zone(hours.time_zone)
    woken = {(wall_of(one.at, place) - timedelta(hours=12)).date() for one in counted if part(hours, one.at) == "sleep"}
    return Strain(
        incidents=len(counted),
        by_part={name: parts[name] for name in PARTS},
        by_severity={severity.key: severities[severity.key] for severity in Severity},
        worst=most_within([one.at for one in counted], WINDOW),
        nights=len(woken),
    )


def most_within(times: Sequence[datetime], window: timedelta) -> int:
    """The most of these instants (in order) that lie within any span shorter than `window`."""
    best = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= window:
            first += 1
        best = max(best, last - first + 1)
    return best


def heat(hours: Hours, strikes: Iterable[Struck]) -> list[list[int]]:
    """Seven days (Monday first) of 24 hours on the person's own clock: how often they were struck then."""
    made = [[0] * 24 for _ in range(7)]
    place = zone(hours.time_zone)
    for one in once(strikes):
        wall = wall_of(one.at, place)
        made[wall.weekday()][wall.hour] += 1
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Offender:
    """One alert rule and how often it struck, `asleep` of them at night. `alert` is the latest one's number."""

    service: str
    rule: str
    strikes: int
    asleep: int
    alert: int | None


def offenders(hours_of: dict[str, Hours], strikes: Iterable[Struck]) -> list[Offender]:
    """The alert rules behind these strikes, the worst first; a page in the night weighs as much as three others."""
    rules: dict[tuple[str, str], list[Struck]] = {}
    for one in once(strikes):
        rules.setdefault((one.service, one.rule), []).append(one)
    found = [
        Offender(
            service=service,
            rule=rule,
            strikes=len(own),
            asleep=sum(part(hours_of[one.user], one.at) == "sleep" for one in own),
            alert=own[-1].alert,
        )
        for (service, rule), own in rules.items()
    ]
    return sorted(found, key=lambda one: (-(one.strikes + 2 * one.asleep), one.service, one.rule))


def shifts_of(turns: Iterable[Turn]) -> list[Turn]:
    """Turns, those longer than a week cut week by week from their beginning."""
    made = []
    for turn in turns:
        start = turn.start
        while turn.end - start > LONGEST_SHIFT + timedelta(hours=2):
            made.append(Turn(turn.user, start, start + LONGEST_SHIFT))
            start += LONGEST_SHIFT
        made.append(Turn(turn.user, start, turn.end))
    return made
