"""The lifecycle as a table, and the nine times of an incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.errors import Conflict, Invalid
from tocsin.core.incident import OPEN, STATUSES, Status
from tocsin.core.lifecycle import MOVES, check_move, legal, mttr_minutes, parse_status, way
from tocsin.core.moment import NAMES, Change, check_changes, kept, moments, read_change, without

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_every_status_is_in_the_table_and_is_left_by_some_move() -> None:
    assert set(MOVES) == set(STATUSES)
    assert all(MOVES[status] for status in STATUSES)
    assert all(status not in MOVES[status] for status in STATUSES)


def test_forward_moves_may_skip_and_only_the_end_can_be_closed() -> None:
    for one, two in pairwise(STATUSES[:6]):
        assert legal(one, two), (one, two)
    for status in OPEN:
        assert legal(status, "resolved")
        assert not legal(status, "closed")
    assert way("detected", "identified") == "forward"
    assert way("monitoring", "investigating") == "back"
    assert way("closed", "investigating") == "reopen"
    assert way("resolved", "closed") == "close"


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES))
def test_an_illegal_move_says_what_would_be_legal(old: Status, new: Status) -> None:
    if legal(old, new):
        check_move(old, new)
        return
    with pytest.raises(Conflict) as refused:
        check_move(old, new)
    assert all(allowed in str(refused.value) for allowed in MOVES[old])


def test_names_that_others_use_are_understood() -> None:
    assert (parse_status(" Mitigated "), parse_status("open"), parse_status("RESOLVED")) == (
        "monitoring", "detected", "resolved",
    )  # fmt: skip
    with pytest.raises(Invalid, match="use detected"):
        parse_status("fixed")


def test_minutes_to_resolve() -> None:
    assert mttr_minutes(NOON, NOON + timedelta(minutes=43, seconds=30)) == 43.5
    assert mttr_minutes(NOON, None) is None


def row(**more: Any) -> dict[str, Any]:
    times = {f"{name}_at": None for name in NAMES}
    return {
        **times, "created_at": NOON, "detected_at": NOON, "origin": "event", "moments": {}, "acknowledged_by": None, **more,
    }  # fmt: skip


def test_where_a_time_is_known_from_when_nobody_said_so() -> None:
    known = moments(
        row(impact_started_at=NOON - timedelta(minutes=2), acknowledged_at=NOON, acknowledged_by="user:bob")
    )
    assert [(known[name].source, known[name].certainty) for name in ("impact_started", "detected", "acknowledged")] == [
        ("alert", "estimated"), ("alert", "exact"), ("user:bob", "exact"),
    ]  # fmt: skip
    assert (known["declared"].at, known["declared"].certainty) == (NOON, "exact")
    assert (known["restored"].at, known["restored"].certainty) == (None, "unknown")
    by_person = moments(row(origin="person", restored_at=NOON))
    assert (by_person["detected"].certainty, by_person["restored"].certainty) == ("estimated", "estimated")


def test_what_somebody_said_of_a_time_holds_until_it_is_taken_away() -> None:
    said = kept({}, "restored", "probes", "exact")
    assert moments(row(restored_at=NOON, moments=said))["restored"].source == "probes"
    assert without(kept(said, "detected", "user:bob", "estimated"), "restored") == {
        "detected": {"source": "user:bob", "certainty": "estimated"}
    }


def test_a_change_says_when_and_how_certain() -> None:
    assert read_change("detected_at", NOON, None) == Change("detected", NOON, "exact")
    assert read_change("engaged", None, None) == Change("engaged", None, "unknown")
    for name, at, certainty in (
        ("began", NOON, None),
        ("engaged", NOON, "sure"),
        ("engaged", NOON, "unknown"),
        ("engaged", None, "exact"),
    ):
        with pytest.raises(Invalid):
            read_change(name, at, certainty)


@given(st.permutations([0, 5, 10, 15, 20]))
def test_times_cannot_run_backwards(minutes: list[int]) -> None:
    names = ("impact_started", "detected", "restored", "resolved", "closed")
    times: dict[Any, Any] = dict.fromkeys(NAMES) | dict.fromkeys(("detected", "restored", "resolved", "closed"), NOON)
    changes = {
        name: Change(name, NOON + timedelta(minutes=at), "exact")  # type: ignore[arg-type]
        for name, at in zip(names, minutes, strict=True)
    }
    in_order = minutes[1:] == sorted(minutes[1:])
    try:
        check_changes("closed", times, changes, NOON + timedelta(hours=1))  # type: ignore[arg-type]
        assert in_order
    except Invalid:
        assert minutes != sorted(minutes)
