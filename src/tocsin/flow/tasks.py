"""Who does what: tasks in parallel workstreams, each with an owner and the moment when they are heard of next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.spelling import Duration
from tocsin.core.timeline import Entry
from tocsin.flow.acts import checked, engaged, known, label, locked, tell
from tocsin.flow.clocks import update_to
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.store import incidents, notices, room, timers
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.room import Task, TaskState
from tocsin.store.timers import Timer
from tocsin.store.writing import Writing, notify, write_story

CHECK_IN = "check_in"
"""The kind of the timer that strikes when a task is to be heard of; its subject is the task."""
LONGEST_NAME = 100
"""Characters of the name of a workstream."""
LATEST = timedelta(days=7)
"""A check-in is at most this far away."""
STATES: tuple[TaskState, ...] = ("open", "done", "dropped")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a task; None stays as it is. An empty `owner` is nobody. `note`: what its owner says, `outcome` what came
    of it. `check_in`: when it is heard of next, or how long until then (`15m`); empty for never."""

    text: str | None = None
    owner: str | None = None
    workstream: str | None = None
    state: str | None = None
    check_in: datetime | str | None = None
    note: str = ""
    outcome: str = ""


def read_moment(text: str | None) -> datetime | str | None:
    """A check-in as people write it: a time with its offset (UTC without), or a length like `15m`, which stays as it is."""
    if text is None or not (text.strip()[:4].isdigit() and "-" in text):
        return text.strip() if text is not None else None
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{text[:60]!r} is not a time: write it like 2026-01-05T09:00:00Z, or 15m", "/next_check_in"
        ) from None


def moment(given: datetime | str | None, now: datetime, pointer: str = "/next_check_in") -> datetime | None:
    """When a task is heard of next: a time, or a length like `15m` from now; None for never. Raises Invalid unless it is to come."""
    if given is None or given == "":
        return None
    if isinstance(given, str):
        try:
            given = now + Duration.parse(given).delta
        except ValueError as error:
            raise Invalid(str(error), pointer) from None
    if not now < given <= now + LATEST:
        raise Invalid("a check-in is to come: name a time within the next 7 days", pointer)
    return given


async def add(
    ctx: Context, number: int, actor: str, text: str, *, owner: str | None = None, workstream: str = "",
    check_in: datetime | str | None = None,
) -> Task:  # fmt: skip
    """Give somebody something to do. Raises NotFound; Invalid for an unknown owner or a check-in that is not to come."""
    text, stream = checked(text, "/text"), _stream(workstream)
    if owner:
        known(ctx.directory, owner, "/owner")
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        at = moment(check_in, now)
        made = await room.add_task(tx, number, stream, text, owner or None, at, actor, now)
        if at is not None:
            await timers.set_timer(tx, CHECK_IN, made.id, number, at)
        who = f"{label(ctx.directory, owner)}: " if owner else ""
        data = _data(made) | {"next_check_in": at.isoformat() if at else None}
        await tell(tx, incident, now, "task_added", actor, f"{who}{text}", **data)
        await engaged(tx, incident, actor, now)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return made


def _stream(text: str) -> str:
    name = " ".join(checked(text, "/workstream", needed=False).split())
    if len(name) > LONGEST_NAME:
        raise Invalid(f"shorten this to {LONGEST_NAME} characters", "/workstream")
    return name


def _data(task: Task) -> dict[str, Any]:
    return {"task": task.id, "owner": task.owner, "workstream": task.workstream, "state": task.state}


async def change(ctx: Context, number: int, actor: str, task: int, wanted: Change) -> Task:
    """Its owner checks in, somebody else takes it, it is done or dropped. Nothing to change: nothing is told.

    Raises NotFound; Invalid.
    """
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now, before = ctx.clock.now(), await room.task(tx, number, task)
        if before is None:
            raise NotFound(f"There is no task {task} in this incident")
        note = checked(wanted.note, "/note", needed=False)
        after = _changed(ctx.directory, before, wanted, now)
        if after == before and not note:
            return before
        await room.save_task(tx, after)
        await _reset(tx, after)
        said = _told(ctx.directory, before, after, note)
        await tell(tx, incident, now, "task_changed", actor, said, **_data(after), note=note, outcome=after.outcome)
        await engaged(tx, incident, actor, now)
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    return after


def _changed(directory: Directory, task: Task, wanted: Change, now: datetime) -> Task:
    """The task as it is wanted. Raises Invalid; Conflict."""
    state = _state(wanted.state or task.state)
    outcome = checked(wanted.outcome, "/outcome", needed=False)
    if wanted.owner:
        known(directory, wanted.owner, "/owner")
    owner = task.owner if wanted.owner is None else wanted.owner or None
    at = task.next_check_in if wanted.check_in is None else moment(wanted.check_in, now)
    if state != "open":
        if wanted.check_in:
            raise Conflict("A task that is over is not heard of again: leave the check-in out.")
        at = None
    elif wanted.check_in is None and wanted.note and task.reminded_at is not None:
        at = None  # the word that was missing has come
    heard = bool(wanted.note) or at != task.next_check_in or state != task.state
    after = msgspec.structs.replace(
        task, owner=owner, state=state, next_check_in=at, outcome=outcome or task.outcome,
        text=task.text if wanted.text is None else checked(wanted.text, "/text"),
        workstream=task.workstream if wanted.workstream is None else _stream(wanted.workstream),
        reminded_at=None if heard else task.reminded_at,
        ended_at=None if state == "open" else task.ended_at or now,
    )  # fmt: skip
    return after if after == task else msgspec.structs.replace(after, changed_at=now)


def _state(text: str) -> TaskState:
    for state in STATES:
        if text == state:
            return state
    raise Invalid(f"{text[:60]!r} is not a state of a task: use {', '.join(STATES)}", "/state")


async def _reset(tx: Tx, task: Task) -> None:
    if task.next_check_in is None or task.reminded_at is not None:
        await timers.cancel(tx, CHECK_IN, task.id)
    else:
        await timers.set_timer(tx, CHECK_IN, task.id, task.incident_id, task.next_check_in)


def _told(directory: Directory, before: Task, after: Task, note: str) -> str:
    words = {"open": "Taken up again", "done": "Done", "dropped": "Dropped"}
    said = [words[after.state]] if after.state != before.state else []
    if after.owner != before.owner:
        said.append(f"{label(directory, after.owner)} does it now")
    what = f"{', '.join(said)}: {after.text}" if said else after.text
    added = note or (after.outcome if after.outcome != before.outcome else "")
    return f"{what}. {added}" if added else what


async def fire(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """Check-ins that passed without a word: told in the room, and to the owner by whatever takes updates."""
    async with ctx.db.transaction() as tx:
        locked_ones = await incidents.lock(tx, [timer.incident_id for timer in batch if timer.incident_id is not None])
        now, ours = ctx.clock.now(), await timers.finish(tx, ctx.node, batch)
        tasks = await room.tasks_with_ids(tx, [timer.subject for timer in batch if timer.id in ours])
        writing = Writing()
        for task in tasks.values():
            incident = locked_ones.get(task.incident_id)
            if incident is not None and incident.open and _missed(task, now):
                await _remind(ctx, tx, incident, task, now, writing)
        await notices.add(tx, writing.notices)
        await write_story(tx, writing)
        if writing.entries:
            await notify(tx, "timeline")
    ctx.wake.set("timeline", "timers")
    return []


def _missed(task: Task, now: datetime) -> bool:
    due = task.next_check_in is not None and task.next_check_in <= now
    return due and task.state == "open" and task.reminded_at is None


async def _remind(ctx: Context, tx: Tx, incident: Incident, task: Task, now: datetime, writing: Writing) -> None:
    task.reminded_at = now
    await room.save_task(tx, task)
    owner = label(ctx.directory, task.owner) if task.owner else "Nobody has it"
    text = f"Check-in due: {task.text} ({owner})"
    entry = Entry(at=now, kind="check_in_due", actor=ACTOR, details=text, data=_data(task))
    link = writing.tell(incident.id, incident.link, [entry])
    incident.timeline_seq, incident.timeline_head = link.seq, link.head
    key = f"check_in:{task.id}:{task.next_check_in.isoformat() if task.next_check_in else ''}"
    writing.notices += update_to(ctx.directory, task.owner, key, f"How is it going? {task.text}", incident, now)
