"""What on-call does to people, counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.business import Hours
from tocsin.core.handoff import Turn
from tocsin.core.health import WINDOW, Struck, heat, most_within, offenders, once, shifts_of, strain

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
UTC_HOURS = Hours()


def hit(hour: float, incident: int = 0, user: str = "ann", rule: str = "Disk", severity: int = 2) -> Struck:
    return Struck(
        user=user,
        at=MONDAY + hour * HOUR,
        incident=incident or int(hour * 10),
        severity=severity,
        service="api",
        rule=rule,
    )


def test_two_in_twelve_hours_are_fine_and_three_are_too_many() -> None:
    assert not strain(UTC_HOURS, [hit(9), hit(12)]).over
    assert strain(UTC_HOURS, [hit(9), hit(12), hit(20.9)]).over
    assert not strain(UTC_HOURS, [hit(9), hit(12), hit(21)]).over, "twelve hours later is another shift"


def test_paged_twice_for_one_incident_is_struck_once() -> None:
    found = strain(UTC_HOURS, [hit(9, 7), hit(9.2, 7), hit(9.4, 7), hit(9.5, 8)])
    assert (found.incidents, found.worst) == (2, 2)


def test_the_day_is_the_persons_own() -> None:
    strikes = [hit(3), hit(10), hit(20)]
    assert strain(UTC_HOURS, strikes).by_part == {"business": 1, "off": 1, "sleep": 1}
    assert strain(Hours(time_zone="America/New_York"), strikes).by_part == {"business": 1, "off": 0, "sleep": 2}


def test_two_disturbed_nights_are_painful_one_is_not() -> None:
    assert not strain(UTC_HOURS, [hit(23), hit(28)]).painful, "one night, although on two days"
    found = strain(UTC_HOURS, [hit(23), hit(47)])
    assert (found.nights, found.over, found.painful) == (2, False, True)


def test_the_worst_alerts_are_those_that_wake() -> None:
    strikes = [hit(10, rule="Loud"), hit(11, rule="Loud"), hit(3, rule="Nightly")]
    found = offenders({"ann": UTC_HOURS}, strikes)
    assert [(one.rule, one.strikes, one.asleep) for one in found] == [("Nightly", 1, 1), ("Loud", 2, 0)]


def test_the_map_has_every_strike_once() -> None:
    cells = heat(UTC_HOURS, [hit(3), hit(3.5), hit(27), hit(3.7, 35)])
    assert (cells[0][3], cells[1][3]) == (2, 1)
    assert sum(map(sum, cells)) == 3


def test_a_long_turn_is_looked_at_week_by_week() -> None:
    turn = Turn("ann", MONDAY, MONDAY + timedelta(days=17))
    assert [(one.end - one.start).days for one in shifts_of([turn])] == [7, 7, 3]
    week = Turn("ann", MONDAY, MONDAY + timedelta(days=7, hours=1))
    assert shifts_of([week]) == [week], "a week in which clocks change"


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(st.lists(st.integers(0, 4000), max_size=30))
def test_the_most_within_a_window_is_what_a_slow_look_finds(minutes: list[int]) -> None:
    times = sorted(MONDAY + timedelta(minutes=minute) for minute in minutes)
    slow = max((sum(at <= other < at + WINDOW for other in times) for at in times), default=0)
    assert most_within(times, WINDOW) == slow
    strikes = [
        Struck(user="ann", at=at, incident=n + 1, severity=1, service="", rule="x") for n, at in enumerate(times)
    ]
    found = strain(UTC_HOURS, strikes)
    assert sum(found.by_part.values()) == sum(found.by_severity.values()) == found.incidents == len(once(strikes))
