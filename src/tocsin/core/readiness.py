"""Would a page at any time in the coming days reach somebody? Every rule of `tocsin check`, proved over every instant.

`check` is pure. What only a running server knows comes as `Facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tocsin.core.calendar import zone
from tocsin.core.configuration import EscalationPolicy
from tocsin.core.coverage import Span, common, joined, uncovered
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.finding import LEVELS, Facts, Finding, Level, times
from tocsin.core.notification import plan
from tocsin.core.preset import steps_of
from tocsin.core.readiness_calendar import dst_nights, overrides
from tocsin.core.readiness_people import newcomers, strains
from tocsin.core.sweep import Sweep

DAYS = 90
MOST_DAYS = 366
NEVER_HEARD = timedelta(days=2)
"""An integration configured longer ago than this should have been heard from."""
SILENT = timedelta(days=60)
"""An integration that sent before, and not for so long, may be broken."""
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
        lone = [policy for policy in policies if _relies(policy, schedule.id)]
        shared = joined(span for policy in policies for span in _unfilled(sweep, policy, schedule.id))
        level: Level = "error" if lone else "note"
        # What several targets of one step leave open together is an empty step, told of there.
        told = gaps if lone else list(common(gaps, uncovered(shared, sweep.start, sweep.end)))
        if not told:
            continue
        then = (
            _what_follows(sweep, lone, told)
            if lone
            else "other people stand in the same steps"
            if policies
            else "no policy uses it"
        )
        yield Finding(
            kind="coverage_gap", level=level, object=f"schedule:{schedule.id}", spans=tuple(told),
            teams=sweep.teams_of_schedule(schedule, policies),
            sentence=f"Nobody is on call in {schedule.name or schedule.id} {times(told, zone(schedule.time_zone))}: {then}.",
            fix=f"Cover these times with a layer or an override in the schedule {schedule.id}"
            f"{sweep.where('schedules', schedule.id)}.",
        )  # fmt: skip


def _relies(policy: EscalationPolicy, schedule: str) -> bool:
    """Does one of its steps page this schedule and nothing else?"""
    return any([target.schedule for target in step.targets] == [schedule] for step in steps_of(policy))


def _unfilled(sweep: Sweep, policy: EscalationPolicy, schedule: str) -> Iterator[Span]:
    """When a step that names the schedule pages nobody at all."""
    for number, step in enumerate(steps_of(policy)):
        if any(target.schedule == schedule for target in step.targets):
            yield from ((s.start, s.end) for s in sweep.lines[policy.id] if not s.steps[number])


def _what_follows(sweep: Sweep, policies: Sequence[EscalationPolicy], gaps: Sequence[Span]) -> str:
    """What becomes of a page that comes to one of the gaps."""
    dead = list(common(gaps, joined(span for policy in policies for span in _dead(sweep, policy))))
    if not dead:
        return "a page goes on to the next step at once"
    if dead == list(gaps):
        return "no other step pages anybody"
    return "a page goes on to the next step at once, and at some of these times no other step pages anybody"


def _dead(sweep: Sweep, policy: EscalationPolicy) -> list[Span]:
    """When no step of the policy pages anybody."""
    return joined((s.start, s.end) for s in sweep.lines[policy.id] if not s.people)


def empty_steps(sweep: Sweep) -> Iterator[Finding]:
    """Steps that page nobody at some time, where that is not one schedule's gap and other steps page somebody."""
    for use in sweep.uses:
        policy = use.policy
        for number, step in enumerate(steps_of(policy)):
            empty = joined((s.start, s.end) for s in sweep.lines[policy.id] if s.people and not s.steps[number])
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
        empty = _dead(sweep, policy)
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
        if not alone:
            continue
        held = joined(span for spans in alone.values() for span in spans)
        always = held == [(sweep.start, sweep.end)]
        when = "at any time" if always else times(held, sweep.zone_of(policy))
        names = [sweep.label(user) for user in alone]
        few = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
        name = policy.name or policy.id
        yield Finding(
            kind="single_person", level="warning", object=f"policy:{policy.id}", spans=() if always else tuple(held),
            teams=use.teams,
            sentence=f"{names[0]} is the only person whom {name} pages {when}: nobody comes after." if len(names) == 1
            else f"{name} pages only one person at a time {when} ({few}): nobody comes after.",
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
            teams=sweep.teams_of_schedule(schedule, policies),
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
            about="alone" if lost else "",
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
            about=f"{method} alone" if alone else method,
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
                kind="unknown_user", level="error", object=f"{words[kind]}:{id}", about=user, teams=owners,
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
    for service, alerts in sweep.facts.runbooks.items():
        known = sweep.directory.services.get(service)
        titles = [name for name, told in alerts.items() if not told]
        if known is None or not titles:
            continue
        shown = ", ".join(titles[:5]) + (f" and {len(titles) - 5} more" if len(titles) > 5 else "")
        yield Finding(
            kind="no_runbook", level="warning", object=f"service:{service}", teams=(known.team,) if known.team else (),
            sentence=f"Alerts of {known.label} came without a runbook in the last 30 days: {shown}; "
            f"{len(alerts) - len(titles)} of {len(alerts)} have one.",
            fix="Give the alert rule a label or annotation runbook_url; a heartbeat a description.",
        )  # fmt: skip


RULES: tuple[Callable[[Sweep], Iterator[Finding]], ...] = (
    coverage_gaps, empty_steps, dead_ends, unreachable_people, unknown_users, services_without_policy, single_people, lone_shifts,
    idle_channels, failing_methods, integrations, runbooks, overrides, newcomers, strains, dst_nights,
)  # fmt: skip
"""In the order in which one would mend things."""
