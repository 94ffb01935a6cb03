"""Would a page at any time in the coming days reach somebody? Every rule of `tocsin check`, proved over every instant.

`check` is pure. What only a running server knows comes as `Facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tocsin.core.calendar import instant, stretches, zone
from tocsin.core.configuration import EscalationPolicy, Override, Schedule
from tocsin.core.coverage import Span, common, joined
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.finding import LEVELS, Facts, Finding, Level, said, times
from tocsin.core.notification import plan
from tocsin.core.preset import steps_of
from tocsin.core.readiness_people import newcomers, strains
from tocsin.core.schedule import OVERRIDE, who
from tocsin.core.sweep import Sweep

DAYS = 90
MOST_DAYS = 366
NEVER_HEARD = timedelta(days=2)
"""An integration configured longer ago than this should have been heard from."""
SILENT = timedelta(days=60)
"""An integration that sent before, and not for so long, may be broken."""
SOON = timedelta(days=14)
"""Overrides that end within this time are told."""
NAMED = 5
"""People that a sentence names."""
RELIEVED = timedelta(days=28)
"""Over a span at least this long somebody else should have had a shift."""


def check(directory: Directory, now: datetime, days: int = DAYS, facts: Facts | None = None) -> list[Finding]:
    """Everything that would go wrong in the `days` from `now` on, the worst first. Raises Invalid for a bad number of days."""
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"{days} days cannot be checked: ask for 1 to {MOST_DAYS}", "/days")
    start = now.astimezone(UTC).replace(second=0, microsecond=0)
    sweep = Sweep(directory, start, start + timedelta(days=days), facts or Facts())
    found = [finding for rule in RULES for finding in rule(sweep)]
    return sorted(found, key=lambda f: (LEVELS.index(f.level), f.spans[0][0] if f.spans else start, f.kind, f.object))


# --- who would be paged -----------------------------------------------------------------------------------------------


def coverage_gaps(sweep: Sweep) -> Iterator[Finding]:
    """Schedules with times when nobody is on call."""
    for schedule in sweep.directory.schedules.values():
        gaps = sweep.rosters.gaps(schedule.id)
        if not gaps:
            continue
        policies = sweep.within(f"schedule:{schedule.id}")
        hurting = joined(span for policy in policies for span in _unfilled(sweep, policy, schedule.id, gaps))
        level: Level = "error" if hurting else "note"
        told = hurting or gaps
        then = (
            "a page goes on to the next step at once"
            if hurting
            else "other people stand in the same steps"
            if policies
            else "no policy uses it"
        )
        yield Finding(
            kind="coverage_gap", level=level, object=f"schedule:{schedule.id}", spans=tuple(told),
            teams=_teams(sweep, schedule, policies),
            sentence=f"Nobody is on call in {schedule.name or schedule.id} {times(told, zone(schedule.time_zone))}: {then}.",
            fix=f"Cover these times with a layer or an override in the schedule {schedule.id}"
            f"{sweep.where('schedules', schedule.id)}.",
        )  # fmt: skip


def _unfilled(sweep: Sweep, policy: EscalationPolicy, schedule: str, gaps: Sequence[Span]) -> Iterator[Span]:
    """Those of the gaps in which a step that relies on the schedule pages nobody at all."""
    for number, step in enumerate(steps_of(policy)):
        if any(target.schedule == schedule for target in step.targets):
            empty = [(s.start, s.end) for s in sweep.lines[policy.id] if not s.steps[number]]
            yield from common(joined(empty), gaps)


def _teams(sweep: Sweep, schedule: Schedule, policies: Sequence[EscalationPolicy]) -> tuple[str, ...]:
    own = [schedule.team] if schedule.team else []
    named = {policy.id for policy in policies}
    return tuple(dict.fromkeys([*own, *(team for use in sweep.uses if use.policy.id in named for team in use.teams)]))


def empty_steps(sweep: Sweep) -> Iterator[Finding]:
    """Steps that page nobody at some time, where that is not one schedule's gap."""
    for use in sweep.uses:
        policy = use.policy
        for number, step in enumerate(steps_of(policy)):
            empty = joined((s.start, s.end) for s in sweep.lines[policy.id] if not s.steps[number])
            lone = len(step.targets) == 1 and step.targets[0].schedule in sweep.directory.schedules
            if not empty or lone:
                continue
            targets = ", ".join(target.name.replace(":", " ") for target in step.targets) or "no targets"
            yield Finding(
                kind="empty_step", level="error", object=f"policy:{policy.id}", spans=tuple(empty), teams=use.teams,
                sentence=f"Step {number + 1} of {policy.name or policy.id} ({targets}) pages nobody "
                f"{times(empty, sweep.zone_of(policy))}.",
                fix=f"Give the step somebody who exists, or put people into what it names"
                f"{sweep.where('escalation_policies', policy.id)}.",
            )  # fmt: skip


def dead_ends(sweep: Sweep) -> Iterator[Finding]:
    """Policies that reach nobody by any step."""
    for use in sweep.uses:
        policy = use.policy
        empty = joined((s.start, s.end) for s in sweep.lines[policy.id] if not s.people)
        if empty:
            about = f" about {', '.join(use.services)}" if use.services else ""
            yield Finding(
                kind="dead_end", level="error", object=f"policy:{policy.id}", spans=tuple(empty), teams=use.teams,
                sentence=f"No step of {policy.name or policy.id} pages anybody{about} "
                f"{times(empty, sweep.zone_of(policy))}.",
                fix=f"Add a last step that names a person or a team{sweep.where('escalation_policies', policy.id)}.",
            )  # fmt: skip


def single_people(sweep: Sweep) -> Iterator[Finding]:
    """Policies that rest on one person alone: whoever sleeps through the page is all there is."""
    for use in sweep.uses:
        policy = use.policy
        alone: dict[str, list[Span]] = {}
        for stretch in sweep.lines[policy.id]:
            if len(stretch.people) == 1:
                (user,) = stretch.people
                if not use.managers - {user, None} or None in use.managers:
                    alone.setdefault(user, []).append((stretch.start, stretch.end))
        for user, spans in alone.items():
            held = joined(spans)
            always = held == [(sweep.start, sweep.end)]
            when = "at any time" if always else times(held, sweep.zone_of(policy))
            yield Finding(
                kind="single_person", level="warning", object=f"policy:{policy.id}", spans=() if always else tuple(held),
                teams=use.teams,
                sentence=f"{sweep.label(user)} is the only person whom {policy.name or policy.id} pages {when}: "
                "nobody comes after.",
                fix=f"Add a step with somebody else, or a manager to the team"
                f"{sweep.where('escalation_policies', policy.id)}.",
            )  # fmt: skip


def lone_shifts(sweep: Sweep) -> Iterator[Finding]:
    """Schedules in use in which one person holds every shift: nobody ever relieves them."""
    for schedule in sweep.directory.schedules.values():
        people = {shift.user for shift in sweep.rosters.shifts(schedule.id)} & sweep.directory.users.keys()
        policies = sweep.within(f"schedule:{schedule.id}")
        if len(people) != 1 or not policies or sweep.end - sweep.start < RELIEVED:
            continue
        (user,) = people
        yield Finding(
            kind="single_person", level="warning", object=f"schedule:{schedule.id}",
            teams=_teams(sweep, schedule, policies),
            sentence=f"{sweep.label(user)} holds every shift of {schedule.name or schedule.id} for "
            f"{(sweep.end - sweep.start).days} days: nobody ever takes over.",
            fix=f"Add somebody to the rotation{sweep.where('schedules', schedule.id)}.",
        )  # fmt: skip


# --- can they be reached ----------------------------------------------------------------------------------------------


def unreachable_people(sweep: Sweep) -> Iterator[Finding]:
    """People who would be paged, and have no contact method that a page may use."""
    for user, first in sorted(sweep.first_paged.items(), key=lambda item: item[1]):
        known = sweep.directory.users[user]
        if plan(known, "high"):
            continue
        why = "has no contact method" if not known.contact_methods else "has no contact method that a page may use"
        yield Finding(
            kind="unreachable_person", level="error", object=f"user:{user}", spans=(first,),
            teams=sweep.teams_of_user(user),
            sentence=f"{known.label} can be paged {times([first], zone(known.time_zone))}, and {why}.",
            fix=f"Give {known.label} a working, verified contact method and a rule that uses it"
            f"{sweep.where('users', user)}.",
        )  # fmt: skip


def idle_channels(sweep: Sweep) -> Iterator[Finding]:
    """Ways to people by which this server sends nothing, because it was never told how: known before the first page is lost."""
    ways = {
        user: {method.type for _, method in plan(sweep.directory.users[user], "high")} for user in sweep.first_paged
    }
    for type, why in sorted(sweep.facts.idle.items()):
        concerned = [user for user, types in ways.items() if type in types]
        lost = [user for user in concerned if ways[user] <= sweep.facts.idle.keys()]
        if not concerned:
            continue
        names = ", ".join(sorted(sweep.label(user) for user in lost)[:NAMED]) + (", ..." if len(lost) > NAMED else "")
        many = "1 person" if len(concerned) == 1 else f"{len(concerned)} people"
        yield Finding(
            kind="idle_channel", level="error" if lost else "warning", object=f"channel:{type}",
            sentence=f"Nothing goes out by {type}, by which {many} would be paged: {why}."
            + (f" Nothing else reaches {names}." if lost else ""),
            fix="Configure it, or give these people another contact method.",
        )  # fmt: skip


def failing_methods(sweep: Sweep) -> Iterator[Finding]:
    """Contact methods whose latest messages were all refused. Somebody without another one cannot be reached."""
    for (user, method), error in sorted(sweep.facts.failing.items()):
        known = sweep.directory.method(user, method)
        if user not in sweep.first_paged or known is None or known.type in sweep.facts.idle:
            continue
        usable = {m.id for _, m in plan(sweep.directory.users[user], "high")}
        alone = not any((user, other) not in sweep.facts.failing for other in usable)
        yield Finding(
            kind="failing_method", level="error" if alone else "warning", object=f"user:{user}",
            teams=sweep.teams_of_user(user),
            sentence=f"The last messages to {sweep.label(user)} by {method} were refused: {error}."
            + (" Nothing else would reach this person." if alone else ""),
            fix=f"Mend the contact method {method} of {sweep.label(user)}, and send a test message.",
        )  # fmt: skip


def unknown_users(sweep: Sweep) -> Iterator[Finding]:
    """Names of people who do not exist, in schedules, teams and policies."""
    users = sweep.directory.users
    named: list[tuple[str, str, str, tuple[str, ...]]] = []
    for schedule in sweep.directory.schedules.values():
        people = [*(u for layer in schedule.layers for u in layer.users), *(o.user for o in schedule.overrides)]
        teams = (schedule.team,) if schedule.team else ()
        named += [(u, "schedules", schedule.id, teams) for u in dict.fromkeys(people)]
    for team in sweep.directory.teams.values():
        named += [(u, "teams", team.id, (team.id,)) for u in [*team.members, *([team.manager] if team.manager else [])]]
    for use in sweep.uses:
        stepped = [t.user for step in steps_of(use.policy) for t in step.targets if t.user]
        named += [(u, "escalation_policies", use.policy.id, use.teams) for u in dict.fromkeys(stepped)]
    words = {"schedules": "schedule", "teams": "team", "escalation_policies": "policy"}
    for user, kind, id, owners in named:
        if user not in users:
            yield Finding(
                kind="unknown_user", level="error", object=f"{words[kind]}:{id}", teams=owners,
                sentence=f"The {words[kind]} {id} names the user {user!r}, who does not exist.",
                fix=f"Take {user!r} out, or add the user{sweep.where(kind, id)}.",
            )  # fmt: skip


# --- services and what sends for them ---------------------------------------------------------------------------------


def services_without_policy(sweep: Sweep) -> Iterator[Finding]:
    for service in sweep.directory.services.values():
        if sweep.directory.policy_of(service.id) is None:
            yield Finding(
                kind="no_policy", level="error", object=f"service:{service.id}",
                teams=(service.team,) if service.team else (),
                sentence=f"{service.label} has no escalation policy, and there is no default one: its alerts page nobody.",
                fix=f"Set escalation_policy on the service, or default_escalation_policy"
                f"{sweep.where('services', service.id)}.",
            )  # fmt: skip


def integrations(sweep: Sweep) -> Iterator[Finding]:
    """Integrations that never sent anything, and those that fell silent. Only a server knows."""
    for service in sweep.directory.services.values():
        for integration in service.integrations:
            since = sweep.facts.since.get((service.id, integration.id))
            if since is None:
                continue
            heard = sweep.facts.heard.get((service.id, integration.id))
            name = f"The integration {integration.id} of {service.label}"
            fix = f"Send a test alert through {integration.id}, or remove it{sweep.where('services', service.id)}."
            about = f"integration:{service.id}/{integration.id}"
            teams = (service.team,) if service.team else ()
            if heard is None and sweep.start - since > NEVER_HEARD:
                told = f"{name} has never sent anything: nobody knows whether it works."
                yield Finding(
                    kind="dead_integration", level="warning", object=about, teams=teams, sentence=told, fix=fix
                )
            elif heard is not None and sweep.start - heard > SILENT:
                told = f"{name} has sent nothing for {(sweep.start - heard).days} days, and did before."
                yield Finding(
                    kind="silent_integration", level="warning", object=about, teams=teams, sentence=told, fix=fix
                )


def runbooks(sweep: Sweep) -> Iterator[Finding]:
    """Alerts that woke people without saying what to do."""
    for service, titles in sweep.facts.bare.items():
        known = sweep.directory.services.get(service)
        if known is None or not titles:
            continue
        shown = ", ".join(titles[:5]) + (f" and {len(titles) - 5} more" if len(titles) > 5 else "")
        yield Finding(
            kind="no_runbook", level="warning", object=f"service:{service}", teams=(known.team,) if known.team else (),
            sentence=f"Alerts of {known.label} came without a runbook in the last 30 days: {shown}.",
            fix="Give the alert rule a label or annotation runbook_url; a heartbeat a description.",
        )  # fmt: skip


# --- the calendar -----------------------------------------------------------------------------------------------------


def overrides(sweep: Sweep) -> Iterator[Finding]:
    """Overrides in force that end soon, and who comes then."""
    for schedule in sweep.directory.schedules.values():
        place = zone(schedule.time_zone)
        for override in schedule.overrides:
            end = instant(override.end.naive, place)
            if not sweep.start < end <= min(sweep.start + SOON, sweep.end) or not _in_force(schedule, override, end):
                continue
            after = who(schedule, end)
            if after is not None and after[0] == override.user:
                continue
            name, start = schedule.name or schedule.id, instant(override.start.naive, place)
            then = f"{sweep.label(after[0])} takes over" if after else "nobody takes over"
            yield Finding(
                kind="expiring_override", level="note" if after else "warning", object=f"schedule:{schedule.id}",
                spans=((start, end),), teams=_teams(sweep, schedule, ()),
                sentence=f"The override of {sweep.label(override.user)} in {name} ends {said(end, place)}, and {then}.",
                fix="Nothing to do, if that is meant." if after
                else f"Extend the override, or cover the time after it{sweep.where('schedules', schedule.id)}.",
            )  # fmt: skip


def _in_force(schedule: Schedule, override: Override, end: datetime) -> bool:
    """It is what puts its user on call just before its end."""
    return who(schedule, end - timedelta(seconds=1)) == (override.user, OVERRIDE)


def dst_nights(sweep: Sweep) -> Iterator[Finding]:
    """Nights in which the clocks change, and who is on call then; a warning where a handover falls into the changed hour."""
    zones: dict[str, list[Schedule]] = {}
    for schedule in sweep.directory.schedules.values():
        if sweep.rosters.shifts(schedule.id):
            zones.setdefault(schedule.time_zone, []).append(schedule)
    for name, schedules in zones.items():
        place = zone(name)
        cuts = list(stretches(place, sweep.start, sweep.end))
        for (_, at, before), (_, _, after) in pairwise(cuts):
            yield _changed(sweep, schedules, place, at, after - before)


def _changed(sweep: Sweep, schedules: Sequence[Schedule], place: ZoneInfo, at: datetime, by: timedelta) -> Finding:
    forward = by > timedelta()
    span = (at, at + abs(by)) if forward else (at - abs(by), at + abs(by))
    odd = [s for s in schedules if _hands_over_within(sweep, s, place, at, by)]
    people = dict.fromkeys(sweep.label(on[0]) for s in schedules if (on := who(s, at)))
    minutes = int(abs(by).total_seconds()) // 60
    how = "forward" if forward else "back"
    sentence = (
        f"Clocks in {place.key} go {how} by {minutes} minutes {said(at, place)}; "
        f"on call then: {', '.join(list(people)[:8]) or 'nobody'}{' and others' if len(people) > 8 else ''}."
    )
    if odd:
        what = "does not exist" if forward else "happens twice"
        sentence += f" In {', '.join(s.name or s.id for s in odd)} a handover is written for an hour that {what}."
    return Finding(
        kind="dst_night", level="warning" if odd else "note", object=f"time_zone:{place.key}", spans=(span,),
        teams=tuple(dict.fromkeys(s.team for s in schedules if s.team)), sentence=sentence,
        fix="Move the handover out of that hour." if odd else "Nothing to do: the schedules follow the clock.",
    )  # fmt: skip


def _hands_over_within(sweep: Sweep, schedule: Schedule, place: ZoneInfo, at: datetime, by: timedelta) -> bool:
    """Does a shift begin in the hour that is repeated, or is its beginning written for the hour that is skipped?"""
    starts = [shift.start for shift in sweep.rosters.shifts(schedule.id)]
    if by < timedelta():
        return any(at + by <= start < at - by for start in starts)
    first = (at.astimezone(place).replace(tzinfo=None) - by).time()
    last = at.astimezone(place).replace(tzinfo=None).time()
    written = [
        layer.starts.naive.time() for layer in schedule.layers if layer.rotation.unit != "hour" and len(layer.users) > 1
    ]
    written += [window.start.time for layer in schedule.layers for window in layer.restrictions]
    return any(at <= start < at + by for start in starts) and any(first <= clock < last for clock in written)


RULES: tuple[Callable[[Sweep], Iterator[Finding]], ...] = (
    coverage_gaps, empty_steps, dead_ends, unreachable_people, unknown_users, services_without_policy, single_people, lone_shifts,
    idle_channels, failing_methods, integrations, runbooks, overrides, newcomers, strains, dst_nights,
)  # fmt: skip
"""In the order in which one would mend things."""
