"""Presets: a ladder from the people of its tiers, scaled by severity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.configuration import EscalationPolicy, Tiers
from tocsin.core.escalation import round_length
from tocsin.core.matrix import DEFAULTS
from tocsin.core.preset import expanded, steps_of
from tocsin.core.severity import Severity
from tocsin.core.spelling import Duration, decode, plain
from tocsin.core.tier import ABOUT, TIERS, rank, within

PEOPLE = {
    "on_call": [{"schedule": "primary"}, {"schedule": "secondary"}],
    "senior": [{"user": "sam"}],
    "architect": [{"user": "ada"}],
    "executive": [{"user": "erin"}],
}


def policy(preset: str = "standard", tiers: dict[str, Any] | None = None, **more: Any) -> EscalationPolicy:
    tiers = PEOPLE if tiers is None else tiers
    return decode({"id": "p", "preset": preset, "tiers": tiers, **more}, EscalationPolicy)


def times(made: EscalationPolicy, severity: Severity = Severity.SEV1) -> list[tuple[float, str]]:
    """(minutes, tier) of each step, and the end of the round."""
    row = DEFAULTS[severity]
    steps = expanded(made, row.escalation_time, row.top)
    found: list[tuple[float, str]] = [(step.after / 60, step.tier) for step in steps.steps]
    return [*found, (round_length(steps).total_seconds() / 60, "end")]


def test_the_standard_ladder_is_the_one_of_c3() -> None:
    assert times(policy()) == [
        (0, "on_call"), (10, "on_call"), (15, "senior"), (30, "architect"), (45, "executive"), (60, "end"),
    ]  # fmt: skip


def test_the_fast_ladder_takes_a_third() -> None:
    assert [at for at, _ in times(policy("fast"))] == [0, pytest.approx(10 / 3), 5, 10, 15, 20]


def test_other_severities_scale_and_the_second_person_does_not_wait_longer() -> None:
    assert [at for at, _ in times(policy(), Severity.SEV2)] == [0, 10, 30, 60, 90, 120]
    assert times(policy(), Severity.SEV3) == [(0, "on_call"), (10, "on_call"), (120, "senior"), (240, "end")]
    assert times(policy(), Severity.SEV4)[-2][1] == "on_call"


def test_empty_tiers_are_skipped_so_that_a_small_team_has_its_own_chain() -> None:
    small = policy(tiers={"on_call": PEOPLE["on_call"], "executive": [{"user": "erin"}]})
    assert times(small) == [(0, "on_call"), (10, "on_call"), (15, "executive"), (30, "end")]
    assert times(policy(tiers={"on_call": [{"user": "alice"}]})) == [(0, "on_call"), (15, "end")]


def test_the_second_person_may_be_waited_for_otherwise() -> None:
    assert times(policy(secondary_after="2m"))[1] == (2, "on_call")
    assert times(policy("fast", secondary_after="30m"))[1] == (5, "on_call"), "never after the tier above"


def test_what_is_written_is_literal() -> None:
    written = decode({"id": "w", "steps": [{"targets": [{"user": "alice"}]}]}, EscalationPolicy)
    assert expanded(written, Duration(7200), "on_call") is written
    assert steps_of(policy())[2].tier == "senior"


def test_a_preset_stays_a_preset_where_it_is_written_down() -> None:
    assert decode(plain(policy("fast", repeat=2)), EscalationPolicy) == policy("fast", repeat=2)
    assert "steps" not in plain(policy())


tiers = st.fixed_dictionaries(
    {tier: st.lists(st.sampled_from([{"user": "a"}, {"user": "b"}, {"team": "t"}]), max_size=3) for tier in TIERS}
)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(tiers, st.sampled_from(["standard", "fast"]), st.integers(60, 90_000), st.sampled_from(TIERS))
def test_every_ladder_names_all_within_its_cap_once_in_order(
    people: dict[str, Any], preset: str, escalation_time: int, top: Any
) -> None:
    made = policy(preset, people)
    steps = expanded(made, Duration(escalation_time), top).steps
    wanted = [target for tier in TIERS if within(tier, top) for target in getattr(made.tiers or Tiers(), tier)]
    assert [target for step in steps for target in step.targets] == wanted
    assert [rank(step.tier) for step in steps] == sorted(rank(step.tier) for step in steps)
    assert [step.after for step in steps] == sorted(step.after for step in steps)
    assert not steps or steps[0].after == 0


def test_each_tier_says_who_stands_on_it() -> None:
    assert set(ABOUT) == set(TIERS)
    assert ABOUT["architect"].sentence == (
        "You are here as architect or principal engineer: cross-system knowledge; you can help with system design and"
        " cross-service issues."
    )
