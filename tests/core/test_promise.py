"""What a severity promises comes due at the moments that its row names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.matrix import Rules, rules_of
from tocsin.core.promise import Promise, Standing, due, first, following, loudness
from tocsin.core.severity import Severity, Urgency
from tocsin.core.severity_policy import Severities
from tocsin.core.spelling import decode

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 3, 7, 10, 0, tzinfo=UTC)
NEXT_MONDAY = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)


def rules(**organisation: Any) -> Rules:
    return rules_of(Directory.of({}, severities=decode(organisation, Severities)), None)[1]


def standing(severity: int, since: datetime = MONDAY, urgency: Urgency = "high", **more: Any) -> Standing:
    update, _ = first(rules(), Severity(severity), urgency, since)
    given: dict[str, Any] = {
        "severity": Severity(severity), "urgency": urgency, "since": since, "created_at": since, "answered": False,
        "restored": False, "open": True, "next_update_at": update, **more,
    }  # fmt: skip
    return Standing(**given)


def story(at: Standing, until: datetime, under: Rules | None = None) -> list[tuple[float, str]]:
    """(minutes since it began, promise) of all that comes due, as a timer would find it."""
    under, found, moment = under or rules(), [], at.since
    while (following_one := following(under, at, moment)) is not None and following_one <= until:
        for when, promise in due(under, at, following_one, following_one):
            found.append(((when - at.since) / timedelta(minutes=1), promise.value))
            if promise is Promise.OPENING:
                at = msgspec.structs.replace(at, urgency="high")
        moment = following_one
    return found


def test_sev1_unanswered() -> None:
    assert story(standing(1), MONDAY + timedelta(hours=5)) == [
        (5, "response"), (10, "manager"), (15, "update"), (30, "target"),
    ]  # fmt: skip


def test_sev1_answered_is_asked_for_updates_until_it_is_restored() -> None:
    assert story(standing(1, answered=True), MONDAY + timedelta(minutes=300)) == [
        (10, "manager"), (12, "draft"), (15, "update"), (20, "update"), (30, "target"), (30, "update"), (45, "update"),
        (75, "update"), (135, "update"), (255, "update"),
    ]  # fmt: skip
    assert story(standing(1, restored=True), MONDAY + timedelta(hours=5)) == []
    assert story(standing(1, open=False), MONDAY + timedelta(hours=5)) == []


def test_sev3_outside_business_hours_waits_for_them() -> None:
    opening = (NEXT_MONDAY - SATURDAY) / timedelta(minutes=1)
    assert story(standing(3, SATURDAY, "low"), NEXT_MONDAY + timedelta(hours=2)) == [
        (opening, "opening"), (opening, "target"), (opening, "update"), (opening + 60, "response"),
    ]  # fmt: skip


def test_sev4_goes_to_whoever_owns_the_queue_after_eight_business_hours() -> None:
    hours = [(m / 60, p) for m, p in story(standing(4, urgency="none"), MONDAY + timedelta(days=3))]
    assert hours == [(4, "response"), (24, "queue"), (24, "target"), (24, "update")]


def test_a_timer_that_comes_late_finds_each_promise_once_and_only_the_last_update() -> None:
    answered = standing(1, answered=True)
    found = due(rules(), answered, MONDAY + timedelta(minutes=10), MONDAY + timedelta(minutes=50))
    assert [(promise, at - MONDAY) for at, promise in found] == [
        (Promise.MANAGER, timedelta(minutes=10)), (Promise.TARGET, timedelta(minutes=30)),
        (Promise.UPDATE, timedelta(minutes=45)), (Promise.DRAFT, timedelta(minutes=50)),
    ]  # fmt: skip


def test_nagging_is_bounded_and_grows_louder() -> None:
    answered = standing(1, answered=True)
    last = [at for at, promise in story(answered, MONDAY + timedelta(days=3)) if promise == "update"]
    assert len(last) == 8
    assert last[-1] == 15 + 32 * 15
    loud = [loudness(rules(), answered, MONDAY + timedelta(minutes=at)) for at in last]
    assert loud == [0, 1, 2, 2, 2, 2, 2, 2]


def test_what_an_audience_was_promised_holds_while_the_incident_is_watched() -> None:
    soon = MONDAY + timedelta(minutes=10)
    watched = standing(1, answered=True, restored=True, promised=(soon,))
    assert story(watched, MONDAY + timedelta(minutes=12)) == [(7, "draft"), (10, "update")]
    both = standing(2, answered=True, promised=(soon, MONDAY + timedelta(minutes=20)), next_update_at=soon)
    assert story(both, MONDAY + timedelta(minutes=21)) == [(7, "draft"), (10, "update"), (17, "draft"), (20, "update")]


def test_many_audiences_are_one_reminder_for_each_step_of_the_cadence() -> None:
    promised = tuple(MONDAY + timedelta(minutes=at) for at in (15, 16, 20, 27, 70))
    waiting = standing(1, answered=True, promised=promised, next_update_at=promised[0])
    found = story(waiting, MONDAY + timedelta(days=1))
    at = [when for when, promise in found if promise == "update"]
    assert at == [15, 20, 30, 45, 75, 135, 255, 495], "as many as for one audience"
    assert [when for when, promise in found if promise == "draft"] == [12, 17, 24, 67]
    later = tuple(MONDAY + timedelta(minutes=at) for at in (15, 80, 140))
    alone = standing(1, answered=True, promised=later, next_update_at=later[0])
    at = [when for when, promise in story(alone, MONDAY + timedelta(days=1)) if promise == "update"]
    assert at == [15, 20, 30, 45, 75, 90, 135, 150, 255, 495], "whoever waits is named within one step"


def test_business_hours_that_were_slept_through_are_waited_for_again() -> None:
    waiting = standing(3, SATURDAY, "low")
    night = NEXT_MONDAY.replace(hour=22)
    assert Promise.OPENING not in [promise for _, promise in due(rules(), waiting, NEXT_MONDAY, night)]
    assert following(rules(), waiting, night) == NEXT_MONDAY + timedelta(days=1)


def test_promises_follow_the_matrix() -> None:
    ours = rules(sev1={"response_time": "2m", "inform_manager": "off", "communication_frequency": "1h"})
    update, soonest = first(ours, Severity.SEV1, "high", MONDAY)
    assert (update, soonest) == (MONDAY + timedelta(hours=1), MONDAY + timedelta(minutes=2))
    at = standing(1, next_update_at=update)
    assert story(at, MONDAY + timedelta(hours=5), ours) == [(2, "response"), (30, "target"), (60, "update")]
