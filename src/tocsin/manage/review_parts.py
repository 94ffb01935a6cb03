"""What people write into a review: sections, factors, action items, follow-ups that are done."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, get_args

import msgspec

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.language import lint_review
from tocsin.core.review import FACTORS, TASKS, Action, ActionState, Factor, FactorKind, Task
from tocsin.flow.acts import Result, checked
from tocsin.flow.context import Context
from tocsin.manage.language import view as finding_view
from tocsin.manage.lists import time_text
from tocsin.manage.records import short
from tocsin.manage.reports import plain
from tocsin.manage.reviews import changed, section_of
from tocsin.store import reviews
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.reviews import Review

MOST = 200
"""Factors or action items of one review."""
LONGEST_LINE = 1_000
ALIASES = {"human": "knowledge", "communication": "knowledge"}


def short_text(text: str, pointer: str, needed: bool = True) -> str:
    """One line or two. Raises Invalid."""
    text = checked(text, pointer, needed)
    if len(text) > LONGEST_LINE:
        raise Invalid(f"shorten this to {LONGEST_LINE} characters", pointer)
    return text


async def write_section(
    ctx: Context, number: int, section: str, actor: str, text: str, version: int | None = None
) -> dict[str, Any]:
    """A new version of a section: `{section, version, text, by, at, findings}`. An empty text takes what was written out again.

    `version`: the one that the writer read; the text is refused when somebody else wrote since. Raises NotFound; Invalid; Conflict.
    """
    name, text = section_of(section), checked(text, "/text", needed=False)
    made: dict[str, Any] = {}

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        last = (await reviews.sections(tx, number)).get(name)
        current = last.version if last else 0
        if version is not None and version != current:
            who = short(last.actor) if last else "nobody"
            raise Conflict(f"{who} wrote here since you began to read (version {current}): look at that first.")
        same = last is not None and last.text == text
        if not same:
            await reviews.write(tx, number, name, current + 1, text, actor, now)
        made.update(version=current if same else current + 1, at=time_text(now))
        return Result(number, not same, "Saved")

    await changed(ctx, number, do)
    people = [user.label for user in ctx.directory.users.values()]
    findings = [finding_view(one) for one in lint_review(text, people=people)]
    return {"section": name, "text": text, "by": short(actor), **made, "findings": findings}


# --- factors ----------------------------------------------------------------------------------------------------------


async def add_factor(ctx: Context, number: int, actor: str, kind: str, text: str, evidence: str = "") -> dict[str, Any]:
    """`{id, kind, text, evidence}`. `kind`: technical, process, knowledge (`human` means the same), external.

    Raises NotFound; Invalid; Conflict.
    """
    named = factor_kind(kind)
    text, evidence = short_text(text, "/text"), short_text(evidence, "/evidence", needed=False)
    made: list[Factor] = []

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        if len(await reviews.factors(tx, number)) >= MOST:
            raise Conflict(f"A review holds at most {MOST} factors.")
        made.append(await reviews.add_factor(tx, number, named, text, evidence, actor, now))
        return Result(number, True, "Added")

    await changed(ctx, number, do)
    found: dict[str, Any] = msgspec.to_builtins(made[0])
    return found


def factor_kind(text: str) -> FactorKind:
    """Raises Invalid naming the kinds."""
    word = ALIASES.get(text.strip().lower(), text.strip().lower())
    for kind in FACTORS:
        if kind == word:
            return kind
    raise Invalid(f"{text!r} is not a kind of factor: use {', '.join(FACTORS)}", "/kind")


async def remove_factor(ctx: Context, number: int, id: int) -> Result:
    """Raises NotFound; Conflict."""

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        if not await reviews.remove_factor(tx, number, id):
            raise NotFound(f"There is no factor {id} in this review")
        return Result(number, True, "Removed")

    return await changed(ctx, number, do)


# --- action items -----------------------------------------------------------------------------------------------------


class ActionChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is None stays as it is; an empty `owner` or `due_on` takes it away."""

    action: str | None = None
    owner: str | None = None
    due_on: str | None = None
    state: str | None = None


async def add_action(ctx: Context, number: int, actor: str, change: ActionChange) -> dict[str, Any]:
    """`{id, action, owner, due_on, state, ended_at}`. Raises NotFound; Invalid; Conflict."""
    action = short_text(change.action or "", "/action")
    owner, due_on = _owner(ctx, change.owner), _day(change.due_on)
    made: list[Action] = []

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        if len(await reviews.actions(tx, number)) >= MOST:
            raise Conflict(f"A review holds at most {MOST} action items.")
        made.append(await reviews.add_action(tx, number, action, owner, due_on, actor, now))
        return Result(number, True, "Added")

    await changed(ctx, number, do)
    return action_view(made[0])


async def change_action(ctx: Context, number: int, id: int, actor: str, change: ActionChange) -> dict[str, Any]:
    """Also once the review is published: the work goes on. Raises NotFound; Invalid; Conflict."""
    columns: dict[str, Any] = {}
    if change.action is not None:
        columns["action"] = short_text(change.action, "/action")
    if change.owner is not None:
        columns["owner"] = _owner(ctx, change.owner)
    if change.due_on is not None:
        columns["due_on"] = _day(change.due_on)
    if change.state is not None and change.state not in get_args(ActionState):
        raise Invalid(f"{change.state!r} is not a state: use {', '.join(get_args(ActionState))}", "/state")
    made: list[Action] = []

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        if change.state is not None:
            over = change.state != "open"
            columns.update(state=change.state, ended_at=now if over else None, ended_by=actor if over else None)
        held = {one.id: one for one in await reviews.actions(tx, number)}
        changed_to = (await reviews.change_action(tx, number, id, columns)) if columns else held.get(id)
        if changed_to is None:
            raise NotFound(f"There is no action item {id} in this review")
        made.append(changed_to)
        return Result(number, bool(columns), "Saved")

    await changed(ctx, number, do, settled=True)
    return action_view(made[0])


def action_view(one: Action) -> dict[str, Any]:
    found: dict[str, Any] = plain(msgspec.to_builtins(one, builtin_types=(datetime,)))
    return found


def _owner(ctx: Context, text: str | None) -> str | None:
    """A user's id, or whatever people call who does it (a team, a supplier)."""
    return short_text(text, "/owner", needed=False) or None if text else None


def _day(text: str | None) -> date | None:
    if not text or not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise Invalid(f"{text!r} is not a day: write it like 2026-01-05", "/due_on") from None


# --- follow-ups -------------------------------------------------------------------------------------------------------


async def mark(ctx: Context, number: int, task: str, actor: str, done: bool) -> Result:
    """A follow-up is done, or not after all; also once the review is published. Raises NotFound; Conflict."""
    name = task_of(task)

    async def do(tx: Tx, incident: Incident, found: Review, now: datetime) -> Result:
        await reviews.mark(tx, number, name, now if done else None, actor if done else None)
        return Result(number, True, "Done" if done else "Not done yet")

    return await changed(ctx, number, do, settled=True)


def task_of(text: str) -> Task:
    """Raises NotFound naming the tasks."""
    for task in TASKS:
        if task == text:
            return task
    raise NotFound(f"There is no follow-up {text!r}: use {', '.join(TASKS)}")
