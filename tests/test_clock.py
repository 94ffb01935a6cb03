"""The clock follows the database's time, and no slow answer leads it astray."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from tocsin.clock import Clock

SECOND = timedelta(seconds=1)
EXACT = timedelta(milliseconds=50)


def database_time(monotonic: float, ahead: timedelta = timedelta()) -> datetime:
    """What a database whose clock is `ahead` of ours says at a monotonic instant."""
    return datetime.now(UTC) + ahead + timedelta(seconds=monotonic - time.monotonic())


def synchronised(ahead: timedelta = timedelta()) -> Clock:
    clock, now = Clock(), time.monotonic()
    clock.synchronise(database_time(now, ahead), now - 0.001, now + 0.001)
    return clock


def error(clock: Clock, ahead: timedelta = timedelta()) -> timedelta:
    return clock.now() - database_time(time.monotonic(), ahead)


def test_it_takes_the_databases_time() -> None:
    for ahead in (timedelta(hours=-3), timedelta(), timedelta(days=400)):
        clock = synchronised(ahead)
        assert abs(error(clock, ahead)) < EXACT
        assert abs(clock.offset - ahead) < EXACT


def test_a_frozen_database_that_answers_late_does_not_make_us_early() -> None:
    clock, now = synchronised(), time.monotonic()
    assert clock.synchronise(database_time(now), now - 10, now) < EXACT
    assert abs(error(clock)) < EXACT


def test_an_answer_that_was_long_on_its_way_does_not_make_us_late() -> None:
    clock, now = synchronised(), time.monotonic()
    assert abs(clock.synchronise(database_time(now - 9.5), now - 10, now)) < EXACT
    assert abs(error(clock)) < EXACT


def test_a_first_answer_that_took_long_never_makes_us_early() -> None:
    for answered_at in (0.0, 5.0, 10.0):
        clock, now = Clock(), time.monotonic()
        ahead = timedelta(hours=1)
        clock.synchronise(database_time(now - 10 + answered_at, ahead), now - 10, now)
        assert -10 * SECOND - EXACT < error(clock, ahead) < EXACT


def test_a_databases_clock_that_is_set_is_followed_at_once() -> None:
    for step in (timedelta(minutes=-7), timedelta(minutes=7)):
        clock, now = synchronised(), time.monotonic()
        slip = clock.synchronise(database_time(now, step), now - 0.001, now + 0.001)
        assert abs(slip - step) < EXACT
        assert abs(error(clock, step)) < EXACT
