"""Random schedules around changes of clocks, compared with the slow and obvious oracle."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from tests.oracles.schedule import Oracle
from tests.oracles.strategies import schedules

from tocsin.core.configuration import Schedule
from tocsin.core.schedule import Shift, gaps, on_call, shifts, who

SPAN = timedelta(hours=40)
MINUTE = timedelta(minutes=1)


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(schedules())
def test_the_final_schedule_is_what_the_contract_says(made: tuple[Schedule, datetime]) -> None:
    schedule, around = made
    start, end = around - SPAN, around + SPAN
    found = shifts(schedule, start, end)
    is_in_order_merged_and_without_overlap(found, start, end)
    leaves_no_instant_without_owner(schedule, start, end)
    is_the_same_when_cut_in_two(schedule, found, start, around, end)
    oracle = Oracle(schedule, end)
    minutes = {start + m * MINUTE for m in range(0, 4800, 61)}
    minutes |= {edge - m * MINUTE for s in found for edge in (s.start, s.end) for m in (0, 1)}
    for at in sorted(m for m in minutes if start <= m < end):
        assert who(schedule, at) == lookup(found, at) == oracle.person(at), at


def lookup(found: tuple[Shift, ...], at: datetime) -> tuple[str, str] | None:
    return next(((s.user, s.layer) for s in found if s.start <= at < s.end), None)


def is_in_order_merged_and_without_overlap(found: tuple[Shift, ...], start: datetime, end: datetime) -> None:
    assert all(start <= s.start < s.end <= end for s in found)
    for one, other in pairwise(found):
        assert one.end <= other.start
        assert one.end < other.start or (one.user, one.layer) != (other.user, other.layer)


def leaves_no_instant_without_owner(schedule: Schedule, start: datetime, end: datetime) -> None:
    """Where a layer without restrictions has started, there is no gap; shifts and gaps together are the whole."""
    started = [layer.starts.naive for layer in schedule.layers if not layer.restrictions]
    if started:
        begun = min(started).replace(tzinfo=start.tzinfo) + timedelta(days=3)
        assert gaps(schedule, max(start, begun), end) == ()
    pieces = [(s.start, s.end) for s in shifts(schedule, start, end)] + list(gaps(schedule, start, end))
    edges = sorted(pieces)
    assert [edges[0][0], edges[-1][1]] == [start, end]
    assert all(one[1] == other[0] for one, other in pairwise(edges))


def is_the_same_when_cut_in_two(
    schedule: Schedule, whole: tuple[Shift, ...], start: datetime, middle: datetime, end: datetime
) -> None:
    halves = shifts(schedule, start, middle) + shifts(schedule, middle, end)
    for at in {edge for s in halves for edge in (s.start, s.end)}:
        assert lookup(whole, at) == lookup(halves, at)
    if now := on_call(schedule, middle):
        assert (now.user, now.layer) == lookup(whole, middle)
        assert now.start <= middle < now.end
