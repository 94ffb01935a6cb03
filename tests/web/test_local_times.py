"""Sentences on the timeline tell times of day as the reader's clock shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tocsin.web.local_times import in_zone

AT = datetime(2026, 11, 20, 23, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "told"),
    [
        ("late (due by 23:30 UTC)", "Europe/Berlin", "late (due by 00:30 +01:00)"),
        ("due by 00:20 UTC", "Asia/Kolkata", "due by 05:50 +05:30"),
        ("named in the message of 23:49:07 UTC", "America/New_York", "named in the message of 18:49:07 -05:00"),
        ("due by 23:30 UTC", "UTC", "due by 23:30 UTC"),
        ("by 07:30 UTC (Sat 21 Nov)", "Europe/Berlin", "by 07:30 UTC (Sat 21 Nov)"),
        ("99:30 UTC, and 12:30", "Europe/Berlin", "99:30 UTC, and 12:30"),
    ],
)
def test_times_of_day_are_told_in_the_readers_zone(text: str, zone: str, told: str) -> None:
    assert in_zone(text, AT, ZoneInfo(zone)) == told


def test_the_offset_is_the_one_of_that_moment() -> None:
    """Half an hour before the clocks go back, and the time named is after it."""
    before = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    assert (
        in_zone("by 00:50 UTC, then 01:10 UTC", before, ZoneInfo("Europe/Berlin"))
        == "by 02:50 +02:00, then 02:10 +01:00"
    )
