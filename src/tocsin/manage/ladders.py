"""The escalation of one incident as something to draw: rungs that fired, the one that fires next, and those above it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.errors import NotFound
from tocsin.core.escalation import Ladder, due, turn
from tocsin.core.incident import public_id
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import reading_incidents as reading
from tocsin.store.reading_incidents import Row


async def ladder(ctx: Context, number: int) -> dict[str, Any]:
    """`{"incident", "answered", "now", "climbs": [...]}` of the present cycle of paging. Raises NotFound.

    A climb: `{policy, name, state, ended_reason, round, rounds, next_at, rungs}` with `state` running, held (waits for a
    person), stopped or exhausted. A rung: `{step, tier, after_seconds, at, state, targets, people: [{user, name, state}]}`
    with `step` from 1, `state` fired, next, waiting or skipped (will not fire), and for people the state of their page, or
    `expected` for those who would be paged.
    """
    async with ctx.db.reading() as tx:
        incident = await reading.get(tx, number)
        if incident is None:
            raise NotFound(f"There is no incident {public_id(number)}")
        climbs = await reading.escalations(tx, number)
        pages = await reading.pages(tx, number, None, None)
    latest = max((climb["cycle"] for climb in climbs), default=0)
    present = [climb for climb in climbs if climb["cycle"] == latest]
    directory = ctx.directory
    drawn = await asyncio.to_thread(lambda: [_climb(directory, climb, pages) for climb in present])
    return {
        "incident": public_id(number),
        "answered": incident["acknowledged_cycle"] >= incident["cycle"],
        "now": time_text(ctx.clock.now()),
        "climbs": drawn,
    }


def _climb(directory: Directory, climb: Row, pages: Sequence[Row]) -> dict[str, Any]:
    policy = directory.escalation_policies.get(climb["policy"])
    mine = [p for p in pages if p["escalation_id"] == climb["id"] and p["cycle"] == climb["cycle"]]
    rungs = [_rung(directory, policy, climb, number, mine) for number in range(len(policy.steps))] if policy else []
    return {
        "policy": climb["policy"],
        "name": (policy.name or policy.id) if policy else climb["policy"],
        "state": climb["state"],
        "ended_reason": climb["ended_reason"],
        "ended_at": time_text(climb["ended_at"]),
        "round": climb["round"],
        "rounds": policy.repeat + 1 if policy else climb["round"] + 1,
        "next_at": time_text(climb["next_at"]),
        "rungs": rungs,
    }


def _rung(
    directory: Directory, policy: EscalationPolicy, climb: Row, number: int, pages: Sequence[Row]
) -> dict[str, Any]:
    step = policy.steps[number]
    state = _state(climb, number)
    paged = [p for p in pages if p["step"] == number + 1 and p["round"] == climb["round"] and p["tier"] == step.tier]
    at = min((p["created_at"] for p in paged), default=None)
    if at is None:
        at = climb["next_at"] if state == "next" else due(policy, number, climb["round_started_at"])
    expected = () if paged or state in ("fired", "skipped") else _expected(directory, policy, climb, number, at)
    return {
        "step": number + 1,
        "tier": step.tier,
        "after_seconds": int(step.after),
        "at": time_text(at),
        "state": state,
        "targets": [target.name for target in step.targets],
        "people": [
            *({"user": p["user_id"], "name": _label(directory, p["user_id"]), "state": p["state"]} for p in paged),
            *({"user": user, "name": _label(directory, user), "state": "expected"} for user in expected),
        ],
    }


def _state(climb: Row, number: int) -> str:
    if number < climb["step"] or climb["state"] == "exhausted":
        return "fired"
    if climb["state"] != "running":
        return "skipped"
    return "next" if number == climb["step"] else "waiting"


def _expected(directory: Directory, policy: EscalationPolicy, climb: Row, number: int, at: datetime) -> tuple[str, ...]:
    """Whom the rung would page at its time, as things are configured now."""
    fired = turn(policy, Ladder(climb["round"], number, climb["round_started_at"], at), directory, at)
    return tuple(page.user for rung in fired.rungs if rung.step == number for page in rung.pages)


def _label(directory: Directory, user: str) -> str:
    known = directory.users.get(user)
    return known.label if known else user
