"""A policy that is written as a preset is one everywhere: also where people's load, limits, hours and successors are worked out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.core.business import business_hours_of
from tocsin.core.configuration import KINDS
from tocsin.core.directory import Directory
from tocsin.core.limits import breaches
from tocsin.core.load import duty_of
from tocsin.core.spelling import decode
from tocsin.core.successor import replaced

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ON_CALL = [{"schedule": "first"}, {"schedule": "second"}]
PRESET = {"id": "p", "preset": "standard", "tiers": {"on_call": ON_CALL, "senior": [{"user": "cho"}]}}
STEPS = {"id": "p", "steps": [
    {"targets": [ON_CALL[0]]}, {"after": "10m", "targets": [ON_CALL[1]]}, {"after": "15m", "tier": "senior", "targets": [{"user": "cho"}]},
]}  # fmt: skip


def directory(policy: dict[str, Any]) -> Directory:
    def weekly(id: str, *users: str) -> dict[str, Any]:
        layer = {"id": "weekly", "users": list(users), "starts": "2026-01-05T09:00"}
        return {"id": id, "time_zone": "Europe/Berlin", "layers": [layer]}

    raw: dict[str, list[Any]] = {
        "users": [{"id": name} for name in ("ann", "ben", "cho", "dia")],
        "schedules": [weekly("first", "ann", "ben"), weekly("second", "ben", "ann")],
        "escalation_policies": [policy],
        "services": [{"id": "api", "escalation_policy": "p"}],
    }
    return Directory.of({kind: [decode(one, struct) for one in raw.get(kind, [])] for kind, struct in KINDS.items()})


@pytest.mark.parametrize("policy", [STEPS, PRESET], ids=["steps", "preset"])
def test_primary_and_secondary_are_told_apart(policy: dict[str, Any]) -> None:
    organisation = directory(policy)
    assert (duty_of(organisation, "first"), duty_of(organisation, "second")) == ("primary", "secondary")
    found = {breach.rule for breach in breaches(organisation, "first", START, START + timedelta(days=28))}
    assert "secondary_next_to_primary" in found


@pytest.mark.parametrize("policy", [STEPS, PRESET], ids=["steps", "preset"])
def test_business_hours_take_the_zone_of_its_first_schedule(policy: dict[str, Any]) -> None:
    assert business_hours_of(directory(policy), "api").time_zone == "Europe/Berlin"


@pytest.mark.parametrize("policy", [STEPS, PRESET], ids=["steps", "preset"])
def test_who_leaves_is_replaced_in_it(policy: dict[str, Any]) -> None:
    made = replaced(directory(policy), "cho", "dia", START)[("escalation_policies", "p")]
    assert "dia" in repr(made)
    assert "cho" not in repr(made)
