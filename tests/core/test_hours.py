"""Kinds of time: every instant belongs to exactly one, and the parts add up, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracles.strategies import PLACES

from tocsin.core.business import Hours
from tocsin.core.calendar import instant, wall_of, zone
from tocsin.core.hours import CLASSES, TimeClass, joined, nights, part, pieces, split, total, without

BERLIN = Hours(time_zone="Europe/Berlin", holidays=(date(2026, 4, 6),))
HOUR = timedelta(hours=1)


def local(*parts: int, place: str) -> datetime:
    """A local time as an instant."""
    return instant(datetime(*parts), zone(place))  # type: ignore[arg-type,misc]  # noqa: DTZ001


def slow(hours: Hours, at: datetime) -> TimeClass:
    """The kind of one instant, as obvious as it can be."""
    wall = wall_of(at, zone(hours.time_zone))
    minute = wall.hour * 60 + wall.minute
    if wall.date() in hours.holidays:
        return "holiday"
    if wall.weekday() not in hours.days:
        return "weekend"
    if minute >= 22 * 60 or minute < 6 * 60:
        return "night"
    opens, closes = {day: (a, b) for day, a, b in hours.others}.get(wall.weekday(), (hours.start, hours.end))
    inside = opens <= minute < closes
    if opens >= closes:
        inside = minute >= opens or minute < closes
    return "business" if inside else "evening"


@st.composite
def spans(draw: st.DrawFn) -> tuple[Hours, datetime, datetime]:
    name, wall = draw(st.sampled_from(PLACES))
    around = instant(datetime.fromisoformat(wall), zone(name))
    start = around + timedelta(minutes=draw(st.integers(-4000, 4000)))
    days = tuple(sorted(draw(st.sets(st.integers(0, 6)))))
    opens, closes = draw(st.integers(0, 95)) * 15, draw(st.integers(0, 96)) * 15
    holidays = (around.date(),) if draw(st.booleans()) else ()
    others = tuple((day, opens // 2, closes) for day in days[:1]) if draw(st.booleans()) else ()
    return (
        Hours(days, opens, closes, name, holidays, others),
        start,
        start + timedelta(minutes=draw(st.integers(1, 9000))),
    )


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(spans())
def test_pieces_cover_the_span_without_gaps_and_are_what_the_clock_says(made: tuple[Hours, datetime, datetime]) -> None:
    hours, start, end = made
    found = list(pieces(hours, start, end))
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert total(split(hours, [(start, end)])) == end - start
    for piece in found:
        for at in (piece.start, piece.start + piece.length / 2, piece.end - timedelta(minutes=1)):
            if piece.start <= at:
                assert piece.kind == slow(hours, at), at


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))),
)
def test_time_counts_once(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """Compared with a set of minutes."""
    base = datetime(2026, 3, 1, tzinfo=UTC)

    def times(raw: list[tuple[int, int]]) -> list[tuple[datetime, datetime]]:
        return [(base + a * HOUR, base + b * HOUR) for a, b in raw]

    def minutes(raw: list[tuple[int, int]]) -> set[int]:
        return {hour for a, b in raw for hour in range(a, b)}

    assert sum(((b - a) for a, b in joined(times(one))), timedelta()) == len(minutes(one)) * HOUR
    left = without(times(one), times(other))
    assert sum(((b - a) for a, b in left), timedelta()) == len(minutes(one) - minutes(other)) * HOUR
    assert joined(left) == left


def test_a_spring_day_has_23_hours_and_an_autumn_day_25() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        start = local(day.year, day.month, day.day, place="Europe/Berlin")
        assert split(BERLIN, [(start, start + hours * HOUR)])["weekend"] == hours * HOUR
        assert list(pieces(BERLIN, start, start + hours * HOUR))[-1].day == day


def test_an_ordinary_day_a_weekend_and_a_holiday() -> None:
    monday = local(2026, 3, 2, place="Europe/Berlin")
    assert {kind: length // HOUR for kind, length in split(BERLIN, [(monday, monday + 24 * HOUR)]).items()} == {
        "business": 8, "evening": 8, "night": 8, "weekend": 0, "holiday": 0,
    }  # fmt: skip
    easter = local(2026, 4, 6, place="Europe/Berlin")
    assert split(BERLIN, [(easter, easter + 24 * HOUR)])["holiday"] == 24 * HOUR
    assert set(split(BERLIN, [])) == set(CLASSES)


def test_how_a_page_strikes() -> None:
    def at(hour: int, day: int = 2) -> datetime:
        return local(2026, 3, day, hour, place="Europe/Berlin")

    assert [part(BERLIN, at(hour)) for hour in (3, 10, 20, 23)] == ["sleep", "business", "off", "sleep"]
    assert [part(BERLIN, at(hour, 7)) for hour in (3, 10)] == ["sleep", "off"], "a Saturday"
    assert part(Hours(time_zone="America/New_York"), at(10)) == "sleep", "in the person's own zone"


def test_nights_are_counted_by_the_evening_they_begin_in() -> None:
    start = local(2026, 3, 2, 21, place="Europe/Berlin")
    assert nights(BERLIN, [(start, start + 12 * HOUR)]) == {date(2026, 3, 2)}
    assert nights(BERLIN, [(start + 4 * HOUR, start + 9 * HOUR)]) == {date(2026, 3, 2)}, (
        "02:00 belongs to the evening before"
    )
    assert nights(BERLIN, [(start, start + 4.5 * HOUR)]) == set(), "less than half is no night"
    week = [(start, start + timedelta(days=7))]
    assert len(nights(BERLIN, week)) == 7
