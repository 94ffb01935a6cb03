"""Is a job alive? The states, cron expressions over changes of clocks, and outages of our own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import Invalid
from tocsin.core.heartbeat import Facts, Ping, after_ping, check_cron, kind_of, look, next_time
from tocsin.core.planned import Heartbeat
from tocsin.core.spelling import decode

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUN, OTHER = UUID(int=1), UUID(int=2)


def beat(**fields: Any) -> Heartbeat:
    given = {"id": "h", "service": "api", "key": "k" * 16, "grace": "10m", **fields}
    return decode(given if "cron" in given else {"period": "1h", **given}, Heartbeat)


def state(facts: Facts, minutes: float, **fields: Any) -> str:
    return look(beat(**fields), facts, [], NOW + minutes * MINUTE).state


def test_the_states_in_their_order() -> None:
    pinged = Facts(last_at=NOW)
    assert [state(pinged, m) for m in (0, 59.9, 60, 69.9, 70, 1000)] == ["up", "up", "late", "late", "down", "down"]
    assert state(Facts(), 10_000) == "new"
    assert state(Facts(last_at=NOW, failed=True), 1) == "down"
    assert state(Facts(last_at=NOW, paused=True), 1000) == "paused"
    started = Facts(last_at=NOW, started_at=NOW + 30 * MINUTE)
    assert [state(started, m) for m in (31, 39.9, 40)] == ["started", "started", "down"]
    assert state(Facts(started_at=NOW), 5) == "started", "the first thing that it ever said"


def test_down_comes_exactly_when_it_was_foretold() -> None:
    for facts in (Facts(last_at=NOW), Facts(last_at=NOW, started_at=NOW + 55 * MINUTE), Facts(started_at=NOW)):
        seen = look(beat(), facts, [], NOW + 56 * MINUTE if facts.started_at != NOW else NOW)
        assert seen.down_at is not None
        assert look(beat(), facts, [], seen.down_at).state == "down"
        assert look(beat(), facts, [], seen.down_at - timedelta(seconds=1)).state != "down"


def test_what_pings_do() -> None:
    facts = after_ping(Facts(), Ping(at=NOW, kind="start", rid=RUN))
    assert (facts.started_at, facts.last_at) == (NOW, None)
    assert after_ping(facts, Ping(at=NOW, kind="log")) == facts
    assert after_ping(facts, Ping(at=NOW, kind="success", rid=OTHER)).started_at == NOW, "another run goes on"
    assert after_ping(facts, Ping(at=NOW, kind="success", rid=RUN)) == Facts(last_at=NOW)
    assert after_ping(facts, Ping(at=NOW, kind="success")) == Facts(last_at=NOW)
    assert after_ping(facts, Ping(at=NOW, kind="fail", rid=OTHER)) == Facts(last_at=NOW, failed=True)
    assert after_ping(Facts(last_at=NOW, failed=True), Ping(at=NOW, kind="success")) == Facts(last_at=NOW)
    assert not after_ping(Facts(paused=True), Ping(at=NOW, kind="success")).paused


def test_exit_statuses() -> None:
    said = [
        kind_of(None, None),
        kind_of("start", None),
        kind_of("fail", None),
        kind_of("log", None),
        kind_of("0", 0),
        kind_of("7", 7),
    ]
    assert said == ["success", "start", "fail", "log", "success", "fail"]


def test_cron_in_its_zone_over_changes_of_clocks() -> None:
    nightly = beat(cron="30 2 * * *", time_zone="Europe/Berlin")
    at, seen = datetime(2026, 3, 27, 12, tzinfo=UTC), []
    for _ in range(3):
        at = next_time(nightly, at)
        seen.append(f"{at:%d %H:%M}")
    assert seen == ["28 01:30", "29 01:00", "30 00:30"], "02:30 does not exist on the 29th: at 03:00 on the wall"
    assert next_time(nightly, datetime(2026, 10, 25, 0, 45, tzinfo=UTC)) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "@daily", "a b c d e", "9" * 6000 + " * * * *"]
)
def test_what_is_no_cron_expression_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid):
        check_cron(text)


def test_good_cron_expressions() -> None:
    for text in ("* * * * *", "*/5 8-18 * * MON-FRI", "0 4 L * *", "15 3 1,15 * *"):
        check_cron(text)


MOMENTS = st.integers(0, 400).map(lambda minutes: NOW + minutes * MINUTE)


@settings(max_examples=200)
@given(
    last=MOMENTS,
    at=MOMENTS,
    begins=MOMENTS,
    lasts=st.integers(1, 200),
    period=st.integers(1, 120),
    grace=st.integers(1, 60),
)
def test_an_outage_never_makes_it_worse_and_never_excuses_for_ever(
    last: datetime, at: datetime, begins: datetime, lasts: int, period: int, grace: int
) -> None:
    one = beat(period=f"{period}m", grace=f"{grace}m")
    outage = (begins, begins + lasts * MINUTE)
    order = ["up", "late", "down"]
    plain, excused = look(one, Facts(last_at=last), [], at), look(one, Facts(last_at=last), [outage], at)
    assert order.index(excused.state) <= order.index(plain.state)
    over = max(last, outage[1]) + (period + grace) * MINUTE
    assert look(one, Facts(last_at=last), [outage], over).state == "down"


@settings(max_examples=200)
@given(last=MOMENTS, begins=MOMENTS, lasts=st.integers(1, 200), period=st.integers(1, 120), grace=st.integers(1, 60))
def test_a_job_that_pings_as_promised_whenever_we_run_is_never_down(
    last: datetime, begins: datetime, lasts: int, period: int, grace: int
) -> None:
    one = beat(period=f"{period}m", grace=f"{grace}m")
    outage = (begins, begins + lasts * MINUTE)
    heard, at = last, last
    while at < last + timedelta(minutes=900):
        if outage[0] <= at < outage[1]:
            pass  # nobody of us ran: neither was it heard nor did anybody look
        else:
            assert look(one, Facts(last_at=heard), [outage] if at >= outage[1] else [], at).state != "down"
            heard = at
        at += period * MINUTE
