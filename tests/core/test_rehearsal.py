"""A rehearsal: the decisions of a real incident, on a virtual clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tocsin.core.configuration import EscalationPolicy, Schedule, Service, Team, User
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.rehearsal import RehearsalItem, climb, foresee, rehearse
from tocsin.core.severity import Severity
from tocsin.core.spelling import decode

NIGHT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
RULES = {"high": [{"after": "0s", "method": "hook"}, {"after": "2m", "method": "mail"}]}


def user(name: str, *methods: str, **more: Any) -> User:
    kinds = {"hook": {"type": "webhook", "url": "http://x"}, "mail": {"type": "email", "address": "a@x"}}
    return decode({"id": name, "contact_methods": [{"id": m, **kinds[m]} for m in methods], **more}, User)


def directory(*steps: dict[str, Any], repeat: int = 0, default: bool = True) -> Directory:
    weekly = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-11-13T09:00"}
    return Directory.of(
        {
            "users": [
                user("alice", "hook", "mail", notification_rules=RULES),
                user("bob", "hook", "mail"),
                user("carol"),
                user("erin", "mail"),
            ],
            "teams": [Team(id="payments", members=("alice", "bob"), manager="erin")],
            "schedules": [
                decode({"id": "primary", "time_zone": "Europe/Berlin", "layers": [weekly]}, Schedule),
                Schedule(id="empty"),
            ],
            "escalation_policies": [
                decode({"id": "payments", "steps": list(steps), "repeat": repeat}, EscalationPolicy)
            ],
            "services": [Service(id="api", team="payments")],
        },
        default_escalation_policy="payments" if default else None,
    )


PRIMARY = {"after": "0s", "targets": [{"schedule": "primary"}]}
BOB = {"after": "10m", "targets": [{"user": "bob"}]}
TEAM = {"after": "15m", "tier": "senior", "targets": [{"team": "payments"}]}


def told(
    known: Directory, severity: Severity = Severity.SEV1, at: datetime = NIGHT, **more: Any
) -> list[tuple[float, str, str]]:
    """(minutes since `at`, user, method)."""
    items = rehearse(known, known.services["api"], severity, at, **more)
    return [((item.at - at) / timedelta(minutes=1), item.user, item.method) for item in items]


def test_a_night_told_ahead() -> None:
    assert told(directory(PRIMARY, BOB, TEAM)) == [
        (0, "alice", "hook"),
        (2, "alice", "mail"),
        (10, "bob", "hook"),
        (10, "bob", "mail"),
        (15, "alice", "hook"),
        (15, "bob", "hook"),
        (15, "bob", "mail"),
        (17, "alice", "mail"),
        (20, "erin", "mail"),
    ]


def test_each_item_says_step_tier_and_reason() -> None:
    known = directory(PRIMARY, TEAM)
    items = rehearse(known, known.services["api"], Severity.SEV2, NIGHT)
    assert items[0] == RehearsalItem(NIGHT, "alice", "hook", 1, "on_call", "on_call_schedule")
    assert {(i.step, i.tier, i.reason) for i in items} == {
        (1, "on_call", "on_call_schedule"),
        (2, "senior", "team_member"),
        (3, "executive", "manager_last_resort"),
    }


def test_the_handover_during_the_climb_counts() -> None:
    """On Friday at nine in Berlin, eight in UTC, alice hands over to bob."""
    at = datetime(2026, 11, 20, 7, 55, tzinfo=UTC)
    known = directory(PRIMARY, {**PRIMARY, "after": "10m"})
    items = [item for item in rehearse(known, known.services["api"], Severity.SEV1, at) if item.method != "mail"]
    assert [((item.at - at) / timedelta(minutes=1), item.user, item.reason) for item in items] == [
        (0, "alice", "on_call_schedule"),
        (5, "bob", "shift_ended"),
        (10, "bob", "on_call_schedule"),
    ]


def test_one_pass_without_until_and_every_round_with_it() -> None:
    known = directory(PRIMARY, BOB, repeat=1)
    assert [at for at, _, method in told(known) if method == "hook"] == [0, 10]
    assert [at for at, _, method in told(known, until=NIGHT + timedelta(minutes=30)) if method == "hook"] == [
        0,
        10,
        20,
        30,
    ]
    day = told(known, until=NIGHT + timedelta(days=1))
    assert (40, "erin", "mail") in day
    assert day[-1] == (300, "bob", "mail"), "nobody answered in the night: it is bob's from nine in the morning on"
    assert told(known, until=NIGHT + timedelta(minutes=1)) == [(0, "alice", "hook")]
    assert told(known, until=NIGHT - timedelta(minutes=1)) == []


def test_nobody_on_call_and_nobody_reachable_bring_the_next_rung_forward() -> None:
    empty = {"after": "0s", "targets": [{"schedule": "empty"}]}
    mute = {"after": "5m", "targets": [{"user": "carol"}]}
    assert told(directory(empty, mute, BOB)) == [
        (0, "carol", ""),  # she has no contact method
        (0, "bob", "hook"),
        (0, "bob", "mail"),
        (15, "erin", "mail"),
    ]


def test_the_climb_shows_rungs_that_find_nobody() -> None:
    known = directory({"after": "0s", "targets": [{"schedule": "empty"}]}, BOB)
    rungs = list(climb(known, known.escalation_policies["payments"], None, "high", NIGHT))
    assert [rung.nobody for _, rung in rungs] == [
        "nobody is on call in schedule empty", "", "there is no manager to page as a last resort",
    ]  # fmt: skip


def test_low_urgency_is_gentle_at_night_and_loud_when_business_hours_begin() -> None:
    """In Berlin they begin at nine, five hours later."""
    known = directory(PRIMARY, BOB)
    night = [(0, "alice", "mail")]
    assert told(known, Severity.SEV3, until=NIGHT + timedelta(hours=4)) == night
    assert told(known, Severity.SEV3) == [
        *night, (300, "bob", "hook"), (300, "bob", "mail"), (310, "bob", "hook"), (310, "bob", "mail"), (320, "erin", "mail"),
    ]  # fmt: skip
    items = rehearse(known, known.services["api"], Severity.SEV3, NIGHT)
    assert [item.reason for item in items][:2] == ["on_call_schedule", "business_hours_began"]
    assert items[3].reason == "named_in_policy"


def test_quiet_hours_hold_back_what_rings_and_is_not_urgent() -> None:
    known = directory(PRIMARY)
    quiet = {"from": "22:00", "to": "07:00"}
    sleeper = user("alice", "hook", quiet_hours=quiet, notification_rules={"low": [{"after": "0s", "method": "hook"}]})
    known = replace(known, users={**known.users, "alice": sleeper})

    def at(severity: Severity, rings: tuple[str, ...]) -> list[datetime]:
        future = foresee(known, "api", [known.escalation_policies["payments"]], severity, NIGHT, None, rings)
        return [item.at for item in future.items if item.user == "alice"]

    morning = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
    assert at(Severity.SEV3, ("webhook",))[0] >= morning
    assert at(Severity.SEV3, ()) == [NIGHT], "a webhook does not ring by itself"
    assert at(Severity.SEV1, ("webhook",)) == [NIGHT], "what is urgent rings at once"


def test_sev4_pages_nobody() -> None:
    assert told(directory(PRIMARY), Severity.SEV4) == []


def test_a_policy_on_its_own_can_be_rehearsed() -> None:
    known = directory(PRIMARY)
    policy = known.escalation_policies["payments"]
    assert [item.user for item in rehearse(known, policy, Severity.SEV1, NIGHT)] == ["alice", "alice"]


def test_times_are_utc_whatever_zone_was_asked_in() -> None:
    known = directory(PRIMARY)
    berlin = NIGHT.astimezone(timezone(timedelta(hours=1)))
    assert rehearse(known, known.services["api"], Severity.SEV1, berlin)[0].at.tzinfo is UTC


def test_a_service_without_policy_is_refused() -> None:
    known = directory(PRIMARY, default=False)
    with pytest.raises(Invalid, match="api has no escalation policy"):
        rehearse(known, known.services["api"], Severity.SEV1, NIGHT)
