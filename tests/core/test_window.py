"""When planned mutes hold: against a slow, obvious oracle, and over nights in which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.calendar import instant
from tocsin.core.configuration import Service, Team
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.planned import MuteRule
from tocsin.core.spelling import decode
from tocsin.core.window import LONGEST, next_window, read_rrule, windows

EMPTY = Directory()
START = datetime.fromisoformat("2026-01-05T22:00")


def rule(**fields: Any) -> MuteRule:
    return decode({"id": "r", "time_zone": "Europe/Berlin", "from": "2026-01-05T22:00", **fields}, MuteRule)


def times(found: MuteRule, after: datetime, count: int, directory: Directory = EMPTY) -> list[str]:
    return [f"{w.start:%m-%dT%H:%M} {w.end:%m-%dT%H:%M}" for w in islice(windows(found, directory, after), count)]


def test_once() -> None:
    once = rule(to="2026-01-06T02:00")
    assert times(once, datetime(2026, 1, 1, tzinfo=UTC), 9) == ["01-05T21:00 01-06T01:00"]
    assert next_window(once, EMPTY, datetime(2026, 1, 6, 1, tzinfo=UTC)) is None, "the end is not included"


def test_the_wall_clock_stays_and_the_length_passes_when_clocks_change() -> None:
    nightly = rule(rrule="FREQ=DAILY", duration="6h")
    assert times(nightly, datetime(2026, 3, 28, tzinfo=UTC) + timedelta(hours=6), 3) == [
        "03-28T21:00 03-29T03:00", "03-29T20:00 03-30T02:00", "03-30T20:00 03-31T02:00",
    ]  # fmt: skip


def test_a_time_that_does_not_exist_moves_forward_and_one_that_comes_twice_means_the_first() -> None:
    spring = rule(**{"from": "2026-03-29T02:30"}, rrule="FREQ=YEARLY", duration="1h")
    assert times(spring, datetime(2026, 3, 1, tzinfo=UTC), 1) == ["03-29T01:30 03-29T02:30"]
    autumn = rule(**{"from": "2026-10-25T02:30"}, rrule="FREQ=YEARLY", duration="1h")
    assert times(autumn, datetime(2026, 10, 1, tzinfo=UTC), 1) == ["10-25T00:30 10-25T01:30"]


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
def test_whole_days_leave_no_gap_whatever_the_clocks_do(day: str) -> None:
    daily = rule(**{"from": f"{day}T00:00"}, rrule="FREQ=DAILY;COUNT=4", duration="24h")
    (only,) = windows(daily, EMPTY, datetime(2026, 1, 1, tzinfo=UTC))
    zone = ZoneInfo("Europe/Berlin")
    first = datetime.fromisoformat(f"{day}T00:00")
    assert (only.start, only.end) == (instant(first, zone), instant(first + timedelta(days=4), zone))


def test_limits_of_the_rule_count_from_its_beginning() -> None:
    assert (
        len(list(windows(rule(rrule="FREQ=DAILY;COUNT=3", duration="1h"), EMPTY, datetime(2026, 1, 7, tzinfo=UTC))))
        == 1
    )
    until = rule(rrule="FREQ=DAILY;UNTIL=20260107", duration="1h")
    assert len(list(windows(until, EMPTY, datetime(2026, 1, 1, tzinfo=UTC)))) == 3


def test_working_hours_are_those_of_the_team_and_off_hours_all_the_others() -> None:
    team = decode(
        {"id": "t", "business_hours": {"days": ["mon", "tue"], "from": "08:00", "to": "16:00", "time_zone": "UTC"}},
        Team,
    )
    directory = Directory.of({"teams": [team], "services": [Service(id="api", team="t")]})
    sunday = datetime(2026, 3, 1, 12, tzinfo=UTC)
    inside = decode({"id": "r", "service": "api", "during": "working_hours"}, MuteRule)
    outside = decode({"id": "r", "team": "t", "during": "off_hours"}, MuteRule)
    assert times(inside, sunday, 2, directory) == ["03-02T08:00 03-02T16:00", "03-03T08:00 03-03T16:00"]
    assert [w.end.isoformat() for w in islice(windows(outside, directory, sunday), 3)] == [
        "2026-03-02T08:00:00+00:00", "2026-03-03T08:00:00+00:00", "2026-03-09T08:00:00+00:00",
    ]  # fmt: skip


def test_a_team_without_services_mutes_nothing_rather_than_everything() -> None:
    lone = decode({"id": "r", "team": "t", "from": "2026-01-05T22:00", "to": "2026-01-06T22:00"}, MuteRule)
    assert next_window(lone, EMPTY, datetime(2026, 1, 5, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "text",
    ["", "daily", "FREQ=SECONDLY", "FREQ=HOURLY", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=2;UNTIL=20260101", "FREQ=DAILY;UNTIL=soon",
     "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;BYSECOND=1,2", "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5,6", "FREQ=DAILY\nRRULE:FREQ=DAILY",
     "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=20", "FREQ=DAILY;BYEASTER=1",
     "X" * 5000],
)  # fmt: skip
def test_what_is_no_rule_or_too_much_of_one_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_rrule(text, START)
    assert refused.value.pointer == "/rrule"


def test_a_rule_whose_end_is_past_is_over() -> None:
    after = datetime(2027, 1, 1, tzinfo=UTC)
    assert next_window(rule(rrule="FREQ=DAILY;UNTIL=20260201", duration="1h"), EMPTY, after) is None
    assert next_window(rule(rrule="FREQ=YEARLY;COUNT=1", duration="1h"), EMPTY, after) is None


FIRST = datetime.fromisoformat("2026-01-05T00:00")
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]


@settings(max_examples=60, deadline=None)
@given(
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    hour=st.integers(0, 23), minute=st.sampled_from([0, 15, 30]), length=st.integers(1, 60), zone=st.sampled_from(ZONES),
    after=st.datetimes(START, START + timedelta(days=330)),
)  # fmt: skip
def test_weekly_rules_are_what_a_slow_look_at_every_day_says(
    days: set[str], hour: int, minute: int, length: int, zone: str, after: datetime
) -> None:
    found = rule(
        **{"from": f"2026-01-05T{hour:02d}:{minute:02d}"}, rrule=f"FREQ=WEEKLY;BYDAY={','.join(sorted(days))}",
        duration=f"{length}h", time_zone=zone,
    )  # fmt: skip
    place, moment = ZoneInfo(zone), after.replace(tzinfo=UTC)

    def muted(at: datetime) -> bool:
        """Any occurrence of the last days that covers `at`."""
        day = at.astimezone(place).replace(tzinfo=None, hour=hour, minute=minute, second=0, microsecond=0)
        for back in range(-1, 6):
            wall = day - timedelta(days=back)
            if wall < FIRST or DAYS[wall.weekday()] not in days:
                continue
            whole, rest = divmod(length, 24)
            if instant(wall, place) <= at < instant(wall + timedelta(days=whole), place) + timedelta(hours=rest):
                return True
        return False

    some = list(islice(windows(found, EMPTY, moment), 4))
    for window in some:
        assert window.start < window.end
        assert muted(max(window.start, moment))
        assert muted(window.end - timedelta(minutes=1))
        assert window.end - window.start <= LONGEST + timedelta(hours=length)
    for one, two in pairwise(some):
        assert one.end <= two.start
        if one.end < two.start:
            assert not muted(one.end)
            assert not muted(two.start - timedelta(minutes=1))
    assert muted(moment) == bool(some and some[0].start <= moment)
