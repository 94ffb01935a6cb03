"""Random schedules around moments at which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tocsin.core.configuration import Layer, Override, Restriction, Rotation, Schedule
from tocsin.core.spelling import WEEKDAYS, ClockTime, WallTime

PLACES = [
    ("UTC", "2026-06-01T00:00"),
    ("Asia/Kolkata", "2026-02-28T00:00"),
    ("Europe/Berlin", "2026-03-29T02:00"),
    ("Europe/Berlin", "2026-10-25T02:00"),
    ("Europe/Dublin", "2028-03-26T01:00"),  # winter time is the exception there
    ("America/New_York", "2026-03-08T02:00"),
    ("America/New_York", "2026-11-01T01:00"),
    ("America/Havana", "2026-03-08T00:00"),  # midnight does not exist
    ("America/Havana", "2026-11-01T00:00"),  # midnight happens twice
    ("Australia/Lord_Howe", "2026-04-05T01:30"),  # half an hour
    ("Australia/Lord_Howe", "2026-10-04T02:00"),
    ("Antarctica/Troll", "2026-03-29T01:00"),  # two hours
    ("Antarctica/Troll", "2026-10-25T01:00"),
    ("Africa/Casablanca", "2026-02-15T02:00"),  # Ramadan: back, and five weeks later forward
    ("Africa/Casablanca", "2026-03-22T02:00"),
    ("Pacific/Chatham", "2026-09-27T02:45"),
    ("Pacific/Apia", "2011-12-30T00:00"),  # a whole day does not exist
]
"""(time zone, local time of interest)"""

names = st.sampled_from(["ann", "ben", "cho", "dia"])
clock_times = st.integers(0, 95).map(lambda quarter: ClockTime(quarter * 15)) | st.integers(0, 1440).map(ClockTime)
restrictions = st.builds(
    Restriction,
    start=clock_times,
    end=clock_times,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True).map(tuple),
)


def walls(around: datetime, minutes: int) -> st.SearchStrategy[WallTime]:
    """Local times up to `minutes` before or after."""
    near = st.integers(-180, 180) | st.integers(-minutes, minutes)
    return near.map(lambda offset: WallTime(around + timedelta(minutes=offset)))


def layers(around: datetime) -> st.SearchStrategy[Layer]:
    def made(rotation: Rotation) -> st.SearchStrategy[Layer]:
        turns = {"hour": 48, "day": 12, "week": 6, "month": 30}[rotation.unit]
        length = {"hour": 60, "day": 1440, "week": 10080, "month": 44640}[rotation.unit]
        # The start lies some turns before the moment of interest, so that a handover falls near it.
        starts = st.tuples(st.integers(0, turns), walls(around, 3000)).map(
            lambda drawn: WallTime(drawn[1].naive - timedelta(minutes=drawn[0] * length))
        )
        return st.builds(
            Layer,
            id=st.sampled_from(["base", "night", "extra"]),
            users=st.lists(names, min_size=1, max_size=4).map(tuple),
            starts=starts,
            rotation=st.just(rotation),
            restrictions=st.lists(restrictions, max_size=2).map(tuple),
        )

    units = st.sampled_from(["hour", "day", "week", "month"])
    return st.builds(Rotation, every=st.integers(1, 3), unit=units).flatmap(made)


def overrides(around: datetime) -> st.SearchStrategy[Override]:
    both = st.tuples(walls(around, 3000), walls(around, 3000))
    return st.builds(lambda user, pair: Override(user=user, start=min(pair), end=max(pair)), names, both)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    """A schedule with up to three layers and four overrides, and an instant at which it is interesting."""
    zone, moment = draw(st.sampled_from(PLACES))
    around = datetime.fromisoformat(moment)
    made = Schedule(
        id="s",
        time_zone=zone,
        layers=tuple(draw(st.lists(layers(around), min_size=1, max_size=3, unique_by=lambda layer: layer.id))),
        overrides=tuple(draw(st.lists(overrides(around), max_size=4))),
    )
    return made, around.replace(tzinfo=UTC)
