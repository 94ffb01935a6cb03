"""What local times mean when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from tests.oracles.schedule import resolve
from tests.oracles.strategies import PLACES

from tocsin.core.calendar import EARLIEST, LATEST, bounded, instant, later, stretches, wall_of, zone
from tocsin.core.errors import Invalid

naive = datetime.fromisoformat


@pytest.mark.parametrize(
    ("name", "wall", "utc"),
    [
        ("Europe/Berlin", "2026-01-05T09:00", "2026-01-05T08:00"),
        ("Europe/Berlin", "2026-03-29T01:59", "2026-03-29T00:59"),
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"),  # does not exist: becomes 03:00 summer time
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30"),  # becomes 03:30
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),  # twice: the first passing
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00"),
        ("America/Havana", "2026-03-08T00:00", "2026-03-08T05:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-03T15:40"),  # half an hour: becomes 02:40
        ("Antarctica/Troll", "2026-03-29T02:30", "2026-03-29T02:30"),  # two hours: becomes 04:30
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T22:00"),  # a day: becomes the 31st, 12:00
    ],
)
def test_a_local_time_means_one_instant(name: str, wall: str, utc: str) -> None:
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert instant(datetime.fromisoformat(wall), zone(name)) == expected
    assert resolve(datetime.fromisoformat(wall), name) == expected


def test_a_time_that_does_not_exist_moves_forward_by_the_length_of_the_gap() -> None:
    berlin = zone("Europe/Berlin")
    assert wall_of(instant(naive("2026-03-29T02:30"), berlin), berlin) == naive("2026-03-29T03:30")


def test_both_passings_of_a_repeated_hour_show_the_same_local_time() -> None:
    berlin = zone("Europe/Berlin")
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert wall_of(first, berlin) == wall_of(second, berlin) == naive("2026-10-25T02:30")


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Europe", "Europe/Berlin\x00", "x" * 300]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        zone(name)


@pytest.mark.parametrize(
    ("count", "unit", "expected"),
    [
        (1, "month", "2028-02-29T09:00"),
        (2, "month", "2028-03-31T09:00"),
        (3, "month", "2028-04-30T09:00"),
        (13, "month", "2029-02-28T09:00"),
        (-1, "month", "2027-12-31T09:00"),
        (-2, "month", "2027-11-30T09:00"),
        (12, "month", "2029-01-31T09:00"),
        (2, "week", "2028-02-14T09:00"),
        (30, "day", "2028-03-01T09:00"),
        (0, "month", "2028-01-31T09:00"),
    ],
)
def test_wall_clock_arithmetic_counts_from_the_original_day(count: int, unit: str, expected: str) -> None:
    assert later(naive("2028-01-31T09:00"), count, unit) == naive(expected)  # type: ignore[arg-type]


def test_nothing_leaves_the_calendar() -> None:
    berlin, kiritimati = zone("Europe/Berlin"), zone("Pacific/Kiritimati")
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    assert (
        instant(last.replace(tzinfo=None), berlin)
        == instant(later(naive("2026-01-01"), 10**9, "month"), berlin)
        == LATEST
    )
    assert (
        instant(later(naive("2026-01-01"), -(10**9), "day"), berlin)
        == instant(first.replace(tzinfo=None), berlin)
        == EARLIEST
    )
    assert EARLIEST <= bounded(first) < bounded(last) < LATEST
    assert [wall_of(bounded(at), kiritimati).year for at in (first, last)] == [9, 9989]


@pytest.mark.parametrize(("name", "around"), PLACES)
def test_stretches_join_and_each_has_one_offset(name: str, around: str) -> None:
    start = naive(around).replace(tzinfo=UTC) - timedelta(days=3)
    end = start + timedelta(days=6)
    cut = list(stretches(zone(name), start, end))
    assert [a for a, _, _ in cut] == [start, *(b for _, b, _ in cut[:-1])]
    assert cut[-1][1] == end
    for a, b, offset in cut:
        for at in (a, a + (b - a) / 2, b - timedelta(seconds=1)):
            assert at.astimezone(zone(name)).utcoffset() == offset
    assert all(before[2] != after[2] for before, after in pairwise(cut))


def test_a_span_that_begins_at_a_change_has_no_empty_stretch() -> None:
    change = instant(naive("2026-03-29T03:00"), zone("Europe/Berlin"))
    found = list(stretches(zone("Europe/Berlin"), change, change + timedelta(days=1)))
    assert found == [(change, change + timedelta(days=1), timedelta(hours=2))]


def test_an_empty_span_has_no_stretches() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert list(stretches(zone("UTC"), at, at)) == []
