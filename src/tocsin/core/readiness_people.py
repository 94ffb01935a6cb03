"""What a check asks about the people behind the schedules: is the one who is alone ready for it, and are the shifts kind?"""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.core import limits
from tocsin.core.calendar import zone
from tocsin.core.coverage import Span
from tocsin.core.finding import Finding, times
from tocsin.core.newcomer import NO_TEAM, Newcomer, items_of, shadowing
from tocsin.core.preset import steps_of
from tocsin.core.sweep import Sweep, Use


def newcomers(sweep: Sweep) -> Iterator[Finding]:
    """People whose checklist nobody signed, and who are the only one to be paged first, for the first time. Only a server knows."""
    ready, veterans = sweep.facts.ready, sweep.facts.veterans
    if ready is None:
        return
    for newcomer in sorted({*shadowing(sweep.directory), *sweep.facts.opened} - set(ready)):
        user, team = newcomer
        if user not in sweep.directory.users or not items_of(sweep.directory.teams.get(team)):
            continue
        served = any(
            who == user and (there := sweep.directory.schedules.get(schedule)) and (there.team or NO_TEAM) == team
            for schedule, who in veterans
        )
        alone = None if served else _first_alone(sweep, newcomer)
        if alone is None:
            continue
        use, span = alone
        known, name = sweep.directory.users[user], use.policy.name or use.policy.id
        yield Finding(
            kind="not_ready", level="warning", object=f"user:{user}", spans=(span,), teams=(team,) if team else use.teams,
            sentence=f"{known.label} is the only one whom the first step of {name} pages "
            f"{times([span], zone(known.time_zone))}, for the first time, and nobody has signed the checklist.",
            fix=f"Go through the checklist with {known.label} and sign it, let somebody else take these hours, or put a second"
            " person into the step.",
        )  # fmt: skip


def _first_alone(sweep: Sweep, newcomer: Newcomer) -> tuple[Use, Span] | None:
    """Where the newcomer is alone on a first step that concerns the team, and the first such time."""
    user, team = newcomer
    found: tuple[Use, Span] | None = None
    for use in sweep.uses:
        steps = steps_of(use.policy)
        theirs = [
            schedule
            for target in (steps[0].targets if steps else ())
            if (schedule := sweep.directory.schedules.get(target.schedule or "")) is not None
        ]
        if team not in use.teams and not any((schedule.team or NO_TEAM) == team for schedule in theirs):
            continue
        for stretch in sweep.lines[use.policy.id]:
            if stretch.steps[:1] == ((user,),):
                if found is None or stretch.start < found[1][0]:
                    found = (use, (stretch.start, stretch.end))
                break
    return found


def strains(sweep: Sweep) -> Iterator[Finding]:
    """Shifts that go against the limits of their schedule: each rule of each schedule once. Who holds every shift is told of by
    `lone_shifts`."""
    for id, schedule in sweep.directory.schedules.items():
        if len({shift.user for shift in sweep.rosters.shifts(id)}) < 2:
            continue
        found: dict[limits.Rule, list[limits.Breach]] = {}
        for breach in limits.breaches(sweep.directory, id, sweep.start, sweep.end, sweep.facts.night_pages):
            found.setdefault(breach.rule, []).append(breach)
        for rule, breaches in found.items():
            people = [sweep.label(user) for user in dict.fromkeys(breach.user for breach in breaches)]
            more = len(breaches) - 1
            yield Finding(
                kind="strain", level="warning", object=f"schedule:{id}/{rule}",
                spans=tuple(sorted((breach.start, breach.end) for breach in breaches)),
                teams=(schedule.team,) if schedule.team else (),
                sentence=f"{schedule.name or id} strains its people: {breaches[0].sentence}"
                + (f" {more} more like it in these days: {', '.join(people[:5])}." if more else ""),
                fix=f"{breaches[0].fix[0].upper()}{breaches[0].fix[1:]}{sweep.where('schedules', id)}.",
            )  # fmt: skip
