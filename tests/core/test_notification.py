"""How one person is told: which methods, what waits, what rings together, how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.configuration import User
from tocsin.core.notification import (
    Choice,
    Ring,
    Waiting,
    choose,
    is_calm,
    limit_of,
    plan,
    quiet_until,
    subscribed,
)
from tocsin.core.spelling import decode

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def user(**fields: Any) -> User:
    return decode({"id": "alice", **fields}, User)


def waiting(id: int = 1, severity: int = 1, at: float = 0, **more: Any) -> Waiting:
    fields = {"urgency": "high" if severity <= 2 else "low", "first": True, **more}
    return Waiting(id, severity, since=NOW + timedelta(seconds=at), **fields)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


# --- methods ----------------------------------------------------------------------------------------------------------

METHODS = [{"id": "mail", "type": "email", "address": "a@example.com"}, {"id": "sms", "type": "sms", "number": "+49"}]


def unverified(*names: str, **fields: Any) -> User:
    made = user(contact_methods=METHODS, **fields)
    for method in made.contact_methods:
        method.verified = method.id not in names
    return made


@pytest.mark.parametrize(
    ("names", "urgency", "expected"),
    [
        ((), "high", ["mail", "sms"]), ((), "low", ["mail"]), (("sms",), "high", ["mail"]), (("mail",), "low", ["sms"]),
        (("mail", "sms"), "high", []),
    ],
)  # fmt: skip
def test_a_method_that_is_not_verified_is_never_used(names: tuple[str, ...], urgency: Any, expected: list[str]) -> None:
    assert [method.id for _, method in plan(unverified(*names), urgency)] == expected


def test_written_rules_leave_out_what_is_not_verified() -> None:
    rules = {"high": [{"method": "sms"}, {"after": "2m", "method": "mail"}]}
    found = plan(unverified("sms", notification_rules=rules), "high")
    assert [(int(after), method.id) for after, method in found] == [(120, "mail")]


def test_updates_go_to_verified_methods_that_were_chosen() -> None:
    assert [m.id for m in subscribed(unverified(updates=["sms"]))] == ["sms"]
    assert subscribed(unverified("sms", updates=["sms"])) == []
    assert subscribed(unverified()) == []


# --- quiet hours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "quiet", "now", "until"),
    [
        ("UTC", {"from": "22:00", "to": "07:00"}, "2026-03-02T23:00", "2026-03-03T07:00"),
        ("UTC", {"from": "22:00", "to": "07:00"}, "2026-03-03T06:59:59", "2026-03-03T07:00"),
        ("UTC", {"from": "22:00", "to": "07:00"}, "2026-03-03T07:00", None),
        ("UTC", {"from": "22:00", "to": "07:00"}, "2026-03-02T21:59:59", None),
        ("UTC", {"from": "12:00", "to": "13:00"}, "2026-03-02T12:30", "2026-03-02T13:00"),
        ("Asia/Tokyo", {"from": "22:00", "to": "07:00"}, "2026-03-02T13:00", "2026-03-02T22:00"),
        # `days` names the day on which a window begins: Friday night is quiet, the night after Sunday is not
        ("UTC", {"from": "22:00", "to": "07:00", "days": ["fri"]}, "2026-03-07T03:00", "2026-03-07T07:00"),
        ("UTC", {"from": "22:00", "to": "07:00", "days": ["fri"]}, "2026-03-09T03:00", None),
        # windows that follow each other without a gap are one
        ("UTC", {"from": "00:00", "to": "24:00", "days": ["sat", "sun"]}, "2026-03-07T10:00", "2026-03-09T00:00"),
        # spring forward: 02:30 does not exist and means 03:30 by the old offset; autumn: the first passing
        ("Europe/Berlin", {"from": "22:00", "to": "02:30"}, "2026-03-29T00:00", "2026-03-29T01:30"),
        ("Europe/Berlin", {"from": "22:00", "to": "02:30"}, "2026-10-24T23:00", "2026-10-25T00:30"),
        ("Europe/Berlin", {"from": "22:00", "to": "07:00"}, "2026-03-28T23:00", "2026-03-29T05:00"),
    ],
)  # fmt: skip
def test_quiet_hours_are_read_on_the_persons_wall_clock(
    zone: str, quiet: dict[str, Any], now: str, until: str | None
) -> None:
    found = quiet_until(user(time_zone=zone, quiet_hours=quiet), datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)


def test_without_quiet_hours_nothing_is_quiet() -> None:
    assert quiet_until(user(), NOW) is None


QUIET = {"from": "09:00", "to": "11:00"}


def test_only_low_urgency_waits_for_the_end_of_quiet_hours() -> None:
    sleeper = user(quiet_hours=QUIET)
    found = choose(sleeper, "sms", [waiting(1, 3), waiting(2, 1), waiting(3, 2, first=False)], [], None, NOW)
    assert found == Choice((2, 3), (), ((1, at(3600), "quiet"),), True)


def test_the_first_page_of_a_sev2_is_not_held_back_by_quiet_hours_whatever_its_urgency() -> None:
    found = choose(user(quiet_hours=QUIET), "sms", [waiting(1, 2, urgency="low")], [], None, NOW)
    assert found.send == (1,)


# --- company ----------------------------------------------------------------------------------------------------------


def test_small_ones_wait_a_minute_for_company_from_when_the_first_was_due() -> None:
    found = choose(user(), "sms", [waiting(1, 3, -40), waiting(2, 3, -10)], [], None, NOW)
    assert found.wait == ((1, at(20), "bundle"), (2, at(20), "bundle"))
    later = choose(user(), "sms", [waiting(1, 3, -60), waiting(2, 3, -10)], [], None, NOW)
    assert later.send == (1, 2)
    assert not later.urgent


def test_whoever_comes_later_joins_those_who_wait() -> None:
    found = choose(user(), "sms", [waiting(3, 3)], [], None, NOW, company=at(15))
    assert found.wait == ((3, at(15), "bundle"),)


def test_a_pressing_one_takes_all_along_the_worst_first() -> None:
    found = choose(user(), "sms", [waiting(1, 3, -5), waiting(2, 2), waiting(3, 1)], [], None, NOW)
    assert found == Choice((3, 2, 1), (), (), True)


def test_a_later_page_of_a_great_incident_waits_only_where_the_phone_just_rang() -> None:
    again = waiting(1, 1, first=False)
    assert choose(user(), "sms", [again], [], None, NOW).send == (1,)
    assert choose(user(), "sms", [again], [], at(-61), NOW).send == (1,)
    assert choose(user(), "sms", [again], [], at(-20), NOW).wait == ((1, at(40), "bundle"),)


def test_who_was_told_a_moment_ago_is_not_told_again_for_another_page() -> None:
    assert choose(user(), "sms", [waiting(1, 1, first=False, told_at=at(-20))], [], at(-20), NOW).told == (1,)
    assert choose(user(), "sms", [waiting(1, 1, first=False, told_at=at(-70))], [], at(-70), NOW).send == (1,)
    assert choose(user(), "sms", [waiting(1, 1, told_at=at(-20))], [], at(-20), NOW).send == (1,), (
        "a page that is the first"
    )
    asked = waiting(1, 1, first=False, told_at=at(-20), asked=True)
    assert choose(user(), "sms", [asked], [], at(-20), NOW).wait == ((1, at(40), "bundle"),), "somebody asks for them"


# --- limits -----------------------------------------------------------------------------------------------------------


def test_defaults_are_sensible_and_a_persons_own_limit_counts_more() -> None:
    assert [limit_of(user(), type).count for type in ("voice", "sms", "webpush")] == [5, 10, 20]
    assert limit_of(user(limits=[{"type": "sms", "count": 2, "within": "1h"}]), "sms").count == 2


def test_beyond_the_limit_one_waits_until_the_phone_may_ring_again() -> None:
    tired = user(limits=[{"type": "sms", "count": 2}])
    rings = [Ring(at(-500), False), Ring(at(-300), False), Ring(at(-700), False)]
    found = choose(tired, "sms", [waiting(1, 3, -60)], rings, at(-300), NOW)
    assert found.wait == ((1, at(100), "limit"),)


def test_small_things_never_use_up_what_great_ones_need() -> None:
    tired = user(limits=[{"type": "sms", "count": 1}])
    assert choose(tired, "sms", [waiting(1, 1)], [Ring(at(-5), False)], at(-5), NOW).send == (1,)
    assert choose(tired, "sms", [waiting(1, 1)], [Ring(at(-5), True)], at(-5), NOW).wait == ((1, at(55), "limit"),)


def test_the_limit_keeps_great_ones_a_minute_apart_and_no_more() -> None:
    tired = user(limits=[{"type": "sms", "count": 1}])
    assert choose(tired, "sms", [waiting(1, 1)], [Ring(at(-60), True)], at(-60), NOW).send == (1,)
    assert choose(tired, "sms", [waiting(1, 3, -60)], [Ring(at(-60), True)], at(-60), NOW).wait == (
        (1, at(540), "limit"),
    )
    single = user(limits=[{"type": "sms", "count": 1}], bundling={"within": "0s"})
    assert choose(single, "sms", [waiting(1, 1)], [Ring(at(-5), True)], at(-5), NOW).send == (1,)


def test_where_it_holds() -> None:
    assert is_calm(user(), "sms", True)
    assert not is_calm(user(), "webhook", False)
    assert not is_calm(user(), "email", False)
    assert is_calm(user(bundling={"email": True}), "email", False)


# --- storms -----------------------------------------------------------------------------------------------------------

ONE = st.tuples(
    st.integers(0, 1800),  # seconds from now when it is due
    st.integers(1, 3),  # severity
    st.booleans(),  # first page
)


@given(
    storm=st.lists(ONE, min_size=1, max_size=40),
    count=st.integers(1, 5),
    within=st.integers(60, 900),
    bundling=st.integers(0, 120),
)
def test_in_any_storm_nothing_is_lost_and_no_phone_rings_too_often(
    storm: list[tuple[int, int, bool]], count: int, within: int, bundling: int
) -> None:
    """Lived through second by second where something is due, as flow/gather does."""
    person = user(limits=[{"type": "sms", "count": count, "within": f"{within}s"}], bundling={"within": f"{bundling}s"})
    facts = {n: Waiting(n, sev, "high" if sev <= 2 else "low", first, at(t)) for n, (t, sev, first) in enumerate(storm)}
    due = {n: one.since for n, one in facts.items()}
    held: dict[int, tuple[datetime, str]] = {}
    rings: list[Ring] = []
    sent: dict[int, datetime] = {}
    for _ in range(2000):
        if not due:
            break
        now = min(due.values())
        ready = [facts[n] for n, when in due.items() if when <= now]
        others = [when for n, (when, why) in held.items() if why == "bundle" and n not in {one.id for one in ready}]
        last = rings[-1].at if rings else None
        found = choose(person, "sms", ready, rings, last, now, min(others, default=None))
        assert sorted([*found.send, *found.told, *(w[0] for w in found.wait)]) == sorted(one.id for one in ready)
        for n, until, why in found.wait:
            assert until > now, "whoever waits waits for something"
            assert why == "limit" or not facts[n].pressing
            due[n], held[n] = until, (until, why)
        if found.send:
            rings.append(Ring(now, found.urgent))
            for n in {*found.send, *held}:
                sent[n] = now
                due.pop(n, None)
                held.pop(n, None)
    assert sent.keys() == facts.keys(), "everything is shown in the end"
    assert all(sent[n] >= one.since for n, one in facts.items()), "and nothing before its time"
    for i, ring in enumerate(rings):
        recent = [r for r in rings[: i + 1] if r.at > ring.at - timedelta(seconds=within)]
        assert ring.urgent or len(recent) <= count
        before = [r.at for r in recent[:-1] if r.urgent]
        assert not ring.urgent or len(before) < count or ring.at - before[-1] >= timedelta(seconds=bundling)
