"""The progress clock: acknowledged, not restored, up the same ladder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core.configuration import EscalationPolicy, User
from tocsin.core.directory import Directory
from tocsin.core.escalation import Ladder, PageReason, due, fire, start, turn
from tocsin.core.progress import climb, first_due, onward, resumed, shifted
from tocsin.core.spelling import decode
from tocsin.core.tier import TIERS, Tier, rank, within

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PEOPLE = ("alice", "bob", "sam", "ada", "erin")
KNOWN = Directory.of({"users": [User(id=user) for user in PEOPLE]})


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def policy(*steps: tuple[str, Tier, list[str]], **more: Any) -> EscalationPolicy:
    raw = [{"after": a, "tier": tier, "targets": [{"user": u} for u in users]} for a, tier, users in steps]
    return decode({"id": "p", "steps": raw, **more}, EscalationPolicy)


LADDER = policy(
    ("0s", "on_call", ["alice"]), ("10m", "on_call", ["bob"]), ("15m", "senior", ["sam"]), ("30m", "architect", ["ada"]),
    ("45m", "executive", ["erin"]),
)  # fmt: skip


def story(
    made: EscalationPolicy, ladder: Ladder | None = None, escalation: float = 15, top: Tier = "executive",
    already: tuple[str, ...] = (),
) -> list[tuple[float, str]]:  # fmt: skip
    """(minutes since the first page, who) of everything that the progress clock pages, from where the ladder stands."""
    told: list[tuple[float, str]] = []
    ladder = ladder or Ladder(0, 1, NOW, None)
    overdue = first_due(made, ladder) + minutes(escalation)
    at = onward(made, ladder, overdue, top)
    while at is not None and at.next_at is not None:
        now = at.next_at
        turned = climb(made, at, KNOWN, now, overdue, top, already)
        told += [((now - NOW) / minutes(1), "+".join(p.user for p in rung.pages) or "-") for rung in turned.rungs]
        at = turned.next
    return told


def test_only_tiers_above_on_call_are_paged_each_at_its_own_time() -> None:
    assert story(LADDER) == [(15, "sam"), (30, "ada"), (45, "erin")]


def test_no_rung_fires_before_the_escalation_time() -> None:
    assert story(LADDER, escalation=40) == [(40, "sam"), (40, "ada"), (45, "erin")]


def test_it_goes_on_where_the_response_clock_stopped() -> None:
    assert story(LADDER, Ladder(0, 3, NOW, None)) == [(30, "ada"), (45, "erin")]
    assert story(LADDER, Ladder(0, 5, NOW, None)) == []
    assert story(LADDER, Ladder(1, 0, NOW, None)) == [], "every rung fired in the first round"


def test_the_severity_caps_it() -> None:
    assert story(LADDER, top="senior") == [(15, "sam")]
    assert story(LADDER, top="on_call") == []


def test_empty_tiers_and_people_paged_already_are_skipped() -> None:
    gone = policy(("0s", "on_call", ["alice"]), ("15m", "senior", ["zoe"]), ("30m", "architect", ["ada"]))
    assert story(gone) == [(15, "-"), (15, "ada")]
    assert story(LADDER, already=("sam",)) == [(15, "-"), (15, "ada"), (45, "erin")]
    assert story(LADDER, already=("sam", "ada", "erin")) == [(15, "-"), (15, "-"), (15, "-")]


def test_nothing_happens_before_its_time() -> None:
    at = onward(LADDER, Ladder(0, 1, NOW, None), NOW + minutes(15), "executive")
    assert at is not None
    turned = climb(LADDER, at, KNOWN, NOW + minutes(14), NOW + minutes(15), "executive")
    assert (turned.rungs, turned.next, turned.exhausted) == ((), at, False)


def test_its_pages_say_why() -> None:
    at = Ladder(0, 2, NOW, NOW + minutes(15))
    [rung] = climb(LADDER, at, KNOWN, NOW + minutes(15), NOW + minutes(15), "executive").rungs
    assert (rung.tier, rung.pages[0].reason) == ("senior", PageReason.NOT_RESTORED)


def test_a_pause_does_not_count() -> None:
    moved = shifted(Ladder(0, 1, NOW, NOW + minutes(10)), minutes(60))
    assert story(LADDER, moved) == [(75, "sam"), (90, "ada"), (105, "erin")]
    assert moved.next_at == NOW + minutes(70)


def test_the_response_clock_taken_up_again_waits_the_gap_of_the_next_rung() -> None:
    later = NOW + minutes(100)
    taken = resumed(LADDER, Ladder(0, 1, NOW, None), later)
    assert taken.next_at == later + minutes(10)
    turned = turn(LADDER, taken, KNOWN, later + minutes(10))
    assert turned.rungs[0].pages[0].user == "bob"
    assert turned.next is not None
    assert turned.next.next_at == later + minutes(15), "the rungs above keep their distances"
    assert resumed(LADDER, Ladder(0, 5, NOW, None), later).next_at == later + minutes(15)


def test_a_manual_step_passes_over_whoever_was_paged_in_this_round() -> None:
    made = policy(("0s", "on_call", ["alice"]), ("10m", "on_call", ["alice", "bob"]), repeat=1)
    first = turn(made, Ladder(0, 1, NOW, NOW), KNOWN, NOW, already=("alice",))
    assert [page.user for page in first.rungs[0].pages] == ["bob"]
    second = turn(made, Ladder(0, 1, NOW, NOW), KNOWN, NOW, already=("alice", "bob"))
    assert [[page.user for page in rung.pages] for rung in second.rungs] == [[], ["alice"]], "a new round begins anew"


# --- round robin ---


def test_round_robin_pages_one_and_the_next_time_the_next() -> None:
    made = policy(("0s", "on_call", ["alice", "bob", "sam"]))
    step = decode({**_raw(made), "round_robin": True}, type(made.steps[0]))
    chosen = [
        fire(step, start(made, NOW), KNOWN, NOW, turns=lambda _, number=number: number).pages[0].user  # type: ignore[misc]
        for number in range(5)
    ]
    assert chosen == ["alice", "bob", "sam", "alice", "bob"]
    assert fire(step, start(made, NOW), KNOWN, NOW, already=("alice",)).pages[0].user == "bob"
    assert fire(step, start(made, NOW), KNOWN, NOW, already=PEOPLE).nobody == "everybody here was paged before"


def _raw(made: EscalationPolicy) -> dict[str, Any]:
    return {"targets": [{"user": t.user} for t in made.steps[0].targets]}


# --- properties ---


@st.composite
def ladders(draw: st.DrawFn) -> EscalationPolicy:
    afters = sorted(draw(st.lists(st.sampled_from([0, 60, 300, 900, 1800]), min_size=1, max_size=5)))
    steps = [
        (f"{after}s", draw(st.sampled_from(TIERS)), draw(st.lists(st.sampled_from([*PEOPLE, "zoe"]), max_size=2)))
        for after in afters
    ]
    return policy(*steps)


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    ladders(), st.integers(0, 5), st.sampled_from([0, 5, 15, 40]), st.sampled_from(TIERS),
    st.sets(st.sampled_from(PEOPLE)), st.sampled_from([0, 7]),
)  # fmt: skip
def test_every_rung_fires_once_in_order_above_on_call_never_early_nobody_twice(
    made: EscalationPolicy, stood: int, escalation: float, top: Tier, already: set[str], late: float
) -> None:
    ladder = Ladder(0, min(stood, len(made.steps)), NOW, None)
    overdue = first_due(made, ladder) + minutes(escalation)
    at, fired, paged = onward(made, ladder, overdue, top), [], set(already)
    while at is not None:
        assert at.next_at is not None
        now = at.next_at + minutes(late)
        turned = climb(made, at, KNOWN, now, overdue, top, paged)
        assert turned.rungs
        assert now >= overdue
        assert now >= due(made, turned.rungs[0].step, NOW)
        assert not any(rung.pages for rung in turned.rungs[:-1])
        for rung in turned.rungs:
            assert not paged & {page.user for page in rung.pages}
            paged |= {page.user for page in rung.pages}
        fired += [rung.step for rung in turned.rungs]
        assert turned.exhausted == (turned.next is None)
        at = turned.next
    wanted = [
        step for step in range(ladder.step, len(made.steps))
        if rank(made.steps[step].tier) > 0 and within(made.steps[step].tier, top)
    ]  # fmt: skip
    assert fired == wanted
