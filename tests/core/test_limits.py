"""Is a schedule kind to its people, and who carries how much?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from tests.oracles.strategies import schedules

from tocsin.core.configuration import KINDS, Schedule
from tocsin.core.directory import Directory
from tocsin.core.hours import total
from tocsin.core.limits import Breach, breaches, check
from tocsin.core.load import Load, duties, duty_of, length, loads
from tocsin.core.past_duty import Past, duties_then, shifts_then
from tocsin.core.schedule import shifts
from tocsin.core.spelling import decode

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
FOUR_WEEKS = START, START + timedelta(days=28)


def organisation(primary: dict[str, Any], secondary: dict[str, Any] | None = None) -> Directory:
    """Two schedules of one policy; a layer needs only what is special about it."""
    made = []
    for id, special in (("primary", primary), ("secondary", secondary)):
        if special is not None:
            outside = {name: special[name] for name in ("limits", "overrides") if name in special}
            inside = {name: value for name, value in special.items() if name not in outside}
            layer = {"id": "weekly", "starts": "2026-01-05T09:00", **inside}
            made.append({"id": id, "layers": [layer], **outside})
    steps = [{"targets": [{"schedule": "primary"}]}]
    steps += [{"after": "10m", "targets": [{"schedule": "secondary"}]}] if secondary else []  # type: ignore[dict-item]
    raw: dict[str, list[Any]] = {
        "users": [{"id": name, "name": name.title()} for name in ("ann", "ben", "cho", "dia")],
        "schedules": made,
        "escalation_policies": [{"id": "policy", "steps": steps}],
    }
    return Directory.of({kind: [decode(one, struct) for one in raw.get(kind, [])] for kind, struct in KINDS.items()})


def carried(directory: Directory, schedules: list[str], start: datetime, end: datetime) -> list[Load]:
    return loads(directory, schedules, duties(directory, schedules, start, end))


def found(directory: Directory, schedule: str = "primary", **more: Any) -> list[Breach]:
    return breaches(directory, schedule, *FOUR_WEEKS, **more)


def test_a_week_on_and_a_week_off_is_fine_also_when_clocks_change() -> None:
    assert found(organisation({"users": ["ann", "ben"]})) == []
    assert check(organisation({"users": ["ann", "ben", "cho"]}), *FOUR_WEEKS) == []


def test_who_is_alone_is_on_call_for_too_long_and_too_many_nights() -> None:
    rules = {breach.rule for breach in found(organisation({"users": ["ann"]}))}
    assert rules == {"turn_too_long", "too_many_nights"}


def test_whoever_has_only_the_days_has_no_nights() -> None:
    """As when schedules follow the sun: each day is a shift of its own, and the nights between them are somebody else's."""
    days = {"users": ["ann"], "restrictions": [{"from": "06:00", "to": "14:00"}]}
    assert {breach.rule for breach in found(organisation(days))} == {"turn_too_long"}
    late = {"users": ["ann"], "restrictions": [{"from": "20:00", "to": "04:00"}]}
    assert "too_many_nights" in {breach.rule for breach in found(organisation(late))}


def test_two_weeks_at_a_time_are_too_long_unless_the_limit_says_so() -> None:
    two = {"users": ["ann", "ben"], "rotation": {"every": 2, "unit": "week"}}
    long = [b.sentence for b in found(organisation(two)) if b.rule == "turn_too_long"]
    assert {sentence.split(";")[0] for sentence in long} == {
        f"{name} is on call for 14 days at a stretch" for name in ("Ann", "Ben")
    }
    assert found(organisation({**two, "limits": {"longest": "14d", "nights": "14"}})) == []


def test_off_for_a_day_after_a_week_is_too_short() -> None:
    override = {"user": "ann", "from": "2026-03-17T09:00", "to": "2026-03-19T09:00"}
    directory = organisation({"users": ["ben", "ann"], "overrides": [override]})
    rest = [(b.user, b.end - b.start) for b in found(directory) if b.rule == "rest_too_short"]
    assert ("ann", timedelta(days=1)) in rest


def test_days_in_turn_are_fine() -> None:
    assert found(organisation({"users": ["ann", "ben"], "rotation": {"unit": "day"}})) == []


def test_secondary_right_before_primary_is_warned_of_and_a_backup_that_follows_may_be_meant() -> None:
    ahead = {"users": ["ben", "cho", "ann"]}
    first = organisation({"users": ["ann", "ben", "cho"]}, ahead)
    (rules,) = ({breach.rule for breach in found(first)},)
    assert rules == {"secondary_next_to_primary"}
    assert "right before being primary: 14 days in a row" in found(first)[0].sentence
    assert "if it is meant so" not in found(first)[0].fix, "saying so would mend nothing"
    behind = {"users": ["cho", "ann", "ben"]}
    assert {b.rule for b in found(organisation({"users": ["ann", "ben", "cho"]}, behind))} == {
        "secondary_next_to_primary"
    }
    meant = {"users": ["ann", "ben", "cho"], "limits": {"backup_follows_primary": "true"}}
    assert found(organisation(meant, behind)) == []
    assert found(organisation(meant, ahead)) != [], "before is not meant"
    apart = {"users": ["ann", "ben", "cho", "dia"]}, {"users": ["cho", "dia", "ann", "ben"]}
    assert found(organisation(*apart)) == []


def test_secondary_time_alone_breaks_no_week() -> None:
    directory = organisation({"users": ["ann", "ben"]}, {"users": ["cho"], "limits": {"nights": "0"}})
    assert breaches(directory, "secondary", *FOUR_WEEKS) == []


def test_after_a_page_at_night_somebody_should_rest() -> None:
    directory = organisation({"users": ["ann", "ben"]})
    at = START + timedelta(days=1, hours=18)
    (breach,) = found(directory, night_pages=[("ann", at), ("ann", at + timedelta(minutes=20)), ("ben", at)])
    assert (breach.rule, breach.user, breach.end - breach.start) == ("no_rest_after_night", "ann", timedelta(hours=8))
    assert found(directory, night_pages=[("ann", at + timedelta(hours=8))]) == [], "by day"
    off = organisation({"users": ["ann", "ben"], "limits": {"rest_after_night_page": "0s"}})
    assert found(off, night_pages=[("ann", at)]) == []


def test_loads_add_up_and_secondary_counts_for_less() -> None:
    directory = organisation({"users": ["ann", "ben"]}, {"users": ["ben", "cho"]})
    assert (duty_of(directory, "primary"), duty_of(directory, "secondary")) == ("primary", "secondary")
    loaded = {load.user: load for load in carried(directory, ["primary", "secondary"], *FOUR_WEEKS)}
    assert (loaded["ann"].primary, loaded["ann"].secondary) == (timedelta(days=14), timedelta())
    assert loaded["cho"].weighted == timedelta(days=14) * 0.3
    assert loaded["ben"].nights == 28
    assert (loaded["ben"].weekends, loaded["ann"].weekends) == (4, 2)
    assert sum((load.primary for load in loaded.values()), timedelta()) == timedelta(days=28)


def test_on_call_in_two_schedules_at_once_counts_once() -> None:
    directory = organisation({"users": ["ann"]}, {"users": ["ann"]})
    (load,) = carried(directory, ["primary", "secondary"], *FOUR_WEEKS)
    assert (load.primary, load.secondary, total(load.hours)) == (timedelta(days=28), timedelta(), timedelta(days=28))


@settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(schedules(), schedules())
def test_the_hours_of_everybody_are_those_of_the_schedules(
    one: tuple[Schedule, datetime], other: tuple[Schedule, datetime]
) -> None:
    (first, around), (second, _) = one, other
    start, end = around - timedelta(days=3), around + timedelta(days=4)
    both = Directory.of({"schedules": [decode_as("one", first), decode_as("two", second)]})
    alone = duties(both, ["one"], start, end)
    assert sum((length(duty.spans) for duty in alone.values()), timedelta()) == sum(
        (s.end - s.start for s in shifts(first, start, end)), timedelta()
    )
    assert duties_then(Past.of(both), ["one", "two"], start, end) == duties(both, ["one", "two"], start, end)
    cut = [(around - timedelta(days=9), first), (around, first)]
    assert shifts_then(cut, start, end) == list(shifts(first, start, end)), (
        "a version that changes nothing cuts no shift"
    )
    for load in carried(both, ["one", "two"], start, end):
        assert total(load.hours) == load.primary + load.secondary <= end - start


def decode_as(id: str, schedule: Schedule) -> Schedule:
    return Schedule(id=id, time_zone=schedule.time_zone, layers=schedule.layers, overrides=schedule.overrides)
