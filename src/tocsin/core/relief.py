"""A shift ends before anybody answered: what a rehearsal tells of the work that changes hands then (flow/relieve.py does it)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from tocsin.core.directory import Directory
from tocsin.core.escalation import PageIntent, PageReason, Rung
from tocsin.core.handoff import ABSENCE, Handover, handovers
from tocsin.core.notification import plan

_SCHEDULE = "schedule:"


def taken_over(
    directory: Directory, rungs: Sequence[tuple[datetime, Rung]], at: datetime, end: datetime, loud: datetime
) -> Iterator[tuple[datetime, Rung]]:
    """The pages of those who take an unanswered incident over when shifts end in (at, end).

    It began at `at`, and `rungs` are what its ladder fires. It belongs to whoever was reached first, through the schedule by which
    they were paged last. Before `loud` it changes hands without a page.
    """
    told = [(when, page.user, page.via) for when, rung in rungs for page in rung.pages]
    holder, taken = next((user for when, user, _ in told if _reached(directory, user, when >= loud)), None), None
    for schedule, handover in _coming(directory, {via for _, _, via in told}, at, end):
        ways = [via for when, user, via in told if user == holder and when <= handover.at and via.startswith(_SCHEDULE)]
        elsewhere = taken is not None and taken[0] != schedule and taken[1] > handover.at - ABSENCE
        if handover.outgoing != holder or ways[-1:] != [f"{_SCHEDULE}{schedule}"] or elsewhere:
            continue
        holder, taken = handover.incoming, (schedule, handover.at)
        # When business hours begin at that very moment the ladder begins anew, with whoever takes over.
        page = PageIntent(holder, f"{_SCHEDULE}{schedule}", PageReason.SHIFT_ENDED)
        if handover.at > loud and (handover.at, page.user, page.via) not in told:
            told = sorted([*told, (handover.at, page.user, page.via)], key=lambda one: one[0])
            yield handover.at, Rung(0, 0, "on_call", (page,))


def _reached(directory: Directory, user: str, loudly: bool) -> bool:
    return bool(plan(directory.users[user], "high" if loudly else "low"))


def _coming(directory: Directory, targets: set[str], at: datetime, end: datetime) -> list[tuple[str, Handover]]:
    """The handovers of these schedules between people who exist, in order of time."""
    known = [s for s in directory.schedules.values() if f"{_SCHEDULE}{s.id}" in targets]
    found = [
        (schedule.id, handover)
        for schedule in known
        for handover in handovers(schedule, at, end)
        if at < handover.at < end and {handover.outgoing, handover.incoming} <= directory.users.keys()
    ]
    return sorted(found, key=lambda one: one[1].at)
