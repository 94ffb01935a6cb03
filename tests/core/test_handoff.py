"""Turns and handovers of a schedule, and what a handoff says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from tests.oracles.strategies import schedules

from tocsin.core.configuration import Schedule
from tocsin.core.handoff import (
    Added,
    Edits,
    Handover,
    Item,
    Period,
    clock,
    days,
    handovers,
    laid_over,
    markdown,
    ticket_in,
    turns,
)
from tocsin.core.schedule import Shift, shifts, who
from tocsin.core.spelling import decode

SPAN = timedelta(days=5)
MONDAY = datetime(2024, 3, 11, 8, tzinfo=UTC)


def weekly(**more: object) -> Schedule:
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2024-01-01T09:00"}
    return decode({"id": "primary", "time_zone": "Europe/Berlin", "layers": [layer], **more}, Schedule)


def test_each_week_is_handed_over_on_the_wall_clock() -> None:
    found = handovers(weekly(), MONDAY, MONDAY + timedelta(days=27))
    assert [(h.outgoing, h.incoming) for h in found] == [("bob", "alice"), ("alice", "bob")] * 2
    assert found[0].at == MONDAY
    assert found[3].at == datetime(2024, 4, 1, 7, tzinfo=UTC), "summer time has begun"
    assert found[3].ahead == timedelta(hours=167) / 8
    assert (found[1].start, found[1].until) == (MONDAY, datetime(2024, 3, 25, 8, tzinfo=UTC))


def test_a_lunch_break_makes_no_handoff_but_a_night_does() -> None:
    lunch = weekly(overrides=[{"user": "erin", "from": "2024-03-13T12:00", "to": "2024-03-13T13:00"}])
    night = weekly(overrides=[{"user": "erin", "from": "2024-03-13T20:00", "to": "2024-03-14T08:00"}])
    within = MONDAY + timedelta(hours=1), MONDAY + timedelta(days=6)
    assert handovers(lunch, *within) == ()
    assert [(h.outgoing, h.incoming) for h in handovers(night, *within)] == [("alice", "erin"), ("erin", "alice")]


def test_a_rotation_by_the_hour_is_handed_over_each_hour() -> None:
    layer = {"id": "hourly", "users": ["alice", "bob"], "starts": "2024-03-11T09:00", "rotation": {"unit": "hour"}}
    found = handovers(weekly(layers=[layer]), MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=4))
    assert [(h.outgoing, h.incoming) for h in found] == [("alice", "bob"), ("bob", "alice"), ("alice", "bob")]
    assert {h.ahead for h in found} == {timedelta(minutes=15)}


def test_after_a_weekend_without_anybody_the_incoming_takes_over_when_they_begin() -> None:
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}]
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2024-01-01T09:00", "restrictions": hours}
    found = handovers(weekly(layers=[layer]), MONDAY + timedelta(hours=1), MONDAY + timedelta(days=8))
    assert [(h.start, h.at) for h in found] == [(MONDAY, MONDAY + timedelta(days=7))]


def test_who_is_alone_hands_over_to_nobody() -> None:
    layer = {"id": "weekly", "users": ["alice"], "starts": "2024-01-01T09:00"}
    assert handovers(weekly(layers=[layer]), MONDAY, MONDAY + timedelta(days=365)) == ()


def test_a_turn_longer_than_the_first_look_is_found_whole() -> None:
    layer = {
        "id": "m",
        "users": ["alice", "bob"],
        "starts": "2024-01-01T09:00",
        "rotation": {"every": 3, "unit": "month"},
    }
    (found,) = handovers(weekly(layers=[layer]), MONDAY, MONDAY + timedelta(days=60))
    assert (found.start, found.at, found.until) == (
        datetime(2024, 1, 1, 8, tzinfo=UTC), datetime(2024, 4, 1, 7, tzinfo=UTC), datetime(2024, 7, 1, 7, tzinfo=UTC),
    )  # fmt: skip


@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(schedules())
def test_at_every_handover_the_incoming_is_on_call_and_turns_never_overlap(made: tuple[Schedule, datetime]) -> None:
    schedule, around = made
    for handover in handovers(schedule, around - SPAN, around + SPAN):
        taking = who(schedule, handover.at)
        assert taking is not None
        assert taking[0] == handover.incoming != handover.outgoing
        assert handover.start < handover.at < handover.until
    found = turns(shifts(schedule, around - SPAN, around + SPAN))
    assert all(one.end <= other.start and one.user != other.user for one, other in pairwise(found))


def test_a_turn_spans_pauses_but_not_other_people() -> None:
    hour = timedelta(hours=1)
    spans = [("a", 0, 8), ("a", 24, 32), ("b", 32, 40), ("a", 40, 48)]
    found = turns(Shift(user, MONDAY + a * hour, MONDAY + b * hour, "x") for user, a, b in spans)
    assert [(t.user, (t.end - t.start) // hour) for t in found] == [("a", 32), ("b", 8), ("a", 8)]


def test_what_people_wrote_lies_over_what_was_gathered() -> None:
    disk, queue = Item(key="incident:1", title="Disk", ticket="OPS-1"), Item(key="incident:2", title="Queue")
    edits = Edits(
        dropped=("incident:2",), tickets={"incident:1": "OPS-9"}, remarks={"incident:1": "waiting for the vendor"},
        added=(Added(id=1, section="watch", text="The intern deploys on Friday"),),
    )  # fmt: skip
    made = laid_over({"ongoing": [disk, queue]}, edits)
    (left,) = made["ongoing"]
    assert (left.ticket, left.remark) == ("OPS-9", "waiting for the vendor")
    assert [item.title for item in made["watch"]] == ["The intern deploys on Friday"]
    assert laid_over({"ongoing": [disk, queue]}, Edits())["ongoing"] == [disk, queue]


def test_tickets_are_found_and_incident_names_are_none() -> None:
    assert ticket_in("INC-2024-041 SEV-1 UTF-8", "see INFRA-4521 please") == "INFRA-4521"
    assert ticket_in("nothing here") == ""


def test_the_period_reads_as_people_write_it() -> None:
    week = MONDAY, MONDAY + timedelta(days=7)
    assert days(*week, "Europe/Berlin") == "11–17 March 2024"
    assert days(MONDAY, MONDAY + timedelta(hours=9), "Europe/Berlin") == "11 March 2024"
    assert days(datetime(2024, 12, 30, 8, tzinfo=UTC), datetime(2025, 1, 6, 8, tzinfo=UTC), "UTC") == (
        "30 December 2024 – 5 January 2025"
    )
    assert clock(MONDAY, "Asia/Kolkata") == "Mon 11 Mar 2024 13:30 +05:30"


def test_the_document_has_the_headings_that_people_know_in_both_zones() -> None:
    handover = Handover("alice", "bob", MONDAY, MONDAY + timedelta(days=7), MONDAY + timedelta(days=14))
    text = markdown(
        "Payments primary", handover, Period("Alice Ng", "Europe/Berlin"), Period("Bob", "America/New_York"),
        {
            "ongoing": [Item(key="incident:1", title="# Disk *full*", severity="sev2_high", ticket="INFRA-4521", status="investigating")],
            "changes": [Item(key="change:1", title="Deployed 3.41", service="checkout", at=MONDAY)],
            "watch": [Item(key="planned:1", title="Campaign", load="2x", at=MONDAY, until=MONDAY + timedelta(hours=2))],
            "alerts": [Item(key="silence:1", title='alertname="Lag"', status="Silenced", remark="known, vendor patch")],
        },
        "Call me.",
    )  # fmt: skip
    assert text.startswith("# On-call handoff: Payments primary, 11–17 March 2024\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## ONGOING ISSUES", "## RECENT CHANGES", "## THINGS TO WATCH", "## ALERT UPDATES", "## NOTES",
    ]  # fmt: skip
    for part in (
        "- Mon 11 Mar 2024 09:00 +01:00 to Mon 18 Mar 2024 09:00 +01:00 (Europe/Berlin, Alice Ng)",
        "- Mon 11 Mar 2024 04:00 -04:00 to Mon 18 Mar 2024 04:00 -04:00 (America/New_York, Bob)",
        "- **\\# Disk \\*full\\*** · SEV2 · INFRA-4521 · investigating",
        "- Mon 11 Mar 2024 09:00 +01:00 · checkout · Deployed 3.41", "expected load: 2x", "known, vendor patch",
        "Call me.", "Not signed yet.",
    ):  # fmt: skip
        assert part in text, part
