"""Ninety days, counted honestly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.public_word import Said, Stretch, Told, Window, states_now, stretches
from tocsin.core.status_page import STATES, ComponentState, indicator_of, worst
from tocsin.core.uptime import DAYS, histories, percent

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
"""Its clocks went forward on 29 March."""


def said(minutes: int, status: str = "investigating", **components: ComponentState) -> Said:
    return Said(
        id=minutes,
        at=NOW - timedelta(hours=5) + timedelta(minutes=minutes),
        status=status,
        message="x",
        components=components,
    )  # type: ignore[arg-type]


def told(*words: Said, onset: int = 0, ended: int | None = None) -> Told:
    start = NOW - timedelta(hours=5)
    return Told(
        number=1, title="x", onset=start + timedelta(minutes=onset), said=words,
        ended_at=None if ended is None else start + timedelta(minutes=ended),
    )  # fmt: skip


def window(start: int, end: int) -> Window:
    at = NOW - timedelta(hours=5)
    return Window(
        key="w", title="w", message="", components=("a",), starts_at=at + timedelta(minutes=start),
        ends_at=at + timedelta(minutes=end), announced_at=at, changed_at=at,
    )  # fmt: skip


def test_an_outage_counts_from_its_onset_to_its_end_and_changes_with_each_word() -> None:
    one = told(
        said(10), said(20, a="major_outage"), said(40, b="degraded_performance"), said(60, a="operational"), ended=90
    )
    spent = [(s.component, s.state, (s.end - s.start).total_seconds() / 60) for s in stretches([one], [], NOW)]
    assert spent == [
        ("a", "major_outage", 40), ("a", "major_outage", 20), ("b", "degraded_performance", 20), ("a", "operational", 30),
        ("b", "degraded_performance", 30),
    ]  # fmt: skip


def test_the_state_of_now_is_the_worst_of_what_is_open_and_an_end_releases() -> None:
    bad, mild = told(said(1, a="partial_outage")), told(said(1, a="degraded_performance"))
    assert states_now([bad, mild], [window(0, 600)], NOW) == {"a": "partial_outage"}
    assert states_now([mild, told(said(1, a="major_outage"), ended=60)], [], NOW) == {"a": "degraded_performance"}
    assert states_now([], [window(0, 600)], NOW) == {"a": "under_maintenance"}
    assert states_now([], [window(400, 600)], NOW) == {}


def test_an_outage_during_maintenance_counts_and_maintenance_alone_does_not() -> None:
    since = {"a": NOW - timedelta(days=10)}
    found = histories(
        ["a"],
        since,
        list(stretches([told(said(60, a="major_outage"), onset=60, ended=90)], [window(0, 120)], NOW)),
        BERLIN,
        NOW,
    )["a"]
    assert sum(day.down for day in found.days) == 30 * 60
    assert found.days[-1].spent == {"under_maintenance": 90 * 60, "major_outage": 30 * 60}
    assert found.uptime is not None
    assert found.uptime_with_maintenance is not None
    assert found.uptime_with_maintenance < found.uptime < 100


def test_days_before_it_was_listed_have_no_data_and_do_not_count() -> None:
    found = histories(["a", "b"], {"a": NOW - timedelta(hours=6)}, [], BERLIN, NOW)
    assert [day.state for day in found["a"].days] == ["no_data"] * (DAYS - 1) + ["operational"]
    assert found["a"].watched == 6 * 3600
    assert (found["b"].uptime, percent(found["b"].uptime)) == (None, "no data")


def test_a_day_with_a_change_of_the_clocks_has_its_own_length() -> None:
    found = histories(["a"], {"a": NOW - timedelta(days=200)}, [], BERLIN, NOW)["a"]
    lengths = {day.date.isoformat(): day.watched / 3600 for day in found.days}
    assert (lengths["2026-03-28"], lengths["2026-03-29"], lengths["2026-03-30"]) == (24, 23, 24)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100.0, "100 %"),
        (99.9999, "99.999 %"),
        (99.95, "99.950 %"),
        (99.9, "99.90 %"),
        (98.765, "98.76 %"),
        (0.0, "0.00 %"),
        (None, "no data"),
    ],
)
def test_percentages_are_cut_never_rounded_up(value: float | None, text: str) -> None:
    assert percent(value) == text


_STATE = st.sampled_from(STATES)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-100 * 24 * 60, 0), st.integers(1, 5000), _STATE), max_size=8), st.integers(0, 100)
)
def test_the_parts_of_a_day_never_exceed_it_and_more_trouble_is_never_less_downtime(
    several: list[tuple[int, int, ComponentState]], days: int
) -> None:
    of = [
        Stretch(NOW + timedelta(minutes=start), min(NOW, NOW + timedelta(minutes=start + length)), "a", state)
        for start, length, state in several
    ]
    since = {"a": NOW - timedelta(days=days)}
    found = histories(["a"], since, of, BERLIN, NOW)["a"]
    for day in found.days:
        assert sum(day.spent.values()) <= day.watched + 1e-6
    fewer = histories(["a"], since, of[1:], BERLIN, NOW)["a"]
    assert sum(day.down for day in fewer.days) <= sum(day.down for day in found.days) + 1e-6


@settings(max_examples=30)
@given(st.lists(_STATE, max_size=12))
def test_the_indicator_follows_the_worst_component(states: list[ComponentState]) -> None:
    found = indicator_of(states, [])
    expected = {
        "operational": {"none"}, "under_maintenance": {"maintenance"}, "degraded_performance": {"minor"},
        "partial_outage": {"major"}, "major_outage": {"major", "critical"},
    }  # fmt: skip
    assert found in expected[worst(states)]
