"""The phases of an incident tick themselves from what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.core.checklist import BY_ID, STEPS, First, Mark, Scene, marks, phase_now

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PHASES = ["declaration", "assessment", "delegation", "coordination", "escalation", "resolution", "closure"]


def scene(**known: Any) -> Scene:
    usual: dict[str, Any] = {
        "firsts": {"incident_created": First(NOON, "user:alice")}, "roles": {}, "impact": {}, "affected_services": ["api"],
        "impact_started_at": None, "identified_at": None, "restored_at": None, "resolved_at": None, "verdicts": 0,
        "update_after_restore": False,
    }  # fmt: skip
    return Scene(**(usual | known))


def of(found: list[Mark], step: str) -> Mark:
    return next(mark for mark in found if mark.step.id == step)


def test_the_phases_come_in_the_order_of_the_source_and_no_step_twice() -> None:
    assert list(dict.fromkeys(step.phase for step in STEPS)) == PHASES
    assert len(BY_ID) == len(STEPS)


def test_declaring_ticks_its_own_steps_and_says_who() -> None:
    found = marks(scene(), 1, {})
    assert of(found, "declared").done
    assert of(found, "declared").by == "user:alice"
    assert of(found, "affected").done
    assert not of(found, "acknowledged").done
    assert phase_now(found) == "declaration"


def test_steps_tick_from_roles_impact_and_times() -> None:
    found = marks(
        scene(roles={"incident_commander": "alice"}, impact={"unknown": True}, identified_at=NOON, verdicts=1), 1, {}
    )
    assert {mark.step.id for mark in found if mark.done} >= {"commander", "impact", "identified", "real"}
    assert not of(found, "technical_lead").done
    assert not of(marks(scene(impact={"users": None, "regions": []}), 1, {}), "impact").done


def test_the_first_entry_of_several_kinds_counts() -> None:
    firsts = {"all_hands": First(NOON, "user:bob"), "escalated": First(NOON - timedelta(minutes=5), "user:alice")}
    assert of(marks(scene(firsts=firsts), 1, {}), "escalated").by == "user:alice"


def test_telling_before_the_restoration_is_not_telling_that_it_is_fixed() -> None:
    assert not of(marks(scene(restored_at=NOON), 1, {}), "told").done
    assert of(marks(scene(restored_at=NOON, update_after_restore=True), 1, {}), "told").done


def test_what_people_tick_is_marked_as_theirs_and_what_happened_counts_more() -> None:
    by_hand = {"changes": First(NOON, "user:bob"), "declared": First(NOON, "user:bob")}
    found = marks(scene(), 1, by_hand)
    assert (of(found, "changes").hand, of(found, "changes").by) == (True, "user:bob")
    assert (of(found, "declared").hand, of(found, "declared").by) == (False, "user:alice")


def test_a_small_incident_needs_no_commander_but_may_tick_one() -> None:
    small = {mark.step.id for mark in marks(scene(), 3, {})}
    assert "commander" not in small
    assert "review" not in small
    assert "commander" in {mark.step.id for mark in marks(scene(), 3, {"commander": First(NOON, "user:bob")})}


def test_every_phase_done_is_no_phase_now() -> None:
    everything = {step.id: First(NOON, "user:bob") for step in STEPS}
    assert phase_now(marks(scene(), 1, everything)) is None
