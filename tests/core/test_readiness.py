"""What `tocsin check` finds, story by story; and against a slow look at every minute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles.schedule import Oracle
from tests.oracles.strategies import schedules

from tocsin.core.configuration import EscalationPolicy, Schedule, Service, Step, Target, Team, User
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.escalation import Ladder, turn
from tocsin.core.finding import Facts, Finding, unheard
from tocsin.core.readiness import check
from tocsin.core.spelling import Duration, decode

MONDAY = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def user(name: str, **more: Any) -> User:
    hook = [{"id": "hook", "type": "webhook", "url": "http://x"}]
    return decode({"id": name, "name": name.title(), "contact_methods": hook, **more}, User)


def organisation(
    *,
    users: Iterable[User] = (),
    restrictions: Any = (),
    steps: Any = None,
    members: Iterable[str] = ("ann", "ben"),
    manager: str | None = "eve",
    **service: Any,
) -> Directory:
    layer = {"id": "weekly", "users": ["ann", "ben"], "starts": "2026-05-04T09:00", "restrictions": list(restrictions)}
    given = {one.id: one for one in users}
    policy = {"id": "shop", "name": "Shop", "steps": steps or [{"after": "0s", "targets": [{"schedule": "primary"}]}]}
    return Directory.of(
        {
            "users": [given.get(name, user(name)) for name in ("ann", "ben", "eve")],
            "teams": [Team(id="shop", members=tuple(members), manager=manager)],
            "schedules": [decode({"id": "primary", "name": "Primary", "team": "shop", "layers": [layer]}, Schedule)],
            "escalation_policies": [decode(policy, EscalationPolicy)],
            "services": [
                decode({"id": "api", "name": "API", "team": "shop", "escalation_policy": "shop", **service}, Service)
            ],
        }
    )


def found(directory: Directory, facts: Facts | None = None, days: int = 7) -> list[Finding]:
    """Without what is unkind to people: test_newcomer.py and test_limits.py tell of that."""
    return [f for f in check(directory, MONDAY, days, facts) if f.kind != "strain"]


def brief(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(f.level, f.kind, f.object) for f in findings]


def test_where_all_is_well_nothing_is_found() -> None:
    assert found(organisation()) == []


def test_a_schedule_of_working_days_leaves_nights_open_and_says_what_happens_then() -> None:
    office = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}]
    gap, dead = found(organisation(restrictions=office))
    assert brief([gap, dead]) == [("error", "coverage_gap", "schedule:primary"), ("error", "dead_end", "policy:shop")]
    assert gap.spans[0] == (MONDAY, MONDAY + timedelta(hours=9))
    assert len(gap.spans) == 6
    assert gap.sentence == (
        "Nobody is on call in Primary from Mon 1 Jun 2026 00:00 +00:00 to Mon 1 Jun 2026 09:00 +00:00, and 5 more times: "
        "no other step pages anybody."
    )
    assert "schedule primary" in gap.fix
    assert gap.teams == ("shop",)


def test_a_gap_that_others_in_the_same_step_fill_is_only_a_note() -> None:
    office = [{"from": "09:00", "to": "17:00"}]
    steps = [{"targets": [{"schedule": "primary"}, {"team": "shop"}]}]
    assert brief(found(organisation(restrictions=office, steps=steps))) == [
        ("note", "coverage_gap", "schedule:primary")
    ]


def test_a_later_step_keeps_a_gap_from_being_a_dead_end() -> None:
    office = [{"from": "09:00", "to": "17:00"}]
    steps = [{"targets": [{"schedule": "primary"}]}, {"after": "5m", "targets": [{"team": "shop"}]}]
    (gap,) = found(organisation(restrictions=office, steps=steps))
    assert brief([gap]) == [("error", "coverage_gap", "schedule:primary")]
    assert gap.sentence.endswith(": a page goes on to the next step at once.")


def test_what_two_schedules_of_one_step_leave_open_together_is_one_finding() -> None:
    """And each of them has gaps that the other fills: good to know, no more."""
    both = [
        {"targets": [{"schedule": "primary"}, {"schedule": "other"}]},
        {"after": "5m", "targets": [{"team": "shop"}]},
    ]
    known = organisation(restrictions=[{"from": "09:00", "to": "17:00"}], steps=both)
    layer = {
        "id": "l",
        "users": ["ann", "ben"],
        "starts": "2026-05-04T09:00",
        "restrictions": [{"from": "12:00", "to": "20:00"}],
    }
    other = decode({"id": "other", "layers": [layer]}, Schedule)
    findings = found(replace(known, schedules={**known.schedules, "other": other}))
    empty, *notes = findings
    assert brief(findings) == [
        ("error", "empty_step", "policy:shop"),
        ("note", "coverage_gap", "schedule:other"),
        ("note", "coverage_gap", "schedule:primary"),
    ]
    assert empty.sentence.startswith(
        "Step 1 of Shop (schedule primary, schedule other) pages nobody from Mon 1 Jun 2026 00:00"
    )
    hours = [(span[0] - MONDAY, span[1] - MONDAY) for span in (notes[0].spans[0], notes[1].spans[0])]
    assert hours == [(timedelta(hours=9), timedelta(hours=12)), (timedelta(hours=17), timedelta(hours=20))]


def test_a_policy_whose_only_step_pages_nobody_is_one_finding() -> None:
    (finding,) = found(organisation(steps=[{"targets": [{"team": "shop"}]}], members=()))
    assert brief([finding]) == [("error", "dead_end", "policy:shop")]


def test_a_rotation_with_nobody_behind_it_is_one_risk_however_many_take_turns() -> None:
    (finding,) = found(organisation(manager=None), days=14)
    assert brief([finding]) == [("warning", "single_person", "policy:shop")]
    assert finding.sentence == "Shop pages only one person at a time at any time (Ben, Ann): nobody comes after."


def test_a_step_that_names_an_empty_team_pages_nobody() -> None:
    steps = [{"targets": [{"schedule": "primary"}]}, {"after": "5m", "targets": [{"team": "shop"}]}]
    (finding,) = found(organisation(steps=steps, members=()))
    assert brief([finding]) == [("error", "empty_step", "policy:shop")]
    assert finding.sentence.startswith("Step 2 of Shop (team shop) pages nobody from Mon 1 Jun 2026")


def test_steps_without_targets_and_policies_without_steps_page_nobody() -> None:
    steps = [{"targets": []}, {"after": "5m", "targets": [{"user": "ann"}]}]
    assert ("error", "empty_step", "policy:shop") in brief(found(organisation(steps=steps)))
    whole = organisation()
    bare = replace(whole, escalation_policies={"shop": EscalationPolicy(id="shop", preset="standard")})
    assert ("error", "dead_end", "policy:shop") in brief(found(bare))


def test_a_preset_is_checked_by_the_steps_that_it_makes() -> None:
    tiers = {"on_call": [{"schedule": "primary"}], "executive": [{"user": "nobody"}]}
    preset = decode({"id": "shop", "preset": "standard", "tiers": tiers}, EscalationPolicy)
    known = replace(organisation(), escalation_policies={"shop": preset})
    assert {kind for _, kind, _ in brief(found(known))} == {"empty_step", "unknown_user"}


def test_somebody_on_call_without_a_contact_method_is_found_with_the_first_time_it_hurts() -> None:
    (finding,) = found(organisation(users=[user("ann", contact_methods=[])]))
    assert brief([finding]) == [("error", "unreachable_person", "user:ann")]
    assert finding.spans[0][0] == MONDAY + timedelta(hours=9)
    assert finding.sentence.startswith("Ann can be paged from Mon 1 Jun 2026 09:00")
    assert finding.teams == ("shop",)


def test_rules_that_name_nothing_reach_nobody() -> None:
    (finding,) = found(organisation(users=[user("eve", notification_rules={"high": []})]))
    assert brief([finding]) == [("error", "unreachable_person", "user:eve")]


def test_everything_on_one_person_is_a_risk_unless_a_manager_comes_after() -> None:
    steps = [{"targets": [{"user": "ann"}]}]
    assert found(organisation(steps=steps)) == []
    (finding,) = found(organisation(steps=steps, manager=None))
    assert brief([finding]) == [("warning", "single_person", "policy:shop")]
    assert finding.sentence == "Ann is the only person whom Shop pages at any time: nobody comes after."
    assert brief(found(organisation(steps=steps, manager="ann"))) == [("warning", "single_person", "policy:shop")]


def test_one_person_in_every_shift_of_a_schedule_is_a_risk_over_a_month() -> None:
    alone = with_override(organisation(), layers=[{"id": "all", "users": ["ann"], "starts": "2026-05-04T09:00"}])
    assert found(alone) == [], "a week may well be one person's"
    assert brief(found(alone, days=28)) == [("warning", "single_person", "schedule:primary")]
    relieved = with_override(
        organisation(),
        layers=[{"id": "all", "users": ["ann"], "starts": "2026-05-04T09:00"}],
        overrides=[override("2026-06-20T00:00", "2026-06-21T00:00")],
    )
    assert found(relieved, days=28) == []


def test_a_service_without_a_policy_pages_nobody() -> None:
    assert ("error", "no_policy", "service:api") in brief(found(organisation(escalation_policy=None)))


def test_people_who_do_not_exist_are_named() -> None:
    whole = organisation()
    gone = replace(whole, users={name: one for name, one in whole.users.items() if name != "ben"})
    findings = found(gone)
    assert ("error", "unknown_user", "schedule:primary") in brief(findings)
    assert ("error", "unknown_user", "team:shop") in brief(findings)
    assert ("error", "coverage_gap", "schedule:primary") in brief(findings), "his turns are nobody's"
    assert "'ben'" in next(f.sentence for f in findings if f.kind == "unknown_user")


INTEGRATIONS = [
    {"id": "events", "type": "pagerduty", "key": "k" * 32},
    {"id": "prom", "type": "prometheus", "key": "p" * 32},
]


def test_integrations_that_never_sent_or_fell_silent_are_found_where_a_server_knows() -> None:
    known = organisation(integrations=INTEGRATIONS)
    assert found(known) == [], "offline nobody knows"
    old = MONDAY - timedelta(days=200)
    facts = Facts(
        since={("api", "events"): old, ("api", "prom"): old}, heard={("api", "prom"): MONDAY - timedelta(days=70)}
    )
    assert brief(found(known, facts)) == [
        ("warning", "dead_integration", "integration:api/events"),
        ("warning", "silent_integration", "integration:api/prom"),
    ]
    new = Facts(since={("api", "events"): MONDAY - timedelta(hours=1)})
    assert found(known, new) == [], "it was set up a moment ago"


def test_alerts_without_a_runbook_are_told_once_for_a_service() -> None:
    alerts = {"api": {"DiskFull": False, "Lag": False, "Up": True}, "gone": {"X": False}}
    (finding,) = found(organisation(), Facts(runbooks=alerts))
    assert brief([finding]) == [("warning", "no_runbook", "service:api")]
    assert "DiskFull, Lag" in finding.sentence


def test_a_way_by_which_this_server_sends_nothing_is_told_before_anything_is_lost() -> None:
    mailed = user("ann", contact_methods=[{"id": "mail", "type": "email", "address": "a@x"}])
    facts = Facts(
        idle={"email": "no mail server is configured", "sms": "no provider"}, failing={("ann", "mail"): "refused"}
    )
    (finding,) = found(organisation(users=[mailed]), facts)
    assert brief([finding]) == [("error", "idle_channel", "channel:email")]
    assert finding.sentence == (
        "Nothing goes out by email, by which 1 person would be paged: no mail server is configured. Nothing else reaches Ann."
    )
    both = user("ann", contact_methods=[
        {"id": "hook", "type": "webhook", "url": "http://x"}, {"id": "mail", "type": "email", "address": "a@x"},
    ])  # fmt: skip
    assert brief(found(organisation(users=[both]), facts)) == [("warning", "idle_channel", "channel:email")]
    assert found(organisation(users=[both]), Facts(idle={"sms": "no provider"})) == []


def test_a_method_that_only_fails_counts_as_none_when_there_is_no_other() -> None:
    facts = Facts(failing={("ann", "hook"): "HTTP 404"})
    assert brief(found(organisation(), facts)) == [("error", "failing_method", "user:ann")]
    both = user("ann", contact_methods=[
        {"id": "hook", "type": "webhook", "url": "http://x"}, {"id": "mail", "type": "email", "address": "a@x"},
    ])  # fmt: skip
    first = found(organisation(users=[both]), facts)
    assert brief(first) == [("warning", "failing_method", "user:ann")]
    facts = Facts(failing={("ann", "hook"): "HTTP 404", ("ann", "mail"): "550"})
    known: dict[str, Any] = {finding.key: [] for finding in first}
    assert [f.level for f in unheard(found(organisation(users=[both]), facts), known, None)] == ["error", "error"]


def override(start: str, end: str, who: str = "ben") -> dict[str, str]:
    return {"user": who, "from": start, "to": end}


def with_override(directory: Directory, **more: Any) -> Directory:
    schedule = decode(
        {
            "id": "primary",
            "layers": [{"id": "weekly", "users": ["ann", "ben"], "starts": "2026-05-04T09:00"}],
            **more,
        },
        Schedule,
    )
    return replace(directory, schedules={"primary": schedule})


def test_an_override_that_ends_soon_is_told_with_who_follows() -> None:
    (finding,) = found(with_override(organisation(), overrides=[override("2026-05-30T00:00", "2026-06-03T12:00")]))
    assert brief([finding]) == [("note", "expiring_override", "schedule:primary")]
    assert finding.sentence == "The override of Ben in primary ends Wed 3 Jun 2026 12:00 +00:00, and Ann takes over."
    findings = found(
        with_override(organisation(), layers=[], overrides=[override("2026-05-30T00:00", "2026-06-03T12:00")])
    )
    assert ("warning", "expiring_override", "schedule:primary") in brief(findings)
    assert ("error", "coverage_gap", "schedule:primary") in brief(findings)


def test_an_override_hidden_by_a_later_one_does_not_end_anything() -> None:
    hidden = [override("2026-05-30T00:00", "2026-06-03T12:00"), override("2026-05-30T00:00", "2026-06-25T12:00", "ann")]
    assert found(with_override(organisation(), overrides=hidden)) == []


def clocks(starts: str, now: datetime, **more: Any) -> list[Finding]:
    daily = {"id": "daily", "users": ["ann", "ben"], "starts": starts, "rotation": {"unit": "day"}}
    berlin = decode({"id": "primary", "time_zone": "Europe/Berlin", "layers": [daily], **more}, Schedule)
    return [f for f in check(replace(organisation(), schedules={"primary": berlin}), now, 5) if f.kind == "dst_night"]


@pytest.mark.parametrize(
    ("starts", "level"), [("2026-01-01T09:00", "note"), ("2026-01-01T02:30", "warning"), ("2026-01-01T03:00", "note")]
)
def test_nights_in_which_the_clocks_change(starts: str, level: str) -> None:
    (spring,) = clocks(starts, datetime(2026, 3, 27, tzinfo=UTC))
    assert brief([spring]) == [(level, "dst_night", "time_zone:Europe/Berlin")]
    assert "go forward by 60 minutes Sun 29 Mar 2026 03:00 +02:00; on call then:" in spring.sentence
    (autumn,) = clocks(starts, datetime(2026, 10, 23, tzinfo=UTC))
    assert brief([autumn]) == [(level, "dst_night", "time_zone:Europe/Berlin")]
    assert "go back by 60 minutes Sun 25 Oct 2026 02:00 +01:00" in autumn.sentence
    assert clocks(starts, datetime(2026, 7, 1, tzinfo=UTC)) == []


def test_a_check_in_the_repeated_hour_itself_takes_its_own_beginning_for_no_handover() -> None:
    assert [f.level for f in clocks("2026-01-01T09:00", datetime(2026, 10, 25, 0, 40, tzinfo=UTC))] == ["note"]


def test_a_window_or_an_override_that_ends_in_the_skipped_hour_is_a_handover_written_for_it() -> None:
    before = datetime(2026, 3, 27, tzinfo=UTC)
    all_day = {"id": "day", "users": ["ben"], "starts": "2026-01-01T09:00"}
    night = {
        "id": "night",
        "users": ["ann"],
        "starts": "2026-01-01T09:00",
        "restrictions": [{"from": "20:00", "to": "02:30"}],
    }
    assert [f.level for f in clocks("", before, layers=[all_day, night])] == ["warning"]
    night["restrictions"] = [{"from": "20:00", "to": "03:00"}]
    assert [f.level for f in clocks("", before, layers=[all_day, night])] == ["note"]
    covering = [override("2026-03-28T20:00", "2026-03-29T02:30", "ann")]
    assert [f.level for f in clocks("", before, layers=[all_day], overrides=covering)] == ["warning"]


def test_errors_come_first_and_a_bad_span_is_refused() -> None:
    findings = found(
        organisation(manager=None, members=(), steps=[{"targets": [{"user": "ann"}]}, {"targets": [{"team": "shop"}]}])
    )
    assert [f.level for f in findings] == ["error", "warning"]
    for days in (0, 367):
        with pytest.raises(Invalid, match="1 to 366"):
            found(organisation(), days=days)


# --- against every minute ---------------------------------------------------------------------------------------------

targets = st.sampled_from(["schedule:s", "user:ann", "user:nobody", "team:some", "team:empty", "schedule:t"])
steps = st.lists(st.lists(targets, min_size=1, max_size=2), min_size=1, max_size=3)


def target(name: str) -> Target:
    kind, _, id = name.partition(":")
    return Target(**{kind: id})


@st.composite
def organisations(draw: st.DrawFn) -> tuple[Directory, datetime]:
    first, around = draw(schedules())
    second, _ = draw(schedules())
    policy = EscalationPolicy(
        id="p",
        steps=tuple(
            Step(after=Duration(60 * n), targets=tuple(map(target, names))) for n, names in enumerate(draw(steps))
        ),
    )
    people = draw(st.sets(st.sampled_from(["ann", "ben", "cho", "dia"]), min_size=1))
    made = Directory.of(
        {
            "users": [user(name) for name in people],
            "teams": [Team(id="some", members=("ben", "cho")), Team(id="empty")],
            "schedules": [first, replace_id(second, "t")],
            "escalation_policies": [policy],
            "services": [Service(id="api", escalation_policy="p")],
        }
    )
    return made, around - timedelta(hours=12)


def replace_id(schedule: Schedule, id: str) -> Schedule:
    return Schedule(id=id, time_zone=schedule.time_zone, layers=schedule.layers, overrides=schedule.overrides)


class Slow:
    """Looks at every minute, knowing nothing of sweeps."""

    def __init__(self, directory: Directory, start: datetime, days: int) -> None:
        self.directory = directory
        self.minutes = [start + n * MINUTE for n in range(days * 1440)]
        self.oracles = {id: Oracle(s, self.minutes[-1]) for id, s in directory.schedules.items()}

    def on_call(self, schedule: str, at: datetime) -> str | None:
        person = self.oracles[schedule].person(at)
        return person[0] if person and person[0] in self.directory.users else None

    def step(self, number: int, at: datetime) -> set[str]:
        found: set[str | None] = set()
        for one in self.directory.escalation_policies["p"].steps[number].targets:
            if one.schedule:
                found.add(self.on_call(one.schedule, at))
            found |= set(self.directory.teams[one.team].members) if one.team else {one.user}
        return {user for user in found if user and user in self.directory.users}

    def when(self, holds: Any) -> set[datetime]:
        return {at for at in self.minutes if holds(at)}


def minutes(findings: Iterable[Finding], whole: list[datetime]) -> set[datetime]:
    times: set[datetime] = set()
    for finding in findings:
        for start, end in finding.spans or ((whole[0], whole[-1] + MINUTE),):
            while start < end:
                times.add(start)
                start += MINUTE
    return times


def compare(directory: Directory, start: datetime, days: int) -> None:
    slow = Slow(directory, start, days)
    findings = check(directory, start, days)
    policy = directory.escalation_policies["p"]

    def told(kind: str, object: str) -> set[datetime]:
        return minutes([f for f in findings if f.kind == kind and f.object == object], slow.minutes)

    everyone = {at: [slow.step(n, at) for n in range(len(policy.steps))] for at in slow.minutes}
    assert told("dead_end", "policy:p") == {at for at, each in everyone.items() if not set().union(*each)}
    alone = {at for at, each in everyone.items() if len(set().union(*each)) == 1}
    assert told("single_person", "policy:p") == alone
    for name in directory.schedules:
        gaps = slow.when(lambda at, name=name: slow.on_call(name, at) is None)
        using = [n for n, step in enumerate(policy.steps) if any(t.schedule == name for t in step.targets)]
        relying = any([t.schedule for t in policy.steps[n].targets] == [name] for n in using)
        together = {at for at in gaps if any(not everyone[at][n] for n in using)}
        assert told("coverage_gap", f"schedule:{name}") == (gaps if relying else gaps - together)
    several = [n for n, step in enumerate(policy.steps) if len(step.targets) > 1 or not step.targets[0].schedule]
    empty = {at for at, each in everyone.items() if set().union(*each) and any(not each[n] for n in several)}
    assert told("empty_step", "policy:p") == empty


@settings(max_examples=6, deadline=None)
@given(organisations())
def test_the_sweep_finds_every_minute_that_a_slow_look_finds(made: tuple[Directory, datetime]) -> None:
    compare(*made, 1)


@settings(max_examples=20, deadline=None)
@given(organisations(), st.integers(0, 1439))
def test_a_step_pages_whom_the_sweep_says(made: tuple[Directory, datetime], minute: int) -> None:
    """The very function that pages, at any minute."""
    directory, start = made
    at = start + minute * MINUTE
    policy = directory.escalation_policies["p"]
    dead = {f.spans for f in check(directory, start, 1) if f.kind == "dead_end"}
    fired = turn(policy, Ladder(0, 0, at, at), directory, at)
    nobody = not any(rung.pages for rung in fired.rungs)
    assert nobody == any(a <= at < b for spans in dead for a, b in spans)
