"""The ladder of an incident in memory: four tiers, climbed by the core's escalation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tocsin.core import escalation
from tocsin.core.configuration import EscalationPolicy, Step, Target, User
from tocsin.core.directory import Directory
from tocsin.core.escalation import Ladder, PageReason, Rung
from tocsin.core.matrix import DEFAULTS
from tocsin.core.spelling import Duration
from tocsin.core.tier import ABOUT, TIERS, Tier
from tocsin.library.incidents import SeverityLevel

NAMES: dict[str, Tier] = {f"tier{position}_{tier}": tier for position, tier in enumerate(TIERS, 1)}
"""`tier1_on_call` ... `tier4_executive`, with the core's name of each."""
_EXPIRES = (15, 30, 45, 60)
_UNSCALED = DEFAULTS[SeverityLevel.SEV1.core].escalation_time


def rules() -> dict[str, dict[str, Any]]:
    """The default tiers: after how many minutes from the first page each is passed, who stands on it, and what they can do."""
    return {
        name: {
            "escalation_timeout_minutes": minutes,
            "auto_escalate": True,
            "role": ABOUT[tier].role,
            "expertise": ABOUT[tier].expertise,
            "capabilities": ABOUT[tier].capabilities,
        }
        for (name, tier), minutes in zip(NAMES.items(), _EXPIRES, strict=True)
    }


@dataclass
class Climb:
    """How far one incident has climbed, and who was paged on the way."""

    policy: EscalationPolicy
    directory: Directory
    ladder: Ladder | None
    names: tuple[str, ...]
    paged: set[str] = field(default_factory=set)
    tier: str = ""

    @classmethod
    def begin(
        cls, rules: Mapping[str, Mapping[str, Any]], people: Mapping[str, str], severity: SeverityLevel, now: datetime
    ) -> Climb:
        """At the foot of the ladder. `people`: tier name -> who is there ('' for nobody: the tier is skipped).

        The times of the tiers hold for a SEV1; for others they are scaled by the severity's escalation time (C-3).
        """
        scale = DEFAULTS[severity.core].escalation_time / _UNSCALED
        starts, steps = 0.0, []
        for name, rule in rules.items():
            targets = (Target(user=person),) if (person := people.get(name, "")) else ()
            steps.append(Step(after=Duration(round(starts * 60 * scale)), tier=_tier(name), targets=targets))
            starts = rule["escalation_timeout_minutes"]
        policy = EscalationPolicy(id="library", steps=tuple(steps))
        users = {person: User(id=person) for person in people.values() if person}
        return cls(policy, Directory(users=users), escalation.start(policy, now), tuple(rules))

    def next(self, now: datetime, because: PageReason | None = None, *, forward: bool = False) -> Rung | None:
        """The rung that is due (`forward`: the next one, whether it is due or not); None when there is none, or none with
        anybody on it."""
        if self.ladder is None:
            return None
        ladder = escalation.forward(self.policy, self.ladder, now) if forward else self.ladder
        turn = escalation.turn(self.policy, ladder, self.directory, now, because, self.paged)
        if turn.exhausted or not turn.rungs:
            self.ladder = None if turn.exhausted else self.ladder
            return None
        self.ladder, rung = turn.next, turn.rungs[-1]
        self.paged.update(page.user for page in rung.pages)
        self.tier = self.names[rung.step]
        return rung


def _tier(name: str) -> Tier:
    """The core's tier for a name of the rules; one that somebody added stands for the highest."""
    return NAMES.get(name, TIERS[-1])
