"""Climbing the ladder: whom to page, when, and when to look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core.configuration import EscalationPolicy, Schedule, Service, Step, Target, Team, User
from tocsin.core.directory import Directory
from tocsin.core.escalation import (
    Ladder,
    PageIntent,
    PageReason,
    Turn,
    deadline,
    due,
    forward,
    last_resort,
    manager_of,
    round_length,
    start,
    turn,
)
from tocsin.core.spelling import Duration, decode

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def policy(*steps: tuple[str, list[dict[str, str]]], repeat: int = 0) -> EscalationPolicy:
    """Steps as (after, targets)."""
    raw = [{"after": after, "targets": targets} for after, targets in steps]
    return decode({"id": "payments", "steps": raw, "repeat": repeat}, EscalationPolicy)


def rota(name: str, *users: str, **more: Any) -> Schedule:
    layers = [{"id": "base", "users": list(users), "starts": "2026-01-01T00:00"}] if users else []
    return decode({"id": name, "layers": layers, **more}, Schedule)


USERS = ("alice", "bob", "carol", "dave", "erin")
ALICE, BOB, ERIN = {"user": "alice"}, {"user": "bob"}, {"user": "erin"}
PRIMARY, EMPTY, TEAM = {"schedule": "primary"}, {"schedule": "empty"}, {"team": "payments"}


def directory(users: tuple[str, ...] = USERS) -> Directory:
    return Directory.of(
        {
            "users": [User(id=user) for user in users],
            "teams": [Team(id="payments", members=("bob", "carol"), manager="erin"), Team(id="ghosts")],
            "schedules": [rota("primary", "alice"), rota("empty"), rota("gone", "zoe")],
            "services": [Service(id="api", team="payments"), Service(id="orphan"), Service(id="odd", team="ghosts")],
        }
    )


def climb(made: EscalationPolicy, known: Directory | None = None, now: datetime = NOW) -> list[tuple[float, str]]:
    """The whole climb when nobody answers: (minutes since the start, who is paged, `-` for nobody, `end`)."""
    story: list[tuple[float, str]] = []
    ladder: Ladder | None = start(made, now)
    while ladder is not None:
        assert ladder.next_at is not None
        at = ladder.next_at
        turned = turn(made, ladder, known or directory(), at)
        since = (at - now) / minutes(1)
        story += [(since, "+".join(page.user for page in rung.pages) or "-") for rung in turned.rungs]
        story += [(since, "end")] if turned.exhausted else []
        ladder = turned.next
    return story


# --- times ---


def test_after_is_absolute_from_the_start_of_the_round() -> None:
    made = policy(("0s", [PRIMARY]), ("10m", [BOB]), ("15m", [ERIN, TEAM]))
    assert climb(made) == [(0, "alice"), (10, "bob"), (15, "erin+bob+carol"), (20, "end")]


def test_a_round_lasts_until_the_last_after_plus_the_gap_before_it() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]), repeat=2)
    assert climb(made) == [
        (0, "alice"), (10, "bob"),
        (20, "alice"), (30, "bob"),
        (40, "alice"), (50, "bob"),
        (60, "end"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("afters", "length"),
    [
        (["0s"], 5),
        (["2m"], 7),
        (["0s", "10m"], 20),
        (["0s", "10m", "15m"], 20),
        (["0s", "10m", "10m"], 15),  # no gap before the last: five minutes
        (["0s", "0s"], 5),
        (["0s", "10m", "4m"], 15),  # out of order: fires behind the one before
        ([], 0),
    ],
)
def test_the_length_of_a_round(afters: list[str], length: float) -> None:
    assert round_length(policy(*((after, [ALICE]) for after in afters))) == minutes(length)


def test_a_first_step_may_wait() -> None:
    assert climb(policy(("5m", [ALICE]), ("8m", [BOB]))) == [(5, "alice"), (8, "bob"), (11, "end")]


def test_nothing_happens_before_its_time() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]))
    ladder = turn(made, start(made, NOW), directory(), NOW).next
    assert ladder is not None
    assert turn(made, ladder, directory(), NOW + minutes(10) - timedelta(microseconds=1)) == Turn((), ladder)
    assert turn(made, ladder, directory(), NOW + minutes(10)).rungs


def test_steps_at_the_same_time_fire_one_after_the_other() -> None:
    assert climb(policy(("0s", [ALICE]), ("0s", [BOB]))) == [(0, "alice"), (0, "bob"), (5, "end")]


def test_a_held_ladder_fires_only_when_brought_forward() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]))
    held = Ladder(0, 1, NOW, None)
    assert turn(made, held, directory(), NOW + minutes(600)) == Turn((), held)
    assert turn(made, forward(made, held, NOW), directory(), NOW).rungs[0].pages[0].user == "bob"


def test_overdue_rungs_are_caught_up_in_order_one_per_turn() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]), ("15m", [ERIN]))
    late, fired = NOW + minutes(12), []
    ladder: Ladder | None = start(made, NOW)
    while ladder is not None and ladder.next_at is not None and ladder.next_at <= late:
        turned = turn(made, ladder, directory(), late)
        fired.append([page.user for rung in turned.rungs for page in rung.pages])
        ladder = turned.next
    assert fired == [["alice"], ["bob"]]
    assert ladder == Ladder(0, 2, NOW, NOW + minutes(15))


# --- targets ---


def test_a_schedule_pages_who_is_on_call_when_the_rung_fires() -> None:
    handed = rota("primary", "alice", overrides=[{"user": "bob", "from": "2026-11-20T03:10", "to": "2026-11-20T04:00"}])
    known = replace(directory(), schedules={"primary": handed})
    made = policy(("0s", [PRIMARY]), ("10m", [PRIMARY]))
    assert climb(made, known) == [(0, "alice"), (10, "bob"), (20, "end")]


def test_pages_say_how_and_why() -> None:
    made = policy(("0s", [PRIMARY, ERIN, TEAM]))
    rung = turn(made, start(made, NOW), directory(), NOW).rungs[0]
    assert rung.pages == (
        PageIntent("alice", "schedule:primary", PageReason.ON_CALL),
        PageIntent("erin", "user:erin", PageReason.NAMED),
        PageIntent("bob", "team:payments", PageReason.TEAM_MEMBER),
        PageIntent("carol", "team:payments", PageReason.TEAM_MEMBER),
    )
    assert (rung.round, rung.step, rung.tier, rung.nobody) == (0, 0, "on_call", "")


def test_who_is_named_twice_in_a_rung_is_paged_once() -> None:
    assert climb(policy(("0s", [BOB, TEAM, BOB]))) == [(0, "bob+carol"), (5, "end")]


def test_who_is_named_twice_is_told_the_first_reason() -> None:
    made = policy(("0s", [BOB, TEAM]))
    bob = turn(made, start(made, NOW), directory(), NOW).rungs[0].pages[0]
    assert bob == PageIntent("bob", "user:bob", PageReason.NAMED)


def test_a_person_who_escalates_is_the_reason() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]))
    ladder = forward(made, Ladder(0, 1, NOW, NOW + minutes(10)), NOW + minutes(1))
    turned = turn(made, ladder, directory(), NOW + minutes(1), because=PageReason.ESCALATED)
    assert turned.rungs[0].pages == (PageIntent("bob", "user:bob", PageReason.ESCALATED),)


def test_the_tier_of_the_step_is_told() -> None:
    made = EscalationPolicy(id="p", steps=(Step(targets=(Target(user="alice"),), tier="senior"),))
    assert turn(made, start(made, NOW), directory(), NOW).rungs[0].tier == "senior"


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ({"schedule": "empty"}, "nobody is on call in schedule empty"),
        ({"schedule": "gone"}, "zoe, on call in schedule gone, does not exist any more"),
        ({"schedule": "nowhere"}, "schedule nowhere does not exist any more"),
        ({"team": "ghosts"}, "team ghosts has no members"),
        ({"team": "nowhere"}, "team nowhere does not exist any more"),
        ({"user": "zoe"}, "user zoe does not exist any more"),
    ],
)
def test_why_there_is_nobody(target: dict[str, str], sentence: str) -> None:
    made = policy(("0s", [target]), ("10m", [ALICE]))
    rungs = turn(made, start(made, NOW), directory(), NOW).rungs
    assert [rung.nobody for rung in rungs] == [sentence, ""]


def test_every_absent_target_is_named() -> None:
    made = policy(("0s", [EMPTY, {"user": "zoe"}]), ("1m", []))
    rungs = turn(made, start(made, NOW), directory(), NOW).rungs
    assert [rung.nobody for rung in rungs] == [
        "nobody is on call in schedule empty; user zoe does not exist any more",
        "the step has no targets",
    ]


def test_one_present_target_is_somebody() -> None:
    made = policy(("0s", [EMPTY, ALICE]), ("10m", [BOB]))
    assert climb(made) == [(0, "alice"), (10, "bob"), (20, "end")]


# --- nobody on call ---


def test_nobody_on_call_brings_only_the_next_rung_forward() -> None:
    made = policy(("0s", [EMPTY]), ("10m", [BOB]), ("15m", [ERIN]))
    assert climb(made) == [(0, "-"), (0, "bob"), (15, "erin"), (20, "end")]


def test_two_empty_rungs_bring_the_third_forward() -> None:
    made = policy(("0s", [EMPTY]), ("10m", [EMPTY]), ("15m", [ERIN]), ("30m", [ALICE]))
    assert climb(made) == [(0, "-"), (0, "-"), (0, "erin"), (30, "alice"), (45, "end")]


def test_an_empty_last_rung_brings_the_next_round_forward_which_keeps_its_times() -> None:
    made = policy(("0s", [ALICE]), ("10m", [EMPTY]), repeat=1)
    assert climb(made) == [(0, "alice"), (10, "-"), (10, "alice"), (30, "-"), (30, "end")]


def test_an_empty_rung_at_the_very_top_ends_it_at_once() -> None:
    assert climb(policy(("0s", [ALICE]), ("10m", [EMPTY]))) == [(0, "alice"), (10, "-"), (10, "end")]


@pytest.mark.parametrize("repeat", [0, 1, 100])
def test_when_nobody_is_anywhere_it_ends_at_once_after_one_pass(repeat: int) -> None:
    made = policy(("0s", [EMPTY]), ("10m", [{"user": "zoe"}]), repeat=repeat)
    assert climb(made) == [(0, "-"), (0, "-"), (0, "end")]


def test_a_policy_without_steps_ends_at_once() -> None:
    assert climb(policy(repeat=3)) == [(0, "end")]


def test_people_who_left_during_the_climb_are_nobody() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]), repeat=5)
    ladder = turn(made, start(made, NOW), directory(), NOW).next
    assert ladder is not None
    turned = turn(made, ladder, directory(users=()), NOW + minutes(10))
    assert turned.exhausted
    assert [(rung.round, rung.step) for rung in turned.rungs] == [(0, 1), (1, 0)]


# --- coming forward ---


def test_coming_forward_moves_one_rung_and_later_ones_keep_their_times() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]), ("15m", [ERIN]))
    ladder = turn(made, start(made, NOW), directory(), NOW).next
    assert ladder is not None
    soon = NOW + timedelta(seconds=2)
    ladder = forward(made, ladder, soon)
    assert ladder == Ladder(0, 1, NOW, soon)
    turned = turn(made, ladder, directory(), soon)
    assert [page.user for page in turned.rungs[0].pages] == ["bob"]
    assert turned.next == Ladder(0, 2, NOW, NOW + minutes(15))


def test_coming_forward_never_moves_a_rung_back() -> None:
    made = policy(("0s", [ALICE]))
    overdue = start(made, NOW - minutes(3))
    assert forward(made, overdue, NOW) == overdue


def test_at_the_top_giving_up_comes_forward() -> None:
    made = policy(("0s", [ALICE]))
    top = turn(made, start(made, NOW), directory(), NOW).next
    assert top == Ladder(0, 1, NOW, NOW + minutes(5))
    assert turn(made, forward(made, top, NOW), directory(), NOW) == Turn((), None, exhausted=True)


# --- the policy changes during a climb ---


def test_a_policy_that_lost_steps_goes_on_with_the_next_round() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]), ("15m", [ERIN]), repeat=1)
    shorter = replace_steps(made, 1)
    turned = turn(shorter, Ladder(0, 2, NOW, NOW + minutes(15)), directory(), NOW + minutes(15))
    assert [(rung.round, rung.step) for rung in turned.rungs] == [(1, 0)]


def test_a_policy_that_lost_its_repeats_ends() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]))
    assert turn(made, Ladder(3, 0, NOW, NOW), directory(), NOW).rungs[0].round == 3
    assert climb_from(made, Ladder(3, 1, NOW, NOW)) == ["bob", "end"]


def test_a_policy_that_was_given_more_repeats_is_repeated() -> None:
    made = policy(("0s", [ALICE]), repeat=1)
    assert climb_from(made, Ladder(0, 1, NOW, NOW + minutes(5))) == ["alice", "end"]


def replace_steps(made: EscalationPolicy, count: int) -> EscalationPolicy:
    return EscalationPolicy(id=made.id, steps=made.steps[:count], repeat=made.repeat)


def climb_from(made: EscalationPolicy, ladder: Ladder | None) -> list[str]:
    story = []
    while ladder is not None and ladder.next_at is not None:
        turned = turn(made, ladder, directory(), ladder.next_at)
        story += ["+".join(page.user for page in rung.pages) for rung in turned.rungs]
        story += ["end"] if turned.exhausted else []
        ladder = turned.next
    return story


# --- deadlines, the last resort ---


def test_pages_are_tried_until_the_next_rung_is_due() -> None:
    made = policy(("0s", [ALICE]), ("10m", [BOB]), repeat=1)
    second = NOW + minutes(20)
    assert deadline(made, 0, 0, NOW) == NOW + minutes(10)
    assert deadline(made, 0, 1, NOW) == second
    assert deadline(made, 1, 0, second) == second + minutes(10)
    assert deadline(made, 1, 1, second) == second + minutes(10 + 30)


def test_a_rung_that_came_forward_is_tried_until_the_next_is_due() -> None:
    made = policy(("0s", [EMPTY]), ("10m", [BOB]), ("15m", [ERIN]))
    assert deadline(made, 0, 1, NOW, fired_at=NOW) == NOW + minutes(15)
    assert deadline(made, 0, 2, NOW, fired_at=NOW + minutes(3)) == NOW + minutes(33)


def test_a_rung_fired_late_is_still_tried() -> None:
    made = policy(("0s", [ALICE]), ("0s", [BOB]), ("10m", [ERIN]))
    assert deadline(made, 0, 0, NOW) == NOW + minutes(1)
    assert deadline(made, 0, 1, NOW, fired_at=NOW + minutes(25)) == NOW + minutes(26)


@pytest.mark.parametrize(("service", "manager"), [("api", "erin"), ("orphan", None), ("odd", None), (None, None)])
def test_the_manager_is_the_last_resort(service: str | None, manager: str | None) -> None:
    assert manager_of(directory(), service) == manager
    rung = last_resort(policy(("0s", [ALICE]), repeat=1), directory(), service)
    assert [page.user for page in rung.pages] == ([manager] if manager else [])
    assert bool(rung.nobody) != bool(rung.pages)
    assert (rung.round, rung.step, rung.tier) == (1, 1, "executive")


def test_a_manager_who_left_is_no_resort() -> None:
    assert manager_of(directory(users=("alice",)), "api") is None


@pytest.mark.parametrize("reason", PageReason)
def test_each_reason_has_a_sentence(reason: PageReason) -> None:
    assert reason.sentence.endswith(".")


# --- properties ---

targets = st.sampled_from([ALICE, BOB, PRIMARY, TEAM, EMPTY, {"user": "zoe"}]).map(lambda raw: decode(raw, Target))


@st.composite
def policies(draw: st.DrawFn) -> EscalationPolicy:
    afters = draw(st.lists(st.sampled_from([0, 60, 300, 600, 601, 900]), min_size=1, max_size=4))
    made = tuple(
        Step(after=Duration(after), targets=tuple(draw(st.lists(targets, max_size=2)))) for after in sorted(afters)
    )
    return EscalationPolicy(id="p", steps=made, repeat=draw(st.integers(0, 3)))


@settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(policies(), st.lists(st.sampled_from(["time", "forward", "late"]), max_size=8))
def test_every_climb_ends_and_fires_each_rung_once_in_order_and_never_early(
    made: EscalationPolicy, moves: list[str]
) -> None:
    known, now, fired, moves = directory(), NOW, [], moves[::-1]
    ladder: Ladder | None = start(made, NOW)
    while ladder is not None:
        assert ladder.next_at is not None
        move = moves.pop() if moves else "time"
        if move == "forward":
            ladder = forward(made, ladder, now)
        else:
            now = max(now, ladder.next_at) + (minutes(7) if move == "late" else minutes(0))
        turned = turn(made, ladder, known, now)
        assert len(turned.rungs) <= len(made.steps)
        assert all(bool(rung.nobody) != bool(rung.pages) for rung in turned.rungs)
        assert not any(rung.pages for rung in turned.rungs[:-1])
        if turned.rungs and move != "forward":
            first = turned.rungs[0]
            assert now >= due(made, first.step, NOW + first.round * round_length(made))
        fired += [(rung.round, rung.step) for rung in turned.rungs]
        assert turned.exhausted == (turned.next is None)
        ladder = turned.next
    every = [(round, step) for round in range(made.repeat + 1) for step in range(len(made.steps))]
    assert fired == every[: len(fired)]
    somebody = any(turn(one, start(one, NOW), known, NOW + minutes(60)).rungs[0].pages for one in single_steps(made))
    assert len(fired) == (len(every) if somebody else len(made.steps))


def single_steps(made: EscalationPolicy) -> list[EscalationPolicy]:
    return [EscalationPolicy(id="one", steps=(step,)) for step in made.steps]


@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(policies())
def test_when_all_are_there_the_times_add_up(made: EscalationPolicy) -> None:
    full = EscalationPolicy(
        id="p",
        repeat=made.repeat,
        steps=tuple(Step(after=s.after, targets=(Target(user="alice"),)) for s in made.steps),
    )
    story = climb(full)
    length = round_length(full) / minutes(1)
    afters = [step.after / 60 for step in full.steps]
    assert story[:-1] == [
        (pytest.approx(round * length + after), "alice") for round in range(full.repeat + 1) for after in afters
    ]
    assert story[-1] == (pytest.approx((full.repeat + 1) * length), "end")
