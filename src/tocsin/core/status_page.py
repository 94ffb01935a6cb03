"""The public status page: what is configured of it, the states of a component, and what they make of the whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from tocsin.core.spelling import Duration, Written

ComponentState = Literal["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"]
STATES: tuple[ComponentState, ...] = (
    "operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage",
)  # fmt: skip
"""The mildest first."""
STATE_WORDS: dict[ComponentState, str] = {
    "operational": "Operational",
    "under_maintenance": "Under maintenance",
    "degraded_performance": "Degraded performance",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
}
DOWN: tuple[ComponentState, ...] = ("partial_outage", "major_outage")
"""The states that count as downtime."""

Indicator = Literal["none", "maintenance", "minor", "major", "critical"]
SENTENCES: dict[Indicator, str] = {
    "none": "All Systems Operational",
    "maintenance": "Service Under Maintenance",
    "minor": "Partially Degraded Service",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
}
"""What the page says in one sentence; the words that readers of such pages know."""

Impact = Literal["none", "minor", "major", "critical", "maintenance"]
_IMPACTS: dict[ComponentState, Impact] = {
    "operational": "none",
    "under_maintenance": "maintenance",
    "degraded_performance": "minor",
    "partial_outage": "major",
    "major_outage": "critical",
}


class Component(Written, frozen=True, kw_only=True):
    """One line of the page, in the words of the public. `group` is the heading under which it stands with its like.

    `services` stay inside: the page never names them.
    """

    id: str
    name: str = ""
    description: str = ""
    group: str | None = None
    services: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.id


class StatusPage(Written, frozen=True, kw_only=True):
    """`public`: read without signing in. `silence_alarm`: how long a SEV1 or SEV2 may be open while the page shows nothing (`0s`: for
    ever). Days of its history are days in `time_zone`."""

    id: str
    name: str = ""
    public: bool = False
    description: str = ""
    time_zone: str = "UTC"
    components: tuple[Component, ...] = ()
    silence_alarm: Duration = Duration(900)

    @property
    def label(self) -> str:
        return self.name or self.id

    def component(self, id: str) -> Component | None:
        return next((one for one in self.components if one.id == id), None)

    def of_services(self, services: Collection[str]) -> tuple[str, ...]:
        """The components that stand for one of these services, in the page's order."""
        return tuple(one.id for one in self.components if not set(services).isdisjoint(one.services))


def worst(states: Iterable[ComponentState]) -> ComponentState:
    """The worst of these; `operational` when there are none."""
    return max(states, key=STATES.index, default="operational")


def impact_of(states: Iterable[ComponentState], named: bool) -> Impact:
    """How bad an incident was for the public, by the worst it ever said of a component; `minor` when it named none."""
    return _IMPACTS[worst(states)] if named else "minor"


def indicator_of(states: Collection[ComponentState], impacts: Collection[Impact]) -> Indicator:
    """What the components, and the open incidents that speak of none (`impacts`), make of the whole page.

    A major outage is the whole page's when at least half of the components have one; else the outage is partial.
    """
    if states and 2 * sum(state == "major_outage" for state in states) >= len(states):
        return "critical"
    if any(state in DOWN for state in states):
        return "major"
    if "degraded_performance" in states or any(impact not in ("none", "maintenance") for impact in impacts):
        return "minor"
    return "maintenance" if "under_maintenance" in states else "none"
