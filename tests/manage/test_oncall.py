"""Who is on call now, asked again and again: what is kept between two questions never changes the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from msgspec import structs
from tests.oracles.strategies import schedules

from tocsin.core import schedule as core
from tocsin.core.configuration import Layer, Schedule
from tocsin.core.directory import Directory
from tocsin.core.spelling import WallTime
from tocsin.manage.oncall import LOOK_AHEAD, Final, _on_call


@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(schedules())
def test_what_is_kept_says_what_a_fresh_look_says(made: tuple[Schedule, datetime]) -> None:
    schedule, around = made
    kept = Final.around(schedule, around)
    for hours in range(-100, 100, 7):
        at = around + timedelta(hours=hours)
        assert kept.knows(schedule, at)
        present, following = kept.look(at)
        assert present == core.on_call(schedule, at), at
        after = present.end if present else at
        fresh = next((s for s in core.shifts(schedule, after, after + LOOK_AHEAD) if s.start >= after), None)
        assert (following and (following.user, following.start)) == (fresh and (fresh.user, fresh.start)), at


def test_another_schedule_or_another_time_is_looked_at_anew() -> None:
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    schedule = Schedule(id="s")
    kept = Final.around(schedule, at)
    assert kept.knows(Schedule(id="s"), at), "read again from the database, and the same"
    assert not kept.knows(Schedule(id="s", name="New"), at)
    assert not kept.knows(schedule, at + timedelta(days=9))
    assert not kept.knows(schedule, at - timedelta(days=9))
    assert kept.look(at) == (None, None)


def test_a_shift_without_an_end_says_so_instead_of_naming_how_far_was_looked() -> None:
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    layer = Layer(id="l", users=("alice",), starts=WallTime.parse("2026-01-05T09:00"))
    alone = _on_call(Directory(), Schedule(id="s", layers=(layer,)), at, {})
    assert (alone["user"], alone["endless"], alone["next"]) == ("alice", True, None)
    two = _on_call(Directory(), Schedule(id="s", layers=(structs.replace(layer, users=("alice", "bob")),)), at, {})
    assert (two["endless"], two["next"]["user"]) == (False, "bob")
