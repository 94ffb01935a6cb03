"""Contract, `GET /oncall?at=` and `GET /schedules/{id}/shifts`, with the time rules of schedules."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import quote

from .world import Api


def shifts(api: Api, start: str, end: str, schedule: str = "payments-primary") -> list[dict[str, str]]:
    told = api.get(f"/schedules/{schedule}/shifts?from={quote(start)}&to={quote(end)}").ok()
    assert told["next"] is None
    return told["items"]  # type: ignore[no-any-return]


def test_a_shift_has_user_from_to_and_layer_with_the_offset_of_its_zone(api: Api) -> None:
    assert shifts(api, "2026-01-05T00:00:00+01:00", "2026-01-07T00:00:00+01:00") == [
        {"user": "alice", "from": "2026-01-05T09:00:00+01:00", "to": "2026-01-05T17:00:00+01:00", "layer": "weekly"},
        {"user": "alice", "from": "2026-01-06T09:00:00+01:00", "to": "2026-01-06T17:00:00+01:00", "layer": "weekly"},
    ]


def test_shifts_are_final_merged_and_without_overlap_over_a_year(api: Api) -> None:
    found = shifts(api, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
    times = [(datetime.fromisoformat(s["from"]), datetime.fromisoformat(s["to"])) for s in found]
    assert len(found) > 200
    assert all(start < end for start, end in times)
    assert all(a[1] <= b[0] for a, b in pairwise(times))
    assert {s["from"][-6:] for s in found} == {"+01:00", "+02:00"}


def test_overrides_win_and_cut_the_range_at_its_ends(api: Api) -> None:
    assert shifts(api, "2026-02-01T06:00:00+01:00", "2026-02-02T10:00:00+01:00") == [
        {"user": "erin", "from": "2026-02-01T06:00:00+01:00", "to": "2026-02-02T00:00:00+01:00", "layer": "override"},
        {"user": "alice", "from": "2026-02-02T09:00:00+01:00", "to": "2026-02-02T10:00:00+01:00", "layer": "weekly"},
    ]


def test_handovers_happen_on_the_wall_clock_through_the_change_of_time(api: Api) -> None:
    found = shifts(api, "2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z")
    assert [s["from"] for s in found] == ["2026-03-27T09:00:00+01:00", "2026-03-30T09:00:00+02:00"]


def test_a_range_without_anybody_is_empty(api: Api) -> None:
    assert shifts(api, "2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z") == []  # a Saturday
    assert shifts(api, "2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z") == []  # before it starts
    assert shifts(api, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "nobody") == []


def test_bad_ranges_are_422_and_unknown_schedules_404(api: Api) -> None:
    api.get("/schedules/payments-primary/shifts?from=2026-01-02&to=2026-01-01").points_at("/to")
    api.get("/schedules/payments-primary/shifts?from=2026-01-01&to=2028-01-01").points_at("/to")
    api.get("/schedules/payments-primary/shifts?from=soon").points_at("/from")
    api.get("/schedules/nothing/shifts").problem(404)


def test_who_is_on_call_at_an_instant(api: Api) -> None:
    told = api.get("/oncall?at=2026-01-13T10:00:00Z").ok()
    by_schedule = {item["schedule"]: item for item in told["items"]}
    assert by_schedule.keys() == {"payments-primary", "solo", "nobody"}
    assert by_schedule["payments-primary"]["user"] == "bob"
    assert by_schedule["solo"]["user"] == "alice"
    assert by_schedule["nobody"]["user"] is None


def test_half_open_to_the_second(api: Api) -> None:
    def on_call(at: str) -> str | None:
        (item,) = api.items(f"/oncall?schedule=payments-primary&at={quote(at)}")
        return item["user"]

    assert on_call("2026-01-05T08:59:59+01:00") is None
    assert on_call("2026-01-05T09:00:00+01:00") == "alice"
    assert on_call("2026-01-05T16:59:59+01:00") == "alice"
    assert on_call("2026-01-05T17:00:00+01:00") is None
    assert on_call("2026-02-01T23:59:59+01:00") == "erin"
    assert on_call("2026-02-02T00:00:00+01:00") is None


def test_without_a_time_it_is_now(api: Api) -> None:
    told = api.get("/oncall").ok()
    now = datetime.fromisoformat(told["at"])
    assert abs(datetime.now(now.tzinfo) - now) < timedelta(seconds=30)
    api.get("/oncall?at=soon").points_at("/at")
    api.get("/oncall?schedule=nothing").problem(404)
