"""What the public was told of incidents and maintenance: the facts of the status page, and what follows from them. Pure.

Nothing here knows severities, services or people: what does not come in cannot leak.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from tocsin.core.incident import OPEN, Status
from tocsin.core.markup import visible
from tocsin.core.status_page import ComponentState, worst

PublicStatus = Literal["investigating", "identified", "monitoring", "resolved"]
MaintenanceStatus = Literal["scheduled", "in_progress", "completed"]
RESOLVED = "This incident has been resolved."
"""What the page says by itself when an incident ends without a last public word."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One published public update. `components` holds only what it spoke of."""

    id: int
    at: datetime
    status: Status
    message: str
    components: dict[str, ComponentState] = {}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An incident of which the public was told, with all that was said, the oldest first (never empty).

    `onset`: when the impact began, as far as is known. `ended_at`: when it was resolved; None while it is open. `former`: the incidents
    that went into it of which the public had been told.
    """

    number: int
    title: str
    onset: datetime
    ended_at: datetime | None
    said: tuple[Said, ...]
    former: tuple[int, ...] = ()

    @property
    def open(self) -> bool:
        return self.ended_at is None

    @property
    def status(self) -> PublicStatus:
        """What the public was told last, but an end is an end, and what came back is not over."""
        if not self.open:
            return "resolved"
        last = public_status(self.said[-1].status)
        return "investigating" if last == "resolved" else last

    @property
    def states(self) -> dict[str, ComponentState]:
        """What it makes of components now: the last word on each while it is open, nothing once it is over."""
        return _last_words(self.said) if self.open else {}

    @property
    def named(self) -> tuple[str, ...]:
        """The components it ever spoke of."""
        return tuple(dict.fromkeys(name for one in self.said for name in one.components))

    @property
    def all_states(self) -> list[ComponentState]:
        return [state for one in self.said for state in one.components.values()]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenance as it was announced. `key` stays the same while the public would call it the same."""

    key: str
    title: str
    message: str
    components: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    announced_at: datetime
    changed_at: datetime

    def status(self, now: datetime) -> MaintenanceStatus:
        if now < self.starts_at:
            return "scheduled"
        return "in_progress" if now < self.ends_at else "completed"


class Stretch(NamedTuple):
    """From `start` (included) to `end` (not included) a component was in `state`, as one incident or window says."""

    start: datetime
    end: datetime
    component: str
    state: ComponentState


def public_status(status: Status) -> PublicStatus:
    """The status of an incident in the four words that the public knows."""
    match status:
        case "identified" | "monitoring":
            return status
        case "resolved" | "closed":
            return "resolved"
    return "investigating"


def is_over(status: Status) -> bool:
    return status not in OPEN


def _last_words(said: Sequence[Said]) -> dict[str, ComponentState]:
    found: dict[str, ComponentState] = {}
    for one in said:
        found.update(one.components)
    return found


def states_now(told: Sequence[Told], windows: Sequence[Window], now: datetime) -> dict[str, ComponentState]:
    """Each component's state: the worst of what the open incidents say and of maintenance that runs. Components that nobody speaks of
    are left out: they are operational."""
    every: dict[str, list[ComponentState]] = {}
    for incident in told:
        for name, state in incident.states.items():
            every.setdefault(name, []).append(state)
    for window in windows:
        if window.status(now) == "in_progress":
            for name in window.components:
                every.setdefault(name, []).append("under_maintenance")
    return {name: worst(states) for name, states in every.items()}


def stretches(told: Sequence[Told], windows: Sequence[Window], now: datetime) -> Iterator[Stretch]:
    """What the history is made of. The first update that names components counts from the onset of the impact, not from when we said
    it; each later one from when it was published; the last until the incident was resolved."""
    for incident in told:
        end = incident.ended_at or now
        naming = [one for one in incident.said if one.components]
        running: dict[str, ComponentState] = {}
        for place, one in enumerate(naming):
            running.update(one.components)
            start = min(incident.onset, one.at) if place == 0 else one.at
            until = min(naming[place + 1].at if place + 1 < len(naming) else end, end)
            if start < until:
                yield from (Stretch(start, until, name, state) for name, state in running.items())
    for window in windows:
        if (until := min(window.ends_at, now)) > window.starts_at:
            yield from (Stretch(window.starts_at, until, name, "under_maintenance") for name in window.components)


def public_title(title: str) -> str:
    """A title on one line, without what cannot be seen or turns the direction of the text."""
    return " ".join(visible(title).split()) or "Incident"
