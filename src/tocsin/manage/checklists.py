"""The phases of an incident as people work through them: steps tick themselves from the timeline, or are ticked by hand."""

from __future__ import annotations

from typing import Any

from tocsin.core.checklist import BY_ID, STEPS, First, Mark, Scene, marks, phase_now
from tocsin.core.errors import NotFound
from tocsin.core.incident import unknown
from tocsin.flow.acts import Result, engaged, locked, tell
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import reading_incidents as reading
from tocsin.store import reading_room, room
from tocsin.store.database import Tx
from tocsin.store.reading_incidents import Row
from tocsin.store.writing import notify

_KINDS = (
    "incident_created", "severity_changed", "acknowledged", "responder_added", "task_added", "finding_added",
    "update_published", "communication_added", "escalated", "all_hands", "manager_informed", "decision_made", "restored",
    "resolved", "review_drafted", "review_published", "review_waived",
)  # fmt: skip
"""The kinds of entries that tick a step."""


async def checklist_of(tx: Tx, row: Row) -> list[Mark]:
    """Every step that an incident, whose row has been read, needs."""
    number = row["id"]
    found = await reading_room.firsts(tx, number, _KINDS)
    last = {one["kind"]: one["last_at"] for one in found}
    told = max((last[kind] for kind in ("update_published", "communication_added") if kind in last), default=None)
    restored = row["restored_at"] or row["resolved_at"]
    scene = Scene(
        firsts={one["kind"]: First(one["at"], one["actor"]) for one in found},
        roles=row["roles"], impact=row["impact"], affected_services=row["affected_services"],
        impact_started_at=row["impact_started_at"], identified_at=row["identified_at"], restored_at=row["restored_at"],
        resolved_at=row["resolved_at"], verdicts=await reading_room.judged(tx, number),
        update_after_restore=restored is not None and told is not None and told >= restored,
    )  # fmt: skip
    ticked = {tick.step: First(tick.at, tick.by) for tick in await room.ticks(tx, number)}
    return marks(scene, row["severity"], ticked)


def checklist_view(found: list[Mark]) -> dict[str, Any]:
    """`{"now": phase or null, "done", "of", "items": [{id, phase, text, done, hand, by, at}]}`."""
    return {
        "now": phase_now(found),
        "done": sum(mark.done for mark in found),
        "of": len(found),
        "items": [
            {
                "id": mark.step.id, "phase": mark.step.phase, "text": mark.step.text, "done": mark.done,
                "hand": mark.hand, "by": mark.by, "at": time_text(mark.at),
            }
            for mark in found
        ],
    }  # fmt: skip


async def checklist(ctx: Context, number: int) -> dict[str, Any]:
    """The checklists of an incident. Raises NotFound."""
    async with ctx.db.reading() as tx:
        row = await reading.get(tx, number)
        if row is None:
            raise unknown(number)
        return checklist_view(await checklist_of(tx, row))


async def tick(ctx: Context, number: int, actor: str, step: str, done: bool = True) -> Result:
    """Tick a step by hand, or take the tick back; what ticked itself stays. Raises NotFound for an unknown incident or step."""
    if step not in BY_ID:
        known = ", ".join(one.id for one in STEPS)
        raise NotFound(f"There is no step {step[:60]!r} in the checklists: there are {known}")
    text = BY_ID[step].text
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        changed = await room.tick(tx, number, step, actor, now) if done else await room.untick(tx, number, step)
        if changed:
            said = text if done else f"Not done after all: {text}"
            await tell(tx, incident, now, "step_ticked", actor, said, step=step, done=done)
            await engaged(tx, incident, actor, now)
            await notify(tx, "timeline")
    ctx.wake.set("timeline")
    word = "Ticked" if done else "Not ticked any more"
    return Result(number, changed, f"{word}: {text}" if changed else f"It was so already: {text}")
