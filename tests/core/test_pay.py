"""Pay: every hour once, in the person's own zone, in exact decimals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracles.strategies import PLACES

from tocsin.core.business import Hours
from tocsin.core.errors import Invalid
from tocsin.core.hours import Span, joined, without
from tocsin.core.load import OnDuty, length
from tocsin.core.pay import Call, InForce, Rates, Statement, check_rates, period, statement, worked

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
RATES = Rates(
    idle={"business": "0", "evening": "3", "night": "5", "weekend": "4", "holiday": "10"},
    paged={"business": "0", "evening": "30", "night": "50", "weekend": "40", "holiday": "100"},
)
EVERY = [InForce(date(2020, 1, 1), RATES)]


def duty(*primary: tuple[float, float], secondary: tuple[tuple[float, float], ...] = ()) -> OnDuty:
    first = joined((MONDAY + a * HOUR, MONDAY + b * HOUR) for a, b in primary)
    second = joined((MONDAY + a * HOUR, MONDAY + b * HOUR) for a, b in secondary)
    return OnDuty(primary=first, secondary=without(second, first))


def of(on_duty: OnDuty, *calls: Call, hours: Hours | None = None, now: datetime = LATER, **more: date) -> Statement:
    first, last = more.get("first", date(2026, 3, 1)), more.get("last", date(2026, 4, 1))
    return statement("ann", hours or Hours(), on_duty, calls, EVERY, first, last, now)


def call(hour: float, lasts: float | None = 1.0, answered: bool = True) -> Call:
    at = MONDAY + hour * HOUR
    return Call(at, None if lasts is None else at + lasts * HOUR, answered)


def test_a_day_of_waiting() -> None:
    found = of(duty((0, 24)))
    assert {(line.kind, line.work): (line.hours, line.amount) for line in found.lines} == {
        ("business", "idle"): (Decimal(8), Decimal(0)),
        ("evening", "idle"): (Decimal(8), Decimal(24)),
        ("night", "idle"): (Decimal(8), Decimal(40)),
    }
    assert found.totals == {"EUR": Decimal(64)}


def test_paged_time_is_no_waiting_time_and_earns_time_off_at_night() -> None:
    found = of(duty((0, 24)), call(2, 1.1))
    lines = {(line.kind, line.work): line for line in found.lines}
    assert lines["night", "paged"].amount == Decimal("55.00")
    assert lines["night", "idle"].hours == Decimal("6.9")
    assert (found.nights_worked, found.lieu, found.calls) == (1, Decimal("1.25"), 1)
    assert of(duty((0, 24)), call(10)).lieu == 0, "by day"


def test_secondary_time_is_paid_in_part_and_never_beside_primary_time() -> None:
    found = of(duty((20, 21), secondary=((20, 22),)))
    assert found.totals == {"EUR": Decimal("3.90")}


def test_a_page_counts_at_least_half_an_hour_and_whoever_did_not_answer_was_only_woken() -> None:
    assert length(worked([call(3, 0.1)], 0.5 * HOUR, LATER)) == 0.5 * HOUR
    assert length(worked([call(3, 5, answered=False)], 0.5 * HOUR, LATER)) == 0.5 * HOUR
    assert length(worked([call(3, None)], 0.5 * HOUR, MONDAY + 5 * HOUR)) == 2 * HOUR, "it goes on"
    assert length(worked([call(3, 40)], 0.5 * HOUR, LATER)) == 12 * HOUR
    assert length(worked([call(3, 2), call(4, 2)], 0.5 * HOUR, LATER)) == 3 * HOUR, "two at once are one time"


def test_new_rates_hold_from_their_day_on_and_what_was_before_stays() -> None:
    every = [*EVERY, InForce(date(2026, 3, 3), Rates(idle={"night": "7"}))]
    found = statement("ann", Hours(), duty((22, 30)), [], every, date(2026, 3, 1), date(2026, 4, 1), LATER)
    assert found.totals == {"EUR": Decimal(2 * 5 + 6 * 7)}


def test_the_least_that_a_page_counts_is_that_of_its_own_day() -> None:
    """So that a month is what its two halves are."""
    every = [*EVERY, InForce(date(2026, 3, 3), Rates(paged={"night": "60"}, least_minutes=60))]
    calls = [call(3, 0.1), call(27, 0.1)]  # at three in the night of the 2nd, and of the 3rd
    whole = statement("ann", Hours(), duty(), calls, every, date(2026, 3, 1), date(2026, 4, 1), LATER)
    assert whole.totals == {"EUR": Decimal(25 + 60)}


def test_what_has_not_happened_is_not_paid() -> None:
    assert of(duty((0, 24)), now=MONDAY + 9 * HOUR).totals == {"EUR": Decimal(6 * 5 + 3 * 3)}
    assert of(duty((0, 24)), now=MONDAY - 72 * HOUR).lines == ()


def test_amounts_are_exact() -> None:
    rates = [InForce(date(2020, 1, 1), Rates(idle={"night": "0.1"}))]
    found = statement("ann", Hours(), duty((22, 25)), [], rates, date(2026, 3, 1), date(2026, 4, 1), LATER)
    assert str(found.totals["EUR"]) == "0.30"


def test_wrong_rates_are_refused_by_field() -> None:
    for wrong, pointer in (
        (Rates(currency="euro"), "/currency"), (Rates(idle={"night": "1,5"}), "/idle/night"),
        (Rates(paged={"night": "-5"}), "/paged/night"), (Rates(secondary_percent=101), "/secondary_percent"),
        (Rates(idle={"night": "1e9"}), "/idle/night"), (Rates(least_minutes=-1), "/least_minutes"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            check_rates(wrong)
        assert refused.value.pointer == pointer
    check_rates(RATES)


spans = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), max_size=6)


def times(raw: list[tuple[int, int]], base: datetime) -> list[Span]:
    return joined((base + timedelta(minutes=a * 10), base + timedelta(minutes=b * 10)) for a, b in raw)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    st.sampled_from(PLACES),
    spans,
    spans,
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 200), st.booleans()), max_size=5),
)
def test_every_instant_counts_once_and_periods_share_nothing(
    place: tuple[str, str],
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
    paged: list[tuple[int, int, bool]],
) -> None:
    name, wall = place
    base = datetime.fromisoformat(wall).replace(tzinfo=UTC) - timedelta(days=3)
    hours = Hours(time_zone=name)
    primary = times(first, base)
    on_duty = OnDuty(primary=primary, secondary=without(times(second, base), primary))
    calls = [
        Call(base + timedelta(minutes=10 * a), base + timedelta(minutes=10 * (a + b)), said) for a, b, said in paged
    ]
    days = [base.date() + timedelta(days=n) for n in (-2, 4, 5, 12)]
    whole = statement("ann", hours, on_duty, calls, EVERY, days[0], days[-1], LATER)
    start, end = period(hours, days[0], days[-1])
    union = joined([*primary, *on_duty.secondary, *worked(calls, timedelta(minutes=30), LATER)])
    inside = joined((max(a, start), min(b, end)) for a, b in union)
    assert sum(line.seconds for line in whole.lines) == length(inside).total_seconds()
    parts = [statement("ann", hours, on_duty, calls, EVERY, a, b, LATER) for a, b in pairwise(days)]
    assert sum(line.seconds for part in parts for line in part.lines) == sum(line.seconds for line in whole.lines)
    assert sum(whole.totals.values(), Decimal(0)) == sum((line.amount for line in whole.lines), Decimal(0))
    assert whole.lieu <= Decimal(whole.asleep.total_seconds()) / 3600 + Decimal("0.25")
