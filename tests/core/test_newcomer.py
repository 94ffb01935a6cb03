"""Who has a checklist, what ticks itself, and when a check warns of somebody who is alone for the first time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.core.configuration import EscalationPolicy, Schedule, Service, Team, User
from tocsin.core.directory import Directory
from tocsin.core.finding import Facts, Finding
from tocsin.core.newcomer import Mark, items_of, points, readiness_faults, shadowed_shifts, shadowing
from tocsin.core.readiness import check
from tocsin.core.readiness_item import DEFAULT, ReadinessItem
from tocsin.core.spelling import decode

MONDAY = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
LUCA = ("luca", "shop")


def organisation(shadows: list[dict[str, str]], overrides: Any = (), **team: Any) -> Directory:
    """Ann and Ben take weeks from Monday 4 May on; Luca shadows."""
    hook = [{"id": "hook", "type": "webhook", "url": "http://x"}]
    layer = {"id": "weekly", "users": ["ann", "ben"], "starts": "2026-05-04T09:00"}
    schedule = {
        "id": "primary",
        "name": "Primary",
        "team": "shop",
        "layers": [layer],
        "shadows": shadows,
        "overrides": list(overrides),
    }
    steps = [{"targets": [{"schedule": "primary"}]}, {"after": "10m", "targets": [{"team": "shop"}]}]
    return Directory.of(
        {
            "users": [
                decode({"id": name, "name": name.title(), "contact_methods": hook}, User)
                for name in ("ann", "ben", "luca")
            ],
            "teams": [decode({"id": "shop", "members": ["ann", "ben"], **team}, Team)],
            "schedules": [decode(schedule, Schedule)],
            "escalation_policies": [decode({"id": "shop", "name": "Shop", "steps": steps}, EscalationPolicy)],
            "services": [decode({"id": "api", "team": "shop", "escalation_policy": "shop"}, Service)],
        }
    )


def shadow(start: str, end: str) -> dict[str, str]:
    return {"user": "luca", "from": start, "to": end}


@pytest.mark.parametrize(
    ("spans", "count"),
    [
        ([], 0),
        ([("2026-05-18T09:00", "2026-05-25T09:00")], 1),
        ([("2026-05-11T09:00", "2026-05-25T09:00")], 2),
        ([("2026-05-19T09:00", "2026-05-25T09:00")], 1),
        ([("2026-05-23T09:00", "2026-05-25T09:00")], 0),
        ([("2026-05-18T09:00", "2026-05-25T09:00"), ("2026-05-18T09:00", "2026-05-25T09:00")], 1),
        ([("2026-05-25T09:00", "2026-06-08T09:00")], 1),
        ([("2026-06-08T09:00", "2026-06-15T09:00")], 0),
    ],
    ids=[
        "none",
        "a whole week",
        "two weeks",
        "most of it",
        "two days of it",
        "twice the same",
        "one to come",
        "to come",
    ],
)
def test_shifts_that_are_over_count_when_half_was_seen(spans: list[tuple[str, str]], count: int) -> None:
    directory = organisation([shadow(*span) for span in spans])
    assert shadowed_shifts(directory, LUCA, MONDAY) == count
    assert shadowed_shifts(directory, ("luca", ""), MONDAY) == 0
    assert shadowed_shifts(directory, ("ann", "shop"), MONDAY) == 0


def test_whoever_shadows_has_the_checklist_of_the_team() -> None:
    spans = [shadow("2026-06-08T09:00", "2026-06-15T09:00")]
    assert shadowing(organisation(spans)) == {LUCA}
    assert shadowing(organisation(spans, readiness=[])) == set()
    assert items_of(None) == items_of(organisation(spans).teams["shop"]) == DEFAULT
    own = organisation(spans, readiness=[{"id": "tea", "text": "Knows where the tea is"}])
    assert [item.id for item in items_of(own.teams["shop"])] == ["tea"]


def test_items_tick_themselves_or_are_ticked() -> None:
    items = (ReadinessItem(id="a", text="a", observe="shadowed_shifts", count=2), ReadinessItem(id="b", text="b"))
    mark = Mark(by="user:ann", at=MONDAY)
    done = [
        [point.done for point in points(items, {"shadowed_shifts": seen}, marks)]
        for seen, marks in ((1, {}), (2, {}), (1, {"a": mark, "b": mark}))
    ]
    assert done == [[False, False], [True, False], [True, True]]


def test_a_checklist_that_makes_no_sense_is_told_by_field() -> None:
    never = ReadinessItem(id="c", text="c", observe="drill_answered", count=0)
    items = [ReadinessItem(id="a", text=" "), ReadinessItem(id="a", text="b", count=2), never]
    assert [fault.path for fault in readiness_faults(items, ("readiness",))] == [
        ("readiness", 0, "text"), ("readiness", 1, "id"), ("readiness", 1, "count"), ("readiness", 2, "count"),
    ]  # fmt: skip


def not_ready(directory: Directory, **facts: Any) -> list[Finding]:
    return [f for f in check(directory, MONDAY, 28, Facts(**facts)) if f.kind == "not_ready"]


ALONE = {"user": "luca", "from": "2026-06-15T09:00", "to": "2026-06-22T09:00"}


def test_somebody_alone_for_the_first_time_without_a_signature_is_warned_of() -> None:
    directory = organisation([shadow("2026-05-18T09:00", "2026-05-25T09:00")], [ALONE])
    (found,) = not_ready(directory, ready=())
    assert (found.level, found.object, found.teams) == ("warning", "user:luca", ("shop",))
    assert found.spans[0][0] == datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
    assert "Luca is the only one whom the first step of Shop pages" in found.sentence
    assert not_ready(directory) == [], "without a server nobody knows what was signed"
    assert not_ready(directory, ready={LUCA}) == []
    assert not_ready(directory, ready=(), veterans={("primary", "luca")}) == []
    assert not_ready(directory, ready=(), veterans={("other", "luca"), ("primary", "ann")}) == [found]
    assert not_ready(organisation([], [ALONE]), ready=()) == [], "nobody ever said that Luca is new"
    assert not_ready(organisation([], [ALONE]), ready=(), opened={LUCA}) == [found]
    assert not_ready(organisation([shadow("2026-06-08T09:00", "2026-06-15T09:00")]), ready=()) == []


def test_shifts_that_strain_are_told_once_for_each_rule() -> None:
    layer = [{"user": "ann", "from": "2026-06-01T09:00", "to": "2026-06-22T09:00"}]
    strained = [f for f in check(organisation([], layer), MONDAY, 28) if f.kind == "strain"]
    assert [f.object for f in strained] == ["schedule:primary/turn_too_long", "schedule:primary/too_many_nights"]
    assert all(f.level == "warning" and f.teams == ("shop",) for f in strained)
    assert "Ann is on call for 21 days at a stretch" in strained[0].sentence
    assert [f for f in check(organisation([]), MONDAY, 28) if f.kind == "strain"] == []
