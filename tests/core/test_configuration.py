"""The configured objects: their small languages (durations, times), their plain form, and the checks of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.checking import is_email, zones
from tocsin.core.configuration import (
    KINDS,
    LABELS,
    ContactMethod,
    EscalationPolicy,
    Layer,
    Rotation,
    Schedule,
    Service,
    Step,
    Target,
    Team,
    Tiers,
    User,
)
from tocsin.core.shape import faults, known_part, text_fault, unknown
from tocsin.core.spelling import ClockTime, Duration, WallTime, decode, plain
from tocsin.core.validation import Finding, World, check

WORLD = World({}, frozenset({"pagerduty"}))
ALICE, BOB = User(id="alice"), User(id="bob")


# --- durations and times ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds", "said"),
    [("90s", 90, "90s"), ("10m", 600, "10m"), ("2h", 7200, "2h"), ("7d", 604800, "7d"), ("0s", 0, "0s"), ("1h30m", 5400, "90m"),
     ("60s", 60, "1m"), ("24h", 86400, "1d"), ("3650d", 315360000, "3650d")],
)  # fmt: skip
def test_a_duration_reads_and_is_said(text: str, seconds: int, said: str) -> None:
    read = Duration.parse(text)
    assert (int(read), str(read), read.delta.total_seconds()) == (seconds, said, seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "m", "-5m", "5 m", "1.5h", "1w", "5M", "٥m", "3651d", "9999999999s", "1h-1m"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        Duration.parse(text)


@given(st.integers(0, Duration.LONGEST))
def test_a_duration_survives_being_said(seconds: int) -> None:
    assert Duration.parse(str(Duration(seconds))) == seconds


@pytest.mark.parametrize(
    ("text", "minutes"), [("09:00", 540), ("9:05", 545), ("00:00", 0), ("24:00", 1440), ("23:59", 1439)]
)
def test_a_time_of_day_reads(text: str, minutes: int) -> None:
    assert ClockTime.parse(text).minutes == minutes
    assert ClockTime.parse(str(ClockTime.parse(text))) == ClockTime.parse(text)


@pytest.mark.parametrize("text", ["", "9", "24:01", "12:60", "12:5", "12:00:00", "١٢:00", "-1:00", "noon"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time of day"):
        ClockTime.parse(text)


@pytest.mark.parametrize("text", ["2026-01-05T09:00", "2026-01-05T09:00:30", "2026-01-05"])
def test_a_local_time_reads_and_is_said(text: str) -> None:
    assert WallTime.parse(str(WallTime.parse(text))) == WallTime.parse(text)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-02-30T00:00", "2026-01-05T09:00Z", "2026-01-05T09:00+01:00", "1969-12-31", "2200-01-01",
             "2026-01-05T09:00:00.5"],
)  # fmt: skip
def test_what_is_no_local_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"local time|offset|range"):
        WallTime.parse(text)


# --- plain data there and back ----------------------------------------------------------------------------------------


def test_fields_at_their_default_are_not_spelled_out() -> None:
    assert plain(ALICE) == {"id": "alice"}
    policy = EscalationPolicy(id="p", steps=(Step(targets=(Target(user="alice"),), after=Duration(600)),))
    assert plain(policy) == {"id": "p", "steps": [{"after": "10m", "targets": [{"user": "alice"}]}]}
    assert decode(plain(policy), EscalationPolicy) == policy


def test_a_contact_method_is_flat() -> None:
    method = ContactMethod("hook", "webhook", {"url": "http://h/"})
    user = User(id="alice", contact_methods=(method,))
    assert plain(user)["contact_methods"] == [{"id": "hook", "type": "webhook", "url": "http://h/"}]
    assert decode(plain(user), User) == user
    assert method != ContactMethod("hook", "webhook", {"url": "http://other/"})
    assert "http://h/" not in repr(user), "settings may be secret"


def test_text_is_typed_by_the_schema() -> None:
    service = decode({"id": "007", "tier": "1", "name": "no"}, Service)
    assert (service.id, service.tier, service.name) == ("007", 1, "no")


def test_every_kind_has_a_name_for_people() -> None:
    assert KINDS.keys() == LABELS.keys()


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["alice", "0s", "1"])
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "name", "layers", "users", "starts", "rotation", "every", "steps", "targets", "user", "after",
                             "contact_methods", "type", "integrations", "key", "grouping", "window", "high", "method", "x"]),
            inner, max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(sorted(KINDS)), _ANYTHING)
@settings(max_examples=50)
def test_what_has_no_fault_can_be_read(kind: str, raw: Any) -> None:
    if not list(faults(raw, KINDS[kind])):
        made = decode(raw, KINDS[kind])
        assert decode(plain(made), KINDS[kind]) == made


@given(st.sampled_from(sorted(KINDS)), _ANYTHING)
@settings(max_examples=50)
def test_what_has_a_fault_cannot_be_read_or_not_be_stored(kind: str, raw: Any) -> None:
    """A fault is never invented: the reader itself refuses, or the text holds what may not be stored."""
    found = list(faults(raw, KINDS[kind]))
    if found and not any("control character" in fault.message or "whole number" in fault.message for fault in found):
        with pytest.raises(msgspec.ValidationError):
            decode(raw, KINDS[kind])


def test_what_this_release_does_not_know_is_left_out() -> None:
    newer = {"id": "s", "colour": "red", "layers": [{"id": "l", "users": ["a"], "starts": "2026-01-05", "tags": ["x"]}]}
    assert decode(known_part(newer, Schedule), Schedule).layers[0].id == "l"


def test_all_faults_are_told_at_once() -> None:
    raw = {"id": 5, "colour": "red", "layers": [{"users": "a", "starts": "soon", "rotation": {"every": "x"}}]}
    assert {fault.path for fault in faults(raw, Schedule)} == {
        ("id",), ("colour",), ("layers", 0, "id"), ("layers", 0, "users"), ("layers", 0, "starts"),
        ("layers", 0, "rotation", "every"),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["\x00", "a\x1b[2J", "\ud800", "\x85", "x" * 4097])
def test_text_that_the_database_or_a_terminal_would_choke_on(text: str) -> None:
    assert text_fault(text)


@pytest.mark.parametrize("text", ["", "Ünïcode 🔔", "two\nlines\tand a tab", "x" * 4096])
def test_text_that_is_fine(text: str) -> None:
    assert text_fault(text) is None


def test_a_near_name_is_proposed_before_all_are_listed() -> None:
    assert unknown("user", "alise", ["alice", "bob"]) == "unknown user 'alise': did you mean 'alice'?"
    assert unknown("user", "zed", ["alice", "bob"]) == "unknown user 'zed': known are alice, bob"
    assert unknown("user", "zed", []) == "unknown user 'zed': there is none yet"


# --- the whole --------------------------------------------------------------------------------------------------------


def found(objects: Mapping[str, list[Any]], **options: Any) -> list[Finding]:
    return check({"users": [ALICE, BOB], **objects}, WORLD, **options)


def schedule(**fields: Any) -> Schedule:
    layer = Layer(
        id="l", users=("alice", "bob", "alice"), starts=WallTime.parse("2026-01-05T09:00"), rotation=Rotation()
    )
    return Schedule(**{"id": "s", "layers": (layer,), **fields})


def test_a_sensible_whole_has_no_findings() -> None:
    policy = EscalationPolicy(id="p", steps=(Step(targets=(Target(schedule="s"), Target(team="t"))),))
    one = Service(id="api", team="t", escalation_policy="p", depends_on=("db",))
    two = Service(id="db", depends_on=("api",))
    whole = {
        "teams": [Team(id="t", members=("alice",), manager="bob")],
        "schedules": [schedule(team="t")],
        "escalation_policies": [policy],
        "services": [one, two],
    }
    assert found(whole, default_escalation_policy="p") == [], "people may take two turns, services depend on each other"


def test_steps_at_the_same_time_are_fine_and_earlier_ones_are_not() -> None:
    def policy(*after: int) -> EscalationPolicy:
        return EscalationPolicy(
            id="p", steps=tuple(Step(after=Duration(a), targets=(Target(user="alice"),)) for a in after)
        )

    assert found({"escalation_policies": [policy(0, 600, 600)]}) == []
    (finding,) = found({"escalation_policies": [policy(0, 600, 300)]})
    assert finding.path == ("steps", 2, "after")


def test_a_preset_has_tiers_and_no_steps() -> None:
    alice = Target(user="alice")

    def policy(**fields: Any) -> list[tuple[Any, ...]]:
        return [finding.path for finding in found({"escalation_policies": [EscalationPolicy(id="p", **fields)]})]

    assert policy(preset="standard", tiers=Tiers(on_call=(alice,))) == []
    assert policy(preset="fast", tiers=Tiers(senior=(alice,)), secondary_after=Duration(60)) == []
    assert policy(preset="fast") == [("tiers",)]
    assert policy(tiers=Tiers(on_call=(alice,))) == [("preset",)]
    assert policy(preset="fast", tiers=Tiers(on_call=(alice,)), steps=(Step(targets=(alice,)),)) == [("steps",)]
    assert policy(preset="fast", tiers=Tiers(senior=(Target(user="zoe"),))) == [("tiers", "senior", 0, "user")]
    assert policy(steps=(Step(targets=(alice,)),), secondary_after=Duration(60)) == [("secondary_after",)]


def test_round_robin_is_true_or_false() -> None:
    def said(value: str) -> list[str]:
        return [fault.message for fault in faults({"round_robin": value, "targets": []}, Step)]

    assert said("true") == said("false") == []
    assert said("yes") == ["write true or false here, not 'yes'"]


def test_collisions_name_the_first() -> None:
    (finding,) = found({"users": [ALICE, BOB, ALICE]})
    assert (finding.kind, finding.place, finding.first) == ("users", 2, ("users", 0))


def test_a_name_that_cannot_be_read_yet_is_no_finding() -> None:
    team = Team(id="t", members=("carol",))
    assert len(found({"teams": [team]})) == 1
    assert found({"teams": [team]}, also_known={"users": {"carol"}}) == []


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_time_zones(name: str) -> None:
    assert found({"schedules": [schedule(time_zone=name)]}) == []


@pytest.mark.parametrize(
    "name", ["", "Berlin", "europe/berlin", "CEST", "../etc/passwd", "/etc/localtime", "localtime", "Europe", "UTC+2"]
)
def test_what_is_no_time_zone(name: str) -> None:
    (finding,) = found({"schedules": [schedule(time_zone=name)]})
    assert finding.path == ("time_zone",)


def test_zones_are_those_of_the_database_of_zones() -> None:
    assert len(zones()) > 400


@pytest.mark.parametrize(
    "text", ["alice@example.com", "a.b+c@sub.example.co.uk", "jürgen@exämple.de", "root@localhost"]
)
def test_e_mail_addresses(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "alice@",
        "@example.com",
        "a b@example.com",
        "a@b@c.com",
        "a@example..com",
        "a@.com",
        "<a@b.com>",
        "a@" + "b" * 260,
    ],
)
def test_what_is_no_e_mail_address(text: str) -> None:
    assert not is_email(text)


@pytest.mark.parametrize("id", ["alice", "a", "0", "payments-api", "a.b_c-d", "x" * 64])
def test_ids(id: str) -> None:
    assert check({"users": [User(id=id)]}, WORLD) == []


@pytest.mark.parametrize("id", ["", "Alice", "-a", ".a", "_a", "a b", "a/b", "ä", "x" * 65, "a\n"])
def test_what_is_no_id(id: str) -> None:
    (finding,) = check({"users": [User(id=id)]}, WORLD)
    assert finding.path == ("id",)
