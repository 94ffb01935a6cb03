"""Business hours against a slow, obvious look at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.business import (
    Hours,
    business_hours_of,
    hours_in,
    later,
    next_closing,
    next_day,
    next_opening,
    open_at,
    windows,
)
from tocsin.core.business_checks import business_hours_faults
from tocsin.core.calendar import LATEST
from tocsin.core.configuration import BusinessHours, EscalationPolicy, Schedule, Service, Team
from tocsin.core.directory import Directory
from tocsin.core.spelling import decode
from tocsin.core.week import spelled, week_of

OFFICE = Hours(time_zone="Europe/Berlin")
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def obviously_open(hours: Hours, now: datetime) -> bool:
    """By the wall clock, without any arithmetic over changes of clocks."""
    local = now.astimezone(ZoneInfo(hours.time_zone))
    minute = local.hour * 60 + local.minute

    def begins_on(day: date) -> bool:
        return day.weekday() in hours.days and day not in hours.holidays

    today, yesterday = local.date(), local.date() - timedelta(days=1)
    start, end = hours_on(hours, today)
    if begins_on(today) and start <= minute and (minute < end or end <= start):
        return True
    start, end = hours_on(hours, yesterday)
    return begins_on(yesterday) and end <= start and minute < end


def hours_on(hours: Hours, day: date) -> tuple[int, int]:
    for weekday, start, end in hours.others:
        if weekday == day.weekday():
            return start, end
    return hours.start, hours.end


hours_of_any_kind = st.builds(
    Hours,
    days=st.lists(st.integers(0, 6), min_size=1, unique=True).map(lambda days: tuple(sorted(days))),
    start=st.integers(0, 1439),
    end=st.integers(0, 1440),
    time_zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu"]),
    holidays=st.lists(st.dates(date(2026, 3, 20), date(2026, 11, 10)), max_size=3).map(tuple),
    others=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1440)),
        max_size=3,
        unique_by=lambda one: one[0],
    ).map(lambda found: tuple(sorted(found))),
)
nights_of_change = st.sampled_from(
    ["2026-03-29T00:00+00:00", "2026-10-25T00:00+00:00", "2026-03-08T06:00+00:00", "2026-11-01T05:00+00:00",
     "2026-04-04T15:00+00:00", "2026-06-15T12:00+00:00"]
)  # fmt: skip


@given(hours_of_any_kind, nights_of_change, st.integers(-2880, 2880))
def test_it_is_open_when_the_clock_on_the_wall_says_so(hours: Hours, near: str, minutes: int) -> None:
    now = at(near) + minutes * MINUTE
    assert open_at(hours, now) == obviously_open(hours, now)


@given(hours_of_any_kind, nights_of_change, st.integers(-2880, 2880))
def test_the_next_opening_is_the_first_open_minute(hours: Hours, near: str, minutes: int) -> None:
    now = at(near) + minutes * MINUTE
    opening = next_opening(hours, now)
    assert opening >= now
    assert obviously_open(hours, opening)
    steps = min(3000, int((opening - now) / MINUTE))
    assert not any(obviously_open(hours, opening - step * MINUTE) for step in range(1, steps + 1))


@given(hours_of_any_kind, nights_of_change, st.integers(-2880, 2880))
def test_they_end_with_the_first_minute_that_is_none(hours: Hours, near: str, minutes: int) -> None:
    now = at(near) + minutes * MINUTE
    ends = next_closing(hours, now)
    if ends == LATEST:
        assert all(obviously_open(hours, now + step * MINUTE) for step in range(0, 30 * 1440, 7))
        return
    assert not obviously_open(hours, ends)
    assert all(obviously_open(hours, now + step * MINUTE) for step in range(int((ends - now) / MINUTE)))


@given(hours_of_any_kind)
def test_a_week_of_lines_means_the_same_hours(hours: Hours) -> None:
    days = [(day.isoformat(), "Off") for day in sorted(set(hours.holidays))]
    body = spelled(week_of(hours), hours.time_zone, days)
    again = hours_in(decode(body, BusinessHours), hours.time_zone)
    assert week_of(again) == week_of(hours)
    assert again.holidays == tuple(sorted(set(hours.holidays)))
    assert not list(business_hours_faults(decode(body, BusinessHours), ()))


@given(hours_of_any_kind, nights_of_change, st.integers(1, 600))
def test_business_time_counts_the_open_minutes(hours: Hours, near: str, minutes: int) -> None:
    start = at(near) - timedelta(hours=9)
    end = later(hours, start, minutes * MINUTE)
    if end - start < timedelta(days=3):
        passed = int((end - start) / MINUTE)
        assert sum(obviously_open(hours, start + step * MINUTE) for step in range(passed)) == minutes


@given(hours_of_any_kind)
def test_windows_come_in_order_and_never_overlap(hours: Hours) -> None:
    found = windows(hours, at("2026-03-20T00:00+00:00"))
    some = [next(found) for _ in range(20)]
    assert all(start < end for start, end in some)
    assert all(end <= start for (_, end), (start, _) in pairwise(some))


def test_an_hour_that_does_not_exist_opens_at_the_change() -> None:
    early = Hours(days=tuple(range(7)), start=150, end=600, time_zone="Europe/Berlin")
    assert next_opening(early, at("2026-03-28T23:30+00:00")) == at("2026-03-29T03:00+02:00")


def test_a_holiday_is_no_working_day() -> None:
    christmas = Hours(time_zone="Europe/Berlin", holidays=(date(2026, 12, 25),))
    assert not open_at(christmas, at("2026-12-25T11:00+01:00"))
    assert next_opening(christmas, at("2026-12-24T18:00+01:00")) == at("2026-12-28T09:00+01:00")


def test_eight_business_hours_span_the_night() -> None:
    assert later(OFFICE, at("2026-03-02T16:00+01:00"), timedelta(hours=8)) == at("2026-03-03T16:00+01:00")
    assert later(OFFICE, at("2026-03-06T17:00+01:00"), timedelta(hours=4)) == at("2026-03-09T13:00+01:00")


def test_hours_that_never_come() -> None:
    never = Hours(days=())
    assert next_opening(never, at("2026-03-02T10:00+00:00")) == LATEST
    assert later(never, at("2026-03-02T10:00+00:00"), timedelta(hours=1)) == LATEST


@given(hours_of_any_kind, nights_of_change, st.integers(-2880, 2880))
def test_the_next_working_day_is_the_first_beginning_after_now(hours: Hours, near: str, minutes: int) -> None:
    now = at(near) + minutes * MINUTE
    found = next_day(hours, now)
    place = ZoneInfo(hours.time_zone)
    if found == LATEST:
        assert not hours.days
        return
    assert found > now
    days = [now.astimezone(place).date() + timedelta(days=n) for n in range((found - now).days + 2)]
    begins = [
        datetime(day.year, day.month, day.day, *divmod(hours_on(hours, day)[0], 60), tzinfo=place).astimezone(UTC)
        for day in days
        if day.weekday() in hours.days and day not in hours.holidays
    ]
    assert found == min(begin for begin in begins if begin > now)


def test_where_business_hours_never_end_a_day_still_begins() -> None:
    always = Hours(days=tuple(range(7)), start=0, end=1440)
    assert next_day(always, at("2026-03-02T10:00:00Z")) == at("2026-03-03T00:00:00Z")


def test_it_reads_like_a_sentence() -> None:
    assert str(OFFICE) == "mon-fri 09:00-17:00 Europe/Berlin"
    assert str(Hours(days=(0, 2, 6), start=0, end=1440)) == "mon, wed, sun 00:00-24:00 UTC"
    short = msgspec.structs.replace(OFFICE, others=((2, 540, 720), (4, 540, 900)))
    assert str(short) == "mon, tue, thu 09:00-17:00, wed 09:00-12:00, fri 09:00-15:00 Europe/Berlin"


def directory(**team: object) -> Directory:
    schedules = [
        Schedule(id="b", team="payments", time_zone="Asia/Tokyo"),
        Schedule(id="a", team="payments", time_zone="Europe/Berlin"),
        Schedule(id="other", time_zone="America/New_York"),
    ]
    steps = [{"targets": [{"user": "x"}, {"schedule": "other"}]}]
    return Directory.of(
        {
            "teams": [decode({"id": "payments", **team}, Team), Team(id="bare")],
            "schedules": schedules,
            "escalation_policies": [decode({"id": "p", "steps": steps}, EscalationPolicy)],
            "services": [
                Service(id="api", team="payments"),
                Service(id="bare", team="bare", escalation_policy="p"),
                Service(id="alone"),
            ],
        }
    )


def test_whose_hours_they_are() -> None:
    known = directory(business_hours={"days": ["sat"], "from": "10:00", "to": "12:00", "holidays": ["2026-12-26"]})
    assert business_hours_of(known, "api") == Hours((5,), 600, 720, "Europe/Berlin", (date(2026, 12, 26),))
    assert business_hours_of(known, "bare").time_zone == "America/New_York"
    assert business_hours_of(known, "alone") == Hours()
    assert business_hours_of(known, None) == Hours()
    named = directory(business_hours={"time_zone": "Asia/Kathmandu"})
    assert business_hours_of(named, "api") == Hours(time_zone="Asia/Kathmandu")
