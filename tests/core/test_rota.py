"""What a change of a schedule means: compared with a look at every half hour; layers that can never show; overrides in local time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracles.strategies import schedules

from tocsin.core.configuration import Layer, Override, Schedule
from tocsin.core.rota import carried, changes, hidden, interruption, override
from tocsin.core.schedule import shifts, who
from tocsin.core.spelling import WEEKDAYS, decode

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def schedule(*layers: dict[str, Any], **more: Any) -> Schedule:
    defaults = {"users": ["alice"], "starts": "2026-01-05T09:00"}
    numbered = [{"id": f"l{n}", **defaults, **layer} for n, layer in enumerate(layers)]
    return decode({"id": "s", "layers": numbered, **more}, Schedule)


@settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(schedules(), schedules())
def test_changes_are_exactly_where_different_people_are_on_call(
    one: tuple[Schedule, datetime], other: tuple[Schedule, datetime]
) -> None:
    old, around = one
    new, _ = other
    start, end = around - timedelta(hours=30), around + timedelta(hours=30)
    found = changes(old, new, start, end)
    assert all(a.end <= b.start for a, b in pairwise(found))
    for n in range(0, 120, 1):
        at = start + timedelta(minutes=30 * n)
        was, now = (found_[0] if found_ else None for found_ in (who(old, at), who(new, at)))
        told = next(((c.before, c.after) for c in found if c.start <= at < c.end), None)
        assert told == (None if was == now else (was, now)), at


def test_neighbouring_pieces_of_one_change_are_one() -> None:
    """That a layer hands over to another, or an override lies in between, is nobody's business."""
    old = schedule({"users": ["alice"]})
    new = schedule({"users": ["bob"]}, {"users": ["bob"], "restrictions": [{"from": "09:00", "to": "17:00"}]})
    [one] = changes(old, new, START, START + timedelta(days=3))
    assert (one.before, one.after) == ("alice", "bob")
    assert changes(old, old, START, START + timedelta(days=3)) == ()


def test_a_schedule_that_comes_or_goes() -> None:
    only = schedule({"users": ["alice"]})
    end = START + timedelta(days=1)
    assert [(c.before, c.after) for c in changes(None, only, START, end)] == [(None, "alice")]
    assert [(c.before, c.after) for c in changes(only, None, START, end)] == [("alice", None)]
    assert interruption(only, None, START) is not None
    assert interruption(None, only, START) is None


def test_who_loses_the_shift_that_is_running() -> None:
    old = schedule({"users": ["alice", "bob"]})
    new = schedule({"users": ["bob", "alice"]})
    lost = interruption(old, new, START)
    assert lost is not None
    assert (lost.user, lost.taken_by) == ("alice", "bob")
    assert lost.until == datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
    later = schedule({"users": ["alice", "bob"]}, {"users": ["carol"], "starts": "2026-03-05T09:00"})
    assert interruption(old, later, START) is None, "it ends earlier, but it is still hers now"


# --- layers that can never be on call -------------------------------------------------------------------------------------

WORK = [{"days": list(WEEKDAYS[:5]), "from": "09:00", "to": "17:00"}]


@pytest.mark.parametrize(
    ("layers", "never"),
    [
        ([{}], []),
        ([{}, {}], [0]),
        ([{}, {"restrictions": WORK}], []),
        ([{"restrictions": WORK}, {}], [0]),
        ([{}, {"starts": "2026-02-02T09:00"}], []),
        ([{"starts": "2026-02-02T09:00"}, {}], [0]),
        ([{"restrictions": WORK}, {"restrictions": WORK}], [0]),
        ([{"restrictions": [{"from": "10:00", "to": "12:00"}]}, {"restrictions": WORK}], []),
        ([{"restrictions": [{"days": ["wed"], "from": "10:00", "to": "12:00"}]}, {"restrictions": WORK}], [0]),
        ([{}, {"restrictions": [{"from": "09:00", "to": "21:00"}]}, {"restrictions": [{"from": "21:00", "to": "09:00"}]}], [0]),
        ([{}, {"restrictions": [{"from": "09:00", "to": "21:00"}]}, {"restrictions": [{"from": "21:00", "to": "08:59"}]}], []),
        ([{"restrictions": [{"days": ["sun"], "from": "22:00", "to": "02:00"}]},
          {"restrictions": [{"days": ["sun"], "from": "00:00", "to": "24:00"}]}], []),
        ([{"restrictions": [{"days": ["sun"], "from": "22:00", "to": "02:00"}]},
          {"restrictions": [{"days": ["sun", "mon"], "from": "00:00", "to": "24:00"}]}], [0]),
        ([{"restrictions": WORK}, {"starts": "2026-01-10T00:00"}], []),
        ([{"starts": "2026-01-10T00:00", "restrictions": WORK}, {"starts": "2026-01-11T00:00"}], [0]),
    ],
)  # fmt: skip
def test_layers_that_later_ones_always_hide(layers: list[dict[str, Any]], never: list[int]) -> None:
    assert [place for place, _ in hidden(schedule(*layers).layers)] == never


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.data())
def test_a_hidden_layer_is_never_seen_and_others_are(data: st.DataObject) -> None:
    """Against the final schedule of the weeks after every layer has begun, in a zone whose clocks never change."""
    made = []
    for _ in range(data.draw(st.integers(2, 4))):
        windows = st.lists(
            st.fixed_dictionaries(
                {"days": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True),
                 "from": st.sampled_from(["00:00", "06:00", "12:00", "18:00"]), "to": st.sampled_from(["00:00", "06:00", "12:00", "24:00"])}
            ), max_size=3,
        )  # fmt: skip
        starts = data.draw(st.sampled_from(["2026-01-05T09:00", "2026-01-07T00:00", "2026-01-14T12:00"]))
        made.append({"starts": starts, "restrictions": data.draw(windows)})
    one = schedule(*made)
    seen = {s.layer for s in shifts(one, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 5, tzinfo=UTC))}
    never = {one.layers[place].id for place, _ in hidden(one.layers)}
    assert never == {layer.id for layer in one.layers} - seen


def test_a_layer_without_people_hides_nothing_and_is_not_told_twice() -> None:
    empty = Layer(id="none", users=(), starts=schedule({}).layers[0].starts)
    assert list(hidden([schedule({}).layers[0], empty])) == []


# --- overrides by hand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "wrote"),
    [
        ("2026-03-04T17:00:00+00:00", "2026-03-05T07:00:00+00:00", ("2026-03-04T18:00", "2026-03-05T08:00")),
        ("2026-03-04T17:00:00.400+00:00", "2026-03-05T07:00:00.400+00:00", ("2026-03-04T18:00", "2026-03-05T08:00:01")),
        ("2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00", ("2026-10-25T02:30", "2026-10-25T03:00")),
        ("2026-10-25T01:30:00+00:00", "2026-10-25T05:00:00+00:00", ("2026-10-25T02:30", "2026-10-25T06:00")),
        ("2026-03-29T00:30:00+00:00", "2026-03-29T01:30:00+00:00", ("2026-03-29T01:30", "2026-03-29T03:30")),
    ],
)
def test_instants_become_local_times_that_cover_them(start: str, end: str, wrote: tuple[str, str]) -> None:
    berlin = schedule({}, time_zone="Europe/Berlin")
    one = override(berlin, "bob", datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert (str(one.start), str(one.end)) == wrote
    covered = decode({"id": "s", "time_zone": "Europe/Berlin"}, Schedule)
    [shift] = shifts(
        Schedule(id=covered.id, time_zone=covered.time_zone, overrides=(one,)),
        START - timedelta(days=99),
        START + timedelta(days=400),
    )
    assert shift.start <= datetime.fromisoformat(start)
    assert shift.end >= datetime.fromisoformat(end)


def test_what_people_made_by_hand_outlives_the_file() -> None:
    def of(*several: dict[str, str]) -> Schedule:
        return schedule({}, overrides=list(several))

    def span(user: str, **more: str) -> dict[str, str]:
        return {"user": user, "from": "2026-05-01T00:00", "to": "2026-05-02T00:00", **more}

    file, hand = span("bob"), span("carol", by="user:erin")
    assert carried(of(file, hand), of(file)) == of(file, hand)
    assert carried(of(file, hand), of()) == of(hand)
    assert carried(of(file, hand), of(file, hand)) == of(file, hand), "exported with it"
    assert carried(None, of(file)) == of(file)
    assert isinstance(carried(of(hand), of(file)).overrides[1], Override)
