"""The phases of coordinating an incident (S1-27..33) as steps that tick themselves from what happened. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.core.role import RoomRole, holders

Phase = Literal["declaration", "assessment", "delegation", "coordination", "escalation", "resolution", "closure"]


class First(msgspec.Struct, frozen=True):
    """The first entry of a kind in a timeline, and who wrote it."""

    at: datetime
    actor: str


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What steps are judged by. `firsts`: the first entry of each kind. `roles`, `impact` and the times as the incident has them."""

    firsts: Mapping[str, First]
    roles: Mapping[str, Any]
    impact: Mapping[str, Any]
    affected_services: Sequence[str]
    impact_started_at: datetime | None
    identified_at: datetime | None
    restored_at: datetime | None
    resolved_at: datetime | None
    verdicts: int
    """Alerts of it that somebody judged real or false."""
    update_after_restore: bool


Judge = Callable[[Scene], First | bool | None]
"""What ticks a step: the entry that did, or only that it is so."""


class Step(msgspec.Struct, frozen=True):
    """One step. Without `judge` only people tick it. `serious`: only a SEV1 or SEV2 needs it."""

    id: str
    phase: Phase
    text: str
    judge: Judge | None = None
    serious: bool = False


def happened(*kinds: str) -> Judge:
    """The earliest entry of these kinds."""

    def judge(scene: Scene) -> First | None:
        return min((scene.firsts[kind] for kind in kinds if kind in scene.firsts), key=lambda f: f.at, default=None)

    return judge


def held(role: RoomRole) -> Judge:
    return lambda scene: bool(holders(scene.roles, role))


def _impact(scene: Scene) -> bool:
    return any(value not in (None, "", [], {}, False) for value in scene.impact.values())


def _experts(scene: Scene) -> First | bool | None:
    return bool(holders(scene.roles, "sme")) or happened("responder_added")(scene)


def _resolved(scene: Scene) -> First | bool | None:
    return scene.resolved_at is not None and (happened("resolved")(scene) or True)


def _restored(scene: Scene) -> First | bool | None:
    return scene.restored_at is not None and (happened("restored", "resolved")(scene) or True)


STEPS: tuple[Step, ...] = (
    Step("declared", "declaration", "Declare it", happened("incident_created")),
    Step("severity", "declaration", "Give it a severity", happened("severity_changed", "incident_created")),
    Step("channel", "declaration", "Open one place to talk", happened("incident_created")),
    Step("acknowledged", "declaration", "Somebody answers", happened("acknowledged")),
    Step("impact", "assessment", "Say who is hurt and what they cannot do, or that it is not known yet", _impact),
    Step("affected", "assessment", "Name the affected services", lambda scene: bool(scene.affected_services)),
    Step("onset", "assessment", "Say since when", lambda scene: scene.impact_started_at is not None),
    Step("real", "assessment", "Confirm the alert: is it real?", lambda scene: scene.verdicts > 0),
    Step("changes", "assessment", "Look at what changed around the onset"),
    Step("commander", "delegation", "One person takes command", held("incident_commander"), serious=True),
    Step("technical_lead", "delegation", "A technical lead takes the fix", held("technical_lead"), serious=True),
    Step("comms_lead", "delegation", "A comms lead takes the updates", held("comms_lead"), serious=True),
    Step("experts", "delegation", "Ask those who know the component", _experts),
    Step("workstreams", "coordination", "Split the work: tasks with owners", happened("task_added")),
    Step("findings", "coordination", "Write down what is known, and what is only believed", happened("finding_added")),
    Step("updates", "coordination", "Tell the others", happened("update_published", "communication_added")),
    Step("escalated", "escalation", "Bring in more teams or leadership, or decide that they are not needed",
         happened("escalated", "all_hands", "manager_informed")),
    Step("identified", "resolution", "Name the cause", lambda scene: scene.identified_at is not None),
    Step("decided", "resolution", "Decide on a fix: what, who, why, what else", happened("decision_made")),
    Step("verified", "resolution", "Verify the recovery", _restored),
    Step("told", "resolution", "Tell everybody that it is fixed", lambda scene: scene.update_after_restore),
    Step("resolved", "closure", "Declare it resolved", _resolved),
    Step("released", "closure", "Thank people and let them go"),
    Step("review", "closure", "Set the review", happened("review_drafted", "review_published", "review_waived"), serious=True),
)  # fmt: skip
BY_ID: dict[str, Step] = {step.id: step for step in STEPS}


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step stands. `by` and `at` say who did it and when, as far as that is known; `hand`: ticked by hand."""

    step: Step
    done: bool
    hand: bool = False
    by: str | None = None
    at: datetime | None = None


def marks(scene: Scene, severity: int, ticked: Mapping[str, First]) -> list[Mark]:
    """Every step that an incident of this severity needs, in order; `ticked`: by hand."""
    found = []
    for step in STEPS:
        if step.serious and severity > 2 and step.id not in ticked:
            continue
        judged = step.judge(scene) if step.judge else None
        hand = ticked.get(step.id)
        if judged:
            first = judged if isinstance(judged, First) else None
            found.append(Mark(step=step, done=True, by=first.actor if first else None, at=first.at if first else None))
        else:
            by, at = (hand.actor, hand.at) if hand is not None else (None, None)
            found.append(Mark(step=step, done=hand is not None, hand=hand is not None, by=by, at=at))
    return found


def phase_now(found: Iterable[Mark]) -> Phase | None:
    """The first phase that is not done; None when all are."""
    return next((mark.step.phase for mark in found if not mark.done), None)
