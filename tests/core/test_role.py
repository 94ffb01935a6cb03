"""Roles: by which words they are known, who stands in, and when a commander is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as sampled
from hypothesis import strategies as st

from tocsin.core.errors import Invalid
from tocsin.core.role import (
    PATIENCE,
    ROLES,
    SEVERAL,
    acting_commander,
    commander_due,
    given,
    holder,
    holders,
    parse,
    roles_of,
    without,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
people = st.sampled_from(["alice", "bob", "carol"])
acts = st.lists(st.tuples(st.booleans(), st.sampled_from(ROLES), people), max_size=12)


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("ic", "incident_commander"), ("Incident Commander", "incident_commander"), ("COMMANDER", "incident_commander"),
        ("tech-lead", "technical_lead"), ("TL", "technical_lead"), ("comms", "comms_lead"), ("SMEs", "sme"), (" scribe ", "scribe"),
    ],
)  # fmt: skip
def test_a_role_is_known_by_the_words_that_people_use(word: str, role: str) -> None:
    assert parse(word) == role


@pytest.mark.parametrize("word", ["", "king", "\u202esme", "x" * 5000, "in\x00cident"])
def test_an_unknown_role_is_refused_with_the_known_ones(word: str) -> None:
    with pytest.raises(Invalid) as told:
        parse(word)
    assert told.value.pointer == "/role"
    assert "incident_commander" in str(told.value)
    assert len(str(told.value)) < 300


@sampled(acts)
def test_one_person_holds_a_role_and_several_are_experts_none_twice(done: list[tuple[bool, str, str]]) -> None:
    roles: dict[str, object] = {}
    for gives, role, user in done:
        part = parse(role)
        roles = given(roles, part, user) if gives else without(roles, part, user)
        held = holders(roles, part)
        assert (user in held) == gives
        assert len(held) == len(set(held)) <= (3 if part in SEVERAL else 1)
        assert all(roles.values())
        assert (part in roles_of(roles, user)) == gives


def test_whoever_acknowledged_commands_until_somebody_takes_command() -> None:
    assert acting_commander({}, None, None) is None
    assert acting_commander({}, None, "alice") == "alice"
    assert acting_commander({}, "user:bob", "alice") == "bob"
    assert acting_commander({}, "integration:api/events", "alice") == "alice"
    assert acting_commander({"incident_commander": "carol"}, "user:bob", "alice") is None


def test_a_commander_is_missed_five_minutes_after_a_sev1_or_sev2_began_or_lost_theirs() -> None:
    assert timedelta(minutes=5) == PATIENCE
    assert commander_due(1, {}, NOON, None) == NOON + PATIENCE
    assert commander_due(2, {}, NOON, NOON + timedelta(hours=1)) == NOON + timedelta(hours=1) + PATIENCE
    assert commander_due(3, {}, NOON, None) is None
    assert commander_due(1, {"incident_commander": "alice"}, NOON, None) is None
    assert holder({"technical_lead": "alice"}, "incident_commander") is None
