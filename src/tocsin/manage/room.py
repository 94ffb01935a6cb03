"""What a room holds as people see it: one view of findings, decisions, tasks and roles for API, web and CLI, and its clocks."""

from __future__ import annotations

from typing import Any

from tocsin.core.incident import unknown
from tocsin.core.role import ABOUT, ROLES, SEVERAL, SPAN, Roles, direct, holders
from tocsin.core.severity import Severity
from tocsin.core.stopwatch import Times, stopwatches
from tocsin.flow.context import Context
from tocsin.flow.rules import known_rules, learn
from tocsin.manage.checklists import checklist_of, checklist_view
from tocsin.manage.command import command_view
from tocsin.manage.facts import Facts, facts_of
from tocsin.manage.lists import time_text
from tocsin.manage.onsets import onset_of
from tocsin.store import reading_incidents as reading
from tocsin.store import room as store
from tocsin.store.reading_incidents import Row
from tocsin.store.room import Decision, Finding, Offer, Task


def finding_view(one: Finding) -> dict[str, Any]:
    """`certainty`: fact, hypothesis or refuted. `entry`: the timeline entry that it was pinned from."""
    return {
        "id": one.id, "text": one.text, "certainty": one.certainty, "entry": one.entry, "by": one.by,
        "at": time_text(one.at), "settled_by": one.settled_by, "settled_at": time_text(one.settled_at), "why": one.why,
    }  # fmt: skip


def decision_view(one: Decision) -> dict[str, Any]:
    """`known`: what was known at that moment: `{severity, status, findings, tasks}`."""
    return {
        "id": one.id, "text": one.text, "why": one.why, "alternatives": one.alternatives, "known": one.known, "by": one.by,
        "at": time_text(one.at),
    }  # fmt: skip


def task_view(one: Task) -> dict[str, Any]:
    """`state`: open, done or dropped. `reminded_at`: its check-in passed without a word."""
    return {
        "id": one.id, "workstream": one.workstream, "text": one.text, "owner": one.owner, "state": one.state,
        "next_check_in": time_text(one.next_check_in), "reminded_at": time_text(one.reminded_at), "outcome": one.outcome,
        "by": one.by, "at": time_text(one.at), "ended_at": time_text(one.ended_at),
    }  # fmt: skip


def roles_view(ctx: Context, row: Row, offers: list[Offer], tasks: list[Task]) -> dict[str, Any]:
    """`{"items": [{role, name, short, duty, several, users, offer}]}` with what `command_view` says.

    `direct`: how many people work directly under the commander; more than `span` should be sub-teams.
    """
    roles: Roles = row["roles"]
    asked = {one.role: one for one in offers}
    return {
        "items": [
            {
                "role": role, "name": about.name, "short": about.short, "duty": about.duty, "several": role in SEVERAL,
                "users": holders(roles, role), "offer": _offer_view(asked[role]) if role in asked else None,
            }
            for role, about in ((role, ABOUT[role]) for role in ROLES)
        ],
        **command_view(row, ctx.clock.now()),
        "direct": direct(roles, row["responders"], [one.owner for one in tasks if one.state == "open"]),
        "span": SPAN,
    }  # fmt: skip


def _offer_view(one: Offer) -> dict[str, Any]:
    return {"from": one.from_user, "to": one.to_user, "briefing": one.briefing, "by": one.by, "at": time_text(one.at)}


def clocks_view(ctx: Context, row: Row) -> list[dict[str, Any]]:
    """Detection, acknowledgement, engagement and restoration: `{name, start, end, target, over}`; `end` is null while it runs, `start`
    while nobody said when it began."""
    answered = row["acknowledged_at"] if row["acknowledged_cycle"] >= row["cycle"] else None
    times = Times(
        created_at=row["created_at"], since=row["clocks_since"] or row["created_at"], answered_at=answered,
        impact_started_at=row["impact_started_at"], detected_at=row["detected_at"], engaged_at=row["engaged_at"],
        restored_at=row["restored_at"], resolved_at=row["resolved_at"],
    )  # fmt: skip
    rules = known_rules(ctx, row["matrix"], row["service"])
    return [
        {
            "name": one.name, "start": time_text(one.start), "end": time_text(one.end), "target": time_text(one.target),
            "over": one.over,
        }
        for one in stopwatches(rules, Severity(row["severity"]), times, ctx.clock.now())
    ]  # fmt: skip


def facts_view(found: Facts) -> dict[str, Any]:
    """`{"findings", "decisions", "tasks"}`, each oldest first."""
    return {
        "findings": [finding_view(one) for one in found.findings],
        "decisions": [decision_view(one) for one in found.decisions],
        "tasks": [task_view(one) for one in found.tasks],
    }


async def room(ctx: Context, number: int, alerts: bool = True) -> dict[str, Any]:
    """Everything in the room but its timeline: `{"clocks", "roles", "checklist", "findings", "decisions", "tasks", "onset"}`.

    `onset` is null without `alerts`, for those who may not see alerts. Raises NotFound.
    """
    async with ctx.db.reading() as tx:
        row = await reading.get(tx, number)
        if row is None:
            raise unknown(number)
        await learn(ctx, tx, [row["matrix"]])
        offers, found = await store.offers(tx, number), await facts_of(tx, row)
        ticked = await checklist_of(tx, row)
        onset = await onset_of(ctx, tx, row) if alerts else None
    return {
        "clocks": clocks_view(ctx, row),
        "roles": roles_view(ctx, row, offers, found.tasks),
        "checklist": checklist_view(ticked),
        **facts_view(found),
        "onset": onset,
    }
