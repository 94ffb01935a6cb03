"""Who is on call: stories with dates one can check in a calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.core.calendar import instant, zone
from tocsin.core.configuration import Schedule
from tocsin.core.errors import Invalid
from tocsin.core.schedule import Shift, gaps, on_call, shadows, shifts, who
from tocsin.core.spelling import decode

BERLIN = "Europe/Berlin"


def schedule(*layers: dict[str, Any], **more: Any) -> Schedule:
    named = [{"id": f"layer{n}", "starts": "2026-01-05T09:00", **layer} for n, layer in enumerate(layers)]
    return decode({"id": "primary", "time_zone": BERLIN, "layers": named, **more}, Schedule)


def local(text: str, name: str = BERLIN) -> datetime:
    return instant(datetime.fromisoformat(text), zone(name))


def person(made: Schedule, text: str) -> str | None:
    """Who is on call at a local time of the schedule."""
    found = who(made, local(text, made.time_zone))
    return found[0] if found else None


def table(made: Schedule, start: str, end: str) -> list[tuple[str, str, str]]:
    """The final shifts as (user, from, to) in the schedule's local time."""
    place = zone(made.time_zone)
    found = shifts(made, local(start, made.time_zone), local(end, made.time_zone))
    return [
        (s.user, f"{s.start.astimezone(place):%m-%d %H:%M}", f"{s.end.astimezone(place):%m-%d %H:%M}") for s in found
    ]


WEEKLY = {"users": ["alice", "bob", "carol"], "rotation": {"unit": "week"}}


# --- rotations ---


def test_a_weekly_rotation_hands_over_on_monday_at_nine() -> None:
    made = schedule(WEEKLY)
    assert person(made, "2026-01-05T08:59:59") is None
    assert person(made, "2026-01-05T09:00") == "alice"
    assert person(made, "2026-01-12T08:59:59") == "alice"
    assert person(made, "2026-01-12T09:00") == "bob"
    assert person(made, "2026-01-19T09:00") == "carol"
    assert person(made, "2026-01-26T09:00") == "alice"


def test_a_layer_is_empty_before_it_starts() -> None:
    made = schedule(WEEKLY)
    assert table(made, "2025-12-01T00:00", "2026-01-06T00:00") == [("alice", "01-05 09:00", "01-06 00:00")]
    assert on_call(made, local("2026-01-01T00:00")) is None


def test_the_handover_stays_on_the_wall_clock_when_clocks_change() -> None:
    made = schedule({"users": ["alice", "bob"], "starts": "2026-03-27T09:00", "rotation": {"unit": "day"}})
    found = shifts(made, local("2026-03-27T09:00"), local("2026-03-31T09:00"))
    assert [s.end - s.start for s in found] == [timedelta(hours=h) for h in (24, 23, 24, 24)]
    assert {s.start.astimezone(zone(BERLIN)).hour for s in found} == {9}


def test_an_hourly_rotation_counts_elapsed_time() -> None:
    made = schedule(
        {"users": ["alice", "bob"], "starts": "2026-03-28T20:00", "rotation": {"every": 12, "unit": "hour"}}
    )
    assert table(made, "2026-03-28T20:00", "2026-03-30T09:00") == [
        ("alice", "03-28 20:00", "03-29 09:00"),
        ("bob", "03-29 09:00", "03-29 21:00"),
        ("alice", "03-29 21:00", "03-30 09:00"),
    ]


def test_a_monthly_rotation_from_the_31st_is_clamped_and_comes_back() -> None:
    made = schedule({"users": ["alice", "bob"], "starts": "2027-12-31T09:00", "rotation": {"unit": "month"}})
    assert [(user, start[:5]) for user, start, _ in table(made, "2027-12-31T09:00", "2028-06-01T00:00")] == [
        ("alice", "12-31"),
        ("bob", "01-31"),
        ("alice", "02-29"),
        ("bob", "03-31"),
        ("alice", "04-30"),
        ("bob", "05-31"),
    ]


def test_every_second_week() -> None:
    made = schedule({"users": ["alice", "bob"], "rotation": {"every": 2, "unit": "week"}})
    assert [user for user, _, _ in table(made, "2026-01-05T09:00", "2026-03-02T09:00")] == ["alice", "bob"] * 2
    assert person(made, "2026-01-18T12:00") == "alice"
    assert person(made, "2026-01-19T12:00") == "bob"


def test_a_handover_in_the_missing_hour_comes_an_hour_later_on_the_clock() -> None:
    made = schedule({"users": ["alice", "bob"], "starts": "2026-03-27T02:30", "rotation": {"unit": "day"}})
    assert table(made, "2026-03-28T00:00", "2026-03-30T12:00") == [
        ("alice", "03-28 00:00", "03-28 02:30"),
        ("bob", "03-28 02:30", "03-29 03:30"),
        ("alice", "03-29 03:30", "03-30 02:30"),
        ("bob", "03-30 02:30", "03-30 12:00"),
    ]


def test_a_handover_in_the_repeated_hour_happens_once_at_its_first_passing() -> None:
    made = schedule({"users": ["alice", "bob"], "starts": "2026-10-24T02:30", "rotation": {"unit": "day"}})
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 15, tzinfo=UTC)
    assert who(made, first - timedelta(seconds=1)) == ("alice", "layer0")
    assert who(made, first) == ("bob", "layer0")
    assert who(made, second) == ("bob", "layer0")  # the clock shows 02:15 again, and nothing goes back


def test_a_day_that_does_not_exist_takes_no_one_on_call_twice() -> None:
    made = schedule(
        {"users": ["alice", "bob", "carol", "dave"], "starts": "2011-12-28T09:00", "rotation": {"unit": "day"}},
        time_zone="Pacific/Apia",
    )
    # The 30th was skipped, so its handover falls on the instant of the 31st's, and carol's turn has no length.
    assert table(made, "2011-12-28T09:00", "2012-01-01T09:00") == [
        ("alice", "12-28 09:00", "12-29 09:00"),
        ("bob", "12-29 09:00", "12-31 09:00"),
        ("dave", "12-31 09:00", "01-01 09:00"),
    ]


# --- restrictions ---

OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}


def test_restrictions_do_not_stop_the_rotation() -> None:
    made = schedule({**WEEKLY, "restrictions": [OFFICE]})
    assert person(made, "2026-01-09T16:59") == "alice"
    assert person(made, "2026-01-09T17:00") is None
    assert person(made, "2026-01-10T12:00") is None
    assert person(made, "2026-01-12T09:00") == "bob"


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    made = schedule({"users": ["alice"], "restrictions": [{"days": ["fri"], "from": "22:00", "to": "06:00"}]})
    assert table(made, "2026-01-08T00:00", "2026-01-18T00:00") == [
        ("alice", "01-09 22:00", "01-10 06:00"),
        ("alice", "01-16 22:00", "01-17 06:00"),
    ]
    assert person(made, "2026-01-10T05:59") == "alice"  # Saturday morning is Friday's night
    assert person(made, "2026-01-09T05:00") is None  # Friday morning is Thursday's


def test_equal_times_mean_24_hours_from_then() -> None:
    made = schedule({"users": ["alice"], "restrictions": [{"days": ["sat"], "from": "09:00", "to": "09:00"}]})
    assert table(made, "2026-01-09T00:00", "2026-01-14T00:00") == [("alice", "01-10 09:00", "01-11 09:00")]


@pytest.mark.parametrize(("start", "end"), [("00:00", "24:00"), ("00:00", "00:00")])
def test_a_whole_day(start: str, end: str) -> None:
    made = schedule({"users": ["alice"], "restrictions": [{"days": ["sat", "sun"], "from": start, "to": end}]})
    assert table(made, "2026-01-09T00:00", "2026-01-14T00:00") == [("alice", "01-10 00:00", "01-12 00:00")]


def test_overlapping_windows_count_once() -> None:
    windows = [OFFICE, {"days": ["mon"], "from": "12:00", "to": "20:00"}]
    made = schedule({"users": ["alice"], "restrictions": windows})
    assert table(made, "2026-01-12T00:00", "2026-01-13T00:00") == [("alice", "01-12 09:00", "01-12 20:00")]


def test_in_a_repeated_hour_both_passings_count() -> None:
    made = schedule(
        {"users": ["alice"], "restrictions": [{"days": ["sun"], "from": "02:15", "to": "02:45"}]}, time_zone=BERLIN
    )
    found = shifts(made, datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 10, 25, 20, tzinfo=UTC))
    assert [(s.start, s.end) for s in found] == [
        (datetime(2026, 10, 25, 0, 15, tzinfo=UTC), datetime(2026, 10, 25, 0, 45, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, 15, tzinfo=UTC), datetime(2026, 10, 25, 1, 45, tzinfo=UTC)),
    ]


def test_a_window_in_the_missing_hour_does_not_open() -> None:
    made = schedule({"users": ["alice"], "restrictions": [{"from": "02:15", "to": "02:45"}]})
    assert [start for _, start, _ in table(made, "2026-03-28T00:00", "2026-03-31T00:00")] == [
        "03-28 02:15",
        "03-30 02:15",
    ]


def test_a_night_shift_is_shorter_in_spring_and_longer_in_autumn() -> None:
    made = schedule({"users": ["alice"], "restrictions": [{"from": "22:00", "to": "06:00"}]})
    spring = shifts(made, local("2026-03-28T12:00"), local("2026-03-29T12:00"))
    autumn = shifts(made, local("2026-10-24T12:00"), local("2026-10-25T12:00"))
    assert [s.end - s.start for s in spring] == [timedelta(hours=7)]
    assert [s.end - s.start for s in autumn] == [timedelta(hours=9)]


def test_follow_the_sun_leaves_no_gap() -> None:
    third = {"starts": "2026-01-01T00:00", "rotation": {"unit": "week"}}
    made = schedule(
        {**third, "users": ["tokyo"], "restrictions": [{"from": "00:00", "to": "08:00"}]},
        {**third, "users": ["berlin"], "restrictions": [{"from": "08:00", "to": "16:00"}]},
        {**third, "users": ["boston"], "restrictions": [{"from": "16:00", "to": "24:00"}]},
    )
    assert gaps(made, local("2026-01-01T00:00"), local("2027-01-01T00:00")) == ()
    assert len(shifts(made, local("2026-01-01T00:00"), local("2027-01-01T00:00"))) == 3 * 365


# --- layers and overrides ---


def test_later_layers_win_where_they_have_someone() -> None:
    made = schedule(WEEKLY, {"users": ["dave"], "restrictions": [OFFICE]})
    assert table(made, "2026-01-09T12:00", "2026-01-12T12:00") == [
        ("dave", "01-09 12:00", "01-09 17:00"),
        ("alice", "01-09 17:00", "01-12 09:00"),
        ("dave", "01-12 09:00", "01-12 12:00"),
    ]


def test_overrides_win_over_layers_and_later_ones_over_earlier() -> None:
    made = schedule(
        WEEKLY,
        overrides=[
            {"user": "erin", "from": "2026-01-10T00:00", "to": "2026-01-11T00:00"},
            {"user": "frank", "from": "2026-01-10T06:00", "to": "2026-01-10T12:00"},
        ],
    )
    assert table(made, "2026-01-09T00:00", "2026-01-12T00:00") == [
        ("alice", "01-09 00:00", "01-10 00:00"),
        ("erin", "01-10 00:00", "01-10 06:00"),
        ("frank", "01-10 06:00", "01-10 12:00"),
        ("erin", "01-10 12:00", "01-11 00:00"),
        ("alice", "01-11 00:00", "01-12 00:00"),
    ]
    assert who(made, local("2026-01-10T06:00")) == ("frank", "override")


def test_an_override_is_half_open() -> None:
    made = schedule(overrides=[{"user": "erin", "from": "2026-01-10T00:00", "to": "2026-01-11T00:00"}])
    assert person(made, "2026-01-09T23:59:59") is None
    assert person(made, "2026-01-10T00:00") == "erin"
    assert person(made, "2026-01-10T23:59:59") == "erin"
    assert person(made, "2026-01-11T00:00") is None


def test_an_override_reaches_before_the_layer_starts() -> None:
    made = schedule(WEEKLY, overrides=[{"user": "erin", "from": "2026-01-01T00:00", "to": "2026-01-02T00:00"}])
    assert person(made, "2026-01-01T12:00") == "erin"


def test_an_override_within_the_missing_hour_is_empty_or_moves() -> None:
    swallowed = schedule(WEEKLY, overrides=[{"user": "erin", "from": "2026-03-29T02:30", "to": "2026-03-29T03:00"}])
    assert {s.user for s in shifts(swallowed, local("2026-03-28T00:00"), local("2026-03-30T00:00"))} == {"carol"}
    moved = schedule(WEEKLY, overrides=[{"user": "erin", "from": "2026-03-29T02:00", "to": "2026-03-29T02:30"}])
    assert ("erin", "03-29 03:00", "03-29 03:30") in table(moved, "2026-03-28T00:00", "2026-03-30T00:00")


# --- the final schedule ---


def test_neighbours_of_one_person_and_layer_are_one_shift() -> None:
    made = schedule({"users": ["alice", "alice", "bob"], "rotation": {"unit": "week"}})
    assert table(made, "2026-01-05T09:00", "2026-02-02T09:00") == [
        ("alice", "01-05 09:00", "01-19 09:00"),
        ("bob", "01-19 09:00", "01-26 09:00"),
        ("alice", "01-26 09:00", "02-02 09:00"),
    ]


def test_the_layer_of_a_shift_is_told() -> None:
    made = schedule(WEEKLY, overrides=[{"user": "alice", "from": "2026-01-06T00:00", "to": "2026-01-07T00:00"}])
    found = shifts(made, local("2026-01-05T09:00"), local("2026-01-08T00:00"))
    assert [(s.user, s.layer) for s in found] == [("alice", "layer0"), ("alice", "override"), ("alice", "layer0")]


def test_gaps_are_what_shifts_leave() -> None:
    made = schedule({"users": ["alice"], "restrictions": [OFFICE]})
    found = gaps(made, local("2026-01-12T00:00"), local("2026-01-13T12:00"))
    assert found == (
        (local("2026-01-12T00:00"), local("2026-01-12T09:00")),
        (local("2026-01-12T17:00"), local("2026-01-13T09:00")),
    )


def test_on_call_tells_the_whole_shift() -> None:
    made = schedule(WEEKLY)
    expected = Shift("bob", local("2026-01-12T09:00"), local("2026-01-19T09:00"), "layer0")
    assert on_call(made, local("2026-01-12T09:00")) == expected
    assert on_call(made, local("2026-01-19T08:59:59")) == expected


def test_the_ends_of_a_long_shift_are_found() -> None:
    made = schedule(
        {"users": ["alice", "bob"], "starts": "2026-01-31T09:00", "rotation": {"every": 3, "unit": "month"}}
    )
    found = on_call(made, local("2026-06-15T12:00"))
    assert found == Shift("bob", local("2026-04-30T09:00"), local("2026-07-31T09:00"), "layer0")


def test_shadows_are_told_apart() -> None:
    span = {"from": "2026-02-01T00:00", "to": "2026-02-08T00:00"}
    made = schedule(WEEKLY, shadows=[{"user": "frank", **span}, {"user": "gina", **span}, {"user": "frank", **span}])
    assert shadows(made, local("2026-02-01T00:00")) == ("frank", "gina")
    assert shadows(made, local("2026-02-08T00:00")) == ()
    assert person(made, "2026-02-03T12:00") == "bob"


def test_an_empty_or_backward_span_has_no_shifts() -> None:
    made = schedule(WEEKLY)
    at = local("2026-02-01T00:00")
    assert shifts(made, at, at) == shifts(made, at, at - timedelta(days=1)) == ()
    assert gaps(made, at, at) == ()


def test_a_schedule_without_layers_has_nobody() -> None:
    made = schedule()
    at = local("2026-02-01T00:00")
    assert on_call(made, at) is None
    assert gaps(made, at, at + timedelta(days=1)) == ((at, at + timedelta(days=1)),)


def test_an_unknown_zone_is_said_not_guessed() -> None:
    with pytest.raises(Invalid, match="Mars/Olympus"):
        who(schedule(WEEKLY, time_zone="Mars/Olympus"), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("unit", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("starts", ["1970-01-01T00:00", "2199-12-31T23:59"])
def test_the_ends_of_the_calendar_do_no_harm(unit: str, starts: str) -> None:
    made = schedule({"users": ["alice", "bob"], "starts": starts, "rotation": {"every": 1000, "unit": unit}})
    for at in (datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        found = on_call(made, at)
        assert (found and (found.user, found.layer)) == who(made, at)
